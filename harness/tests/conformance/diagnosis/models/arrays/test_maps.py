"""Arrays are read and written by maps, with nothing where a map leads outside."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest

from conformance.diagnosis.models.arrays import maps
from conformance.diagnosis.models.arrays.maps import Map


def row(*numbers: int) -> np.ndarray:
    """(1, n, 1)."""
    return np.array(numbers, float)[None, :, None]


@pytest.mark.parametrize(
    ("by", "read", "put", "added"),
    [
        (maps.itself, (1, 2, 3, 4, 5), (1, 2, 3, 4, 5), (1, 2, 3, 4, 5)),
        (maps.backwards, (5, 4, 3, 2, 1), (5, 4, 3, 2, 1), (5, 4, 3, 2, 1)),
        (partial(maps.rolled, 1), (2, 3, 4, 5, 1), (5, 1, 2, 3, 4), (5, 1, 2, 3, 4)),
        (partial(maps.shifted, 1), (2, 3, 4, 5, 0), (0, 1, 2, 3, 4), (0, 1, 2, 3, 4)),
        (partial(maps.shifted, -1), (0, 1, 2, 3, 4), (2, 3, 4, 5, 0), (2, 3, 4, 5, 0)),
        (partial(maps.constant, -1), (5, 5, 5, 5, 5), (0, 0, 0, 0, 5), (0, 0, 0, 0, 15)),
        (partial(maps.without, -1), (1, 2, 3, 4, 0), (1, 2, 3, 4, 0), (1, 2, 3, 4, 0)),
        (partial(maps.alone, 0), (1, 0, 0, 0, 0), (1, 0, 0, 0, 0), (1, 0, 0, 0, 0)),
        (maps.last_two_exchanged, (1, 2, 3, 5, 4), (1, 2, 3, 5, 4), (1, 2, 3, 5, 4)),
        (maps.last_repeats, (1, 2, 3, 4, 4), (1, 2, 3, 5, 0), (1, 2, 3, 9, 0)),
        (maps.second_half_repeats, (1, 2, 3, 1, 2), (4, 5, 3, 0, 0), (5, 7, 3, 0, 0)),
        (maps.first_half, (1, 2, 0, 0, 0), (1, 2, 0, 0, 0), (1, 2, 0, 0, 0)),
        (maps.every_second, (1, 0, 3, 0, 5), (1, 0, 3, 0, 5), (1, 0, 3, 0, 5)),
        (maps.halved, (1, 1, 2, 2, 3), (2, 4, 5, 0, 0), (3, 7, 5, 0, 0)),
        (maps.doubled, (1, 3, 5, 0, 0), (1, 0, 2, 0, 3), (1, 0, 2, 0, 3)),
        (partial(maps.wrapped, 2), (1, 2, 1, 2, 1), (5, 4, 0, 0, 0), (9, 6, 0, 0, 0)),
    ],
)
def test_a_map(by: Map, read: tuple[int, ...], put: tuple[int, ...], added: tuple[int, ...]) -> None:
    v = row(1, 2, 3, 4, 5)
    assert maps.read(by, v).tolist() == row(*read).tolist()
    assert maps.put(by, v).tolist() == row(*put).tolist()
    assert maps.added(by, v).tolist() == row(*added).tolist()
    assert v.tolist() == row(1, 2, 3, 4, 5).tolist()


def test_one_alone() -> None:
    assert maps.read(maps.last_repeats, row(7)).tolist() == row(7).tolist()
    assert maps.read(maps.one_before_the_last, row(7)).tolist() == row(0).tolist()
    assert maps.read(maps.last_two_exchanged, row(7)).tolist() == row(7).tolist()
    assert maps.read(maps.first_half, row(7)).tolist() == row(0).tolist()
    assert maps.read(maps.first_half_or_one, row(7)).tolist() == row(7).tolist()
