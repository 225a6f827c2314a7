"""Reads numbers that somebody passed: plain ints and tuples of ints, or a `SpecError` that names what was given."""

from __future__ import annotations

import operator
from collections.abc import Sequence
from typing import TypeGuard, cast

import numpy as np

from harness.telling import WrongCall, one_line

Pair = int | Sequence[int]
LIMIT = 2**63  # numbers and element counts must fit a signed 64-bit index


class SpecError(WrongCall):
    """A geometry that is no convolution; the text names the rule and both numbers."""


def integer(name: str, value: object) -> int:
    """A plain int of anything that is a whole number; a bool is none. Raises `SpecError`."""
    if type(value) is int and -LIMIT < value < LIMIT:
        return value
    try:
        number = operator.index(cast(int, value))
    except TypeError:
        number = None
    if number is None or isinstance(value, bool):
        raise SpecError(f"{name} must be an integer, got {_shown(value)}")
    if abs(number) >= LIMIT:
        raise SpecError(f"{name} must be below 2^63, got a number of {number.bit_length()} bits")
    return number


def _is_row(value: object) -> TypeGuard[Sequence[object]]:
    """Whether a value lists numbers. Text and bytes are sequences too; a 0-d array is a number."""
    if isinstance(value, np.ndarray):
        return value.ndim == 1
    if isinstance(value, tuple):
        return True
    return isinstance(value, Sequence) and not isinstance(value, str | bytes | bytearray | memoryview)


def _shown(value: object) -> str:
    """repr in one line: that of an array has several."""
    return one_line(repr(value))


def integers(name: str, value: object, length: int) -> tuple[int, ...]:
    """Exactly `length` of them. Raises `SpecError`."""
    if not _is_row(value) or len(value) != length:
        raise SpecError(f"{name} must have {length} integers, got {_shown(value)}")
    return tuple(integer(name, v) for v in value)


def pair(name: str, value: Pair) -> tuple[int, int]:
    """(height, width); one number stands for both. Raises `SpecError`."""
    if _is_row(value):
        return cast(tuple[int, int], integers(name, value, 2))
    number = integer(name, value)
    return number, number


def four(name: str, value: Pair) -> tuple[int, int, int, int]:
    """(top, bottom, left, right) of one, two or four numbers. Raises `SpecError`."""
    if _is_row(value) and len(value) == 4:
        return cast(tuple[int, int, int, int], integers(name, value, 4))
    if _is_row(value) and len(value) != 2:
        raise SpecError(f"{name} must be an int, (height, width) or (top, bottom, left, right), got {_shown(value)}")
    high, wide = pair(name, value)
    return high, high, wide, wide
