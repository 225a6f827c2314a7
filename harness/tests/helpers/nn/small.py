"""Small data for layers, and the numerical gradient that their own is held against."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from harness.contract.protocol import Array
from harness.nn.networks import Design
from harness.nn.training.digits import Images
from harness.nn.training.run import Plan


def numbers(*shape: int, seed: int = 0) -> Array:
    """Real numbers of about 1."""
    return np.random.default_rng(seed).standard_normal(shape)


def slopes(value: Callable[[Array], float], at: Array, step: float = 1e-5) -> Array:
    """The gradient of a function of an array, by central differences in float64."""
    found = np.zeros(at.shape)
    for place in np.ndindex(at.shape):
        moved = [at.copy(), at.copy()]
        for one, sign in zip(moved, (1, -1), strict=True):
            one[place] += sign * step
        found[place] = (value(moved[0]) - value(moved[1])) / (2 * step)
    return found


def blobs(count: int, size: int = 8, seed: int = 0) -> Images:
    """Images (count, 1, size, size) of two classes that differ in where they are bright; half as many for the test."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 2, count + count // 2)
    x = rng.random((len(labels), 1, size, size))
    x[labels == 1, :, : size // 2] += 0.5
    return Images(x[:count], labels[:count], x[count:], labels[count:])


def plan(design: Design, epochs: int = 2, batch: int = 8, seed: int = 0) -> Plan:
    """As `harness train` has it, for few images."""
    return Plan(design, epochs, batch, rate=0.05, momentum=0.9, seed=seed)
