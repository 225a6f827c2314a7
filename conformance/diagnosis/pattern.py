"""What a wrong result looks like: where it is wrong, in words and as a picture, and which known mistake would give it.

Surprising fact: a mistake is named only if the whole result equals what the mistake gives, so one more fault hides it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np

from conformance.checks.under_test import RecordedCall
from harness.contract import lowering
from harness.contract.protocol import ArgumentError, Array, Numerics, validate
from harness.geometry.spec import ConvSpec, Op, Shape, SpecError
from harness.oracle import by_taps
from harness.oracle.comparing import allowance
from harness.oracle.data import SIGNIFICAND_BITS

_MOST_WORK = 20_000_000  # multiply-adds of one mistake; some fifty are tried
_MOST_CLAIMS = 3
_Named = Iterator[tuple[str, Array]]
_PIXELS, _KERNEL = ("row", "column"), ("kernel row", "kernel column")
_AXES: dict[Op, tuple[str, ...]] = {
    "im2col": ("image", "channel", *_KERNEL, "output row", "output column"),
    "col2im": ("image", "channel", *_PIXELS),
    "conv2d": ("image", "filter", *_PIXELS),
    "conv2d_input_grad": ("image", "channel", *_PIXELS),
    "conv2d_weight_grad": ("filter", "channel", *_KERNEL),
    "conv2d_bias_grad": ("filter",),
}
# Ways to lay the axes of columns (n, c, kh, kw, oh, ow) and of other arrays out in memory.
_COLUMN_ORDERS = {
    "rows in the order (c, kw, kh)": (0, 1, 3, 2, 4, 5),
    "rows in the order (kh, kw, c)": (0, 2, 3, 1, 4, 5),
    "rows in the order (kw, kh, c)": (0, 3, 2, 1, 4, 5),
    "positions in the order (ow, oh)": (0, 1, 2, 3, 5, 4),
    "columns of shape (N, positions, rows)": (0, 4, 5, 1, 2, 3),
    "columns of shape (rows, positions, N)": (1, 2, 3, 4, 5, 0),
    "columns of shape (rows, N, positions)": (1, 2, 3, 0, 4, 5),
    "columns in Fortran order": (5, 4, 3, 2, 1, 0),
}
_PLANE_ORDERS = {
    "its last two axes transposed": (0, 1, 3, 2),
    "its first two axes swapped": (1, 0, 2, 3),
    "channels last": (0, 2, 3, 1),
    "the first two axes last": (2, 3, 1, 0),
    "Fortran order": (3, 2, 1, 0),
}


def expected(call: RecordedCall, numerics: Numerics = "gemm") -> tuple[Array, Array | None] | None:
    """The right result and its allowance (None: exact). None if the arrays are no valid finite input."""
    try:
        validate(call.op, call.spec, *call.arrays)
    except ArgumentError:
        return None
    arrays = [a for a in call.arrays if a is not None]
    if not all(np.isfinite(a).all() for a in arrays):
        return None
    if arrays[0].dtype.kind == "i":
        return by_taps.run(call.op, call.spec, *call.arrays, accumulate=np.int64), None
    total, dtype = by_taps.absolute(call.op, call.spec, *call.arrays), str(arrays[0].dtype)
    if all((a == np.rint(a)).all() for a in arrays) and total.max(initial=0) <= 2 ** SIGNIFICAND_BITS[dtype]:
        return by_taps.run(call.op, call.spec, *call.arrays), None
    right = by_taps.run(call.op, call.spec, *call.arrays, accumulate=np.longdouble)
    count = by_taps.term_count(call.op, call.spec, *call.arrays)
    return right, allowance(dtype, numerics, right, total, count, call.op)


def wrong(call: RecordedCall, numerics: Numerics = "gemm") -> Array | None:
    """Which elements of the result are wrong. None if that cannot be said, or if none is."""
    known, got = expected(call, numerics), call.reply.result
    if known is None or got is None or got.shape != known[0].shape or got.dtype.kind not in "biuf":
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
    named = mask.reshape(_opened(spec, mask.shape))
    if named.sum() == 1:
        where = zip(_AXES[op], np.argwhere(named)[0], strict=True)
        return "only one element, " + ", ".join(f"{name} {index}" for name, index in where)
    # What no input reaches is 0 in any case: that it is right says nothing.
    inside = np.broadcast_to(_reached(op, spec), named.shape)
    inside = inside if not (named & ~inside).any() else np.ones(named.shape, bool)
    fitting = [
        (text, np.broadcast_to(r, named.shape)) for text, r in _claims(op, spec, named) if not (named & ~r).any()
    ]
    reached, chosen = inside, list[str]()
    for text, region in sorted(fitting, key=lambda claim: (int((claim[1] & reached).sum()), int(claim[1].sum()))):
        if (inside & ~region).any() and len(chosen) < _MOST_CLAIMS:
            chosen.append(text)
            inside = inside & region
    if chosen:
        return f"only {' and '.join(chosen)}"
    return "every element that an input reaches" if (named == inside).all() else ""


def likely(call: RecordedCall, numerics: Numerics = "gemm") -> str:
    """Which common mistakes would give exactly this result, at most three; "" if none is known."""
    known, got = expected(call, numerics), call.reply.result
    if (
        known is None
        or got is None
        or got.dtype.kind not in "biuf"
        or not got.size * known[0].size
        or call.spec.macs > _MOST_WORK
    ):
        return ""
    right, allowed = known
    slack = 0.0 if allowed is None else 4 * float(allowed.max())
    if got.shape == right.shape and wrong(call, numerics) is None:
        return ""
    if not got.any() or np.isnan(got).all():
        return f"the result is all {'NaN' if got.any() else 'zeros'}"
    with np.errstate(all="ignore"):
        found = [text for text, other in _mistakes(call, right) if _same(got, other, slack)]
    return f"the result is what {' or '.join(list(dict.fromkeys(found))[:3])} would give" if found else ""


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


# -- claims ----------------------------------------------------------------------------------------------------


def _opened(spec: ConvSpec, shape: Shape) -> Shape:
    """The shape with the rows and positions of columns as axes of their own."""
    return (spec.batch, spec.in_channels, *spec.kernel_size, *spec.output_size) if len(shape) == 3 else shape


def _along(region: Array, axis: int, ndim: int) -> Array:
    """A region of consecutive axes, from `axis` on, ready to be broadcast against an array of `ndim` axes."""
    return region.reshape((1,) * axis + region.shape + (1,) * (ndim - axis - region.ndim))


def _claims(op: Op, spec: ConvSpec, named: Array) -> _Named:
    ndim = named.ndim
    for axis, name in enumerate(_AXES[op]):
        index = np.arange(named.shape[axis])
        if name == "filter" and spec.groups > 1:
            later = index >= spec.out_channels // spec.groups
            yield "filters of the groups after the first", _along(later, axis, ndim)
        if name == "channel" and spec.groups > 1:
            inner = index % (spec.in_channels // spec.groups) != 0
            if inner.any():
                yield "channels after the first of each group", _along(inner, axis, ndim)
        hit: Array = np.asarray(named.any(axis=tuple(a for a in range(ndim) if a != axis)))
        yield from ((text, _along(region, axis, ndim)) for text, region in _axis_claims(name, hit))
    if ndim > 1 and min(named.shape[-2:]) > 2:
        edge = np.pad(np.zeros((named.shape[-2] - 2, named.shape[-1] - 2), bool), 1, constant_values=True)
        yield "the border", edge
    if op in ("im2col", "conv2d") and min(named.shape[-2:]) > 1:
        hit = np.asarray(named.reshape(-1, spec.positions).any(axis=0))
        for text, region in _axis_claims("position", hit):
            yield text, region.reshape(spec.output_size)
    if spec.batch and op not in ("conv2d_weight_grad", "conv2d_bias_grad"):
        yield from _window_claims(op, spec)


def _axis_claims(name: str, hit: Array) -> _Named:
    """What the indices along one axis have in common."""
    size, where = len(hit), np.flatnonzero(hit)
    first, last, count = int(where[0]), int(where[-1]), len(where)
    if count == 1:
        yield {0: f"the first {name}", size - 1: f"the last {name}"}.get(first, f"{name} {first}"), hit
    elif where.tolist() == [0, size - 1]:
        yield f"the first and the last {name}", hit
    elif count == last - first + 1:
        begin = f"{name}s after the first" if first == 1 else f"the tail {name}s (from {first} on)"
        end = f"the first {count} {name}s" if first == 0 else f"{name}s {first} to {last}"
        yield begin if last == size - 1 else end, hit
    elif len(set(where % 2)) == 1:
        yield f"{('even', 'odd')[first % 2]} {name}s", np.arange(size) % 2 == first % 2
    elif first > 0:
        yield f"{name}s after the first", np.arange(size) > 0


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
    return _folded(spec, np.array(True)) > 0 if op in ("col2im", "conv2d_input_grad") else np.array(True)


def _window_claims(op: Op, spec: ConvSpec) -> _Named:
    """Padding and overlap: properties of windows (im2col, conv2d) or of pixels (col2im, conv2d_input_grad)."""
    read = _read(spec)
    touch = np.asarray(~read.all(axis=(0, 1)))
    if op in ("im2col", "conv2d"):
        yield "windows that touch padding", touch
        yield "windows that touch no padding", ~touch
    if op == "im2col":
        yield "elements read from padding", ~read
    if op in ("col2im", "conv2d_input_grad"):
        count, touched = _folded(spec, np.array(True)), _folded(spec, touch) > 0
        yield from (("where windows touch padding", touched), ("where no window touches padding", ~touched))
        yield from (("where windows overlap", count > 1), ("where no windows overlap", count < 2))
        yield "where no window reads", count == 0


# -- mistakes --------------------------------------------------------------------------------------------------


def _same(got: Array, other: Array, slack: float) -> bool:
    return got.shape == other.shape and bool((np.abs(got.astype(np.float64) - other) <= slack).all())


def _mistakes(call: RecordedCall, right: Array) -> _Named:
    op, spec, arrays = call.op, call.spec, call.arrays
    for text, change in _geometries(spec):
        for other in _stretched(spec, change):
            for opened in (True, False):
                shapes = zip(arrays, other.input_shapes(op), strict=True)
                given = (None if a is None else _fit(a, other, spec, shape, opened) for a, shape in shapes)
                made = by_taps.run(op, other, *given)
                yield text, made
                yield text, _fit(made, spec, other, spec.output_shape(op), opened)
    for number, a in enumerate(arrays):
        if a is not None and (a.ndim == 3 or (op in ("conv2d", "conv2d_input_grad") and number == 1)):
            what = "columns" if a.ndim == 3 else "a kernel"
            for text, changed in _rearranged(spec, a, what):
                yield text, by_taps.run(op, spec, *arrays[:number], changed, *arrays[number + 1 :])
    yield from _rearranged(spec, right, "a kernel" if op == "conv2d_weight_grad" else "a result")
    yield from _arithmetic(call, right)
    yield "the expected values in another order of the axes", right.swapaxes(-1, -2) if right.ndim > 1 else right
    yield "the expected values in another shape", right.reshape(_shape_like(call, right))


def _shape_like(call: RecordedCall, right: Array) -> Shape:
    got = call.reply.result
    return right.shape if got is None or got.size != right.size else tuple(got.shape)


def _geometries(spec: ConvSpec) -> Iterator[tuple[str, dict[str, Any]]]:
    """Misread geometries, in words and as changes of the spec."""
    for name in ("stride", "dilation"):
        a, b = getattr(spec, name)
        ways = {"swapped": (b, a), "ignored": (1, 1), "of the height for both": (a, a), "of the width for both": (b, b)}
        yield from _different(spec, name, ways)
    t, b, l, r = spec.padding
    pads = {
        "ignored": (0, 0, 0, 0), "with begin and end swapped": (b, t, r, l), "with its axes swapped": (l, r, t, b),
        "of the beginning for the end": (t, t, l, l), "of the end for the beginning": (b, b, r, r),
        "read as (top, left, bottom, right)": (t, l, b, r), "of the height for both": (t, b, t, b),
        "one row too many": (t + 1, b, l, r), "one row too few": (t - 1, b, l, r),
        "one column too many": (t, b, l + 1, r), "one column too few": (t, b, l - 1, r),
    }  # fmt: skip
    yield from _different(spec, "padding", pads)
    if spec.groups > 1:
        yield "groups ignored (every filter reads the first channels)", {"groups": 1}
    if spec.batch > 1:
        yield "only the first image", {"batch": 1}


def _different(spec: ConvSpec, name: str, ways: Mapping[str, tuple[int, ...]]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Each other value once, under the first of its names."""
    seen = {getattr(spec, name)}
    for how, value in ways.items():
        if value not in seen and min(value) >= 0:
            yield f"{name} {how}, {value} instead of {getattr(spec, name)},", {name: value}
        seen.add(value)


def _stretched(spec: ConvSpec, change: dict[str, Any]) -> Iterator[ConvSpec]:
    """The changed spec, and the same with zeros after the image so that all of the right positions exist."""
    with suppress(SpecError):
        yield replace(spec, **change)
    pads, (sh, sw), (dh, dw) = (change.get(n, getattr(spec, n)) for n in ("padding", "stride", "dilation"))
    (oh, ow), (kh, kw), (h, w), (t, b, l, r) = spec.output_size, spec.kernel_size, spec.input_size, pads
    bottom, right = ((oh - 1) * sh + (kh - 1) * dh + 1 - h - t, (ow - 1) * sw + (kw - 1) * dw + 1 - w - l)
    yield replace(spec, **(change | {"padding": (t, max(b, bottom), l, max(r, right))}))


def _fit(a: Array, to: ConvSpec, of: ConvSpec, shape: Shape, opened: bool) -> Array:
    """`a`, an array of the geometry `of`, cut or filled with zeros to `shape`, one of the geometry `to`."""
    was, now = (_opened(of, a.shape), _opened(to, shape)) if opened else (a.shape, shape)
    fitted = np.zeros(now, a.dtype)
    common = tuple(slice(0, min(m, n)) for m, n in zip(was, now, strict=True))
    fitted[common] = a.reshape(was)[common]
    return fitted.reshape(shape)


def _rearranged(spec: ConvSpec, a: Array, what: str) -> _Named:
    """The elements of `a` in other orders: axes permuted in memory, written or read so, and axes reversed."""
    named = a.reshape(_opened(spec, a.shape))
    orders = _COLUMN_ORDERS if named.ndim == 6 else _PLANE_ORDERS if named.ndim == 4 else {}
    for text, order in orders.items():
        how = text if named.ndim == 6 else f"{what} with {text}"
        yield how, named.transpose(order).reshape(a.shape)
        there = [named.shape[axis] for axis in order]
        yield how, named.reshape(there).transpose(np.argsort(order)).reshape(a.shape)
    flips: dict[str, tuple[int, ...]] = {"axis 0 reversed": (0,), "axis 1 reversed": (1,)}
    flips |= {"its rows reversed": (-2,), "its columns reversed": (-1,), "its last two axes flipped": (-2, -1)}
    if named.ndim == 6:
        flips = {"taps flipped": (2, 3), "its kernel rows reversed": (2,), "its kernel columns reversed": (3,)} | flips
    for text, axes in flips.items():
        if max(axes) < named.ndim and -min(axes) <= named.ndim:
            how = "a flipped kernel" if text in ("taps flipped",) or (what, axes) == ("a kernel", (-2, -1)) else ""
            yield how or f"{what} with {text}", np.flip(named, axes).reshape(a.shape)


def _arithmetic(call: RecordedCall, right: Array) -> _Named:
    """Terms left out, counted twice, averaged or overwritten, and lost digits."""
    op, spec, arrays, got = call.op, call.spec, call.arrays, call.reply.result
    if op == "conv2d" and arrays[2] is not None:
        for text, bias in (
            ("no bias", None),
            ("the bias added twice", 2 * arrays[2]),
            ("a reversed bias", arrays[2][::-1]),
        ):
            yield text, by_taps.run(op, spec, *arrays[:2], bias)
    if op in ("col2im", "conv2d_input_grad"):
        yield "overlaps averaged instead of summed", right / np.maximum(by_taps.term_count(op, spec, *arrays), 1)
        wide = [a.astype(np.float64) for a in arrays if a is not None]
        for taps_last in (True, False):
            fold = partial(_overwritten, taps_last=taps_last)
            made = fold(wide[0], spec) if op == "col2im" else lowering.derive(fold, fold)[op](*wide, spec)
            yield "overlaps overwritten instead of added", made
    if spec.batch > 1 and right.ndim > 2 and op != "conv2d_weight_grad":
        yield "the first image in place of all", np.broadcast_to(right[:1], right.shape)
    at = np.unravel_index(int(np.abs(right).argmax()), right.shape)
    if got is not None and got.shape == right.shape and right[at]:
        factor = float(got[at]) / float(right[at])
        yield f"{factor:.6g} times the expected values", (right * factor).astype(got.dtype)
    yield "the result rounded towards zero", np.trunc(right)
    yield (
        "inputs of half precision",
        by_taps.run(op, spec, *(a if a is None else a.astype(np.float16) for a in arrays)),
    )


def _overwritten(columns: Array, spec: ConvSpec, taps_last: bool) -> Array:
    """col2im that assigns: the last tap wins, or the last window."""
    padded = np.zeros((spec.batch, spec.in_channels, *spec.padded_size))
    named = columns.reshape(spec.batch, spec.in_channels, *spec.kernel_size, *spec.output_size)
    outer, inner = (spec.kernel_size, spec.output_size)[:: 1 if taps_last else -1]
    for index in np.ndindex(*outer, *inner):
        u, v, p, q = index if taps_last else (*index[2:], *index[:2])
        padded[:, :, p * spec.stride[0] + u * spec.dilation[0], q * spec.stride[1] + v * spec.dilation[1]] = named[
            :, :, u, v, p, q
        ]
    (top, _, left, _), (h, w) = spec.padding, spec.input_size
    return padded[:, :, top : top + h, left : left + w]
