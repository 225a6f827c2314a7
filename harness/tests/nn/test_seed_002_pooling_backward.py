"""Backward through pooling: where the gradient of a maximum and of a mean goes."""

from __future__ import annotations

import numpy as np
import pytest

from harness.contract import registry
from harness.nn.images_last import ImagesLast
from harness.nn.layers import AvgPool2D, MaxPool2D
from harness.nn.ops import Ops, reference
from harness.tests.helpers.nn.small import numbers


@pytest.fixture(params=["oracle", "numpy_fancy", "naive_loops"])
def ops(request: pytest.FixtureRequest) -> Ops:
    return reference() if request.param == "oracle" else registry.load(request.param)


def test_the_gradient_of_a_maximum_goes_to_its_pixel_in_every_channel_and_image(ops: Ops) -> None:
    x, dy = numbers(2, 3, 4, 6), numbers(2, 3, 2, 3, seed=1)
    y, back = MaxPool2D(2).forward(ops, x)
    dx = back.input_grad(dy)
    for n, c, p, q in np.ndindex(dy.shape):
        window = (n, c, slice(2 * p, 2 * p + 2), slice(2 * q, 2 * q + 2))
        assert y[n, c, p, q] == x[window].max()
        assert (dx[window] == np.where(x[window] == x[window].max(), dy[n, c, p, q], 0)).all()


def test_overlapping_maxima_add_up(ops: Ops) -> None:
    x = np.zeros((1, 1, 3, 3))
    x[0, 0, 1, 1] = 5.0  # the maximum of all four windows
    _, back = MaxPool2D(2, stride=1).forward(ops, x)
    dx = back.input_grad(np.array([[[[1.0, 2.0], [3.0, 4.0]]]]))
    assert dx[0, 0, 1, 1] == 10.0
    assert dx.sum() == 10.0


def test_of_equal_pixels_the_first_gets_all(ops: Ops) -> None:
    _, back = MaxPool2D((1, 2)).forward(ops, np.full((1, 1, 1, 2), 2.0))
    assert back.input_grad(np.ones((1, 1, 1, 1))).tolist() == [[[[1.0, 0.0]]]]


def test_no_gradient_is_lost_into_the_padding(ops: Ops) -> None:
    """All pixels are negative: a padding of zeros would be the maximum."""
    x = -1.0 - np.arange(4.0).reshape(1, 1, 2, 2)
    y, back = MaxPool2D(2, padding=1).forward(ops, x)
    assert (y == x).all()
    assert (back.input_grad(np.ones((1, 1, 2, 2))) == 1).all()


def test_a_mean_gives_every_tap_its_part_and_mixes_no_images_or_channels(ops: Ops) -> None:
    x, dy = numbers(2, 3, 4, 4), numbers(2, 3, 2, 2, seed=1)
    y, back = AvgPool2D(2).forward(ops, x)
    np.testing.assert_allclose(y, x.reshape(2, 3, 2, 2, 2, 2).mean(axis=(3, 5)), atol=1e-15)
    np.testing.assert_allclose(back.input_grad(dy), dy.repeat(2, axis=2).repeat(2, axis=3) / 4, atol=1e-15)


def test_pooling_backward_of_images_last(ops: Ops) -> None:
    """x (H, W, D, N): the gradient goes to the place of the maximum along the same axes."""
    x = numbers(4, 6, 3, 2)
    _, back = ImagesLast(MaxPool2D(2)).forward(ops, x)
    dx = back.input_grad(np.ones((2, 3, 3, 2)))
    windows = x.reshape(2, 2, 3, 2, 3, 2)
    assert (dx == (x == windows.max(axis=(1, 3), keepdims=True).repeat(2, 1).repeat(2, 3).reshape(x.shape))).all()


def test_a_rest_that_fills_no_window_gets_no_gradient(ops: Ops) -> None:
    _, back = MaxPool2D(2).forward(ops, numbers(1, 1, 5, 5))
    dx = back.input_grad(np.ones((1, 1, 2, 2)))
    assert dx.shape == (1, 1, 5, 5)
    assert not dx[..., 4, :].any()
    assert not dx[..., 4].any()
