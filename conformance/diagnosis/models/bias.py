"""The bias added too often, in the wrong place or along the wrong axis; and its gradient summed over the wrong axes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial

import numpy as np

from conformance.diagnosis.models.model import Given, Model
from conformance.diagnosis.models.tables import axes, right, run, table
from harness.contract.protocol import Array
from harness.geometry.spec import ConvSpec, Op

_Scale = Callable[[ConvSpec], float]
_Weights = Callable[[ConvSpec], Array]  # how often each element of y (N, F, OH, OW) gets its bias
_ONCE = "add it once, after the sum over channels and taps"
_EVERYWHERE = "add `b[:, None, None]` to every image, row and column"


def _depth(spec: ConvSpec) -> int:
    return spec.in_channels // spec.groups


def _blocks(block: int, spec: ConvSpec) -> int:
    return -(-_depth(spec) * spec.taps // block)


def _blocks_of_channels(block: int, spec: ConvSpec) -> int:
    return -(-_depth(spec) // block)


# -- how often --------------------------------------------------------------------------------------------------------

_SCALES: tuple[tuple[str, str, str, _Scale], ...] = (
    ("left out", "never adds the bias", "add `b[:, None, None]` if there is a bias", lambda s: 0),
    ("twice", "adds the bias twice", "add it once: at the start of the sum or at its end", lambda s: 2),
    ("subtracted", "subtracts the bias", "add it", lambda s: -1),
    ("per tap and channel", "adds the bias once for every tap and channel", _ONCE, lambda s: s.taps * _depth(s)),
    ("per tap", "adds the bias once for every tap", _ONCE, lambda s: s.taps),
    ("per channel", "adds the bias once for every channel of a group", _ONCE, _depth),
    ("per channel of all groups", "adds the bias once for every channel", _ONCE, lambda s: s.in_channels),
    ("per kernel row", "adds the bias once for every kernel row", _ONCE, lambda s: s.kernel_size[0]),
    ("per kernel column", "adds the bias once for every kernel column", _ONCE, lambda s: s.kernel_size[1]),
    ("per channel and kernel row", "adds the bias once for every channel and kernel row", _ONCE,
     lambda s: s.kernel_size[0] * _depth(s)),
    ("per group", "adds the bias once for every group", "add it once, after all groups", lambda s: s.groups),
    ("per image", "adds the bias once for every image of the batch", "add it once to each image", lambda s: s.batch),
    ("per position", "adds the bias once for every position", "add it once to each position", lambda s: s.positions),
    *((f"per {block} terms", f"adds the bias once for every {block} of the C/G*KH*KW terms of a sum, with each block "
       "of them", _ONCE, partial(_blocks, block)) for block in (2, 3, 4, 8, 16, 32, 64, 128, 256)),
    *((f"per {block} channels", f"adds the bias once for every {block} channels of a group, with each block of them",
       _ONCE, partial(_blocks_of_channels, block)) for block in (2, 3, 4, 8, 16, 32, 64)),
)  # fmt: skip

# -- where ------------------------------------------------------------------------------------------------------------


def _only(*at: int | slice) -> _Weights:
    def weights(spec: ConvSpec) -> Array:
        made = np.zeros(spec.y_shape)
        made[at] = 1
        return made

    return weights


def _all_but(*at: int | slice) -> _Weights:
    return lambda spec: 1 - _only(*at)(spec)


def _first_of_each_group(spec: ConvSpec) -> Array:
    return _only(slice(None), slice(None, None, spec.out_channels // spec.groups))(spec)


def _first_group(spec: ConvSpec) -> Array:
    return _only(slice(None), slice(spec.out_channels // spec.groups))(spec)


def _first_of_the_first_group(spec: ConvSpec) -> Array:
    return 1 - _only(slice(None), slice(1, spec.out_channels // spec.groups))(spec)


def _taps_inside(spec: ConvSpec) -> Array:
    """(OH, OW): the taps of each window that meet a pixel."""
    high, wide = axes(spec)
    rows, columns = (table(high) < high.size).sum(0), (table(wide) < wide.size).sum(0)
    return np.asarray(rows[:, None] * columns)


def _per_tap_inside(spec: ConvSpec) -> Array:
    return np.asarray(_depth(spec) * _taps_inside(spec))


_EVERY = slice(None)
_PLACES: tuple[tuple[str, str, str, _Weights], ...] = (
    ("first image", "adds the bias to the first image only", _EVERYWHERE, _only(slice(1))),
    ("last image", "adds the bias to the last image only", _EVERYWHERE, _only(slice(-1, None))),
    ("not the first image", "adds the bias to all images but the first", _EVERYWHERE, _all_but(slice(1))),
    ("first row", "adds the bias to the first output row only", _EVERYWHERE, _only(_EVERY, _EVERY, 0)),
    ("first column", "adds the bias to the first output column only", _EVERYWHERE, _only(_EVERY, _EVERY, _EVERY, 0)),
    ("first position", "adds the bias to the first position only", _EVERYWHERE, _only(_EVERY, _EVERY, 0, 0)),
    ("last row", "adds the bias to the last output row only", _EVERYWHERE, _only(_EVERY, _EVERY, -1)),
    ("not the last row", "adds no bias to the last output row", _EVERYWHERE, _all_but(_EVERY, _EVERY, -1)),
    ("not the last column", "adds no bias to the last output column", _EVERYWHERE,
     _all_but(_EVERY, _EVERY, _EVERY, -1)),
    ("not on the border", "adds no bias on the border of the output", _EVERYWHERE,
     _only(_EVERY, _EVERY, slice(1, -1), slice(1, -1))),
    ("border", "adds the bias on the border of the output only", _EVERYWHERE,
     _all_but(_EVERY, _EVERY, slice(1, -1), slice(1, -1))),
    ("not in the padding", "adds no bias where a window lies in the padding as a whole", _EVERYWHERE,
     lambda s: np.asarray(_taps_inside(s) > 0, float)),
    ("whole windows", "adds the bias only where a window lies in the image as a whole", _EVERYWHERE,
     lambda s: np.asarray(_taps_inside(s) == s.taps, float)),
    ("per tap inside", "adds the bias once for every channel and every tap that meets a pixel", _ONCE,
     _per_tap_inside),
    ("per tap inside, one channel", "adds the bias once for every tap that meets a pixel", _ONCE, _taps_inside),
    ("first filter", "adds the bias to the first filter only", "loop over all filters", _only(_EVERY, 0)),
    ("first filter of each group", "adds the bias to the first filter of each group only", "loop over all filters",
     _first_of_each_group),
    ("first filter of the first group", "adds the bias to the first filter alone in the first group",
     "loop over all filters", _first_of_the_first_group),
    ("first group", "adds the bias to the filters of the first group only", "loop over all groups", _first_group),
)  # fmt: skip

# -- which ------------------------------------------------------------------------------------------------------------


def _along(axis: int, given: Given) -> Array:
    """Where the axis is as long as there are filters; another program would raise."""
    y, b = _without(given), given.arrays[2]
    if b is None or y.shape[axis] != len(b):
        return right(given)
    return np.asarray(y + b.reshape([-1 if k == axis else 1 for k in range(4)]))


def _as_numpy_adds(given: Given) -> Array:
    """`y + b`: (N, F, OH, F) if OW is 1; where OW is neither 1 nor F, it would raise."""
    y, b = _without(given), given.arrays[2]
    if b is None or (len(b) != 1 and y.shape[3] not in (1, len(b))):
        return right(given)
    return np.asarray(y + b)


def _without(given: Given) -> Array:
    return run(given._replace(arrays=(*given.arrays[:2], None)))


def _scaled(scale: _Scale, given: Given) -> Array:
    b = given.arrays[2]
    if b is None:
        return right(given)
    return right(given) + (scale(given.spec) - 1) * b[:, None, None]


def _placed(weights: _Weights, given: Given) -> Array:
    b = given.arrays[2]
    return right(given) if b is None else _without(given) + weights(given.spec) * b[:, None, None]


def _chosen(choose: Callable[[ConvSpec, Array], Array], given: Given) -> Array:
    b = given.arrays[2]
    return right(given) if b is None else _without(given) + choose(given.spec, b)[:, None, None]


def _one_for_none(given: Given) -> Array:
    return right(given) + (given.arrays[2] is None)


def _times(given: Given) -> Array:
    y, b = _without(given), given.arrays[2]
    return y if b is None else np.asarray(y * b[:, None, None])


_CHOICES: tuple[tuple[str, str, str, Callable[[ConvSpec, Array], Array], str], ...] = (
    ("of the first group", "gives every group the biases of the first", "filter f has the bias b[f], in every group",
     lambda s, b: np.tile(b[: s.out_channels // s.groups], s.groups), "conv-bias-first-group-only"),
    ("first for all", "gives every filter the bias of the first", "filter f has the bias b[f]",
     lambda s, b: np.full_like(b, b[0]), ""),
    ("total", "gives every filter the sum of all biases", "filter f has the bias b[f]",
     lambda s, b: np.full_like(b, b.sum()), ""),
    ("mean", "gives every filter the mean of all biases", "filter f has the bias b[f]",
     lambda s, b: np.full_like(b, b.mean()), ""),
    ("of the group's number", "gives every filter the bias b[g] of its group's number", "filter f has the bias b[f]",
     lambda s, b: np.repeat(b[: s.groups], s.out_channels // s.groups), "conv-bias-first-group-only"),
)  # fmt: skip

# -- its gradient -----------------------------------------------------------------------------------------------------


def _summed(over: tuple[int, ...], keep: bool, given: Given) -> Array:
    return np.asarray(np.asarray(given.arrays[0]).sum(over, keepdims=keep))


def _total(given: Given) -> Array:
    good = right(given)
    return np.full_like(good, good.sum())


def _matrix(rows: bool, given: Given) -> Array:
    good = right(given)
    return good[None] if rows else good[:, None]


_GRADIENT = "sum over axes (0, 2, 3) of dy (N, F, OH, OW): the result is (F,)"
_SUMS: tuple[tuple[str, str, Callable[[Given], Array], str], ...] = (
    ("over channels-last axes", "sums over axes (0, 1, 2), as if filters were last",
     partial(_summed, (0, 1, 2), False), "db-wrong-layout-axes"),
    ("over axes 0, 1, 3", "sums over axes (0, 1, 3), those of another layout", partial(_summed, (0, 1, 3), False),
     "db-wrong-layout-axes"),
    ("over axes 1, 2, 3", "sums over filters and positions, and keeps the images",
     partial(_summed, (1, 2, 3), False), "db-wrong-layout-axes"),
    ("images kept", "does not sum over the images", partial(_summed, (2, 3), False), ""),
    ("positions kept", "does not sum over the positions", partial(_summed, (0,), False), ""),
    ("columns kept", "does not sum over the output columns", partial(_summed, (0, 2), False), ""),
    ("rows kept", "does not sum over the output rows", partial(_summed, (0, 3), False), ""),
    ("axes kept", "keeps the axes that it sums over: (1, F, 1, 1)", partial(_summed, (0, 2, 3), True),
     "db-shape-not-bias-shape"),
    ("a column", "returns (F, 1)", partial(_matrix, False), "db-shape-not-bias-shape"),
    ("a row", "returns (1, F)", partial(_matrix, True), "db-shape-not-bias-shape"),
    ("one number", "sums over everything to one number", partial(_summed, (0, 1, 2, 3), False), ""),
    ("total for all", "gives every filter the total of all filters", _total, ""),
)  # fmt: skip


def _models() -> Iterator[Model]:
    conv: tuple[Op, ...] = ("conv2d",)
    for number, (key, says, mend, scale) in enumerate(_SCALES):
        yield Model(f"bias/{key}", says, mend, conv, partial(_scaled, scale), 1.1 + number / 1000)
    mend = "None means that there is no bias: add nothing"
    yield Model("bias/1 for none", "takes a missing bias for 1", mend, conv, _one_for_none, 1.1)
    for number, (key, says, mend, weights) in enumerate(_PLACES):
        seen = "im2col-1x1-shortcut-ignores-padding" if key == "not in the padding" else ""
        yield Model(f"bias/{key}", says, mend, conv, partial(_placed, weights), 1.3 + number / 1000, seen)
    for key, says, mend, choose, seen in _CHOICES:
        yield Model(f"bias/{key}", says, mend, conv, partial(_chosen, choose), 1.3, seen)
    for axis, name in ((0, "images"), (2, "height"), (3, "width")):
        yield Model(
            f"bias/along the {name}", f"adds the bias along the {name} where there are as many of them as filters",
            "reshape the bias to (1, F, 1, 1), or `b[:, None, None]`", conv, partial(_along, axis), 1.4,
            "conv-bias-on-wrong-axis",
        )  # fmt: skip
    yield Model(
        "bias/as NumPy adds", "adds the bias along the width, `y + b`: that fits if OW is 1 or there are as many of "
        "them as filters", "reshape the bias to (1, F, 1, 1), or `b[:, None, None]`", conv, _as_numpy_adds, 1.41,
        "conv-bias-on-wrong-axis",
    )  # fmt: skip
    yield Model("bias/multiplied", "multiplies by the bias instead of adding it", "add it", conv, _times, 1.4)
    for number, (key, says, gives, seen) in enumerate(_SUMS):
        yield Model(
            f"bias gradient/{key}", says, _GRADIENT, ("conv2d_bias_grad",), gives, 1.1 + number / 1000, seen
        )  # fmt: skip


MODELS: tuple[Model, ...] = tuple(_models())
