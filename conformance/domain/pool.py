"""The fixed pool of geometries that backends are asked about: the same everywhere and every time.

People implement a part: one group, equal strides, one image, a square kernel. So half of what is drawn keeps a few such
restrictions and lets the rest vary, and every part of that kind has members.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from functools import cache
from typing import TypeVar

from conformance.cases.fields import Fields, spec_of
from conformance.cases.specs import MAX_WORK
from harness.geometry.spec import ConvSpec

SIZE = 4000
SEED = 20261129  # of a version of the suite: the same for everyone
_Value = TypeVar("_Value")
# Around multiples of what blocks and vectors hold, and beyond.
SIZES = (
    *range(8, 14), *range(15, 19), 20, 23, 24, 25, 27, *range(31, 36), 40, 47, 48, 49, *range(63, 67), 72, 95, 96, 97,
    100, *range(127, 132), 160, 191, 192, 193, 200, *range(255, 260), 300, 384, 385, 511, 512, 513, 600, 768, 1000,
    1024, 1025,
)  # fmt: skip
_MODERATE = (*range(4, 14), 16, 17, 20, 24, 31, 32, 33, 40, 48, 63, 64, 65, 67)
_STEPS = (*range(4, 10), 12, 16, 17)
# What is large, one at a time, or two that go together: of most geometries that are large in more nothing is special.
_LARGE: dict[tuple[str, ...], tuple[int, ...]] = {
    ("n",): (*range(6, 18), 24, 31, 32, 33, 48, 63, 64, 65, 100, 127, 128, 129), ("c",): SIZES, ("f",): SIZES,
    ("c", "f"): _MODERATE, ("g",): (*_MODERATE, 127, 128, 129, 131),
    ("h",): SIZES, ("w",): SIZES, ("h", "w"): _MODERATE,
    ("kh",): (*_MODERATE, 195), ("kw",): (*_MODERATE, 195), ("kh", "kw"): (*range(4, 14), 16),
    ("sh",): _STEPS, ("sw",): _STEPS, ("sh", "sw"): _STEPS, ("dh",): _STEPS, ("dw",): _STEPS, ("dh", "dw"): _STEPS,
    ("pt",): (*_STEPS, 33), ("pb",): (*_STEPS, 33), ("pl",): (*_STEPS, 33), ("pr",): (*_STEPS, 33),
    ("pt", "pb", "pl", "pr"): _STEPS,
}  # fmt: skip
_FREE = ("n", "f", "c", "g")  # what is made smaller, where all together is too much work


class Draw(random.Random):
    """Only `random()` gives the same in every version of Python."""

    def one_of(self, values: Sequence[_Value]) -> _Value:
        return values[int(self.random() * len(values))]


# Within this file c and f are of a group, h and w what is beyond the reach of the kernel.


def _equal(*names: str) -> Callable[[Fields], Fields]:
    """All the first, or the one that is large."""
    return lambda d: {**d, **dict.fromkeys(names, max(d[name] for name in names if d[name] > 5 or name == names[0]))}


def _set(value: int, *names: str) -> Callable[[Fields], Fields]:
    return lambda d: {**d, **dict.fromkeys(names, value)}


# What a part may ask for, in an order in which none undoes another.
RESTRICTIONS: dict[str, Callable[[Fields], Fields]] = {
    "one image": _set(1, "n"),
    "one group": _set(1, "g"),
    "depthwise": lambda d: {**d, "g": max(d["g"], d["c"], 2), "c": 1},
    "one channel": _set(1, "c", "g"),
    "square kernel": _equal("kh", "kw"),
    "3x3": _set(3, "kh", "kw"),
    "1x1": _set(1, "kh", "kw"),
    "equal strides": _equal("sh", "sw"),
    "stride 1": _set(1, "sh", "sw"),
    "stride 2": _set(2, "sh", "sw"),
    "equal dilation": _equal("dh", "dw"),
    "no dilation": _set(1, "dh", "dw"),
    "symmetric padding": lambda d: {**d, "pb": d["pt"], "pr": d["pl"]},
    "equal padding": _equal("pt", "pb", "pl", "pr"),
    "no padding": _set(0, "pt", "pb", "pl", "pr"),
    "square image": lambda d: d,  # made where sizes are: they follow from the kernel
    "windows tile": lambda d: d,
}
_USUAL = ("one group", "square kernel", "equal strides", "no dilation", "equal padding")


@cache
def pool() -> tuple[ConvSpec, ...]:
    """Distinct geometries, each of at most 200,000 multiply-adds in every op."""
    draw, found = Draw(SEED), dict.fromkeys(_famous())
    while len(found) < SIZE:
        spec = _made(draw, _restrictions(draw))
        if spec is not None:
            found[spec] = None
    return tuple(found)


def _famous() -> Iterator[ConvSpec]:
    """Layers that everybody has, with few channels: who claims one size of image is found by it."""
    for size in (7, 8, 14, 16, 28, 32, 56):
        for kernel, stride, padding in ((1, 1, 0), (3, 1, 0), (3, 1, 1), (3, 2, 1), (5, 1, 2), (2, 2, 0)):
            for batch, inputs, outputs, groups in ((1, 1, 1, 1), (2, 3, 4, 1), (1, 4, 4, 4)):
                spec = ConvSpec.of(
                    batch=batch, in_channels=inputs, input_size=size, out_channels=outputs, kernel_size=kernel,
                    stride=stride, padding=padding, groups=groups,
                )  # fmt: skip
                if spec.macs <= MAX_WORK:
                    yield spec


def _restrictions(draw: Draw) -> set[str]:
    kept, more = draw.one_of(((_USUAL, 0.15), (_USUAL, 0.3), ((), 0.3), ((), 0.15), ((), 0.05)))
    return {*kept, *(name for name in RESTRICTIONS if draw.random() < more)}


def _made(draw: Draw, wanted: set[str]) -> ConvSpec | None:
    d: Fields = {
        "n": draw.one_of((1, 1, 2, 2, 3, 4, 5)), "c": draw.one_of((1, 2, 2, 3, 4, 5)),
        "f": draw.one_of((1, 2, 2, 3, 4, 5)), "g": draw.one_of((1, 1, 2, 3, 4)),
        "h": draw.one_of(range(9)), "w": draw.one_of(range(11)),
        **{name: draw.one_of((1, 2, 2, 3, 3, 4, 5)) for name in ("kh", "kw")},
        **{name: draw.one_of((1, 1, 2, 2, 3, 4)) for name in ("sh", "sw")},
        **{name: draw.one_of((0, 0, 1, 1, 2, 3)) for name in ("pt", "pb", "pl", "pr")},
        **{name: draw.one_of((1, 1, 2, 3)) for name in ("dh", "dw")},
    }  # fmt: skip
    large: tuple[str, ...] = draw.one_of(tuple(_LARGE)) if draw.random() < 0.55 else ()
    value = draw.one_of(_LARGE[large]) if large else 0
    d |= {name: draw.one_of((value, value, draw.one_of(_LARGE[large]))) for name in large}
    for name, restrict in RESTRICTIONS.items():
        if name in wanted:
            d = restrict(d)
    for size, kernel, stride, before, after, step in (
        ("h", "kh", "sh", "pt", "pb", "dh"), ("w", "kw", "sw", "pl", "pr", "dw"),
    ):  # fmt: skip
        beyond = d[size] // d[stride] * d[stride] if "windows tile" in wanted else d[size]
        d[size] = max(1, beyond + (d[kernel] - 1) * d[step] + 1 - d[before] - d[after])
    if "square image" in wanted:
        d = {**d, "h": max(d["h"], d["w"]), "w": max(d["h"], d["w"])}
    spec = _spec(d)
    free = [name for name in _FREE if name not in large and not ("depthwise" in wanted and name == "g")]
    while spec and not is_small(spec) and any(d[name] > 1 for name in free):
        name = draw.one_of([name for name in free if d[name] > 1])
        spec = _spec(d := {**d, name: d[name] // 2})
    return spec if spec and is_small(spec) and reads_the_image(spec) else None


def _spec(d: Fields) -> ConvSpec | None:
    return spec_of({**d, "c": d["c"] * d["g"], "f": d["f"] * d["g"]})


def is_small(spec: ConvSpec) -> bool:
    """Whether every op does at most 200,000 multiply-adds or copies."""
    return max(spec.macs, spec.work("im2col")) <= MAX_WORK


def reads_the_image(spec: ConvSpec) -> bool:
    """Whether any window does: nothing is to be seen in padding alone."""
    (top, _, left, _) = spec.padding
    return all(
        any(
            0 <= start * stride + tap * step - before < size
            for start in range(positions) for tap in range(taps)
        )
        for size, positions, taps, stride, step, before in zip(
            spec.input_size, spec.output_size, spec.kernel_size, spec.stride, spec.dilation, (top, left), strict=True
        )
    )  # fmt: skip
