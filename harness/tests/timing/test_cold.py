"""Cold calls: how much other data goes through the caches, and that it does."""

from __future__ import annotations

import numpy as np
import pytest

from harness.results import machine
from harness.timing import cold

_MIB = 2**20


@pytest.mark.parametrize(
    ("cache", "size"), [(8 * _MIB, 16 * _MIB), (None, 64 * _MIB), (2**40, cold.MOST), (cold.MOST, cold.MOST)]
)
def test_twice_the_last_cache_passes_through_but_not_without_end(
    monkeypatch: pytest.MonkeyPatch, cache: int | None, size: int
) -> None:
    monkeypatch.setattr(machine, "last_level_cache", lambda: cache)
    assert cold.size_of_others() == size


def test_all_of_the_other_data_is_written_each_time() -> None:
    """In the same memory: new pages would be zeros that nobody has read."""
    others = cold.Others()
    others.pass_through(4096)
    first = others.data
    others.pass_through(4096)
    assert others.data is first
    assert (first.nbytes, np.unique(first).tolist()) == (4096, [2.0])
    others.pass_through(8192)
    assert (others.data.nbytes, np.unique(others.data).tolist()) == (8192, [1.0])
