"""The layer Conv2D: its parameters, its shapes, and gradients that belong to one forward call."""

from __future__ import annotations

import numpy as np
import pytest

from harness.contract import registry
from harness.nn.errors import NetworkError
from harness.nn.layers import Conv2D, Padding
from harness.nn.learning import SGD
from harness.nn.network import summary
from harness.nn.ops import Ops, reference
from harness.tests.helpers.nn.small import numbers


def _layer(padding: Padding = "same", stride: int = 1) -> Conv2D:
    return Conv2D(3, 16, (3, 3), padding=padding, stride=stride, rng=np.random.default_rng(0))


@pytest.mark.parametrize(
    ("padding", "stride", "shape"),
    [("same", 1, (16, 32, 32)), ("valid", 1, (16, 30, 30)), ("valid", 2, (16, 15, 15))],
)
def test_sixteen_filters_of_3x3_have_448_parameters(padding: Padding, stride: int, shape: tuple[int, ...]) -> None:
    layer = _layer(padding, stride)
    assert layer.parameter_count == 448
    assert layer.output_shape((3, 32, 32)) == shape
    y, _ = layer.forward(reference(), np.zeros((1, 3, 32, 32)))
    assert y.shape == (1, *shape)


def test_the_summary_has_layer_shape_and_parameters() -> None:
    assert summary([_layer(), Conv2D(16, 2, 1, rng=np.random.default_rng(0))], (3, 32, 32)).splitlines() == [
        "layer   output shape  parameters",
        "input   (3, 32, 32)",
        "Conv2D  (16, 32, 32)         448",
        "Conv2D  (2, 32, 32)           34",
        "total                        482",
    ]


def test_the_output_has_the_size_of_the_batch_and_not_of_another() -> None:
    layer = _layer()
    assert layer.output_shape((3, 4, 6)) == (16, 4, 6)
    for size in ((4, 6), (6, 4), (1, 9)):
        y, back = layer.forward(reference(), numbers(2, 3, *size))
        assert y.shape == (2, 16, *size)
        assert back.input_grad(y).shape == (2, 3, *size)


@pytest.mark.parametrize(
    ("kernel", "stride", "pads"),
    [((3, 3), 1, (1, 1, 1, 1)), ((2, 4), 1, (0, 1, 1, 2)), ((3, 3), 2, (0, 1, 0, 1)), ((1, 1), 2, (0, 0, 0, 0))],
)
def test_same_pads_as_much_as_the_stride_leaves(
    kernel: tuple[int, int], stride: int, pads: tuple[int, int, int, int]
) -> None:
    layer = Conv2D(1, 2, kernel, padding="same", stride=stride, rng=np.random.default_rng(0))
    spec = layer.spec((5, 1, 8, 6))
    assert spec.padding == pads
    assert spec.output_size == (-(-8 // stride), -(-6 // stride))


@pytest.mark.parametrize("name", ["numpy_fancy", "matlab_loop", "naive_loops"])
def test_every_backend_gives_the_same(name: str) -> None:
    layer, x = Conv2D(2, 3, (3, 2), padding="same", stride=2, rng=np.random.default_rng(2)), numbers(2, 2, 5, 6)
    results = []
    for ops in (reference(), registry.load(name)):
        y, back = layer.forward(ops, x)
        dy = numbers(*y.shape, seed=1)
        found = back.parameter_grads(dy)
        results.append((y, back.input_grad(dy), found["w"], found["b"]))
    for expected, got in zip(*results, strict=True):
        np.testing.assert_allclose(got, expected, rtol=0, atol=1e-13)


def test_the_gradient_of_the_bias_has_its_shape() -> None:
    layer = _layer()
    y, back = layer.forward(reference(), numbers(2, 3, 4, 4))
    assert back.parameter_grads(y)["b"].shape == layer.parameters["b"].shape == (16,)


@pytest.fixture
def ops() -> Ops:
    return registry.load("numpy_fancy")


def test_a_gradient_belongs_to_its_forward_call(ops: Ops) -> None:
    """Forward of a, forward of b, backward of a: nothing of b is in it, not even with another size."""
    layer, a, dy = _layer(), numbers(1, 3, 5, 5), numbers(1, 16, 5, 5, seed=1)
    _, alone = layer.forward(ops, a)
    wanted_dx, wanted = alone.input_grad(dy), alone.parameter_grads(dy)
    _, back = layer.forward(ops, a)
    layer.forward(ops, numbers(4, 3, 6, 7, seed=2))
    assert (back.input_grad(dy) == wanted_dx).all()
    assert all((back.parameter_grads(dy)[name] == wanted[name]).all() for name in wanted)


def test_a_gradient_does_not_see_updated_weights(ops: Ops) -> None:
    """The update comes before dx is asked for: dx is that of the weights that made y. Twice asked, twice the same."""
    layer, x, dy = _layer(), numbers(1, 3, 5, 5), numbers(1, 16, 5, 5, seed=1)
    _, back = layer.forward(ops, x)
    wanted, before = back.input_grad(dy), layer.parameters["w"].copy()
    SGD([layer], rate=0.5).step([back.parameter_grads(dy)])
    assert (layer.parameters["w"] != before).any()
    assert (back.input_grad(dy) == wanted).all()
    assert (layer.forward(ops, x)[1].input_grad(dy) != wanted).any()


@pytest.mark.parametrize(
    ("x", "words"),
    [
        (np.zeros((1, 4, 8, 8)), r"takes images \(N, 3, H, W\), got shape \(1, 4, 8, 8\)"),
        (np.zeros((3, 8, 8)), r"got shape \(3, 8, 8\)"),
        (np.zeros((1, 3, 8, 8), np.float32), "weights in float64, got a batch in float32"),
        (np.zeros((1, 3, 8, 8), np.uint8), "got a batch in uint8"),
    ],
)
def test_a_batch_that_does_not_fit_is_refused(ops: Ops, x: np.ndarray, words: str) -> None:
    with pytest.raises(NetworkError, match=words):
        _layer().forward(ops, x)


@pytest.mark.parametrize(("channels", "filters"), [(0, 4), (3, 0), (3, -1)])
def test_a_layer_without_filters_or_channels_is_refused(channels: int, filters: int) -> None:
    with pytest.raises(NetworkError, match="must be at least 1"):
        Conv2D(channels, filters, 3, rng=np.random.default_rng(0))


def test_an_empty_batch_has_empty_results(ops: Ops) -> None:
    y, back = _layer().forward(ops, np.zeros((0, 3, 8, 8)))
    assert y.shape == (0, 16, 8, 8)
    assert back.input_grad(y).shape == (0, 3, 8, 8)
    assert not back.parameter_grads(y)["w"].any()
