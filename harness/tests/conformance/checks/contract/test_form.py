"""`contract.type`, `.shape`, `.dtype`, `.empty_batch`: what is no plain array of the right form is told."""

from __future__ import annotations

import numpy as np
import pytest

from harness.tests.helpers.faults.clauses import Clause, require, told
from harness.tests.helpers.faults.faulty import Lazy, result

_PLAIN = "n2c3h6w7_f4kh3kw2"
_EMPTY = "n0c3h5w4_f2kh2kw3_sh2sw1_pt1pb0pl0pr1"
_FOREIGN = np.dtype(np.float32).newbyteorder()
_SHAPE = "the spec asks for (2, 18, 24)"

CLAUSES = {
    "nothing": Clause(
        result(lambda op, s, out, a: None), f"contract.type/im2col/float32/{_PLAIN}",
        "im2col returned NoneType, not an array",
    ),
    "a_list": Clause(
        result(lambda op, s, out, a: out.tolist()), f"contract.type/col2im/float32/{_PLAIN}",
        "col2im returned list, not an array",
    ),
    "objects": Clause(
        result(lambda op, s, out, a: out.astype(object)), f"contract.type/conv2d/float32/{_PLAIN}",
        "conv2d returned numpy.ndarray of dtype object, which is no dtype of the contract",
    ),
    "foreign_byte_order": Clause(
        result(lambda op, s, out, a: out.astype(out.dtype.newbyteorder())), f"contract.dtype/conv2d/float32/{_PLAIN}",
        f"conv2d returned numpy.ndarray of dtype {_FOREIGN}, which is no dtype of the contract",
    ),
    "a_subclass": Clause(
        result(lambda op, s, out, a: out.view(Lazy)), f"contract.type/conv2d_bias_grad/float64/{_PLAIN}",
        "conv2d_bias_grad returned harness.tests.helpers.faults.faulty.Lazy, a subclass of numpy.ndarray",
    ),
    "a_list_has_no_shape": Clause(
        result(lambda op, s, out, a: out.tolist()), f"contract.shape/im2col/float32/{_PLAIN}",
        "im2col returned list, not an array",
    ),
    "axis_too_many": Clause(
        result(lambda op, s, out, a: out[None]), f"contract.shape/im2col/float32/{_PLAIN}",
        f"im2col returned shape (1, 2, 18, 24), {_SHAPE}",
    ),
    "axes_swapped": Clause(
        result(lambda op, s, out, a: out.swapaxes(1, 2).copy()), f"contract.shape/im2col/float64/{_PLAIN}",
        f"im2col returned shape (2, 24, 18), {_SHAPE}",
    ),
    "axes_of_one_squeezed": Clause(
        result(lambda op, s, out, a: out.squeeze()), "contract.shape/conv2d/float32/n4c3h3w2_f5kh3kw2",
        "conv2d returned shape (4, 5), the spec asks for (4, 5, 1, 1)",
    ),
    "nothing_has_no_dtype": Clause(
        result(lambda op, s, out, a: None), f"contract.dtype/im2col/float32/{_PLAIN}",
        "im2col returned NoneType, not an array",
    ),
    "wider": Clause(
        result(lambda op, s, out, a: out.astype(np.float64)), f"contract.dtype/conv2d/float32/{_PLAIN}",
        "conv2d returned dtype float64 for float32 input",
    ),
    "narrower": Clause(
        result(lambda op, s, out, a: out.astype(np.float32)), f"contract.dtype/conv2d_weight_grad/float64/{_PLAIN}",
        "conv2d_weight_grad returned dtype float32 for float64 input",
    ),
    "of_the_same_size": Clause(
        result(lambda op, s, out, a: out.astype(np.int64)), f"contract.dtype/col2im/float64/{_PLAIN}",
        "col2im returned dtype int64 for float64 input",
    ),
    "gradient_of_no_images_is_not_zero": Clause(
        result(lambda op, s, out, a: out + 1), f"contract.empty_batch/conv2d_weight_grad/float32/{_EMPTY}",
        "conv2d_weight_grad of an empty batch is not zero",
    ),
    "gradient_of_no_images_is_nan": Clause(
        result(lambda op, s, out, a: out * np.nan), f"contract.empty_batch/conv2d_bias_grad/float32/{_EMPTY}",
        "conv2d_bias_grad of an empty batch is not zero",
    ),
    "no_images_of_another_shape": Clause(
        result(lambda op, s, out, a: out[:, :1]), f"contract.empty_batch/conv2d/float32/{_EMPTY}",
        "conv2d returned shape (0, 1, 3, 3), the spec asks for (0, 2, 3, 3)",
    ),
    "no_images_of_another_dtype": Clause(
        result(lambda op, s, out, a: out.astype(np.float64)), f"contract.empty_batch/im2col/float32/{_EMPTY}",
        "im2col returned dtype float64 for float32 input",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", CLAUSES)
def test_a_clause_sees_its_fault(name: str) -> None:
    require(CLAUSES[name])


def test_each_asks_its_own_question() -> None:
    """A result of the wrong dtype is of the right type and shape, and so on: a user is told one thing at a time."""
    wide, deep = (result(lambda op, s, out, a: out.astype(np.float64)), result(lambda op, s, out, a: out[None]))
    passed = [
        (check, name)
        for check in ("type", "shape", "dtype")
        for name, kind in (("wide", wide), ("deep", deep))
        if told(kind, f"contract.{check}/im2col/float32/{_PLAIN}") == ("pass", "")
    ]
    assert passed == [("type", "wide"), ("type", "deep"), ("shape", "wide"), ("dtype", "deep")]
