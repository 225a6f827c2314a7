"""What the layouts of memory have in common in which an op fails, in words that follow the name of an argument."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from harness.contract.protocol import Array

_MOST_NAMED = 5


class Lying(NamedTuple):
    """A layout by its name, and an array that lies so."""

    layout: str
    view: Array


class Lies(NamedTuple):
    """How arrays lie, in words that follow a name, and whether one does."""

    words: str
    holds: Callable[[Lying], bool]


def _steps(view: Array) -> list[int]:
    """The strides of axes that have more than one index."""
    return [step for size, step in zip(view.shape, view.strides, strict=True) if size > 1]


def _is_turned(view: Array) -> bool:
    sizes = [abs(step) for step in _steps(view)]
    return sizes != sorted(sizes, reverse=True)


def _is_loose(view: Array) -> bool:
    return not (view.flags.c_contiguous or view.flags.f_contiguous) and min(_steps(view), default=1) > 0


_PROPERTIES: tuple[tuple[str, Callable[[Array], bool]], ...] = (
    ("is not C-contiguous", lambda a: not a.flags.c_contiguous),
    ("is read-only", lambda a: not a.flags.writeable),
    ("lies in Fortran order", lambda a: bool(a.flags.f_contiguous and not a.flags.c_contiguous)),
    ("has a negative stride", lambda a: min(_steps(a), default=0) < 0),
    ("has its axes in another order in memory", _is_turned),
    ("has rows whose numbers are no neighbours", lambda a: a.shape[-1] > 1 and a.strides[-1] != a.itemsize),
    ("is broadcast, with a stride of 0", lambda a: 0 in _steps(a)),
    ("is not aligned", lambda a: not a.flags.aligned),
    ("has a negative stride or one of 0", lambda a: min(_steps(a), default=1) < 1),
    ("is contiguous in no order, with positive strides", _is_loose),
    ("has rows in steps", lambda a: a.shape[-1] > 1 and abs(a.strides[-1]) > a.itemsize),
    ("is a contiguous view of a larger array", lambda a: a.base is not None and a.flags.c_contiguous),
    ("is not C-contiguous, or read-only", lambda a: not (a.flags.c_contiguous and a.flags.writeable)),
    ("lies in memory that is not its own", lambda a: a.base is not None),
)  # fmt: skip
_NAMES = {
    "F": "in Fortran order", "permuted": "with its axes in another order", "step2": "with steps of 2",
    "reversed": "backwards", "step-2": "backwards in steps of 2", "offset": "behind an offset",
    "unaligned": "off its alignment", "readonly": "read-only", "memmap": "in a file",
    "channels_last": "with the channels last", "transposed": "transposed", "crop": "as a crop of a larger array",
    "row_pitch": "with padded rows",
}  # fmt: skip


def common(failing: Sequence[Lying], passing: Sequence[Lying]) -> Lies:
    """What is true of all these and of none of those; else the layouts by name.

    >>> import numpy as np
    >>> a = np.zeros((2, 3))
    >>> common([Lying("F", np.asfortranarray(a))], [Lying("C", a)]).words
    'is not C-contiguous'
    """
    for words, is_so in _PROPERTIES:
        if all(is_so(one.view) for one in failing) and not any(is_so(one.view) for one in passing):
            return Lies(words, lambda one, is_so=is_so: is_so(one.view))  # type: ignore[misc]
    layouts = list(dict.fromkeys(one.layout for one in failing))
    names = [_NAMES.get(layout, f"as `{layout}`") for layout in layouts]
    more = f", and in {len(names) - _MOST_NAMED} ways more" if len(names) > _MOST_NAMED else ""
    return Lies(f"lies {', '.join(names[:_MOST_NAMED])}{more}", lambda one: one.layout in layouts)
