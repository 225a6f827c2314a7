"""A network: layers one after another on one backend, its summary, and the gradients of one forward call."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from harness.contract.protocol import Array
from harness.geometry.spec import Shape
from harness.nn.layers import Back, Gradients, Layer
from harness.nn.ops import Ops


@dataclass(frozen=True)
class Pass:
    """What came of one forward call; its gradients belong to it, whatever is called in between."""

    y: Array
    ways_back: Sequence[Back]

    def backward(self, dy: Array) -> list[Gradients]:
        """From the gradient of the loss by y to those by the parameters of every layer, in the order of the layers.

        The gradient by the images themselves is left out: nobody learns from it.
        """
        found: list[Gradients] = []
        for number, back in reversed(list(enumerate(self.ways_back))):
            found.append(back.parameter_grads(dy))
            if number:
                dy = back.input_grad(dy)
        return found[::-1]


class Network:
    """Layers in order, and the backend that they run on."""

    def __init__(self, layers: Sequence[Layer], ops: Ops) -> None:
        self.layers, self.ops = list(layers), ops

    def forward(self, x: Array) -> Pass:
        """x (N, ...) through all layers. Raises `NetworkError`, and what the backend raises as `OpFailed`."""
        ways_back = []
        for layer in self.layers:
            x, back = layer.forward(self.ops, x)
            ways_back.append(back)
        return Pass(x, ways_back)

    def predict(self, x: Array, batch: int = 64) -> Array:
        """(N,): for every image the place of its largest score."""
        parts = [self.forward(x[start : start + batch]).y.argmax(axis=1) for start in range(0, len(x), batch)]
        return np.concatenate(parts) if parts else np.zeros(0, np.intp)

    @property
    def parameter_count(self) -> int:
        """How many numbers are learned."""
        return sum(layer.parameter_count for layer in self.layers)


def summary(layers: Sequence[Layer], shape: Shape) -> str:
    """Layer, output shape and parameters, a line each, for images of `shape`. Raises `NetworkError` if one fails.

    >>> from harness.nn.layers import Conv2D, Flatten
    >>> layers = [Conv2D(3, 16, 3, padding="same", rng=np.random.default_rng(0)), Flatten()]
    >>> print(summary(layers, (3, 32, 32)))
    layer    output shape  parameters
    input    (3, 32, 32)
    Conv2D   (16, 32, 32)         448
    Flatten  (16384,)               0
    total                         448
    """
    lines = [("layer", "output shape", "parameters"), ("input", str(shape), "")]
    for layer in layers:
        shape = layer.output_shape(shape)
        lines.append((layer.name, str(shape), f"{layer.parameter_count:,}"))
    lines.append(("total", "", f"{sum(layer.parameter_count for layer in layers):,}"))
    first, second, third = (max(map(len, column)) for column in zip(*lines, strict=True))
    return "\n".join(f"{a:<{first}}  {b:<{second}}  {c:>{third}}".rstrip() for a, b, c in lines)
