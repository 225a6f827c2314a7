"""Every layer's gradients against differences of the loss, in float64."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from harness.contract import registry
from harness.contract.protocol import Array
from harness.nn.images_last import ImagesLast
from harness.nn.layers import AvgPool2D, Conv2D, Dense, Flatten, Layer, MaxPool2D, ReLU
from harness.nn.learning import softmax_cross_entropy
from harness.nn.network import Network
from harness.nn.networks import NETWORKS
from harness.nn.ops import reference
from harness.tests.helpers.nn.small import numbers, slopes

_RNG = np.random.default_rng(7)
_CLOSE = 1e-7  # central differences with steps of 1e-5 are off by the third derivative times 1e-10, and by 1e-16 / 1e-5
_LAYERS: dict[str, tuple[Callable[[], Layer], tuple[int, ...]]] = {
    "conv": (lambda: Conv2D(2, 3, (3, 2), rng=_RNG), (2, 2, 4, 5)),
    "conv, same, stride 2": (lambda: Conv2D(2, 3, (2, 3), stride=2, padding="same", rng=_RNG), (2, 2, 5, 4)),
    "conv, uneven padding": (lambda: Conv2D(1, 2, 3, stride=(2, 1), padding=(0, 1, 2, 0), rng=_RNG), (1, 1, 5, 4)),
    "conv, images last": (lambda: ImagesLast(Conv2D(2, 3, 2, padding=1, rng=_RNG)), (3, 4, 2, 2)),
    "average": (lambda: AvgPool2D(2), (2, 2, 4, 6)),
    "average, overlapping, padded": (lambda: AvgPool2D(3, stride=2, padding="same"), (1, 2, 5, 4)),
    "maximum": (lambda: MaxPool2D(2), (2, 2, 4, 6)),
    "maximum, overlapping, padded": (lambda: MaxPool2D((2, 3), stride=1, padding=(1, 0, 1, 1)), (1, 2, 4, 4)),
    "relu": (ReLU, (3, 7)),
    "flatten": (Flatten, (2, 3, 2, 2)),
    "dense": (lambda: Dense(5, 4, rng=_RNG), (3, 5)),
}


@pytest.mark.parametrize("name", _LAYERS)
def test_gradients_of_a_layer_are_the_slopes_of_the_loss(name: str) -> None:
    """The loss is a sum of the outputs with random weights, so dy is those weights."""
    make, shape = _LAYERS[name]
    layer, ops, x = make(), registry.load("numpy_fancy"), numbers(*shape, seed=3)
    y, back = layer.forward(ops, x)
    dy = numbers(*y.shape, seed=4)

    def of_input(at: Array) -> float:
        return float((layer.forward(ops, at)[0] * dy).sum())

    np.testing.assert_allclose(back.input_grad(dy), slopes(of_input, x), atol=_CLOSE)
    found = back.parameter_grads(dy)
    assert found.keys() == layer.parameters.keys()
    for parameter, value in list(layer.parameters.items()):

        def of_parameter(at: Array, parameter: str = parameter) -> float:
            layer.parameters[parameter] = at
            return of_input(x)

        np.testing.assert_allclose(found[parameter], slopes(of_parameter, value), atol=_CLOSE)
        layer.parameters[parameter] = value


def test_a_wrong_gradient_would_be_seen() -> None:
    """The kernel reversed, as of a true convolution."""
    layer, x = Conv2D(1, 2, 3, rng=np.random.default_rng(0)), numbers(1, 1, 4, 4)
    y, back = layer.forward(reference(), x)
    right = slopes(lambda at: float(layer.forward(reference(), at)[0].sum()), x)
    layer.parameters["w"] = layer.parameters["w"][:, :, ::-1, ::-1]
    _, reversed_back = layer.forward(reference(), x)
    dy = np.ones(y.shape)
    np.testing.assert_allclose(back.input_grad(dy), right, atol=_CLOSE)
    assert np.abs(reversed_back.input_grad(dy) - right).max() > 1e-3


def test_the_gradient_of_the_loss_is_its_slope() -> None:
    scores, labels = 3 * numbers(4, 5), np.array([0, 4, 2, 2])
    loss, gradient = softmax_cross_entropy(scores, labels)
    shares = np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True)
    np.testing.assert_allclose(loss, -np.log(shares[np.arange(4), labels]).mean(), rtol=1e-14)
    np.testing.assert_allclose(gradient, slopes(lambda at: softmax_cross_entropy(at, labels)[0], scores), atol=_CLOSE)


def test_gradients_of_a_network_are_the_slopes_of_its_loss() -> None:
    design = NETWORKS["small"]
    network = Network(design.layers(np.random.default_rng(1), "float64"), reference())
    x, labels = numbers(2, *design.image), np.array([3, 9])
    forward = network.forward(x)
    gradients = forward.backward(softmax_cross_entropy(forward.y, labels)[1])
    assert len(gradients) == len(network.layers)

    def loss() -> float:
        return softmax_cross_entropy(network.forward(x).y, labels)[0]

    for layer, found in zip(network.layers, gradients, strict=True):
        assert found.keys() == layer.parameters.keys()
        for name, value in layer.parameters.items():
            place = tuple(size // 2 for size in value.shape)
            sides = []
            for step in (1e-5, -1e-5):
                layer.parameters[name] = value.copy()
                layer.parameters[name][place] += step
                sides.append(loss())
            layer.parameters[name] = value
            np.testing.assert_allclose(found[name][place], (sides[0] - sides[1]) / 2e-5, atol=_CLOSE)
