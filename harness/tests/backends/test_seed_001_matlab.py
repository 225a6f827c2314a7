"""Seed 001, the book of L. Araujo dos Santos: its sizes and its small example, and what its loops in MATLAB got wrong.

Arrays are (H, W, C, N) as there; at the door of a backend they are turned. Every value comes from the definition or
was counted by hand.
"""

from __future__ import annotations

import math
import shutil
from typing import Any

import numpy as np
import pytest

from harness import CompleteBackend
from harness.calls.limits.threads import thread_limit
from harness.contract import registry
from harness.geometry.spec import OPS, ConvSpec, Op
from harness.oracle import by_taps, data

_SMALL = ConvSpec.of(batch=1, in_channels=1, input_size=3, out_channels=1, kernel_size=2)
_ALEXNET = ConvSpec.of(batch=1, in_channels=3, input_size=227, out_channels=96, kernel_size=11, stride=4)
_GRAPH = ConvSpec.of(batch=1, in_channels=3, input_size=4, out_channels=1, kernel_size=2)


@pytest.fixture(params=["matlab_loop", "octave_loop"])
def backend(request: pytest.FixtureRequest) -> CompleteBackend:
    if request.param == "octave_loop" and shutil.which("octave-cli") is None:
        pytest.skip("octave-cli is not on PATH")
    return registry.load(request.param)


def hwcn(*shape: int, start: int = 1) -> np.ndarray:
    """start, start + 1, .. down the columns: what MATLAB makes of reshape(start:.., shape)."""
    return np.arange(start, start + np.prod(shape), dtype="float64").reshape(shape, order="F")


def to_contract(a: np.ndarray) -> np.ndarray:
    """(H, W, C, N) -> (N, C, H, W); a bias is a bias."""
    return a.transpose(3, 2, 0, 1) if a.ndim == 4 else a


def to_matlab(a: np.ndarray) -> np.ndarray:
    """(N, C, H, W) -> (H, W, C, N); a bias is a bias."""
    return a.transpose(2, 3, 1, 0) if a.ndim == 4 else a


def image(rows: Any) -> np.ndarray:
    """One image of one channel."""
    return np.array(rows, dtype="float64")[None, None]


# -- sizes -------------------------------------------------------------------------------------------------------------


def test_seed_001_sizes_of_the_columns() -> None:
    assert _ALEXNET.output_size == (55, 55)
    assert _ALEXNET.columns_shape[1:] == (363, 3025)
    filters, *taps = _ALEXNET.w_shape
    assert (filters, math.prod(taps)) == (96, 363)
    assert _ALEXNET.y_shape[1:] == (96, 55, 55)
    assert (_GRAPH.columns_shape[1:], _GRAPH.y_shape) == ((12, 9), (1, 1, 3, 3))


def test_seed_001_the_large_layer_as_one_product(backend: CompleteBackend) -> None:
    x, w, b = data.exact("conv2d", _ALEXNET, "float32", "seed 001")
    columns = backend.run("im2col", _ALEXNET, x)
    product = w.reshape(96, 363) @ columns[0] + b[:, None]
    assert product.shape == (96, 3025)
    np.testing.assert_array_equal(backend.run("conv2d", _ALEXNET, x, w, b), product.reshape(1, 96, 55, 55))
    np.testing.assert_array_equal(product.reshape(1, 96, 55, 55), by_taps.run("conv2d", _ALEXNET, x, w, b))


def test_seed_001_convolution_rounds_down_and_pooling_up() -> None:
    down, up = (
        ConvSpec.of(
            batch=1, in_channels=1, input_size=(4, 5), out_channels=1, kernel_size=2, stride=2, rounding=rounding
        )
        for rounding in ("floor", "ceil")
    )
    assert (down.output_size, up.output_size) == ((2, 2), (2, 3))


# -- the small example -------------------------------------------------------------------------------------------------


def test_seed_001_the_small_example_forward_and_backward(backend: CompleteBackend) -> None:
    """X 3x3 with W 2x2, all by hand."""
    x, w, dy = image([[1, 2, 3], [4, 5, 6], [7, 8, 9]]), image([[1, 2], [3, 4]]), image([[1, 1], [1, 1]])
    columns = [[1, 2, 4, 5], [2, 3, 5, 6], [4, 5, 7, 8], [5, 6, 8, 9]]
    np.testing.assert_array_equal(backend.run("im2col", _SMALL, x)[0], columns)
    np.testing.assert_array_equal(backend.run("conv2d", _SMALL, x, w, None), image([[37, 47], [67, 77]]))
    np.testing.assert_array_equal(backend.run("conv2d", _SMALL, x, w, np.array([5.0])), image([[42, 52], [72, 82]]))
    np.testing.assert_array_equal(
        backend.run("conv2d_input_grad", _SMALL, dy, w), image([[1, 3, 2], [4, 10, 6], [3, 7, 4]])
    )
    np.testing.assert_array_equal(backend.run("conv2d_weight_grad", _SMALL, dy, x), image([[12, 16], [24, 28]]))
    np.testing.assert_array_equal(backend.run("conv2d_bias_grad", _SMALL, dy), [4.0])


@pytest.mark.parametrize("op", ["conv2d", "conv2d_input_grad", "conv2d_weight_grad", "conv2d_bias_grad"])
def test_seed_001_tensors_of_matlab(backend: CompleteBackend, op: Op) -> None:
    """(H, W, C, N) in and out, more than one of everything, against sums over the pixels of each window."""
    spec = ConvSpec.of(
        batch=3, in_channels=2, input_size=(6, 5), out_channels=4, kernel_size=(3, 2), stride=2, padding=1
    )
    kh, kw, (oh, ow) = 3, 2, spec.output_size
    x, w, dy = hwcn(6, 5, 2, 3, start=-90), hwcn(kh, kw, 2, 4, start=-20), hwcn(oh, ow, 4, 3, start=-30)
    b = np.array([1.0, -2.0, 3.0, -4.0])
    padded = np.pad(x, ((1, 1), (1, 1), (0, 0), (0, 0)))
    y, dx_padded, dw = np.zeros((oh, ow, 4, 3)), np.zeros_like(padded), np.zeros_like(w)
    for p, q, f, n in np.ndindex(oh, ow, 4, 3):
        window = (slice(2 * p, 2 * p + kh), slice(2 * q, 2 * q + kw), slice(None), n)
        y[p, q, f, n] = (padded[window] * w[..., f]).sum() + b[f]
        dx_padded[window] += dy[p, q, f, n] * w[..., f]
        dw[..., f] += dy[p, q, f, n] * padded[window]
    arrays: dict[str, tuple[np.ndarray, ...]] = {
        "conv2d": (x, w, b), "conv2d_input_grad": (dy, w), "conv2d_weight_grad": (dy, x), "conv2d_bias_grad": (dy,),
    }  # fmt: skip
    expected = {
        "conv2d": y, "conv2d_input_grad": dx_padded[1:-1, 1:-1], "conv2d_weight_grad": dw,
        "conv2d_bias_grad": dy.sum(axis=(0, 1, 3)),
    }  # fmt: skip
    got = backend.run(op, spec, *map(to_contract, arrays[op]))
    np.testing.assert_array_equal(to_matlab(got), expected[op])


# -- what went wrong there ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("filters", [1, 4])
def test_seed_001_without_a_bias_there_are_as_many_channels_as_filters(backend: CompleteBackend, filters: int) -> None:
    spec = ConvSpec.of(batch=1, in_channels=1, input_size=2, out_channels=filters, kernel_size=2)
    y = backend.run("conv2d", spec, np.ones(spec.x_shape), np.ones(spec.w_shape), None)
    np.testing.assert_array_equal(y, np.full((1, filters, 1, 1), 4.0))


@pytest.mark.parametrize("padding", [0, 1, 2, (1, 0, 2, 3)])
def test_seed_001_what_was_padded_is_cropped(backend: CompleteBackend, padding: Any) -> None:
    spec = ConvSpec.of(batch=1, in_channels=1, input_size=2, out_channels=1, kernel_size=1, padding=padding)
    dx = backend.run("conv2d_input_grad", spec, np.ones(spec.y_shape), np.full(spec.w_shape, 3.0))
    np.testing.assert_array_equal(dx, image([[3, 3], [3, 3]]))


def test_seed_001_windows_start_a_whole_stride_apart(backend: CompleteBackend) -> None:
    spec = ConvSpec.of(batch=1, in_channels=1, input_size=3, out_channels=1, kernel_size=1, stride=2)
    x = backend.run("col2im", spec, np.array([[[1.0, 2.0, 3.0, 4.0]]]))
    np.testing.assert_array_equal(x, image([[1, 0, 2], [0, 0, 0], [3, 0, 4]]))


@pytest.mark.parametrize(
    ("size", "kernel", "dx"),
    [(2, 1, [[7, 0], [0, 0]]), (4, 3, [[7, 7, 7, 0], [7, 7, 7, 0], [7, 7, 7, 0], [0, 0, 0, 0]])],
)
def test_seed_001_pixels_that_no_window_reads_have_no_gradient(
    backend: CompleteBackend, size: int, kernel: int, dx: Any
) -> None:
    spec = ConvSpec.of(batch=1, in_channels=1, input_size=size, out_channels=1, kernel_size=kernel, stride=2)
    got = backend.run("conv2d_input_grad", spec, image([[7]]), np.ones(spec.w_shape))
    np.testing.assert_array_equal(got, image(dx))


def test_seed_001_filters_keep_their_order_backward(backend: CompleteBackend) -> None:
    """Flattened one way forward and another way backward, two filters would be mixed."""
    spec = ConvSpec.of(batch=1, in_channels=1, input_size=(1, 2), out_channels=2, kernel_size=(1, 2))
    w = np.array([[[[1.0, 2.0]]], [[[30.0, 40.0]]]])
    dx = backend.run("conv2d_input_grad", spec, np.array([[[[1.0]], [[0.0]]]]), w)
    np.testing.assert_array_equal(dx, image([[1, 2]]))


@pytest.mark.parametrize("op", OPS)
def test_seed_001_single_precision_stays(backend: CompleteBackend, op: Op) -> None:
    spec = ConvSpec.of(batch=2, in_channels=2, input_size=3, out_channels=3, kernel_size=2, padding=1)
    got = backend.run(op, spec, *data.exact(op, spec, "float32", "seed 001"))
    assert (got.dtype.name, got.shape) == ("float32", spec.output_shape(op))


# -- pooling, whose sizes are rounded up -------------------------------------------------------------------------------


def test_seed_001_pooling_reads_the_windows_at_the_end(backend: CompleteBackend) -> None:
    """4x5, kernel 2, stride 2: six windows, of which the original left two out and moved the others up."""
    spec = ConvSpec.of(
        batch=1, in_channels=1, input_size=(4, 5), out_channels=1, kernel_size=2, stride=2, rounding="ceil"
    )
    x = image(np.arange(1, 21).reshape(4, 5))
    np.testing.assert_array_equal(backend.run("max_pool2d", spec, x), image([[7, 9, 10], [17, 19, 20]]))
    average = backend.run("avg_pool2d_exclude_padding", spec, x)
    np.testing.assert_array_equal(average, image([[4, 6, 7.5], [14, 16, 17.5]]))
    dx = backend.run("max_pool2d_grad", spec, image([[1, 2, 3], [4, 5, 6]]), x)
    np.testing.assert_array_equal(dx, image([[0, 0, 0, 0, 0], [0, 1, 0, 2, 3], [0, 0, 0, 0, 0], [0, 4, 0, 5, 6]]))


def test_seed_001_padding_is_no_pixel_to_a_maximum(backend: CompleteBackend) -> None:
    spec = ConvSpec.of(batch=1, in_channels=1, input_size=1, out_channels=1, kernel_size=2, stride=2, padding=1)
    y = backend.run("max_pool2d", spec, image([[-1]]))
    np.testing.assert_array_equal(y, image([[-1]]))
    np.testing.assert_array_equal(backend.run("max_pool2d_grad", spec, image([[5]]), image([[-1]])), image([[5]]))


# -- images in parallel, as its parfor ---------------------------------------------------------------------------------


@pytest.mark.parametrize("op", OPS)
def test_seed_001_images_in_parallel_change_nothing(op: Op) -> None:
    """In `numba_loops`; the tests of `numba_tiled` ask the same of it."""
    numba = pytest.importorskip("numba")
    spec = ConvSpec.of(batch=5, in_channels=3, input_size=(9, 7), out_channels=4, kernel_size=3, stride=2, padding=1)
    arrays = data.exact(op, spec, "float32", "seed 001")
    expected = by_taps.run(op, spec, *arrays)
    for threads in range(1, min(numba.config.NUMBA_NUM_THREADS, 2) + 1):
        with thread_limit(threads):
            np.testing.assert_array_equal(registry.load("numba_loops").run(op, spec, *arrays), expected)
