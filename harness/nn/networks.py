"""The networks that `harness train` knows."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from harness.geometry.spec import Shape
from harness.nn.layers import AvgPool2D, Conv2D, Dense, Flatten, Layer, MaxPool2D, ReLU

CLASSES = 10


@dataclass(frozen=True)
class Design:
    """A network before it has weights: the shape (C, H, W) of its images, and its layers with weights from `rng`."""

    name: str
    image: Shape
    layers: Callable[[np.random.Generator, str], list[Layer]]


def _small(rng: np.random.Generator, dtype: str) -> list[Layer]:
    """For digits of 8x8 pixels; the windows of the mean overlap."""
    return [
        Conv2D(1, 8, 3, padding="same", rng=rng, dtype=dtype), ReLU(), MaxPool2D(2),
        Conv2D(8, 16, 3, padding="same", rng=rng, dtype=dtype), ReLU(), AvgPool2D(2, stride=1),
        Flatten(), Dense(144, CLASSES, rng=rng, dtype=dtype),
    ]  # fmt: skip


def _lenet5(rng: np.random.Generator, dtype: str) -> list[Layer]:
    """LeNet-5 with average pooling, as CNNumpy has it; ReLU in place of tanh."""
    return [
        Conv2D(1, 6, 5, padding="same", rng=rng, dtype=dtype), ReLU(), AvgPool2D(2),
        Conv2D(6, 16, 5, rng=rng, dtype=dtype), ReLU(), AvgPool2D(2),
        Flatten(), Dense(400, 120, rng=rng, dtype=dtype), ReLU(),
        Dense(120, 84, rng=rng, dtype=dtype), ReLU(), Dense(84, CLASSES, rng=rng, dtype=dtype),
    ]  # fmt: skip


_ALL = (Design("small", (1, 8, 8), _small), Design("lenet5", (1, 28, 28), _lenet5))
NETWORKS = {design.name: design for design in _ALL}
