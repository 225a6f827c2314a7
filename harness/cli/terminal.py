"""What people see: a progress bar on a terminal, plain lines elsewhere; tables on stdout, everything else on stderr."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext, redirect_stdout
from types import TracebackType
from typing import NamedTuple

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table
from rich.text import Text

from harness.cli import streams
from harness.contract.status import Verdict
from harness.telling import plain


class Styled(NamedTuple):
    """A cell of a table in a style of Rich."""

    text: str
    style: str


_COLOURS: dict[str, str] = {"available": "green", **{verdict.value: verdict.colour for verdict in Verdict}}
_SILENT = 2.0  # seconds that anything may take without a word
_LINE_EVERY = 4.0  # seconds between plain lines
_FORETOLD = 20.0  # seconds after which it is said how long the rest may take
_WIDE = 10_000  # columns


def say(text: str) -> None:
    """One line on stderr."""
    streams.make_usable()
    print(plain(text), file=sys.stderr, flush=True)


def aside(stdout_is_taken: bool) -> AbstractContextManager[object]:
    """Tables go to stderr within, if stdout is taken by a document (`--json -`)."""
    return redirect_stdout(sys.stderr) if stdout_is_taken else nullcontext()


def show(text: str) -> None:
    """Text on stdout, beside a table."""
    print(plain(text))


@contextmanager
def waiting(what: str) -> Iterator[None]:
    """Within it, say after two seconds what is waited for, and again every few seconds."""
    start = time.monotonic()

    def tell() -> None:
        took = time.monotonic() - start
        say(f"waiting for {what}" + (f" ({took:.0f} s)" if took > _SILENT + 1 else ""))

    with _Beat(tell, _SILENT):
        yield


class _Beat:
    """Calls something after a while, then every few seconds, from a thread of its own. A context manager."""

    def __init__(self, tell: Callable[[], None], first: float) -> None:
        self._tell, self._first, self._ended = tell, first, threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> None:
        self._thread.start()

    def __exit__(self, *error: object) -> None:
        self._ended.set()
        self._thread.join()

    def _run(self) -> None:
        pause = self._first
        while not self._ended.wait(pause):
            self._tell()
            pause = max(1.0, _LINE_EVERY)


class Ticker:
    """Counts finished steps of a long job. A context manager, for the bar (if there may be one)."""

    def __init__(self, what: str, total: int, bar: bool = True) -> None:
        self._what, self._total, self._done = what, total, 0
        self._last = self._start = time.monotonic()
        self._text = ""
        self._bar: Progress | None = None
        self._beat = _Beat(self._go_on, max(1.0, _LINE_EVERY))
        streams.make_usable()
        if bar and sys.stderr.isatty():
            columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
            self._bar = Progress(*columns, console=Console(stderr=True), transient=True)
            self._task = self._bar.add_task(what, total=total)

    def __enter__(self) -> Ticker:
        if self._bar is not None:
            self._bar.start()
        else:
            self._beat.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar is not None:
            self._bar.stop()
        else:
            self._beat.__exit__(kind, value, trace)

    def step(self, text: str = "", count: int = 1) -> None:
        """`count` more are done; `text` says which."""
        self._done, self._text = self._done + count, text
        if self._bar is not None:
            self._bar.update(self._task, advance=count, description=f"{self._what} {text}"[:60])
        else:
            self._still()

    def _go_on(self) -> None:
        """While a step takes long; what is done may wait for others without a word."""
        if self._done < self._total:
            self._still()

    def _still(self) -> None:
        """A plain line, if the last one was some seconds ago."""
        if time.monotonic() - self._last >= _LINE_EVERY:
            self._last = time.monotonic()
            took = self._last - self._start
            say(f"{self._what}: {self._done} of {self._total} ({took:.0f} s{self._left(took)}) {self._text}")

    def _left(self, took: float) -> str:
        """How long it may still take, after a while and if steps go on as they did."""
        if took < _FORETOLD or not 0 < self._done < self._total:
            return ""
        left = took * (self._total - self._done) / self._done
        return f", about {left / 60:.0f} min left" if left >= 90 else f", about {left:.0f} s left"


def table(title: str, header: Sequence[str], rows: Sequence[Sequence[str | Styled]], piped: int = _WIDE) -> None:
    """A table on stdout; where that is no terminal as wide as its text, or as `piped` says: then cells are wrapped."""
    is_terminal = sys.stdout.isatty()
    console = Console(width=None if is_terminal else piped, soft_wrap=not is_terminal and piped == _WIDE)
    grid = Table(title=plain(title), title_justify="left", header_style="bold", box=None, pad_edge=False)
    for name in header:
        grid.add_column(Text(plain(name)), overflow="fold")
    for row in rows:
        grid.add_row(*(Text(plain(cell.text), style=cell.style) for cell in map(_styled, row)))
    console.print(grid)


def _styled(cell: str | Styled) -> Styled:
    return cell if isinstance(cell, Styled) else Styled(cell, _COLOURS.get(cell, ""))
