"""The clauses about memory: each has a backend that is wrong in one thing, and only that clause tells it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from harness.calls.caller import PLAIN, Arrays, CallResult, Conditions
from harness.calls.in_process import InProcess
from harness.contract.adapter import complete
from harness.contract.protocol import Array
from harness.geometry.spec import ConvSpec, Op
from harness.tests.helpers.faults.clauses import Clause, Under, put, require, told
from harness.tests.helpers.faults.faulty import Right, load, result

_PLAIN = "n2c3h6w7_f4kh3kw2"
_PIXEL = "n1c1h1w1_f1kh1kw1"
_WRONG_AT_0 = "1 of 864 elements differ, first at [0, 0, 0], worst at [0, 0, 0]: got 1000000, expected #"


def _argument(number: int, change: Any) -> type[Right]:
    """Does something to one argument after it has computed."""

    def spoil(op: Op, spec: ConvSpec, out: Any, arrays: tuple[Array | None, ...]) -> Any:
        change(arrays[number])
        return out

    return result(spoil)


def _within(number: int, first: int = 0, step: int = 1) -> type[Right]:
    """Returns a part of an argument's memory."""

    def spoil(op: Op, spec: ConvSpec, out: Any, arrays: tuple[Any, ...]) -> Any:
        flat = arrays[number].reshape(arrays[number].size)
        return flat[first::step][: out.size].reshape(out.shape)

    return result(spoil)


class _OwnMemory(Right):
    """Has arrays of its own, and uses the last one given as scratch memory."""

    def from_numpy(self, a: Array) -> Array:
        return a.copy()

    def to_numpy(self, a: Array) -> Array:
        return a.copy()

    def synchronize(self, a: Array) -> None:
        return None

    def run(self, op: Op, spec: ConvSpec, *arrays: Array | None) -> Any:
        out = super().run(op, spec, *arrays)
        given = arrays[-1]
        assert given is not None
        given += 1
        return out


class _OneBuffer(_OwnMemory):
    """Has one array of its own for all results; what reaches the host is always a copy."""

    buffer: Any = None

    def run(self, op: Op, spec: ConvSpec, *arrays: Array | None) -> Any:
        out = Right.run(self, op, spec, *arrays)
        self.buffer = out if self.buffer is None else self.buffer
        np.copyto(self.buffer, out)
        return self.buffer


class _Scratch(Right):
    """Computes in the memory that it handed out last, and returns a copy."""

    last: Any = None

    def run(self, op: Op, spec: ConvSpec, *arrays: Array | None) -> Any:
        out = super().run(op, spec, *arrays)
        if self.last is not None:
            np.copyto(self.last, out)
        self.last = out.copy()
        return self.last


class _Arena(Right):
    """Hands out memory from one block, each result one element after the one before."""

    block: Any = None

    def run(self, op: Op, spec: ConvSpec, *arrays: Array | None) -> Any:
        out = super().run(op, spec, *arrays)
        self.block = np.zeros(out.size + 1, out.dtype)[:-1] if self.block is None else self.block.base[1:]
        self.block[...] = out.reshape(out.size)
        return self.block.reshape(out.shape)


CLAUSES = {
    "fortran_order": Clause(
        result(lambda op, s, out, a: np.asfortranarray(out)), f"contract.contiguous/im2col/float32/{_PLAIN}",
        "im2col returned strides (4, 8, 144) for shape (2, 18, 24), not C-contiguous",
    ),
    "a_view_with_gaps": Clause(
        result(lambda op, s, out, a: np.repeat(out, 2, axis=-1)[..., ::2]),
        f"contract.contiguous/conv2d/float64/{_PLAIN}",
        "conv2d returned strides (1536, 384, 96, 16) for shape (2, 4, 4, 6), not C-contiguous",
    ),
    "read_only": Clause(
        result(lambda op, s, out, a: np.frombuffer(out.tobytes(), out.dtype).reshape(out.shape)),
        f"contract.writeable/conv2d_bias_grad/float32/{_PLAIN}", "conv2d_bias_grad returned a read-only array",
    ),
    "first_argument_changed": Clause(
        _argument(0, lambda a: a.fill(0)), f"contract.inputs_untouched/im2col/float32/{_PLAIN}",
        "im2col changed the bytes of argument 0",
    ),
    "last_element_of_the_bias_changed": Clause(
        _argument(2, lambda a: np.copyto(a[-1:], 0)), f"contract.inputs_untouched/conv2d/float64/{_PLAIN}",
        "conv2d changed the bytes of argument 2",
    ),
    "made_read_only": Clause(
        _argument(1, lambda a: a.setflags(write=False)),
        f"contract.inputs_untouched/conv2d_input_grad/float32/{_PLAIN}",
        "conv2d_input_grad changed the writeable flag of argument 1",
    ),
    "reshaped_in_place": Clause(
        _argument(0, lambda a: setattr(a, "shape", (a.size,))), f"contract.inputs_untouched/im2col/float32/{_PLAIN}",
        "im2col changed the shape of argument 0, the strides of argument 0",
    ),
    "viewed_in_place": Clause(
        _argument(0, lambda a: setattr(a, "dtype", np.int32)), f"contract.inputs_untouched/im2col/float32/{_PLAIN}",
        "im2col changed the dtype of argument 0",
    ),
    "the_copy_on_the_device_changed": Clause(
        _OwnMemory, f"contract.inputs_untouched/conv2d_weight_grad/float32/{_PLAIN}",
        "conv2d_weight_grad changed the bytes of argument 1",
    ),
    "the_input_itself": Clause(
        _within(0), f"contract.no_alias_input/im2col/float32/{_PIXEL}",
        "im2col returned memory of argument 0",
    ),
    "the_weights_themselves": Clause(
        _within(1), f"contract.no_alias_input/conv2d/float32/{_PIXEL}",
        "conv2d returned memory of argument 1",
    ),
    "the_end_of_the_input": Clause(
        _within(0, first=7),
        f"contract.no_alias_input/col2im/float64/{_PLAIN}", "col2im returned memory of argument 0",
    ),
    "between_the_elements_of_the_input": Clause(
        _within(0, first=1, step=2),
        f"contract.no_alias_input/col2im/float32/{_PLAIN}", "col2im returned memory of argument 0",
    ),
    "one_buffer_on_the_device": Clause(
        _OneBuffer, f"contract.no_alias_previous/im2col/float32/{_PIXEL}",
        "im2col returned the memory of its previous result",
    ),
    "overlapping_results": Clause(
        _Arena, f"contract.no_alias_previous/conv2d/float32/{_PLAIN}",
        "conv2d returned the memory of its previous result",
    ),
    "computes_in_what_it_handed_out": Clause(
        _Scratch, f"contract.no_alias_previous/conv2d/float32/{_PLAIN}",
        "a second call of conv2d changed the first result",
    ),
    "never_written": Clause(
        Under(put(1e6, 0, 0, 0), poisoned=True), f"contract.uninitialised/im2col/float32/{_PLAIN}",
        f"im2col with all freed memory set to 0xFF: {_WRONG_AT_0}",
    ),
    "steps_ignored": Clause(
        Under(put(1e6, 0, 0, 0), layout="step2"), f"values.strided/im2col/float32/{_PLAIN}/layout=step2",
        f"im2col on step2 inputs: {_WRONG_AT_0}",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", CLAUSES)
def test_a_clause_sees_its_fault(name: str) -> None:
    require(CLAUSES[name])


def test_a_buffer_of_ones_own_is_not_the_callers() -> None:
    """Whose memory a result has is told by the check that asks for it: here it is that of the call before."""
    caller = load(_OneBuffer)
    assert told(caller, f"contract.no_alias_input/im2col/float32/{_PLAIN}") == ("pass", "")
    assert told(caller, f"contract.no_alias_input/im2col/float32/{_PLAIN}") == ("pass", "")


class _KeepsColumns(Right):
    """im2col gives back one array for each geometry, into which conv2d writes too; all else is right."""

    def __init__(self) -> None:
        self.kept: dict[Any, Any] = {}

    def run(self, op: Op, spec: ConvSpec, *arrays: Array | None) -> Any:
        out = super().run(op, spec, *arrays)
        if op == "im2col":
            buffer = self.kept.setdefault((spec, out.dtype), out)
            buffer[...] = out
            return buffer
        if op == "conv2d":
            for buffer in self.kept.values():
                buffer += 1
        return out


def test_an_op_is_not_blamed_for_memory_that_another_keeps() -> None:
    caller, case = load(_KeepsColumns), f"float32/{_PIXEL}"
    assert told(caller, f"contract.no_alias_previous/im2col/{case}") == (
        "fail", "im2col returned the memory of its previous result",
    )  # fmt: skip
    for check in ("contract.no_alias_previous", "values.domain"):
        assert told(caller, f"{check}/col2im/{case}") == ("pass", "")
    assert told(caller, f"contract.no_alias_previous/im2col/{case}")[0] == "fail"
    assert told(caller, f"contract.no_alias_previous/conv2d/{case}") == ("pass", "")


def test_of_a_result_that_another_op_changes_both_are_told() -> None:
    caller = load(_KeepsColumns)
    told(caller, f"contract.writeable/im2col/float32/{_PIXEL}")
    assert told(caller, f"values.domain/conv2d/float32/{_PIXEL}") == (
        "fail", "a result of im2col, made by an earlier call, was another after a call of conv2d",
    )  # fmt: skip


class _SharesTwo(InProcess):
    """What it returns belongs to both arguments, as a view over one block of memory may."""

    def call(self, op: Op, spec: ConvSpec, arrays: Arrays, conditions: Conditions = PLAIN) -> CallResult:
        outcome = super().call(op, spec, arrays, conditions)
        outcome.shares = ["argument 0", "the previous result", "argument 1"]
        return outcome


def test_both_owners_of_the_memory_are_told() -> None:
    caller = _SharesTwo(complete(Right(), "x", "x"))
    assert told(caller, f"contract.no_alias_input/conv2d/float32/{_PLAIN}") == (
        "fail", "conv2d returned memory of argument 0, argument 1",
    )  # fmt: skip


@pytest.mark.parametrize("check", ["no_alias_previous", "strided_inputs"])
def test_a_missing_bias_is_missing_in_every_call(check: str) -> None:
    assert told(Right, f"contract.{check}/conv2d/float32/{_PLAIN}/bias=0") == ("pass", "")
