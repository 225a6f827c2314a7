"""Backend against backend: paired ratios with their intervals, as rows and as geometric means over layers."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from statistics import geometric_mean, median
from typing import NamedTuple

from harness.contract.status import CellStatus
from harness.geometry.spec import ConvSpec, Op
from harness.results.intervals import median_interval
from harness.results.rates import by_backend, rates
from harness.results.records import BackendFacts, Ceilings, Cell, ComparisonMean, ComparisonRow


def rows(
    cells: Iterable[Cell],
    names: Sequence[str],
    backends: Sequence[BackendFacts] = (),
    ceilings: Sequence[Ceilings] = (),
) -> list[ComparisonRow]:
    """One row per op, dtype, layer and other backend: ratio = time of a / time of b, a = the first name.

    Below 1, a is faster. A row without a ratio carries the status and reason of the side that has no time. A backend
    that has `ceilings` of its own also has its share of the nearer one.
    """
    a, others = names[0], names[1:]
    limits, numerics = by_backend(ceilings), {b.backend: b.numerics for b in backends}
    groups: dict[str, dict[str, Cell]] = {}
    for cell in cells:
        groups.setdefault(cell.group, {})[cell.backend] = cell
    return [
        _row(group[a], group[b], *(_share(group[n], limits.get(n), numerics.get(n)) for n in (a, b)))
        for group in groups.values()
        for b in others
        if {a, b} <= group.keys()
    ]


def geomeans(table: Sequence[ComparisonRow]) -> list[ComparisonMean]:
    """Geometric mean of the ratios per op, dtype and pair, with the number of layers that both could be timed on."""
    found: dict[tuple[Op, str, str, str], list[float]] = {}
    for row in table:
        ratios = found.setdefault((row.op, row.dtype, row.a, row.b), [])
        if row.ratio is not None:
            ratios.append(row.ratio)
    return [
        ComparisonMean(
            op=op, dtype=dtype, a=a, b=b, ratio=geometric_mean(ratios) if ratios else None, layers=len(ratios)
        )
        for (op, dtype, a, b), ratios in found.items()
    ]


def paired_ratios(a: Sequence[float], b: Sequence[float]) -> list[float]:
    """Ratios of samples of the same round; both must come from the same group."""
    return [mine / theirs for mine, theirs in zip(a, b, strict=False)]


class _Share(NamedTuple):
    """Of the nearer ceiling, and which it is; both None where there is no time or no ceiling."""

    share: float | None = None
    bound: str | None = None


def _share(cell: Cell, limits: Ceilings | None, numerics: str | None) -> _Share:
    if limits is None or not cell.samples:
        return _Share()
    found = rates(cell.op, ConvSpec.parse(cell.spec), cell.dtype, median(cell.samples), limits, numerics)
    return _Share(found.share, found.bound)


def _row(a: Cell, b: Cell, of_a: _Share, of_b: _Share) -> ComparisonRow:
    ratios = paired_ratios(a.samples, b.samples) if a.group == b.group else []
    ratio, low, high = median_interval(ratios) if ratios else (None, None, None)
    lacking = next((cell for cell in (a, b) if cell.status is not CellStatus.OK), None)
    return ComparisonRow(
        op=a.op, dtype=a.dtype, shape=a.layer, spec=a.spec, a=a.backend, b=b.backend, ratio=ratio, low=low, high=high,
        pairs=len(ratios), a_seconds=median(a.samples) if a.samples else None,
        b_seconds=median(b.samples) if b.samples else None, checked_points=min(a.checked_points, b.checked_points),
        status=CellStatus.OK if lacking is None else lacking.status,
        reason="" if lacking is None else f"{lacking.backend}: {lacking.reason}",
        a_share=of_a.share, a_bound=of_a.bound, b_share=of_b.share, b_bound=of_b.bound,
    )  # fmt: skip
