"""Small layers on several threads: `numba_tiled` keeps them on one, so that tests of it must ask for it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

pytest.importorskip("numba", reason="Numba is not installed")
from backends.numba_tiled.launch import threads
from backends.numba_tiled.ops import col2im, conv2d, im2col, input_grad, weight_grad

# The same in a process of its own, before anything is called there.
SPREAD = "from backends.numba_tiled.launch import threads as _threads\n_threads.SMALL = 0\n"
_KEPT = (im2col.plan, col2im.plan, conv2d._arguments, input_grad._arguments, weight_grad._arguments)


@pytest.fixture
def spread_all(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """However small a call is, it runs on all threads that it may."""
    monkeypatch.setattr(threads, "SMALL", 0)
    _forget()
    yield
    _forget()


def _forget() -> None:
    """Plans, which hold a number of threads."""
    for plans in _KEPT:
        plans.cache_clear()
