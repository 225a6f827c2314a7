"""A table in its three forms: what people read (HTML and Markdown) and the tidy numbers behind it (CSV).

The CSV is not the shown table in another syntax: it has one row per cell, in base units, with every reason in full.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd

from harness.report import words
from harness.results.run_files import Record, write_atomically


@dataclass(frozen=True)
class Cell:
    """Lines of text; `kind` is best, faster, slower, same, fail, missing, flag or nothing; `value` sorts it."""

    lines: tuple[str, ...]
    kind: str = ""
    title: str = ""
    value: float | None = None

    @property
    def text(self) -> str:
        """All on one line."""
        return ", ".join(line for line in self.lines if line)


@dataclass(frozen=True)
class Table:
    """What is shown, and the frame of numbers behind it."""

    name: str  # of its files
    title: str
    header: Sequence[str]
    rows: Sequence[Sequence[Cell]]
    frame: pd.DataFrame
    notes: Sequence[str] = field(default_factory=list)

    def markdown(self) -> str:
        """A pipe table with the notes below; the best of a row is bold."""
        lines = [self.header, ["---"] * len(self.header)]
        lines += [[f"**{c.text}**" if c.kind == "best" and c.text else c.text for c in row] for row in self.rows]
        shown = ["| " + " | ".join(_escape(text) for text in line) + " |" for line in lines]
        return "\n".join([f"## {self.title}", "", *shown, "", *(f"- {note}" for note in self.notes)]).rstrip() + "\n"

    def write(self, folder: Path) -> None:
        """`folder`/name.csv and `folder`/name.md."""
        frame = self.frame if len(self.frame.columns) else pd.DataFrame(columns=list(self.header))
        write_atomically(folder / f"{self.name}.csv", frame.to_csv(index=False))
        write_atomically(folder / f"{self.name}.md", self.markdown())


def cell(text: str, kind: str = "", value: float | None = None) -> Cell:
    """A cell of one line."""
    return Cell((text,), kind, "", value)


def missing_cell(row: Record) -> Cell:
    """The cell of a backend that has no time, with the reason."""
    text = words.missing(str(row["status"]), str(row["reason"]), row["predicted_seconds"])
    kind = "fail" if row["status"] in ("fail", "crashed", "hung") else "missing"
    return Cell((text,), kind, f"{row['status']}: {row['reason']}")


NEVER = Cell(("not tried",), "missing", "no run file has this cell")


def unavailable(cells: pd.DataFrame) -> dict[str, str]:
    """Backends that are unavailable in every cell, with the reason: named once below a table instead of in each row."""
    found = {}
    for name, own in cells.groupby("backend", sort=False):
        if (own["status"] == "unavailable").all():
            found[str(name)] = str(own["reason"].iloc[0])
    return found


def absent_notes(cells: pd.DataFrame) -> list[str]:
    """The sentence about the backends that have no column."""
    gone = unavailable(cells)
    named = "; ".join(f"{name} ({reason})" for name, reason in gone.items())
    return [f"No column, because unavailable here: {named}."] if gone else []


def _escape(text: str) -> str:
    return " ".join(text.replace("|", "\\|").split())
