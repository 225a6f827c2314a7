"""The files that a command writes at its end: nothing of the user's is lost, and nothing runs if one cannot be."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from harness.cli import outputs, terminal
from harness.cli.commands import check
from harness.contract import targets
from harness.results.writing import ResultsError
from harness.tests.helpers.cli.reports import a_report
from harness.tests.helpers.cli.running import Run
from harness.tests.helpers.plugins import GOOD, Write
from harness.tests.helpers.system.files import NULL, PipeReader, device


@pytest.fixture
def ran(monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """What the suite was asked, which is a fake."""
    asked: list[object] = []

    def run_here(*given: object) -> object:
        asked.append(given)
        return [a_report()], False

    monkeypatch.setattr(check, "run_here", run_here)
    return asked


@pytest.mark.parametrize("option", ["--json", "--junit", "--html"])
@pytest.mark.parametrize("output", ["mine.py", "./mine.py", "link.json", "hard.json"])
@pytest.mark.parametrize("words", [["./mine.py"], ["NAME=mine.py"], ["numpy_fancy", "mine.py:Attr"]], ids=len)
def test_the_plugin_is_no_output(
    run: Run, ran: list[object], write: Write, tmp_path: Path, option: str, output: str, words: list[str]
) -> None:
    path = write("mine.py", GOOD)
    (tmp_path / "link.json").symlink_to("mine.py")
    (tmp_path / "hard.json").hardlink_to(path)
    code, out, err = run("check", *words, option, output)
    assert (code, out) == (2, "")
    shown = str(Path(output))
    assert err == f"harness: {shown!r} is an input of this call (mine.py); write to another file\n"
    assert (path.read_text(), ran) == (GOOD, [])


def test_a_plugin_that_was_meant_as_a_backend_is_no_output(run: Run, ran: list[object], write: Write) -> None:
    """`--json` without its FILE takes the backend for it, and every registered one is checked instead."""
    path = write("mine.py", GOOD)
    code, _, err = run("check", "--json", "mine.py")
    assert (code, err) == (
        2, "harness: 'mine.py' is source code, which no result is written over; name another file\n",
    )  # fmt: skip
    assert (path.read_text(), ran) == (GOOD, [])


def test_a_module_and_known_failures_are_no_output(run: Run, ran: list[object], write: Write) -> None:
    module, known = write("mymodule.py", GOOD), write("known.txt", "law.*  # because\n")
    assert run("check", "mymodule:Mine", "--json", "mymodule.py").code == 2
    assert "is an input of this call (known.txt)" in run("check", "numpy_fancy", "--xfails", "known.txt",
                                                         "--junit", "known.txt").err  # fmt: skip
    assert (module.read_text(), known.read_text(), ran) == (GOOD, "law.*  # because\n", [])


def test_layers_are_no_output(run: Run, write: Write) -> None:
    layers = write("layers.txt", "n1c2h6w5_f3kh2kw3\n")
    ran = run("compare", "numpy_fancy", "matlab_loop", "--shapes", "layers.txt", "--json", "layers.txt")
    assert ran == (2, "", "harness: 'layers.txt' is an input of this call (layers.txt); write to another file\n")
    assert layers.read_text() == "n1c2h6w5_f3kh2kw3\n"


@pytest.mark.parametrize(
    ("first", "second"),
    [("out", "out"), ("out", "./out"), ("out", "folder/../out"), ("out", "link"), ("old", "hard"), ("-", "-"),
     ("pipe", "pipe"), ("new/out", "new/./out")],
)  # fmt: skip
def test_two_documents_need_two_files(
    run: Run, ran: list[object], write: Write, tmp_path: Path, first: str, second: str
) -> None:
    old = write("old", "old")
    (tmp_path / "folder").mkdir()
    (tmp_path / "hard").hardlink_to(old)
    (tmp_path / "link").symlink_to("out")
    os.mkfifo(tmp_path / "pipe")
    code, out, err = run("check", "numpy_fancy", "--json", first, "--html", second)
    assert (code, out, ran) == (2, "", [])
    assert err == f"harness: documents need a file each, got {Path(first)} and {Path(second)}\n"
    assert old.read_text() == "old"


def test_two_documents_may_go_to_one_device(run: Run, ran: list[object], tmp_path: Path) -> None:
    node = device(tmp_path / "null", NULL)
    assert run("check", "numpy_fancy", "--json", node, "--html", node).code == 0
    assert len(ran) == 1


def test_a_pipe_without_a_reader_is_waited_for_and_said(
    run: Run, ran: list[object], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    reader, said = PipeReader(tmp_path / "pipe"), list[str]()

    def say(text: str) -> None:
        said.append(text)
        reader.begin.set()

    monkeypatch.setattr(terminal, "say", say)
    assert run("check", "numpy_fancy", "--json", "pipe").code == 0
    assert said == ["harness: waiting for somebody to read 'pipe'"]
    assert reader.text().startswith("[\n {\n")


def test_one_that_cannot_be_written_is_told_before_anything_runs(run: Run, ran: list[object], write: Write) -> None:
    write("file", "")
    assert run("check", "numpy_fancy", "--json", "file/out.json") == (
        2, "", "harness: 'file/out.json' cannot be written: Not a directory\n",
    )  # fmt: skip
    assert ran == []


# -- at the end ----------------------------------------------------------------------------------------------------


def test_a_wrong_document_costs_no_other_and_no_verdict(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "folder").mkdir()
    first, folder, last = (tmp_path / name for name in ("first", "folder", "last"))
    documents = [(first, lambda: "1"), (None, lambda: "none"), (folder, lambda: "2"), (last, lambda: "3")]
    assert [outputs.write(documents, code) for code in (0, 1, 3)] == [2, 1, 3]
    assert [outputs.write(documents[:2], code) for code in (0, 1, 3)] == [0, 1, 3]
    assert (first.read_text(), last.read_text()) == ("1", "3")
    assert capsys.readouterr().err == f"harness: {str(folder)!r} cannot be written: Is a directory\n" * 3


def test_ctrl_c_gives_up_one_document_and_no_other(tmp_path: Path) -> None:
    def interrupted() -> str:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        outputs.write([(tmp_path / "first", interrupted), (tmp_path / "last", lambda: "3")], 0)
    assert [p.name for p in tmp_path.iterdir()] == ["last"]


def test_what_goes_to_stdout_leaves_it_alone(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert outputs.takes_stdout([None, Path("-")])
    assert not outputs.takes_stdout([None, tmp_path / "-"])
    with terminal.aside(True):
        print("aside")
    with terminal.aside(False):
        print("there")
    assert capsys.readouterr() == ("there\n", "aside\n")


def test_the_files_of_targets(write: Write) -> None:
    path = write("mine.py", GOOD)
    found = outputs.files_of(targets.resolve_all([str(path), "numpy_fancy", f"a={path}:Attr"]))
    assert found == [path, None, path]
    with pytest.raises(ResultsError, match="is an input of this call"):
        outputs.require([None, path], [None, *found])
    assert outputs.require([None, path.with_suffix(".json")], found) == [path.with_suffix(".json")]
