"""Values on which shortcuts depend: zeros, signs, equal and sorted values, very large and very small ones."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np

from conformance.cases.case import Case
from conformance.cases.data import case_data
from harness.contract.protocol import ARGUMENTS, Array
from harness.oracle import by_taps


class Special(NamedTuple):
    """Whole-number arguments, one of them special, whose sums are exact; and the exact result."""

    name: str
    arrays: list[Array | None]
    expected: Array


def _nth(every: int, start: int, a: Array) -> Array:
    """The mask of every so-manieth element."""
    mask: Array = np.arange(a.size).reshape(a.shape) % every == start
    return mask


# What is made of one argument. Magnitudes stay as they are, so that sums stay exact.
_VARIANTS: dict[str, Callable[[Array], Array]] = {
    "positive": np.abs,
    "negative": lambda a: -np.abs(a),
    "zero": lambda a: a * 0,
    "zero but for every fifth": lambda a: a * _nth(5, 1, a),
    "zero in every third": lambda a: a * ~_nth(3, 0, a),
    "zero but for the last": lambda a: a * (np.arange(a.size) == a.size - 1).reshape(a.shape),
    "equal": lambda a: a * 0 + a.reshape(a.size)[:1],
    "sorted": lambda a: np.sort(a, axis=None).reshape(a.shape),
    "first negative": lambda a: np.where(np.arange(a.size).reshape(a.shape) == 0, -np.abs(a), a),
    "first positive": lambda a: np.where(np.arange(a.size).reshape(a.shape) == 0, np.abs(a), a),
}
# Exponents of two: near the largest number, small, and so small that the numbers are subnormal.
_POWERS = {"float16": (4, -4, -8), "float32": (24, 90, -20, -90), "float64": (24, 900, -20, -900)}
_SUBNORMAL = {"float16": -20, "float32": -145, "float64": -1070}


def specials(case: Case, subnormals: bool) -> Iterator[Special]:
    """Every variant of every argument; those that are subnormal if asked for."""
    base = case_data.exact_inputs(case)
    floating = case.dtype.startswith("float")
    for k, name in enumerate(ARGUMENTS[case.op]):
        if base[k] is None:
            continue
        for variant, change in _VARIANTS.items():
            yield _special(case, f"{name} {variant}", base, {k: change})
        if floating:
            yield _special(case, f"{name} with negative zeros", base, {k: lambda a: np.where(_nth(3, 0, a), -0.0, a)})
        if floating and k < 2:
            powers = (*_POWERS[case.dtype], *((_SUBNORMAL[case.dtype],) if subnormals else ()))
            for power in powers:
                yield _special(case, f"{name} times 2^{power}", base, _scaled(case, k, power))


def _scaled(case: Case, k: int, power: int) -> dict[int, Callable[[Array], Array]]:
    """One factor, and with it the bias, which is added to the products."""
    which = (k, 2) if case.op == "conv2d" else (k,)
    return {n: lambda a: np.ldexp(a, power) for n in which}


def _special(case: Case, name: str, base: case_data.Arrays, changes: dict[int, Callable[[Array], Array]]) -> Special:
    arrays = [
        a if a is None or n not in changes else changes[n](a).astype(a.dtype, order="C") for n, a in enumerate(base)
    ]
    wide = np.int64 if case.dtype.startswith("int") else np.longdouble
    return Special(name, arrays, by_taps.run(case.op, case.spec, *arrays, accumulate=wide).astype(case.dtype))
