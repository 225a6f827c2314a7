"""A grid of 49 geometries in place of the whole, for tests of what is done with it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from conformance.cases.grids import grid
from conformance.cases.grids.axis import Setting

_SETTINGS: list[Setting] = [
    (1, 1, 1, 0, 0, 1), (2, 2, 1, 0, 0, 1), (3, 1, 1, 0, 0, 1), (3, 2, 1, 1, 0, 1), (4, 2, 2, 0, 1, 1),
    (5, 2, 3, 0, 2, 2), (5, 3, 1, 1, 1, 1),
]  # fmt: skip


@pytest.fixture
def small_grid(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Seven settings of one axis."""
    monkeypatch.setattr(grid, "settings", lambda: _SETTINGS)
    grid.size.cache_clear()
    yield
    grid.size.cache_clear()
