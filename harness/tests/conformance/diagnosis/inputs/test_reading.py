"""Ways to misread memory, against arrays whose memory is written out."""

from __future__ import annotations

import numpy as np
import pytest

from conformance.diagnosis.inputs.reading import WAYS, Way
from harness.contract.protocol import Array

_READ = {way.key: way.read for way in WAYS}
_FOUR = np.arange(24.0).reshape(2, 1, 3, 4)


def _as_a_view(a: Array, axis: int) -> Array:
    """Every second index of a larger array along one axis; what lies between is -1."""
    buffer = np.full([2 * n if k == axis else n for k, n in enumerate(a.shape)], -1.0)
    view = buffer[tuple(slice(None, None, 2) if k == axis else slice(None) for k in range(a.ndim))]
    view[...] = a
    return view


@pytest.mark.parametrize(
    ("way", "view", "seen"),
    [
        ("contiguous", np.array([[1.0, 2.0], [3.0, 4.0]]).T, [[1, 2], [3, 4]]),
        ("contiguous", np.arange(6.0)[::2], [0, 1, 2]),
        ("rows of neighbours", np.arange(12.0).reshape(2, 6)[:, ::2], [[0, 1, 2], [6, 7, 8]]),
        ("order of memory", np.array([[1.0, 2.0], [3.0, 4.0]]).T, [[1, 2], [3, 4]]),
        ("order of memory", np.arange(6.0)[::2], [0, 2, 4]),
        ("Fortran order kept", np.array([[1.0, 2.0], [3.0, 4.0]]).T, [[1, 2], [3, 4]]),
        ("steps forward", np.arange(6.0)[::-2], [1, 3, 5]),
        ("lowest address", np.arange(6.0)[::-2], [1, 2, 3]),
        ("offset lost", np.arange(6.0)[2:4], [0, 1]),
        ("last axes exchanged", np.array([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]), [[1, 4, 2], [5, 3, 6]]),
        ("one element off", np.array([[1.0, 2.0], [3.0, 4.0]]), [[4, 1], [2, 3]]),
        ("zeros", np.array([1.0, 2.0]), [0, 0]),
    ],
)  # fmt: skip
def test_what_is_seen(way: str, view: Array, seen: list[object]) -> None:
    read = _READ[way](view)
    assert read is not None
    assert read.tolist() == seen


def test_planes_and_images_keep_the_strides_before_them() -> None:
    images, rows = _as_a_view(_FOUR, 0), _as_a_view(_FOUR, 2)
    for way, is_right in (("planes contiguous", True), ("images contiguous", True), ("contiguous", False)):
        read = _READ[way](images)
        assert read is not None
        assert np.array_equal(read, _FOUR) == is_right
    planes = _READ["planes contiguous"](rows)
    assert planes is not None
    assert planes[0, 0].tolist() == [[0, 1, 2, 3], [-1, -1, -1, -1], [4, 5, 6, 7]]


_WHATEVER_IT_IS = ("last axes exchanged", "one element off", "zeros")  # these misread every array


@pytest.mark.parametrize("way", [way for way in WAYS if way.key not in _WHATEVER_IT_IS], ids=lambda way: way.key)
def test_a_new_array_is_read_rightly(way: Way) -> None:
    read = way.read(_FOUR.copy())
    assert read is not None
    assert np.array_equal(read, _FOUR)


def test_what_lies_outside_of_the_memory_is_not_read() -> None:
    backwards = np.arange(6.0)[::-1]
    assert _READ["contiguous"](backwards) is None
    assert _READ["contiguous"](np.broadcast_to(np.arange(3.0), (2, 3))) is None
    assert _READ["contiguous"](np.zeros((0, 3))) is None
