"""Rows by op, geometry and backend, and what is true of a backend in all of its rows."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Sequence
from typing import TypeVar

from harness.contract.status import CellStatus
from harness.report.measured.rows import Row

_Item = TypeVar("_Item")
_Key = TypeVar("_Key", bound=Hashable)


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


def columns_of(rows: Sequence[Row]) -> list[str]:
    """The backends that get a column: all but those that are unavailable throughout."""
    gone = unavailable(rows)
    return [name for name in by_backend(rows) if name not in gone]


def derived(rows: Iterable[Row]) -> set[str]:
    """The backends whose measured cells were completed by the harness."""
    timed = by_backend(row for row in rows if row.seconds)
    return {name for name, own in timed.items() if not any(row.cell.native for row in own)}
