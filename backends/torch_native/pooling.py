"""Pooling by `F.max_pool2d`, `F.avg_pool2d` and their backward.

torch takes symmetric padding of half a kernel at most. All other padding goes through an explicit `F.pad` first, with
-inf for a maximum; a mean that excludes padding is then a sum, divided by the sum of an image of ones.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F

from backends.torch_native.padding import crop, surrounded, symmetric
from harness import ConvSpec, Op

AVERAGES: tuple[Op, ...] = (
    "avg_pool2d", "avg_pool2d_grad", "avg_pool2d_exclude_padding", "avg_pool2d_exclude_padding_grad",
)  # fmt: skip


class Pooling:
    """The six pooling ops on torch's tensors, of any device."""

    def max_pool2d(self, x: torch.Tensor, spec: ConvSpec) -> torch.Tensor:
        """F.max_pool2d."""
        x, padding = _bordered(x, spec)
        return F.max_pool2d(x, spec.kernel_size, spec.stride, padding, spec.dilation).contiguous()

    def max_pool2d_grad(self, dy: torch.Tensor, x: torch.Tensor, spec: ConvSpec) -> torch.Tensor:
        """The backward of max_pool2d, after its forward, which finds where the maxima are."""
        pixels = x
        x, padding = _bordered(pixels, spec)
        window = (spec.kernel_size, spec.stride, padding, spec.dilation, False)
        largest, places = torch.ops.aten.max_pool2d_with_indices(x, *window)
        if x is not pixels and (nothing := torch.isneginf(largest)).any():
            # All pixels there are -inf, as padding made here is: held up a little, the first of them is the maximum.
            lifted, _ = _bordered(pixels.clamp(min=torch.finfo(x.dtype).min), spec)
            _, of_lifted = torch.ops.aten.max_pool2d_with_indices(lifted, *window)
            places = torch.where(nothing, of_lifted, places)
        dx = torch.ops.aten.max_pool2d_with_indices_backward(dy, x, *window, places)
        return _as_image(dx, spec)

    def avg_pool2d(self, x: torch.Tensor, spec: ConvSpec) -> torch.Tensor:
        """F.avg_pool2d, which counts padding."""
        padding = _torchs_own(spec)
        x = x if padding is not None else surrounded(x, spec, 0.0)
        return F.avg_pool2d(x, spec.kernel_size, spec.stride, padding or 0).contiguous()

    def avg_pool2d_grad(self, dy: torch.Tensor, spec: ConvSpec) -> torch.Tensor:
        """The backward of avg_pool2d."""
        return _spread(dy, spec, count_include_pad=True)

    def avg_pool2d_exclude_padding(self, x: torch.Tensor, spec: ConvSpec) -> torch.Tensor:
        """F.avg_pool2d with count_include_pad=False."""
        padding = _torchs_own(spec)
        if padding is not None:
            return F.avg_pool2d(x, spec.kernel_size, spec.stride, padding, count_include_pad=False).contiguous()
        return (_sums(x, spec) / _pixels(x, spec)).contiguous()

    def avg_pool2d_exclude_padding_grad(self, dy: torch.Tensor, spec: ConvSpec) -> torch.Tensor:
        """Its backward."""
        if _torchs_own(spec) is not None:
            return _spread(dy, spec, count_include_pad=False)
        return _spread(dy / _pixels(dy, spec), spec, divisor_override=1)


def _torchs_own(spec: ConvSpec) -> tuple[int, int] | None:
    """The padding, if torch's pooling takes it."""
    padding = symmetric(spec)
    fits = padding is not None and all(2 * p <= k for p, k in zip(padding, spec.kernel_size, strict=True))
    return padding if fits else None


def _bordered(x: torch.Tensor, spec: ConvSpec) -> tuple[torch.Tensor, tuple[int, int]]:
    """x for a maximum, padded here if torch cannot, and the padding left to torch."""
    padding = _torchs_own(spec)
    return (x, padding) if padding is not None else (surrounded(x, spec, -math.inf), (0, 0))


def _sums(x: torch.Tensor, spec: ConvSpec) -> torch.Tensor:
    """Of every window, padded here."""
    return F.avg_pool2d(surrounded(x, spec, 0.0), spec.kernel_size, spec.stride, divisor_override=1)


def _pixels(like: torch.Tensor, spec: ConvSpec) -> torch.Tensor:
    """(1, 1, OH, OW): the number of pixels of every window, which are no padding."""
    return _sums(like.new_ones((1, 1, *spec.input_size)), spec)


def _spread(dy: torch.Tensor, spec: ConvSpec, **divided: Any) -> torch.Tensor:
    """The backward of F.avg_pool2d; the values of x do not enter it. `divided`: how, as that function takes it."""
    padding = _torchs_own(spec)
    size = (spec.batch, spec.in_channels, *(spec.padded_size if padding is None else spec.input_size))
    x, how = dy.new_empty(1).expand(size), {"count_include_pad": True, "divisor_override": None, **divided}
    run: Callable[..., torch.Tensor] = torch.ops.aten.avg_pool2d_backward
    dx = run(dy, x, spec.kernel_size, spec.stride, padding or (0, 0), False, **how)
    return _as_image(dx, spec)


def _as_image(dx: torch.Tensor, spec: ConvSpec) -> torch.Tensor:
    """The gradient of x, cropped where padding was made here."""
    return (dx if dx.shape[2:] == spec.input_size else crop(dx, spec)).contiguous()
