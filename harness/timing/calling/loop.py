"""The loop that is timed, with all that it needs in its own closure, bound before any backend is loaded.

Between two calls, when no code of a backend is on the stack, the loop changes an element of the next inputs, and draws
whether the result at hand replaces the one that it keeps. So no call can know whether it will be judged, and none finds
inputs that it has met before. Of a kept result some elements are looked at at once: what is filled in later is late.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from harness.contract.protocol import Array
from harness.geometry.spec import ConvSpec

_Change = tuple[int, int, Any]  # argument, place in the flat array (negative: nothing is changed), value


@dataclass(slots=True)
class Lot:
    """One backend's op, made ready to be called on its sets in turn."""

    op: Callable[..., Any]
    synchronize: Callable[[Any], None]
    to_numpy: Callable[[Any], Array]
    spec: ConvSpec
    sets: list[list[Any]]  # the backend's own arrays
    flat: list[list[Array]]  # the host's, each as one row: where `sets` shares their memory, this changes both
    renew: Callable[[int, int], Any] | None = None  # makes an argument of a set anew, where it does not
    seconds: Callable[[Callable[[], Any]], float] | None = None  # of a device

    def change_all(self, turn: int, changes: Sequence[_Change]) -> None:
        """Make all the changes of a block that has ended too early."""
        for number, (argument, place, value) in enumerate(changes):
            if place >= 0:
                self.flat[(turn + number) % len(self.flat)][argument][place] = value


@dataclass(slots=True)
class Block:
    """What came of a block: seconds of all calls, which result was kept, what was looked at, and the result."""

    seconds: float = 0.0
    kept: int = -1
    result: Any = None
    places: list[int] = field(default_factory=list)
    values: Array = field(default_factory=lambda: np.zeros(0))


Run = Callable[[Lot, int, Sequence[_Change], int], Block]


def make(now: Callable[[], float], draw: Callable[[int], bytes] = os.urandom) -> Run:
    """The loop: `run(lot, turn, changes, looks)` makes a call for each change, from the set of that turn on."""
    number_of, numbered, is_a, unravel = int.from_bytes, enumerate, isinstance, np.unravel_index
    array, item, copied, nothing, answer = np.ndarray, np.ndarray.__getitem__, np.ndarray.copy, np.zeros(0), Block

    def look(host: Any, looks: int) -> tuple[list[int], Array]:
        if not is_a(host, array) or not host.size or not looks:
            return [], nothing
        places = [number_of(draw(8), "little") % host.size for _ in range(looks)]
        return places, copied(item(host, unravel(places, host.shape)))

    def by_wall(lot: Lot, turn: int, changes: Sequence[_Change], looks: int) -> Block:
        op, synchronize, to_numpy, spec, sets, flat, renew = (
            lot.op, lot.synchronize, lot.to_numpy, lot.spec, lot.sets, lot.flat, lot.renew
        )  # fmt: skip
        count, took, kept, result = len(sets), 0.0, -1, None
        seen: tuple[list[int], Array] = ([], nothing)
        for number, (argument, place, value) in numbered(changes):
            which = (turn + number) % count
            if place >= 0:
                flat[which][argument][place] = value
                if renew is not None:
                    sets[which][argument] = renew(which, argument)
            own = sets[which]
            start = now()
            made: Any = op(*own, spec)
            synchronize(made)
            host: Any = to_numpy(made)
            took += now() - start
            if number_of(draw(8), "little") % (number + 1) == 0:
                kept, result = number, host
                seen = look(host, looks)
            start = now()
            made = host = None  # to give the memory back is part of a call
            took += now() - start
        return answer(took, kept, result, *seen)

    def by_device(lot: Lot, turn: int, changes: Sequence[_Change], looks: int) -> Block:
        """The device's own time of calls that only launch."""
        op, spec, sets, seconds = lot.op, lot.spec, lot.sets, lot.seconds
        assert seconds is not None
        made: list[Any] = [None]
        count, took, kept, result = len(sets), 0.0, -1, None
        for number in range(len(changes)):
            own = sets[(turn + number) % count]

            def launch(own: list[Any] = own) -> Any:
                made[0] = op(*own, spec)
                return made[0]

            took += _positive(seconds(launch))
            if number_of(draw(8), "little") % (number + 1) == 0:
                kept, result = number, made[0]
        return answer(took, kept, None if result is None else lot.to_numpy(result))

    def run(lot: Lot, turn: int, changes: Sequence[_Change], looks: int) -> Block:
        return (by_wall if lot.seconds is None else by_device)(lot, turn, changes, looks)

    return run


def _positive(took: Any) -> float:
    """A device's time as a plain number. Raises `ValueError` if it is none."""
    seconds = float("nan") if isinstance(took, str) else float(took)
    if not 0 < seconds < float("inf"):
        raise ValueError(f"seconds() must give a time above 0, got {took!r}")
    return seconds
