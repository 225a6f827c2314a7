"""Output paths lose nothing of the user's: links, modes, devices, pipes and inputs stay what they are."""

from __future__ import annotations

import errno
import os
import re
import socket
import stat
from pathlib import Path

import pytest

from harness.results.writing import ResultsError, require_folder, require_writable, stream_of, write_atomically
from harness.tests.helpers.system.files import (
    FULL,
    NOBODY,
    NULL,
    PipeReader,
    device,
    no_file_above,
    open_folder,
    small_disk,
    unprivileged,
)


def refused(path: Path, *words: str) -> None:
    """`path` is refused before anything runs, in one line that names it."""
    with pytest.raises(ResultsError) as told:
        require_writable(path)
    assert [w for w in (repr(str(path)), *words) if w not in str(told.value)] == []
    assert "\n" not in str(told.value)


# -- what stays as it is -------------------------------------------------------------------------------------------


def test_a_link_keeps_pointing_where_it_does(tmp_path: Path) -> None:
    (tmp_path / "there").mkdir()
    target, link, dangling = tmp_path / "there" / "a.json", tmp_path / "link", tmp_path / "dangling"
    target.write_text("old")
    link.symlink_to(target)
    dangling.symlink_to(tmp_path / "there" / "folder" / "new.json")
    for path in (link, dangling):
        require_writable(path)
        write_atomically(path, "new")
        assert path.is_symlink()
    assert target.read_text() == (tmp_path / "there" / "folder" / "new.json").read_text() == "new"
    assert sorted(p.name for p in target.parent.iterdir()) == ["a.json", "folder"]  # nothing is left beside


def test_a_file_keeps_its_mode_and_a_new_one_has_the_usual(tmp_path: Path) -> None:
    old, new = tmp_path / "old", tmp_path / "new"
    old.write_text("old")
    old.chmod(0o600)
    before = os.umask(0o027)
    try:
        for path in (old, new):
            write_atomically(path, "text")
        assert os.umask(0o027) == 0o027  # looked at, and left as it was
    finally:
        os.umask(before)
    assert [stat.S_IMODE(path.stat().st_mode) for path in (old, new)] == [0o600, 0o640]


def test_every_name_of_a_file_has_the_new_text(tmp_path: Path) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    first.write_text("old and longer")
    second.hardlink_to(first)
    require_writable(first)
    write_atomically(first, "new")
    assert (first.read_text(), second.read_text(), first.stat().st_nlink) == ("new", "new", 2)


def test_a_file_keeps_its_owner(tmp_path: Path) -> None:
    path = tmp_path / "theirs"
    path.write_text("old")
    try:
        os.chown(path, NOBODY, NOBODY)
    except PermissionError as error:
        pytest.skip(f"nobody else can own a file here: {error}")
    write_atomically(path, "new")
    assert (path.read_text(), path.stat().st_uid, path.stat().st_gid) == ("new", NOBODY, NOBODY)


def test_a_file_of_another_user_that_may_be_written_is_written_in_place() -> None:
    """Only root may give a file away, so another one in its place would change its owner."""
    with open_folder() as folder:
        path = folder / "theirs"
        path.write_text("old")
        path.chmod(0o666)
        before = path.stat()
        with unprivileged():
            require_writable(path)
            write_atomically(path, "new")
        after = path.stat()
        assert (path.read_text(), after.st_uid, stat.S_IMODE(after.st_mode)) == ("new", before.st_uid, 0o666)
        assert [p.name for p in folder.iterdir()] == ["theirs"]


def test_a_file_in_a_folder_that_cannot_be_written_is_written_in_place() -> None:
    with open_folder() as folder, unprivileged():
        path = folder / "shut" / "out.json"
        path.parent.mkdir()
        path.write_text("old")
        path.parent.chmod(0o500)
        require_writable(path)
        write_atomically(path, "new")
        assert path.read_text() == "new"
        refused(path.parent / "other.json", "Permission denied")
        path.parent.chmod(0o700)


def test_a_file_whose_name_is_held_is_written_in_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As a file is that a container has mounted."""

    def replace(*paths: object) -> None:
        raise OSError(errno.EBUSY, "Device or resource busy")

    path = tmp_path / "out.json"
    path.write_text("old")
    monkeypatch.setattr(os, "replace", replace)
    write_atomically(path, "new")
    assert ([p.name for p in tmp_path.iterdir()], path.read_text()) == (["out.json"], "new")


def test_a_whole_file_or_nothing(tmp_path: Path) -> None:
    path, new = tmp_path / "out.json", tmp_path / "new.json"
    path.write_text("old")
    for place in (path, new):
        with no_file_above(1000), pytest.raises(ResultsError, match="cannot be written: File too large"):
            write_atomically(place, "x" * 1001)
    assert path.read_text() == "old"
    assert [p.name for p in tmp_path.iterdir()] == ["out.json"]


def test_a_full_disk_keeps_the_old_text(tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", kib=64) as disk:
        path = disk / "out.json"
        path.write_text("old")
        with pytest.raises(ResultsError, match=r"out\.json' cannot be written: No space left on device"):
            write_atomically(path, "x" * 100_000)
        assert path.read_text() == "old"
        assert [p.name for p in disk.iterdir()] == ["out.json"]


def test_text_that_no_utf_8_has_is_written(tmp_path: Path) -> None:
    write_atomically(tmp_path / "text", "\udcff é")
    write_atomically(tmp_path / "bytes", b"\xff\x00")
    assert (tmp_path / "text").read_bytes() == b"\\udcff \xc3\xa9"
    assert (tmp_path / "bytes").read_bytes() == b"\xff\x00"


# -- pipes, devices, stdout ----------------------------------------------------------------------------------------


def test_a_pipe_is_written_through_and_waited_for(tmp_path: Path) -> None:
    pipe, said = tmp_path / "pipe", list[str]()
    reader = PipeReader(pipe)

    def say(text: str) -> None:
        said.append(text)
        reader.begin.set()

    require_writable(pipe)
    write_atomically(pipe, "text", say)
    assert (reader.text(), said) == ("text", [f"waiting for somebody to read {str(pipe)!r}"])
    assert stat.S_ISFIFO(pipe.stat().st_mode)


def test_a_device_stays_one(tmp_path: Path) -> None:
    node = device(tmp_path / "null", NULL)
    require_writable(node)
    write_atomically(node, "text")
    assert stat.S_ISCHR(node.stat().st_mode)
    assert [p.name for p in tmp_path.iterdir()] == ["null"]


def test_a_full_device_is_told(tmp_path: Path) -> None:
    node = device(tmp_path / "full", FULL)
    require_writable(node)
    with pytest.raises(ResultsError, match="full' cannot be written: No space left on device"):
        write_atomically(node, "text")


def test_stdout_is_a_dash(capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    require_writable(Path("-"))
    write_atomically(Path("-"), "text\n")
    assert capsys.readouterr().out == "text\n"
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_a_stream_goes_to_is_that_stream(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As `harness check --json /dev/stdout > file` means: the table that is there already stays."""
    out, err = tmp_path / "out", tmp_path / "err"
    with out.open("w") as stdout, err.open("w") as stderr:
        monkeypatch.setattr("sys.stdout", stdout)
        monkeypatch.setattr("sys.stderr", stderr)
        print("before")
        assert (stream_of(out), stream_of(err), stream_of(tmp_path), stream_of(Path("-"))) == (
            stdout, stderr, None, stdout,
        )  # fmt: skip
        write_atomically(out, "text")
        assert out.read_text() == "before\ntext"
        assert err.read_text() == ""


def test_a_device_is_no_stream(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two may write to the null device, and mean nothing by it."""
    node = device(tmp_path / "null", NULL)
    with node.open("w") as stdout:
        monkeypatch.setattr("sys.stdout", stdout)
        assert stream_of(node) is None


# -- what is refused before anything runs --------------------------------------------------------------------------


def test_an_input_is_not_overwritten(tmp_path: Path) -> None:
    known, link, hard = tmp_path / "known.txt", tmp_path / "link.json", tmp_path / "hard.json"
    known.write_text("keep")
    link.symlink_to(known)
    hard.hardlink_to(known)
    for path in (known, link, hard, tmp_path / "." / "known.txt"):
        with pytest.raises(ResultsError, match=r"is an input of this call \(.*known\.txt\); write to another file"):
            require_writable(path, [tmp_path / "none.py", known])
    require_writable(tmp_path / "other.json", [known])
    assert known.read_text() == "keep"


@pytest.mark.parametrize("name", ["mine.py", "MINE.PY", "kernel.cu", "kernel.c", "study.ipynb"])
def test_no_result_is_written_over_source_code(tmp_path: Path, name: str) -> None:
    """`harness check --json mine.py` means a file to judge, and names none."""
    source, link = tmp_path / name, tmp_path / "out.json"
    source.write_text("keep")
    link.symlink_to(source)
    for path in (source, link):
        refused(path, "is source code")
    require_writable(tmp_path / "new.py")


def test_what_is_no_file_is_refused(tmp_path: Path) -> None:
    refused(tmp_path, "it is a folder")
    with socket.socket(socket.AF_UNIX) as end:
        end.bind(str(tmp_path / "socket"))
        refused(tmp_path / "socket", "it is a socket")
    try:
        os.mknod(tmp_path / "disk", 0o666 | stat.S_IFBLK, os.makedev(1, 0))
    except OSError as error:
        pytest.skip(f"no block device can be made here: {error}")
    refused(tmp_path / "disk", "it is a block device")


def test_a_path_that_can_be_no_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "loop").symlink_to("loop")
    refused(tmp_path / "loop", "Too many levels of symbolic links")
    refused(tmp_path / "file" / "out.json", "Not a directory")
    refused(tmp_path / ("n" * 256), "File name too long")
    refused(tmp_path / "new" / ("n" * 256), "File name too long")
    refused(tmp_path / "a\0b", "null")
    assert (tmp_path / "loop").is_symlink()


def test_the_longest_name_is_written_and_missing_folders_are_made_then(tmp_path: Path) -> None:
    for name in ("n" * 255, "\N{GRINNING FACE}" * 63 + "abc"):
        path = tmp_path / "new" / "folder" / name
        require_writable(path)
        assert not (tmp_path / "new" / "folder" / name).exists()
        write_atomically(path, "text")
        assert path.read_text() == "text"


def test_looking_makes_nothing(tmp_path: Path) -> None:
    require_writable(tmp_path / "new" / "out.json")
    require_folder(tmp_path / "new" / "runs")
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_may_not_be_written_is_refused() -> None:
    with open_folder() as folder, unprivileged():
        path = folder / "out.json"
        path.write_text("keep")
        path.chmod(0o444)
        refused(path, "Permission denied")
        pipe = folder / "pipe"
        os.mkfifo(pipe, 0o444)
        refused(pipe, "Permission denied")


def test_a_folder_of_results_is_looked_at_before(tmp_path: Path) -> None:
    require_folder(tmp_path)
    (tmp_path / "file").touch()
    (tmp_path / "loop").symlink_to("loop")
    for path, why in ((tmp_path / "file", "Not a directory"), (tmp_path / "loop", "Too many levels"),
                      (tmp_path / "file" / "runs", "Not a directory"), (tmp_path / "a\0b", "null")):  # fmt: skip
        with pytest.raises(ResultsError, match=rf"folder {re.escape(repr(str(path)))} cannot be written: .*{why}"):
            require_folder(path)
    with pytest.raises(ResultsError, match="'-' is no folder"):
        require_folder(Path("-"))
    with open_folder() as folder:
        folder.chmod(0o500)
        with unprivileged():
            for path in (folder, folder / "runs"):
                with pytest.raises(ResultsError, match="Permission denied"):
                    require_folder(path)
        folder.chmod(0o700)
