"""What is remembered of the run before: what failed and was not run since, for each target."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from msgspec import structs

from conformance.cases.case import Case
from conformance.cases.selection import EVERYTHING, Selection
from conformance.run.again import last_run
from conformance.run.again.last_run import LastRun
from conformance.run.records import BackendReport
from harness.contract.status import Status, Verdict
from harness.tests.helpers.cli.reports import a_failure, a_group, a_report
from harness.tests.helpers.plugins import called

_A = "values.exact/im2col/float32/n1c1h3w3_f1kh3kw3"
_B = "values.exact/col2im/float64/n1c1h3w3_f1kh3kw3"
_MINE, _OTHER = called("mine.py"), called("other.py")


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of its own."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def failing(*ids: str, **more: Any) -> BackendReport:
    """A report in which these failed."""
    return a_report(verdict=Verdict.FAIL, failed=list(ids), **more)


def test_nothing_is_known_in_a_new_folder(here: Path) -> None:
    assert last_run.read() == LastRun()
    last_run.remember([_MINE], [a_report()], EVERYTHING)
    assert list(here.iterdir()) == []


def test_what_failed_is_remembered_by_target_and_forgotten_once_it_passes() -> None:
    last_run.remember([_MINE, _OTHER], [failing(_A, _B), failing(_B)], EVERYTHING)
    assert last_run.read().failed == {"mine.py": [_A, _B], "other.py": [_B]}
    assert last_run.read().cases([_OTHER]) == [Case.parse(_B)]
    assert last_run.read().cases([_MINE, _OTHER]) == [Case.parse(_A), Case.parse(_B)]
    last_run.remember([_MINE], [a_report()], EVERYTHING)
    assert last_run.read().failed == {"other.py": [_B]}


@pytest.mark.parametrize(
    ("selection", "counts", "left"),
    [
        (Selection(ops=["im2col"]), {}, [_B]),
        (Selection(dtypes=["float64"]), {}, [_A]),
        (Selection(pattern="law.*"), {}, [_A, _B]),
        (Selection(pattern=_B), {}, [_A]),
        (Selection(cases=[Case.parse(_A)]), {}, [_B]),
        (EVERYTHING, {Status.NOT_RUN: 1}, [_A, _B]),  # of a run that was cut off nobody knows which
    ],
)
def test_what_was_not_asked_again_stays(selection: Selection, counts: dict[Status, int], left: list[str]) -> None:
    last_run.remember([_MINE], [failing(_A, _B)], EVERYTHING)
    last_run.remember([_MINE], [a_report(counts=counts)], selection)
    assert last_run.read().failed == {"mine.py": left}


def test_what_a_report_shows_can_be_named_shortly() -> None:
    report = failing(_A, checks=[a_group(Status.MISTRUSTED, failures=[a_failure(case=_B)])])
    last_run.remember([_MINE], [report], EVERYTHING)
    assert last_run.read().ids() == [_B, _A]


def test_git_does_not_see_the_folder(here: Path) -> None:
    last_run.remember([_MINE], [failing(_A)], EVERYTHING)
    assert (here / ".im2col-harness" / ".gitignore").read_text() == "*\n"
    assert {path.name for path in (here / ".im2col-harness").iterdir()} == {".gitignore", "last-run.json"}


@pytest.mark.parametrize("text", ["", "[]", '{"failed": 5}', "\x00"])
def test_a_file_that_cannot_be_read_is_as_none(here: Path, text: str) -> None:
    (here / ".im2col-harness").mkdir()
    (here / ".im2col-harness" / "last-run.json").write_text(text)
    assert last_run.read() == LastRun()


def test_a_place_that_cannot_be_written_costs_nothing(here: Path) -> None:
    (here / ".im2col-harness").write_text("a file is in the way")
    last_run.remember([_MINE], [failing(_A)], EVERYTHING)
    assert last_run.read() == LastRun()


def test_what_is_no_case_of_this_suite_is_left_out() -> None:
    last_run.remember([_MINE], [structs.replace(failing(_A, "old.check/nothing"), checks=[])], EVERYTHING)
    assert last_run.read().cases([_MINE]) == [Case.parse(_A)]
