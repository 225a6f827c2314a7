"""Tier 2: every pair of settings of the two axes, from the smallest up: 352,836 geometries, all ops, exact.

One axis has 594 settings (size to 5, kernel and stride to 3, pads to 2 on each side, dilation to 2). A loop bound, a
border or a remainder that is wrong for some small geometry has no place left to hide.
"""

from __future__ import annotations

import time
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import product

import numpy as np

from conformance.cases.case import Case
from conformance.cases.shard import WHOLE, Shard
from conformance.checks.registration import asks
from conformance.checks.under_test import BackendUnderTest, Failed
from conformance.run.outcome import BackendResult, CaseCounts, CaseResult
from harness.calls.caller import Caller
from harness.calls.thread_limits import thread_limit
from harness.contract.protocol import Array
from harness.geometry.spec import OPS, ConvSpec, Op
from harness.oracle import by_taps, data
from harness.oracle.comparing import mismatch

CHECK = "values.grid"
Setting = tuple[int, int, int, int, int, int]  # input size, kernel, stride, pad before, pad after, dilation
_CHANNELS = ((2, 2, 1), (2, 4, 2), (3, 3, 3))  # C, F, G
_KEPT = 20  # failures kept of an op
_STEP = 131_071  # prime to the number of geometries: consecutive steps land far apart
_REPORT_EVERY = 5000  # cases


@asks(CHECK, ())
def on_the_grid(subject: BackendUnderTest, case: Case) -> None:
    """One geometry of the grid, or any other, on whole numbers from a pool."""
    arrays = data.pooled(case.op, case.spec, case.dtype, str(case.spec))
    difference = _difference(subject, case, arrays, by_taps.run(case.op, case.spec, *arrays))
    if difference:
        raise Failed(difference)


@lru_cache(maxsize=1)
def settings() -> list[Setting]:
    """All settings of one axis whose dilated kernel fits; a kernel of one tap has no dilation."""
    every = product(range(1, 6), range(1, 4), range(1, 4), range(3), range(3), (1, 2))
    return [s for s in every if (s[1] - 1) * s[5] + 1 <= s[0] + s[3] + s[4] and (s[1] > 1 or s[5] == 1)]


def spec_of(rows: Setting, columns: Setting) -> ConvSpec:
    """The geometry of two settings, N = 2; channels, filters and groups by a hash of the settings' text."""
    c, f, g = _CHANNELS[zlib.crc32(_text(rows, columns).encode()) % len(_CHANNELS)]
    (h, kh, sh, pt, pb, dh), (w, kw, sw, pl, pr, dw) = rows, columns
    return ConvSpec(
        batch=2, in_channels=c, out_channels=f, groups=g, input_size=(h, w), kernel_size=(kh, kw), stride=(sh, sw),
        padding=(pt, pb, pl, pr), dilation=(dh, dw),
    )  # fmt: skip


def geometries(shard: Shard = WHOLE) -> Iterator[ConvSpec]:
    """All geometries of a shard, small and large mixed, so that a run that is cut has seen a fair sample."""
    return (spec_of(rows, columns) for rows, columns in _pairs(shard))


@lru_cache(maxsize=4)
def size(shard: Shard = WHOLE) -> int:
    """How many geometries a shard has: 352,836 in all."""
    return len(settings()) ** 2 if shard.count == 1 else sum(1 for _ in _pairs(shard))


def _pairs(shard: Shard) -> Iterator[tuple[Setting, Setting]]:
    axis = settings()
    count = len(axis) ** 2
    for k in range(count):
        row, column = divmod(k * _STEP % count, len(axis))
        if shard.holds(_text(axis[row], axis[column])):
            yield axis[row], axis[column]


def _text(rows: Setting, columns: Setting) -> str:
    return f"{rows}{columns}"


@dataclass(slots=True)
class _Run:
    """One backend on the grid, and one tally for each op and dtype."""

    subject: BackendUnderTest
    tallies: dict[tuple[Op, str], CaseCounts]

    def step(self, op: Op, dtype: str, spec: ConvSpec, arrays: tuple[Array, ...], expected: Array) -> None:
        tally = self.tallies[op, dtype]
        start = time.monotonic()
        case = Case(CHECK, op, dtype, spec)
        try:
            reason = self.subject.backend.unsupported(op, spec, dtype)
            difference = "" if reason is not None else _difference(self.subject, case, arrays, expected)
        except (Exception, SystemExit) as error:
            reason, difference = None, str(error) if isinstance(error, Failed) else f"unsupported raised {error!r}"
        if reason is not None:
            tally.counts["unsupported"] += 1
            tally.refusals[reason] += 1
        elif difference:
            tally.counts["fail"] += 1
            if len(tally.kept) < _KEPT:
                tally.kept.append(CaseResult(case, "fail", difference, calls=self.subject.calls))
        else:
            tally.counts["pass"] += 1
        tally.seconds += time.monotonic() - start


def plan(outcome: BackendResult, ops: Sequence[Op], dtypes: Sequence[str], shard: Shard = WHOLE) -> None:
    """Put the grid into a plan: one tally for each op and dtype (float32 alone, if none is asked for)."""
    total = size(shard)
    for op in ops or OPS:
        for dtype in dtypes or ("float32",):
            tally = CaseCounts((CHECK, op, dtype), total)
            tally.settle()
            outcome.tallies.append(tally)


def run(
    backends: Sequence[tuple[Caller, BackendResult]],
    shard: Shard = WHOLE,
    progress: Callable[[int], None] = lambda cases: None,
    budget: float = float("inf"),
    threads: int = 1,
) -> None:
    """All backends over the grid that their outcomes plan, side by side: expected arrays are made once.

    On one thread unless asked otherwise: for arrays this small, starting threads is all that is felt.
    """
    runs = [
        _Run(BackendUnderTest(backend), {t.key[1:]: t for t in outcome.tallies if t.key[0] == CHECK})
        for backend, outcome in backends
    ]
    pairs = list(dict.fromkeys(pair for one in runs for pair in one.tallies))
    start, waiting = time.monotonic(), 0
    try:
        with np.errstate(all="ignore"), thread_limit(threads):
            for spec in geometries(shard):
                if time.monotonic() - start > budget:
                    break
                _one(spec, pairs, runs)
                waiting += len(pairs) * len(runs)
                if waiting >= _REPORT_EVERY:
                    progress(waiting)
                    waiting = 0
        progress(waiting)
    finally:
        for one, (_, outcome) in zip(runs, backends, strict=True):
            for tally in one.tallies.values():
                tally.settle()
            outcome.seconds += sum(tally.seconds for tally in one.tallies.values())
            cut = max((tally.counts["not_run"] for tally in one.tallies.values()), default=0)
            if cut and budget < float("inf"):
                outcome.cuts.append(f"{cut} geometries of the grid were cut by the budget")


def _one(spec: ConvSpec, pairs: Sequence[tuple[Op, str]], runs: Sequence[_Run]) -> None:
    text = str(spec)
    for op, dtype in pairs:
        arrays = data.pooled(op, spec, dtype, text)
        expected = by_taps.run(op, spec, *arrays)
        for one in runs:
            one.step(op, dtype, spec, arrays, expected)


def _difference(subject: BackendUnderTest, case: Case, arrays: tuple[Array, ...], expected: Array) -> str:
    """How the result differs, or nothing. Raises `Failed` if there is no result of the right form."""
    subject.begin()
    got = subject.run(case.op, case.spec, *arrays)
    return "" if np.array_equal(got, expected) else str(mismatch(got, expected) or "")
