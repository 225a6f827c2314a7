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

_SLOW = (
    "numba_tiled: Numba's threading layer is workqueue, where every call costs some 85 us more; "
    "with OpenMP (libgomp, Linux) or TBB (`pip install tbb`) it does not"
)
_one_at_a_time = threading.Lock()
_layer = ""


def thread_count() -> int:
    """How many threads the next call runs on. Warns once if launching them is slow."""
    global _layer  # noqa: PLW0603
    count: int = get_num_threads()
    if count > 1 and not _layer:
        _layer = threading_layer()
        if _layer == "workqueue":
            warnings.warn(_SLOW, RuntimeWarning, stacklevel=4)
    return count


def launch(function: Callable[..., None], *arguments: Any) -> None:
    """Call a compiled function that spreads its work, after `thread_count`."""
    if _layer == "workqueue":
        with _one_at_a_time:
            function(*arguments)
    else:
        function(*arguments)
