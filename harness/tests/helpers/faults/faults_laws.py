"""Wrong backends that pass every check of values: each is right on the data and geometries that those use.

None of them is far-fetched: a narrow accumulator, a shortcut for special data, a field of four bits, a tail forgotten.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from harness.contract.protocol import Array
from harness.geometry.spec import ConvSpec, Op
from harness.oracle import by_taps
from harness.tests.helpers.faults.faulty import Right, geometry, inputs, result

_Arguments = tuple[Array | None, ...]
_CONV: tuple[Op, ...] = ("conv2d", "conv2d_input_grad", "conv2d_weight_grad")


def _sparse_forgets_overlap(op: Op, spec: ConvSpec, out: Any, arrays: _Arguments) -> Any:
    """Of a nearly empty image, each pixel is copied into the first column that holds it only."""
    x = arrays[0]
    if op == "im2col" and x is not None and np.count_nonzero(x) * 8 < x.size:
        rows = out.reshape(-1, out.shape[-1])
        pixels = by_taps.run("im2col", spec, np.arange(1, x.size + 1).reshape(x.shape)).reshape(rows.shape)
        first = np.zeros(rows.shape, bool)
        first.flat[np.unique(pixels, return_index=True)[1]] = True
        rows[~first] = 0
    return out


def _sparse_weight_gradient(op: Op, spec: ConvSpec, out: Any, arrays: _Arguments) -> Any:
    """A nearly empty dy is taken for an empty one."""
    dy = arrays[0]
    empty = op == "conv2d_weight_grad" and dy is not None and np.count_nonzero(dy) * 8 < dy.size
    return out * 0 if empty else out


def _blocks_of_eight(op: Op, spec: ConvSpec, arrays: tuple[Any, ...]) -> tuple[Any, ...]:
    """The bias gradient sums images in blocks of eight, the last block as the tail; a full last block is no tail."""
    if op != "conv2d_bias_grad" or spec.batch == 0 or spec.batch % 8:
        return arrays
    dy = arrays[0].copy()
    dy[-8:] = 0
    return (dy,)


def _majority(op: Op, spec: ConvSpec, out: Any, arrays: _Arguments) -> Any:
    """Columns of signs are folded by a majority vote, one bit each."""
    values = set(np.unique(arrays[0])) if op == "col2im" and arrays[0] is not None else set()
    return np.sign(out) if {-1, 1} <= values <= {-1, 0, 1} else out


def _four_bits(op: Op, spec: ConvSpec, out: Any, arrays: _Arguments) -> Any:
    """Small whole numbers are copied packed, four bits each: the range is -8 to 7, and 8 becomes -8."""
    x = arrays[0]
    packed = op == "im2col" and x is not None and np.abs(x).max(initial=0) <= 8 and np.equal(x, np.rint(x)).all()
    return np.where(out == 8, -8, out).astype(out.dtype) if packed else out


def _narrow_accumulator(op: Op, spec: ConvSpec, out: Any, arrays: _Arguments) -> Any:
    """Sums saturate at 16 bits."""
    return np.clip(out, -(2**15), 2**15 - 1) if op in _CONV else out


def _narrow_sum(op: Op, spec: ConvSpec, out: Any, arrays: _Arguments) -> Any:
    """Copies of whole numbers saturate at 12 bits."""
    return np.clip(out, -(2**11), 2**11 - 1) if op == "im2col" else out


def _interleaved_pointwise(op: Op, spec: ConvSpec, arrays: tuple[Any, ...]) -> tuple[Any, ...]:
    """The shortcut for 1x1 kernels takes channel c for a member of group c % G."""
    if op != "conv2d" or spec.taps > 1 or spec.groups == 1:
        return arrays
    order = np.arange(spec.in_channels).reshape(-1, spec.groups).T.ravel()
    return (arrays[0][:, order], *arrays[1:])


def _six_rows(op: Op, spec: ConvSpec, arrays: tuple[Any, ...]) -> tuple[Any, ...]:
    """Kernels are unrolled over six rows at most."""
    if op not in ("conv2d", "conv2d_input_grad"):
        return arrays
    w = arrays[1].copy()
    w[:, :, 6:] = 0
    return (arrays[0], w, *arrays[2:])


def _four_groups(op: Op, spec: ConvSpec, out: Any, arrays: _Arguments) -> Any:
    """Four groups at a time; the tail is done for depthwise kernels only."""
    if spec.groups <= 4 or spec.groups in (spec.in_channels, spec.out_channels):
        return out
    if op == "conv2d":
        out[:, spec.out_channels // spec.groups * 4 :] = 0
    if op == "conv2d_input_grad":
        out[:, spec.in_channels // spec.groups * 4 :] = 0
    if op == "conv2d_weight_grad":
        out[spec.out_channels // spec.groups * 4 :] = 0
    return out


def _four_bit_padding(spec: ConvSpec) -> ConvSpec:
    """The padding is kept in four bits."""
    top, bottom, left, right = (p % 16 for p in spec.padding)
    return replace(spec, padding=(top, bottom, left, right))


def _patches_transposed(op: Op, spec: ConvSpec, out: Any, arrays: _Arguments) -> Any:
    """Windows that tile the image are cut out by a reshape that leaves the taps in column order."""
    if op != "im2col" or spec.stride != spec.kernel_size or spec.dilation != (1, 1) or any(spec.padding):
        return out
    taps = out.reshape(spec.batch, spec.in_channels, *spec.kernel_size, spec.positions)
    return np.ascontiguousarray(taps.swapaxes(2, 3)).reshape(out.shape)


def _tiles_of_twelve(op: Op, spec: ConvSpec, out: Any, arrays: _Arguments) -> Any:
    """With stride 1 and no padding the result is made in tiles of twelve rows, and the tail begins a row early."""
    if op not in ("im2col", "conv2d") or spec.stride != (1, 1) or any(spec.padding) or spec.output_size[0] <= 12:
        return out
    rows = out.reshape(spec.batch, -1, *spec.output_size)
    rows[:, :, 12:] = rows[:, :, 11:-1].copy()
    return out


# name -> (backend, the first check in the order of the suite that must see it)
FAULTS: dict[str, tuple[type[Right], str]] = {
    "sparse_image_forgets_overlap": (result(_sparse_forgets_overlap), "law.adjoint"),
    "sparse_dy_taken_for_empty": (result(_sparse_weight_gradient), "law.adjoint"),
    "full_block_of_images_forgotten": (inputs(_blocks_of_eight), "law.difference"),
    "signs_folded_by_majority": (result(_majority), "law.divisor"),
    "small_values_packed_in_four_bits": (result(_four_bits), "law.lowering"),
    "sums_saturate_at_16_bits": (result(_narrow_accumulator), "law.linear"),
    "copies_saturate_at_12_bits": (result(_narrow_sum), "law.linear"),
    "pointwise_groups_interleaved": (inputs(_interleaved_pointwise), "law.pointwise"),
    "kernel_unrolled_over_six_rows": (inputs(_six_rows), "law.dilation"),
    "groups_beyond_four_forgotten": (result(_four_groups), "law.groups"),
    "padding_in_four_bits": (geometry(_four_bit_padding), "law.padding"),
    "patches_transposed": (result(_patches_transposed), "law.stride"),
    "last_tile_one_row_early": (result(_tiles_of_twelve), "law.shift"),
}
