"""Where an implementation reads and writes: every index that it uses, in tables, made from the numbers of a geometry.

An entry of -1 is a place outside: it reads 0, and what is written there is lost. So a table that is made from wrong
numbers gives a result that is cut, or filled with zeros, to the shape asked for.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from harness.contract.protocol import Array
from harness.geometry.spec import ConvSpec


@dataclass(slots=True)
class Numbers:
    """What an implementation reads of a geometry, each for itself."""

    batch: int
    in_channels: int
    out_channels: int
    groups: int
    height: int
    width: int
    kernel_h: int
    kernel_w: int
    stride_h: int
    stride_w: int
    pad_top: int
    pad_bottom: int
    pad_left: int
    pad_right: int
    dilation_h: int
    dilation_w: int

    @classmethod
    def of(cls, spec: ConvSpec) -> Numbers:
        """As they are."""
        return cls(
            spec.batch, spec.in_channels, spec.out_channels, spec.groups, *spec.input_size, *spec.kernel_size,
            *spec.stride, *spec.padding, *spec.dilation,
        )  # fmt: skip

    @property
    def out_h(self) -> int:
        """OH."""
        reach = (self.kernel_h - 1) * self.dilation_h + 1
        return max(0, (self.height + self.pad_top + self.pad_bottom - reach) // self.stride_h + 1)

    @property
    def out_w(self) -> int:
        """OW."""
        reach = (self.kernel_w - 1) * self.dilation_w + 1
        return max(0, (self.width + self.pad_left + self.pad_right - reach) // self.stride_w + 1)


@dataclass(slots=True)
class Tables:
    """Loop index -> index in memory. The comments give the shape, and the arrays that it is an index of."""

    image: Array  # (N): of what is read
    image_out: Array  # (N): of what is written
    channel: Array  # (G, C/G): of x and dx
    column_channel: Array  # (G, C/G): of columns
    kernel_channel: Array  # (C/G): of w and dw
    filter: Array  # (G, F/G): of w and dw
    filter_out: Array  # (G, F/G): of y and dy
    bias: Array  # (G, F/G): of b and db
    kernel_row: Array  # (KH): of w, dw and columns
    kernel_column: Array  # (KW)
    row: Array  # (KH, OH): of x and dx
    column: Array  # (KW, OW)
    out_row: Array  # (OH): of y, dy and columns
    out_column: Array  # (OW)


TABLES = tuple(Tables.__slots__)


def made(sizes: Numbers, indices: Numbers) -> Tables:
    """The tables: `sizes` say how far the loops run, `indices` what is computed within them."""
    groups = max(1, min(indices.groups, indices.in_channels, indices.out_channels))
    channels, filters = indices.in_channels // groups, indices.out_channels // groups
    image, group = np.arange(indices.batch), np.arange(groups)[:, None]
    channel, filter_ = group * channels + np.arange(channels), group * filters + np.arange(filters)
    oh, ow = sizes.out_h, sizes.out_w
    row = along(indices.kernel_h, oh, indices.dilation_h, indices.stride_h, indices.pad_top)
    column = along(indices.kernel_w, ow, indices.dilation_w, indices.stride_w, indices.pad_left)
    return Tables(
        image=image, image_out=image.copy(), channel=channel, column_channel=channel.copy(),
        kernel_channel=np.arange(channels), filter=filter_, filter_out=filter_.copy(), bias=filter_.copy(),
        kernel_row=np.arange(indices.kernel_h), kernel_column=np.arange(indices.kernel_w),
        row=_inside(row, indices.height), column=_inside(column, indices.width),
        out_row=np.arange(oh), out_column=np.arange(ow),
    )  # fmt: skip


def fit(tables: Tables, spec: ConvSpec) -> None:
    """What lies outside of the real arrays is -1, in place."""
    (h, w), (kh, kw), (oh, ow) = spec.input_size, spec.kernel_size, spec.output_size
    most = {
        "image": spec.batch, "image_out": spec.batch, "channel": spec.in_channels, "column_channel": spec.in_channels,
        "kernel_channel": spec.in_channels // spec.groups, "filter": spec.out_channels, "filter_out": spec.out_channels,
        "bias": spec.out_channels, "kernel_row": kh, "kernel_column": kw, "row": h, "column": w, "out_row": oh,
        "out_column": ow,
    }  # fmt: skip
    for name in TABLES:
        setattr(tables, name, _inside(getattr(tables, name), most[name]))


def along(taps: int, positions: int, step: int, stride: int, before: int) -> Array:
    """(taps, positions): the pixel under a tap of a window, counted in the image."""
    along: Array = np.arange(taps)[:, None] * step + np.arange(positions) * stride - before
    return along


def _inside(table: Array, size: int) -> Array:
    inside: Array = np.where((table >= 0) & (table < size), table, -1)
    return inside
