"""How col2im and the input gradient put together what overlaps: overwritten, averaged, a repeated index added once."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial

import numpy as np

from conformance.diagnosis.models.index.formula import SCATTERING
from conformance.diagnosis.models.model import Given, Model
from conformance.diagnosis.models.tables import Fold, run, scatter
from harness.contract.protocol import Array
from harness.geometry.spec import ConvSpec

_ADD = "write `+=`, not `=`; on index arrays `+=` adds a repeated index only once, `np.add.at` each time"
_ADJOINT = "do not divide: col2im is not the inverse of im2col but its adjoint, which adds"
# One function, whichever of the two was written.
_EACH_TAP = (
    "write `+=`, not `=`, for one tap after the other; `image[:, :, i, j] += columns` adds a repeated index only once, "
    "`np.add.at(image, index, columns)` each time"
)
Write = Callable[[Array, tuple[Array, Array], Array], None]  # framed image, where, what comes there


def _framed(spec: ConvSpec, columns6: Array) -> Array:
    """Zeros (N, C, H + 1, W + 1): the last row and column take what falls outside."""
    h, w = spec.input_size
    return np.zeros((*columns6.shape[:2], h + 1, w + 1))


def _image(spec: ConvSpec, framed: Array) -> Array:
    h, w = spec.input_size
    return np.ascontiguousarray(framed[:, :, :h, :w])


def _assign(framed: Array, at: tuple[Array, Array], new: Array) -> None:
    framed[:, :, *at] = new


def _add(framed: Array, at: tuple[Array, Array], new: Array) -> None:
    framed[:, :, *at] += new


def _larger(framed: Array, at: tuple[Array, Array], new: Array) -> None:
    framed[:, :, *at] = np.maximum(framed[:, :, *at], new)


def _larger_size(framed: Array, at: tuple[Array, Array], new: Array) -> None:
    there = framed[:, :, *at]
    framed[:, :, *at] = np.where(np.abs(there) > np.abs(new), there, new)


def _halve_sum(framed: Array, at: tuple[Array, Array], new: Array) -> None:
    """A running mean of two."""
    there = framed[:, :, *at]
    framed[:, :, *at] = np.where(there == 0, new, (there + new) / 2)


def _by_taps(write: Write, spec: ConvSpec, columns6: Array, rows: Array, columns: Array) -> Array:
    framed = _framed(spec, columns6)
    for u, v in np.ndindex(*spec.kernel_size):
        write(framed, (rows[u][:, None], columns[v]), columns6[:, :, u, v])
    return _image(spec, framed)


def _by_windows(write: Write, spec: ConvSpec, columns6: Array, rows: Array, columns: Array) -> Array:
    framed = _framed(spec, columns6)
    for p, q in np.ndindex(*spec.output_size):
        write(framed, (rows[:, p][:, None], columns[:, q]), columns6[:, :, :, :, p, q])
    return _image(spec, framed)


def _averaged(spec: ConvSpec, columns6: Array, rows: Array, columns: Array) -> Array:
    counts = scatter(spec, np.ones((1, 1, *columns6.shape[2:])), rows, columns)
    return np.asarray(scatter(spec, columns6, rows, columns) / np.maximum(counts, 1))


def _divided(by: Callable[[ConvSpec], float], spec: ConvSpec, columns6: Array, rows: Array, columns: Array) -> Array:
    return scatter(spec, columns6, rows, columns) / by(spec)


def _kernel_rows_at_once(spec: ConvSpec, columns6: Array, rows: Array, columns: Array) -> Array:
    framed = _framed(spec, columns6)
    for u in range(spec.kernel_size[0]):  # (KW, OH, OW) at once
        _add(framed, (rows[u][:, None], columns[:, None, :]), columns6[:, :, u])
    return _image(spec, framed)


def _kernel_columns_at_once(spec: ConvSpec, columns6: Array, rows: Array, columns: Array) -> Array:
    framed = _framed(spec, columns6)
    for v in range(spec.kernel_size[1]):  # (KH, OH, OW) at once
        _add(framed, (rows[:, :, None], columns[v]), columns6[:, :, :, v])
    return _image(spec, framed)


def _one_overwrites(which: tuple[int, int], spec: ConvSpec, columns6: Array, rows: Array, columns: Array) -> Array:
    """Tap `which`, negative from the end, is assigned in its turn, all others are added."""
    framed, (kh, kw) = _framed(spec, columns6), spec.kernel_size
    chosen = which[0] % kh, which[1] % kw
    for u, v in np.ndindex(kh, kw):
        write = _assign if (u, v) == chosen else _add
        write(framed, (rows[u][:, None], columns[v]), columns6[:, :, u, v])
    return _image(spec, framed)


def _strips(axis: int, spec: ConvSpec, columns6: Array, rows: Array, columns: Array) -> Array:
    """Along one axis (0 the height) the later window overwrites, along the other they are added."""
    if axis == 1:
        turned = replace(
            spec, input_size=spec.input_size[::-1], kernel_size=spec.kernel_size[::-1], stride=spec.stride[::-1],
            dilation=spec.dilation[::-1], padding=(*spec.padding[2:], *spec.padding[:2]),
        )  # fmt: skip
        swapped = _strips(0, turned, columns6.transpose(0, 1, 3, 2, 5, 4), columns, rows)
        return np.ascontiguousarray(swapped.swapaxes(2, 3))
    (h, w), image = spec.input_size, columns6.shape[:2]
    hot = (np.arange(w)[:, None, None] == columns[None]).astype(np.float64)
    wide = np.tensordot(columns6, hot, axes=((3, 5), (1, 2)))  # (N, C, KH, OH, W)
    framed = np.zeros((*image, h + 1, w))
    for p in range(rows.shape[1]):
        framed[:, :, rows[:, p]] = wide[:, :, :, p]
    return np.ascontiguousarray(framed[:, :, :h])


def _padding_to(which: int, spec: ConvSpec, columns6: Array, rows: Array, columns: Array) -> Array:
    """What falls outside is added to the first pixel of its channel, or the last."""
    image = scatter(spec, columns6, rows, columns)
    if image.size:
        image[:, :, which, which] += columns6.sum((2, 3, 4, 5)) - image.sum((2, 3))
    return image


def _in_lanes(lanes: int, spec: ConvSpec, columns6: Array, rows: Array, columns: Array) -> Array:
    """So many entries of an image's columns at once, of which those that meet are one."""
    (n, c), (h, w) = columns6.shape[:2], spec.input_size
    pixels = (h + 1) * (w + 1)
    at = (rows[:, None, :, None] * (w + 1) + columns[None, :, None, :]).reshape(1, -1) + np.arange(c)[:, None] * pixels
    at, entries = at.reshape(at.size), columns6.reshape(n, columns6[:1].size)
    framed = np.zeros((n, c * pixels))
    for first in range(0, at.size, lanes):
        framed[:, at[first : first + lanes]] += entries[:, first : first + lanes]
    return _image(spec, framed.reshape(n, c, h + 1, w + 1))


_LANES = (8, 16, 32, 64)
_LANE = "two entries that are added to one pixel in the same step need an atomic addition, or `np.add.at`"
_ASSIGNED = "col2im-assign-instead-of-add"
_ONCE = "col2im-fancy-iadd"
_DIVIDED = "col2im-normalised-by-overlap"
# Plainest first.
_FOLDS: tuple[tuple[str, str, str, Fold, str], ...] = (
    ("last tap overwrites", "keeps only the last tap where windows overlap, instead of adding them all", _EACH_TAP,
     partial(_by_taps, _assign), _ASSIGNED),
    ("last window overwrites", "keeps only the last window where windows overlap, instead of adding them all", _ADD,
     partial(_by_windows, _assign), _ASSIGNED),
    ("averaged", "divides by the number of windows that overlap", _ADJOINT, _averaged, _DIVIDED),
    ("divided by taps", "divides by the number of taps KH * KW", _ADJOINT, partial(_divided, lambda s: s.taps),
     _DIVIDED),
    ("largest", "keeps the largest value where windows overlap instead of the sum", _ADD,
     partial(_by_taps, _larger), ""),
    ("largest in size", "keeps the value of the largest size where windows overlap instead of the sum", _ADD,
     partial(_by_taps, _larger_size), ""),
    ("added once a kernel row", "keeps only one tap of each kernel row where they meet, instead of adding all",
     _EACH_TAP,
     _kernel_rows_at_once, _ONCE),
    ("added once a kernel column", "keeps only one tap of each kernel column where they meet, instead of adding all",
     _EACH_TAP,
     _kernel_columns_at_once, _ONCE),
    ("padding to the first pixel", "adds what falls into the padding to the first pixel",
     "drop what falls outside of the image: test `0 <= row < H and 0 <= column < W`", partial(_padding_to, 0),
     "col2im-padding-scattered-to-zero"),
    ("padding to the last pixel", "adds what falls into the padding to the last pixel",
     "drop what falls outside of the image: `x[-1]` is its last row", partial(_padding_to, -1),
     "col2im-padding-scattered-to-zero"),
    ("last tap of all overwrites", "overwrites at the last tap what it added before", _ADD + ", for every tap",
     partial(_one_overwrites, (-1, -1)), _ASSIGNED),
    ("first tap of the last row overwrites", "overwrites at the first tap of the last kernel row what it added before",
     _ADD + ", for every tap", partial(_one_overwrites, (-1, 0)), _ASSIGNED),
    ("last tap of the first row overwrites", "overwrites at the last tap of the first kernel row what it added before",
     _ADD + ", for every tap", partial(_one_overwrites, (0, -1)), _ASSIGNED),
    ("rows of windows overwrite", "overwrites where output rows overlap, and adds only along the width", _ADD,
     partial(_strips, 0), _ASSIGNED),
    ("columns of windows overwrite", "overwrites where output columns overlap, and adds only along the height", _ADD,
     partial(_strips, 1), _ASSIGNED),
    ("running mean", "takes the mean of what is there and what comes, tap after tap", _ADD,
     partial(_by_taps, _halve_sum), _DIVIDED),
    ("divided by the overlap of the interior", "divides by KH * KW over the strides, the overlap in the interior",
     _ADJOINT, partial(_divided, lambda s: s.taps / (s.stride[0] * s.stride[1])), _DIVIDED),
    ("divided by 9", "divides by 9, the overlap of a 3 x 3 kernel", _ADJOINT, partial(_divided, lambda s: 9),
     "col2im-wrong-count-table"),
)  # fmt: skip


def _gives(fold: Fold, given: Given) -> Array:
    return run(given, fold=fold)


def _models() -> Iterator[Model]:
    for number, (key, says, mend, fold, seen) in enumerate(_FOLDS):
        yield Model(f"folding/{key}", says, mend, SCATTERING, partial(_gives, fold), 1.1 + number / 100, seen)
    for lanes in _LANES:
        says = (
            f"adds {lanes} consecutive entries of the columns at once, and of those that meet in a pixel only the last"
        )
        gives = partial(_gives, partial(_in_lanes, lanes))
        yield Model(f"folding/in steps of {lanes}", says, _LANE, SCATTERING, gives, 1.4 + lanes / 1000, _ONCE)


MODELS: tuple[Model, ...] = tuple(_models())
