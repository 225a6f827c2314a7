"""Geometries that nobody chose: small ones that differ in everything, and wider ones that are large in one number."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cache
from itertools import islice

from conformance.cases.fields import Fields, spec_of
from conformance.domain.pool import Draw
from harness.geometry.spec import ConvSpec

_MOST_MACS, _MOST_ELEMENTS = 4_000_000, 1_000_000  # of one: a call must not take long
_CHANNELS = (*range(3, 20), 24, 32, 33, 40, 48, 63, 64, 65, 80, 96, 128, 130)
_FILTERS = (*range(3, 20), 24, 31, 32, 33, 40, 48, 64, 65, 70)
_BOTH = (4, 8, 12, 16, 20, 32, 48)
_IMAGES = (0, *range(4, 10), 12, 16, 17, 20, 33)
_SIZES = (*range(8, 24), 31, 32, 33, 40, 48, 63, 64, 65, 66, 80, 128, 130, 257, 300)
_SQUARES = (8, 12, 16, 17, 20, 24, 32, 33, 40, 64)
_GROUPS = (*range(2, 10), 12, 17)
_PADS = ("pt", "pb", "pl", "pr")


def small(count: int, seed: int) -> list[ConvSpec]:
    """Distinct ones of a few pixels, channels and images."""
    return _series(seed, False).first(count)


def wide(count: int, seed: int) -> list[ConvSpec]:
    """Distinct ones that are large in up to three numbers."""
    return _series(seed, True).first(count)


class _Series:
    """What was drawn so far: drawing takes longer than most that is done with it, and few ask for all."""

    def __init__(self, drawn: Iterator[ConvSpec]) -> None:
        self._drawn = drawn
        self._found: dict[ConvSpec, None] = {}

    def first(self, count: int) -> list[ConvSpec]:
        """Distinct ones, in the order in which they were drawn."""
        while len(self._found) < count:
            self._found[next(self._drawn)] = None
        return list(islice(self._found, count))


@cache
def _series(seed: int, wide: bool) -> _Series:
    return _Series(_drawn(seed, wide))


def _drawn(seed: int, wide: bool) -> Iterator[ConvSpec]:
    draw = Draw(seed)
    while True:
        d, sizes = _usual(draw), dict[str, int]()
        equal = draw.random() < 0.4  # people test on squares, and so do we, but not only
        if equal:
            d |= {"kw": d["kh"], "sw": d["sh"], "dw": d["dh"], **dict.fromkeys(_PADS, d["pt"])}
        if wide:
            for enlarge in _several(draw):
                enlarge(draw, d, sizes)
            if d["c"] % d["g"] or d["f"] % d["g"]:
                d["g"] = 1
        d |= _image(draw, d, sizes)
        if equal and draw.random() < 0.5:
            d |= dict.fromkeys(("h", "w"), max(d["h"], d["w"]))
        spec = spec_of(d)
        if spec and max(spec.macs // 4, spec.work("im2col")) <= min(_MOST_ELEMENTS, _MOST_MACS // 4):
            yield spec


def _usual(draw: Draw) -> Fields:
    groups = draw.one_of((1, 1, 1, 2, 3))
    return {
        "n": draw.one_of((1, 1, 2, 3)), "g": groups,
        "c": groups * draw.one_of((1, 2, 3)), "f": groups * draw.one_of((1, 2, 3)),
        **{name: draw.one_of((1, 2, 3, 3, 4)) for name in ("kh", "kw")},
        **{name: draw.one_of((1, 1, 2, 3)) for name in ("sh", "sw")},
        **{name: draw.one_of((1, 1, 1, 2, 3)) for name in ("dh", "dw")},
        **{name: draw.one_of((0, 0, 1, 2)) for name in _PADS[:3]}, "pr": draw.one_of((0, 0, 1, 3)),
    }  # fmt: skip


def _image(draw: Draw, d: Fields, sizes: Fields) -> Fields:
    """Height and width: what is asked for, or a few pixels more than the kernel needs."""
    found = {}
    for size, kernel, step, before, after in (("h", "kh", "dh", "pt", "pb"), ("w", "kw", "dw", "pl", "pr")):
        least = max((d[kernel] - 1) * d[step] + 1 - d[before] - d[after], 1)
        found[size] = max(sizes.get(size, 0), least + draw.one_of(range(7)))
    return found


# What makes a geometry large; sizes of the image are made last, so they are only noted.
_Enlarge = Callable[[Draw, Fields, Fields], None]


def _both(draw: Draw, d: Fields, sizes: Fields) -> None:
    d["c"] = draw.one_of(_BOTH)
    d["f"], d["g"] = d["c"] * draw.one_of((1, 1, 2)), draw.one_of((1, 1, d["c"]))


def _depthwise(draw: Draw, d: Fields, sizes: Fields) -> None:
    d["c"] = d["g"] = draw.one_of((2, 3, 4, 5, 7, 9, 12, 17, 20))
    d["f"] = d["c"] * draw.one_of((1, 1, 2, 3))


def _grouped(draw: Draw, d: Fields, sizes: Fields) -> None:
    d["g"] = draw.one_of(_GROUPS)
    d["c"], d["f"] = d["g"] * draw.one_of((1, 2, 3, 4)), d["g"] * draw.one_of((1, 2, 3, 5))


def _square_kernel(draw: Draw, d: Fields, sizes: Fields) -> None:
    d["kh"] = d["kw"] = draw.one_of((1, 2, 3, 4, 5, 7))


def _square_image(draw: Draw, d: Fields, sizes: Fields) -> None:
    sizes["h"] = sizes["w"] = draw.one_of(_SQUARES)


def _times_groups(name: str, values: tuple[int, ...]) -> _Enlarge:
    return lambda draw, d, sizes: d.update({name: d["g"] * draw.one_of(values)})


def _each(values: tuple[int, ...], *names: str) -> _Enlarge:
    return lambda draw, d, sizes: d.update({name: draw.one_of(values) for name in names})


def _size(name: str) -> _Enlarge:
    return lambda draw, d, sizes: sizes.update({name: draw.one_of(_SIZES)})


_ENLARGE: tuple[_Enlarge, ...] = (
    _times_groups("c", _CHANNELS), _times_groups("f", _FILTERS), _both, _each(_IMAGES, "n"), _size("h"), _size("w"),
    _square_image, _each((1, 3, 4, 5, 6, 7, 9), "kh", "kw"), _square_kernel, _each((1, 2, 3, 4, 5, 6), "sh", "sw"),
    _each((1, 2, 3, 4, 5), "dh", "dw"), _depthwise, _grouped, _each((0, 1, 3, 4, 5, 7), *_PADS),
)  # fmt: skip


def _several(draw: Draw) -> list[_Enlarge]:
    places = sorted(range(len(_ENLARGE)), key=lambda _: draw.random())[: draw.one_of((1, 1, 2, 3))]
    return [_ENLARGE[place] for place in sorted(places)]
