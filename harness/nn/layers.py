"""Layers: each maps a batch to a batch, and gives for every forward call the way back of that very call.

`Back` holds the input and the weights that its forward call saw. So two forward calls do not disturb each other, and
weights that are updated in between do not change a gradient. Sizes come from the batch at hand, nothing is configured.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from harness.contract.protocol import Array
from harness.geometry.numbers import Pair, integer, pair
from harness.geometry.spec import ConvSpec, PaddingName, Shape
from harness.nn.errors import NetworkError
from harness.nn.ops import Ops

Gradients = dict[str, Array]
Padding = Pair | PaddingName


def _without_parameters(dy: Array) -> Gradients:
    return {}


@dataclass(frozen=True)
class Back:
    """From dy, the gradient of the loss by the output of one forward call, to those by its input and parameters."""

    input_grad: Callable[[Array], Array]
    parameter_grads: Callable[[Array], Gradients] = _without_parameters


class Layer(ABC):
    """`parameters` has the arrays that are learned, by name. An update puts new arrays there, and changes none."""

    def __init__(self) -> None:
        self.parameters: Gradients = {}

    @property
    def name(self) -> str:
        """In the summary."""
        return type(self).__name__

    @property
    def parameter_count(self) -> int:
        """How many numbers are learned."""
        return sum(a.size for a in self.parameters.values())

    @abstractmethod
    def forward(self, ops: Ops, x: Array) -> tuple[Array, Back]:
        """The output of a batch, and its way back. Raises `NetworkError` if x does not fit."""

    @abstractmethod
    def output_shape(self, shape: Shape) -> Shape:
        """Shape of the output for one image of `shape`. Raises `NetworkError` if that does not fit."""


class Conv2D(Layer):
    """(N, C, H, W) -> (N, F, OH, OW); weights w (F, C, KH, KW), bias b (F,).

    >>> from harness.nn.ops import reference
    >>> layer = Conv2D(3, 16, 3, padding="same", rng=np.random.default_rng(0))
    >>> layer.parameter_count, layer.output_shape((3, 32, 32))
    (448, (16, 32, 32))
    >>> layer.forward(reference(), np.zeros((1, 3, 6, 4)))[0].shape
    (1, 16, 6, 4)
    """

    def __init__(
        self, in_channels: int, filters: int, kernel_size: Pair, *, stride: Pair = 1, padding: Padding = "valid",
        rng: np.random.Generator, dtype: str = "float64",
    ) -> None:  # fmt: skip
        """Weights are drawn from `rng`. `padding` is as in `ConvSpec.of`; uneven "same" pads at the end."""
        super().__init__()
        self.kernel_size, self.stride, self.padding = pair("kernel_size", kernel_size), stride, padding
        self._channels = _positive("in_channels", in_channels), _positive("filters", filters)
        shape = (filters, in_channels, *self.kernel_size)
        self.parameters = _drawn(rng, shape, fan_in=in_channels * math.prod(self.kernel_size), dtype=dtype)

    def spec(self, shape: Shape) -> ConvSpec:
        """The geometry for x of this shape. Raises `NetworkError`, or `SpecError` if the kernel does not fit."""
        c, f = self._channels
        n = _images(self, shape, channels=c)
        return ConvSpec.of(
            batch=n, in_channels=c, input_size=shape[2:], out_channels=f, kernel_size=self.kernel_size,
            stride=self.stride, padding=self.padding,
        )  # fmt: skip

    def forward(self, ops: Ops, x: Array) -> tuple[Array, Back]:
        """See `Layer`."""
        spec, w, b = self.spec(x.shape), self.parameters["w"], self.parameters["b"]
        _require_dtype(self, x)

        def parameter_grads(dy: Array) -> Gradients:
            return {
                "w": ops.run("conv2d_weight_grad", spec, dy, x),
                "b": ops.run("conv2d_bias_grad", spec, dy),
            }

        back = Back(lambda dy: ops.run("conv2d_input_grad", spec, dy, w), parameter_grads)
        return ops.run("conv2d", spec, x, w, b), back

    def output_shape(self, shape: Shape) -> Shape:
        """See `Layer`."""
        return self.spec((1, *shape)).y_shape[1:]


class _Pool2D(Layer):
    """(N, C, H, W) -> (N, C, OH, OW)."""

    def __init__(self, kernel_size: Pair, *, stride: Pair | None = None, padding: Padding = "valid") -> None:
        """Windows lie side by side if `stride` is not given."""
        super().__init__()
        self.kernel_size = pair("kernel_size", kernel_size)
        self.stride, self.padding = self.kernel_size if stride is None else stride, padding

    def spec(self, shape: Shape) -> ConvSpec:
        """The geometry for x of this shape; the number of filters plays no part in it."""
        n = _images(self, shape)
        return ConvSpec.of(
            batch=n, in_channels=shape[1], input_size=shape[2:], out_channels=shape[1], kernel_size=self.kernel_size,
            stride=self.stride, padding=self.padding,
        )  # fmt: skip

    def output_shape(self, shape: Shape) -> Shape:
        """See `Layer`."""
        return self.spec((1, *shape)).pooled_shape[1:]


class MaxPool2D(_Pool2D):
    """The largest pixel of every window; its gradient goes to the first such pixel."""

    def forward(self, ops: Ops, x: Array) -> tuple[Array, Back]:
        """See `Layer`."""
        spec = self.spec(x.shape)
        return ops.run("max_pool2d", spec, x), Back(lambda dy: ops.run("max_pool2d_grad", spec, dy, x))


class AvgPool2D(_Pool2D):
    """The mean of every window, padding counted as zeros."""

    def forward(self, ops: Ops, x: Array) -> tuple[Array, Back]:
        """See `Layer`."""
        spec = self.spec(x.shape)
        return ops.run("avg_pool2d", spec, x), Back(lambda dy: ops.run("avg_pool2d_grad", spec, dy))


class ReLU(Layer):
    """max(x, 0), of any shape; the slope at 0 is 0."""

    def forward(self, ops: Ops, x: Array) -> tuple[Array, Back]:
        """See `Layer`."""
        return np.maximum(x, 0), Back(lambda dy: dy * (x > 0))

    def output_shape(self, shape: Shape) -> Shape:
        """See `Layer`."""
        return shape


class Flatten(Layer):
    """(N, ...) -> (N, numbers of an image)."""

    def forward(self, ops: Ops, x: Array) -> tuple[Array, Back]:
        """See `Layer`."""
        return x.reshape(x.shape[0], math.prod(x.shape[1:])), Back(lambda dy: dy.reshape(x.shape))

    def output_shape(self, shape: Shape) -> Shape:
        """See `Layer`."""
        return (math.prod(shape),)


class Dense(Layer):
    """(N, inputs) -> (N, outputs); weights w (outputs, inputs), bias b (outputs,). NumPy's product, on any backend."""

    def __init__(self, inputs: int, outputs: int, *, rng: np.random.Generator, dtype: str = "float64") -> None:
        super().__init__()
        shape = _positive("outputs", outputs), _positive("inputs", inputs)
        self.parameters = _drawn(rng, shape, fan_in=inputs, dtype=dtype)

    def forward(self, ops: Ops, x: Array) -> tuple[Array, Back]:
        """See `Layer`."""
        w, b = self.parameters["w"], self.parameters["b"]
        self.output_shape(x.shape[1:])
        _require_dtype(self, x)
        return x @ w.T + b, Back(lambda dy: dy @ w, lambda dy: {"w": dy.T @ x, "b": dy.sum(axis=0)})

    def output_shape(self, shape: Shape) -> Shape:
        """See `Layer`."""
        outputs, inputs = self.parameters["w"].shape
        if shape != (inputs,):
            raise NetworkError(f"Dense takes {inputs} numbers of every image, got shape {shape}")
        return (outputs,)


def _drawn(rng: np.random.Generator, shape: Shape, fan_in: int, dtype: str) -> Gradients:
    """w and b, even over +-1/sqrt(fan_in). A bias of 0 would put windows without ink exactly on the kink of ReLU."""
    limit = 1 / math.sqrt(fan_in)
    return {
        name: rng.uniform(-limit, limit, size).astype(dtype) for name, size in (("w", shape), ("b", shape[:1]))
    }  # fmt: skip


def _positive(name: str, value: object) -> int:
    number = integer(name, value)
    if number < 1:
        raise NetworkError(f"{name} must be at least 1, got {number}")
    return number


def _images(layer: Layer, shape: Shape, channels: int | None = None) -> int:
    """How many images a batch has. Raises `NetworkError` if it is none of (N, C, H, W)."""
    wanted = "C" if channels is None else channels
    if len(shape) != 4 or channels not in (None, shape[1]):
        raise NetworkError(f"{layer.name} takes images (N, {wanted}, H, W), got shape {shape}")
    return shape[0]


def _require_dtype(layer: Layer, x: Array) -> None:
    dtype = layer.parameters["w"].dtype
    if x.dtype != dtype:
        raise NetworkError(f"{layer.name} has weights in {dtype}, got a batch in {x.dtype}; convert one of them")
