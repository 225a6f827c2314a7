"""A wrong formula of the index: what it makes of the table of an axis, and its words for the height, width or both."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial

import numpy as np

from conformance.diagnosis.models.model import Given, Model
from conformance.diagnosis.models.tables import Axis, Fold, axes, right, run, scatter, table
from harness.contract.protocol import Array
from harness.geometry.spec import ConvSpec, Op

Change = Callable[[Axis, Axis], Array]  # of an axis, beside the other one, to (K, O)
WINDOWED: tuple[Op, ...] = ("im2col", "col2im", "conv2d", "conv2d_input_grad", "conv2d_weight_grad")
SCATTERING: tuple[Op, ...] = ("col2im", "conv2d_input_grad")
_ONE_AXIS = 0.1  # dearer than both
_ADDED_ONCE = 0.3


@dataclass(frozen=True, slots=True)
class Words:
    """What things are called along one axis, or along both."""

    id: str
    where: str
    line: str
    lines: str
    before: str
    after: str
    size: str
    kernel: str
    output: str
    other: str
    other_before: str
    other_after: str
    other_size: str
    other_kernel: str
    formula: str
    inside: str


_HEIGHT = Words(
    "height", " in the height", "row", "rows", "top", "bottom", "H", "KH", "OH", "width", "left", "right", "W", "KW",
    "`row = window * stride + tap * dilation - top`", "`0 <= row < H`",
)  # fmt: skip
_WIDTH = Words(
    "width", " in the width", "column", "columns", "left", "right", "W", "KW", "OW", "height", "top", "bottom", "H",
    "KH", "`column = window * stride + tap * dilation - left`", "`0 <= column < W`",
)  # fmt: skip
_BOTH = Words(
    "both", "", "row and column", "rows and columns", "top and left", "bottom and right", "H and W", "KH and KW",
    "OH and OW", "other axis", "left and top", "right and bottom", "W and H", "KW and KH",
    "`row = window * stride + tap * dilation - top`, and the column likewise",
    "`0 <= row < H and 0 <= column < W`",
)  # fmt: skip
AXES: tuple[Words, ...] = (_BOTH, _HEIGHT, _WIDTH)


@dataclass(frozen=True, slots=True)
class Formula:
    """A mistake along an axis. The texts may hold the fields of `Words` in braces; `both` is said of two axes.

    `repeats`: one tap may read a pixel twice, so that `image[rows, columns] += tap` would add it once.
    """

    key: str
    says: str
    mend: str
    change: Change
    both: str = ""
    cost: float = 1.0
    repeats: bool = False
    seen: str = ""


def models(family: str, formulas: Sequence[Formula]) -> Iterator[Model]:
    """Each of them along both axes, along the height and along the width, in every op that has windows."""
    for formula in formulas:
        for words in AXES:
            said = {name: getattr(words, name) for name in Words.__slots__}
            plain = formula.both if formula.both and words is _BOTH else formula.says
            cost = formula.cost + (0 if words is _BOTH else _ONE_AXIS)
            says, mend = plain.format(**said), formula.mend.format(**said)
            gives = partial(_gives, formula.change, words.id)
            yield Model(f"{family}/{formula.key}/{words.id}", says, mend, WINDOWED, gives, cost, formula.seen)
            if formula.repeats:
                once = f"{says}, and adds each pixel once a tap"
                yield Model(
                    f"{family}/{formula.key}, added once/{words.id}", once, mend, SCATTERING,
                    partial(gives, fold=added_once), cost + _ADDED_ONCE, formula.seen,
                )  # fmt: skip


def added_once(spec: ConvSpec, columns6: Array, rows: Array, columns: Array) -> Array:
    """(N, C, H, W) by `image[rows, columns] += tap`: where one tap has a pixel twice, the last of it counts."""
    h, w = spec.input_size
    framed = np.zeros((*columns6.shape[:2], h + 1, w + 1))
    for u, v in np.ndindex(*spec.kernel_size):
        framed[:, :, rows[u][:, None], columns[v]] += columns6[:, :, u, v]
    return np.ascontiguousarray(framed[:, :, :h, :w])


def _gives(change: Change, axis: str, given: Given, fold: Fold = scatter) -> Array:
    high, wide = axes(given.spec)
    rows = None if axis == "width" else _changed(change, high, wide)
    columns = None if axis == "height" else _changed(change, wide, high)
    if rows is None and columns is None and fold is scatter:
        return right(given)
    return run(given, rows, columns, fold)


@lru_cache(maxsize=1 << 12)
def _changed(change: Change, axis: Axis, other: Axis) -> Array | None:
    """The table, kept: three models and five ops ask for it. None if it is the right one."""
    changed = change(axis, other)
    return None if np.array_equal(changed, table(axis)) else changed
