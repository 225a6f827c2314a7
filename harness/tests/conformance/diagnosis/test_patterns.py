"""What is wrong with a result is put in words: where it is wrong, and which mistake gives just that."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import msgspec
import numpy as np
import pytest

from conformance.checks.outcomes import RecordedCall
from conformance.diagnosis import misreadings, mistakes, where
from harness.calls.caller import CallResult
from harness.contract.protocol import Array
from harness.geometry.spec import ConvSpec, Op
from harness.oracle import by_taps, data
from harness.tests.helpers.plugins import GOOD, edited
from harness.tests.helpers.recorded import recorded, written

_SPEC = ConvSpec.parse("n2c4h7w8_f6kh3kw2_sh2sw3_pt1pb0pl1pr2_dh1dw2_g2")


def mask(op: Op, spec: ConvSpec, index: Any) -> Array:
    """A mask of the result's shape, columns opened to six axes while it is marked."""
    shape = spec.output_shape(op)
    opened = (spec.batch, spec.in_channels, *spec.kernel_size, *spec.output_size) if len(shape) == 3 else shape
    marked = np.zeros(opened, bool)
    marked[index] = True
    return marked.reshape(shape)


_WIDE = ConvSpec.parse("n2c4h21w21_f4kh3kw3_g2")
_PADDED = ConvSpec.parse("n3c2h5w5_f2kh3kw3_pt1pb1pl1pr1")


@pytest.mark.parametrize(
    ("op", "spec", "index", "text"),
    [
        ("conv2d", _WIDE, ..., "every element"),
        ("conv2d", _WIDE, np.s_[..., 16:], "only the tail columns (from 16 on)"),
        ("conv2d", _WIDE, np.s_[..., -1], "only the last column"),
        ("conv2d", _WIDE, np.s_[..., 0, :], "only the first row"),
        ("conv2d", _WIDE, np.s_[..., 1::2, :], "only odd rows"),
        ("conv2d", _WIDE, np.s_[..., ::2], "only even columns"),
        ("conv2d", _WIDE, np.s_[1:], "only the last image"),
        ("conv2d", _PADDED, np.s_[1:], "only images after the first"),
        ("conv2d", _WIDE, np.s_[:, 2:], "only filters of the groups after the first"),
        ("conv2d_input_grad", _WIDE, np.s_[:, 1::2], "only channels after the first of each group"),
        ("im2col", _WIDE, np.s_[:, :, 1:], "only kernel rows after the first"),
        ("im2col", _WIDE, np.s_[:, :, :, :, -1, -1], "only the last position"),
        ("col2im", _WIDE, np.s_[1, :, 1::2], "only odd rows and the last image"),
        ("conv2d", _WIDE, np.s_[0, 1, 2, 3], "only one element, image 0, filter 1, row 2, column 3"),
        ("conv2d_bias_grad", _PADDED, np.s_[1:], "only one element, filter 1"),
        ("conv2d_bias_grad", _WIDE, np.s_[1:], "only filters after the first"),
    ],
)
def test_the_pattern_is_put_in_words(op: Op, spec: ConvSpec, index: object, text: str) -> None:
    assert where.describe(op, spec, mask(op, spec, index)) == text


def test_borders_and_padding_are_recognised() -> None:
    edge = mask("conv2d", _WIDE, np.s_[:])
    edge[..., 1:-1, 1:-1] = False
    assert where.describe("conv2d", _WIDE, edge) == "only the border"
    small = ConvSpec.parse("n1c2h6w6_f1kh2kw1")  # the border of the positions, whatever the kernel
    around = mask("im2col", small, np.s_[:]).reshape(1, 2, 2, 1, 5, 6)
    around[..., 1:-1, 1:-1] = False
    assert where.describe("im2col", small, around.reshape(small.columns_shape)) == "only the border"
    touched = mask("im2col", _PADDED, np.s_[:]) | True
    touched.reshape(-1, 5, 5)[:, 1:-1, 1:-1] = False
    pad_left = replace(_PADDED, padding=(0, 0, 2, 0))
    assert where.describe("im2col", _PADDED, touched) in ("only the border", "only windows that touch padding")
    inside = by_taps.run("im2col", pad_left, np.ones(pad_left.x_shape)) > 0
    assert "elements read from padding" in where.describe("im2col", pad_left, ~inside)
    assert where.describe("im2col", pad_left, inside) == "every element that an input reaches"
    assert where.describe("im2col", pad_left, inside & False) == ""


def test_the_picture_is_the_first_wrong_plane() -> None:
    assert where.picture("conv2d", _PADDED, mask("conv2d", _PADDED, np.s_[1, 1, 1, 2:])) == [
        ".....", "..###", ".....", ".....", ".....",
    ]  # fmt: skip
    far = where.picture("im2col", _WIDE, mask("im2col", _WIDE, np.s_[0, 3, 2, 2, 16, 16]), rows=1, columns=3)
    assert (len(far), len(far[0])) == (1, 3)
    assert "#" in "".join(far)


def misread(**fields: Any) -> ConvSpec:
    """The geometry as a backend takes it that reads these fields wrongly."""
    return replace(_SPEC, **fields)


_MUTANTS: list[tuple[Op, str, object]] = [
    ("im2col", "when the two axes of the stride are swapped, (3, 2) instead of (2, 3)", misread(stride=(3, 2))),
    ("conv2d", "when the stride of the height is used for the width too, (2, 2) instead", misread(stride=(2, 2))),
    ("conv2d_weight_grad", "when the dilation is ignored, (1, 1) instead of (1, 2)", misread(dilation=(1, 1))),
    ("col2im", "when the padding is ignored, (0, 0, 0, 0) instead of (1, 0, 1, 2)", misread(padding=(0, 0, 0, 0))),
    ("conv2d", "when the paddings before and after the image are swapped, (0, 1, 2, 1)", misread(padding=(0, 1, 2, 1))),
    (
        "conv2d_input_grad",
        "when the padding after the image is used before it too, (0, 0, 2, 2)",
        misread(padding=(0, 0, 2, 2)),
    ),
    ("conv2d", "when the bias is left out", lambda x, w, b: by_taps.run("conv2d", _SPEC, x, w, None)),
    ("conv2d", "when the bias is added twice", lambda x, w, b: by_taps.run("conv2d", _SPEC, x, w, 2 * b)),
    ("conv2d", "when the kernel is flipped", lambda x, w, b: by_taps.run("conv2d", _SPEC, x, w[..., ::-1, ::-1], b)),
    ("conv2d", "when the groups are ignored, so that every filter reads the first channels", misread(groups=1)),
    ("conv2d", "when only the first image is computed", misread(batch=1)),
    (
        "conv2d_weight_grad",
        "when every value is multiplied by 0.5",
        lambda dy, x: 0.5 * by_taps.run("conv2d_weight_grad", _SPEC, dy, x),
    ),
    ("conv2d", "the result is all zeros", lambda x, w, b: np.zeros(_SPEC.y_shape)),
    ("conv2d", "when every value is multiplied by 2", lambda x, w, b: 2 * by_taps.run("conv2d", _SPEC, x, w, b)),
]


@pytest.mark.parametrize(("op", "text", "change"), _MUTANTS)
def test_the_likely_mistake_is_named(op: Op, text: str, change: object) -> None:
    arrays = data.exact(op, _SPEC, "float64", "0")
    if isinstance(change, ConvSpec):
        fitted = [misreadings.fitted(a, change, _SPEC, s) for a, s in zip(arrays, change.input_shapes(op), strict=True)]
        made = misreadings.fitted(by_taps.run(op, change, *fitted), _SPEC, change, _SPEC.output_shape(op))
    else:
        made = change(*arrays)  # type: ignore[operator]
    assert text in mistakes.likely(RecordedCall(op, _SPEC, arrays, CallResult(result=made)))


def test_a_misread_geometry_may_have_all_positions_of_the_right_one() -> None:
    """Without padding the last windows reach beyond the image; they may be filled with zeros instead of left out."""
    arrays = data.exact("conv2d", _SPEC, "float64", "0")
    made = by_taps.run("conv2d", misread(padding=(0, 0, 0, 1)), *arrays)
    assert made.shape == _SPEC.y_shape
    assert "when the padding is ignored" in mistakes.likely(
        RecordedCall("conv2d", _SPEC, arrays, CallResult(result=made))
    )


_SPOILT: list[tuple[Op, str, Callable[[Array], Array]]] = [
    ("conv2d", "the first image is given in place of every image", lambda y: np.broadcast_to(y[:1], y.shape).copy()),
    ("im2col", "the images are reversed", lambda columns: columns[::-1]),
    ("conv2d", "the filters are reversed", lambda y: y[:, ::-1]),
    ("col2im", "the pixels are reversed", lambda x: x[..., ::-1, ::-1]),
    ("conv2d", "the last two axes of the result are swapped", lambda y: y.swapaxes(-1, -2)),
    ("im2col", "the rows and positions of the columns are swapped", lambda columns: columns.swapaxes(-1, -2)),
    ("conv2d", "the right values are returned in another shape", lambda y: y.reshape(2, -1)),
    ("conv2d_weight_grad", "the first two axes of the kernel are swapped", lambda w: _in_memory(w.swapaxes(0, 1), w)),
    ("conv2d_input_grad", "the result is laid out channels last", lambda x: _in_memory(np.moveaxis(x, 1, -1), x)),
    ("im2col", "the columns are laid out in Fortran order", lambda columns: _in_memory(_six_axes(columns).T, columns)),
]


def _in_memory(a: Array, like: Array) -> Array:
    """The elements of `a` in their order, in the shape of another array."""
    return np.ascontiguousarray(a).reshape(like.shape)


def _six_axes(columns: Array) -> Array:
    return columns.reshape(_SPEC.batch, _SPEC.in_channels, *_SPEC.kernel_size, *_SPEC.output_size)


@pytest.mark.parametrize(("op", "when", "spoil"), _SPOILT)
def test_a_rearranged_result_is_named(op: Op, when: str, spoil: Callable[[Array], Array]) -> None:
    arrays = data.exact(op, _SPEC, "float64", "0")
    made = spoil(by_taps.run(op, _SPEC, *arrays))
    said = mistakes.likely(RecordedCall(op, _SPEC, arrays, CallResult(result=made)))
    assert said == f"this is exactly what you get when {when}"


@pytest.mark.parametrize(
    ("op", "when", "spoil"),
    [
        ("conv2d", "the result is rounded towards zero", lambda spec, *a: np.trunc(by_taps.run("conv2d", spec, *a))),
        (
            "conv2d",
            "the inputs are rounded to half precision",
            lambda spec, *a: by_taps.run("conv2d", spec, *(x.astype("f2") for x in a)),
        ),
        (
            "col2im",
            "overlapping windows are averaged instead of being added",
            lambda spec, *a: by_taps.run("col2im", spec, *a) / np.maximum(by_taps.term_count("col2im", spec, *a), 1),
        ),
    ],
)
def test_of_real_numbers_nobody_says_exactly(op: Op, when: str, spoil: Callable[..., Array]) -> None:
    spec = replace(_SPEC, stride=(1, 1))
    arrays = data.real(op, spec, "float32", "0")
    made = spoil(spec, *arrays).astype("f4")
    said = mistakes.likely(RecordedCall(op, spec, arrays, CallResult(result=made)))
    assert said == f"this is what you get when {when}"


@pytest.mark.parametrize(
    ("text", "order"),
    [("(kh, kw, c)", (0, 2, 3, 1, 4, 5)), ("(c, kw, kh)", (0, 1, 3, 2, 4, 5)), ("(ow, oh)", (0, 1, 2, 3, 5, 4))],
)
def test_another_order_of_columns_is_named(text: str, order: tuple[int, ...]) -> None:
    (x,) = data.exact("im2col", _SPEC, "float32", "0")
    right = by_taps.run("im2col", _SPEC, x).reshape(2, 4, *_SPEC.kernel_size, *_SPEC.output_size)
    made = right.transpose(order).reshape(_SPEC.columns_shape)
    assert text in mistakes.likely(RecordedCall("im2col", _SPEC, (x,), CallResult(result=made)))


def test_a_right_result_has_no_likely_mistake(tmp_path: Path) -> None:
    call = recorded(written(tmp_path, GOOD), [("col2im", _SPEC)], real=True)[0]
    assert (where.wrong(call), mistakes.likely(call)) == (None, "")
    spoilt = replace(
        call, outcome=msgspec.structs.replace(call.outcome, result=cast(Array, call.outcome.result) + np.float32(0.37))
    )
    assert mistakes.likely(spoilt) == ""


def test_overlaps_that_overwrite_are_named(tmp_path: Path) -> None:
    dense = replace(_SPEC, stride=(1, 1))
    path = written(tmp_path, edited("+= taps", "= taps"))
    for call in recorded(path, [("col2im", dense), ("conv2d_input_grad", dense)]):
        assert "this is exactly what you get when overlapping windows overwrite each other" in mistakes.likely(call)
