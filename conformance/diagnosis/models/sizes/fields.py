"""One number of a geometry read wrongly, along one axis or both: in the size alone, or in the size and the index."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from typing import NamedTuple

from conformance.diagnosis.models.index.formula import AXES, Words
from conformance.diagnosis.models.model import Model
from conformance.diagnosis.models.sizes.grid import Misread, counted, models
from conformance.diagnosis.models.tables import Axis

_Number = Callable[[Axis, Axis], int]


class _Way(NamedTuple):
    """A number as it is read, in words that may hold the fields of `Words`."""

    key: str
    words: str
    number: _Number
    more: bool = False  # there are never fewer windows for it
    both: str = ""


class _Field(NamedTuple):
    """A field of `Axis`, what it is called, and how it is read."""

    name: str
    words: str
    ways: tuple[_Way, ...]


def _steps(name: str, words: str, least: int, larger_is_more: bool) -> Iterator[_Way]:
    """One more, one less, twice, half, and none: the least."""
    more, less = larger_is_more, not larger_is_more

    def value(a: Axis) -> int:
        found: int = getattr(a, name)
        return found

    yield _Way("one more", f"1 more than {words}", lambda a, b: value(a) + 1, more)
    yield _Way("one less", f"1 less than {words}", lambda a, b: max(value(a) - 1, least), less)
    yield _Way("doubled", f"twice {words}", lambda a, b: 2 * value(a), more)
    yield _Way("halved", f"half {words}", lambda a, b: max(value(a) // 2, least), less)
    if name != "size":
        yield _Way("ignored", f"{least} for {words}", lambda a, b: min(value(a), least), less)


_FIELDS = (
    _Field("stride", "the stride", (
        *_steps("stride", "the stride", 1, False),
        _Way("of the other axis", "the stride of the {other}", lambda a, b: b.stride, both="the strides exchanged"),
    )),
    _Field("dilation", "the dilation", (
        *_steps("dilation", "the dilation", 1, False),
        _Way("of the other axis", "the dilation of the {other}", lambda a, b: b.dilation,
             both="the dilations exchanged"),
    )),
    _Field("before", "the {before} padding", (
        *_steps("before", "the {before} padding", 0, True),
        _Way("of the other axis", "the {other_before} padding for the {before} one", lambda a, b: b.before,
             both="the top and the left padding exchanged"),
        _Way("of the other end", "the {after} padding for the {before} one", lambda a, b: a.after),
    )),
    _Field("after", "the {after} padding", (
        *_steps("after", "the {after} padding", 0, True),
        _Way("of the other axis", "the {other_after} padding for the {after} one", lambda a, b: b.after,
             both="the bottom and the right padding exchanged"),
        _Way("of the other end", "the {before} padding for the {after} one", lambda a, b: a.before),
    )),
    _Field("kernel", "{kernel}", (
        *_steps("kernel", "{kernel}", 1, False),
        _Way("of the other axis", "{other_kernel} for {kernel}", lambda a, b: b.kernel,
             both="KH and KW exchanged"),
    )),
    _Field("size", "{size}", (
        *_steps("size", "{size}", 1, True),
        _Way("of the other axis", "{other_size} for {size}", lambda a, b: b.size, both="H and W exchanged"),
    )),
)  # fmt: skip


def _read(name: str, number: _Number, in_size_alone: bool, axis: Axis, other: Axis) -> Axis:
    changed = counted(axis, **{name: number(axis, other)})
    return replace(axis, output=changed.output) if in_size_alone else changed


def _along(id: str, read: Callable[[Axis, Axis], Axis], high: Axis, wide: Axis) -> tuple[Axis, Axis]:
    return high if id == "width" else read(high, wide), wide if id == "height" else read(wide, high)


def _misread(field: _Field, way: _Way, words: Words, in_size_alone: bool, cost: float) -> Misread:
    said = {name: getattr(words, name) for name in Words.__slots__}
    value = (way.both if way.both and words.id == "both" else way.words).format(**said)
    if in_size_alone:
        key, says = "in the size", f"counts {words.output} with {value}"
        mend = f"count with {field.words.format(**said)} as given"
    else:
        where = words.where if field.name in ("stride", "dilation") else ""
        key, says = "throughout", f"works with {value}{where}, in the size and in the index"
        mend = f"use {field.words.format(**said)} as given, in the size and in the index"
    taps = field.name == "kernel" and not in_size_alone
    return Misread(
        f"field/{field.name} {way.key}, {key}/{words.id}", says, mend,
        partial(_along, words.id, partial(_read, field.name, way.number, in_size_alone)), cost,
        sized=not taps, fitted=taps or not way.more, flat=False,
    )  # fmt: skip


def _all() -> Iterator[Model]:
    for field in _FIELDS:
        for number, way in enumerate(field.ways):
            for words in AXES:
                cost = 1.15 + number / 1000 + (0 if words.id == "both" else 0.05)
                yield from models(_misread(field, way, words, True, cost))
                if field.name != "after":  # it is in the size alone
                    yield from models(_misread(field, way, words, False, cost + 0.01))


MODELS: tuple[Model, ...] = tuple(_all())
