"""How much memory a call takes at its peak, as measured: what NumPy allocates, and what the process really holds.

Both count the result, all that the call allocates on the way, and what the backend keeps from one call to the next,
such as index arrays; not the inputs. `tracemalloc` sees the allocations of NumPy and Python alone, to the byte. The
kernel sees what any library touches, in pages; what was free in the process before is handed back first.

To be called in a child, before any other call of that geometry: what is kept since then is not seen.
"""

from __future__ import annotations

import ctypes
import gc
import math
import re
import tracemalloc
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from msgspec import Struct

from harness.contract.protocol import Array, CompleteBackend
from harness.geometry.spec import ConvSpec, Op
from harness.timing.predict import shrink

_STATUS, _CLEAR = Path("/proc/self/status"), Path("/proc/self/clear_refs")
_RESET_PEAK = "5"  # what proc(5) has for "the peak is what is resident now"
_WARM_UP = 20_000  # steps of work: milliseconds in plain Python


class MemoryUse(Struct, frozen=True, kw_only=True, tag_field="kind", tag=True):
    """Bytes at the peak of a call; None for what could not be seen.

    `peak_bytes` is None where the result is not even in it, so that an allocator of its own made it; `resident_bytes`
    without Linux. Both are for a device, whose memory neither sees.
    """

    peak_bytes: int | None = None
    resident_bytes: int | None = None


def measure(backend: CompleteBackend, op: Op, spec: ConvSpec, arrays: Sequence[Array]) -> MemoryUse:
    """The peak of a call on these arrays, the second of its geometry, beyond what was held before the first.

    A smaller geometry is called before, so that loading and compiling do not count. Raises whatever the backend raises.
    """
    if backend.seconds is not None:
        return MemoryUse()
    if not gc.get_freeze_count():  # what imports have left takes a collection a tenth of a second, each time
        gc.collect()
        gc.freeze()
    small = another(op, spec)
    ones = [backend.from_numpy(np.ones(shape, arrays[0].dtype)) for shape in small.input_shapes(op)]
    _call(backend, op, small, ones)
    own = [backend.from_numpy(a) for a in arrays]
    was_tracing = tracemalloc.is_tracing()
    tracemalloc.start()
    try:
        _hand_back()
        traced, resident = tracemalloc.get_traced_memory()[0], _status("VmRSS")
        _call(backend, op, spec, own)
        _hand_back()
        tracemalloc.reset_peak()
        is_reset = _reset_resident_peak()
        _call(backend, op, spec, own)
        peak, held = tracemalloc.get_traced_memory()[1] - traced, _status("VmHWM")
    finally:
        if not was_tracing:
            tracemalloc.stop()
    result = math.prod(spec.output_shape(op)) * arrays[0].dtype.itemsize
    taken = max(held - resident, 0) if is_reset and resident is not None and held is not None else None
    return MemoryUse(peak_bytes=peak if peak >= result else None, resident_bytes=taken)


def another(op: Op, spec: ConvSpec) -> ConvSpec:
    """A geometry of the same kind that is called first: smaller, or one row of windows more where it is small already.

    >>> str(another("im2col", ConvSpec.parse("n1c2h6w6_f4kh3kw3_sh2sw2")))
    'n1c2h8w6_f4kh3kw3_sh2sw2'
    """
    small = shrink(op, spec, _WARM_UP)
    if small != spec:
        return small
    return replace(spec, input_size=(spec.input_size[0] + spec.stride[0], spec.input_size[1]))


def _call(backend: CompleteBackend, op: Op, spec: ConvSpec, own: Sequence[Any]) -> None:
    """Call, wait for the result, and let go of it."""
    backend.synchronize(backend.call(op, spec, *own))


def _hand_back() -> None:
    """Give what is free to the system, so that what is taken again counts."""
    gc.collect()
    try:
        ctypes.CDLL(None).malloc_trim(0)
    except (OSError, AttributeError):  # only the GNU library has it
        return


def _reset_resident_peak() -> bool:
    """Whether the peak is now counted anew."""
    try:
        _CLEAR.write_text(_RESET_PEAK, encoding="ascii")
    except OSError:
        return False
    return True


def _status(word: str) -> int | None:
    """A number of /proc/self/status in bytes; None where there is none."""
    try:
        found = re.search(rf"^{word}:\s+(\d+) kB", _STATUS.read_text(encoding="ascii", errors="replace"), re.MULTILINE)
    except OSError:
        return None
    return int(found[1]) * 1024 if found else None
