"""The arrays of a call by their axes, and models that change one of them: the result, or an argument before the call.

Groups have an axis of their own here, so that a slice of axes is one loop of an implementation: all channels, those of
a group, positions row by row.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import Literal

import numpy as np

from conformance.diagnosis.models import tables
from conformance.diagnosis.models.model import Given
from harness.contract.protocol import Array
from harness.geometry.spec import OPS, ConvSpec, Op, Shape

Kind = Literal["columns", "image", "kernel", "output", "bias"]
Gives = Callable[[Given], Array]
Change = Callable[[Array], Array]  # of (before, n, after) along the middle axis; the array given is not written to
Rearrange = Callable[[Array, ConvSpec], Array]  # of an array opened by `shape`; any shape of as many elements

_LARGE = 20_000  # elements of the matrices that add up an image
KINDS: tuple[Kind, ...] = ("columns", "image", "kernel", "output", "bias")
RESULT: dict[Op, Kind] = {
    "im2col": "columns",
    "col2im": "image",
    "conv2d": "output",
    "conv2d_input_grad": "image",
    "conv2d_weight_grad": "kernel",
    "conv2d_bias_grad": "bias",
}
ARGUMENTS: dict[Op, tuple[Kind, ...]] = {
    "im2col": ("image",),
    "col2im": ("columns",),
    "conv2d": ("image", "kernel", "bias"),
    "conv2d_input_grad": ("output", "kernel"),
    "conv2d_weight_grad": ("output", "image"),
    "conv2d_bias_grad": ("output",),
}
LETTERS: dict[Kind, tuple[str, ...]] = {
    "columns": ("N", "C", "KH", "KW", "OH", "OW"),
    "image": ("N", "C", "H", "W"),
    "kernel": ("F", "C/G", "KH", "KW"),
    "output": ("N", "F", "OH", "OW"),
    "bias": ("F",),
}
# What sentences call them.
OF_RESULT: dict[Kind, str] = dict.fromkeys(KINDS, "its result") | {"columns": "its columns"}
OF_ARGUMENT: dict[Kind, str] = {
    "columns": "the columns",
    "image": "x",
    "kernel": "w",
    "output": "dy",
    "bias": "the bias",
}


@dataclass(frozen=True, slots=True)
class View:
    """Neighbouring axes of an opened array, from `start` to before `stop`, looked at as one."""

    one: str
    many: str
    start: int
    stop: int
    of: str = ""  # "each group of ", where the axes are not all of their kind

    @property
    def name(self) -> str:
        """Its own name among the views of a kind."""
        return f"{self.one} of {self.of.removesuffix(' of ').replace('each', 'a')}" if self.of else self.one


_EACH_GROUP = "each group of "
_IMAGE, _GROUP = View("image", "images", 0, 1), View("group", "groups", 1, 2)
_CHANNEL, _CHANNEL_IN = View("channel", "channels", 1, 3), View("channel", "channels", 2, 3, _EACH_GROUP)
_FILTER, _FILTER_IN = View("filter", "filters", 1, 3), View("filter", "filters", 2, 3, _EACH_GROUP)
# The axes as `sizes` opens them: (N, G, C/G, KH, KW, OH, OW), (N, G, C/G, H, W), (G, F/G, C/G, KH, KW), (G, F/G).
VIEWS: dict[Kind, tuple[View, ...]] = {
    "columns": (
        _IMAGE,
        _GROUP,
        _CHANNEL,
        _CHANNEL_IN,
        View("kernel row", "kernel rows", 3, 4),
        View("kernel column", "kernel columns", 4, 5),
        View("tap", "taps", 3, 5),
        View("row (c, kh, kw)", "rows (c, kh, kw)", 1, 5),
        View("output row", "output rows", 5, 6),
        View("output column", "output columns", 6, 7),
        View("position", "positions", 5, 7),
    ),
    "image": (
        _IMAGE,
        _GROUP,
        _CHANNEL,
        _CHANNEL_IN,
        View("row", "rows", 3, 4),
        View("column", "columns", 4, 5),
        View("pixel", "pixels", 3, 5),
    ),
    "kernel": (
        View("group", "groups", 0, 1),
        View("filter", "filters", 0, 2),
        View("filter", "filters", 1, 2, _EACH_GROUP),
        View("channel", "channels", 2, 3),
        View("kernel row", "kernel rows", 3, 4),
        View("kernel column", "kernel columns", 4, 5),
        View("tap", "taps", 3, 5),
        View("element", "elements", 2, 5, "each filter of "),
    ),
    "output": (
        _IMAGE,
        _GROUP,
        _FILTER,
        _FILTER_IN,
        View("output row", "output rows", 3, 4),
        View("output column", "output columns", 4, 5),
        View("position", "positions", 3, 5),
    ),
    "bias": (
        View("group", "groups", 0, 1),
        View("filter", "filters", 0, 2),
        View("filter", "filters", 1, 2, _EACH_GROUP),
    ),
}


def whole(kind: Kind) -> View:
    """All axes as one."""
    return View("element", "elements", 0, max(view.stop for view in VIEWS[kind]))


@lru_cache(maxsize=2048)
def sizes(kind: Kind, spec: ConvSpec) -> Shape:
    """Of all axes, with the groups apart."""
    n, g = spec.batch, spec.groups
    channels, filters = spec.in_channels // g, spec.out_channels // g
    match kind:
        case "columns":
            return (n, g, channels, *spec.kernel_size, *spec.output_size)
        case "image":
            return (n, g, channels, *spec.input_size)
        case "kernel":
            return (g, filters, channels, *spec.kernel_size)
        case "output":
            return (n, g, filters, *spec.output_size)
    return (g, filters)


@lru_cache(maxsize=2048)
def shape(kind: Kind, spec: ConvSpec) -> Shape:
    """Of the axes that `LETTERS` names: channels and filters of all groups together."""
    match kind:
        case "columns":
            return (spec.batch, spec.in_channels, *spec.kernel_size, *spec.output_size)
        case "image":
            return spec.x_shape
        case "kernel":
            return spec.w_shape
        case "output":
            return spec.y_shape
    return spec.b_shape


def along(view: View, kind: Kind, spec: ConvSpec, a: Array) -> Array:
    """The array as (before, n, after), n the axes of the view."""
    all_sizes = sizes(kind, spec)
    n = math.prod(all_sizes[view.start : view.stop])
    return a.reshape(math.prod(all_sizes[: view.start]), n, math.prod(all_sizes[view.stop :]))


class _Right:
    """The right result of the call that was last asked for: thousands of models change one and the same."""

    def __init__(self) -> None:
        self._kept: tuple[Given, Array] | None = None

    def __call__(self, given: Given) -> Array:
        kept = self._kept
        if kept is not None and kept[0] is given:
            return kept[1]
        result = run(given)
        result.setflags(write=False)
        self._kept = given, result
        return result


right = _Right()


@lru_cache(maxsize=512)
def right_tables(spec: ConvSpec) -> tuple[Array, Array]:
    """Of both axes, kept: they take longer to make than to use."""
    high, wide = tables.axes(spec)
    return tables.table(high), tables.table(wide)


def run(given: Given) -> Array:
    """The right op, by tables that are kept."""
    return tables.run(given, *right_tables(given.spec), fold=_added)


def rerun(given: Given, *arrays: Array | None) -> Array:
    """The right op on other arrays."""
    return run(Given(given.op, given.spec, arrays))


def _added(spec: ConvSpec, columns: Array, rows: Array, across: Array) -> Array:
    """(N, C, H, W) of (N, C, KH, KW, OH, OW): tap by tap where images are large, which matrices are too large for.

    A tap falls on each pixel once; what is outside falls on the frame, and which of it stays there does not matter.
    """
    h, w = spec.input_size
    if rows.size * h + across.size * w < _LARGE:
        return tables.scatter(spec, columns, rows, across)
    framed = np.zeros((*columns.shape[:2], h + 1, w + 1))
    for u, v in np.ndindex(spec.kernel_size):
        framed[:, :, rows[u][:, None], across[v]] += columns[:, :, u, v]
    return np.ascontiguousarray(framed[:, :, :h, :w])


def with_argument(given: Given, kind: Kind, a: Array) -> Array:
    """The right op with another array in place of its argument of this kind."""
    number = ARGUMENTS[given.op].index(kind)
    return rerun(given, *given.arrays[:number], a, *given.arrays[number + 1 :])


def argument(given: Given, kind: Kind) -> Array | None:
    """The argument of this kind; None if it is missing or empty, so that nothing in it can be wrong."""
    a = given.arrays[ARGUMENTS[given.op].index(kind)]
    return None if a is None or not a.size else a


def with_result(kind: Kind, of: tuple[Op, ...] = OPS) -> tuple[Op, ...]:
    """Ops whose result is of this kind."""
    return tuple(op for op in of if RESULT[op] == kind)


def with_argument_of(kind: Kind) -> tuple[Op, ...]:
    """Ops with an argument of this kind."""
    return tuple(op for op in OPS if kind in ARGUMENTS[op])


def result_along(kind: Kind, view: View, change: Change) -> Gives:
    """A model that changes the right result along an axis."""
    return partial(_result_along, kind, view, change)


def argument_along(kind: Kind, view: View, change: Change) -> Gives:
    """A model that changes an argument along an axis, before the right op."""
    return partial(_argument_along, kind, view, change)


def result_as(kind: Kind, rearrange: Rearrange) -> Gives:
    """A model that rearranges the right result."""
    return partial(_result_as, kind, rearrange)


def argument_as(kind: Kind, rearrange: Rearrange) -> Gives:
    """A model that rearranges an argument, before the right op."""
    return partial(_argument_as, kind, rearrange)


def kinds_of_results() -> Iterator[tuple[Kind, tuple[Op, ...]]]:
    """Every kind, and the ops whose result it is."""
    return ((kind, with_result(kind)) for kind in KINDS)


def kinds_of_arguments() -> Iterator[tuple[Kind, tuple[Op, ...]]]:
    """Every kind, and the ops that take it."""
    return ((kind, with_argument_of(kind)) for kind in KINDS)


def _result_along(kind: Kind, view: View, change: Change, given: Given) -> Array:
    result = right(given)
    if not result.size:
        return result
    opened = along(view, kind, given.spec, result)
    changed = change(opened)
    return result if changed is opened else np.asarray(changed).reshape(result.shape)


def _argument_along(kind: Kind, view: View, change: Change, given: Given) -> Array:
    a = argument(given, kind)
    if a is None:
        return right(given)
    opened = along(view, kind, given.spec, a)
    changed = change(opened)
    return right(given) if changed is opened else with_argument(given, kind, np.asarray(changed).reshape(a.shape))


def _result_as(kind: Kind, rearrange: Rearrange, given: Given) -> Array:
    result = right(given)
    if not result.size:
        return result
    opened = result.reshape(shape(kind, given.spec))
    changed = rearrange(opened, given.spec)
    return result if changed is opened else changed.reshape(result.shape)


def _argument_as(kind: Kind, rearrange: Rearrange, given: Given) -> Array:
    a = argument(given, kind)
    if a is None:
        return right(given)
    return with_argument(given, kind, rearrange(a.reshape(shape(kind, given.spec)), given.spec).reshape(a.shape))
