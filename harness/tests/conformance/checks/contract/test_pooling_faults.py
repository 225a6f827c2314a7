"""Pooling that is wrong: each known fault is seen, each check of pooling says what is wrong, and why is named."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from conformance.cases.case import Case
from conformance.cases.selection import Selection
from conformance.cases.specs import DISTINCT
from conformance.checks.under_test import BackendUnderTest
from conformance.diagnosis import explain, mistakes
from conformance.run import engine
from conformance.run.plan import plan
from conformance.run.results import BackendResult, CaseResult
from harness.calls.in_process import InProcess
from harness.contract import registry
from harness.contract.status import Grade, Status
from harness.contract.targets import resolve
from harness.geometry.spec import OPS, ConvSpec, Op
from harness.tests.helpers.faults import faulty, pools
from harness.tests.helpers.plugins import GOOD, Write


def run_of(kind: type[faulty.Right], ops: Sequence[Op], pattern: str) -> BackendResult:
    """A backend judged in float32."""
    backend = faulty.load(kind)
    return engine.run(backend, plan(backend, Selection(ops=ops, dtypes=["float32"], pattern=pattern)))


@pytest.mark.parametrize("name", pools.FAULTS)
def test_a_known_fault_of_pooling_is_seen(name: str) -> None:
    kind, op, check = pools.FAULTS[name]
    result = run_of(kind, [op], check)
    wrong = [one for one in result.cases if one.status is Status.FAIL]
    assert wrong, f"no case of {check} sees it"
    grades = {one.grade for one in wrong}
    assert result.verdict == ("deviates" if grades == {Grade.FORM} else "fail")


def test_all_rows_of_the_catalogue_are_there() -> None:
    assert len([name for name in pools.FAULTS if name != "avgpool_pad_not_counted"]) == 15


@pytest.mark.parametrize("name", pools.OF_ITS_OWN)
def test_a_check_of_pooling_is_the_first_to_see_a_fault(name: str) -> None:
    kind, check = pools.OF_ITS_OWN[name]
    but = ("values.domain", "values.special", "contract.nonfinite")
    assert faulty.first_to_see(kind, but, pools.Pools, ("max_pool2d_grad",)) == check


def spoilt(check: str, op: Op, wrong: Any) -> tuple[str, str]:
    """Status and text of one case of a backend whose results are spoilt."""
    kind = faulty.result(lambda o, spec, out, arrays: wrong(out, arrays) if o == op else out, pools.Pools)
    result = CaseResult(Case(check, op, "float32", DISTINCT[1]))
    engine.judge(BackendUnderTest(faulty.load(kind)), result)
    return result.status.value, result.detail


@pytest.mark.parametrize("op", ["max_pool2d_grad", "avg_pool2d_grad", "avg_pool2d_exclude_padding_grad"])
def test_a_gradient_that_is_no_adjoint_is_charged_to_it(op: Op) -> None:
    status, text = spoilt("law.adjoint", op, lambda out, arrays: out * 2)
    assert status == "fail"
    assert f"{op} is at fault" in text
    forward: Op = op.removesuffix("_grad")  # type: ignore[assignment]
    kind = faulty.result(lambda o, spec, out, arrays: out + (o == forward), pools.Pools)
    result = CaseResult(Case("law.adjoint", op, "float32", DISTINCT[1]))
    engine.judge(BackendUnderTest(faulty.load(kind)), result)
    assert result.status is Status.MISTRUSTED
    assert f"{forward} is at fault, not {op}" in result.detail


@pytest.mark.parametrize("op", ["max_pool2d_grad", "avg_pool2d_exclude_padding_grad"])
def test_what_is_lost_of_dy_is_seen(op: Op) -> None:
    def lost(out: Any, arrays: Any) -> Any:
        out[0, 1, 0] = 0
        return out

    status, text = spoilt("law.conserved", op, lost)
    assert status == "fail"
    assert text.startswith(f"the sums of dx and dy of {op} differ: 1 of 12 elements differ, first at [0, 1]")


@pytest.mark.parametrize(
    ("op", "wrong", "text"),
    [
        ("max_pool2d", lambda out, a: np.where(np.isnan(out), 0, out), "nan at "),
        ("max_pool2d", lambda out, a: np.where(np.isneginf(out), -9, out), "-inf everywhere in x: "),
        ("max_pool2d", lambda out, a: np.where(np.isnan(a[0]).any(), np.nan, out), "nan at "),
        ("avg_pool2d", lambda out, a: np.where(np.isinf(out), np.nan, out), "inf at "),
        ("avg_pool2d_grad", lambda out, a: out + (not np.isfinite(a[0]).all()), "nan at "),
        ("max_pool2d_grad", lambda out, a: out + (not np.isfinite(a[1]).all()), "inf at "),
    ],
)
def test_what_is_not_finite_reaches_just_what_reads_it(op: Op, wrong: Any, text: str) -> None:
    status, told = spoilt("contract.nonfinite", op, lambda out, a: wrong(out, a).astype(out.dtype))
    assert status == "fail"
    assert told.startswith(text), told


def test_a_mask_may_meet_what_is_not_finite_within_its_window() -> None:
    """dy times a mask: 0 * NaN is NaN in the other pixels of a window, and nowhere else."""

    def masked(op: Op, spec: ConvSpec, out: Any, arrays: Any) -> Any:
        if op != "max_pool2d_grad" or np.isfinite(arrays[0]).all():
            return out
        reached = pools.spread(spec, (~np.isfinite(arrays[0])).astype(np.float64)) > 0
        return np.where(reached, np.nan, out).astype(out.dtype)

    result = CaseResult(Case("contract.nonfinite", "max_pool2d_grad", "float32", DISTINCT[1]))
    engine.judge(BackendUnderTest(faulty.load(faulty.result(masked, pools.Pools))), result)
    assert (result.status, result.detail) == (Status.PASS, "")


# -- why it is wrong -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("maxpool_padded_with_zero", "padding is taken for zeros, which are larger than negative pixels"),
        ("maxpool_grad_lost_into_padding", "padding is taken for zeros, and the gradient goes to it"),
        ("maxpool_ties_to_all", "every pixel that is as large as the largest gets the gradient"),
        ("avgpool_pad_counted", "padding is counted"),
        ("avgpool_pad_not_counted", "padding is not counted"),
    ],
)
def test_a_mistake_of_pooling_is_named(name: str, said: str) -> None:
    kind, op, _ = pools.FAULTS[name]
    result = run_of(kind, [op], "values.exact")
    told = [mistakes.likely(one.calls[0]) for one in result.cases if one.status is Status.FAIL and one.calls]
    assert told
    assert all(said in one for one in told)


# Plug-ins of NumPy alone, each wrong in one op: `seen` is what every window sees, with zeros in the padding.
_WRONG: dict[Op, str] = {
    "max_pool2d": "(x, spec):\n    return seen(x, spec).max(2).reshape(spec.pooled_shape)\n",
    "max_pool2d_grad": "(dy, x, spec):\n    each = dy.reshape(spec.batch, spec.in_channels, 1, spec.positions)\n"
    "    chosen = seen(x, spec) == seen(x, spec).max(2, keepdims=True)\n"
    "    return col2im((chosen * each).reshape(spec.columns_shape), spec)\n",
    "avg_pool2d_exclude_padding": "(x, spec):\n    return seen(x, spec).mean(2).reshape(spec.pooled_shape)\n",
}
_SEEN = """

def seen(x, spec):
    return im2col(x, spec).reshape(spec.batch, spec.in_channels, spec.taps, spec.positions)


def """


@pytest.mark.parametrize("op", _WRONG)
def test_a_script_repeats_a_failure_of_pooling(op: Op, write: Write) -> None:
    """Without us: the definition of a maximum, or a number for an average."""
    target = resolve(str(write("mine.py", f"{GOOD}{_SEEN}{op}{_WRONG[op]}")))
    backend = InProcess(registry.load(target))
    result = engine.run(backend, plan(backend, Selection(ops=[op], dtypes=["float32"], pattern="values.exact")))
    for failed in [one for one in result.cases if one.status is Status.FAIL and one.calls]:
        script = explain.explain(failed, target).script
        done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
        assert (done.returncode, "AssertionError" in done.stderr) == (1, True), f"{script}\n{done.stderr}"
        failed.native = frozenset(OPS)  # of pooling that is derived there is none
        assert explain.explain(failed, target).script == ""
    assert result.verdict == "fail"
