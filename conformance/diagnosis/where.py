"""Where a result is wrong: which elements differ from the definition, what they have in common, and their picture."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from conformance.checks.outcomes import RecordedCall
from harness.contract.protocol import Array, Numerics
from harness.geometry.spec import POOL_OPS, ConvSpec, Op, Shape
from harness.oracle import by_taps
from harness.oracle.bounding import allowed as bound
from harness.oracle.comparing import divides, is_exact
from harness.oracle.data import SIGNIFICAND_BITS

_MOST_CLAIMS = 3
_FRACTIONS = range(10)  # bits behind the point that data of ours may have
_PIXELS, _KERNEL = ("row", "column"), ("kernel row", "kernel column")
# What the axes of a result are called; columns have their rows and positions opened.
AXES: dict[Op, tuple[str, ...]] = {
    "im2col": ("image", "channel", *_KERNEL, "output row", "output column"),
    "col2im": ("image", "channel", *_PIXELS),
    "conv2d": ("image", "filter", *_PIXELS),
    "conv2d_input_grad": ("image", "channel", *_PIXELS),
    "conv2d_weight_grad": ("filter", "channel", *_KERNEL),
    "conv2d_bias_grad": ("filter",),
    **dict.fromkeys(POOL_OPS, ("image", "channel", *_PIXELS)),
}
# Ops whose results have an element for each window, and those whose results are images.
_OF_WINDOWS = ("im2col", "conv2d", "max_pool2d", "avg_pool2d", "avg_pool2d_exclude_padding")
_OF_PIXELS = (
    "col2im", "conv2d_input_grad", "max_pool2d_grad", "avg_pool2d_grad", "avg_pool2d_exclude_padding_grad",
)  # fmt: skip


class Expected(NamedTuple):
    """The right result, and how far off each element may be; None if it must be exact."""

    values: Array
    allowed: Array | None


class Claim(NamedTuple):
    """Something that may be true of all wrong elements: in words, and where it is true of an element."""

    text: str
    region: Array


def expected(call: RecordedCall, numerics: Numerics = "gemm") -> Expected | None:
    """What the call should have given; None if the arrays are no valid finite input."""
    if not call.is_valid:
        return None
    arrays = [a for a in call.arrays if a is not None]
    if not all(np.isfinite(a).all() for a in arrays):
        return None
    if arrays[0].dtype.kind == "i":
        return Expected(by_taps.run(call.op, call.spec, *call.arrays, accumulate=np.int64), None)
    total, dtype = by_taps.absolute(call.op, call.spec, *call.arrays), str(arrays[0].dtype)
    is_whole = not divides(call.op) and all((a == np.rint(a)).all() for a in arrays)
    if is_whole and total.max(initial=0) <= 2 ** SIGNIFICAND_BITS[dtype]:
        return Expected(by_taps.run(call.op, call.spec, *call.arrays), None)
    right = by_taps.run(call.op, call.spec, *call.arrays, accumulate=np.longdouble)
    return Expected(right, bound(call.op, call.spec, dtype, numerics, right, call.arrays))


def is_off_without_rounding(call: RecordedCall, numerics: Numerics) -> bool:
    """Whether the result differs from the right one though no sum is rounded, within what rounding might be.

    No sum is, if all numbers are whole times a power of two, and small enough.
    """
    arrays, got = [a for a in call.arrays if a is not None], call.outcome.result
    dtype = str(arrays[0].dtype)
    if got is None or dtype not in SIGNIFICAND_BITS or not is_exact(numerics, call.op, dtype):
        return False
    fractions = [_fraction_bits(a) for a in arrays]
    known = [bits for bits in fractions if bits is not None]
    largest = float(by_taps.absolute(call.op, call.spec, *call.arrays).max(initial=0))
    is_precise = len(known) == len(fractions) and largest * 2.0 ** sum(known) <= 2.0 ** SIGNIFICAND_BITS[dtype]
    return is_precise and not np.array_equal(got, by_taps.run(call.op, call.spec, *call.arrays))


def _fraction_bits(a: Array) -> int | None:
    """By what power of two these numbers have to be multiplied to be whole; None if it is a large one."""
    return next((bits for bits in _FRACTIONS if (np.ldexp(a, bits) == np.rint(np.ldexp(a, bits))).all()), None)


def wrong(call: RecordedCall, numerics: Numerics = "gemm") -> Array | None:
    """Which elements of the result are wrong. None if that cannot be said, or if none is."""
    known, got = expected(call, numerics), call.outcome.result
    if known is None or got is None or got.shape != known.values.shape or got.dtype.kind not in "biuf":
        return None
    right, allowed = known
    bad: Array = got != right
    if allowed is not None:
        with np.errstate(invalid="ignore"):
            bad &= ~(np.abs(got.astype(right.dtype) - right) <= allowed)
    return bad if bad.any() else None


def describe(op: Op, spec: ConvSpec, mask: Array) -> str:
    """Where the wrong elements are: up to three claims true of all of them, the narrowest first; "" if none is."""
    if mask.all() or not mask.any():
        return "every element" if mask.size and mask.all() else ""
    named = mask.reshape(opened(spec, mask.shape))
    if named.sum() == 1:
        where = zip(AXES[op], np.argwhere(named)[0], strict=True)
        return "only one element, " + ", ".join(f"{name} {index}" for name, index in where)
    # What no input reaches is 0 in any case: that it is right says nothing.
    inside = np.broadcast_to(_reached(op, spec), named.shape)
    inside = inside if not (named & ~inside).any() else np.ones(named.shape, bool)
    true = [
        Claim(text, np.broadcast_to(region, named.shape))
        for text, region in _claims(op, spec, named)
        if not (named & ~region).any()
    ]
    reached, chosen = inside, list[str]()
    for text, region in sorted(true, key=lambda c: (int((c.region & reached).sum()), int(c.region.sum()))):
        if (inside & ~region).any() and len(chosen) < _MOST_CLAIMS:
            chosen.append(text)
            inside = inside & region
    if chosen:
        return f"only {' and '.join(chosen)}"
    return "every element that an input reaches" if (named == inside).all() else ""


def picture(op: Op, spec: ConvSpec, mask: Array, rows: int = 24, columns: int = 48) -> list[str]:
    """The first plane (last two axes) with a wrong element, wrong ones as '#', cut to the size given."""
    planes = mask.reshape(-1, *mask.shape[-2:]) if mask.ndim > 1 else mask.reshape(1, 1, -1)
    bad = [plane for plane in planes if plane.any()]
    if not bad:
        return []
    # The upper left corner, unless nothing is wrong there.
    plane, first = bad[0], np.argwhere(bad[0])[0]
    cut = plane[:rows, :columns] if plane[:rows, :columns].any() else plane[first[0] :, first[1] :][:rows, :columns]
    return ["".join(".#"[int(wrong)] for wrong in line) for line in cut]


def opened(spec: ConvSpec, shape: Shape) -> Shape:
    """The shape with the rows and positions of columns as axes of their own: (N, C, KH, KW, OH, OW)."""
    return (spec.batch, spec.in_channels, *spec.kernel_size, *spec.output_size) if len(shape) == 3 else shape


def _along(region: Array, axis: int, ndim: int) -> Array:
    """A region of consecutive axes, from `axis` on, ready to be broadcast against an array of `ndim` axes."""
    return region.reshape((1,) * axis + region.shape + (1,) * (ndim - axis - region.ndim))


def _claims(op: Op, spec: ConvSpec, named: Array) -> Iterator[Claim]:
    """Everything that could be true of the wrong elements: along each axis, at the border, by windows and padding."""
    ndim = named.ndim
    for axis, name in enumerate(AXES[op]):
        index = np.arange(named.shape[axis])
        if name == "filter" and spec.groups > 1:
            later = index >= spec.out_channels // spec.groups
            yield Claim("filters of the groups after the first", _along(later, axis, ndim))
        if name == "channel" and spec.groups > 1:
            inner = index % (spec.in_channels // spec.groups) != 0
            if inner.any():
                yield Claim("channels after the first of each group", _along(inner, axis, ndim))
        hit: Array = np.asarray(named.any(axis=tuple(a for a in range(ndim) if a != axis)))
        yield from (Claim(text, _along(region, axis, ndim)) for text, region in _axis_claims(name, hit))
    if ndim > 1 and min(named.shape[-2:]) > 2:
        edge = np.pad(np.zeros((named.shape[-2] - 2, named.shape[-1] - 2), bool), 1, constant_values=True)
        yield Claim("the border", edge)
    if op in _OF_WINDOWS:
        hit = np.asarray(named.reshape(-1, spec.positions).any(axis=0))
        for text, region in _axis_claims("position", hit):
            yield Claim(text, region.reshape(spec.output_size))
    if spec.batch and op not in ("conv2d_weight_grad", "conv2d_bias_grad"):
        yield from _window_claims(op, spec)


def _axis_claims(name: str, hit: Array) -> Iterator[Claim]:
    """What the indices along one axis have in common."""
    size, where = len(hit), np.flatnonzero(hit)
    first, last, count = int(where[0]), int(where[-1]), len(where)
    if count == 1:
        yield Claim({0: f"the first {name}", size - 1: f"the last {name}"}.get(first, f"{name} {first}"), hit)
    elif where.tolist() == [0, size - 1]:
        yield Claim(f"the first and the last {name}", hit)
    elif count == last - first + 1:
        begin = f"{name}s after the first" if first == 1 else f"the tail {name}s (from {first} on)"
        end = f"the first {count} {name}s" if first == 0 else f"{name}s {first} to {last}"
        yield Claim(begin if last == size - 1 else end, hit)
    elif len(set(where % 2)) == 1:
        yield Claim(f"{('even', 'odd')[first % 2]} {name}s", np.arange(size) % 2 == first % 2)
    elif first > 0:
        yield Claim(f"{name}s after the first", np.arange(size) > 0)


def _plane(spec: ConvSpec) -> ConvSpec:
    return replace(spec, batch=1, in_channels=1, out_channels=1, groups=1)


def _read(spec: ConvSpec) -> Array:
    """(KH, KW, OH, OW): whether the tap of that window reads the image, not padding."""
    plane = _plane(spec)
    taps = by_taps.run("im2col", plane, np.ones(plane.x_shape)) > 0
    return np.asarray(taps.reshape(*spec.kernel_size, *spec.output_size))


def _folded(spec: ConvSpec, taps: Array) -> Array:
    """(H, W): how many of the taps marked (broadcast to those of all windows) each pixel is read by."""
    plane = _plane(spec)
    marked = np.broadcast_to(taps, (*spec.kernel_size, *spec.output_size)).astype(float)
    return np.asarray(by_taps.run("col2im", plane, marked.reshape(plane.columns_shape))[0, 0])


def _reached(op: Op, spec: ConvSpec) -> Array:
    """Where the result depends on any input at all."""
    if op == "im2col":
        return _read(spec)
    return _folded(spec, np.array(True)) > 0 if op in _OF_PIXELS else np.array(True)


def _window_claims(op: Op, spec: ConvSpec) -> Iterator[Claim]:
    """Padding and overlap: properties of windows (im2col, conv2d, pooling) or of pixels (col2im, input gradients)."""
    read = _read(spec)
    touch = np.asarray(~read.all(axis=(0, 1)))
    if op in _OF_WINDOWS:
        yield Claim("windows that touch padding", touch)
        yield Claim("windows that touch no padding", ~touch)
    if op == "im2col":
        yield Claim("elements read from padding", ~read)
    if op in _OF_PIXELS:
        count, touched = _folded(spec, np.array(True)), _folded(spec, touch) > 0
        yield Claim("where windows touch padding", touched)
        yield Claim("where no window touches padding", ~touched)
        yield Claim("where windows overlap", count > 1)
        yield Claim("where no windows overlap", count < 2)
        yield Claim("where no window reads", count == 0)
