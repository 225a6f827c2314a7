"""The clauses about several calls: each has a backend that only one call, one condition or one order shows."""

from __future__ import annotations

import os
import threading
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from conformance.cases.case import Case
from conformance.cases.data.case_data import exact_inputs
from conformance.checks.contract import sequences
from harness.calls.caller import PLAIN, Arrays, CallResult, Conditions
from harness.contract.protocol import Array
from harness.geometry.spec import ConvSpec, Op
from harness.tests.helpers.faults.clauses import Clause, Under, on_call, put, require, told
from harness.tests.helpers.faults.faulty import Right, result

_PLAIN = "n2c3h6w7_f4kh3kw2"
_ALL = max(os.cpu_count() or 2, 2)
_ONE = "1 of 864 elements differ, first at [1, 2, 3], worst at [1, 2, 3]: got 1000000, expected #"


class _OtherBitsAfterAnother(Right):
    """A workspace that grew for another geometry makes the next sums run in another order."""

    last: ConvSpec | None = None

    def run(self, op: Op, spec: ConvSpec, *arrays: Array | None) -> Any:
        out = super().run(op, spec, *arrays)
        grown, self.last = self.last not in (None, spec), spec
        return np.nextafter(out, np.inf, dtype=out.dtype) if grown else out


class _ByBatch(Right):
    """Every image of a batch but the last is right."""

    def run(self, op: Op, spec: ConvSpec, *arrays: Array | None) -> Any:
        out = super().run(op, spec, *arrays)
        if spec.batch > 1:
            out[-1] = 0
        return out


class _NotTogether(Right):
    """Wrong where four threads are in it at one time: each waits for the others, but not for ever."""

    def __init__(self) -> None:
        self.all_here = threading.Barrier(4)

    def run(self, op: Op, spec: ConvSpec, *arrays: Array | None) -> Any:
        out = super().run(op, spec, *arrays)
        try:
            self.all_here.wait(timeout=900)
        except threading.BrokenBarrierError:
            return out
        return put(1e6, 1, 2, 3)(out)


class _Jammed(Right):
    """A flag that is set on entry and cleared only on success."""

    busy = False

    def run(self, op: Op, spec: ConvSpec, *arrays: Array | None) -> Any:
        jammed, self.busy = self.busy, True
        out = super().run(op, spec, *arrays)
        self.busy = False
        return put(1e6, 1, 2, 3)(out) if jammed else out


def test_the_second_time_is_compared_bit_by_bit() -> None:
    case = f"contract.repeatable/im2col/float32/{_PLAIN}"
    clause = Clause(on_call(3, put(1e6, 1, 2, 3)), case, f"im2col gave other bits the second time: {_ONE}")
    require(clause)
    zero = "n2c2h5w6_f3kh3kw3_pt1pb1pl1pr1"
    assert told(on_call(3, lambda out: -(-out - 0.0)), f"contract.repeatable/im2col/float32/{zero}")[0] == "pass"
    negative = on_call(3, lambda out: np.where(out == 0, np.float32(-0.0), out))
    status, text = told(negative, f"contract.repeatable/im2col/float32/{zero}")
    assert status == "fail"
    assert text.endswith("second time: the values are equal, the signs of zeros or the bits of NaN are not")


def test_a_call_on_another_geometry_lies_in_between() -> None:
    status, text = told(_OtherBitsAfterAnother, f"contract.repeatable/col2im/float64/{_PLAIN}")
    assert status == "fail"
    assert text.startswith(
        "col2im gave other bits the second time: 252 of 252 elements differ, first at [0, 0, 0, 0], "
    )


BATCHES = {
    "last_image": Clause(
        _ByBatch, f"contract.batch_split/conv2d_bias_grad/float32/{_PLAIN}",
        "conv2d_bias_grad of 2 images is not that of each alone: "
        "1 of 4 elements differ, first at [3], worst at [3]: got 0, expected #",
    ),
    "an_image": Clause(
        on_call(1, put(1e6, 1, 2, 3)), f"contract.batch_split/im2col/float32/{_PLAIN}",
        f"im2col of 2 images is not that of each alone: {_ONE}",
    ),
    "the_second_alone": Clause(
        on_call(3, put(1e6, 0, 2, 3)), f"contract.batch_split/im2col/float64/{_PLAIN}",
        "im2col of 2 images is not that of each alone: "
        "1 of 864 elements differ, first at [1, 2, 3], worst at [1, 2, 3]: got #, expected 1000000",
    ),
    "the_weights_of_the_second_alone": Clause(
        on_call(3, put(1e6, 3, 2, 2, 1)), f"contract.batch_split/conv2d_weight_grad/float32/{_PLAIN}",
        "conv2d_weight_grad of 2 images is not that of each alone: "
        "1 of 72 elements differ, first at [3, 2, 2, 1], worst at [3, 2, 2, 1]: got #, expected #",
    ),
}  # fmt: skip
THREADS = {
    "one": Clause(
        Under(put(1e6, 1, 2, 3), threads=1), f"contract.threads/im2col/float32/{_PLAIN}",
        f"im2col with 1 thread(s): {_ONE}",
    ),
    "all": Clause(
        Under(put(1e6, 1, 2, 3), threads=_ALL), f"contract.threads/im2col/float32/{_PLAIN}",
        f"im2col with {_ALL} thread(s): {_ONE}",
    ),
    "inside_at_one_time": Clause(
        _NotTogether, f"contract.concurrent/im2col/float32/{_PLAIN}", f"im2col, call 0 of 4 at once: {_ONE}",
    ),
    "after_an_error": Clause(
        _Jammed, f"contract.after_error/im2col/float32/{_PLAIN}", f"im2col after a call that failed: {_ONE}",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", BATCHES)
def test_images_alone_and_together(name: str) -> None:
    require(BATCHES[name])


@pytest.mark.parametrize("op", ["im2col", "col2im", "conv2d", "conv2d_input_grad", "conv2d_weight_grad"])
def test_batches_of_every_op_are_split_as_its_arguments_are(op: str) -> None:
    for bias in ("", "/bias=0") if op == "conv2d" else ("",):
        assert told(Right, f"contract.batch_split/{op}/float32/n3c4h6w7_f4kh3kw2_g2{bias}") == ("pass", "")


@pytest.mark.parametrize("name", THREADS)
def test_threads_and_errors(name: str) -> None:
    require(THREADS[name])


def test_all_threads_are_more_than_one() -> None:
    assert [sequences._all_threads(cores) for cores in (None, 1, 2, 3, 64)] == [2, 2, 2, 3, 64]


@pytest.mark.parametrize("number", range(4))
def test_every_one_of_the_callers_is_judged(number: int) -> None:
    case = f"contract.concurrent/im2col/float32/{_PLAIN}"
    own: Any = exact_inputs(replace(Case.parse(case), seed=number))[0]
    kind = result(lambda op, spec, out, a: put(1e6, 1, 2, 3)(out) if np.array_equal(np.asarray(a[0]), own) else out)
    require(Clause(kind, case, f"im2col, call {number} of 4 at once: {_ONE}"))


def test_callers_have_data_of_their_own() -> None:
    given: set[bytes] = set()

    def keep(op: Op, spec: ConvSpec, out: Any, arrays: tuple[Array | None, ...]) -> Any:
        given.add(b"" if arrays[0] is None else arrays[0].tobytes())
        return out

    assert told(result(keep), f"contract.concurrent/im2col/float32/{_PLAIN}") == ("pass", "")
    assert len(given) == 4 + 2  # of the mixed calls, two are on other geometries


def test_an_error_of_a_caller_and_a_wrong_form_are_told() -> None:
    def cannot(op: Op, spec: ConvSpec, out: Any, arrays: tuple[Array | None, ...]) -> Any:
        raise ValueError("no room")

    case = f"contract.concurrent/im2col/float32/{_PLAIN}"
    status, text = told(result(cannot), case)
    assert (status, text.partition(" (")[0]) == ("fail", "im2col raised ValueError: no room")
    wide = result(lambda op, spec, out, arrays: out.astype(np.float64))
    assert told(wide, case) == ("fail", "im2col returned dtype float64 for float32 input")


def test_the_failing_call_gets_nothing_at_all() -> None:
    given: list[tuple[Array | None, ...]] = []

    class Watches(Right):
        def run(self, op: Op, spec: ConvSpec, *arrays: Array | None) -> Any:
            given.append(arrays)
            return super().run(op, spec, *arrays)

    assert told(Watches, f"contract.after_error/conv2d/float32/{_PLAIN}") == ("pass", "")
    assert given[0] == (None, None, None)
    assert all(a is not None for a in given[1])


def test_a_backend_that_dies_of_nothing_is_told_what_it_was_given() -> None:
    class Dies(Under):
        def call(self, op: Op, spec: ConvSpec, arrays: Arrays, conditions: Conditions = PLAIN) -> CallResult:
            if arrays[0] is None:
                return CallResult(error="ended its process: SIGSEGV", died=True)
            return super().call(op, spec, arrays, conditions)

    told_of_it = told(Dies(lambda out: out), f"contract.after_error/im2col/float32/{_PLAIN}")
    assert told_of_it == ("fail", "im2col ended its process: SIGSEGV, given None in place of every array")
