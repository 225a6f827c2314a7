"""The loss, and how parameters follow its gradient."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from harness.contract.protocol import Array
from harness.nn.errors import NetworkError
from harness.nn.layers import Gradients, Layer


def softmax_cross_entropy(scores: Array, labels: Array) -> tuple[float, Array]:
    """The mean of -log(share of the right class), and its gradient by the scores (N, classes); labels (N,) are places.

    >>> loss, gradient = softmax_cross_entropy(np.zeros((1, 2)), np.array([0]))
    >>> round(loss, 4), gradient
    (0.6931, array([[-0.5,  0.5]]))
    """
    if scores.ndim != 2 or labels.shape != scores.shape[:1]:
        raise NetworkError(f"a loss takes scores (N, classes) and labels (N,), got {scores.shape} and {labels.shape}")
    lowered = scores - scores.max(axis=1, keepdims=True)  # the largest is 0: exp cannot overflow
    shares = np.exp(lowered)
    sums = shares.sum(axis=1, keepdims=True)
    place = np.arange(len(labels))
    loss = float((np.log(sums[:, 0]) - lowered[place, labels]).mean())
    gradient = shares / sums
    gradient[place, labels] -= 1
    return loss, gradient / len(labels)


class SGD:
    """Stochastic gradient descent with momentum: v = momentum * v - rate * gradient, then parameter + v.

    `rate` may be changed between steps.
    """

    def __init__(self, layers: Sequence[Layer], rate: float, momentum: float = 0.0) -> None:
        self._layers, self.rate, self._momentum = layers, rate, momentum
        self._velocities = [{name: np.zeros_like(a) for name, a in layer.parameters.items()} for layer in layers]

    def step(self, gradients: Sequence[Gradients]) -> None:
        """One update, from the gradients of every layer. Raises `NetworkError` if one has another shape.

        Parameters become new arrays: a `Back` that still holds the old ones is not changed.
        """
        for layer, velocity, found in zip(self._layers, self._velocities, gradients, strict=True):
            for name, parameter in layer.parameters.items():
                if found[name].shape != parameter.shape:
                    raise NetworkError(
                        f"the gradient of {name} of {layer.name} must have shape {parameter.shape}, got "
                        f"{found[name].shape}"
                    )
                velocity[name] = self._momentum * velocity[name] - self.rate * found[name]
                layer.parameters[name] = parameter + velocity[name]
