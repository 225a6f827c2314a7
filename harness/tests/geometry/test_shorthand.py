"""Shorthands of a geometry: one number for both axes, named padding, another rounding, and what is none of these."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from harness.geometry.numbers import four, integer, integers, pair
from harness.geometry.spec import ConvSpec, SpecError

_BASE: dict[str, Any] = dict(batch=2, in_channels=4, input_size=(7, 6), out_channels=6, kernel_size=(3, 2))


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"stride": -1}, "stride must be at least 1"),
        ({"stride": 0}, "stride must be at least 1"),
        ({"padding": -1}, "padding must be at least 0"),
        ({"dilation": 0}, "dilation must be at least 1"),
        ({"kernel_size": 0}, "kernel_size must be at least 1"),
        ({"kernel_size": (9, 1)}, "height 9 > 7"),
        ({"batch": -1}, "batch must be at least 0"),
        ({"groups": 3}, "in_channels must be divisible by groups: 4 % 3"),
        ({"groups": -2}, "groups must be at least 1"),
        ({"stride": (1,)}, "stride must have 2 integers"),
        ({"stride": (1, 2, 3)}, "stride must have 2 integers"),
        ({"padding": (1, 2, 3)}, "padding must be an int"),
        ({"padding": "sam"}, "padding must be numbers or one of"),
        ({"stride": 1.5}, "stride must be an integer, got 1.5"),
        ({"batch": True}, "batch must be an integer, got True"),
        ({"in_channels": "4"}, "in_channels must be an integer"),
        ({"rounding": "up"}, "rounding must be one of"),
        ({"stride": 2, "rounding": "exact"}, "stride 2 does not tile the width"),
    ],
)
def test_shorthands_that_are_refused(change: dict[str, Any], named: str) -> None:
    fields = {**_BASE, "input_size": (7, 7), **change} if "rounding" in change else {**_BASE, **change}
    with pytest.raises(SpecError, match=named):
        ConvSpec.of(**fields)


def test_numpy_integers_and_lists_are_plain_inside() -> None:
    spec = ConvSpec.of(**{**_BASE, "batch": np.int64(2), "stride": [2, np.int32(1)], "padding": np.array([1, 2])})
    assert spec.padding == (1, 1, 2, 2)
    assert type(spec.batch) is int
    assert type(spec.stride[1]) is int


@pytest.mark.parametrize("stride", [1, 2, 3])
@pytest.mark.parametrize("kernel", [1, 2, 3, 4])
@pytest.mark.parametrize("dilation", [1, 2])
@pytest.mark.parametrize("size", [3, 5, 6, 7])
def test_same_padding_is_that_of_onnx(size: int, kernel: int, stride: int, dilation: int) -> None:
    fields = {**_BASE, "input_size": size, "kernel_size": kernel, "stride": stride, "dilation": dilation}
    upper, lower = (ConvSpec.of(**fields, padding=name) for name in ("same", "same_lower"))
    assert upper.output_size == lower.output_size == (-(-size // stride),) * 2
    assert upper.padding[1] - upper.padding[0] in (0, 1)
    assert lower.padding == (upper.padding[1], upper.padding[0], upper.padding[3], upper.padding[2])


def test_full_and_valid_padding() -> None:
    assert ConvSpec.of(**_BASE, padding="full", dilation=2).padding == (4, 4, 2, 2)
    assert ConvSpec.of(**_BASE, padding="valid").padding == (0, 0, 0, 0)


def test_ceil_only_adds_end_padding() -> None:
    spec = ConvSpec.of(**{**_BASE, "input_size": (8, 7)}, stride=(3, 2), padding=(1, 0, 0, 2), rounding="ceil")
    assert spec.padding == (1, 0, 0, 3)
    assert spec.output_size == (3, 5)


def test_all_that_a_shorthand_says() -> None:
    spec = ConvSpec.of(
        batch=2, in_channels=6, input_size=11, out_channels=4, kernel_size=3, stride=2, padding=1, dilation=4, groups=2,
    )  # fmt: skip
    assert str(spec) == "n2c6h11w11_f4kh3kw3_sh2sw2_pt1pb1pl1pr1_dh4dw4_g2"
    spec = ConvSpec.of(**_BASE, stride=(2, 3), padding=(1, 2), dilation=(3, 4))
    assert str(spec) == "n2c4h7w6_f6kh3kw2_sh2sw3_pt1pb1pl2pr2_dh3dw4"
    assert ConvSpec.of(**_BASE, padding=(1, 2, 3, 4)).padding == (1, 2, 3, 4)
    assert str(ConvSpec.of(**_BASE)) == "n2c4h7w6_f6kh3kw2"


@pytest.mark.parametrize(
    ("name", "size", "kernel", "stride", "dilation", "padding"),
    [
        # reach 5 and 3; ceil(7 / 2) = 4 windows need 3 * 2 + 5 = 11 of 7; ceil(6 / 4) = 2 need 1 * 4 + 3 = 7 of 6
        ("same", (7, 6), (3, 3), (2, 4), (2, 1), (2, 2, 0, 1)),
        ("same_lower", (7, 6), (3, 3), (2, 4), (2, 1), (2, 2, 1, 0)),
        ("same", (8, 5), (2, 4), (1, 1), (1, 1), (0, 1, 1, 2)),
        ("same_lower", (8, 5), (2, 4), (1, 1), (1, 1), (1, 0, 2, 1)),
        ("same", (9, 9), (1, 2), (4, 3), (1, 1), (0, 0, 0, 0)),  # never negative
        ("full", (7, 6), (3, 2), (2, 1), (2, 3), (4, 4, 3, 3)),
        ("valid", (7, 6), (3, 2), (2, 1), (2, 3), (0, 0, 0, 0)),
    ],
)
def test_named_padding(
    name: Any, size: tuple[int, int], kernel: tuple[int, int], stride: tuple[int, int], dilation: tuple[int, int],
    padding: tuple[int, ...],
) -> None:  # fmt: skip
    fields = {**_BASE, "input_size": size, "kernel_size": kernel, "stride": stride, "dilation": dilation}
    assert ConvSpec.of(**fields, padding=name).padding == padding


@pytest.mark.parametrize(
    ("rounding", "size", "padding", "expected"),
    [
        # kernel 3 by 2, stride 3 by 2
        ("floor", (8, 7), (1, 0, 0, 2), (1, 0, 0, 2)),
        ("ceil", (8, 7), (1, 0, 0, 2), (1, 0, 0, 3)),
        ("ceil", (7, 6), (0, 0, 0, 0), (0, 2, 0, 0)),
        ("ceil", (8, 5), (1, 2, 1, 2), (1, 3, 1, 2)),
        ("ceil", (8, 7), "valid", (0, 1, 0, 1)),
        ("exact", (9, 6), (0, 0, 1, 1), (0, 0, 1, 1)),
    ],
)
def test_rounding_adds_to_the_end_what_the_stride_leaves_over(
    rounding: Any, size: tuple[int, int], padding: Any, expected: tuple[int, ...]
) -> None:
    spec = ConvSpec.of(**{**_BASE, "input_size": size}, stride=(3, 2), padding=padding, rounding=rounding)
    assert spec.padding == expected


@pytest.mark.parametrize(
    ("size", "message"),
    [
        ((8, 6), "stride 3 does not tile the height: 2 of the padded input is left over"),
        ((9, 7), "stride 2 does not tile the width: 1 of the padded input is left over"),
    ],
)
def test_exact_rounding_says_which_axis_is_not_tiled(size: tuple[int, int], message: str) -> None:
    with pytest.raises(SpecError) as caught:
        ConvSpec.of(**{**_BASE, "input_size": size}, stride=(3, 2), rounding="exact")
    assert str(caught.value) == message


@pytest.mark.parametrize("value", [3, np.int8(3), np.uint64(3), np.array(3)])
def test_any_whole_number_is_one(value: Any) -> None:
    assert (integer("it", value), type(integer("it", value))) == (3, int)
    assert (pair("it", value), four("it", value)) == ((3, 3), (3, 3, 3, 3))


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (True, "True"),
        (3.0, "3.0"),
        ("3", "'3'"),
        (None, "None"),
        (b"3", "b'3'"),
        (np.array([[3], [4]]), "array([[3], [4]])"),
    ],
)
def test_what_is_no_whole_number_is_shown_in_one_line(value: Any, shown: str) -> None:
    for read in (integer, pair, four):
        with pytest.raises(SpecError) as caught:
            read("it", value)
        assert str(caught.value) == f"it must be an integer, got {shown}"


@pytest.mark.parametrize("row", [(1, 2), [1, 2], np.array([1, 2]), range(1, 3)])
def test_any_row_of_two_is_a_pair(row: Any) -> None:
    assert (pair("it", row), four("it", row), integers("it", row, 2)) == ((1, 2), (1, 1, 2, 2), (1, 2))


def test_rows_of_another_length_are_refused() -> None:
    assert four("it", (1, 2, 3, 4)) == (1, 2, 3, 4)
    for row, shown in (((1, 2, 3), "(1, 2, 3)"), ([], "[]"), ((1, 2, 3, 4, 5), "(1, 2, 3, 4, 5)")):
        with pytest.raises(SpecError) as caught:
            four("it", row)
        assert str(caught.value) == f"it must be an int, (height, width) or (top, bottom, left, right), got {shown}"
        with pytest.raises(SpecError) as caught:
            pair("it", row)
        assert str(caught.value) == f"it must have 2 integers, got {shown}"
    with pytest.raises(SpecError, match=r"^it must have 2 integers, got b'ab'$"):
        integers("it", b"ab", 2)  # a sequence of two numbers, for Python
    with pytest.raises(SpecError, match=r"^it must be an integer, got 'x'$"):
        four("it", (1, 2, 3, "x"))  # type: ignore[arg-type]
