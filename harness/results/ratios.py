"""Backend against backend: paired ratios with their intervals and verdicts, as rows and as means over layers."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from statistics import geometric_mean, median
from typing import NamedTuple

from harness.contract.status import CellStatus, Speed
from harness.geometry.spec import ConvSpec, Op
from harness.results.paired import LEAST_FLOOR, PairedTimes, log_ratios, paired
from harness.results.rates import by_backend, rates
from harness.results.records import BackendFacts, Ceilings, Cell, ComparisonMean, ComparisonRow
from harness.results.words import plural

_ByProcess = dict[int, Cell]
BASELINES = ("torch_native", "numpy_fancy", "torch_native_cuda")  # the first that was measured


def rows(
    cells: Iterable[Cell],
    names: Sequence[str],
    backends: Sequence[BackendFacts] = (),
    ceilings: Sequence[Ceilings] = (),
    floor: float = LEAST_FLOOR,
) -> list[ComparisonRow]:
    """One row per op, dtype, layer and other backend: ratio = time of a / time of b, a = the first name.

    Below 1, a is faster. A row without a ratio carries the status and reason of the side that has no time. A backend
    that has `ceilings` of its own also has its share of the nearer one. `floor` is the noise of the machine.
    """
    a, others = names[0], names[1:]
    limits, numerics = by_backend(ceilings), {b.backend: b.numerics for b in backends}
    groups: dict[str, dict[str, _ByProcess]] = {}
    for cell in cells:
        groups.setdefault(cell.group, {}).setdefault(cell.backend, {})[cell.process] = cell
    found = []
    for group in groups.values():
        sides = {name: _side(group[name], limits.get(name), numerics.get(name)) for name in names if name in group}
        found += [_row(sides[a], sides[b], floor) for b in others if a in sides and b in sides]
    return found


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


def noise_floor(itself: Iterable[ComparisonRow]) -> float:
    """What this machine makes of no difference at all, as a fraction: from rows of a backend against itself.

    Their ratios alone: how uncertain a ratio is, every row has in an interval of its own.
    """
    return max([LEAST_FLOOR, *(max(row.ratio, 1 / row.ratio) - 1 for row in itself if row.ratio is not None)])


def baseline(measured: Sequence[str]) -> str:
    """The backend that the others are compared with: torch, else NumPy, else the first that was measured."""
    return next((name for name in BASELINES if name in measured), measured[0] if measured else "")


class _Side(NamedTuple):
    """One backend of a group: its cells by process, what stands for them, its median time, its share of a ceiling."""

    cells: _ByProcess
    cell: Cell  # the first of the worst status
    seconds: float | None
    share: float | None = None  # of the nearer ceiling
    bound: str | None = None  # which that is


def _side(cells: _ByProcess, limits: Ceilings | None, numerics: str | None) -> _Side:
    worst = CellStatus.worst(cell.status for cell in cells.values())
    cell = next(cell for cell in cells.values() if cell.status is worst)
    samples = [seconds for one in cells.values() for seconds in one.samples]
    if worst is not CellStatus.OK or not samples:
        return _Side(cells, cell, None)
    took = median(samples)
    if limits is None:
        return _Side(cells, cell, took)
    found = rates(cell.op, ConvSpec.parse(cell.spec), cell.dtype, took, limits, numerics)
    return _Side(cells, cell, took, found.share, found.bound)


def _row(a: _Side, b: _Side, floor: float) -> ComparisonRow:
    found, lacking = None, next((one.cell for one in (a, b) if one.cell.status is not CellStatus.OK), None)
    if lacking is None:
        both = sorted(a.cells.keys() & b.cells.keys())
        found = paired(log_ratios(a.cells[n].samples, b.cells[n].samples) for n in both)
    verdict = Speed.NO_DATA if found is None else found.against(floor)
    reason = "" if lacking is None else f"{lacking.backend}: {lacking.reason}"
    if found is not None and verdict is Speed.UNCLEAR:
        reason = _why_unclear(found, floor)
    one = a.cell
    return ComparisonRow(
        op=one.op, dtype=one.dtype, shape=one.layer, spec=one.spec, a=one.backend, b=b.cell.backend,
        ratio=found.ratio if found else None, low=found.low if found else None, high=found.high if found else None,
        pairs=found.pairs if found else 0, a_seconds=a.seconds, b_seconds=b.seconds,
        checked_points=min(one.checked_points, b.cell.checked_points),
        status=CellStatus.OK if lacking is None else lacking.status, reason=reason,
        a_share=a.share, a_bound=a.bound, b_share=b.share, b_bound=b.bound, verdict=verdict,
        processes=len(found.sides) if found else 0,
    )  # fmt: skip


def _why_unclear(found: PairedTimes, floor: float) -> str:
    """What keeps a verdict away, in one line."""
    measured = f"{plural(found.pairs, 'pair')} in {plural(len(found.sides), 'process', 'processes')}"
    if len(found.sides) > 1 and min(found.sides) < 1 < max(found.sides) and not found.low < 1 < found.high:
        return f"{measured}, which do not agree on who is faster"
    if found.low < 1 < found.high:
        half = (found.high / found.low) ** 0.5 - 1
        return f"{measured}, and the interval is still ±{100 * half:.0f} %: the machine is busy, or the calls vary"
    return (
        f"{measured}: the difference is not clear of the noise of {100 * floor:.1f} %, or of what processes differ by"
    )
