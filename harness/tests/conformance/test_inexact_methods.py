"""Winograd's method and the FFT: right ones pass every check of values, wrong ones do not, and no other is forgiven."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from conformance.cases.selection import Selection
from conformance.cases.shard import WHOLE
from conformance.run import engine, grid_run, search
from conformance.run.plan import plan, plan_grid, plan_random
from conformance.run.results import BackendResult
from harness.calls.caller import Arrays, CallResult, Conditions
from harness.contract.protocol import Numerics
from harness.contract.status import Status
from harness.geometry.spec import ConvSpec, Op
from harness.tests.helpers.suite.fakes import FakeCaller, right
from harness.tests.helpers.suite.transforming import by_fft, by_winograd

pytestmark = pytest.mark.heavy

_PRODUCTS: tuple[Op, ...] = ("conv2d", "conv2d_input_grad", "conv2d_weight_grad")
_SPREADS = {"contract.nonfinite"}  # a transform spreads what is not finite over the plane
Answer = Callable[[Op, ConvSpec, Arrays, Conditions], CallResult]


def failing(answers: Answer, numerics: Numerics, dtype: str = "float32", *patterns: str) -> set[str]:
    """The checks that fail, of the standing plan on the three products, or of what is named of it."""

    def of_arrays(op: Op, spec: ConvSpec, arrays: Arrays, conditions: Conditions) -> CallResult:
        nothing = all(a is None for a in arrays)
        return CallResult(error="TypeError: no arrays") if nothing else answers(op, spec, arrays, conditions)

    caller = FakeCaller(answers=of_arrays, numerics=numerics)
    found: set[str] = set()
    for pattern in patterns or ("",):
        result = engine.run(caller, plan(caller, Selection(ops=_PRODUCTS, dtypes=[dtype], pattern=pattern)))
        found |= {one.case.check for one in result.cases if one.status is Status.FAIL}
    return found


def noisy(share: float) -> Answer:
    """Products off by a share of themselves, up and down, never the same in two calls."""
    rng = np.random.default_rng(0)

    def answer(op: Op, spec: ConvSpec, arrays: Arrays, conditions: Conditions) -> CallResult:
        made = right(op, spec, arrays, conditions)
        if op in _PRODUCTS:
            made.result *= (1 + share * rng.choice([-1, 1], made.result.shape)).astype(made.result.dtype)
        return made

    return answer


@pytest.mark.parametrize("dtype", ["float32", pytest.param("float64", marks=pytest.mark.slow)])
@pytest.mark.parametrize(("answers", "numerics"), [(by_fft, "fft"), (by_winograd, "winograd")])
def test_a_right_one_passes(answers: Answer, numerics: Numerics, dtype: str) -> None:
    """The same result without its numerics is not exact, so something was forgiven."""
    assert failing(answers, numerics, dtype) <= _SPREADS
    assert "values.exact" in failing(answers, "gemm", dtype, "values.exact")


def test_wherever_whole_numbers_are_compared_the_bound_judges() -> None:
    """And `==` for everyone else. Repeated calls must give the same bits in any case."""
    every = {
        "values.exact", "values.golden", "values.strided", "law.adjoint", "law.difference", "law.lowering",
        "law.linear", "law.pointwise", "law.dilation", "law.groups", "law.padding", "law.stride", "law.shift",
        "contract.uninitialised", "contract.state", "contract.batch_split", "contract.threads", "contract.concurrent",
        "contract.after_error",
    }  # fmt: skip
    asked = "law.*", "contract.*", "values.[egs]*"
    assert failing(noisy(2.0**-21), "winograd", "float32", *asked) <= {"contract.repeatable", *_SPREADS}
    assert every <= failing(noisy(2.0**-21), "gemm", "float32", *asked)


@pytest.mark.parametrize("numerics", ["winograd", "fft"])
def test_half_is_the_most_that_is_forgiven(numerics: Numerics) -> None:
    """A whole number off by one is wrong, however long the sum is, and so is one off by a hundredth of itself."""

    def off(op: Op, spec: ConvSpec, arrays: Arrays, conditions: Conditions) -> CallResult:
        made = right(op, spec, arrays, conditions)
        made.result += np.rint(made.result) == made.result
        return made

    every = "values.exact", "contract.threads", "law.linear"
    assert set(every) == failing(off, numerics, "float32", *every)
    assert failing(noisy(0.01), numerics, "float32", "values.exact")


@pytest.mark.usefixtures("a_small_grid")
@pytest.mark.parametrize(("numerics", "status"), [("winograd", Status.PASS), ("gemm", Status.FAIL)])
def test_grid_and_search_are_judged_alike(numerics: Numerics, status: Status) -> None:
    caller = FakeCaller(answers=noisy(2.0**-21), numerics=numerics)
    result = BackendResult("fake", True)
    plan_grid(result, ["conv2d"], ["float32"], WHOLE)
    plan_random(result, ["conv2d"], ["float32"], 20)
    grid_run.run([(caller, result)])
    search.run(caller, result)
    gridded, searched = result.counted
    assert gridded.counts[status] >= 0.9 * gridded.planned  # a sum of one may be what it is, off by less than a step
    assert searched.counts[status] >= (20 if status is Status.PASS else 1)


@pytest.fixture
def a_small_grid(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nine geometries."""
    from conformance.cases.grids import grid

    monkeypatch.setattr(grid, "settings", lambda: [(3, 2, 1, 1, 0, 1), (4, 2, 2, 0, 1, 1), (5, 3, 1, 1, 1, 1)])
    grid.size.cache_clear()
