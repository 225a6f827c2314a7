"""One cell as the tables see it: the record, its time, and its ratio to the baseline.

`TidyRow` is its form in the CSV files and in the JSON of the page: their columns are its fields.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable
from dataclasses import dataclass
from typing import NamedTuple, TypeVar

from msgspec import Struct

from harness.contract.status import CellStatus
from harness.results.intervals import Interval
from harness.results.records import Cell

_Item = TypeVar("_Item")
_Key = TypeVar("_Key", bound=Hashable)


class PairedRatio(NamedTuple):
    """Time / time of the baseline: the median of `pairs` ratios and its interval. Below 1 is faster."""

    value: float
    low: float
    high: float
    pairs: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A cell with its median time in seconds, None if it has none, and its ratio, None if it cannot be paired."""

    cell: Cell
    dirty: bool = False
    seconds: Interval | None = None
    ratio: PairedRatio | None = None


class TidyRow(Struct, frozen=True, kw_only=True):
    """One cell in base units, without its samples; None where there is nothing."""

    op: str
    layer: str
    spec: str
    backend: str
    native: bool
    status: CellStatus
    reason: str
    predicted_seconds: float | None
    n: int
    seconds: float | None
    seconds_low: float | None
    seconds_high: float | None
    ratio: float | None
    ratio_low: float | None
    ratio_high: float | None
    pairs: int
    run: str
    commit: str
    dirty: bool
    checked_points: int
    repetitions: int


def tidy(row: Row) -> TidyRow:
    """The row as it is written to files."""
    cell, took, ratio = row.cell, row.seconds, row.ratio
    return TidyRow(
        op=cell.op, layer=cell.layer, spec=cell.spec, backend=cell.backend, native=cell.native, status=cell.status,
        reason=cell.reason, predicted_seconds=cell.predicted_seconds, n=len(cell.samples) if took else 0,
        seconds=took.median if took else None, seconds_low=took.low if took else None,
        seconds_high=took.high if took else None, ratio=ratio.value if ratio else None,
        ratio_low=ratio.low if ratio else None, ratio_high=ratio.high if ratio else None,
        pairs=ratio.pairs if ratio else 0, run=cell.run, commit=cell.commit, dirty=row.dirty,
        checked_points=cell.checked_points, repetitions=cell.repetitions,
    )  # fmt: skip


def grouped(items: Iterable[_Item], key: Callable[[_Item], _Key]) -> dict[_Key, list[_Item]]:
    """The items by key, both in the order in which they first occur.

    >>> grouped(["b1", "a1", "b2"], lambda text: text[0])
    {'b': ['b1', 'b2'], 'a': ['a1']}
    """
    found: dict[_Key, list[_Item]] = {}
    for item in items:
        found.setdefault(key(item), []).append(item)
    return found


def by_op(rows: Iterable[Row]) -> dict[str, list[Row]]:
    """The rows of each op."""
    return grouped(rows, lambda row: str(row.cell.op))


def by_spec(rows: Iterable[Row]) -> dict[str, list[Row]]:
    """The rows of each geometry."""
    return grouped(rows, lambda row: row.cell.spec)


def by_backend(rows: Iterable[Row]) -> dict[str, list[Row]]:
    """The rows of each backend."""
    return grouped(rows, lambda row: row.cell.backend)


def unavailable(rows: Iterable[Row]) -> dict[str, str]:
    """Backends that are unavailable in every cell, with the reason: named once below a table instead of in each row."""
    return {
        name: own[0].cell.reason
        for name, own in by_backend(rows).items()
        if all(row.cell.status is CellStatus.UNAVAILABLE for row in own)
    }


def columns_of(rows: Iterable[Row]) -> list[str]:
    """The backends that get a column: all but those that are unavailable throughout."""
    rows = list(rows)
    gone = unavailable(rows)
    return [name for name in by_backend(rows) if name not in gone]


def derived(rows: Iterable[Row]) -> set[str]:
    """The backends whose measured cells were completed by the harness."""
    timed = by_backend(row for row in rows if row.seconds)
    return {name for name, own in timed.items() if not any(row.cell.native for row in own)}
