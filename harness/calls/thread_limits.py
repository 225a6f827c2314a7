"""How many threads the libraries of this process may use, for as long as a block lasts."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager


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
