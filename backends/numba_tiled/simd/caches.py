"""How large the caches of a core are: what is kept in them at a time follows from it.

As Linux tells it; elsewhere, what most cores have. `NUMBA_TILED_L1D` and `NUMBA_TILED_L2` (bytes, or with K or M) make
it another machine's. Nothing of this is compiled in: it decides the plan of a call.
"""

from __future__ import annotations

import os
from pathlib import Path

_OF_CORE_0 = Path("/sys/devices/system/cpu/cpu0/cache")
_UNITS = {"K": 1 << 10, "M": 1 << 20}


def _size(level: str, kind: str, usual: int) -> int:
    """Bytes of the data cache of a level."""
    wanted = os.environ.get(f"NUMBA_TILED_L{level}{'D' if level == '1' else ''}")
    if wanted:
        return _bytes(wanted)
    for index in sorted(_OF_CORE_0.glob("index*")):
        try:
            found = [(index / name).read_text(encoding="ascii").strip() for name in ("level", "type", "size")]
            if found[:2] == [level, kind]:
                return _bytes(found[2])
        except (OSError, ValueError):
            continue
    return usual


def _bytes(text: str) -> int:
    """Of a size with or without a unit.

    >>> _bytes("512K"), _bytes("2M"), _bytes("49152")
    (524288, 2097152, 49152)
    """
    return int(text.rstrip("KM")) * _UNITS.get(text[-1], 1)


L1_BYTES = _size("1", "Data", 32 << 10)
L2_BYTES = _size("2", "Unified", 512 << 10)
