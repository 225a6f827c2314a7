"""The images: which there are, how they are enlarged, and what is said where they are missing."""

from __future__ import annotations

import sys

import numpy as np
import pytest

from harness.nn.errors import NetworkError
from harness.nn.training import digits


def test_pixels_become_squares_in_a_frame() -> None:
    images = np.arange(128.0).reshape(2, 8, 8)
    large = digits.fitted(images, (1, 28, 28))
    assert large.shape == (2, 1, 28, 28)
    for i, j in ((0, 0), (3, 5), (7, 7)):
        square = large[1, 0, 2 + 3 * i : 5 + 3 * i, 2 + 3 * j : 5 + 3 * j]
        assert (square == images[1, i, j]).all()
    assert large.sum() == 9 * images.sum()
    assert (digits.fitted(images, (1, 8, 8))[:, 0] == images).all()


def test_another_size_is_refused() -> None:
    with pytest.raises(NetworkError, match=r"not as \(3, 32, 32\)"):
        digits.fitted(np.zeros((1, 8, 8)), (3, 32, 32))


def test_images_of_mnists_size_are_random_and_repeatable() -> None:
    x, labels = digits.like_mnist(5, 3)
    assert (x.shape, x.dtype, labels.shape) == ((5, 1, 28, 28), np.dtype("float32"), (5,))
    assert (digits.like_mnist(5, 3)[0] == x).all()
    assert (digits.like_mnist(5, 4)[0] != x).any()


def test_a_missing_package_is_told_with_what_to_type(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sklearn.datasets", None)
    with pytest.raises(digits.DigitsMissing, match=r"scikit-learn, which is not installed: pip install '.*\[train\]'"):
        digits.load((1, 8, 8), 0)


def test_four_fifths_are_to_learn_from() -> None:
    pytest.importorskip("sklearn", reason="sklearn is not installed")
    found = digits.load((1, 8, 8), 0)
    assert (found.x.shape, found.test_x.shape) == ((1438, 1, 8, 8), (359, 1, 8, 8))
    assert (found.x.min(), found.x.max(), found.x.dtype) == (0.0, 1.0, np.dtype("float64"))
    assert set(found.labels) == set(found.test_labels) == set(range(10))
    few = found.first(30, 10)
    assert (len(few.x), len(few.labels), len(few.test_x), len(few.test_labels)) == (30, 30, 10, 10)
    assert (digits.load((1, 8, 8), 1).labels != found.labels).any()
