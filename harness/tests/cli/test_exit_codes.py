"""What exit codes say to a script: a failure before what was not judged, and nothing is never green."""

from __future__ import annotations

import pytest

from conformance.run.records import BackendReport
from harness.cli import exit_codes
from harness.contract.status import CellStatus, Grade, Status, Verdict
from harness.tests.helpers.cli.reports import a_report
from harness.tests.helpers.records import a_cell

_PASS, _FAIL, _INCOMPLETE, _UNAVAILABLE = Verdict.PASS, Verdict.FAIL, Verdict.INCOMPLETE, Verdict.UNAVAILABLE
_DEVIATES = Verdict.DEVIATES


@pytest.mark.parametrize(
    ("verdicts", "named", "unnamed"),
    [
        ([_PASS], 0, 0),
        ([_PASS, _FAIL], 1, 1),
        ([_PASS, _DEVIATES, _INCOMPLETE], 1, 1),
        ([_INCOMPLETE, _FAIL, _UNAVAILABLE], 1, 1),
        ([_PASS, _INCOMPLETE], 3, 3),
        ([_PASS, _UNAVAILABLE], 3, 0),  # of all that are registered, not all need be there
        ([], 0, 0),
    ],
)
def test_of_verdicts(verdicts: list[Verdict], named: int, unnamed: int) -> None:
    reports = [a_report(verdict=verdict) for verdict in verdicts]
    assert exit_codes.of_reports(reports, named=True) == named
    assert exit_codes.of_reports(reports, named=False) == unnamed


def graded(verdict: Verdict, **grades: Status) -> BackendReport:
    """A report with the worst status of each grade."""
    return a_report(verdict=verdict, grades={Grade(name): status for name, status in grades.items()})


_GOOD, _BAD = Status.PASS, Status.FAIL


@pytest.mark.parametrize(
    ("report", "values", "safety", "form"),
    [
        (graded(_DEVIATES, values=_GOOD, safety=_GOOD, form=_BAD), 0, 0, 1),
        (graded(_FAIL, values=_GOOD, safety=_BAD, form=_GOOD), 0, 1, 1),
        (graded(_FAIL, values=_BAD, safety=_GOOD, form=_GOOD), 1, 1, 1),
        (graded(_DEVIATES, values=_GOOD, form=_BAD), 0, 0, 1),
        (graded(_PASS, values=_GOOD, safety=_GOOD, form=_GOOD), 0, 0, 0),
    ],
)
def test_less_may_be_required_than_the_form_of_results(
    report: BackendReport, values: int, safety: int, form: int
) -> None:
    codes = [exit_codes.of_reports([a_report(), report], True, grade) for grade in Grade]
    assert codes == [values, safety, form]


@pytest.mark.parametrize(("left", "code"), [(Status.NOT_RUN, 3), (Status.MISTRUSTED, 3), (Status.XPASS, 1)])
def test_what_is_tolerated_is_not_what_was_not_judged(left: Status, code: int) -> None:
    counts = {Status.PASS: 4, Status.FAIL: 2, left: 1}
    report = a_report(verdict=_DEVIATES, counts=counts, grades={Grade.VALUES: _GOOD, Grade.FORM: _BAD})
    assert exit_codes.of_reports([report], True, Grade.SAFETY) == code


_OK = ("numpy_fancy", CellStatus.OK)


@pytest.mark.parametrize(
    ("cells", "code"),
    [
        ([_OK], 0),
        ([], 3),
        ([("a", CellStatus.UNSUPPORTED)], 3),  # nothing was measured at all
        ([_OK, ("a", CellStatus.UNSUPPORTED), ("a", CellStatus.OVER_BUDGET)], 0),
        ([_OK, ("a", CellStatus.NO_MEMORY)], 0),
        ([_OK, ("a", CellStatus.UNAVAILABLE)], 3),
        ([_OK, ("b", CellStatus.UNAVAILABLE)], 0),  # which nobody named
        ([("a", CellStatus.UNAVAILABLE), ("b", CellStatus.HUNG), _OK], 1),
        ([("a", CellStatus.FAIL)], 1),
        ([_OK, ("b", CellStatus.CRASHED)], 1),
    ],
)
def test_of_cells_where_a_was_named(cells: list[tuple[str, CellStatus]], code: int) -> None:
    assert exit_codes.of_cells([a_cell(name, status=status) for name, status in cells], {"a"}) == code
