"""Whole numbers times powers of two, with as many digits as fit: every sum is exact, and a lost digit shows.

`data.exact` has few digits on purpose. Here they fill the significand of the dtype, so that results are still compared
with `==`, and a sum in float16, TF32 or float32 in place of float64, or a result without its fraction, is wrong.
"""

from __future__ import annotations

import math
import zlib
from collections.abc import Sequence
from functools import cache

import numpy as np

from harness.contract.protocol import Array
from harness.geometry.spec import POOL_OPS, ConvSpec, Op, Shape
from harness.oracle import data

_SUM_BITS = {**data.SIGNIFICAND_BITS, "float16": 24}  # sums of float16 are formed in float32, and rounded once
# Powers of two that each argument is divided by; those of float16 keep sums of full length below its largest number.
_FRACTION_BITS = {"float16": (9, 9), "float32": (2, 3), "float64": (2, 3)}
_ONE_ARGUMENT_OF_FLOAT16 = (9, 0)
_NARROW = 7  # of two factors one may have so many times fewer digits than the other


def wide(op: Op, spec: ConvSpec, dtype: str, seed: str) -> tuple[Array, ...]:
    """Arguments of `op`, the bias included, non-zero; the digits of a product are shared out in one of three ways.

    Raises `DataError` when even plus and minus one are too much.
    """
    largest = magnitudes(op, spec, dtype, zlib.crc32(seed.encode()) % 3)
    cut = [_cut(shape, largest[n], f"{seed}/{n}") for n, shape in enumerate(spec.input_shapes(op))]
    return scaled(dtype, cut)


def magnitudes(op: Op, spec: ConvSpec, dtype: str, way: int, bits: int = 0) -> list[int]:
    """The largest whole number in each argument: sums have so many `bits`, or all that the dtype has.

    The digits of a product are shared out in one of three ways: alike, or most of them in the first or the second.
    """
    bits = bits or _SUM_BITS[dtype]
    most = 2 ** (data.SIGNIFICAND_BITS[dtype] - 1) - 1
    room = 2 ** (bits - 1) // (data.terms(op, spec) + 1)
    if room < 1:
        raise data.DataError(f"sums of {data.terms(op, spec)} terms are not exact in {dtype}")
    if len(spec.input_shapes(op)) == 1:
        return [min(room, most)]
    if op == "max_pool2d_grad":  # dy is added, x is only compared
        return [min(room, most), most]
    one = min(math.isqrt(room) if way == 0 else max(room // _NARROW, 1), most)
    other = min(room // one, most)
    largest = [other, one] if way == 1 else [one, other]
    return [*largest, min(one * other, most)] if op == "conv2d" else largest


def one_term(op: Op, spec: ConvSpec, dtype: str, seed: str, full: int, bits: int = 0) -> tuple[Array, ...]:
    """Arguments such that each sum has one term at most, with all digits in argument `full`, and one in the other.

    With `bits` these are so many, less the sign.
    """
    most = 2 ** ((bits or data.SIGNIFICAND_BITS[dtype]) - 1) - 1
    arrays = [_cut(shape, most if n == full else 1, f"{seed}/{n}") for n, shape in enumerate(spec.input_shapes(op))]
    if op == "conv2d":
        arrays[2] = arrays[2] * 0
    which, kept = _single(op, spec, full)
    if which is not None:
        arrays[which] = arrays[which] * kept
    return scaled(dtype, arrays)


@cache
def _pool() -> Array:
    return np.random.default_rng(20).integers(0, 2**62, 1_000_003)


def _cut(shape: tuple[int, ...], largest: int, seed: str) -> Array:
    """Non-zero whole numbers of magnitude up to `largest`, from a pool: thousands of generators would take seconds."""
    size, pool = math.prod(shape), _pool()
    start = zlib.crc32(seed.encode()) % (len(pool) // 2)
    flat = pool[start : start + size] if start + size <= len(pool) else np.resize(pool[start:], size)
    value = flat % (2 * largest) - largest
    return np.where(value >= 0, value + 1, value).reshape(shape)


def scaled(dtype: str, whole: Sequence[Array]) -> tuple[Array, ...]:
    """Whole numbers divided by the powers of two that belong to the dtype; integers stay as they are."""
    if not dtype.startswith("float"):
        return tuple(a.astype(dtype) for a in whole)
    return tuple((a * unit).astype(dtype) for a, unit in zip(whole, units(dtype, len(whole)), strict=True))


def units(dtype: str, count: int) -> tuple[float, ...]:
    """What 1 becomes in each of so many arguments, of a dtype of floats."""
    first, second = _ONE_ARGUMENT_OF_FLOAT16 if dtype == "float16" and count == 1 else _FRACTION_BITS[dtype]
    return tuple(2.0**-bits for bits in (first, second, first + second)[:count])


def _single(op: Op, spec: ConvSpec, full: int) -> tuple[int | None, Array]:
    """Which argument is zero but for a few elements, and a mask of these: then no sum has a second term."""
    kh, kw = spec.kernel_size
    if op in ("im2col", "max_pool2d"):
        return None, np.ones(1)
    if op == "col2im":
        mask = np.zeros((spec.batch, spec.in_channels, kh, kw, spec.positions), np.int64)
        mask[:, :, kh // 2, kw - 1] = 1
        return 0, mask.reshape(spec.columns_shape)
    mask = np.zeros(spec.w_shape, np.int64)
    if op == "conv2d":  # one weight a filter
        for f in range(spec.out_channels):
            mask[f, f % mask.shape[1], f % kh, 2 * f % kw] = 1
        return 1, mask
    if op == "conv2d_input_grad":  # one filter a channel, at one tap
        filters = spec.out_channels // spec.groups
        for f in range(spec.out_channels):
            for c in range(f % filters, mask.shape[1], filters):
                mask[f, c, kh // 2, 0] = 1
        return 1, mask
    if op in POOL_OPS:  # one position of dy a channel, or one pixel
        return 0, _one_a_plane(spec.input_shapes(op)[0])
    if op == "conv2d_bias_grad" or full == 1:  # one position of dy a filter
        return 0, _one_a_plane(spec.y_shape)
    return 1, _one_a_plane(spec.x_shape)  # one pixel a channel


def _one_a_plane(shape: Shape) -> Array:
    """Of every channel or filter one element, in the images by turns, and elsewhere in each."""
    batch, planes, rows, cols = shape
    mask = np.zeros(shape, np.int64)
    for n in range(planes if batch else 0):
        mask[n % batch, n, n % rows, 3 * n % cols] = 1
    return mask
