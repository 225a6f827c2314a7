"""conv2d and its gradients by the FFT, and conv2d by Winograd's F(4x4, 3x3): right, and never exact."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

from harness.calls.caller import Arrays, CallResult, Conditions
from harness.contract.protocol import Array
from harness.geometry.spec import ConvSpec, Op
from harness.tests.helpers.suite.fakes import right

# y = A' ((G g G') * (B' d B)) A of Lavin and Gray, Fast algorithms for convolutional neural networks (2016).
_B = np.array([
    [4, 0, -5, 0, 1, 0], [0, -4, -4, 1, 1, 0], [0, 4, -4, -1, 1, 0], [0, -2, -1, 2, 1, 0], [0, 2, -1, -2, 1, 0],
    [0, 4, 0, -5, 0, 1],
])  # fmt: skip
_G = np.array([
    [1 / 4, 0, 0], [-1 / 6, -1 / 6, -1 / 6], [-1 / 6, 1 / 6, -1 / 6], [1 / 24, 1 / 12, 1 / 6],
    [1 / 24, -1 / 12, 1 / 6], [0, 0, 1],
])  # fmt: skip
_A = np.array([[1, 1, 1, 1, 1, 0], [0, 1, -1, 2, -2, 0], [0, 1, 1, 4, 4, 0], [0, 1, -1, 8, -8, 1]])


def by_fft(op: Op, spec: ConvSpec, arrays: Arrays, conditions: Conditions) -> CallResult:
    """Products by transforms of whole planes, in the dtype of the inputs; the other ops as they are."""
    if op not in _PRODUCTS or spec.batch == 0:
        return right(op, spec, arrays, conditions)
    return CallResult(result=_PRODUCTS[op](spec, *arrays))


def by_winograd(op: Op, spec: ConvSpec, arrays: Arrays, conditions: Conditions) -> CallResult:
    """conv2d of one group with a dense 3x3 kernel in tiles of 4x4; everything else as it is."""
    suits = op == "conv2d" and spec.taps == 9 and spec.reach == spec.kernel_size == (3, 3) and spec.stride == (1, 1)
    if not suits or spec.groups > 1 or spec.batch == 0:
        return right(op, spec, arrays, conditions)
    x, w, b = arrays
    assert x is not None
    assert w is not None
    filters, image, dtype = np.asarray(w), _pad(spec, x), x.dtype
    transform, out = _B.astype(dtype), _A.astype(dtype)
    g = _G.astype(dtype) @ filters @ _G.astype(dtype).T
    (oh, ow), (n, _, ph, pw) = spec.output_size, image.shape
    tall = np.zeros((n, spec.in_channels, ph + 4, pw + 4), dtype)
    tall[:, :, :ph, :pw] = image
    y = np.zeros((n, spec.out_channels, oh + 4, ow + 4), dtype)
    for p in range(0, oh, 4):
        for q in range(0, ow, 4):
            d = transform @ tall[:, :, p : p + 6, q : q + 6] @ transform.T
            y[:, :, p : p + 4, q : q + 4] = out @ np.einsum("ncuv,fcuv->nfuv", d, g) @ out.T
    y = y[:, :, :oh, :ow] if b is None else y[:, :, :oh, :ow] + b[:, None, None]
    return CallResult(result=np.ascontiguousarray(y))


def _conv2d(spec: ConvSpec, x: Array, w: Array, b: Array | None) -> Array:
    image, kernel = _transformed(spec, _pad(spec, x)), np.conj(_transformed(spec, _dense(spec, w)))
    y = np.empty(spec.y_shape, x.dtype)
    for channels, filters in _groups(spec):
        y[:, filters] = _back(spec, np.einsum("nchw,fchw->nfhw", image[:, channels], kernel[filters]))[_positions(spec)]
    return y if b is None else y + b[:, None, None]


def _input_grad(spec: ConvSpec, dy: Array, w: Array) -> Array:
    spread, kernel = _transformed(spec, _spread(spec, dy)), _transformed(spec, _dense(spec, w))
    (top, _, left, _), (h, wide) = spec.padding, spec.input_size
    dx = np.empty(spec.x_shape, dy.dtype)
    for channels, filters in _groups(spec):
        whole = _back(spec, np.einsum("nfhw,fchw->nchw", spread[:, filters], kernel[filters]))
        dx[:, channels] = whole[:, :, top : top + h, left : left + wide]
    return dx


def _weight_grad(spec: ConvSpec, dy: Array, x: Array) -> Array:
    spread, image = np.conj(_transformed(spec, _spread(spec, dy))), _transformed(spec, _pad(spec, x))
    dw = np.empty(spec.w_shape, dy.dtype)
    for channels, filters in _groups(spec):
        whole = _back(spec, np.einsum("nfhw,nchw->fchw", spread[:, filters], image[:, channels]))
        dw[filters] = whole[:, :, : spec.reach[0] : spec.dilation[0], : spec.reach[1] : spec.dilation[1]]
    return dw


def _transformed(spec: ConvSpec, planes: Array) -> Array:
    found: Array = np.fft.rfft2(planes, s=spec.padded_size)
    return found


def _back(spec: ConvSpec, planes: Array) -> Array:
    found: Array = np.fft.irfft2(planes, s=spec.padded_size)
    return found


def _pad(spec: ConvSpec, x: Array) -> Array:
    top, bottom, left, right_ = spec.padding
    return np.pad(x, ((0, 0), (0, 0), (top, bottom), (left, right_)))


def _dense(spec: ConvSpec, w: Array) -> Array:
    """The kernel with zeros between its taps."""
    kernel = np.zeros((*w.shape[:2], *spec.reach), w.dtype)
    kernel[:, :, :: spec.dilation[0], :: spec.dilation[1]] = w
    return kernel


def _spread(spec: ConvSpec, dy: Array) -> Array:
    """dy where its windows begin in the padded image."""
    spread = np.zeros((*dy.shape[:2], *spec.padded_size), dy.dtype)
    spread[_positions(spec)] = dy
    return spread


def _positions(spec: ConvSpec) -> tuple[slice, ...]:
    (oh, ow), (sh, sw) = spec.output_size, spec.stride
    return (slice(None), slice(None), slice(0, (oh - 1) * sh + 1, sh), slice(0, (ow - 1) * sw + 1, sw))


def _groups(spec: ConvSpec) -> Iterator[tuple[slice, slice]]:
    c, f = spec.in_channels // spec.groups, spec.out_channels // spec.groups
    return ((slice(g * c, (g + 1) * c), slice(g * f, (g + 1) * f)) for g in range(spec.groups))


_PRODUCTS: dict[Op, Callable[..., Array]] = {
    "conv2d": _conv2d, "conv2d_input_grad": _input_grad, "conv2d_weight_grad": _weight_grad,
}  # fmt: skip
