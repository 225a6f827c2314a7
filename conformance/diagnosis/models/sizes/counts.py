"""The output size wrong and the windows right: + 1 left out, the padding left out, rounded up, of the other axis."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from typing import NamedTuple

import numpy as np

from conformance.diagnosis.models.index.formula import AXES
from conformance.diagnosis.models.model import Given, Model
from conformance.diagnosis.models.sizes.grid import SHAPED, Misread, models
from conformance.diagnosis.models.tables import Axis, axes, right
from harness.contract.protocol import Array

_ONE_AXIS = 0.05


class _Count(NamedTuple):
    """How many windows there are along an axis; texts may hold `{output}`, `{size}`, `{kernel}` and the like."""

    key: str
    says: str
    windows: Callable[[Axis, Axis], int]
    both: str = ""
    mend: str = ""
    seen: str = ""
    more: bool = False  # never fewer windows than there should be


def _padded(a: Axis) -> int:
    return a.size + a.before + a.after


def _reach(a: Axis) -> int:
    return (a.kernel - 1) * a.dilation + 1


def _windows(a: Axis, size: int | None = None, reach: int | None = None, stride: int | None = None) -> int:
    extent, step = _reach(a) if reach is None else reach, a.stride if stride is None else stride
    return ((_padded(a) if size is None else size) - extent) // step + 1


_COUNTS = (
    _Count("one too few", "leaves out the + 1 in {output}: the last window is missing", lambda a, b: a.output - 1,
           mend="`{output} = ({size} + {before} + {after} - reach) // stride + 1`: the + 1 is the first window",
           seen="im2col-off-by-one-slides"),
    _Count("one too many", "counts one window too many in {output}", lambda a, b: a.output + 1, more=True),
    _Count("padding left out", "leaves the padding out of {output}", lambda a, b: _windows(a, a.size)),
    _Count("padding twice", "counts the padding twice in {output}",
           lambda a, b: _windows(a, _padded(a) + a.before + a.after),
           mend="the size of the padded image already holds the padding: do not add it again", more=True),
    _Count("padding of the beginning", "counts only the {before} padding in {output}",
           lambda a, b: _windows(a, a.size + a.before)),
    _Count("padding of the end", "counts only the {after} padding in {output}",
           lambda a, b: _windows(a, a.size + a.after)),
    _Count("begin doubled", "counts the {before} padding for both sides in {output}",
           lambda a, b: _windows(a, a.size + 2 * a.before), seen="im2col-pad-begin-doubled"),
    _Count("end doubled", "counts the {after} padding for both sides in {output}",
           lambda a, b: _windows(a, a.size + 2 * a.after)),
    _Count("padding of the other axis", "counts the padding of the {other} in {output}",
           lambda a, b: _windows(a, a.size + b.before + b.after),
           both="exchanges the paddings of both axes in the size"),
    _Count("dilation left out", "leaves the dilation out of {output}: it counts with {kernel} taps, not their reach",
           lambda a, b: _windows(a, reach=a.kernel),
           mend="count with the reach (K - 1) * dilation + 1", seen="im2col-outsize-missing-dilation", more=True),
    _Count("reach K * dilation", "takes K * dilation for the reach of the kernel in {output}",
           lambda a, b: _windows(a, reach=a.kernel * a.dilation), mend="the reach is (K - 1) * dilation + 1"),
    _Count("reach K + dilation - 1", "takes K + dilation - 1 for the reach of the kernel in {output}",
           lambda a, b: _windows(a, reach=a.kernel + a.dilation - 1), mend="the reach is (K - 1) * dilation + 1"),
    _Count("reach one too small", "takes (K - 1) * dilation for the reach of the kernel in {output}",
           lambda a, b: _windows(a, reach=_reach(a) - 1), mend="the reach is (K - 1) * dilation + 1", more=True),
    _Count("kernel of the other axis", "counts with the kernel of the {other} in {output}",
           lambda a, b: _windows(a, reach=(b.kernel - 1) * a.dilation + 1), both="exchanges KH and KW in the size",
           seen="CS231n im2col.py, as printed on Stack Overflow"),
    _Count("dilation of the other axis", "counts with the dilation of the {other} in {output}",
           lambda a, b: _windows(a, reach=(a.kernel - 1) * b.dilation + 1),
           both="exchanges the dilations in the size"),
    _Count("rounded up", "rounds {output} up: it counts a window that does not fit",
           lambda a, b: -(-(_padded(a) - _reach(a)) // a.stride) + 1,
           mend="round down: `{output} = ({size} + {before} + {after} - reach) // stride + 1`", more=True),
    _Count("rounded", "rounds {output} to the nearest: it may count a window that does not fit",
           lambda a, b: round((_padded(a) - _reach(a)) / a.stride) + 1,
           mend="round down: `{output} = ({size} + {before} + {after} - reach) // stride + 1`", more=True),
    _Count("rounded up, no + 1", "rounds up and leaves out the + 1 in {output}",
           lambda a, b: -(-(_padded(a) - _reach(a)) // a.stride)),
    _Count("size by stride", "takes size / stride for {output}, as with padding `same`",
           lambda a, b: -(-a.size // a.stride)),
    _Count("size by stride, down", "takes size // stride for {output}", lambda a, b: a.size // a.stride),
    _Count("padded by stride", "takes the padded size // stride for {output}", lambda a, b: _padded(a) // a.stride),
    _Count("size", "makes {output} as large as the image", lambda a, b: a.size,
           seen="conv-output-size-from-configured-shape"),
    _Count("stride left out", "leaves the stride out of {output}", lambda a, b: _windows(a, stride=1),
           mend="divide by the stride: `{output} = ({size} + {before} + {after} - reach) // stride + 1`", more=True),
    _Count("stride of the other axis", "divides by the stride of the {other} in {output}",
           lambda a, b: _windows(a, stride=b.stride), both="exchanges the strides in the size"),
    _Count("of the other axis", "takes the output size of the {other} for {output}", lambda a, b: b.output,
           both="exchanges OH and OW", mend="compute OH from the height and OW from the width",
           seen="conv-output-size-from-configured-shape"),
    _Count("windows that tile", "counts windows as if they did not overlap: {output} = padded size // kernel",
           lambda a, b: _padded(a) // a.kernel),
)  # fmt: skip
_FORMULA = "`{output} = ({size} + {before} + {after} - reach) // stride + 1`, with reach = (K - 1) * dilation + 1"
_FORMULA_OF_BOTH = (
    "`OH = (H + top + bottom - reach) // stride + 1` with reach = (K - 1) * dilation + 1, and OW likewise"
)


def _changed(count: Callable[[Axis, Axis], int], axis: str, high: Axis, wide: Axis) -> tuple[Axis, Axis]:
    rows = high if axis == "width" else replace(high, output=max(count(high, wide), 0))
    return rows, wide if axis == "height" else replace(wide, output=max(count(wide, high), 0))


def _misaligned(given: Given) -> Array:
    """As many positions as rounding up gives; windows that do not fit are passed over and leave no gap."""
    high, wide = axes(given.spec)
    oh, ow = (-(-(_padded(a) - _reach(a)) // a.stride) + 1 for a in (high, wide))
    good, there = right(given), given.spec.positions
    flat = np.zeros((given.spec.batch, good.shape[1], oh * ow))
    flat[:, :, :there] = good.reshape(given.spec.batch, good.shape[1], there)
    return flat if given.op == "im2col" else flat.reshape(*flat.shape[:2], oh, ow)


def _all() -> Iterator[Model]:
    for number, one in enumerate(_COUNTS):
        for words in AXES:
            said = {name: getattr(words, name) for name in type(words).__slots__}
            whole = words.id == "both"
            says = (one.both if one.both and whole else one.says).format(**said)
            formula = one.mend or _FORMULA
            mend = _FORMULA_OF_BOTH if whole and "`{output} =" in formula else formula.format(**said)
            cost = 1.06 + number / 1000 + (0 if whole else _ONE_AXIS)
            change = partial(_changed, one.windows, words.id)
            fitted, flat = not one.more, whole or (words.id == "width" and not one.more)
            yield from models(
                Misread(f"size/{one.key}/{words.id}", says, mend, change, cost, one.seen, True, fitted, flat)
            )
    yield Model(
        "size/misaligned/both", "rounds the output size up and passes over windows that do not fit without a gap: "
        "all after the first row stand in the wrong place", _FORMULA_OF_BOTH, SHAPED, _misaligned, 1.2,
        "im2col-partial-window-misaligned",
    )  # fmt: skip


MODELS: tuple[Model, ...] = tuple(_all())
