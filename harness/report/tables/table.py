"""A table in its three forms: what people read (HTML and Markdown) and the tidy numbers behind it (CSV).

The CSV is not the shown table in another syntax: it has one row per cell, in base units, with every reason in full.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Literal

import msgspec
import pandas as pd

from harness.contract.status import CellStatus
from harness.report.measured.grouping import unavailable
from harness.report.measured.rows import Row
from harness.report.standing import spoken
from harness.results import words

Kind = Literal["", "best", "faster", "slower", "same", "fail", "missing", "flag"]  # classes of the page's style sheet


@dataclass(frozen=True)
class TableCell:
    """What is shown, then what is told on hover; how it looks; and the number that the column is sorted by.

    `second` is the ratio to the second reference, and `shade` how much faster (-3 to -1) or slower (1 to 3) it is.
    """

    lines: tuple[str, ...]
    kind: Kind = ""
    title: str = ""
    value: float | None = None
    second: float | None = None
    shade: int = 0

    @property
    def hover(self) -> str:
        """All but what is shown."""
        return "; ".join(text for text in (*self.lines[1:], self.title) if text)

    @property
    def text(self) -> str:
        """All on one line."""
        return ", ".join(line for line in self.lines if line)


@dataclass(frozen=True)
class Table:
    """What is shown, and the records of numbers behind it; `keys` has for each row what it is found by."""

    name: str  # of its files
    title: str
    header: Sequence[str]
    rows: Sequence[Sequence[TableCell]]
    records: Sequence[msgspec.Struct]
    notes: Sequence[str] = field(default_factory=list)
    keys: Sequence[str] = ()

    def markdown(self) -> str:
        """A pipe table with the notes below; the best of a row is bold."""
        lines = [self.header, ["---"] * len(self.header)]
        lines += [[f"**{c.text}**" if c.kind == "best" and c.text else c.text for c in row] for row in self.rows]
        shown = ["| " + " | ".join(_escape(text) for text in line) + " |" for line in lines]
        return "\n".join([f"## {self.title}", "", *shown, "", *(f"- {note}" for note in self.notes)]).rstrip() + "\n"

    def csv(self) -> str:
        """The numbers: one line a record."""
        numbers = frame(self.records) if self.records else pd.DataFrame(columns=list(self.header))
        return str(numbers.to_csv(index=False))


def frame(records: Iterable[msgspec.Struct]) -> pd.DataFrame:
    """One line per record, one column per field; the fields of a record within a record become columns as well."""
    return pd.DataFrame([_flat(record) for record in records])


def cell(text: str, kind: Kind = "", value: float | None = None) -> TableCell:
    """A cell of one line."""
    return TableCell((text,), kind, "", value)


def missing_cell(row: Row) -> TableCell:
    """The cell of a backend that has no time; the reason is told on hover and in the CSV."""
    status, reason, predicted = row.cell.status, row.cell.reason, row.cell.predicted_seconds
    if status is CellStatus.OVER_BUDGET and predicted is not None:
        reason = f"predicted {words.duration(predicted, 2)} a call"
    return TableCell((spoken(status), reason), "fail" if status.is_bad else "missing")


NEVER = TableCell(("not tried",), "missing", "no run file has this cell")


def absent_notes(rows: Iterable[Row]) -> list[str]:
    """The sentence about the backends that have no column."""
    named = "; ".join(f"{name} ({reason})" for name, reason in unavailable(rows).items())
    return [f"No column, because unavailable here: {named}."] if named else []


def _escape(text: str) -> str:
    return " ".join(text.replace("|", "\\|").split())


def _flat(record: msgspec.Struct) -> dict[str, object]:
    """Field by field, in order; pandas turns None into an empty field."""
    found: dict[str, object] = {}
    for name in record.__struct_fields__:
        value = getattr(record, name)
        found |= _flat(value) if isinstance(value, msgspec.Struct) else {name: msgspec.to_builtins(value)}
    return found
