"""Cold calls: other data goes through the caches before each, so that it finds nothing of its own there.

The other times are warm: the same arrays come again and again, and lie in the caches as far as they fit. A program that
does something else between two calls sees times nearer to these.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from harness.contract.protocol import Array
from harness.results import machine

CALLS = 3  # of a cell
_TIMES = 2  # the last-level cache: it may not drop the oldest lines first
_UNKNOWN, MOST = 32 * 2**20, 128 * 2**20  # bytes


def size_of_others() -> int:
    """Bytes that go through the caches before a call: twice the last-level cache that a core can use, capped."""
    return min(_TIMES * (machine.last_level_cache() or _UNKNOWN), MOST)


@dataclass(slots=True)
class Others:
    """The other data of a process."""

    data: Array = field(default_factory=lambda: np.zeros(0))

    def pass_through(self, size: int) -> None:
        """Read and write so many bytes; if they were only written, they might go around the caches."""
        count = size // self.data.itemsize
        if self.data.size != count:
            self.data = np.zeros(count)
        self.data += 1.0
