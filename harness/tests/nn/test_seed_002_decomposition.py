"""A bank of filters as two smaller ones: exact half-steps, an error that only falls, true counts when folding back."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from harness.contract import registry
from harness.contract.protocol import Array
from harness.geometry.spec import ConvSpec
from harness.nn.decomposition import compose, decompose, fold_back, separable
from harness.nn.errors import NetworkError
from harness.nn.layers import Conv2D
from harness.nn.ops import reference
from harness.tests.helpers.nn.small import numbers

_NOISE = 1e-12  # of an error relative to w, where it is zero but for rounding


def _composed(first: Array, second: Array) -> Array:
    """w[f, c, u + s, v + t] += second[f, r, s, t] * first[r, c, u, v], straight from the definition."""
    (_, c, kh1, kw1), (f, _, kh2, kw2) = first.shape, second.shape
    w = np.zeros((f, c, kh1 + kh2 - 1, kw1 + kw2 - 1))
    for u, v, s, t in np.ndindex(kh1, kw1, kh2, kw2):
        w[:, :, u + s, v + t] += second[:, :, s, t] @ first[:, :, u, v]
    return w


def _both(first: Array, second: Array, x: Array) -> Array:
    """One convolution after the other."""
    for w in (first, second):
        layer = Conv2D(w.shape[1], w.shape[0], w.shape[2:], rng=np.random.default_rng(0))
        layer.parameters = {"w": w, "b": np.zeros(len(w))}
        x, _ = layer.forward(reference(), x)
    return x


def test_the_composed_kernel_does_what_both_do() -> None:
    first, second = numbers(2, 3, 3, 2), numbers(4, 2, 2, 4, seed=1)
    w = compose(first, second, reference())
    np.testing.assert_allclose(w, _composed(first, second), atol=1e-13)
    x = numbers(2, 3, 7, 8, seed=2)
    alone = Conv2D(3, 4, w.shape[2:], rng=np.random.default_rng(0))
    alone.parameters = {"w": w, "b": np.zeros(4)}
    np.testing.assert_allclose(_both(first, second, x), alone.forward(reference(), x)[0], atol=1e-12)


@pytest.mark.parametrize("name", ["numpy_fancy", "matlab_loop"])
def test_what_is_made_of_two_filters_is_found_on_any_backend(name: str) -> None:
    w = _composed(numbers(2, 3, 3, 3), numbers(4, 2, 3, 3, seed=1))
    found = decompose(w, registry.load(name), 3, rank=2, sweeps=60)
    assert found.first.shape == (2, 3, 3, 3)
    assert found.second.shape == (4, 2, 3, 3)
    assert found.errors[-1] < 0.02
    np.testing.assert_allclose(
        np.linalg.norm(_composed(found.first, found.second) - w) / np.linalg.norm(w), found.errors[-1], rtol=1e-6
    )


@pytest.mark.parametrize("seed", range(4))
def test_the_error_never_rises(seed: int) -> None:
    found = decompose(numbers(4, 3, 5, 4, seed=seed), reference(), (3, 2), rank=3, seed=seed, sweeps=30)
    assert len(found.errors) > 4
    assert all(later <= before + _NOISE for before, later in pairwise(found.errors))
    assert found.errors[-1] < found.errors[0]


def test_a_half_step_is_the_direct_solution() -> None:
    """The last one, for the second filter, against the whole linear system written out from the definition."""
    w = numbers(3, 2, 4, 3)
    found = decompose(w, reference(), 2, rank=2, sweeps=3)
    shape = found.second.shape
    system = np.stack([_composed(found.first, one.reshape(shape)).ravel() for one in np.eye(found.second.size)], axis=1)
    direct = np.linalg.lstsq(system, w.ravel(), rcond=None)[0]
    np.testing.assert_allclose(found.second.ravel(), direct, atol=1e-9)


@pytest.mark.parametrize("rank", [1, 3, 5])
def test_columns_and_rows_reach_the_best_there_is(rank: int) -> None:
    """(K x 1) then (1 x K): the best is known from the singular values."""
    w = numbers(4, 3, 3, 3)
    best = np.linalg.norm(compose(*separable(w, rank), reference()) - w) / np.linalg.norm(w)
    values = np.linalg.svd(w.transpose(1, 2, 0, 3).reshape(9, 12), compute_uv=False)
    np.testing.assert_allclose(best, np.linalg.norm(values[rank:]) / np.linalg.norm(values), rtol=1e-12)
    found = decompose(w, reference(), (3, 1), rank=rank)
    assert best - _NOISE <= found.errors[-1] <= best * (1 + 1e-4)


def test_the_smallest_rank_that_is_good_enough() -> None:
    first, second = separable(numbers(4, 3, 3, 3), 2)
    w = compose(first, second, reference())
    assert decompose(w, reference(), (3, 1), error=1e-6).rank == 2
    assert decompose(w, reference(), (3, 1), error=0.99).rank == 1


def test_a_rank_that_is_always_exact() -> None:
    """The first filter only moves planes: nine taps of one channel."""
    assert decompose(numbers(12, 1, 5, 5), reference(), 3, rank=9, sweeps=5).errors[-1] < 1e-9


@pytest.mark.parametrize(
    ("padding", "stride"), [(0, 1), (1, 1), (2, 1), ((0, 2, 1, 0), 1), (1, 2)], ids=["0", "1", "2", "uneven", "stride"]
)
def test_folding_back_divides_by_what_covers_each_pixel(padding: int | tuple[int, ...], stride: int) -> None:
    """A kernel of 3 covers every pixel nine times with a padding of 2, and else not: a constant 9 is wrong there."""
    spec = ConvSpec.of(
        batch=2, in_channels=3, input_size=(5, 7), out_channels=1, kernel_size=3, padding=padding, stride=stride
    )
    ops = registry.load("numpy_fancy")
    x = numbers(*spec.x_shape)
    columns = ops.run("im2col", spec, x)
    np.testing.assert_allclose(fold_back(columns, spec, ops), x, atol=1e-14)
    ninths = ops.run("col2im", spec, columns) / 9
    assert bool(np.allclose(ninths, x)) is (padding == 2)


def test_folding_back_is_the_nearest_image() -> None:
    """What is left over is orthogonal to the columns of every image."""
    spec = ConvSpec.of(batch=1, in_channels=2, input_size=(4, 5), out_channels=1, kernel_size=(2, 3), padding=1)
    ops = reference()
    columns = numbers(*spec.columns_shape)
    left = columns - ops.run("im2col", spec, fold_back(columns, spec, ops))
    assert np.abs(ops.run("col2im", spec, left)).max() < 1e-13


def test_a_pixel_that_no_window_covers_is_zero() -> None:
    spec = ConvSpec.of(batch=1, in_channels=1, input_size=(1, 4), out_channels=1, kernel_size=(1, 1), stride=(1, 2))
    assert fold_back(np.array([[[3.0, 4.0]]]), spec, reference()).tolist() == [[[[3.0, 0.0, 4.0, 0.0]]]]


@pytest.mark.parametrize(
    ("shape", "size", "options", "words"),
    [
        ((4, 3, 3, 3), 4, {}, "must fit into the whole"),
        ((4, 3, 3), 2, {}, "must fit into the whole"),
        ((4, 3, 3, 3), 2, {"rank": 0}, "rank must be from 1 to 12"),
        ((4, 3, 3, 3), 2, {"rank": 13}, "rank must be from 1 to 12"),
        ((4, 3, 3, 3), 2, {"sweeps": 0}, "sweeps must be at least 1"),
        ((2, 2, 3, 3), 2, {"error": 0.0, "sweeps": 1}, "no rank up to 8 comes within 0"),
    ],
)
def test_what_cannot_be_decomposed_is_refused(
    shape: tuple[int, ...], size: int, options: dict[str, float], words: str
) -> None:
    with pytest.raises(NetworkError, match=words):
        decompose(numbers(*shape), reference(), size, **options)  # type: ignore[arg-type]
