"""Which times changed between two measurements, beyond the noise of both.

Two times of different runs are not paired: between two sessions the same program differs by several per cent. What two
backends are to each other within each run is, so a change counts only if the time itself and the ratio to the other
backend both say so; and the one whose own time moved is the one that changed.

Pages of memory lie elsewhere in another session, which no interval of one session knows. How much that makes is seen by
the pairs of the other backends: what moves no further than these is told by none.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from statistics import median
from typing import NamedTuple

from harness.contract.status import CellStatus
from harness.results import ratios
from harness.results.diff.documents import CellKey, Measured
from harness.results.diff.records import Diff, TimeChange
from harness.results.intervals import median_interval
from harness.results.records import ComparisonRow

BETWEEN_SESSIONS = 0.05  # of a time, unless a backend against itself says more
_ENOUGH = 30  # changes of other pairs, to say how far these move
_FAR = 3.0  # standard deviations
_OF_NORMAL = 1.4826  # standard deviations in a median absolute deviation


class Span(NamedTuple):
    """The logarithm of a ratio with the ends of its interval."""

    middle: float
    low: float
    high: float

    @property
    def half(self) -> float:
        """Half of the interval's width."""
        return (self.high - self.low) / 2

    def since(self, before: Span) -> Span:
        """What became of a ratio that was `before`, with the noise of both."""
        return Span(self.middle - before.middle, self.low - before.high, self.high - before.low)

    def turned(self) -> Span:
        """Seen from the other side."""
        return Span(-self.middle, -self.high, -self.low)

    def moved(self, floor: float) -> int:
        """1 up, -1 down, by more than the floor; 0 neither."""
        return int(self.low > floor) - int(self.high < -floor)

    def is_unclear(self, floor: float) -> bool:
        """Whether it may have moved: by more than the floor, but for the noise, or by less than the noise."""
        return not self.moved(floor) and (abs(self.middle) > floor or self.half > floor)


class _Pair(NamedTuple):
    """The times of two backends in one document, and the ratio of `a` to `b`."""

    a: str
    b: str
    a_seconds: float
    b_seconds: float
    ratio: Span


def why_refused(before: Measured, after: Measured) -> str:
    """Why the times of two documents say nothing of each other; empty if they may be compared."""
    different = [
        f"{name} {one} before, {other} now"
        for name, one, other in zip(before.conditions._fields, before.conditions, after.conditions, strict=True)
        if one != other
    ]
    return f"times are not compared: {', '.join(different)}" if different else ""


def floor_of(before: Measured, after: Measured) -> float:
    """Less than this, as a fraction, is no change."""
    return max(BETWEEN_SESSIONS, before.noise_floor, after.noise_floor)


def compare(before: Measured, after: Measured, diff: Diff) -> None:
    """Adds to `diff` what is slower, faster, and what cannot be told."""
    floor = math.log1p(floor_of(before, after))
    base = ratios.baseline([name for name in before.names if name in after.names])
    known, now = _pairs(before.pairs(base)), _pairs(after.pairs(base))
    changes = {key: pair.ratio.middle - known[key].ratio.middle for key, pair in now.items() if key in known}
    spreads = {names: _spread(changes, names) for names in {key[0] for key in changes}}
    for key in changes:
        _compare_pair(known[key], now[key], key[1:], _Floors(floor, max(floor, spreads[key[0]])), diff)
    paired = {(name, *key[1:]) for key, pair in now.items() if key in known for name in (pair.a, pair.b)}
    alone, alone_now = _alone(before), _alone(after)
    for cell, (seconds, span) in alone_now.items():
        if cell in alone and tuple(cell) not in paired:
            was, was_span = alone[cell]
            change = Span(math.log(seconds), *span).since(Span(math.log(was), *was_span))
            _add(diff, change, floor, _told(cell.backend, "", tuple(cell)[1:], was, seconds, change))


class _Floors(NamedTuple):
    """The least change that counts, as a logarithm: of a time, and of the ratio of two."""

    of_time: float
    of_ratio: float


_Where = tuple[str, ...]  # op, dtype, shape and spec


def _spread(changes: Mapping[_Where, float], names: str) -> float:
    """How far the ratios of the other pairs of backends moved, but for the few that moved most; 0 if few are known."""
    others = [change for key, change in changes.items() if key[0] != names]
    if len(others) < _ENOUGH:
        return 0.0
    middle = median(others)
    return _FAR * _OF_NORMAL * median(abs(change - middle) for change in others)


def _compare_pair(was: _Pair, now: _Pair, where: _Where, floors: _Floors, diff: Diff) -> None:
    ratio, noise, floor = now.ratio.since(was.ratio), was.ratio.half + now.ratio.half, floors.of_ratio
    a, b = (
        _moved(math.log(after / before), noise, floors.of_time)
        for before, after in ((was.a_seconds, now.a_seconds), (was.b_seconds, now.b_seconds))
    )
    of_a = _told(now.a, now.b, where, was.a_seconds, now.a_seconds, ratio)
    of_b = _told(now.b, now.a, where, was.b_seconds, now.b_seconds, ratio.turned())
    moved = ratio.moved(floor)
    if moved and a == moved:
        _add(diff, ratio, floor, of_a)
    elif moved and b == -moved:
        _add(diff, ratio.turned(), floor, of_b)
    elif moved:
        diff.unclear.append(_because(of_a, f"neither time of its own says so, only the ratio to {now.b}"))
    elif ratio.moved(floors.of_time):
        diff.unclear.append(_because(of_a, "the ratios of other backends moved as far between the two measurements"))
    elif a and a == b:
        diff.unclear.append(
            _because(of_a, f"its time changed, and that of {now.b} with it: the machine, or what both use")
        )
    elif ratio.is_unclear(floor):
        diff.unclear.append(_because(of_a, "the intervals are too wide to tell"))


def _moved(change: float, noise: float, floor: float) -> int:
    return Span(change, change - noise, change + noise).moved(floor)


def _add(diff: Diff, change: Span, floor: float, told: TimeChange) -> None:
    moved = change.moved(floor)
    if moved:
        (diff.slower if moved > 0 else diff.faster).append(told)
    elif change.is_unclear(floor):
        diff.unclear.append(_because(told, "the intervals are too wide to tell"))


def _told(name: str, against: str, where: _Where, before: float, after: float, change: Span) -> TimeChange:
    op, dtype, shape, spec = where
    return TimeChange(
        backend=name, against=against, op=op, dtype=dtype, shape=shape, spec=spec, before=before, after=after,
        ratio=math.exp(change.middle), low=math.exp(change.low), high=math.exp(change.high),
    )  # fmt: skip


def _because(told: TimeChange, reason: str) -> TimeChange:
    return TimeChange(
        **{name: getattr(told, name) for name in told.__struct_fields__ if name != "reason"}, reason=reason
    )


def _pairs(rows: Sequence[ComparisonRow]) -> dict[_Where, _Pair]:
    """By the names of both in alphabetical order, and where."""
    return dict(_sorted_pairs(rows))


def _sorted_pairs(rows: Sequence[ComparisonRow]) -> Iterator[tuple[_Where, _Pair]]:
    for row in rows:
        if row.ratio and row.low and row.high and row.a_seconds and row.b_seconds:
            span = Span(*(math.log(value) for value in (row.ratio, row.low, row.high)))
            pair = _Pair(row.a, row.b, row.a_seconds, row.b_seconds, span)
            if row.b < row.a:
                pair = _Pair(row.b, row.a, row.b_seconds, row.a_seconds, span.turned())
            yield (f"{pair.a}\n{pair.b}", row.op, row.dtype, row.shape, row.spec), pair


def _alone(measured: Measured) -> dict[CellKey, tuple[float, tuple[float, float]]]:
    """Times of cells by themselves, with the logarithms of the ends of their intervals."""
    samples: dict[CellKey, list[float]] = {}
    for cell in measured.cells:
        key = CellKey(cell.backend, cell.op, cell.dtype, cell.layer, cell.spec)
        if measured.found[key].status is CellStatus.OK:
            samples.setdefault(key, []).extend(cell.samples)
    spans = {key: median_interval(values) for key, values in samples.items() if values}
    return {key: (span.median, (math.log(span.low), math.log(span.high))) for key, span in spans.items()}
