"""Images to learn from: scikit-learn's 1,797 handwritten digits, and random ones of MNIST's size.

The digits lie in the package scikit-learn, so nothing is fetched. They are 8x8 pixels of 0 to 16; for a network of
28x28 every pixel becomes 3x3, in a frame of 2 zeros.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from harness.contract.protocol import Array
from harness.geometry.spec import Shape
from harness.nn.errors import NetworkError
from harness.nn.networks import CLASSES

_LARGEST = 16.0  # of a pixel
_TEST_SHARE = 5  # every fifth image is kept for the test
_ENLARGED, _FRAME = 3, 2
MNIST_IMAGES = 60_000


class DigitsMissing(ImportError):
    """The package that the digits lie in is not installed; the text says what to type."""


@dataclass(frozen=True)
class Images:
    """Images (N, C, H, W) in 0 to 1 with their labels (N,), to learn from and to be tested on."""

    x: Array
    labels: Array
    test_x: Array
    test_labels: Array

    def first(self, count: int, tested: int) -> Images:
        """The first so many of either."""
        return Images(self.x[:count], self.labels[:count], self.test_x[:tested], self.test_labels[:tested])


def load(image: Shape, seed: int) -> Images:
    """The digits for images of this shape, in an order drawn from `seed`, four fifths to learn from; float64.

    Raises `DigitsMissing`, or `NetworkError` for a shape that they do not come in.
    """
    try:
        from sklearn.datasets import load_digits
    except ImportError as error:
        raise DigitsMissing(
            "the digits are in the package scikit-learn, which is not installed: pip install 'im2col-harness[train]'"
        ) from error
    found = load_digits()
    pixels = fitted(np.asarray(found.images, np.float64) / _LARGEST, image)
    order = np.random.default_rng([seed, 0]).permutation(len(pixels))
    tested = len(order) // _TEST_SHARE
    labels = np.asarray(found.target, np.intp)
    kept, test = order[tested:], order[:tested]
    return Images(pixels[kept], labels[kept], pixels[test], labels[test])


def fitted(images: Array, image: Shape) -> Array:
    """(N, 8, 8) -> (N, 1, 8, 8) or (N, 1, 28, 28).

    >>> fitted(np.ones((2, 8, 8)), (1, 28, 28)).sum()
    np.float64(1152.0)
    """
    if image == (1, 8, 8):
        return images[:, None].copy()
    if image != (1, 28, 28):
        raise NetworkError(f"digits come as (1, 8, 8) or (1, 28, 28), not as {image}")
    large = images.repeat(_ENLARGED, axis=1).repeat(_ENLARGED, axis=2)
    return np.pad(large, ((0, 0), (_FRAME, _FRAME), (_FRAME, _FRAME)))[:, None]


def like_mnist(count: int, seed: int, dtype: str = "float32") -> tuple[Array, Array]:
    """Random images (count, 1, 28, 28) in 0 to 1 and labels (count,): for times, nothing is to be learned from them."""
    rng = np.random.default_rng([seed, 1])
    return rng.random((count, 1, 28, 28)).astype(dtype), rng.integers(0, CLASSES, count)
