"""The border of the image: which index counts as outside, and what is read there in place of 0."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial

import numpy as np

from conformance.diagnosis.models.index.formula import Formula, models
from conformance.diagnosis.models.model import Given, Model
from conformance.diagnosis.models.tables import Axis, axes, right, run, table, unbounded
from harness.contract.protocol import Array
from harness.geometry.spec import Op

_READING: tuple[Op, ...] = ("im2col", "conv2d", "conv2d_weight_grad")  # those that read an image


def _clamped(axis: Axis, other: Axis) -> Array:
    return np.clip(unbounded(axis), 0, axis.size - 1)


def _wrapped(axis: Axis, other: Axis) -> Array:
    return np.asarray(unbounded(axis) % axis.size)


def _wrapped_below(axis: Axis, other: Axis) -> Array:
    """As Python does: -1 is the last, and what lies below -size is padding after all."""
    at = unbounded(axis)
    inside = np.where((at < 0) & (at >= -axis.size), at + axis.size, at)
    return np.where((inside < 0) | (inside >= axis.size), axis.size, inside)


def _wrapped_round_below(axis: Axis, other: Axis) -> Array:
    at = unbounded(axis)
    return np.asarray(np.where(at >= axis.size, axis.size, at % axis.size))


def _wrapped_above(axis: Axis, other: Axis) -> Array:
    at = unbounded(axis)
    return np.asarray(np.where(at < 0, axis.size, at % axis.size))


def _absolute(axis: Axis, other: Axis) -> Array:
    at = np.abs(unbounded(axis))
    return np.where(at >= axis.size, axis.size, at)


def _absolute_clamped(axis: Axis, other: Axis) -> Array:
    return np.asarray(np.minimum(np.abs(unbounded(axis)), axis.size - 1))


def _reflected(axis: Axis, other: Axis) -> Array:
    """NumPy's mode reflect: the border pixel is the mirror."""
    if axis.size == 1:
        return np.zeros((axis.kernel, axis.output), int)
    period = 2 * axis.size - 2
    at: Array = unbounded(axis) % period
    return np.asarray(np.minimum(at, period - at))


def _reflected_once(axis: Axis, other: Axis) -> Array:
    """Mirrored at both borders, and clamped where that is not enough."""
    last = axis.size - 1
    return np.asarray(np.clip(last - np.abs(last - np.abs(unbounded(axis))), 0, last))


def _symmetric(axis: Axis, other: Axis) -> Array:
    """NumPy's mode symmetric: the border itself is the mirror."""
    at: Array = unbounded(axis) % (2 * axis.size)
    return np.asarray(np.minimum(at, 2 * axis.size - 1 - at))


def _below_only(axis: Axis, other: Axis) -> Array:
    at = unbounded(axis)
    return np.where(at < 0, axis.size, np.minimum(at, axis.size - 1))


def _above_only(axis: Axis, other: Axis) -> Array:
    at = unbounded(axis)
    return np.where(at >= axis.size, axis.size, np.maximum(at, 0))


def _at_pixel_0(axis: Axis, other: Axis) -> Array:
    at = table(axis)
    return np.where(at == axis.size, 0, at)


def _at_last_pixel(axis: Axis, other: Axis) -> Array:
    at = table(axis)
    return np.where(at == axis.size, axis.size - 1, at)


def _one_beyond(axis: Axis, other: Axis) -> Array:
    at = unbounded(axis)
    return np.where(at == axis.size, axis.size - 1, table(axis))


def _one_before(last: bool, axis: Axis, other: Axis) -> Array:
    at = unbounded(axis)
    return np.where(at == -1, axis.size - 1 if last else 0, table(axis))


def _taps_beyond_the_kernel(axis: Axis, other: Axis) -> Array:
    lost = np.arange(axis.kernel) * axis.dilation >= axis.kernel
    return np.where(lost[:, None], axis.size, table(axis))


def _bounded_by(bound: Callable[[Axis, Axis], int], axis: Axis, other: Axis) -> Array:
    at = table(axis)
    return np.where(at >= bound(axis, other), axis.size, at)


def _first_outside(axis: Axis, other: Axis) -> Array:
    at = table(axis)
    return np.where(at == 0, axis.size, at)


def _first_window_missed(axis: Axis, other: Axis) -> Array:
    """(pixel - reach) / stride + 1, rounded towards 0, is 1 for pixels that the first window reaches last."""
    at, pixel = np.array(table(axis)), np.arange(axis.kernel) * axis.dilation
    reach = (axis.kernel - 1) * axis.dilation + 1
    at[(pixel < reach) & (pixel > reach - axis.stride), :1] = axis.size
    return at


def _window_outside(axis: Axis, other: Axis) -> Array:
    """A window that hangs over the border is left out as a whole."""
    at = table(axis)
    return np.where((at == axis.size).any(0), axis.size, at)


_ZEROS = "padding is 0: test {inside} before the image is read"
_TEST = "test {inside}"

_BORDERS = (
    Formula("border repeated", "repeats the border pixel in the padding{where} instead of 0",
            "padding is 0, as `np.pad` makes it unless told `mode=\"edge\"`: do not clamp the index, test {inside}",
            _clamped, repeats=True),
    Formula("border wrapped", "wraps round to the other side in the padding{where}", _ZEROS, _wrapped, repeats=True),
    Formula("border wrapped below", "lets a negative index count from the end{where}: the {before} padding holds the "
            "last pixels", "Python counts `x[-1]` from the end: pad the image, or test {inside} before it is read",
            _wrapped_below, repeats=True, seen="im2col-lower-bound-missing-wraps"),
    Formula("border wrapped round below", "wraps negative indices round{where} by the remainder: the {before} padding "
            "holds the last pixels", _ZEROS, _wrapped_round_below, cost=1.1, repeats=True),
    Formula("border wrapped above", "starts again at 0 beyond the last {line}: the {after} padding holds the first "
            "pixels", _ZEROS, _wrapped_above, repeats=True),
    Formula("border absolute", "drops the sign of the index{where}: the {before} padding mirrors the image",
            "padding is 0: do not use abs(), test {inside}", _absolute, cost=1.1, repeats=True),
    Formula("border absolute, repeated", "drops the sign of the index{where}, and repeats the last pixel in the "
            "{after} padding", "padding is 0: do not use abs(), test {inside}", _absolute_clamped, cost=1.2,
            repeats=True),
    Formula("border reflected", "mirrors the image in the padding{where} (mode reflect)",
            "pad with zeros: `np.pad(x, ...)` with mode constant", _reflected, repeats=True),
    Formula("border reflected once", "mirrors the image in the padding{where} (mode reflect), and repeats the border "
            "beyond", "pad with zeros: `np.pad(x, ...)` with mode constant", _reflected_once, cost=1.1, repeats=True),
    Formula("border symmetric", "mirrors the image in the padding{where}, border included (mode symmetric)",
            "pad with zeros: `np.pad(x, ...)` with mode constant", _symmetric, repeats=True),
    Formula("only the lower bound", "repeats the last {line} in the {after} padding: only index < 0 is tested", _TEST,
            _below_only, repeats=True),
    Formula("only the upper bound", "repeats the first {line} in the {before} padding: only the upper bound is tested",
            _TEST, _above_only, repeats=True),
    Formula("padding at pixel 0", "takes the first {line} for all that lies in the padding",
            "what lies in the padding reads 0, and what is added there is dropped: test {inside}", _at_pixel_0,
            repeats=True),
    Formula("padding at the last pixel", "takes the last {line} for all that lies in the padding",
            "what lies in the padding reads 0, and what is added there is dropped: test {inside}", _at_last_pixel,
            cost=1.1, repeats=True),
    Formula("one beyond", "takes the first {line} beyond the image for the last one: the bound is tested with `<=`",
            _TEST, _one_beyond, cost=1.05, repeats=True),
    Formula("one before", "takes the {line} before the image for the first one: the bound is tested with -1", _TEST,
            partial(_one_before, False), cost=1.05, repeats=True),
    Formula("one before, from the end", "takes the last {line} for the one before the image: `x[-1]` is the last",
            _TEST, partial(_one_before, True), cost=1.05, repeats=True),
    Formula("taps beyond the kernel", "leaves out taps that lie {kernel} pixels or more into the window{where}",
            "a window reaches (K - 1) * dilation + 1 pixels, not K, where its first and last are looked for",
            _taps_beyond_the_kernel, cost=1.05),
    Formula("last outside", "takes the last {line} of the image for padding", _TEST,
            partial(_bounded_by, lambda a, b: a.size - 1)),
    Formula("first outside", "takes the first {line} of the image for padding", _TEST, _first_outside),
    Formula("bound of the other axis", "tests the {line} against the size of the {other}: right up to it, zeros beyond",
            _TEST, partial(_bounded_by, lambda a, b: b.size), both="tests rows against W and columns against H",
            seen="im2col-width-bound-uses-height"),
    Formula("bound of the kernel", "tests the {line} against the kernel's size {kernel}", _TEST,
            partial(_bounded_by, lambda a, b: a.kernel), seen="im2col-bound-uses-kernel-dims"),
    Formula("bound of the output", "tests the {line} against the output's size {output}", _TEST,
            partial(_bounded_by, lambda a, b: a.output)),
    Formula("bound without padding", "tests the {line} against the size less the {before} padding", _TEST,
            partial(_bounded_by, lambda a, b: a.size - a.before), cost=1.1),
    Formula("bound without the end", "tests the {line} against the size less the {after} padding", _TEST,
            partial(_bounded_by, lambda a, b: a.size - a.after), cost=1.1),
    Formula("second half outside", "takes the second half of the image{where} for padding", _TEST,
            partial(_bounded_by, lambda a, b: max(a.size // 2, 1)), cost=1.2),
    Formula("first window missed", "misses the first window of pixels that it reaches last{where}: (pixel - reach) / "
            "stride + 1 is rounded towards 0, as C does, where it is below 0", "begin at window 0 where pixel < reach, "
            "or round down: in C, `-1 / 2` is 0", _first_window_missed, cost=1.1),
    Formula("whole window outside", "leaves a window out as a whole where it hangs over the border{where}",
            "leave out the taps that lie outside, not the window", _window_outside, cost=1.1),
)  # fmt: skip


def _padded_with(value: float, given: Given) -> Array:
    """What the op gives if the padding holds this number. All three ops are linear in the image."""
    high, wide = axes(given.spec)
    number = 1 if given.op == "conv2d_weight_grad" else 0
    arrays = list(given.arrays)
    arrays[number] = np.ones(given.spec.x_shape)
    if given.op == "conv2d":
        arrays[2] = None
    ones = given._replace(arrays=tuple(arrays))
    full = run(ones, _clamped(high, wide), _clamped(wide, high))
    return np.asarray(right(given) + value * (full - run(ones)))


def _outside_is(value: float, given: Given) -> Array:
    """Of im2col: the same for a number that cannot be multiplied by 0."""
    high, wide = axes(given.spec)
    h, w = given.spec.input_size
    outside = (table(high) == h)[:, None, :, None] | (table(wide) == w)[None, :, None, :]
    columns = right(given).reshape(given.spec.batch, given.spec.in_channels, *outside.shape)
    return np.where(outside, value, columns).reshape(given.spec.columns_shape)


def _values() -> Iterator[Model]:
    mend = "fill the padding with 0"
    for value in (1.0, -1.0, 128.0, -128.0, 127.0, 255.0):
        yield Model(
            f"border/padding of {value:g}/both", f"fills the padding with {value:g} instead of 0", mend, _READING,
            partial(_padded_with, value), 1.1, "im2col-nonzero-padding-value",
        )  # fmt: skip
    for value, of in ((-np.inf, ", which is for max pooling"), (np.inf, ""), (np.nan, "")):
        yield Model(
            f"border/padding of {value:g}/both", f"fills the padding with {value:g} instead of 0{of}", mend,
            ("im2col",), partial(_outside_is, value), 1.1, "im2col-nonzero-padding-value",
        )  # fmt: skip


FORMULAS: tuple[Formula, ...] = _BORDERS
MODELS: tuple[Model, ...] = (*models("border", FORMULAS), *_values())
