"""The threads that compiled functions are launched on: how many, and what Numba's threading layer asks for.

Launching costs 1 us with OpenMP and TBB, but 85 us with Numba's own layer (`workqueue`), more than a small layer takes
to compute; and that layer ends the process if two threads launch at a time. One thread is not launched at all.
"""

from __future__ import annotations

import threading
import warnings
from collections.abc import Callable
from functools import cache
from typing import Any

from numba import get_num_threads, threading_layer
from numba.np.ufunc import parallel

_SLOW = (
    "numba_tiled: Numba's threading layer is workqueue, where every call costs some 85 us more; "
    "with OpenMP (libgomp, Linux) or TBB (`pip install tbb`) it does not"
)
SMALL = 1 << 14  # numbers to read or to write: less is done before a second thread has begun
_one_at_a_time = threading.Lock()
_layer = ""
_count: Callable[[], int] = get_num_threads


def thread_count() -> int:
    """How many threads the next call may run on. Warns once if launching them is slow."""
    global _layer, _count  # noqa: PLW0603
    if not _layer:
        get_num_threads()  # starts the layer
        _layer = threading_layer()
        _count = getattr(parallel, "_get_num_threads", get_num_threads)  # as it does, in a tenth of the time
    count: int = _count()
    if count > 1 and _layer == "workqueue":
        _warn()
    return count


@cache
def _warn() -> None:
    warnings.warn(_SLOW, RuntimeWarning, stacklevel=5)


def worth(threads: int, work: int) -> int:
    """How many of the threads so much work is worth; a number to read or to write is 1, a multiply-add is 1/8."""
    return threads if work >= SMALL else 1


def launch(function: Callable[..., None], *arguments: Any) -> None:
    """Call a compiled function that spreads its work, after `thread_count`."""
    if _layer == "workqueue":
        with _one_at_a_time:
            function(*arguments)
    else:
        function(*arguments)
