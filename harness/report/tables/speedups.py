"""How many times faster than plain loops, and what two published articles claim about that.

A speed-up is time of the slow one / time of the fast one, the inverse of the ratios elsewhere in the report.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

from msgspec import Struct

from harness.geometry.spec import Op
from harness.report.measured.grouping import by_op, columns_of, derived
from harness.report.measured.load import Config, Data
from harness.report.measured.pairing import speedups, with_ratios
from harness.report.measured.rows import Row
from harness.report.standing import spoken
from harness.report.tables.table import Table, TableCell, cell
from harness.report.tables.throughput import CONVOLUTIONS
from harness.results import words
from harness.results.training.published import (
    MATRIX_OVER_LOOPS,
    NUMPY_OVER_LOOPS,
    TORCH_OVER_NUMPY,
    Published,
)  # fmt: skip

NAIVE = "naive_loops"
_ROUNDING = 1e-9  # of ratios, which are means of logarithms


class NaiveSpeedup(Struct, frozen=True, kw_only=True):
    """One op and backend: how many times faster than the plain loops, over the layers."""

    op: str
    backend: str
    layers: int
    median: float | None
    least: float | None
    most: float | None


@dataclass(frozen=True)
class _Asked:
    """A claim, on which ops it is looked at, and on which fast backends; `lowered`: derived ones count as well."""

    claim: Published
    ops: tuple[Op, ...]
    fast: tuple[str, ...]
    lowered: bool = False


class TestedClaim(Struct, frozen=True, kw_only=True):
    """A claim with what was measured of one pair of backends."""

    claim: str
    source: str
    slow: str
    fast: str
    factor: float
    pairs: int
    median: float | None
    least: float | None
    most: float | None
    reached: int
    measured: str
    verdict: str


_ASKED = (
    _Asked(MATRIX_OVER_LOOPS, ("conv2d",), ("numpy_fancy", "matlab_loop"), lowered=True),
    _Asked(NUMPY_OVER_LOOPS, CONVOLUTIONS, ("numpy_fancy",)),
    _Asked(TORCH_OVER_NUMPY, CONVOLUTIONS, ("torch_native",)),
)


def naive_table(rows: Sequence[Row], data: Data, config: Config) -> Table:
    """Op x backend: how many times faster than the plain loops, median and range over the layers."""
    faster = with_ratios(rows, data, NAIVE)
    names = [name for name in columns_of(rows) if name != NAIVE]
    shown, records = [], []
    for op, of_op in by_op(faster).items():
        line = [cell(op)]
        for name in names:
            ups = speedups(row for row in of_op if row.cell.backend == name)
            records.append(NaiveSpeedup(
                op=op, backend=name, layers=len(ups), median=median(ups) if ups else None,
                least=min(ups, default=None), most=max(ups, default=None),
            ))  # fmt: skip
            line.append(_speedup_cell(ups))
        shown.append(line)
    title = f"How many times faster than {NAIVE}"
    return Table(f"over-naive-{config.slug}", title, ["op", *names], shown, records, _naive_notes(rows))


def _naive_notes(rows: Sequence[Row]) -> list[str]:
    naive = [row for row in rows if row.cell.backend == NAIVE]
    without = [row.cell.status for row in naive if row.seconds is None]
    if len(naive) == len(without):
        return [f"{NAIVE} was not measured under these conditions, so there is nothing to compare with."]
    notes = [f"Time of {NAIVE} / time of the backend, both measured together; median (least to most) over the layers."]
    if without:
        counts = {status: without.count(status) for status in dict.fromkeys(without)}
        often = sorted(counts, key=counts.__getitem__, reverse=True)
        reasons = ", ".join(f"{counts[status]} {spoken(status)}" for status in often)
        notes.append(f"{NAIVE} has no time in {len(without)} of {len(naive)} cells ({reasons}). Over budget are the "
                     "large layers, so the table then speaks of the small ones.")  # fmt: skip
    return notes


def _speedup_cell(ups: Sequence[float]) -> TableCell:
    if not ups:
        return TableCell(("not measured together",), "missing")
    spread = f"{words.digits(min(ups))}x to {words.digits(max(ups))}x" if len(ups) > 1 else ""
    return TableCell((f"{words.digits(median(ups))}x", spread, words.plural(len(ups), "layer")), "", "", median(ups))


def _spread(ups: Sequence[float]) -> str:
    """Median, least and most."""
    least, most = words.digits(min(ups)), words.digits(max(ups))
    return f"{words.digits(median(ups))}x" + (f" ({least}x to {most}x)" if len(ups) > 1 else "")


def claims_table(rows: Sequence[Row], data: Data, config: Config) -> Table:
    """What two public articles claim, next to what was measured here."""
    found = []
    for asked in _ASKED:
        compared = with_ratios((row for row in rows if row.cell.op in asked.ops), data, asked.claim.slow)
        names = dict.fromkeys(asked.fast) | dict.fromkeys(sorted(derived(compared)) if asked.lowered else ())
        for name in names:
            found.append(_tested(asked.claim, name, speedups(row for row in compared if row.cell.backend == name)))
    shown = [
        [TableCell((t.claim, t.source)), cell(f"{t.fast} over {t.slow}"),
         cell(t.measured, "" if t.pairs else "missing", t.median), cell(t.verdict)]
        for t in found
    ]  # fmt: skip
    notes = ["The articles time whole training epochs of their own networks on their own machines; here single calls "
             "on the layers above are compared: a verdict speaks of this machine and these layers only."]  # fmt: skip
    header = ["claim", "compared here", "measured here", "verdict"]
    return Table(f"claims-{config.slug}", "Published claims", header, shown, found, notes)


def _tested(claim: Published, name: str, ups: Sequence[float]) -> TestedClaim:
    reached = sum(up >= claim.factor * (1 - _ROUNDING) for up in ups)
    if ups:
        measured = f"median {_spread(ups)} over {words.plural(len(ups), 'pair')} of op and layer"
        verdict = "holds" if reached == len(ups) else "does not hold" if not reached else "holds in part"
        verdict += f": {claim.factor:g}x reached on {reached} of {len(ups)}"
    else:
        measured, verdict = f"{claim.slow} and {name} were not measured together", "not tested"
    return TestedClaim(
        claim=claim.text, source=claim.source, slow=claim.slow, fast=name, factor=claim.factor, pairs=len(ups),
        median=median(ups) if ups else None, least=min(ups, default=None), most=max(ups, default=None),
        reached=reached, measured=measured, verdict=verdict,
    )  # fmt: skip
