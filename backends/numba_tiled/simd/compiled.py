"""How functions are compiled: an `entry` is called from Python, an `inner` one by other compiled functions only.

What is inner becomes part of the machine code of an entry. Numba would give it an entry of its own as well, and compile
that, too; without one, a call from Python would end the process.
"""

from __future__ import annotations

from typing import Any

from numba import njit

_ALL: dict[str, Any] = {"nogil": True, "error_model": "numpy", "no_cfunc_wrapper": True}
_INNER = {**_ALL, "no_cpython_wrapper": True}

entry = njit(cache=True, **_ALL)
inner = njit(**_INNER)
inlined = njit(inline="always", **_INNER)  # copied into each of its callers before any types are known
