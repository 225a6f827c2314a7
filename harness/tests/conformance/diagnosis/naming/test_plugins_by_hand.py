"""Mistakes that readers who knew no model wrote by hand, and that nothing named at first: each as its author did."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from conformance.diagnosis.cause import Cause
from conformance.diagnosis.diagnose import diagnose
from harness.contract.protocol import Array
from harness.geometry.spec import ConvSpec, Op
from harness.oracle import by_taps
from harness.tests.helpers.planted.faults import Planted, planted


def _first(op: Op, gives: Callable[..., Any]) -> Cause:
    """Of a backend that is right but for one op."""

    class Given(Planted):
        def run(self, of: Op, spec: ConvSpec, *arrays: Array | None) -> Any:
            return gives(spec, *arrays) if of == op else super().run(of, spec, *arrays)

    return diagnose(planted(Given(op, lambda spec: False)), op, "float64", seconds=60.0)[0]


def _padded(spec: ConvSpec, x: Array) -> Array:
    top, bottom, left, right = spec.padding
    return np.pad(x, ((0, 0), (0, 0), (top, bottom), (left, right)))


def _caffe(spec: ConvSpec, x: Array) -> Array:
    """The loop over rows of the columns, with KW for KH in one remainder."""
    (kh, kw), (oh, ow), (h, w) = spec.kernel_size, spec.output_size, spec.input_size
    out = np.zeros((spec.batch, spec.in_channels * kh * kw, oh, ow))
    for r in range(spec.in_channels * kh * kw):
        v, u, c = r % kw, r // kw % kw, r // (kh * kw)
        for p, q in np.ndindex(oh, ow):
            row = p * spec.stride[0] + u * spec.dilation[0] - spec.padding[0]
            column = q * spec.stride[1] + v * spec.dilation[1] - spec.padding[2]
            if 0 <= row < h and 0 <= column < w:
                out[:, r, p, q] = x[:, c, row, column]
    return out.reshape(spec.columns_shape)


def _bytes(spec: ConvSpec, x: Array) -> Array:
    """A table of offsets into a padded plane, a byte each."""
    (kh, kw), (oh, ow), (ph, pw) = spec.kernel_size, spec.output_size, spec.padded_size
    u, v = np.divmod(np.arange(kh * kw), kw)
    p, q = np.divmod(np.arange(oh * ow), ow)
    rows = u[:, None] * spec.dilation[0] + p * spec.stride[0]
    table = (rows * pw + v[:, None] * spec.dilation[1] + q * spec.stride[1]).astype(np.uint8)
    planes = _padded(spec, x).reshape(spec.batch, spec.in_channels, ph * pw)
    taken: Array = np.take(planes, table, axis=2).reshape(spec.columns_shape)
    return taken


def _gathered(spec: ConvSpec, columns: Array) -> Array:
    """col2im pixel by pixel; the first window is found by a division that rounds towards 0."""
    (kh, kw), (oh, ow), (h, w) = spec.kernel_size, spec.output_size, spec.input_size
    six, out = columns.reshape(spec.batch, spec.in_channels, kh, kw, oh, ow), np.zeros(spec.x_shape)
    starts = []
    for axis, size in enumerate((h, w)):
        reach, stride, before = spec.reach[axis], spec.stride[axis], spec.padding[2 * axis]
        starts.append([max(int((i + before - reach) / stride) + 1, 0) for i in range(size)])
    for u, v, p, q in np.ndindex(kh, kw, oh, ow):
        row = p * spec.stride[0] + u * spec.dilation[0] - spec.padding[0]
        column = q * spec.stride[1] + v * spec.dilation[1] - spec.padding[2]
        if 0 <= row < h and 0 <= column < w and p >= starts[0][row] and q >= starts[1][column]:
            out[:, :, row, column] += six[:, :, u, v, p, q]
    return out


def _in_warps(spec: ConvSpec, columns: Array) -> Array:
    """32 entries are added at once, by a fancy index."""
    (kh, kw), (oh, ow), (ph, pw) = spec.kernel_size, spec.output_size, spec.padded_size
    c, u, v, p, q = np.ix_(*(np.arange(k) for k in (spec.in_channels, kh, kw, oh, ow)))
    rows, places = u * spec.dilation[0] + p * spec.stride[0], v * spec.dilation[1] + q * spec.stride[1]
    at = ((c * ph + rows) * pw + places).reshape(-1)
    padded = np.zeros((spec.batch, spec.in_channels * ph * pw))
    entries = columns.reshape(spec.batch, at.size)
    for first in range(0, at.size, 32):
        padded[:, at[first : first + 32]] += entries[:, first : first + 32]
    (top, _, left, _), (h, w) = spec.padding, spec.input_size
    whole = padded.reshape(spec.batch, spec.in_channels, ph, pw)
    return np.ascontiguousarray(whole[:, :, top : top + h, left : left + w])


def _written_out(spec: ConvSpec, x: Array, w: Array, b: Array | None) -> Array:
    """The 3x3 kernel by hand, with one index mistyped; all others by a loop."""
    if spec.kernel_size == (3, 3) and spec.dilation == (1, 1):
        w = w.copy()
        w[:, :, 1, 1] += w[:, :, 1, 2]  # meets the pixel of (1, 1)
        w[:, :, 1, 2] = 0
    return by_taps.run("conv2d", spec, x, w, b)


def _by_blocks(spec: ConvSpec, x: Array, w: Array, b: Array | None) -> Array:
    """Each block of 16 terms begins with the bias."""
    blocks = -(-(spec.in_channels // spec.groups * spec.taps) // 16)
    return by_taps.run("conv2d", spec, x, w, None if b is None else b * blocks)


@pytest.mark.parametrize(
    ("op", "gives", "says"),
    [
        ("im2col", _caffe, "takes the kernel row as (r // KW) % KW"),
        ("im2col", _bytes, "keeps the flat index into a padded plane in uint8"),
        ("col2im", _gathered, "is rounded towards 0, as C does"),
        ("col2im", _in_warps, "adds 32 consecutive entries of the columns at once"),
        ("conv2d", _written_out, "lets tap (1, 2) of a 3x3 kernel meet the pixels of tap (1, 1)"),
        ("conv2d", _by_blocks, "adds the bias once for every 16 of the C/G*KH*KW terms"),
    ],
)  # fmt: skip
def test_it_is_named(op: Op, gives: Callable[..., Any], says: str) -> None:
    assert says in _first(op, gives).says


def test_a_bias_that_is_kept_for_calls_without_one() -> None:
    kept: dict[ConvSpec, Array] = {}

    def keeping(spec: ConvSpec, x: Array, w: Array, b: Array | None) -> Array:
        if b is not None:
            kept[spec] = b
        return by_taps.run("conv2d", spec, x, w, kept.get(spec))

    assert _first("conv2d", keeping).says == (
        "Your conv2d adds the bias of an earlier call with the same geometry where none is given."
    )


@pytest.mark.parametrize(("number", "name"), [(0, "x"), (1, "w"), (2, "b")])
def test_each_argument_of_an_earlier_call_is_told_by_its_name(number: int, name: str) -> None:
    kept: dict[tuple[ConvSpec, bool], Array | None] = {}

    def keeping(spec: ConvSpec, *arrays: Array | None) -> Array:
        old = kept.setdefault((spec, arrays[2] is None), arrays[number])
        return by_taps.run("conv2d", spec, *arrays[:number], old, *arrays[number + 1 :])

    assert _first("conv2d", keeping).says.startswith(f"Your conv2d uses `{name}` of an earlier call")
