"""What people see: a progress bar on a terminal, plain lines elsewhere; tables on stdout, everything else on stderr."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from types import TracebackType
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table
from rich.text import Text

_STYLES = {"pass": "green", "fail": "bold red", "incomplete": "yellow", "unavailable": "dim", "available": "green"}
_LINE_EVERY = 10.0  # seconds between plain lines
_NOT_CALLED = " was not run: "
_SHOWN_GROUPS = 8  # failing groups of cases a backend; the JSON has all


def say(text: str) -> None:
    """One line on stderr."""
    print(text, file=sys.stderr, flush=True)


class Ticker:
    """Counts finished steps of a long job. A context manager."""

    def __init__(self, what: str, total: int) -> None:
        self._what, self._total, self._done = what, total, 0
        self._last = self._start = time.monotonic()
        self._bar: Progress | None = None
        if sys.stderr.isatty():
            columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
            self._bar = Progress(*columns, console=Console(stderr=True), transient=True)
            self._task = self._bar.add_task(what, total=total)

    def __enter__(self) -> Ticker:
        if self._bar is not None:
            self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar is not None:
            self._bar.stop()

    def step(self, text: str = "", count: int = 1) -> None:
        """`count` more are done; `text` says which."""
        self._done += count
        if self._bar is not None:
            self._bar.update(self._task, advance=count, description=f"{self._what} {text}"[:60])
        elif time.monotonic() - self._last >= _LINE_EVERY:
            self._last = time.monotonic()
            say(f"{self._what}: {self._done} of {self._total} ({self._last - self._start:.0f} s) {text}")


def table(title: str, header: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """A table on stdout, as wide as its text where stdout is no terminal."""
    console = Console(width=None if sys.stdout.isatty() else 10_000, soft_wrap=not sys.stdout.isatty())
    grid = Table(title=title, title_justify="left", header_style="bold", box=None, pad_edge=False)
    for name in header:
        grid.add_column(name, overflow="fold")
    for row in rows:
        grid.add_row(*(Text(cell, style=_STYLES.get(cell, "")) for cell in row))
    console.print(grid)


def show_checks(objects: Sequence[dict[str, Any]], notes: Sequence[str] = ()) -> None:
    """Verdicts as a table, notes on what this machine cannot check, then the first failures with their repro lines."""
    rows = []
    for o in objects:
        counts = ", ".join(f"{n:,} {status}" for status, n in o["counts"].items() if n)
        used = max((c["used"] for c in o["checks"] if c["used"] is not None and c["status"] == "pass"), default=None)
        counts += "" if used is None else f"; at most {used:.0%} of an error allowance used"
        cases = "; ".join(text for text in (counts, o["reason"]) if text)
        rows.append([o["backend"], o["verdict"], f"{o['executed']} of {o['planned']}", cases, f"{o['seconds']:.1f} s"])
    table("", ("backend", "verdict", "executed", "cases", "time"), rows)
    for note in notes:
        print(note)
    for o in objects:
        bad = [c for c in o["checks"] if c["status"] in ("fail", "mistrusted", "xpass")]
        bad.sort(key=lambda c: _NOT_CALLED in c["diagnosis"][0])  # what was never called comes last
        for c in bad[:_SHOWN_GROUPS]:
            optional = " (optional, not part of the verdict)" if c["optional"] else ""
            print(f"\n{o['backend']}: {c['status']}{optional} {c['diagnosis'][0]}")
            for failure in c["failures"][:1]:
                for text in (failure["pattern"], failure["witnesses"]):
                    print(f"  {text}") if text else None
            print(f"  repro: {c['repro']}")
        if len(bad) > _SHOWN_GROUPS:
            print(f"\n{o['backend']}: {len(bad) - _SHOWN_GROUPS} more groups of cases failed; --html FILE has all")
