"""Input data whose every partial sum is exactly representable, and seeds that depend on a text alone.

Whole numbers this small make any order of summation, any blocking and any fused multiply-add give the same bits,
so results are compared with `==` and no tolerance exists to be tuned.
"""

from __future__ import annotations

import math
import zlib
from dataclasses import dataclass
from functools import lru_cache
from typing import SupportsInt

import numpy as np

from harness.contract.protocol import Array
from harness.geometry.spec import ConvSpec, Op
from harness.geometry.windows import pixels_in_windows
from harness.oracle.comparing import divides

SIGNIFICAND_BITS = {"float16": 11, "float32": 24, "float64": 53, "int32": 31, "int64": 62}
_LARGEST_FACTOR = 8  # of two-argument ops: seventeen distinct values are enough, and long sums stay exact
_LARGEST_TERM = 1000  # of one-argument ops
_POOL_SIZE = 1_000_003  # prime, so that no stride of an array repeats it


class DataError(ValueError):
    """The sums of a case are too long to be exact in its dtype."""


def generator(text: str) -> np.random.Generator:
    """A generator seeded by the text: the same on every machine and in every run (crc32, never `hash`)."""
    return np.random.default_rng(zlib.crc32(text.encode()))


def terms(op: Op, spec: ConvSpec) -> int:
    """Largest number of terms summed into one element of the result of `op`; the bias is not counted."""
    return {
        "im2col": 1,
        "col2im": spec.taps,
        "conv2d": spec.in_channels // spec.groups * spec.taps,
        "conv2d_input_grad": spec.out_channels // spec.groups * spec.taps,
        "conv2d_weight_grad": spec.batch * spec.positions,
        "conv2d_bias_grad": spec.batch * spec.positions,
        "max_pool2d": 1,
    }.get(op, spec.taps)


def unit(op: Op, spec: ConvSpec) -> int:
    """What whole arguments have to be multiples of for a whole result: of averages, all that they divide by; else 1.

    >>> unit("avg_pool2d_exclude_padding", ConvSpec.parse("n1c1h4w4_f1kh3kw3_pt1pb1pl1pr1"))  # 4, 6 or 9 pixels
    36
    """
    if op in ("avg_pool2d", "avg_pool2d_grad"):
        return spec.taps
    if not divides(op):
        return 1
    return math.lcm(*(int(count) for count in set(pixels_in_windows(spec).tolist()) if count))


def exact(op: Op, spec: ConvSpec, dtype: str, seed: str) -> tuple[Array, ...]:
    """Arguments of `op` (the bias included): non-zero whole numbers whose sums, in any order, are exact in `dtype`.

    Averages of them are whole numbers too. Raises `DataError` when even plus and minus one would not be exact.
    """
    most, step = largest(op, spec, dtype), unit(op, spec)
    rng = generator(seed)
    return tuple((step * _nonzero(rng, shape, most)).astype(dtype) for shape in spec.input_shapes(op))


def pooled(op: Op, spec: ConvSpec, dtype: str, seed: str) -> tuple[Array, ...]:
    """As `exact`, but cut from a pool that is made once: for a million small cases, or for arrays of gigabytes.

    The arguments lie one behind the other in the pool, from a place that the seed decides, and repeat it when it ends;
    small ones are views of it, read-only.
    """
    pool, start = _pool_for(op, spec, dtype), zlib.crc32(seed.encode()) % _POOL_SIZE
    arguments = []
    for shape in spec.input_shapes(op):
        size = math.prod(shape)
        flat = pool[start : start + size] if start + size <= _POOL_SIZE else np.resize(np.roll(pool, -start), size)
        arguments.append(flat.reshape(shape))
        start = (start + size) % _POOL_SIZE
    return tuple(arguments)


def cut(shape: tuple[int, ...], largest: int, dtype: str, start: int) -> Array:
    """A new array of non-zero whole numbers of magnitude up to `largest`, from a pool, from that place of it on."""
    pool, size = _pool(largest, dtype, 1), math.prod(shape)
    made = np.empty(size, dtype)
    done, start = 0, start % _POOL_SIZE
    while done < size:
        count = min(size - done, _POOL_SIZE - start)
        made[done : done + count] = pool[start : start + count]
        done, start = done + count, 0
    return made.reshape(shape)


@dataclass(frozen=True, slots=True)
class Lazy:
    """An argument of `pooled` that is never made: it has a shape and gives single elements."""

    shape: tuple[int, ...]
    start: int
    pool: Array

    def __getitem__(self, index: int | tuple[int, ...], /) -> SupportsInt:
        """The element that the array has there."""
        place = 0
        for i, size in zip((index,) if isinstance(index, int) else index, self.shape, strict=True):
            place = place * size + i
        element: SupportsInt = self.pool[(self.start + place) % _POOL_SIZE]
        return element


def lazy(op: Op, spec: ConvSpec, dtype: str, seed: str) -> tuple[Lazy, ...]:
    """The arguments of `pooled`, element by element on demand."""
    pool, start = _pool_for(op, spec, dtype), zlib.crc32(seed.encode()) % _POOL_SIZE
    arguments = []
    for shape in spec.input_shapes(op):
        arguments.append(Lazy(shape, start, pool))
        start = (start + math.prod(shape)) % _POOL_SIZE
    return tuple(arguments)


def real(op: Op, spec: ConvSpec, dtype: str, seed: str) -> tuple[Array, ...]:
    """Arguments of `op`: normal deviates rounded to `dtype`, which see truncation and lost precision."""
    rng = generator(seed)
    return tuple(rng.standard_normal(shape).astype(dtype) for shape in spec.input_shapes(op))


def can_be_exact(op: Op, spec: ConvSpec, dtype: str) -> bool:
    """Whether there are whole numbers whose sums are exact in `dtype`."""
    try:
        return largest(op, spec, dtype) > 0
    except DataError:
        return False


def largest(op: Op, spec: ConvSpec, dtype: str) -> int:
    """The largest magnitude, in units, whose sums stay exact. Raises `DataError` where there is none."""
    room: int = 2 ** SIGNIFICAND_BITS[dtype] // max(terms(op, spec), 1) // unit(op, spec)
    if len(spec.input_shapes(op)) == 1:
        most = min(room, _LARGEST_TERM)
    else:
        # Products of two factors plus a bias of their size: factor^2 * terms + factor^2 must stay within the room.
        most = min(int((room // 2) ** 0.5), _LARGEST_FACTOR)
    if most < 1:
        of = f" of multiples of {unit(op, spec)}" if unit(op, spec) > 1 else ""
        raise DataError(f"sums of {terms(op, spec)} terms{of} are not exact in {dtype}")
    return most


def _pool_for(op: Op, spec: ConvSpec, dtype: str) -> Array:
    return _pool(largest(op, spec, dtype), dtype, unit(op, spec))


@lru_cache(maxsize=64)
def _pool(largest: int, dtype: str, unit: int) -> Array:
    pool = (unit * _nonzero(generator(f"pool/{largest}"), (_POOL_SIZE,), largest)).astype(dtype)
    pool.flags.writeable = False
    return pool


def _nonzero(rng: np.random.Generator, shape: tuple[int, ...], largest: int) -> Array:
    magnitude = rng.integers(1, largest + 1, size=shape)
    signed: Array = magnitude * rng.choice(np.array([-1, 1]), size=shape)
    return signed
