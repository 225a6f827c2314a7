"""What stands in the way of a report is told in one line, before anything is written."""

from __future__ import annotations

import builtins
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from harness import report
from harness.results.writing import ResultsError
from harness.tests.helpers.damaged import write_good
from harness.tests.helpers.program import call
from harness.tests.helpers.runfiles import FLAT, MACHINE, make_cell, write_run

_FIRST = "20260101T000000-a"


def test_what_cannot_be_reported_is_refused_before_anything_is_written(tmp_path: Path) -> None:
    with pytest.raises(ResultsError, match=r"no measured results in .*harness bench"):
        report.write_report(tmp_path, tmp_path / "out")
    write_run(tmp_path, _FIRST, [make_cell("mine", FLAT)])
    with pytest.raises(ResultsError, match=rf"'other'.*known: {MACHINE}"):
        report.write_report(tmp_path, tmp_path / "out", "other")
    assert not (tmp_path / "out").exists()


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path, figures: list[Any]) -> None:
    write_run(tmp_path, _FIRST, [make_cell("mine", FLAT)])
    (tmp_path / "file").write_text("")
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "figures").write_text("")
    for out in ("out", "file"):
        with pytest.raises(ResultsError, match=rf"{out}.*' (cannot be written|is )"):
            report.write_report(tmp_path, tmp_path / out)


@pytest.mark.parametrize(
    ("missing", "raised"), [("jinja2", ResultsError), ("harness.geometry.none", ModuleNotFoundError)]
)
def test_a_library_that_is_missing_is_named_with_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, missing: str, raised: type[Exception]
) -> None:
    """A module of ours that is missing is another matter."""
    found = builtins.__import__

    def without(name: str, *arguments: Any) -> Any:
        if name == "harness.report.page":
            raise ModuleNotFoundError(f"No module named {missing!r}", name=missing)
        return found(name, *arguments)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(raised) as e:
        report.write_report(tmp_path, tmp_path / "out")
    said = "the report needs jinja2, which is not installed: pip install 'im2col-harness[report]'"
    assert str(e.value) == (said if raised is ResultsError else f"No module named {missing!r}")


def test_importing_the_package_loads_nothing_heavy() -> None:
    code = "import sys, harness.report; print([m for m in ('pandas', 'matplotlib', 'jinja2') if m in sys.modules])"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"


# -- the program -------------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("figures")
def test_files_that_cannot_be_used_are_told_on_stderr_and_the_page_on_stdout(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    bad = write_good(tmp_path).with_name("bad.jsonl")
    bad.write_text("")
    assert call(monkeypatch, "report", "--results", tmp_path, "--out", tmp_path / "out") == 0
    said = capsys.readouterr()
    assert said.err == f"harness: left out: {bad} does not begin with the header of a run\n"
    assert said.out == f"{tmp_path / 'out' / 'index.html'}\n"


def test_if_nothing_usable_is_left_it_is_one_line_and_2(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("a", "b"):
        write_good(tmp_path).rename(tmp_path / "runs" / MACHINE / f"{name}.jsonl").write_text("[]\n")
    assert call(monkeypatch, "report", "--results", tmp_path, "--out", tmp_path / "out") == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.count("\n") == 1
    assert said.err.startswith("harness: no measured results in ")
    assert "left out 2 files: " in said.err
