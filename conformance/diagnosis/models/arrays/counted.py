"""Channels, filters, groups or rows counted wrongly: one too few, half of them, KH * KH rows for a channel."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import lru_cache, partial
from typing import NamedTuple

import numpy as np

from conformance.diagnosis.models.arrays.groups import by_channels
from conformance.diagnosis.models.arrays.opened import right
from conformance.diagnosis.models.model import Given, Model
from harness.contract.protocol import Array
from harness.geometry.spec import ConvSpec, Op

_CONV: tuple[Op, ...] = ("conv2d", "conv2d_input_grad", "conv2d_weight_grad")
_COLUMNS: tuple[Op, ...] = ("im2col", "col2im")
_Count = Callable[[int], int]


class Counted(NamedTuple):
    """How many channels, filters and groups there seem to be; as many channels and filters a group as fit."""

    channels: int
    filters: int
    groups: int


_COUNTS: dict[str, _Count] = {
    "one too few": lambda n: max(n - 1, 1),
    "one too many": lambda n: n + 1,
    "half": lambda n: max(n // 2, 1),
    "twice as many": lambda n: 2 * n,
}
_WHAT = {"channels": 0, "filters": 1, "groups": 2}
_MENDS = {
    "channels": "there are C channels, C // G in each group",
    "filters": "there are F filters, F // G in each group",
    "groups": "there are G groups, with C // G channels and F // G filters each",
}


def models() -> Iterator[Model]:
    """All of them."""
    yield from _groups()
    yield from _rows()


def _groups() -> Iterator[Model]:
    for name, count in _COUNTS.items():
        for what, place in _WHAT.items():
            if what != "groups" and name == "one too many":
                continue  # the channel that is not there adds nothing
            letter = what[0].upper()
            number = {"one too few": f"{letter} - 1", "one too many": f"{letter} + 1", "half": f"{letter} // 2"}
            says = f"counts {number.get(name, f'2 * {letter}')} {what} in place of {letter}"
            yield Model(f"counted/{what} {name}", says, _MENDS[what], _CONV, partial(_counted, place, count), 1.3)
            if what == "channels" and name in ("one too few", "half"):
                gives = partial(_channels_of_columns, count)
                yield Model(f"counted/columns, {what} {name}", says, _MENDS[what], _COLUMNS, gives, 1.5)


def _as_counted(spec: ConvSpec, place: int, count: _Count) -> Counted:
    numbers = [spec.in_channels, spec.out_channels, spec.groups]
    numbers[place] = count(numbers[place])
    return Counted(numbers[0], numbers[1], max(1, min(numbers)))


def _counted(place: int, count: _Count, given: Given) -> Array:
    """Filters beyond the last group that is done are not written at all, nor is their bias."""
    spec = given.spec
    seem = _as_counted(spec, place, count)
    channels, filters = seem.channels // seem.groups, seem.filters // seem.groups
    result = by_channels(partial(_reads, channels, filters, seem.groups), given, alone=True)
    done = filters * seem.groups
    if given.op == "conv2d" and done < spec.out_channels:
        result = np.array(result)
        result[:, done:] = 0
    return result


def _reads(channels: int, filters: int, groups: int, f: Array, j: Array, *_: int) -> Array:
    is_there = (j < channels) & (f < filters * groups)
    return np.where(is_there, f // filters * channels + j, -1)


def _channels_of_columns(count: _Count, given: Given) -> Array:
    """The channels that all groups together do not reach are left at 0."""
    spec, result = given.spec, right(given)
    seem = _as_counted(spec, 0, count)
    done = seem.channels // seem.groups * seem.groups
    if done >= spec.in_channels or not result.size:
        return result
    changed = np.array(result)
    changed.reshape(spec.batch, spec.in_channels, -1)[:, done:] = 0
    return changed


# ---- rows of the columns: r // (KH * KH) for the channel is right for square kernels


class _At(NamedTuple):
    """(C*KH*KW, L) each: which pixel an element of the columns holds; behind the last is outside."""

    channel: Array
    row: Array
    column: Array


def _rows() -> Iterator[Model]:
    for squared, letters in ((0, "KH * KH"), (1, "KW * KW")):
        yield Model(
            id=f"counted/channel by {letters}",
            says=f"counts {letters} rows of the columns for each channel",
            mend="row r is channel r // (KH * KW), kernel row r % (KH * KW) // KW, kernel column r % KW",
            ops=(*_COLUMNS, *_CONV),
            gives=partial(_by_rows, squared),
            cost=1.4,
        )


def _by_rows(squared: int, given: Given) -> Array:
    """The op where rows of the columns are counted so; what does not exist is 0, or dropped."""
    op, spec, arrays = given
    if any(a is not None and not a.size for a in arrays) or spec.kernel_size[0] == spec.kernel_size[1]:
        return right(given)
    at = _where(spec, squared)
    n, g, l = spec.batch, spec.groups, spec.positions
    filters, depth = spec.out_channels // g, spec.in_channels // g * spec.taps
    first, second = arrays[0], arrays[1] if len(arrays) > 1 else None
    assert first is not None
    if op == "im2col":
        return _gathered(first, at)
    if op == "col2im":
        return _added(spec, first, at)
    assert second is not None
    if op == "conv2d":
        y = second.reshape(g, filters, depth) @ _gathered(first, at).reshape(n, g, depth, l)
        b = arrays[2]
        return y.reshape(spec.y_shape) if b is None else np.asarray(y.reshape(spec.y_shape) + b[:, None, None])
    dy = first.reshape(n, g, filters, l)
    if op == "conv2d_input_grad":
        return _added(spec, second.reshape(g, filters, depth).swapaxes(1, 2) @ dy, at)
    dw = dy @ _gathered(second, at).reshape(n, g, depth, l).swapaxes(2, 3)
    return np.asarray(dw.sum(0).reshape(spec.w_shape))


@lru_cache(maxsize=1024)
def _where(spec: ConvSpec, squared: int) -> _At:
    (h, w), (sh, sw), (dh, dw), (top, _, left, _) = spec.input_size, spec.stride, spec.dilation, spec.padding
    k, ow = spec.kernel_size[squared], spec.output_size[1]
    r, l = np.arange(spec.in_channels * spec.taps)[:, None], np.arange(spec.positions)[None]
    i = r % (k * k) // k * dh + l // ow * sh - top
    j = r % k * dw + l % ow * sw - left
    outside = (i < 0) | (i >= h) | (j < 0) | (j >= w)
    channel = np.broadcast_to(np.minimum(r // (k * k), spec.in_channels), i.shape)
    return _At(channel, np.where(outside, h, i), np.where(outside, w, j))


def _gathered(x: Array, at: _At) -> Array:
    """(N, C*KH*KW, L)."""
    n, c, h, w = x.shape
    framed = np.zeros((n, c + 1, h + 1, w + 1))
    framed[:, :c, :h, :w] = x
    return framed[:, at.channel, at.row, at.column]


def _added(spec: ConvSpec, columns: Array, at: _At) -> Array:
    """(N, C, H, W)."""
    n, c, h, w = spec.x_shape
    framed = np.zeros((c + 1, h + 1, w + 1, n))
    np.add.at(framed, at, columns.reshape(n, -1, spec.positions).transpose(1, 2, 0))
    return np.ascontiguousarray(framed[:c, :h, :w].transpose(3, 0, 1, 2))
