"""The threads that compiled functions are launched on: how many, and what Numba's threading layer asks for.

Launching costs 1 us with OpenMP and TBB, but 85 us with Numba's own layer (`workqueue`), more than a small layer takes
to compute; and that layer ends the process if two threads launch at a time. One thread is not launched at all.
"""

from __future__ import annotations

import threading
import warnings
from collections.abc import Callable
from typing import Any

from numba import get_num_threads, threading_layer
from numba.np.ufunc import parallel

_SLOW = (
    "numba_tiled: Numba's threading layer is workqueue, where every call costs some 85 us more; "
    "with OpenMP (libgomp, Linux) or TBB (`pip install tbb`) it does not"
)
SMALL = 1 << 14  # numbers to read or to write: less is done before a second thread has begun
_one_at_a_time = threading.Lock()
_layer = ""  # as soon as a call may run on several threads
_read_count: Callable[[], int] | None = None


def thread_count() -> int:
    """How many threads the next call may run on. Warns once if launching them is slow."""
    global _layer, _read_count  # noqa: PLW0603
    if _read_count is None:
        get_num_threads()  # starts Numba's threads
        # What it calls takes a tenth of its time; another version of Numba may have no such function.
        _read_count = getattr(parallel, "_get_num_threads", get_num_threads)
    count: int = _read_count()
    if count > 1 and not _layer:
        _layer = threading_layer()
        if _layer == "workqueue":
            warnings.warn(_SLOW, RuntimeWarning, stacklevel=4)
    return count


def worth(threads: int, work: int) -> int:
    """How many of the threads so much work is worth, in numbers to read or to write."""
    return threads if work >= SMALL else 1


def launch(function: Callable[..., None], *arguments: Any) -> None:
    """Call a compiled function that spreads its work, after `thread_count`."""
    if _layer == "workqueue":
        with _one_at_a_time:
            function(*arguments)
    else:
        function(*arguments)
