"""What `errors.*` offers to a backend: every wrong array, in its order, and what counts as a refusal of it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from conformance.cases.case import Case
from conformance.checks.outcomes import Failed
from conformance.checks.registration import CHECKS, check_of
from harness.calls.caller import Arrays, CallResult, Conditions
from harness.contract.protocol import validate
from harness.geometry.spec import ConvSpec, Op
from harness.tests.helpers.suite.asked import asked
from harness.tests.helpers.suite.fakes import FakeCaller, right

_SPEC = ConvSpec.parse("n2c6h7w8_f4kh3kw2_g2")  # x 2x6x7x8, w 4x3x3x2, y 2x4x5x7, columns 2x36x35
# For float32: the number and shape of the argument that is wrong; the others are as they should be.
SHAPES: dict[tuple[str, Op], list[tuple[int, tuple[int, ...]]]] = {
    ("errors.ndim", "im2col"): [(0, (12, 7, 8)), (0, (1, 2, 6, 7, 8))],
    ("errors.ndim", "col2im"): [(0, (72, 35)), (0, (1, 2, 36, 35))],
    ("errors.ndim", "conv2d"): [(0, (12, 7, 8)), (0, (1, 2, 6, 7, 8))],
    ("errors.ndim", "conv2d_input_grad"): [(0, (8, 5, 7)), (0, (1, 2, 4, 5, 7))],
    ("errors.ndim", "conv2d_weight_grad"): [
        (0, (8, 5, 7)), (0, (1, 2, 4, 5, 7)), (1, (12, 7, 8)), (1, (1, 2, 6, 7, 8)),
    ],
    ("errors.ndim", "conv2d_bias_grad"): [(0, (8, 5, 7)), (0, (1, 2, 4, 5, 7))],
    ("errors.channels", "im2col"): [(0, (2, 12, 7, 8))],
    ("errors.channels", "col2im"): [(0, (2, 72, 35))],
    ("errors.channels", "conv2d"): [(0, (2, 12, 7, 8))],
    ("errors.channels", "conv2d_input_grad"): [(0, (2, 8, 5, 7))],
    ("errors.channels", "conv2d_weight_grad"): [(0, (2, 8, 5, 7)), (1, (2, 12, 7, 8))],
    ("errors.channels", "conv2d_bias_grad"): [(0, (2, 8, 5, 7))],
    **{
        ("errors.weight", op): [(1, (4, 3, 2, 3)), (1, (3, 4, 3, 2)), (1, (8, 3, 3, 2)), (1, (4, 6, 3, 2))]
        for op in ("conv2d", "conv2d_input_grad")
    },
    ("errors.bias", "conv2d"): [(2, (5,)), (2, (4, 1)), (2, (1,))],
    ("errors.positions", "col2im"): [(0, (2, 36, 36)), (0, (2, 35, 36))],
    **{
        ("errors.positions", op): [(0, (2, 4, 5, 8)), (0, (2, 4, 7, 5))]
        for op in ("conv2d_input_grad", "conv2d_weight_grad", "conv2d_bias_grad")
    },
}  # fmt: skip
_ARGUMENTS = {
    "im2col": 1, "col2im": 1, "conv2d": 3, "conv2d_input_grad": 2, "conv2d_weight_grad": 2, "conv2d_bias_grad": 1,
}  # fmt: skip
_FOREIGN = ["complex128", "datetime64[s]"]
_OTHER = {"float16": "float64", "float32": "float64", "float64": "int64", "int32": "float64", "int64": "float64"}


class Offered(FakeCaller):
    """Refuses what does not fit, as told, and keeps it."""

    def __init__(self, refusal: CallResult | None = None) -> None:
        super().__init__(refuses=lambda op, spec, dtype: None)
        self.wrong: list[Arrays] = []
        self.right = 0

        def answer(op: Op, spec: ConvSpec, arrays: Arrays, conditions: Conditions) -> CallResult:
            try:
                validate(op, spec, *arrays)
            except ValueError:
                self.wrong.append(arrays)
                return refusal or CallResult(error="ValueError: no")
            self.right += 1
            return right(op, spec, arrays, conditions)

        self.answers = answer


def offered(id: str, op: Op, dtype: str = "float32", **more: Any) -> Offered:
    """The backend after one case."""
    caller, case = Offered(), Case(id, op, dtype, _SPEC, **more)
    check_of(case).run(asked(caller, case.spec, [case.op], [case.dtype]), case)
    return caller


def test_every_check_and_op_has_its_list() -> None:
    every = {(id, op) for id, parts in CHECKS.items() if id.startswith("errors.") for c in parts for op in c.ops}
    assert every == {*SHAPES, *(("errors.dtype", op) for op in _ARGUMENTS)}


@pytest.mark.parametrize(("id", "op"), SHAPES)
def test_the_shapes_that_are_offered(id: str, op: Op) -> None:
    shapes, found = _SPEC.input_shapes(op), []
    for arrays in offered(id, op).wrong:
        unlike = [(k, a.shape) for k, a in enumerate(arrays) if a is not None and a.shape != shapes[k]]
        found += unlike
        assert len(unlike) == 1
        assert {str(a.dtype) for a in arrays if a is not None} == {"float32"}
    assert found == SHAPES[id, op]


@pytest.mark.parametrize("dtype", _OTHER)
@pytest.mark.parametrize("op", _ARGUMENTS)
def test_the_dtypes_that_are_offered(op: Op, dtype: str) -> None:
    """Foreign ones in all arguments, then the other one in each of several."""
    count, other = _ARGUMENTS[op], _OTHER[dtype]
    one_other = [[other if k == which else dtype for k in range(count)] for which in range(count)]
    caller = offered("errors.dtype", op, dtype)
    found = [[str(a.dtype) for a in arrays if a is not None] for arrays in caller.wrong]
    assert found == [[foreign] * count for foreign in _FOREIGN] + one_other * (count > 1)
    assert {tuple(a.shape for a in arrays if a is not None) for arrays in caller.wrong} == {_SPEC.input_shapes(op)}


def test_a_bias_that_is_not_there_has_no_dtype() -> None:
    found = offered("errors.dtype", "conv2d", bias=False).wrong
    assert [[None if a is None else str(a.dtype) for a in arrays] for arrays in found] == [
        ["complex128", "complex128", None], ["datetime64[s]", "datetime64[s]", None],
        ["float64", "float32", None], ["float32", "float64", None],
    ]  # fmt: skip


@pytest.mark.parametrize(("id", "op"), [*SHAPES, *(("errors.dtype", op) for op in _ARGUMENTS)])
def test_a_wrong_array_is_plain_memory_and_a_right_call_follows_it(id: str, op: Op) -> None:
    """None has less memory than the right one, but for the single bias: a backend that trusts the spec reads it."""
    caller = offered(id, op)
    assert caller.right == len(caller.wrong) > 0
    for arrays in caller.wrong:
        assert all(a.flags.c_contiguous for a in arrays if a is not None)
        sizes = [a.nbytes for a in arrays if a is not None and a.shape != (1,)]
        shapes = [shape for shape, a in zip(_SPEC.input_shapes(op), arrays, strict=True) if a.shape != (1,)]  # type: ignore[union-attr]
        assert all(size >= 4 * np.prod(shape) for size, shape in zip(sizes, shapes, strict=True))


REFUSALS = {
    "ValueError: no": "",
    "KeyError: 'x'": "",
    "": "accepts silently: ",
    "SystemExit: 1": "raised SystemExit: 1, which is no ordinary exception",
    "KeyboardInterrupt: ": "raised KeyboardInterrupt: , which is no ordinary exception",
    "GeneratorExit: ": "raised GeneratorExit: , which is no ordinary exception",
    "BaseException: x": "raised BaseException: x, which is no ordinary exception",
}


@pytest.mark.parametrize("error", REFUSALS)
def test_only_an_ordinary_exception_is_a_refusal(error: str) -> None:
    case = Case("errors.bias", "conv2d", "float32", _SPEC)
    caller = Offered(CallResult(error=error, result=None))
    try:
        check_of(case).run(asked(caller, case.spec, [case.op], [case.dtype]), case)
        told = ""
    except Failed as failure:
        told = str(failure)
    assert REFUSALS[error] in told
    assert bool(told) == bool(REFUSALS[error])
    assert told.count("argument 2 of shape") == (3 if not error else bool(told))
