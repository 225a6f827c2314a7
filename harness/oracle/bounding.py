"""How far off each element of a result may be, on given arguments, by the way in which a backend forms its sums.

Where the sums are plain, an element depends on its own terms. Winograd's method and the FFT transform a plane, add, and
transform back: what is large anywhere in the plane is rounded everywhere in it, also where the result is zero. So their
bound is one for a plane: of Winograd's method its largest number times the sum of all weights, of the FFT the product
of norms (Higham, 2002, theorem 24.2: a transform of P numbers is off by about 7 u log2 P of its norm, and there are
three). Averages are plain sums, but divided: their bound is that of one term more.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from harness.contract.protocol import Array, Numerics, dtype_name
from harness.geometry.spec import POOL_OPS, ConvSpec, Op
from harness.oracle import by_taps, data
from harness.oracle.comparing import allowance, divides, is_exact, mixes

_Size = Callable[[Array], Array]  # (N, C, H, W) -> (N, C, 1, 1): how large the numbers of each plane are
_MOST = 0.5  # of whole numbers: more would make neighbours equal


def allowed(
    op: Op, spec: ConvSpec, dtype: str, numerics: Numerics, exact: Array, arrays: Sequence[Array | None]
) -> Array:
    """The error allowed in each element of the exact result of valid arguments."""
    absolute, count = by_taps.absolute(op, spec, *arrays), by_taps.term_count(op, spec, *arrays)
    if mixes(numerics, op):
        absolute = of_planes(op, spec, numerics, arrays)
        count = count.max(axis=(2, 3), keepdims=True, initial=1) if numerics == "winograd" else steps(op, spec)
    return allowance(dtype, numerics, exact, np.broadcast_to(absolute, exact.shape), count, op)


def of_planes(op: Op, spec: ConvSpec, numerics: Numerics, arrays: Sequence[Array | None]) -> Array:
    """Of a method that mixes the elements of a plane, what stands for S in each: (N, C, 1, 1) of the result."""
    if numerics == "fft":
        return _of_planes(op, spec, [_norm, _norm], arrays)
    sizes = [_total, _largest] if op == "conv2d_weight_grad" else [_largest, _total]
    return _of_planes(op, spec, sizes, arrays)


def settled(op: Op, spec: ConvSpec, numerics: Numerics, arrays: Sequence[Array | None], got: Array) -> Array:
    """The result with every element that is as near as it must be replaced by the exact one.

    Only where whole numbers need not come out exact (`is_exact`): what is right then is equal, whatever it is compared
    with afterwards. Nothing is replaced where an argument is not whole and finite, or the result has another form.
    """
    given = [a for a in arrays if a is not None]
    dtype = dtype_name(given[0].dtype)
    if is_exact(numerics, op, dtype):
        return got
    same_form = got.shape == spec.output_shape(op) and got.dtype == given[0].dtype
    if not same_form or not all(_is_whole(a) for a in given):
        return got
    exact = by_taps.run(op, spec, *arrays, accumulate=np.longdouble if divides(op) else np.float64)
    if np.array_equal(got, exact):
        return got
    bound = np.minimum(allowed(op, spec, dtype, numerics, exact, arrays), _MOST)
    with np.errstate(invalid="ignore"):
        near = np.abs(got.astype(np.float64) - exact) <= bound
    return np.where(near, exact, got).astype(got.dtype)


def as_settled(op: Op, spec: ConvSpec, *arrays: Array | None) -> Array:
    """What `settled` makes of a right result of whole numbers: an average that is none is rounded to the dtype."""
    if not divides(op):
        return by_taps.run(op, spec, *arrays)
    dtype = next(a.dtype for a in arrays if a is not None)
    return by_taps.run(op, spec, *arrays, accumulate=np.longdouble).astype(dtype)


def of_whole_numbers(op: Op, spec: ConvSpec, dtype: str, numerics: Numerics, largest: Sequence[float]) -> float:
    """The error allowed in any element, for arguments of at most these magnitudes: where there is no time for more."""
    if is_exact(numerics, op, dtype):
        return 0.0
    return min(of_magnitudes(op, spec, dtype, numerics, largest), _MOST)


def of_magnitudes(op: Op, spec: ConvSpec, dtype: str, numerics: Numerics, largest: Sequence[float]) -> float:
    """The same for any numbers of at most these magnitudes, whole or not."""
    factors = math.prod(largest[:2] if op not in POOL_OPS else largest[:1])
    total, count = factors * data.terms(op, spec), float(data.terms(op, spec))
    if divides(op):
        # An average is no larger than what it is of, nor a sum of shares, unless windows at the border divide by less.
        total, count = total if op == "avg_pool2d_exclude_padding_grad" else factors, count + 1
    if numerics == "fft" and mixes(numerics, op):
        # Of the two arguments and the result one is w, with KH x KW taps, the others have at most PH x PW elements.
        pixels = math.prod(spec.padded_size)
        sizes = pixels * (pixels if op == "conv2d_weight_grad" else spec.taps)
        total, count = factors * _sums(op, spec) * math.sqrt(sizes), float(steps(op, spec))
    return float(allowance(dtype, numerics, np.array(total), np.array(total), np.array(count), op))


def _is_whole(a: Array) -> bool:
    return bool(np.isfinite(a).all() and (a == np.rint(a)).all())


def _sums(op: Op, spec: ConvSpec) -> int:
    """How many transformed planes are added."""
    inner = {"conv2d": spec.in_channels, "conv2d_input_grad": spec.out_channels}
    return inner[op] // spec.groups if op in inner else spec.batch


def steps(op: Op, spec: ConvSpec) -> Array:
    """Stages of a transform (of a plane of up to twice the sides, as most are padded to), and the terms added."""
    return np.array(math.log2(4 * math.prod(spec.padded_size)) + _sums(op, spec) + 1)  # the bias


def _of_planes(op: Op, spec: ConvSpec, sizes: Sequence[_Size], arrays: Sequence[Array | None]) -> Array:
    """Sum over the planes that are added, of the product of their sizes: the op itself, on planes of one pixel."""
    single = replace(spec, input_size=(1, 1), kernel_size=(1, 1), stride=(1, 1), padding=(0,) * 4, dilation=(1, 1))
    planes = [a if a is None or a.ndim != 4 else size(a) for a, size in zip(arrays, (*sizes, _largest), strict=False)]
    return by_taps.absolute(op, single, *planes)


def _norm(a: Array) -> Array:
    """Of each plane; squares of very small and very large numbers are none."""
    largest = np.maximum(_largest(a), np.finfo(np.float64).tiny)
    norm: Array = largest * np.sqrt(((a / largest) ** 2).sum(axis=(2, 3), keepdims=True))
    return norm


def _largest(a: Array) -> Array:
    largest: Array = np.abs(a.astype(np.float64)).max(axis=(2, 3), keepdims=True, initial=0)
    return largest


def _total(a: Array) -> Array:
    total: Array = np.abs(a.astype(np.float64)).sum(axis=(2, 3), keepdims=True)
    return total
