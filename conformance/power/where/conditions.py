"""When a fault shows: predicates on the geometry, the dtype, the number of the call, the data."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from random import Random
from typing import Literal

import numpy as np

from conformance.power.right.ops import Call
from conformance.power.where.quantities import quantity
from harness.contract.protocol import Array
from harness.geometry.spec import ConvSpec

Sign = Literal[">", "<", "=", "%", "not %", "is", "is not"]


@dataclass(frozen=True, slots=True)
class On:
    """A predicate on a geometry: a quantity against a number or another quantity; `%` is (step, remainder)."""

    name: str
    sign: Literal[">", "<", "=", "%", "not %"]
    value: int | str
    rest: int = 0

    def holds(self, spec: ConvSpec) -> bool:
        """Of a geometry."""
        left = quantity(self.name, spec)
        right = quantity(self.value, spec) if isinstance(self.value, str) else self.value
        match self.sign:
            case ">":
                return left > right
            case "<":
                return left < right
            case "=":
                return left == right
            case "%":
                return left % right == self.rest
            case "not %":
                return left > right and left % right != 0

    def __str__(self) -> str:
        match self.sign:
            case "%":
                return f"{self.name} % {self.value} = {self.rest}"
            case "not %":
                return f"{self.name} > {self.value}, not its multiple"
            case _:
                return f"{self.name} {self.sign} {self.value}"


@dataclass(frozen=True, slots=True)
class When:
    """A predicate on a call beside its geometry, in words."""

    words: str
    holds: Callable[[Call], bool]

    def __str__(self) -> str:
        return self.words


@dataclass(frozen=True, slots=True)
class Condition:
    """All of them have to hold; none means always."""

    geometry: tuple[On, ...] = ()
    call: tuple[When, ...] = ()

    def holds(self, call: Call) -> bool:
        """Whether a call meets it."""
        return self.fits(call.spec) and all(when.holds(call) for when in self.call)

    def fits(self, spec: ConvSpec) -> bool:
        """Whether a geometry does."""
        return all(on.holds(spec) for on in self.geometry)

    def __str__(self) -> str:
        return " and ".join(map(str, (*self.geometry, *self.call)))


ALWAYS = Condition()

# -- the usual ladder: powers of two and their neighbours, parameters against each other ------------------------------

_LADDER: dict[str, tuple[int, ...]] = {
    "N": (1, 4, 8, 16), "C/G": (1, 4, 8, 16, 32), "F/G": (1, 4, 8, 16, 32), "G": (1, 2, 4, 8), "H": (8, 16, 32),
    "W": (8, 16, 32, 64), "KH": (1, 2, 3, 5), "KW": (1, 2, 3, 5), "SH": (1, 2), "SW": (1, 2), "DH": (1, 2),
    "DW": (1, 2), "pt": (0, 1, 2), "pb": (0, 1, 2), "pl": (0, 1, 2), "pr": (0, 1, 2), "OH": (4, 8, 16),
    "OW": (4, 8, 16, 32), "L": (16, 64, 128, 256), "N*L": (256, 1024), "K": (16, 64, 128, 256),
}  # fmt: skip
_TAILS = {"OW": (2, 4, 8, 16), "C/G": (4, 8, 16), "F/G": (4, 8, 16), "L": (4, 16, 64), "K": (8, 32), "N": (2, 4)}
_PAIRS = (
    ("SH", "SW"), ("DH", "DW"), ("KH", "KW"), ("H", "W"), ("OH", "OW"), ("pt", "pb"), ("pl", "pr"), ("pt", "pl"),
    ("C/G", "F/G"), ("SH", "KH"), ("SW", "KW"), ("pt", "KH"), ("pl", "KW"), ("KH", "H"), ("KW", "W"), ("N", "C"),
)  # fmt: skip
_EQUAL = {"KH": (1, 2, 3, 5, 7), "KW": (1, 2, 3, 5, 7), "N": (1, 2, 3), "C": (1, 3), "F": (1,), "OH": (1,), "OW": (1,),
          "SH": (2, 3), "SW": (2, 3), "DH": (2, 3), "DW": (2, 3), "depthwise": (1,), "H": (1,), "W": (1,)}  # fmt: skip


def ladder() -> list[On]:
    """The conditions that come to mind."""
    found = [On(name, ">", limit) for name, limits in _LADDER.items() for limit in limits]
    found += [On(name, "not %", step) for name, steps in _TAILS.items() for step in steps]
    found += [On(a, sign, b) for a, b in _PAIRS for sign in (">", "<")]
    found += [On(name, "=", value) for name, values in _EQUAL.items() for value in values]
    return [*found, On("rows left over", ">", 0), On("columns left over", ">", 0)]


# -- those that nobody chose ----------------------------------------------------------------------------------------

_RANGES: dict[str, int] = {
    "N": 8, "C/G": 24, "F/G": 24, "G": 7, "H": 30, "W": 40, "KH": 6, "KW": 6, "SH": 4, "SW": 4, "DH": 3, "DW": 3,
    "pt": 4, "pb": 4, "pl": 4, "pr": 4, "OH": 20, "OW": 30, "L": 200, "N*L": 500, "K": 150,
    "taps": 16, "RH": 9, "RW": 9,
}  # fmt: skip


def drawn(draw: Random, count: int) -> Condition:
    """`count` predicates on different quantities, thresholds drawn evenly."""
    names = _several(draw, sorted(_RANGES), count)
    return Condition(tuple(_one(draw, name) for name in names))


def _one(draw: Random, name: str) -> On:
    value, which = 1 + int(draw.random() * _RANGES[name]), draw.random()
    if which < 0.35:
        return On(name, ">", value)
    if which < 0.55:
        return On(name, "<", value + 1)
    if which < 0.75:
        return On(name, "=", value)
    step = 2 + int(draw.random() * 8)
    return On(name, "%", step, int(draw.random() * step))


def _several(draw: Random, names: Sequence[str], count: int) -> list[str]:
    return sorted(names, key=lambda _: draw.random())[:count]  # only `random()` is the same in every Python


# -- on calls ---------------------------------------------------------------------------------------------------------


def in_dtype(*names: str) -> When:
    """The dtype is one of these."""
    return When(f"dtype {' or '.join(names)}", lambda call: call.dtype in names)


def on_call(words: str, holds: Callable[[int], bool]) -> When:
    """A predicate on how many calls there were, this one included."""
    return When(words, lambda call: holds(call.number))


def on_data(words: str, holds: Callable[[Array], object], argument: int = 0) -> When:
    """A predicate on one of the arguments; does not hold of one without elements."""

    def asked(call: Call) -> bool:
        a = call.arrays[argument] if argument < len(call.arrays) else None
        with np.errstate(all="ignore"):
            return a is not None and a.size > 0 and bool(holds(a))

    return When(words, asked)
