"""Images as (H, W, C, N), MATLAB's way: forward and backward against loops over exactly those axes."""

from __future__ import annotations

import numpy as np
import pytest

from harness.contract.protocol import Array
from harness.nn.errors import NetworkError
from harness.nn.images_last import ImagesLast, filters_from_hwcf, filters_to_hwcf, from_hwcn, to_hwcn
from harness.nn.layers import AvgPool2D, Conv2D
from harness.nn.ops import reference
from harness.tests.helpers.nn.small import numbers

_STRIDE, _PAD = 2, 1


def _loops(x: Array, w: Array, b: Array, dy: Array) -> tuple[Array, Array, Array, Array]:
    """y, dx, dw, db of x (H, W, C, N), w (KH, KW, C, F), one product after the other."""
    (h, width, _, n), (kh, kw, _, f), (oh, ow) = x.shape, w.shape, dy.shape[:2]
    y, dx, dw = np.zeros((oh, ow, f, n)), np.zeros(x.shape), np.zeros(w.shape)
    for p, q, u, v in np.ndindex(oh, ow, kh, kw):
        i, j = p * _STRIDE - _PAD + u, q * _STRIDE - _PAD + v
        if 0 <= i < h and 0 <= j < width:
            y[p, q] += np.einsum("cn,cf->fn", x[i, j], w[u, v])
            dx[i, j] += np.einsum("fn,cf->cn", dy[p, q], w[u, v])
            dw[u, v] += np.einsum("cn,fn->cf", x[i, j], dy[p, q])
    return y + b[:, None], dx, dw, dy.sum(axis=(0, 1, 3))


@pytest.fixture
def layer() -> Conv2D:
    return Conv2D(3, 4, (3, 2), stride=_STRIDE, padding=_PAD, rng=np.random.default_rng(1))


def test_forward_and_backward_of_images_last_are_those_of_the_loops(layer: Conv2D) -> None:
    """Height and width differ, and a row is left over by the stride: its gradient is that of the padding's windows."""
    x, dy = numbers(6, 7, 3, 2), numbers(3, 4, 4, 2, seed=1)
    w, b = filters_to_hwcf(layer.parameters["w"]), layer.parameters["b"]
    y, back = ImagesLast(layer).forward(reference(), x)
    wanted_y, wanted_dx, wanted_dw, wanted_db = _loops(x, w, b, dy)
    assert y.shape == (3, 4, 4, 2)
    np.testing.assert_allclose(y, wanted_y, rtol=0, atol=1e-12)
    np.testing.assert_allclose(back.input_grad(dy), wanted_dx, rtol=0, atol=1e-12)
    found = back.parameter_grads(dy)
    np.testing.assert_allclose(filters_to_hwcf(found["w"]), wanted_dw, rtol=0, atol=1e-12)
    np.testing.assert_allclose(found["b"], wanted_db, rtol=0, atol=1e-12)
    assert found["b"].shape == b.shape == (4,)


def test_sizes_of_images_last_come_from_the_batch(layer: Conv2D) -> None:
    last = ImagesLast(layer)
    assert last.output_shape((6, 7, 3)) == (3, 4, 4)
    assert last.forward(reference(), np.zeros((9, 4, 3, 5)))[0].shape == (5, 3, 4, 5)
    assert last.parameter_count == 3 * 2 * 3 * 4 + 4


def test_the_conversions_undo_each_other() -> None:
    x = np.arange(120.0).reshape(2, 3, 4, 5)  # (H, W, C, N)
    assert from_hwcn(x)[4, 3, 1, 2] == x[1, 2, 3, 4]
    assert (to_hwcn(from_hwcn(x)) == x).all()
    assert (filters_to_hwcf(filters_from_hwcf(x)) == x).all()
    assert from_hwcn(x).flags.c_contiguous


def test_pooling_of_images_last() -> None:
    x = numbers(4, 6, 2, 3)
    y, back = ImagesLast(AvgPool2D(2)).forward(reference(), x)
    np.testing.assert_allclose(y[1, 2], x[2:4, 4:6].mean(axis=(0, 1)), atol=1e-14)
    assert back.input_grad(y).shape == x.shape


@pytest.mark.parametrize("shape", [(6, 7, 3), (2, 6, 7, 3, 1)])
def test_what_is_no_batch_of_images_is_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(NetworkError, match=r"\(H, W, C, N\), got"):
        from_hwcn(np.zeros(shape))
