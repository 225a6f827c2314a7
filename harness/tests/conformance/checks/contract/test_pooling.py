"""Pooling in the suite: asked where it is native or named, right by any method, in every dtype."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from conformance.cases.selection import Selection
from conformance.cases.shard import Shard
from conformance.domain.part import whole_of
from conformance.run import engine, grid_run
from conformance.run.plan import plan, plan_higher_tiers
from conformance.run.results import BackendResult
from harness.calls.in_process import InProcess
from harness.contract import registry
from harness.contract.adapter import complete
from harness.contract.status import Status
from harness.geometry.spec import OPS, POOL_OPS, ConvSpec, Op
from harness.geometry.windows import why_not_pooled
from harness.tests.helpers.faults import faulty, pools
from harness.tests.helpers.plugins import GOOD

pytestmark = pytest.mark.heavy

_SPEC = ConvSpec.parse("n2c3h6w7_f3kh3kw2_sh2sw2_pt1pb2pl1pr0")
# A module with pooling of its own, by another method than any of ours: sliding windows, and a loop over them.
_OWN_POOLS = f"""{GOOD}

def windows(x, spec, value):
    top, bottom, left, right = spec.padding
    padded = np.pad(x, ((0, 0), (0, 0), (top, bottom), (left, right)), constant_values=value)
    slid = np.lib.stride_tricks.sliding_window_view(padded, spec.reach, (2, 3))
    return slid[:, :, :: spec.stride[0], :: spec.stride[1], :: spec.dilation[0], :: spec.dilation[1]]


def counts(spec):
    return windows(np.ones((1, 1, *spec.input_size), int), spec, 0).sum((4, 5))


def max_pool2d(x, spec):
    least = -np.inf if x.dtype.kind == "f" else np.iinfo(x.dtype).min
    return np.ascontiguousarray(windows(x, spec, least).max((4, 5)))


def max_pool2d_grad(dy, x, spec):
    (sh, sw), (dh, dw), (top, _, left, _) = spec.stride, spec.dilation, spec.padding
    least = -np.inf if x.dtype.kind == "f" else np.iinfo(x.dtype).min
    seen, inside = windows(x, spec, least), windows(np.ones(x.shape, bool), spec, False)
    dx = np.zeros(x.shape, dy.dtype)
    for n, c, p, q in np.ndindex(*dy.shape):
        wins = (seen[n, c, p, q] == seen[n, c, p, q].max()) & inside[n, c, p, q]
        u, v = np.unravel_index(wins.argmax(), wins.shape)
        dx[n, c, p * sh + u * dh - top, q * sw + v * dw - left] += dy[n, c, p, q]
    return dx


def mean(x, divisors, spec):
    wide = np.float32 if x.dtype == np.float16 else x.dtype
    sums = windows(x, spec, 0).sum((4, 5), dtype=wide)
    return np.ascontiguousarray((sums / divisors.astype(wide)).astype(x.dtype))


def spread(dy, divisors, spec):
    shares = (dy / divisors.astype(dy.dtype)).reshape(*dy.shape[:2], 1, spec.positions)
    columns = np.broadcast_to(shares, (*shares.shape[:2], spec.taps, spec.positions))
    return col2im(columns.reshape(spec.columns_shape), spec)


def avg_pool2d(x, spec):
    return mean(x, np.array(spec.taps), spec)


def avg_pool2d_grad(dy, spec):
    return spread(dy, np.array(spec.taps), spec)


def avg_pool2d_exclude_padding(x, spec):
    return mean(x, counts(spec), spec)


def avg_pool2d_exclude_padding_grad(dy, spec):
    return spread(dy, counts(spec), spec)
"""


def run_of(kind: type[faulty.Right], ops: Sequence[Op], pattern: str = "") -> BackendResult:
    """A backend judged in float32."""
    backend = faulty.load(kind)
    return engine.run(backend, plan(backend, Selection(ops=ops, dtypes=["float32"], pattern=pattern)))


def bad(result: BackendResult) -> list[str]:
    """Cases that neither passed nor were refused."""
    return [f"{one.case}: {one.status} {one.detail}" for one in result.cases
            if one.status not in (Status.PASS, Status.UNSUPPORTED)]  # fmt: skip


# -- who is asked --------------------------------------------------------------------------------------------------


def test_pooling_is_asked_where_it_is_native_or_named() -> None:
    def ops(kind: type[faulty.Right], **selection: Any) -> set[Op]:
        backend = faulty.load(kind)
        result = plan(backend, Selection(dtypes=["float32"], **selection))
        plan_higher_tiers(backend, result, Selection(dtypes=["float32"], tier=3, **selection))
        cases = {one.case.op for one in result.cases}
        assert cases == {one.key.op for one in result.counted}
        return cases

    class One(faulty.Right):
        """One of the six of its own."""

        max_pool2d = pools.Pools.max_pool2d

    assert ops(faulty.Right) == set(OPS)
    assert ops(faulty.Right, ops=["avg_pool2d"]) == {"avg_pool2d"}
    assert ops(pools.Pools) == {*OPS, *POOL_OPS}
    assert ops(One) == {*OPS, "max_pool2d"}
    assert ops(pools.Pools, suite="2026.13") == set(OPS)  # which knew no pooling
    assert ops(pools.Pools, suite="2026.13", ops=["avg_pool2d"]) == {"avg_pool2d"}


def test_averages_of_integers_and_windows_without_a_pixel_are_refused() -> None:
    class All(pools.Pools):
        """Refuses nothing itself."""

        def unsupported(self, op: Op, spec: ConvSpec, dtype: str) -> str | None:
            """Contract."""
            return None

    backend, empty = complete(All(), "all", "all"), ConvSpec.parse("n1c1h2w2_f1kh2kw2_pt2")
    for op in POOL_OPS:
        assert backend.unsupported(op, _SPEC, "float16") is None
        wanted = None if op.startswith("max") else "an average needs a float dtype, got int32"
        assert backend.unsupported(op, _SPEC, "int32") == wanted
        assert "1 of 3 see padding alone" in (backend.unsupported(op, empty, "float32") or "")
    part = whole_of("max_pool2d")
    assert 250 < len(part.specs) < len(whole_of("im2col").specs)
    assert not any(map(why_not_pooled, part.specs))


# -- what is right -------------------------------------------------------------------------------------------------


_RIGHT = [*((pools.Pools, op) for op in POOL_OPS), *((pools.Multiplying, op) for op in POOL_OPS if op[:3] == "avg")]


@pytest.mark.parametrize(("kind", "op"), _RIGHT)
def test_right_pooling_passes(kind: type[faulty.Right], op: Op) -> None:
    result = run_of(kind, [op])
    assert bad(result) == []
    assert result.verdict == "pass"
    assert result.planned > 400


def test_a_plug_in_with_pooling_of_its_own_passes(tmp_path: Path) -> None:
    """In every dtype, and on a slice of the grid."""
    path = tmp_path / "mine.py"
    claims = '\n\ndef unsupported(op, spec, dtype):\n    return None if dtype != "complex64" else "no complex"\n'
    path.write_text(_OWN_POOLS + claims, encoding="utf-8")
    backend, shard = InProcess(registry.load(str(path))), Shard(7, 4000)
    selection = Selection(ops=POOL_OPS, tier=2, shard=shard)
    result = plan(backend, selection)
    engine.run(backend, result)
    assert bad(result) == []
    result = BackendResult("mine", True)
    plan_higher_tiers(backend, result, selection)
    grid_run.run([(backend, result)], shard)
    assert result.counts[Status.PASS] > 200
    assert [kept.detail for one in result.counted for kept in one.kept] == []
    assert result.verdict == "pass"


@pytest.mark.parametrize("dtype", ["float16", "float64", "int32", "int64"])
def test_pooling_is_right_in_other_dtypes(dtype: str) -> None:
    class Claims(pools.Pools):
        def unsupported(self, op: Op, spec: ConvSpec, dtype: str) -> str | None:
            """Contract."""
            return None if dtype != "complex64" else "no complex"

    backend = faulty.load(Claims)
    ops: list[Op] = ["max_pool2d", "max_pool2d_grad", "avg_pool2d_exclude_padding_grad"]
    result = engine.run(backend, plan(backend, Selection(ops=ops, dtypes=[dtype], pattern="[vl]*")))
    assert bad(result) == []
    passed = {one.case.op for one in result.cases if one.status is Status.PASS}
    assert passed == set(ops[: 3 if "float" in dtype else 2])


def test_derived_pooling_passes() -> None:
    backend = InProcess(registry.load("numpy_fancy"))
    result = engine.run(backend, plan(backend, Selection(ops=POOL_OPS, dtypes=["float32"], pattern="[vl]*")))
    assert bad(result) == []
    assert {one.case.op for one in result.cases if one.status is Status.PASS} == set(POOL_OPS)
