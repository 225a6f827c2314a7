"""What exit codes say to a script: a failure before what was not judged, and nothing is never green."""

from __future__ import annotations

import pytest

from harness.cli import exit_codes
from harness.contract.status import CellStatus, Verdict
from harness.tests.helpers.records import a_cell

_PASS, _FAIL, _INCOMPLETE, _UNAVAILABLE = Verdict.PASS, Verdict.FAIL, Verdict.INCOMPLETE, Verdict.UNAVAILABLE


@pytest.mark.parametrize(
    ("verdicts", "named", "unnamed"),
    [
        ([_PASS], 0, 0),
        ([_PASS, _FAIL], 1, 1),
        ([_INCOMPLETE, _FAIL, _UNAVAILABLE], 1, 1),
        ([_PASS, _INCOMPLETE], 3, 3),
        ([_PASS, _UNAVAILABLE], 3, 0),  # of all that are registered, not all need be there
        ([], 0, 0),
    ],
)
def test_of_verdicts(verdicts: list[Verdict], named: int, unnamed: int) -> None:
    assert exit_codes.of_verdicts(verdicts, named=True) == named
    assert exit_codes.of_verdicts(verdicts, named=False) == unnamed


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
