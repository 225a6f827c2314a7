"""Every fault of a sample differs somewhere or is equivalent; and the suite sees a fault on the case that is named."""

from __future__ import annotations

from collections.abc import Iterable

import pytest

from conformance.cases.case import Case
from conformance.checks.under_test import BackendUnderTest
from conformance.power.fault import Fault, Implementation, load
from conformance.power.generator import faults, sample
from conformance.power.kinds import indices, memory, numbers, parameters, state
from conformance.power.right.ops import NOTHING, Change
from conformance.power.where.conditions import Condition, On
from conformance.power.witness import smallest
from conformance.power.witness.smallest import Witness, find
from conformance.run import engine
from conformance.run.results import CaseResult
from harness.contract.status import Status
from harness.geometry.spec import Op

pytestmark = pytest.mark.heavy


def _change(several: Iterable[Change], what: str) -> Change:
    return next(change for change in several if change.what == what)


def _fails(fault: Fault, case: str) -> bool:
    result = CaseResult(Case.parse(case))
    engine.judge(BackendUnderTest(load(Implementation(fault))), result)
    return result.status is Status.FAIL


def test_every_fault_of_a_sample_is_shown_or_equivalent_and_the_suite_sees_it_there() -> None:
    plain = ("index", "parameter", "random", "retold")
    chosen = [fault for fault in sample(faults(), 80, 77) if fault.kind.startswith(plain)]
    assert len(chosen) > 40
    found = [find(fault) for fault in chosen]
    assert [fault for fault, one in zip(chosen, found, strict=True) if bool(one.case) == bool(one.equivalent)] == []
    shown = [(fault, one.case) for fault, one in zip(chosen, found, strict=True) if one.case]
    assert len(shown) > 0.85 * len(chosen)
    assert [(str(fault), case) for fault, case in shown if not _fails(fault, case)] == []


@pytest.mark.parametrize(
    ("what", "condition", "expected"),
    [
        ("out_row misses the last", (), "n1c1h1w1_f1kh1kw1"),
        ("out_row misses the last", (On("N", ">", 4), On("KH", "=", 3)), "n5c1h2w1_f1kh3kw1_pt1pb0pl0pr0"),
        ("out_column goes backwards", (On("depthwise", "=", 1),), "n1c2h1w1_f2kh1kw1_pt0pb0pl1pr0_g2"),
    ],
)
def test_the_case_is_the_smallest(what: str, condition: tuple[On, ...], expected: str) -> None:
    fault = Fault("index.where", "conv2d", _change(indices.changes("conv2d"), what), Condition(condition))
    assert find(fault).case == f"values.exact/conv2d/float32/{expected}"


@pytest.mark.parametrize(
    ("kind", "op", "change", "more"),
    [
        ("state.cache", "im2col", _change(state.caches(), "a cache, its key without strides"), "after n"),
        ("state.cache", "col2im", _change(state.caches(), "a cache, its key without the batch"), "after n"),
        ("state.cache", "im2col", _change(state.caches(), "results cached by the sum of the data"), "after the same"),
        ("state.cache", "conv2d", _change(state.caches(), "the accumulator of the first dtype for all"), "in float64"),
        ("state.calls", "im2col", _change(state.calls(), "one scratch array for all threads"), "from several threads"),
        ("state.calls", "im2col", _change(state.calls(), "stuck after an error"), "after an error"),
        ("state.calls", "conv2d", _change(state.calls(), "other bits at every third call"), "again and again"),
        ("state.calls", "im2col", _change(state.calls(), "one buffer for all results of a shape"), "called twice"),
        ("memory.strides", "im2col",
         _change(memory.strides(1), "argument 0 with negative steps is read with its steps turned"), "layout=reversed"),
        ("memory.sharing", "col2im", _change(memory.sharing(1), "memory never written where nothing is added"),
         "contract.uninitialised"),
        ("memory.sharing", "im2col", _change(memory.sharing(1), "nothing for no images"), "/n0c"),
        ("data", "conv2d", _change(numbers.DATA, "NaN taken as 0"), "with a NaN"),
        ("data", "im2col", _change(numbers.DATA, "-0 results as 0"), "of zeros of both signs"),
        ("data", "conv2d", _change(numbers.DATA, "inputs of 5 taken as 4"), ""),
        ("precision", "conv2d", _change(numbers.PRECISION, "sums in float16"), ""),
    ],
)  # fmt: skip
def test_what_else_it_takes_is_told(kind: str, op: Op, change: Change, more: str) -> None:
    found = find(Fault(kind, op, change))
    assert (found.equivalent, more in found.case) == ("", True), found


@pytest.mark.parametrize(
    ("op", "change"),
    [
        ("im2col", NOTHING),
        ("conv2d", _change(parameters.changes("conv2d"), "pad_top swapped with pad_bottom in the sizes")),
        ("conv2d_bias_grad", _change(indices.changes("conv2d_bias_grad"), "out_row goes backwards")),
    ],
)
def test_what_changes_nothing_is_equivalent(op: Op, change: Change) -> None:
    assert find(Fault("parameter", op, change)) == Witness(
        equivalent=f"the same on all of {smallest.SAMPLE} geometries that meet the condition"
    )


def test_the_sign_of_zero_is_asked_of_im2col_alone() -> None:
    assert find(Fault("data", "conv2d", _change(numbers.DATA, "-0 results as 0"))).equivalent


def test_what_no_small_geometry_meets_says_so() -> None:
    fault = Fault("index.where", "im2col", _change(indices.changes("im2col"), "out_row misses the last"),
                  Condition((On("KH", "=", 2), On("taps", "=", 3))))  # fmt: skip
    assert find(fault).equivalent == ("no geometry of at most 200,000 multiply-adds was found that meets the condition")


def test_rounding_within_the_bound_is_equivalent() -> None:
    """Sums in float32 are what is asked of float16."""
    fault = Fault(
        "precision", "conv2d", _change(numbers.PRECISION, "sums in float32"), dtypes=("float16", "float32", "int32")
    )
    within = Fault(
        "precision", "conv2d", fault.change, Condition((On("K", "<", 100),)), ("float16", "float16", "float16")
    )
    assert find(within).equivalent
    wider = Fault("precision", "conv2d", fault.change, dtypes=("float16", "float32", "float64"))
    assert "float64" in find(wider).case
