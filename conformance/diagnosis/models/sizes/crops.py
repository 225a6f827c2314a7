"""The image or the kernel cut out of a larger array at the wrong place, or in the wrong size.

The slices here are those of the faulty programs: `[p:-p]` with p = 0 is empty, and one that runs over the end is short.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial

import numpy as np

from conformance.diagnosis.models.index.formula import AXES, SCATTERING, Words
from conformance.diagnosis.models.model import Given, Model
from conformance.diagnosis.models.tables import Axis, axes, gather, run, scattered, table, unbounded
from harness.contract.protocol import Array
from harness.geometry.spec import ConvSpec

_Slice = Callable[[Axis, Axis], slice]  # of the padded image along an axis
_Crop = Callable[[Axis, Axis, Array], Array]  # of the padded image (N, C, PH, PW)
_MEND = (
    "`return np.ascontiguousarray(big[:, :, top:top + H, left:left + W])`, where big is the padded image, "
    "`top, _, left, _ = spec.padding` and `H, W = spec.input_size`"
)


def _right(axis: Axis, other: Axis) -> slice:
    return slice(axis.before, axis.before + axis.size)


def _reached(axis: Axis) -> int:
    """Rows of the padded image that some window reads."""
    return (axis.output - 1) * axis.stride + (axis.kernel - 1) * axis.dilation + 1


def _from(start: Callable[[Axis, Axis], int]) -> _Slice:
    return lambda a, b: slice(start(a, b), start(a, b) + a.size)


# A slice along one axis: for both, the height and the width. Texts may hold the fields of `Words`.
_SLICES: tuple[tuple[str, str, _Slice, str], ...] = (
    ("not at all", "does not crop the padding{where}", lambda a, b: slice(None), ""),
    ("p:-p", "crops with `[p:-p]`, p the {before} padding: with p = 0 that is `[0:0]`, and nothing is left",
     lambda a, b: slice(a.before, -a.before), "col2im-negative-zero-slice"),
    ("begin:-end", "crops with `[begin:-end]`, which is empty where the {after} padding is 0",
     lambda a, b: slice(a.before, -a.after), "col2im-negative-zero-slice"),
    ("begin:-end, guarded", "crops with `[begin:-end]` as soon as there is padding{where}, which is empty where the "
     "{after} padding is 0", lambda a, b: slice(a.before, -a.after) if a.before or a.after else slice(None),
     "col2im-negative-zero-slice"),
    ("p:-p, guarded", "crops the {before} padding at both ends{where}",
     lambda a, b: slice(a.before, -a.before) if a.before else slice(None), ""),
    ("end:-end, guarded", "crops the {after} padding at both ends{where}",
     lambda a, b: slice(a.after, -a.after) if a.after else slice(None), ""),
    ("-end guarded by begin", "crops only where there is {before} padding",
     lambda a, b: slice(a.before, a.before + a.size) if a.before else slice(None), ""),
    ("-end guarded by end", "crops only where there is {after} padding",
     lambda a, b: slice(a.before, a.before + a.size) if a.after else slice(None), ""),
    ("begin only", "crops the {before} padding but not the {after} one", lambda a, b: slice(a.before, None), ""),
    ("end only", "crops the {after} padding but not the {before} one",
     lambda a, b: slice(None, a.before + a.size), ""),
    ("1:-1", "crops one pixel at both ends{where}, whatever the padding", lambda a, b: slice(1, -1),
     "col2im-hardcoded-pad-one"),
    ("from the other axis", "takes the {other_before} padding for the {before} padding when it crops",
     _from(lambda a, b: b.before), ""),
    ("from 1", "crops from 1 on{where}, whatever the padding", _from(lambda a, b: 1), "col2im-hardcoded-pad-one"),
    ("one late", "crops one {line} too late", _from(lambda a, b: a.before + 1), ""),
    ("one short", "crops one {line} too few", lambda a, b: slice(a.before, a.before + a.size - 1), ""),
    ("what the windows reach", "makes the image as large as the windows reach, (O - 1) * stride + reach: what the "
     "stride leaves over is missing{where}", lambda a, b: slice(a.before, max(_reached(a) - a.after, a.before)),
     "col2im-remainder-rows-missing"),
    ("what the windows reach, to the size", "makes the padded image as large as the windows reach and crops {size} of "
     "it: what the stride leaves over is missing{where}",
     lambda a, b: slice(a.before, min(a.before + a.size, _reached(a))), "col2im-remainder-rows-missing"),
    ("what the windows reach, with the padding", "returns the padded image, as large as the windows reach{where}",
     lambda a, b: slice(0, _reached(a)), "col2im-remainder-rows-missing"),
)  # fmt: skip


def _cut(along: _Slice, axis: str, high: Axis, wide: Axis, big: Array) -> Array:
    rows = _right(high, wide) if axis == "width" else along(high, wide)
    return big[:, :, rows, _right(wide, high) if axis == "height" else along(wide, high)]


def _wrong_axes(high: Axis, wide: Axis, big: Array) -> Array:
    p = high.before
    return big[p:-p, p:-p]


def _wrong_axes_guarded(high: Axis, wide: Axis, big: Array) -> Array:
    return _wrong_axes(high, wide, big) if high.before else _cut(_right, "both", high, wide, big)


def _top_decides(high: Axis, wide: Axis, big: Array) -> Array:
    return _cut(_right, "both", high, wide, big) if high.before else big


def _all_decide(high: Axis, wide: Axis, big: Array) -> Array:
    each = high.before and high.after and wide.before and wide.after
    return _cut(_right, "both", high, wide, big) if each else big


def _top_on_all_sides(high: Axis, wide: Axis, big: Array) -> Array:
    p = high.before
    return big[:, :, p:-p, p:-p] if p else big


def _broadcast(high: Axis, wide: Axis, big: Array) -> Array:
    """NumPy repeats what has one row or one column when it is assigned to more."""
    small = big[:, :, high.before : min(high.before + high.size, _reached(high)),
                wide.before : min(wide.before + wide.size, _reached(wide))]  # fmt: skip
    fits = all(has in (1, wants) for has, wants in zip(small.shape[2:], (high.size, wide.size), strict=True))
    return np.broadcast_to(small, (*big.shape[:2], high.size, wide.size)) if fits else small


_WHOLE: tuple[tuple[str, str, str, _Crop, str], ...] = (
    ("images and channels", "crops images and channels instead of rows and columns: `big[p:-p, p:-p]`",
     "the padding is on axes 2 and 3: " + _MEND, _wrong_axes_guarded, "col2im-crop-wrong-axes"),
    ("images and channels, unguarded", "crops images and channels instead of rows and columns, with p = 0 too",
     "the padding is on axes 2 and 3: " + _MEND, _wrong_axes, "col2im-crop-wrong-axes"),
    ("only with top padding", "crops only if there is top padding, and leaves the others on otherwise",
     "crop whatever the padding is: " + _MEND, _top_decides, "col2im-negative-zero-slice"),
    ("only with padding on all sides", "crops only if there is padding on all four sides",
     "crop whatever the padding is: " + _MEND, _all_decide, "col2im-negative-zero-slice"),
    ("top padding on all sides", "crops the top padding on all four sides", _MEND, _top_on_all_sides, ""),
    ("too small and repeated", "makes an image that lacks what the stride leaves over, and repeats its one row or "
     "column over the whole", "make the padded image (H + top + bottom, W + left + right), and " + _MEND, _broadcast,
     "col2im-remainder-silent-broadcast"),
)  # fmt: skip


def _gives(crop: _Crop, given: Given) -> Array:
    high, wide = axes(given.spec)
    return np.ascontiguousarray(crop(high, wide, run(given, *_padded(high, wide), fold=_big)))


def _padded(high: Axis, wide: Axis) -> tuple[Array, Array]:
    return unbounded(high, before=0), unbounded(wide, before=0)


def _big(spec: ConvSpec, columns6: Array, rows: Array, columns: Array) -> Array:
    return scattered(columns6, rows, columns, spec.padded_size)


def _uncropped_taps(axis: Axis) -> Axis:
    """As many taps as a correlation of the padded image with the spread gradient has."""
    free = axis.size + axis.before + axis.after - (axis.output - 1) * axis.stride
    return replace(axis, kernel=max((free - 1) // axis.dilation + 1, 0))


def _unspread_taps(axis: Axis) -> Axis:
    """The same with a gradient that is not spread by the stride."""
    free = axis.size + axis.before + axis.after - (axis.output - 1)
    return replace(axis, kernel=max((free - 1) // axis.dilation + 1, 0), stride=1)


def _taps(change: Callable[[Axis], Axis], given: Given) -> Array:
    """(F, C/G, more taps): a weight gradient with other tables."""
    spec, (dy, x) = given.spec, given.arrays
    high, wide = (change(axis) for axis in axes(spec))
    rows, columns, g = table(high), table(wide), spec.groups
    depth, taps = spec.in_channels // g, (len(rows), len(columns))
    seen = gather(spec, np.asarray(x), rows, columns).reshape(spec.batch, g, depth * taps[0] * taps[1], spec.positions)
    slopes = np.asarray(dy).reshape(spec.batch, g, spec.out_channels // g, spec.positions)
    dw = (slopes @ seen.swapaxes(2, 3)).sum(0)
    return np.asarray(dw.reshape(spec.out_channels, depth, *taps))


def _along(number: int, words: Words) -> Iterator[Model]:
    said = {name: getattr(words, name) for name in Words.__slots__}
    key, says, along, seen = _SLICES[number]
    gives = partial(_gives, partial(_cut, along, words.id))
    cost = 1.05 + number / 1000 + (0 if words.id == "both" else 0.05)
    yield Model(f"crop/{key}/{words.id}", says.format(**said), _MEND, SCATTERING, gives, cost, seen)


def _all() -> Iterator[Model]:
    for number in range(len(_SLICES)):
        for words in AXES:
            yield from _along(number, words)
    for key, says, mend, crop, seen in _WHOLE:
        yield Model(f"crop/{key}", says, mend, SCATTERING, partial(_gives, crop), 1.1, seen)
    mend = "spread dy by the stride, and cut the result to (KH, KW)"
    yield Model(
        "crop/taps that the stride leaves over", "keeps the taps that the stride leaves over: there are more than "
        "KH x KW", mend, ("conv2d_weight_grad",), partial(_taps, _uncropped_taps), 1.1, "dw-remainder-not-cropped",
    )  # fmt: skip
    yield Model(
        "crop/gradient not spread", "correlates the image with a gradient that is not spread by the stride", mend,
        ("conv2d_weight_grad",), partial(_taps, _unspread_taps), 1.1, "dw-stride-not-used-as-dilation",
    )  # fmt: skip


MODELS: tuple[Model, ...] = tuple(_all())
