"""The network of the columns that lie as one matrix (C*KH*KW, N*L), and that it learns to read digits."""

from __future__ import annotations

import numpy as np
import pytest

from harness.contract import registry
from harness.contract.protocol import Array
from harness.geometry.spec import ConvSpec
from harness.nn.layers import AvgPool2D, Conv2D
from harness.nn.network import summary
from harness.nn.networks import NETWORKS
from harness.nn.ops import reference
from harness.nn.training import digits
from harness.nn.training.run import Plan, follow
from harness.tests.helpers.nn.small import numbers


def _matrix(x: Array, spec: ConvSpec) -> Array:
    """(C*KH*KW, N*L): the columns of one image after those of another."""
    return np.concatenate(list(reference().run("im2col", spec, x)), axis=-1)


def test_a_matrix_of_all_images_gives_what_the_layer_gives() -> None:
    """Two images of 3x4x4 and two kernels of 3x2x2; forward, and all gradients."""
    layer, x = Conv2D(3, 2, 2, rng=np.random.default_rng(0)), numbers(2, 3, 4, 4)
    spec, w, b = layer.spec(x.shape), layer.parameters["w"], layer.parameters["b"]
    columns, w_row = _matrix(x, spec), layer.parameters["w"].reshape(2, 12)
    y, back = layer.forward(registry.load("numpy_fancy"), x)
    out = w_row @ columns + b[:, None]
    np.testing.assert_allclose(np.array(np.hsplit(out, 2)).reshape(2, 2, 3, 3), y, atol=1e-14)

    dy = numbers(*y.shape, seed=1)
    rows = np.concatenate(list(dy.reshape(2, 2, 9)), axis=-1)  # (F, N*L)
    found = back.parameter_grads(dy)
    np.testing.assert_allclose((rows @ columns.T).reshape(w.shape), found["w"], atol=1e-13)
    np.testing.assert_allclose(dy.sum(axis=(0, 2, 3)), found["b"], atol=1e-14)
    dx = reference().run("col2im", spec, np.array(np.hsplit(w_row.T @ rows, 2)))
    np.testing.assert_allclose(dx, back.input_grad(dy), atol=1e-13)


def test_means_of_several_images_and_channels_are_not_exchanged() -> None:
    x = numbers(2, 3, 4, 4)
    y, back = AvgPool2D(2, stride=2).forward(registry.load("numpy_fancy"), x)
    for n, c, p, q in np.ndindex(2, 3, 2, 2):
        np.testing.assert_allclose(y[n, c, p, q], x[n, c, 2 * p : 2 * p + 2, 2 * q : 2 * q + 2].mean(), atol=1e-15)
    dy = np.arange(24.0).reshape(2, 3, 2, 2)
    assert (back.input_grad(dy)[:, :, ::2, ::2] == dy / 4).all()


def test_lenet5_is_as_published() -> None:
    layers = NETWORKS["lenet5"].layers(np.random.default_rng(0), "float64")
    lines = [line.split(maxsplit=1) for line in summary(layers, (1, 28, 28)).splitlines()]
    shapes = [rest.rpartition(")")[0] + ")" for name, rest in lines if name in ("Conv2D", "AvgPool2D", "Dense")]
    assert shapes == ["(6, 28, 28)", "(6, 14, 14)", "(16, 10, 10)", "(16, 5, 5)", "(120,)", "(84,)", "(10,)"]
    assert lines[-1] == ["total", "61,706"]


@pytest.mark.parametrize("name", NETWORKS)
def test_a_network_takes_the_images_that_it_is_made_for(name: str) -> None:
    design = NETWORKS[name]
    network = Plan(design, epochs=1, batch=1, rate=0.1, momentum=0.0, seed=0).network(reference())
    assert network.forward(np.zeros((2, *design.image))).y.shape == (2, 10)
    assert network.predict(np.zeros((3, *design.image)), batch=2).shape == (3,)
    assert network.predict(np.zeros((0, *design.image))).shape == (0,)


def test_training_reaches_97_per_cent() -> None:
    """On handwritten digits that the network has not seen."""
    pytest.importorskip("sklearn", reason="sklearn is not installed")
    plan = Plan(NETWORKS["small"], epochs=20, batch=32, rate=0.1, momentum=0.9, seed=0)
    images = digits.load(plan.design.image, plan.seed)
    *_, trained = follow(plan, images, reference())
    assert len(trained.losses) == plan.steps(len(images.x)) == 20 * 45
    found = trained.network.predict(images.test_x)
    assert (found == images.test_labels).mean() >= 0.97
