"""How large the caches are: what is kept in them at a time follows from it.

As Linux tells it; elsewhere, or where that is no size, what most cores have. `NUMBA_TILED_L1D`, `NUMBA_TILED_L2` and
`NUMBA_TILED_L3` (bytes, or with K or M) make it another machine's. Nothing of this is compiled in: it decides the plan
of a call.
"""

from __future__ import annotations

import os
from pathlib import Path

_OF_CORE_0 = Path("/sys/devices/system/cpu/cpu0/cache")
_UNITS = {"K": 1 << 10, "M": 1 << 20}
_LEAST = 8 << 10  # bytes; virtual machines may tell of 0


def size_of(level: str, kind: str, variable: str, usual: int) -> int:
    """Bytes of a cache. Raises `ValueError` for an environment variable that is no size of one."""
    if wanted := os.environ.get(variable):
        try:
            found = _bytes(wanted)
        except ValueError:
            found = 0
        if found < _LEAST:
            raise ValueError(f"{variable} must be a size of {_LEAST} bytes or more, as in 512K, got {wanted!r}")
        return found
    for index in sorted(_OF_CORE_0.glob("index*")):
        try:
            told = [(index / name).read_text(encoding="ascii").strip() for name in ("level", "type", "size")]
            if told[:2] == [level, kind] and (found := _bytes(told[2])) >= _LEAST:
                return found
        except (OSError, ValueError):
            continue
    return usual


def _bytes(text: str) -> int:
    """Of a size with or without a unit.

    >>> _bytes("512K"), _bytes("2M"), _bytes("49152")
    (524288, 2097152, 49152)
    """
    return int(text.rstrip("KM")) * _UNITS.get(text[-1], 1)


L1_BYTES = size_of("1", "Data", "NUMBA_TILED_L1D", 32 << 10)
L2_BYTES = size_of("2", "Unified", "NUMBA_TILED_L2", 512 << 10)
L3_BYTES = size_of("3", "Unified", "NUMBA_TILED_L3", 32 << 20)  # of some cores together
