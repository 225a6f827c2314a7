"""The sets of inputs that a measuring child holds for one op, and a backend's own arrays of them.

A backend with a device clock gets as many sets as exceed the device's cache: a warm one must not count as its speed.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from harness.contract.protocol import Array, CompleteBackend
from harness.geometry.spec import ConvSpec, Op
from harness.timing.calling.loop import Lot
from harness.timing.clock import seconds

_CACHE_BYTES = 256 * 2**20  # more than four times the last-level cache of any card; an H200 has 60 MB
_FEWEST_SETS, _MOST_SETS = 2, 64


@dataclass(slots=True)
class Held:
    """The host's sets, as the parent gave them and has changed them since."""

    op: Op
    spec: ConvSpec
    sets: list[list[Array]]
    timed: int = 0  # so many of them in turn; the others for a single call each; 0: all
    flat: list[list[Array]] = field(init=False)

    def __post_init__(self) -> None:
        self.timed = self.timed or len(self.sets)
        self.flat = [[a.reshape(a.size) for a in one] for one in self.sets]

    def change(self, negated: list[tuple[int, int]], rows: list[Array]) -> None:
        """Negate whole arrays, then write elements: rows of sets, arguments, places and values."""
        for which, argument in negated:
            a = self.sets[which][argument]
            np.negative(a, out=a)
        sets, arguments, places, values = rows
        for which, argument, place, value in zip(
            sets.tolist(), arguments.tolist(), places.tolist(), values.tolist(), strict=True
        ):
            self.flat[which][argument][place] = value

    def digests(self, which: int) -> list[int]:
        """A checksum of each array of a set."""
        return [digest(a) for a in self.sets[which]]


def digest(a: Array) -> int:
    """A checksum of its bytes."""
    return zlib.crc32(a.reshape(a.size).view(np.uint8).data if a.size else b"")


@dataclass(slots=True)
class OwnSets:
    """A backend's own arrays of what is held."""

    backend: CompleteBackend
    held: Held
    by_device: bool
    sets: list[list[Any]] = field(default_factory=list)
    seconds: float = float("inf")  # the least that making one set took
    shares: bool = False  # whether what is written to the host's arrays is written to these

    def __post_init__(self) -> None:
        for number in range(self._count()):
            took = seconds(lambda number=number: self.sets.append(self._made(number)))  # type: ignore[misc]
            self.seconds = min(self.seconds, took)
        if not self.by_device:
            pairs = zip(self.held.sets[0], self.sets[0], strict=True)
            self.shares = all(own is a or self._sees_changes(a, own) for a, own in pairs)

    def lot(self) -> Lot:
        """Ready for the loop."""
        backend, held = self.backend, self.held
        return Lot(
            op=backend.ops[held.op], synchronize=backend.synchronize, to_numpy=backend.to_numpy, spec=held.spec,
            sets=self.sets, flat=held.flat[: held.timed], renew=None if self.shares else self._renewed,
            seconds=backend.seconds if self.by_device else None,
        )  # fmt: skip

    def follow(self, renewed: list[int]) -> None:
        """Make arrays anew where the host's may have changed: all of them, or of a device those `renewed`."""
        for number in renewed if self.by_device else [] if self.shares else range(len(self.sets)):
            self.sets[number] = self._made(number)

    def _count(self) -> int:
        count = self.held.timed
        if not self.by_device:
            return count
        size = sum(a.nbytes for a in self.held.sets[0])
        return max(_FEWEST_SETS, count, min(_MOST_SETS, _CACHE_BYTES // max(size, 1) + 1))

    def _made(self, number: int) -> list[Any]:
        return self.of(number % self.held.timed)

    def of(self, which: int) -> list[Any]:
        """New arrays of a held set; of a device from a copy, as conversion may share memory, and each is its own."""
        arrays = self.held.sets[which]
        return [self.backend.from_numpy(a.copy() if self.by_device else a) for a in arrays]

    def _renewed(self, which: int, argument: int) -> Any:
        return self.backend.from_numpy(self.held.sets[which][argument])

    def _sees_changes(self, a: Array, own: Any) -> bool:
        """Whether an element that is changed here is changed there."""
        if not a.size:
            return True
        first = (0,) * a.ndim
        was = a[first]
        a[first] = was + 1
        try:
            return bool(np.asarray(self.backend.to_numpy(own))[first] == was + 1)
        finally:
            a[first] = was
