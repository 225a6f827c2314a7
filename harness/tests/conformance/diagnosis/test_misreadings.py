"""Every way to misread a geometry is known by its value and its words, and what it gives has the shapes that follow."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from conformance.checks.outcomes import RecordedCall
from conformance.diagnosis import misreadings, mistakes
from conformance.diagnosis.misreadings import Misreading
from harness.calls.caller import CallResult
from harness.geometry.spec import OPS, ConvSpec, Op, Shape
from harness.oracle import by_taps, data

# No two numbers of it are the same.
_DISTINCT = ConvSpec.parse("n2c4h9w13_f6kh2kw2_sh4sw5_pt1pb3pl2pr4_dh2dw3_g2")
_ALIKE = ConvSpec.parse("n1c1h6w6_f1kh2kw2_sh2sw2_pt1pb1pl1pr1")
_PLAIN = ConvSpec.parse("n1c1h6w6_f1kh2kw2")
_GROUPS = "the groups are ignored, so that every filter reads the first channels"


def differences(spec: ConvSpec) -> list[tuple[str, str, object]]:
    """The words of every misreading, and the one field that it reads differently."""
    found = []
    for misread in misreadings.misreadings(spec):
        fields = {name: getattr(misread, name) for name in ("batch", "stride", "padding", "dilation", "groups")}
        ((name, value),) = [(name, value) for name, value in fields.items() if value != getattr(spec, name)]
        found.append((misread.when, name, value))
    return found


def misread(spec: ConvSpec, **fields: Any) -> Misreading:
    """A geometry read with these fields, without words."""
    right = Misreading(
        when="", batch=spec.batch, stride=spec.stride, padding=spec.padding, dilation=spec.dilation, groups=spec.groups
    )
    return replace(right, **fields)


def test_a_geometry_of_distinct_numbers_is_misread_in_every_way() -> None:
    table: list[tuple[str, str, tuple[int, ...]]] = [
        ("the two axes of the stride are swapped, (5, 4) instead of (4, 5)", "stride", (5, 4)),
        ("the stride is ignored, (1, 1) instead of (4, 5)", "stride", (1, 1)),
        ("the stride of the height is used for the width too, (4, 4) instead of (4, 5)", "stride", (4, 4)),
        ("the stride of the width is used for the height too, (5, 5) instead of (4, 5)", "stride", (5, 5)),
        ("the two axes of the dilation are swapped, (3, 2) instead of (2, 3)", "dilation", (3, 2)),
        ("the dilation is ignored, (1, 1) instead of (2, 3)", "dilation", (1, 1)),
        ("the dilation of the height is used for the width too, (2, 2) instead of (2, 3)", "dilation", (2, 2)),
        ("the dilation of the width is used for the height too, (3, 3) instead of (2, 3)", "dilation", (3, 3)),
    ]
    paddings: list[tuple[str, tuple[int, ...]]] = [
        ("the padding is ignored", (0, 0, 0, 0)),
        ("the paddings before and after the image are swapped", (3, 1, 4, 2)),
        ("the paddings of height and width are swapped", (2, 4, 1, 3)),
        ("the padding before the image is used after it too", (1, 1, 2, 2)),
        ("the padding after the image is used before it too", (3, 3, 4, 4)),
        ("the padding is read as (top, left, bottom, right)", (1, 2, 3, 4)),
        ("the padding of the height is used for the width too", (1, 3, 1, 3)),
        ("the padding has one row too many at the top", (2, 3, 2, 4)),
        ("the padding has one row too few at the top", (0, 3, 2, 4)),
        ("the padding has one column too many on the left", (1, 3, 3, 4)),
        ("the padding has one column too few on the left", (1, 3, 1, 4)),
    ]
    assert differences(_DISTINCT) == [
        *table,
        *((f"{words}, {value} instead of (1, 3, 2, 4)", "padding", value) for words, value in paddings),
        (_GROUPS, "groups", 1),
        ("only the first image is computed", "batch", 1),
    ]


def test_what_comes_to_the_same_is_one_misreading() -> None:
    end = "instead of (1, 1, 1, 1)"
    assert differences(_ALIKE) == [
        ("the stride is ignored, (1, 1) instead of (2, 2)", "stride", (1, 1)),
        (f"the padding is ignored, (0, 0, 0, 0) {end}", "padding", (0, 0, 0, 0)),
        (f"the padding has one row too many at the top, (2, 1, 1, 1) {end}", "padding", (2, 1, 1, 1)),
        (f"the padding has one row too few at the top, (0, 1, 1, 1) {end}", "padding", (0, 1, 1, 1)),
        (f"the padding has one column too many on the left, (1, 1, 2, 1) {end}", "padding", (1, 1, 2, 1)),
        (f"the padding has one column too few on the left, (1, 1, 0, 1) {end}", "padding", (1, 1, 0, 1)),
    ]
    lopsided = replace(_PLAIN, padding=(0, 1, 0, 1))
    assert [value for *_, value in differences(lopsided)] == [
        (0, 0, 0, 0), (1, 0, 1, 0), (1, 1, 1, 1), (0, 0, 1, 1), (1, 1, 0, 1), (0, 1, 1, 1)
    ]  # fmt: skip


def test_no_padding_is_negative() -> None:
    end = "instead of (0, 0, 0, 0)"
    assert differences(_PLAIN) == [
        (f"the padding has one row too many at the top, (1, 0, 0, 0) {end}", "padding", (1, 0, 0, 0)),
        (f"the padding has one column too many on the left, (0, 0, 1, 0) {end}", "padding", (0, 0, 1, 0)),
    ]


@pytest.mark.parametrize(("first", "second"), [(_PLAIN, "n2c1h6w6_f1kh2kw2"), (_PLAIN, "n1c2h6w6_f2kh2kw2_g2")])
def test_two_are_enough_to_be_taken_for_one(first: ConvSpec, second: str) -> None:
    (words, name, value) = differences(ConvSpec.parse(second))[-1]
    assert (words, name, value) in [(_GROUPS, "groups", 1), ("only the first image is computed", "batch", 1)]
    assert len(differences(ConvSpec.parse(second))) == len(differences(first)) + 1


@pytest.mark.parametrize(
    ("fields", "paddings"),
    [
        # The right output is 4 x 4: at stride 1 its last windows end long before the padding does.
        ({"stride": (1, 1)}, [(1, 3, 2, 4), (1, 3, 2, 4)]),
        ({"padding": (0, 0, 0, 0)}, [(0, 0, 0, 0), (0, 2, 0, 6)]),
        ({"padding": (2, 3, 2, 4)}, [(2, 3, 2, 4), (2, 3, 2, 4)]),
        ({"padding": (1, 1, 4, 0)}, [(1, 1, 4, 0), (1, 1, 4, 2)]),
        ({"stride": (5, 4)}, [(1, 3, 2, 4), (1, 3, 2, 4)]),
        ({"stride": (5, 5), "dilation": (2, 4)}, [(1, 3, 2, 4), (1, 3, 2, 5)]),
    ],
)
def test_zeros_after_the_image_make_room_for_the_right_positions(
    fields: dict[str, Any], paddings: list[tuple[int, ...]]
) -> None:
    assert _DISTINCT.output_size == (3, 4)
    read = list(misreadings._geometries(misread(_DISTINCT, **fields), _DISTINCT))
    assert [g.padding for g in read] == paddings
    for name, value in fields.items():
        assert name == "padding" or {getattr(g, name) for g in read} == {value}


def test_where_the_image_is_too_small_as_read_zeros_make_room() -> None:
    spec = ConvSpec.parse("n1c1h2w3_f1kh3kw3_pt1pb0pl1pr1")
    read = list(misreadings._geometries(misread(spec, padding=(0, 0, 0, 0)), spec))
    assert [g.padding for g in read] == [(0, 1, 0, 2)]


def test_columns_are_cut_along_six_axes_or_as_they_lie_in_memory() -> None:
    was, now = ConvSpec.parse("n1c1h1w7_f1kh1kw2_sh1sw2"), ConvSpec.parse("n1c1h2w2_f1kh1kw1")
    a = np.arange(1.0, 7.0).reshape(was.columns_shape)  # taps 1 2 3 and 4 5 6, each at three positions of one row
    assert misreadings.fitted(a, now, was, now.columns_shape).tolist() == [[[1, 2, 0, 0]]]
    assert misreadings.fitted(a, now, was, now.columns_shape, by_axes=False).tolist() == [[[1, 2, 3, 0]]]
    plane = np.arange(1, 7, dtype=np.float32).reshape(1, 1, 2, 3)
    cut = misreadings.fitted(plane, now, was, (1, 2, 1, 4))
    assert (cut.tolist(), str(cut.dtype)) == ([[[[1, 2, 3, 0]], [[0, 0, 0, 0]]]], "float32")


_SHAPES: dict[Op, tuple[Shape, Shape]] = {
    # As it is read, at stride 1 and with 4 + 1 x 5 + 2 pixels under a kernel of 2 x 3; fitted to the right shape.
    "im2col": ((2, 24, 20), (2, 24, 6)),
    "col2im": ((2, 4, 4, 5), (2, 4, 4, 5)),
    "conv2d": ((2, 6, 4, 5), (2, 6, 2, 3)),
    "conv2d_input_grad": ((2, 4, 4, 5), (2, 4, 4, 5)),
    "conv2d_weight_grad": ((6, 2, 2, 3), (6, 2, 2, 3)),
    "conv2d_bias_grad": ((6,), (6,)),
}


@pytest.mark.parametrize("op", OPS)
def test_results_come_as_read_and_fitted_to_the_right_shape(op: Op) -> None:
    spec = ConvSpec.parse("n2c4h4w5_f6kh2kw3_sh2sw2_pt0pb1pl1pr1_g2")
    arrays = data.exact(op, spec, "float64", "0")
    given = [a.copy() for a in arrays]
    made = list(misreadings.results(misread(spec, stride=(1, 1)), op, spec, arrays))
    assert [a.shape for a in made] == [*_SHAPES[op]] * 4
    assert all(np.array_equal(a, b) for a, b in zip(arrays, given, strict=True))
    if op in ("im2col", "conv2d"):
        assert np.array_equal(made[0], by_taps.run(op, replace(spec, stride=(1, 1)), *arrays))


def test_a_misread_result_in_the_memory_of_the_right_one_is_named() -> None:
    """As many positions either way: the columns only seem to have another order."""
    spec = ConvSpec.parse("n1c2h5w7_f1kh1kw1_sh2sw3")
    swapped = replace(spec, stride=(3, 2))
    (x,) = data.exact("im2col", spec, "float32", "0")
    assert (spec.output_size, swapped.output_size) == ((3, 3), (2, 4))
    made = np.zeros(spec.columns_shape, np.float32)
    made[..., :8] = by_taps.run("im2col", swapped, x)
    said = mistakes.likely(RecordedCall("im2col", spec, (x,), CallResult(result=made)))
    assert said == "this is exactly what you get when the two axes of the stride are swapped, (3, 2) instead of (2, 3)"
