"""Records that go to compiled functions as one array of whole numbers, and come out as they were."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import pytest

numba = pytest.importorskip("numba")
from backends.numba_tiled.launch.records import packed, record  # noqa: E402


class Axis(NamedTuple):
    size: int
    phases: np.ndarray


class Plan(NamedTuple):
    rows: Axis
    copied: bool
    empty: np.ndarray
    columns: Axis
    kept: bool


_PLAN = Plan(Axis(7, np.array([3, -1])), True, np.zeros((0, 4), np.int64), Axis(-(2**40), np.array([[5], [6]])), False)


def test_numbers_come_first_and_then_the_arrays_that_they_point_to() -> None:
    assert packed(_PLAN).tolist() == [7, 10, 2, 1, 12, 0, -(2**40), 12, 2, 0, 3, -1, 5, 6]
    assert packed(_PLAN).dtype == np.int64


def _told(numbers: Any) -> Any:
    plan = record(Plan, numbers)
    told = [plan.rows.size, plan.columns.size, plan.empty.size, int(plan.copied), int(plan.kept)]
    return told, plan.rows.phases.copy(), plan.columns.phases.copy()


def test_a_compiled_function_reads_the_same_record() -> None:
    numbers, rows, columns = numba.njit(_told)(packed(_PLAN))
    assert numbers == [7, -(2**40), 0, 1, 0]
    np.testing.assert_array_equal(rows, [3, -1])
    np.testing.assert_array_equal(columns, [5, 6])


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("copied", 0.5), ("copied", "7"), ("copied", None), ("copied", np.ones(2, np.int64)), ("empty", 3),
        ("empty", np.ones(2)), ("empty", np.ones(2, np.uint64)), ("rows", (7, np.ones(2, np.int64))),
        ("kept", _PLAN.rows),
    ],
)  # fmt: skip
def test_anything_else_than_what_is_annotated_is_refused(field: str, value: Any) -> None:
    with pytest.raises(TypeError):
        packed(_PLAN._replace(**{field: value}))
