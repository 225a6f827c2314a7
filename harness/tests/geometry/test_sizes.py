"""Every size that follows from a geometry, and every rule on its boundary, in numbers worked out by hand."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from harness.geometry.numbers import LIMIT, integer
from harness.geometry.spec import OPS, ConvSpec, Op, SpecError

_SPEC = ConvSpec.parse("n2c6h9w10_f4kh3kw2_sh2sw3_pt1pb2pl0pr1_dh1dw4_g2")


def test_the_sizes_of_a_geometry() -> None:
    assert _SPEC.reach == (3, 5)  # (3 - 1) * 1 + 1, (2 - 1) * 4 + 1
    assert _SPEC.padded_size == (12, 11)
    assert _SPEC.output_size == (5, 3)  # (12 - 3) // 2 + 1, (11 - 5) // 3 + 1
    assert (_SPEC.taps, _SPEC.positions) == (6, 15)
    assert (_SPEC.x_shape, _SPEC.w_shape, _SPEC.b_shape) == ((2, 6, 9, 10), (4, 3, 3, 2), (4,))
    assert (_SPEC.columns_shape, _SPEC.y_shape) == ((2, 36, 15), (2, 4, 5, 3))


def test_what_each_op_takes_and_gives() -> None:
    x, w, b, columns, y = (2, 6, 9, 10), (4, 3, 3, 2), (4,), (2, 36, 15), (2, 4, 5, 3)
    assert {op: (_SPEC.input_shapes(op), _SPEC.output_shape(op)) for op in OPS} == {
        "im2col": ((x,), columns),
        "col2im": ((columns,), x),
        "conv2d": ((x, w, b), y),
        "conv2d_input_grad": ((y, w), x),
        "conv2d_weight_grad": ((y, x), w),
        "conv2d_bias_grad": ((y,), b),
    }


@pytest.mark.parametrize(
    ("op", "work", "flops", "elements"),
    [
        ("im2col", 1080, 0, 1080 + 1080),  # 2 * 36 * 15 columns; x is 2 * 6 * 9 * 10
        ("col2im", 1080, 1080, 1080 + 1080),
        ("conv2d", 2160, 4320, 1080 + 72 + 4 + 120),  # 2 * 4 * 15 results of 3 * 6 products
        ("conv2d_input_grad", 2160, 4320, 120 + 72 + 1080),
        ("conv2d_weight_grad", 2160, 4320, 120 + 1080 + 72),
        ("conv2d_bias_grad", 120, 120, 120 + 4),
    ],
)
def test_work_and_memory_of_each_op(op: Op, work: int, flops: int, elements: int) -> None:
    assert (_SPEC.work(op), _SPEC.flops(op)) == (work, flops)
    assert [_SPEC.min_bytes(op, dtype) for dtype in ("float16", "float32", "float64")] == [
        2 * elements,
        4 * elements,
        8 * elements,
    ]


def test_bytes_of_the_columns() -> None:
    assert [_SPEC.columns_bytes(dtype) for dtype in ("float16", "float32", "int64")] == [2160, 4320, 8640]


_FIELDS: dict[str, Any] = dict(
    batch=1, in_channels=4, input_size=(5, 7), out_channels=6, kernel_size=(3, 2), stride=(1, 1), padding=(0, 0, 0, 0),
    dilation=(1, 1), groups=2,
)  # fmt: skip
_PAIRS = ("input_size", "kernel_size", "stride", "padding", "dilation")


def test_what_is_not_given_is_dense_and_has_no_padding_and_one_group() -> None:
    spec = ConvSpec(batch=2, in_channels=3, input_size=(5, 7), out_channels=4, kernel_size=(3, 2))
    assert (spec.stride, spec.padding, spec.dilation, spec.groups) == ((1, 1), (0, 0, 0, 0), (1, 1), 1)


@pytest.mark.parametrize(
    ("field", "least"),
    [("batch", 0), ("in_channels", 1), ("out_channels", 1), ("groups", 1)],
)
def test_numbers_are_as_small_as_may_be(field: str, least: int) -> None:
    fields = {**_FIELDS, "groups": 1}
    assert getattr(ConvSpec(**{**fields, field: least}), field) == least
    with pytest.raises(SpecError, match=f"^{field} must be at least {least}, got {least - 1}$"):
        ConvSpec(**{**fields, field: least - 1})


@pytest.mark.parametrize("field", list(_FIELDS))
def test_a_number_that_is_none_is_named_by_its_field(field: str) -> None:
    value = _FIELDS[field]
    wrong = (*value[:-1], "x") if isinstance(value, tuple) else "x"
    with pytest.raises(SpecError, match=f"^{field} must be an integer, got 'x'$"):
        ConvSpec(**{**_FIELDS, field: wrong})
    if isinstance(value, tuple):
        with pytest.raises(SpecError, match=f"^{field} must have {len(value)} integers, got "):
            ConvSpec(**{**_FIELDS, field: value[1:]})


def test_numbers_are_plain_whatever_they_were_given_as() -> None:
    """Else equal geometries would have other hashes and texts."""
    given: dict[str, Any] = {name: np.array(value) for name, value in _FIELDS.items()}
    spec = ConvSpec(**given)
    assert (spec, hash(spec), str(spec)) == (ConvSpec(**_FIELDS), hash(ConvSpec(**_FIELDS)), "n1c4h5w7_f6kh3kw2_g2")
    numbers = [n for name in _FIELDS for n in (getattr(spec, name) if name in _PAIRS else (getattr(spec, name),))]
    assert {type(number) for number in numbers} == {int}


@pytest.mark.parametrize("axis", [0, 1])
@pytest.mark.parametrize("field", ["input_size", "kernel_size", "stride", "dilation"])
def test_numbers_of_either_axis_are_at_least_1(field: str, axis: int) -> None:
    value = list(_FIELDS[field])
    value[axis] = 0
    with pytest.raises(SpecError, match=rf"^{field} must be at least 1, got \({value[0]}, {value[1]}\)$"):
        ConvSpec(**{**_FIELDS, field: tuple(value)})


@pytest.mark.parametrize("side", range(4))
def test_padding_of_each_side_is_at_least_0(side: int) -> None:
    pads = [1, 2, 3, 4]
    assert ConvSpec(**{**_FIELDS, "padding": tuple(pads)}).padding == (1, 2, 3, 4)
    pads[side] = -1
    with pytest.raises(SpecError, match=r"^padding must be at least 0, got \("):
        ConvSpec(**{**_FIELDS, "padding": tuple(pads)})


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"in_channels": 5}, "in_channels must be divisible by groups: 5 % 2 is not 0"),
        ({"out_channels": 5}, "out_channels must be divisible by groups: 5 % 2 is not 0"),
        ({"kernel_size": (6, 7)}, "the dilated kernel must fit the padded input: height 6 > 5"),
        ({"kernel_size": (5, 8)}, "the dilated kernel must fit the padded input: width 8 > 7"),
        ({"dilation": (3, 1)}, "the dilated kernel must fit the padded input: height 7 > 5"),
        ({"kernel_size": (9, 8), "padding": (1, 2, 0, 1)}, "height 9 > 8"),
    ],
)
def test_rules_between_numbers(change: dict[str, Any], message: str) -> None:
    with pytest.raises(SpecError, match=message.replace("(", r"\(")):
        ConvSpec(**{**_FIELDS, **change})


def test_a_kernel_may_fill_the_padded_input() -> None:
    assert ConvSpec(**{**_FIELDS, "kernel_size": (5, 7)}).output_size == (1, 1)
    assert ConvSpec(**{**_FIELDS, "kernel_size": (8, 8), "padding": (1, 2, 0, 1)}).output_size == (1, 1)
    assert ConvSpec(**{**_FIELDS, "dilation": (2, 6)}).output_size == (1, 1)


@pytest.mark.parametrize(
    ("name", "text", "more"),
    [
        # text with {} is as large as may be; {} + 1 is 2^63 elements
        ("x", "n{}c4294967296h1w1_f1kh1kw1", 2**31),
        ("w", "n0c{}h1w1_f4294967296kh1kw1", 2**31),
        ("columns", "n{}c2147483648h1w1_f1kh1kw2_pl1", 2**31),
        ("y", "n{}c1h1w1_f4294967296kh1kw1", 2**31),
        ("multiply-adds", "n{}c2097152h1w1_f2097152kh1kw1", 2**21),
        ("padded x", "n0c2h1w1_f1kh1kw1_pt{}pl1073741823", 2**32 - 1),
    ],
)
def test_elements_are_counted_with_63_bits(name: str, text: str, more: int) -> None:
    ConvSpec.parse(text.format(more - 1))
    with pytest.raises(SpecError, match=rf"^the number of elements must be below 2\^63: {name} has {2**63}$"):
        ConvSpec.parse(text.format(more))


def test_numbers_are_of_63_bits() -> None:
    assert (LIMIT, integer("it", 2**63 - 1), integer("it", 1 - 2**63)) == (2**63, 2**63 - 1, 1 - 2**63)
    for number in (2**63, -(2**63)):
        with pytest.raises(SpecError, match=r"^it must be below 2\^63, got a number of 64 bits$"):
            integer("it", number)


@pytest.mark.parametrize(
    ("text", "left_over"),
    [
        ("n1c1h4w5_f1kh2kw2_sh2sw2", (0, 1)),
        ("n1c1h5w4_f1kh2kw2_sh2sw2_pt1pb1pl0pr1", (1, 1)),
        ("n1c1h9w9_f1kh3kw2_sh4sw3_dh2dw1", (0, 1)),
        ("n1c1h3w3_f1kh3kw3", (0, 0)),
    ],
)
def test_what_a_stride_leaves_over(text: str, left_over: tuple[int, int]) -> None:
    assert ConvSpec.parse(text).left_over == left_over
