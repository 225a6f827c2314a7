"""Reads oneDNN benchdnn convolution descriptors, e.g. `g4mb2ic16ih10oc32oh10kh3sh1ph1dh0n"name"`, as benchdnn does.

The rules, with an example of each, are a table in `docs/layer-files.md`. An axis is taken whole or not at all. Dilation
counts from 0. Only the leading padding is written: the trailing one is what the stated output needs.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from harness.geometry.numbers import SpecError
from harness.geometry.sizes import Sizes

_NAMES = {"d": "depth", "h": "height", "w": "width"}
_KEYS = ("g", "mb", "ic", "oc", *(prefix + axis for prefix in "iokspd" for axis in _NAMES))
_TOKEN = re.compile("(" + "|".join(_KEYS) + ")([0-9]+)_*")
_NAME = re.compile(r'n(?:"([^"]*)"|([^"0-9].*)?)')
_BATCH = 2  # benchdnn's own default


class NotRead(SpecError):
    """A right descriptor of something that no spec can express; `why` says in few words what it is."""

    def __init__(self, text: str, why: str) -> None:
        super().__init__(text)
        self.why = why


@dataclass(frozen=True, slots=True)
class _Axis:
    size: int = 1
    kernel: int = 1
    stride: int = 1
    begin: int = 0
    end: int = 0
    dilation: int = 1

    @property
    def is_one_point(self) -> bool:
        """Whether there is one input and one tap on it: an axis that might as well not be there."""
        return self.size == self.kernel == 1 and self.begin == self.end == 0


def looks_like(text: str) -> bool:
    """Whether the text begins as a descriptor does."""
    return _TOKEN.match(text.strip()) is not None


def name_of(text: str) -> str:
    """The name that a descriptor gives, or nothing.

    >>> name_of('ic8ih5oc4kh3n"net:conv1"')
    'net:conv1'
    """
    return _parts(text.strip())[1] if looks_like(text) else ""


def read(text: str) -> Sizes:
    """Read one descriptor, 2-D or 1-D (H = 1).

    >>> read('g4mb2ic16ih10oc32oh10kh3sh1ph1dh0n"name"').padding
    (1, 1, 1, 1)

    Raises `NotRead` for 3-D and for negative padding, else `SpecError` naming the missing key, a repeated key, or what
    is no key.
    """
    shown = f"benchdnn descriptor {text.strip()!r}"
    values = _values(text.strip(), shown)
    for key in ("ic", "oc"):
        if not values.get(key):
            raise SpecError(f"{shown} lacks {key!r}")
    high, wide = _plane(*(_axis(values, axis, shown) for axis in "dhw"), shown=shown)
    return Sizes(
        batch=values.get("mb", _BATCH), in_channels=values["ic"], input_size=(high.size, wide.size),
        out_channels=values["oc"], kernel_size=(high.kernel, wide.kernel), stride=(high.stride, wide.stride),
        padding=(high.begin, high.end, wide.begin, wide.end), dilation=(high.dilation, wide.dilation),
        groups=values.get("g", 1),
    )  # fmt: skip


def _parts(text: str) -> tuple[list[tuple[str, str]], str, str]:
    """The (key, number) pairs, the name, and what is neither."""
    pairs, at = [], 0
    while found := _TOKEN.match(text, at):
        pairs.append((found[1], found[2]))
        at = found.end()
    name = _NAME.fullmatch(text, at)
    return (pairs, name[1] or name[2] or "", "") if name else (pairs, "", text[at:])


def _values(text: str, shown: str) -> dict[str, int]:
    pairs, _, rest = _parts(text)
    if rest:
        raise SpecError(f'{shown} has {rest!r} where a key and a number, or a name as in n"conv1", should be')
    values: dict[str, int] = {}
    for key, number in pairs:
        if key in values:
            raise SpecError(f"{shown} states {key!r} twice")
        values[key] = int(number)
    return values


def _plane(depth: _Axis | None, high: _Axis | None, wide: _Axis | None, *, shown: str) -> tuple[_Axis, _Axis]:
    """(height, width): a height alone is a square, a width alone is 1-D, a depth of one point is left out."""
    if depth is not None:
        if (high is None) != (wide is None):
            raise SpecError(f"{shown} states a depth, so it needs both 'ih' and 'iw', or neither")
        if not depth.is_one_point:
            raise NotRead(f"{shown} is 3-D, with depth {depth.size} and {depth.kernel} taps in it; we read 2-D", "3-D")
        high, wide = high or depth, wide or depth
    if high is None and wide is None:
        raise SpecError(f"{shown} lacks 'ih'")
    return high or _Axis(), wide or high or _Axis()


def _axis(values: dict[str, int], axis: str, shown: str) -> _Axis | None:
    """One axis; None where nothing but defaults is said of it, which is when benchdnn takes it from another."""
    size, out, kernel, dilation = (values.get(prefix + axis, 0) for prefix in "iokd")
    stride, begin = values.get("s" + axis, 1), values.get("p" + axis)
    if not (size or out or kernel or dilation or begin) and stride == 1:
        return None
    for key, value in (("i" + axis, size), ("k" + axis, kernel)):
        if not value:
            raise SpecError(f"{shown} lacks {key!r}: benchdnn takes the {_NAMES[axis]} whole or not at all")
    if stride < 1:
        raise SpecError(f"stride must be at least 1, got {stride}")
    reach = (kernel - 1) * (dilation + 1) + 1
    if not out:
        return _Axis(size, kernel, stride, begin or 0, begin or 0, dilation + 1)
    both = (out - 1) * stride + reach - size  # padding that the stated output needs
    if begin is None:
        begin = both // 2 if both > 0 else -(-both // 2)
    end = both - begin
    if begin < 0 or end <= -stride:
        raise NotRead(
            f"{shown} states {out} positions in {_NAMES[axis]}, its geometry gives others: it needs a negative "
            f"padding, ({begin}, {end})", "negative padding",
        )  # fmt: skip
    return _Axis(size, kernel, stride, begin, max(end, 0), dilation + 1)
