"""Output paths lose nothing of the user's: links, modes, devices, pipes and inputs stay what they are."""

from __future__ import annotations

import os
import stat
import threading
from pathlib import Path

import pytest

from harness.results.writing import ResultsError, require_writable, write_atomically


def test_a_link_keeps_pointing_where_it_does(tmp_path: Path) -> None:
    (tmp_path / "there").mkdir()
    target, link, dangling = tmp_path / "there" / "a.json", tmp_path / "link", tmp_path / "dangling"
    target.write_text("old")
    link.symlink_to(target)
    dangling.symlink_to(tmp_path / "there" / "new.json")
    for path in (link, dangling):
        require_writable(path)
        write_atomically(path, "new")
        assert path.is_symlink()
    assert target.read_text() == (tmp_path / "there" / "new.json").read_text() == "new"


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


def test_a_pipe_is_written_through(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    require_writable(pipe)
    found: list[str] = []
    reader = threading.Thread(target=lambda: found.append(pipe.read_text()), daemon=True)
    reader.start()
    write_atomically(pipe, "text")
    reader.join(60)
    assert found == ["text"]
    assert stat.S_ISFIFO(pipe.stat().st_mode)


def test_a_device_stays_one(tmp_path: Path) -> None:
    """A node made here: what is broken by a mistake is nobody's."""
    node = tmp_path / "null"
    try:
        os.mknod(node, 0o666 | stat.S_IFCHR, os.makedev(1, 3))
        node.write_text("x")
    except OSError as error:
        pytest.skip(f"no device can be made here: {error}")
    require_writable(node)
    write_atomically(node, "text")
    assert stat.S_ISCHR(node.stat().st_mode)


def test_stdout_is_a_dash(capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    require_writable(Path("-"))
    write_atomically(Path("-"), "text\n")
    assert capsys.readouterr().out == "text\n"
    assert list(tmp_path.iterdir()) == []


def test_an_input_is_not_overwritten(tmp_path: Path) -> None:
    plugin, link, hard = tmp_path / "mine.py", tmp_path / "link.json", tmp_path / "hard.json"
    plugin.write_text("keep")
    link.symlink_to(plugin)
    hard.hardlink_to(plugin)
    for path in (plugin, link, hard, tmp_path / "." / "mine.py"):
        with pytest.raises(ResultsError, match=r"is an input of this call \(.*mine\.py\); write to another file"):
            require_writable(path, [plugin, tmp_path / "none.py"])
    require_writable(tmp_path / "other.json", [plugin])
    assert plugin.read_text() == "keep"


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    try:
        with pytest.raises(ResultsError, match="Permission denied"):
            require_writable(tmp_path / "out.json")
    finally:
        tmp_path.chmod(0o700)
