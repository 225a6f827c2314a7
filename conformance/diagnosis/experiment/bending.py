"""Geometries that a backend refuses, changed until it takes them, so that who implements a part is asked about it.

What helped last is tried first: a backend that has one group alone refuses for one reason.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import cache
from itertools import combinations

from conformance.cases.fields import Fields, fields_of, spec_of
from harness.geometry.spec import ConvSpec

_Change = Callable[[Fields], Fields]
_QUESTIONS = 4000  # to find out what helps; afterwards only what has helped is tried
_REMEMBERED = 6  # ways that helped
_PADS = ("pt", "pb", "pl", "pr")


def _set(value: int, *names: str) -> _Change:
    return lambda d: {**d, **dict.fromkeys(names, value)}


def _copied(source: str, *names: str) -> _Change:
    return lambda d: {**d, **dict.fromkeys(names, d[source])}


def _channels(inputs: int, outputs: int) -> _Change:
    return lambda d: {**d, "c": inputs * d["c"], "f": outputs * d["f"]}


def _tiling(d: Fields) -> Fields:
    """As many rows and columns more as the stride needs to tile the image."""
    more = {}
    for size, kernel, stride, step, before, after in (
        ("h", "kh", "sh", "dh", "pt", "pb"), ("w", "kw", "sw", "dw", "pl", "pr"),
    ):  # fmt: skip
        beyond = d[size] + d[before] + d[after] - (d[kernel] - 1) * d[step] - 1
        more[size] = d[size] + -beyond % d[stride]
    return {**d, **more}


def _reaching(d: Fields) -> Fields:
    """An image at least as large as the kernel reaches."""
    high, wide = (d["kh"] - 1) * d["dh"] + 1, (d["kw"] - 1) * d["dw"] + 1
    return {**d, "h": max(d["h"], high), "w": max(d["w"], wide)}


# In an order in which none undoes an earlier one: numbers of channels after groups, tiling after sizes.
_CHANGES: dict[str, _Change] = {
    "one group": _set(1, "g"),
    "equal padding": _copied("pt", "pb", "pl", "pr"),
    "equal strides": _copied("sh", "sw"),
    "equal dilation": _copied("dh", "dw"),
    "no dilation": _set(1, "dh", "dw"),
    "square kernel": _copied("kh", "kw"),
    "3 x 3": _set(3, "kh", "kw"),
    "1 x 1": _set(1, "kh", "kw"),
    "one image": _set(1, "n"),
    "one channel": _set(1, "c", "g"),
    "one channel and filter": _set(1, "c", "f", "g"),
    "4 times the channels": _channels(4, 1),
    "8 times both": _channels(8, 8),
    "depthwise": lambda d: {**d, "g": d["c"], "f": d["c"]},
    "depthwise, 3 channels": _set(3, "c", "f", "g"),
    "no padding": _set(0, *_PADS),
    "stride 1": _set(1, "sh", "sw"),
    "padding the same at both ends": lambda d: {**d, "pb": d["pt"], "pr": d["pl"]},
    "a large image": _reaching,
    "square image": lambda d: {**d, "h": max(d["h"], d["w"]), "w": max(d["h"], d["w"])},
    "tiled": _tiling,
}
_USUAL = ("one group", "equal padding", "equal strides")
_MORE: tuple[tuple[str, ...], ...] = (
    _USUAL,
    (*_USUAL, "equal dilation"),
    (*_USUAL, "no dilation"),
    (*_USUAL, "equal dilation", "square kernel"),
    (*_USUAL, "equal dilation", "square kernel", "square image"),
    (*_USUAL, "no dilation", "square kernel"),
    (*_USUAL, "no dilation", "square kernel", "square image"),
    (*_USUAL, "no dilation", "square kernel", "square image", "tiled"),
    (*_USUAL, "equal dilation", "square kernel", "tiled"),
    (*_USUAL, "no dilation", "3 x 3"),
    (*_USUAL, "no dilation", "one image", "square kernel"),
    ("one group", "no dilation", "no padding", "stride 1"),
    ("one group", "no dilation", "no padding", "square kernel", "stride 1"),
    ("one group", "no dilation", "no padding", "one channel and filter", "stride 1"),
    ("equal padding", "equal strides", "no dilation", "depthwise"),
)


@cache
def _ways() -> tuple[tuple[str, ...], ...]:
    names = list(_CHANGES)
    return (*((name,) for name in names), *combinations(names, 2), *_MORE)


class Bending:
    """Remembers what helped, and what became of each geometry. `ask_ahead` is told of questions to come."""

    def __init__(
        self, takes: Callable[[ConvSpec], bool], ask_ahead: Callable[[Sequence[ConvSpec]], None] = lambda _: None
    ) -> None:
        self._takes, self._ask_ahead = takes, ask_ahead
        self._helped: list[tuple[str, ...]] = []
        self._questions = 0
        self._known: dict[ConvSpec, ConvSpec | None] = {}

    def bent(self, specs: Sequence[ConvSpec]) -> list[ConvSpec]:
        """What is taken, and what the rest became: each once, in this order. What no way helps is left out."""
        new = [spec for spec in specs if spec not in self._known]
        self._ask_ahead(new)
        refused = [spec for spec in new if not self._takes(spec)]
        self._known |= dict.fromkeys(new)
        self._known |= {spec: spec for spec in new if self._takes(spec)}
        for number, spec in enumerate(refused):
            if number == _REMEMBERED and self._helped:  # the rest will most likely need the same
                self._ask_ahead([bent for s in refused[number:] if (bent := _changed(s, self._helped[0])) is not None])
            self._known[spec] = self._found(spec)
        return list(dict.fromkeys(bent for spec in specs if (bent := self._known[spec]) is not None))

    def _found(self, spec: ConvSpec) -> ConvSpec | None:
        for way in self._to_try():
            bent = _changed(spec, way)
            if bent is None or bent == spec:
                continue
            self._questions += 1
            if self._takes(bent):
                self._helped = [way, *(w for w in self._helped if w != way)][:_REMEMBERED]
                return bent
        return None

    def _to_try(self) -> Iterator[tuple[str, ...]]:
        helped = tuple(self._helped)
        yield from helped
        if self._questions < _QUESTIONS:
            yield from (way for way in _ways() if way not in helped)


def _changed(spec: ConvSpec, way: Sequence[str]) -> ConvSpec | None:
    d = fields_of(spec)
    for name in way:
        d = _CHANGES[name](d)
    return spec_of(d)
