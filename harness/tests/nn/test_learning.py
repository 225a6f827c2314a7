"""The update and the loss, and what does not fit together."""

from __future__ import annotations

import numpy as np
import pytest

from harness.nn.errors import NetworkError
from harness.nn.layers import Dense, Flatten
from harness.nn.learning import SGD, softmax_cross_entropy
from harness.nn.network import Network, summary
from harness.nn.ops import reference


def _dense(inputs: int = 2, outputs: int = 3) -> Dense:
    return Dense(inputs, outputs, rng=np.random.default_rng(0))


def test_momentum_keeps_a_part_of_the_last_step() -> None:
    layer = _dense()
    layer.parameters = {"w": np.zeros((3, 2)), "b": np.zeros(3)}
    sgd = SGD([layer], rate=0.5, momentum=0.5)
    ones = [{"w": np.ones((3, 2)), "b": np.zeros(3)}]
    for weight in (-0.5, -1.25, -2.125):  # steps of -0.5, -0.75, -0.875
        sgd.step(ones)
        assert (layer.parameters["w"] == weight).all()
    assert not layer.parameters["b"].any()


def test_an_update_makes_new_arrays() -> None:
    layer = _dense()
    held, before = layer.parameters["w"], layer.parameters["w"].copy()
    SGD([layer], rate=0.5).step([{"w": np.ones((3, 2)), "b": np.ones(3)}])
    assert (held == before).all()
    assert layer.parameters["w"] is not held


@pytest.mark.parametrize("shape", [(3, 1), (1, 3), (1,), (1, 1, 3)])
def test_a_gradient_that_would_broadcast_is_refused(shape: tuple[int, ...]) -> None:
    layer = _dense()
    with pytest.raises(NetworkError, match=r"gradient of b of Dense must have shape \(3,\), got"):
        SGD([layer], rate=0.5).step([{"w": np.ones((3, 2)), "b": np.ones(shape)}])


def test_large_scores_do_not_overflow() -> None:
    with np.errstate(over="raise", invalid="raise", divide="raise"):
        loss, gradient = softmax_cross_entropy(np.array([[1e4, 0.0]]), np.array([1]))
    assert loss == 1e4
    assert gradient.tolist() == [[1.0, -1.0]]


@pytest.mark.parametrize(("scores", "labels"), [((3,), (3,)), ((3, 2), (2,)), ((3, 2), (3, 1))])
def test_labels_that_do_not_fit_are_refused(scores: tuple[int, ...], labels: tuple[int, ...]) -> None:
    with pytest.raises(NetworkError, match="a loss takes scores"):
        softmax_cross_entropy(np.zeros(scores), np.zeros(labels, int))


def test_layers_that_do_not_fit_are_refused() -> None:
    layers = [Flatten(), _dense(inputs=5)]
    with pytest.raises(NetworkError, match=r"Dense takes 5 numbers of every image, got shape \(4,\)"):
        Network(layers, reference()).forward(np.zeros((1, 2, 2)))
    with pytest.raises(NetworkError, match="Dense takes 5"):
        summary(layers, (2, 2))


def test_a_network_counts_its_parameters() -> None:
    assert Network([Flatten(), _dense(4, 3), _dense(3, 2)], reference()).parameter_count == 15 + 8
