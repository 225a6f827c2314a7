"""A cause as lines of at most 80 columns: what is wrong, how we know, what to change, what follows, how to see it."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence

from conformance.cases.case import Case
from conformance.run.records import BackendReport, CauseReport
from harness.geometry.spec import Op

COLUMNS = 80  # of a terminal that nobody has made wider
_WIDTH = COLUMNS - 1
_INDENT = "   "
_MOST_ROWS, _MOST_COLUMNS = 8, 40  # of a map of wrong elements
_GRADIENTS: tuple[Op, ...] = ("conv2d_input_grad", "conv2d_weight_grad", "conv2d_bias_grad")


def lines(report: BackendReport) -> list[str]:
    """All causes of a backend; none if it has none."""
    if not report.causes:
        return []
    found = [f"{report.backend}: {_heading(report)}"]
    for number, cause in enumerate(report.causes, 1):
        found += ["", *paragraph(cause, number)]
    return found


def paragraph(cause: CauseReport, number: int) -> Iterator[str]:
    """The lines of one cause."""
    yield from _wrapped(f"{number}. ", cause.says)
    yield from _wrapped(f"{_INDENT}How we know: ", cause.why)
    yield from _wrapped(f"{_INDENT}What to change: ", cause.mend)
    yield from _wrapped(f"{_INDENT}Seen in public: ", cause.seen)
    if cause.same:
        yield from _wrapped(_INDENT, f"{_names(cause.same)}: the same mistake.")
    if cause.derived:
        source = _names([cause.op, *(op for op in cause.same if op in ("im2col", "col2im"))])
        yield from _wrapped(_INDENT, f"{_names(cause.derived)}: derived from your {source}, wrong for that reason.")
    yield from _wrapped(_INDENT, cause.extent)
    failure = cause.failure
    if failure and _is_telling(failure.picture):
        where = Case.parse(failure.case).spec if failure.case else cause.plainest
        yield f"{_INDENT}Wrong elements (#) of one plane, on {where}:"
        yield from (f"{_INDENT}  {row}" for row in failure.picture)
    if failure and failure.repro:
        yield f"{_INDENT}repro: {failure.repro}"


def _heading(report: BackendReport) -> str:
    count = len(report.causes)
    return "one cause of what fails" if count == 1 else f"{count} causes of what fails, the plainest first"


def _names(ops: Sequence[Op]) -> str:
    """The gradients by one word, if conv2d and all three are among them."""
    if "conv2d" in ops and set(_GRADIENTS[:2]) <= set(ops):
        rest = [op for op in ops if op != "conv2d" and op not in _GRADIENTS]
        return _joined(["conv2d and its gradients", *rest])
    return _joined(ops)


def _joined(words: Sequence[str]) -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"


def _is_telling(rows: Sequence[str]) -> bool:
    """Whether a map shows where, and fits: one element is no map."""
    return sum(map(len, rows)) > 1 and len(rows) <= _MOST_ROWS and all(len(row) <= _MOST_COLUMNS for row in rows)


def _wrapped(beginning: str, text: str) -> list[str]:
    """Nothing of an empty text. A word that is longer than a line, such as an address, stays whole."""
    if not text:
        return []
    return textwrap.wrap(
        text, _WIDTH, initial_indent=beginning, subsequent_indent=_INDENT, break_long_words=False,
        break_on_hyphens=False,
    )  # fmt: skip
