"""The arrays of a script, each once in its list `a`: as numbers where they are few, packed where they are many."""

from __future__ import annotations

import base64
import zlib
from collections.abc import Sequence

import numpy as np

from conformance.checks.outcomes import RecordedCall
from harness.contract.protocol import Array

MOST_LITERALS = 64  # elements; larger arrays are packed
_Key = tuple[bytes, tuple[int, ...], str]


class ArrayTable:
    """Which place of the list each array has; arrays of the same numbers, shape and dtype share one."""

    def __init__(self, calls: Sequence[RecordedCall]) -> None:
        self._arrays = {key(a): a for call in calls for a in call.arrays if a is not None}
        self._places = {found: place for place, found in enumerate(self._arrays)}

    def name(self, a: Array | None) -> str:
        """The array as the script calls it: `a[2]`, or None."""
        return "None" if a is None else f"a[{self._places[key(a)]}]"

    def lines(self, joined: bool) -> list[str]:
        """The list itself, all on one line if `joined`."""
        separator = ", " if joined else ",\n     "
        return f"a = [{separator.join(map(literal, self._arrays.values()))}]".splitlines()


def key(a: Array) -> _Key:
    """The same for arrays that nobody can tell apart by their elements."""
    return a.tobytes(), a.shape, a.dtype.str


def literal(a: Array) -> str:
    """Few finite elements as numbers, others packed; longdouble, which comes from sums only, as float64."""
    a = a.astype(np.float64) if a.dtype == np.longdouble else a
    if not a.size:
        return f"np.zeros({a.shape}, {a.dtype.str!r})"
    if a.size > MOST_LITERALS or not np.isfinite(a).all():
        text = base64.b85encode(zlib.compress(a.tobytes(), 9)).decode()
        return f'np.frombuffer(zlib.decompress(base64.b85decode("{text}")), {a.dtype.str!r}).reshape{a.shape}'
    whole = a.dtype.kind == "f" and bool((a == np.rint(a)).all()) and not np.signbit(a[a == 0]).any()
    values: object = a.astype(np.int64).tolist() if whole and np.abs(a).max() < 2**53 else a.tolist()
    return f"np.array({values}, {str(a.dtype)!r})"
