"""What holds between one geometry and a simpler one, on data that were moved or cut to match.

The ids are `law.pointwise`, `law.dilation`, `law.groups`, `law.padding`, `law.stride` and `law.shift`. No oracle is
asked: two calls of the same backend must agree, element by element. A backend may refuse the other geometry; then the
case is refused (`Refused`), not failed.
"""

from __future__ import annotations

from dataclasses import replace
from typing import cast

import numpy as np

from conformance.cases.case import Case
from conformance.cases.data import case_data
from conformance.cases.specs import DISTINCT, some
from conformance.checks.law_between_ops import require_same
from conformance.checks.registration import asks
from conformance.checks.under_test import BackendUnderTest
from harness.contract.protocol import Array
from harness.geometry.spec import ConvSpec

# Beyond the standing list: a channel-mixing kernel in groups, more than four groups of more than one channel,
# padding far beyond the kernel, and windows that tile the image.
_GROUPED_POINTWISE = ConvSpec.parse("n2c6h5w4_f4kh1kw1_sh2sw1_pt0pb1pl1pr0_g2")
_SIX_GROUPS = ConvSpec.parse("n2c12h4w5_f12kh2kw3_g6")
_FAR_PADDING = ConvSpec.parse("n2c2h3w4_f3kh2kw3_sh3sw4_pt9pb17pl18pr10")
_PATCHES = ConvSpec.parse("n2c2h9w8_f3kh3kw2_sh3sw2")
_PATCHES_LEFT_OVER = ConvSpec.parse("n2c2h7w8_f3kh2kw3_sh2sw3")


@asks(
    "law.pointwise",
    [*some("pointwise", "pointwise_strided", "pointwise_padded"), _GROUPED_POINTWISE],
    ops=("im2col", "conv2d"),
    fits=lambda op, spec: spec.batch > 0 and spec.kernel_size == (1, 1),
)
def pointwise(subject: BackendUnderTest, case: Case) -> None:
    """A 1x1 kernel mixes channels: y[n, f, p, q] = sum over c of w[f, c] * x[n, c, p*SH, q*SW], x padded."""
    arrays, spec = _inputs(case), case.spec
    x = _pad(spec, arrays[0])[:, :, :: spec.stride[0], :: spec.stride[1]].astype(np.float64)
    if case.op == "im2col":
        expected = x.reshape(spec.columns_shape)
    else:
        w = arrays[1].astype(np.float64).reshape(spec.groups, -1, spec.in_channels // spec.groups)
        groups = x.reshape(spec.batch, spec.groups, -1, *spec.output_size)
        expected = np.einsum("ngcpq,gfc->ngfpq", groups, w).reshape(spec.y_shape) + arrays[2][:, None, None]
    require_same(subject.run(case.op, spec, *arrays), expected, f"{case.op} is not channel mixing")


@asks(
    "law.dilation",
    [*DISTINCT[:2], *some("dilated", "dilated_exactly_fits", "dilated_strided_padded")],
    ops=("conv2d", "conv2d_input_grad", "conv2d_weight_grad"),
    fits=lambda op, spec: spec.batch > 0 and spec.dilation != (1, 1),
)
def dilation(subject: BackendUnderTest, case: Case) -> None:
    """A dilated kernel is the dense kernel of its reach with zeros between the taps."""
    arrays, spec = _inputs(case), case.spec
    dense = replace(spec, kernel_size=spec.reach, dilation=(1, 1))
    taps = (..., slice(None, None, spec.dilation[0]), slice(None, None, spec.dilation[1]))
    got = subject.run(case.op, spec, *arrays)
    if case.op == "conv2d_weight_grad":
        expected = _related(subject, case, dense, *arrays)[taps]
    else:
        stuffed = np.zeros(dense.w_shape, case.dtype)
        stuffed[taps] = arrays[1]
        expected = _related(subject, case, dense, arrays[0], stuffed, *arrays[2:])
    require_same(got, expected, f"{case.op} is not that of the kernel with zeros between its taps, {dense}")


@asks(
    "law.groups",
    [*DISTINCT, *some("depthwise_multiplier", "grouped_strided"), _SIX_GROUPS],
    ops=("conv2d", "conv2d_input_grad", "conv2d_weight_grad"),
    fits=lambda op, spec: spec.batch > 0 and spec.groups > 1,
)
def groups(subject: BackendUnderTest, case: Case) -> None:
    """G groups are G convolutions of their own channels and filters, side by side."""
    spec = case.spec
    # Which axis the groups lie along: filters lead in w, b and dw, channels (or filters) are axis 1 of x and y.
    axes = {"conv2d": (1, 0, 0), "conv2d_input_grad": (1, 0), "conv2d_weight_grad": (1, 1)}[case.op]
    arrays = _inputs(case)
    alone = replace(
        spec, in_channels=spec.in_channels // spec.groups, out_channels=spec.out_channels // spec.groups, groups=1
    )
    parts = [np.split(a, spec.groups, axis) for a, axis in zip(arrays, axes, strict=True)]
    results = [_related(subject, case, alone, *map(np.ascontiguousarray, part)) for part in zip(*parts, strict=True)]
    expected = np.concatenate(results, axis=0 if case.op == "conv2d_weight_grad" else 1)
    got = subject.run(case.op, spec, *arrays)
    require_same(got, expected, f"{case.op} is not that of its {spec.groups} groups one by one, {alone}")


@asks(
    "law.padding",
    [*DISTINCT[:2], *some("pad_beyond_kernel", "pad_wider_than_image", "same_lower_even"), _FAR_PADDING],
    ops=("im2col", "col2im", "conv2d", "conv2d_input_grad", "conv2d_weight_grad"),
    fits=lambda op, spec: spec.batch > 0 and any(spec.padding),
)
def padding(subject: BackendUnderTest, case: Case) -> None:
    """Padding is zeros around the image; what col2im and the input gradient put there is cut off."""
    arrays, spec = _inputs(case), case.spec
    bare = replace(spec, input_size=spec.padded_size, padding=(0, 0, 0, 0))
    padded = list(arrays)
    if case.op not in ("col2im", "conv2d_input_grad"):
        image = 1 if case.op == "conv2d_weight_grad" else 0
        padded[image] = _pad(spec, padded[image])
    expected = _related(subject, case, bare, *padded)
    if case.op in ("col2im", "conv2d_input_grad"):
        (top, _, left, _), (h, w) = spec.padding, spec.input_size
        expected = expected[:, :, top : top + h, left : left + w]
    got = subject.run(case.op, spec, *arrays)
    require_same(got, expected, f"{case.op} is not that of the image with zeros around it, {bare}")


@asks(
    "law.stride",
    [*DISTINCT[:2], *some("stride_beyond_kernel", "stride_beyond_input"), _PATCHES, _PATCHES_LEFT_OVER],
    ops=("im2col", "conv2d"),
    fits=lambda op, spec: spec.batch > 0 and spec.stride != (1, 1),
)
def stride(subject: BackendUnderTest, case: Case) -> None:
    """A strided result is every SH-th row and SW-th column of the result with stride 1."""
    arrays, spec = _inputs(case), case.spec
    every = replace(spec, stride=(1, 1))
    result = _positions(every, _related(subject, case, every, *arrays))
    expected = result[..., :: spec.stride[0], :: spec.stride[1]]
    got = _positions(spec, subject.run(case.op, spec, *arrays))
    require_same(got, expected, f"{case.op} is not the subsampled result of {every}")


@asks(
    "law.shift",
    some("plain", "dilated", "grouped", "kernel_is_image"),
    ops=("im2col", "conv2d"),
    fits=lambda op, spec: spec.batch > 0 and spec.stride == (1, 1) and not any(spec.padding),
)
def shift(subject: BackendUnderTest, case: Case) -> None:
    """Moving the image by one pixel moves the result by one position; zeros around it keep all windows inside."""
    (image, *others), spec = _inputs(case), case.spec
    (h, w), (rh, rw) = spec.input_size, spec.reach
    large = replace(spec, input_size=(h + 2 * rh - 1, w + 2 * rw - 1))

    def at(i: int, j: int) -> Array:
        x = np.zeros(large.x_shape, case.dtype)
        x[:, :, i : i + h, j : j + w] = image
        return _positions(large, _related(subject, case, large, x, *others))

    start = at(rh - 1, rw - 1)
    for axis, (name, moved) in enumerate((("down", (rh, rw - 1)), ("right", (rh - 1, rw)))):
        expected = np.roll(start, 1, axis=axis - 2)  # the last position sees zeros only, as the first then does
        require_same(at(*moved), expected, f"{case.op} does not move with its input, one pixel {name} in {large}")


def _inputs(case: Case) -> tuple[Array, ...]:
    """Whole-number inputs of the case, the bias included."""
    return cast(tuple[Array, ...], case_data.exact_inputs(replace(case, bias=True)))


def _related(subject: BackendUnderTest, case: Case, spec: ConvSpec, *arrays: Array) -> Array:
    """The op of the case on another geometry. Raises `Refused` if the backend does not do that one."""
    subject.require(case.op, spec, case.dtype)
    return subject.run(case.op, spec, *arrays)


def _pad(spec: ConvSpec, x: Array) -> Array:
    """(N, C, H, W) -> (N, C, PH, PW), with zeros."""
    top, bottom, left, right = spec.padding
    return np.pad(x, ((0, 0), (0, 0), (top, bottom), (left, right)))


def _positions(spec: ConvSpec, result: Array) -> Array:
    """Columns or y as (N, rows or F, OH, OW)."""
    return result.reshape(spec.batch, -1, *spec.output_size)
