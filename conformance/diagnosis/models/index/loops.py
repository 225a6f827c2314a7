"""The loops over taps and over windows: backwards, one missed, one done twice, the rest of blocks left out."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import NamedTuple

import numpy as np

from conformance.diagnosis.models.index.formula import Formula, models
from conformance.diagnosis.models.model import Model
from conformance.diagnosis.models.tables import Axis, table
from harness.contract.protocol import Array

_Order = Callable[[int], Array]  # of a size: which is done in place of each; -1 is none


class _Loop(NamedTuple):
    """The taps, axis 0 of a table, or the windows, axis 1."""

    axis: int
    name: str
    one: str
    several: str
    size: str
    blocks: tuple[int, ...]


_TAPS = _Loop(0, "taps", "kernel {line}", "kernel {lines}", "{kernel}", (2, 4, 8, 16))
_WINDOWS = _Loop(1, "windows", "output {line}", "output {lines}", "{output}", (2, 4, 8, 16, 32, 64))


class _Way(NamedTuple):
    """What the loop does: a verb in the third person, and what to change."""

    key: str
    says: str
    mend: str
    order: _Order
    cost: float = 1.1


def _repeated(size: int) -> Array:
    return np.minimum(np.arange(size), max(size - 2, 0))


def _repeated_or_none(size: int) -> Array:
    return _repeated(size) if size > 1 else np.full(size, -1)


def _exchanged(size: int) -> Array:
    order = np.arange(size)
    order[-2:] = order[-2:][::-1].copy()
    return order


def _missing(which: int, size: int) -> Array:
    order = np.arange(size)
    if -size <= which < size:
        order[which] = -1
    return order


def _whole_blocks(block: int, size: int) -> Array:
    order = np.arange(size)
    if size > block:
        order[size // block * block :] = -1
    return order


def _limited(block: int, size: int) -> Array:
    order = np.arange(size)
    order[block:] = -1
    return order


_WAYS = (
    _Way("last missing", "never reads the last {one}", "loop over all {several}: {size} of them, not one less",
         partial(_missing, -1)),
    _Way("first missing", "never reads the first {one}", "start the loop at 0, not at 1", partial(_missing, 0)),
    _Way("second missing", "never reads the second {one}", "let the loop do every {one}", partial(_missing, 1), 1.3),
    _Way("last repeats", "reads the last {one} but one again for the last", "let the loop run to {size}", _repeated),
    _Way("last repeats, or none", "reads the last {one} but one again for the last, and none where there is only one",
         "let the loop run to {size}", _repeated_or_none, 1.2),
    _Way("first for all", "reads the first {one} for every {one}", "use the index of the loop, not 0",
         lambda size: np.zeros(size, int)),
    _Way("last for all", "reads the last {one} for every {one}", "use the index of the loop at the time it is read",
         lambda size: np.full(size, size - 1)),
    _Way("first only", "reads the first {one} only", "let the loop run to {size}", partial(_limited, 1), 1.2),
    _Way("one ahead", "reads the next {one} in place of each, and the first for the last",
         "use the index of the loop itself", lambda size: np.roll(np.arange(size), -1), 1.3),
    _Way("one behind", "reads the {one} before in place of each, and the last for the first",
         "use the index of the loop itself", lambda size: np.roll(np.arange(size), 1), 1.3),
    _Way("last two exchanged", "exchanges the last two {several}", "keep them in order", _exchanged, 1.3),
)  # fmt: skip


def _backwards(loop: _Loop) -> _Way:
    if loop is _TAPS:
        return _Way(
            "reversed", "flips the kernel{where} (that is convolution as in mathematics; here it is cross-correlation)",
            "tap 0 reads the first {line} of the window: drop `[::-1]`; but where dy is correlated with w, w is "
            "turned in both axes: `w[:, :, ::-1, ::-1]`",
            lambda size: np.arange(size)[::-1], 1.02,  # of both axes a kernel turned is plainer
        )  # fmt: skip
    return _Way(
        "reversed", "does the windows backwards{where}", "window 0 is the first {line}",
        lambda size: np.arange(size)[::-1],
    )  # fmt: skip


def _formulas(loop: _Loop) -> Iterator[Formula]:
    for way in (_backwards(loop), *_WAYS):
        yield _formula(loop, way)
    for block in loop.blocks:
        yield _formula(loop, _Way(
            f"rest of {block} missing", f"does the {{several}} in blocks of {block} and leaves the rest out",
            "add the rest after the loop over whole blocks", partial(_whole_blocks, block), 1.5 + block / 1000,
        ))  # fmt: skip
        yield _formula(loop, _Way(
            f"again after {block}", f"starts again at the first {{one}} after {block}",
            f"make the buffer as long as {{size}}, not {block}", partial(_modulo, block), 1.5 + block / 1000,
        ))  # fmt: skip
        yield _formula(loop, _Way(
            f"beyond {block} missing", f"leaves out every {{one}} beyond the first {block}",
            "let the loop run to {size}", partial(_limited, block), 1.5 + block / 1000,
        ))  # fmt: skip


def _modulo(block: int, size: int) -> Array:
    return np.asarray(np.arange(size) % block)


def _formula(loop: _Loop, way: _Way) -> Formula:
    """`{one}`, `{several}` and `{size}` are the loop's; what is left in braces is of the axis."""
    says, mend = (
        text.replace("{one}", loop.one).replace("{several}", loop.several).replace("{size}", loop.size)
        for text in (way.says, way.mend)
    )
    repeats = way.key.startswith(("first for all", "last for all", "last repeats", "again")) and loop is _WINDOWS
    flipped = "conv-kernel-flipped" if way.key == "reversed" and loop is _TAPS else ""
    return Formula(
        f"{loop.name} {way.key}", says, mend, partial(_in_order, loop.axis, way.order), cost=way.cost, repeats=repeats,
        seen=flipped,
    )  # fmt: skip


def _in_order(along: int, order: _Order, axis: Axis, other: Axis) -> Array:
    """The table with its taps or windows in another order; one that is left out reads 0."""
    right = table(axis)
    places = order(right.shape[along])
    changed = np.take(right, places, along)
    left_out = places < 0
    if left_out.any():
        changed[(slice(None),) * along + (left_out,)] = axis.size
    return changed


def _taps_of_the_other_axis(axis: Axis, other: Axis) -> Array:
    changed = table(axis)
    changed[other.kernel :] = axis.size
    return changed


_EXCHANGED_TAPS = Formula(
    "taps of the other axis", "loops over as many taps as the {other} has{where}", "loop over all {kernel} taps",
    _taps_of_the_other_axis, both="exchanges KH and KW where it loops over the taps", cost=1.1,
)  # fmt: skip
FORMULAS: tuple[Formula, ...] = (_EXCHANGED_TAPS, *_formulas(_TAPS), *_formulas(_WINDOWS))
MODELS: tuple[Model, ...] = tuple(models("loop", FORMULAS))
