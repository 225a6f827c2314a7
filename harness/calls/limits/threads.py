"""How many threads there can be: those of the machine, those asked for, and those of a block of code."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

OVERSUBSCRIBED = 4  # threads for each of the machine's: more than that is no measurement, but a mistyped number


def usable() -> int:
    """Hardware threads that this process may run on."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@contextmanager
def thread_limit(threads: int) -> Iterator[None]:
    """Limit the threads of BLAS, OpenMP, Numba and torch, as far as they are loaded; 0 changes nothing."""
    if not threads:
        yield
        return
    from threadpoolctl import threadpool_limits

    with ExitStack() as stack:
        stack.enter_context(threadpool_limits(threads))
        for library in ("numba", "torch"):
            if library in sys.modules:
                module = sys.modules[library]
                most = module.config.NUMBA_NUM_THREADS if library == "numba" else threads
                stack.callback(module.set_num_threads, module.get_num_threads())
                module.set_num_threads(min(threads, most))
        yield
