"""What can be seen of arrays before and after a call: their state, whose memory they have, and what was raised."""

from __future__ import annotations

import math
import sys
import traceback
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from harness.calls.caller import Arrays, CallResult
from harness.contract.protocol import Array
from harness.geometry.spec import ConvSpec, Op
from harness.telling import named

_OWN_FOLDER = str(Path(__file__).parents[1])
_LONGEST = 300  # characters of what an exception says
_POISONED_BLOCKS = 3  # of each size: NumPy and malloc keep several freed blocks


class State(NamedTuple):
    """What a call must leave as it was, of one input."""

    data: bytes
    shape: tuple[int, ...]
    strides: tuple[int, ...]
    writeable: bool
    dtype: str

    @classmethod
    def of(cls, a: Array) -> State:
        """As it is now."""
        return cls(a.tobytes(), a.shape, a.strides, a.flags.writeable, a.dtype.str)


_WORDS = ("bytes", "shape", "strides", "writeable flag", "dtype")


def described(host: object) -> CallResult:
    """The facts of a result on the host, with a copy of its numbers if it has any."""
    kind = f"{type(host).__module__}.{type(host).__qualname__}"
    if not isinstance(host, np.ndarray):
        return CallResult(kind=kind)
    if host.dtype.kind not in "biufc" or not host.dtype.isnative:
        return CallResult(kind=f"{kind} of dtype {host.dtype}")
    copy = np.array(host, order="C", copy=True, subok=False)
    return CallResult(
        kind=kind, result=copy, shape=host.shape, strides=host.strides, contiguous=host.flags.c_contiguous,
        writeable=host.flags.writeable,
    )  # fmt: skip


def changes(given: Arrays, before: Sequence[State | None], own: Arrays) -> list[str]:
    """Which inputs are not as before: the caller's arrays, and the backend's own copies of them."""
    found: list[str] = []
    for number, (a, state, copy) in enumerate(zip(given, before, own, strict=True)):
        if a is None or state is None:
            continue
        found += [
            f"the {word} of argument {number}"
            for word, was, now in zip(_WORDS, state, State.of(a), strict=True)
            if was != now
        ]
        if copy is not None and copy is not a and not found and np.ascontiguousarray(copy).tobytes() != state.data:
            found.append(f"the bytes of argument {number}")
    return found


def first_or_other(first: CallResult, result: CallResult, turn: int) -> CallResult:
    """What is told of a call that is repeated: its first result, or the one that is another."""
    if turn == 1 or first.error:
        return result
    a, b = first.result, result.result
    if result.error or a is None or b is None or a.dtype != b.dtype or not np.array_equal(a, b):
        result.differs = turn
        return result
    return first


def overlap(a: Array, b: Array) -> bool:
    """May share memory: bounds only, since interleaved views of one buffer are no fresh memory either."""
    return bool(a.size and b.size and np.may_share_memory(a, b))


def raised(error: BaseException) -> str:
    """Type and text in one line, and where it was raised if that is not in the harness or a library."""
    frames = traceback.extract_tb(error.__traceback__)
    own = [f for f in frames if not f.filename.startswith("<") and not _is_ours_or_installed(f.filename)]
    where = f" ({Path(own[-1].filename).name}, line {own[-1].lineno})" if own else ""
    return f"{named(error)[:_LONGEST]}{where}"


def poison(op: Op, spec: ConvSpec, given: Arrays) -> None:
    """Leave freed blocks full of 0xFF (NaN, -1) in the sizes that the op is likely to allocate: the next get these."""
    size = next(a.itemsize for a in given if a is not None)
    shapes = (spec.output_shape(op), spec.columns_shape, (spec.batch, spec.in_channels, *spec.padded_size))
    blocks = [np.full(math.prod(shape) * size, 0xFF, np.uint8) for shape in shapes for _ in range(_POISONED_BLOCKS)]
    del blocks


def _is_ours_or_installed(file: str) -> bool:
    return file.startswith(_OWN_FOLDER) or "site-packages" in file or file.startswith(sys.base_prefix)
