"""Wrong shapes speak: a formula of the size, a crop, axes in another order, a layout by its name."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from conformance.diagnosis.cause import Cause
from conformance.diagnosis.diagnose import diagnose
from harness.contract.columns_layouts import convert
from harness.contract.protocol import Array
from harness.geometry.spec import ConvSpec, Op
from harness.oracle import by_taps
from harness.tests.helpers.planted.faults import Planted, planted


def _one(op: Op, gives: Callable[..., Array]) -> Cause:
    class Given(Planted):
        def run(self, of: Op, spec: ConvSpec, *arrays: Array | None) -> Array:
            return gives(spec, *arrays) if of == op else super().run(of, spec, *arrays)

    causes = diagnose(planted(Given(op, lambda spec: False)), op, "float64", seconds=60.0)
    return next(cause for cause in causes if cause.kind in ("shape", "name"))  # ones have wrong values as well


def _sized(spec: ConvSpec, height: int, width: int) -> Array:
    return np.ones((spec.batch, spec.in_channels * spec.taps, max(height, 0) * max(width, 0)))


def _without_padding(spec: ConvSpec, x: Array) -> Array:
    h, w = ((n - r) // s + 1 for n, r, s in zip(spec.input_size, spec.reach, spec.stride, strict=True))
    return _sized(spec, h, w)


def _one_short(spec: ConvSpec, x: Array) -> Array:
    h, w = (-(-(n - r) // s) for n, r, s in zip(spec.padded_size, spec.reach, spec.stride, strict=True))
    return _sized(spec, h, w)


def _not_cropped(spec: ConvSpec, columns: Array) -> Array:
    whole = replace(spec, input_size=spec.padded_size, padding=(0, 0, 0, 0))
    return by_taps.run("col2im", whole, columns)


def _cropped_by_slices(spec: ConvSpec, columns: Array) -> Array:
    (top, _, left, _), big = spec.padding, _not_cropped(spec, columns)
    return big[:, :, top:-top, left:-left]


def _cropped_of_images(spec: ConvSpec, columns: Array) -> Array:
    p = spec.padding[0]
    return _not_cropped(spec, columns)[p:-p, p:-p]


def _channels_last(spec: ConvSpec, *arrays: Array) -> Array:
    return by_taps.run("conv2d", spec, *arrays).transpose(0, 2, 3, 1)


def _one_axis_more(spec: ConvSpec, *arrays: Array) -> Array:
    return by_taps.run("conv2d", spec, *arrays)[None]


def _in_one_axis(spec: ConvSpec, *arrays: Array) -> Array:
    return by_taps.run("conv2d_weight_grad", spec, *arrays).ravel()


def _squeezed(spec: ConvSpec, columns: Array) -> Array:
    return by_taps.run("col2im", spec, columns).squeeze()


@pytest.mark.parametrize(
    ("op", "gives", "words", "mend"),
    [
        ("im2col", _without_padding, "leaves the padding out of the output size", "(H + top + bottom - reach)"),
        ("im2col", _one_short, "one position too few", "+ 1"),
        ("col2im", _not_cropped, "does not crop the padding", "top:top + H"),
        ("col2im", _cropped_by_slices, "[p:-p]", "top:top + H"),
        ("col2im", _cropped_of_images, "crops images and channels", "top:top + H"),
        ("conv2d", _channels_last, "(N, OH, OW, F)", "transpose(0, 3, 1, 2)"),
        ("conv2d", _one_axis_more, "an axis of length one more, in front", "result.reshape(spec.y_shape)"),
        ("conv2d_weight_grad", _in_one_axis, "flat, all its axes joined", "result.reshape(spec.w_shape)"),
        ("col2im", _squeezed, "every axis of the result whose length is one", "result.reshape(spec.x_shape)"),
        ("conv2d_bias_grad", lambda s, dy: by_taps.run("conv2d_bias_grad", s, dy)[None], "(1, F)", "(0, 2, 3)"),
    ],
)  # fmt: skip
def test_a_shape_says_which_formula_it_was(op: Op, gives: Callable[..., Array], words: str, mend: str) -> None:
    cause = _one(op, gives)
    assert words in cause.says, cause
    assert mend in cause.mend


@pytest.mark.parametrize("layout", ["matrix", "batch_innermost", "rows", "matlab"])
def test_a_layout_is_told_by_its_name_and_the_line_that_plugs_it_in(layout: str) -> None:
    cause = _one("im2col", lambda spec, x: convert(by_taps.run("im2col", spec, x), spec, "batched", layout))
    assert f'`layout = "{layout}"`' in cause.mend
    assert cause.id == f"layout/{layout}"
    assert "a layout, not a fault" in cause.mend


def test_a_wrong_shape_under_a_condition_is_told_with_it() -> None:
    def gives(spec: ConvSpec, columns: Array) -> Array:
        whole = by_taps.run("col2im", spec, columns)
        return _not_cropped(spec, columns) if spec.stride[0] > 1 else whole

    cause = _one("col2im", gives)
    assert "does not crop the padding" in cause.says
    assert "where stride in height > 1" in cause.says


def test_a_shape_that_follows_no_rule_is_shown() -> None:
    cause = _one("im2col", lambda spec, x: np.ones((7, spec.batch + 1, 3)))
    assert (cause.kind, cause.id) == ("shape", "")
    assert "(7, 2, 3)" in cause.why
