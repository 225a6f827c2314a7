"""A bank of filters as two smaller convolutions, one after the other, by alternating least squares.

First R filters of KH1 x KW1 over the C channels, then F filters over those R, so that KH1 + KH2 - 1 = KH. The kernel
of both together is the full convolution of theirs, which is linear in each: with one fixed, im2col of it is the
matrix of a least squares problem for the other. Every half-step solves its problem exactly, so the error can only
fall.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from harness.contract.protocol import Array
from harness.geometry.numbers import Pair, pair
from harness.geometry.spec import ConvSpec
from harness.nn.errors import NetworkError
from harness.nn.ops import Ops

_SETTLED = 1e-10  # relative gain of a sweep, below which nothing more is to be had
_SWEEPS = 500


@dataclass(frozen=True)
class TwoFilters:
    """`first` (R, C, KH1, KW1), then `second` (F, R, KH2, KW2); the error after every half-step, relative to |w|."""

    first: Array
    second: Array
    errors: Sequence[float]

    @property
    def rank(self) -> int:
        """R."""
        return int(self.first.shape[0])


def compose(first: Array, second: Array, ops: Ops) -> Array:
    """The one kernel (F, C, KH, KW) that does what both do one after the other, on images without padding."""
    images = _as_images(first)
    y = ops.run("conv2d", _full(images, second.shape), images, _turned(second), None)
    return np.ascontiguousarray(y.swapaxes(0, 1))


def decompose(
    w: Array, ops: Ops, first_size: Pair, *, rank: int | None = None, error: float = 0.01, seed: int = 0,
    sweeps: int = _SWEEPS,
) -> TwoFilters:  # fmt: skip
    """w (F, C, KH, KW) as two filters, the first of `first_size`; computed in float64.

    Without a rank the smallest one whose error is at most `error` is found, from 1 up. Raises `NetworkError` if the
    first kernel is larger than the whole, the rank is none, or no rank is good enough in so many sweeps.
    """
    w, size = np.asarray(w, np.float64), pair("first_size", first_size)
    if w.ndim != 4 or not all(1 <= part <= whole for part, whole in zip(size, w.shape[2:], strict=True)):
        raise NetworkError(f"the first kernel must fit into the whole: got {size} for w of shape {w.shape}")
    most = _enough(w, size)
    if rank is not None and not 1 <= rank <= most:
        raise NetworkError(f"rank must be from 1 to {most}, which is exact for w of shape {w.shape}, got {rank}")
    if sweeps < 1:
        raise NetworkError(f"sweeps must be at least 1, got {sweeps}")
    for tried in range(1, most + 1) if rank is None else (rank,):
        found = _alternate(w, ops, (tried, w.shape[1], *size), seed, sweeps)
        if rank is not None or found.errors[-1] <= error:
            return found
    raise NetworkError(
        f"no rank up to {most} comes within {error:g} of w in {sweeps} sweeps, got {found.errors[-1]:.2g}"
    )


def fold_back(columns: Array, spec: ConvSpec, ops: Ops) -> Array:
    """The image (N, C, H, W) whose columns are nearest to these: col2im, divided by how many windows cover each pixel.

    On columns of an image it undoes im2col. A pixel that no window covers is 0.
    """
    covered = ops.run("col2im", spec, ops.run("im2col", spec, np.ones(spec.x_shape)))
    return ops.run("col2im", spec, columns) / np.maximum(covered, 1)


def separable(w: Array, rank: int) -> tuple[Array, Array]:
    """The best (R, C, KH, 1) and (F, R, 1, KW) there are: the singular vectors of w as a matrix (C*KH, F*KW)."""
    f, c, kh, kw = w.shape
    left, values, right = np.linalg.svd(w.transpose(1, 2, 0, 3).reshape(c * kh, f * kw), full_matrices=False)
    first = (left[:, :rank] * values[:rank]).T.reshape(rank, c, kh, 1)
    return first, np.ascontiguousarray(right[:rank].reshape(rank, f, 1, kw).swapaxes(0, 1))


def _alternate(w: Array, ops: Ops, shape: tuple[int, ...], seed: int, sweeps: int) -> TwoFilters:
    """From a first filter of that shape, drawn by chance."""
    by_channel, by_filter = np.ascontiguousarray(w.swapaxes(0, 1)), w
    first = np.random.default_rng(seed).standard_normal(shape)
    second = _started(w, first, ops)
    errors: list[float] = []
    norm = np.linalg.norm(w) or 1.0
    for sweep in range(sweeps):
        first = np.ascontiguousarray(_solved(second, by_filter, shape[2:], ops).swapaxes(0, 1))
        errors.append(float(np.linalg.norm(compose(first, second, ops) - w) / norm))
        second = _solved(_as_images(first), by_channel, second.shape[2:], ops)
        errors.append(float(np.linalg.norm(compose(first, second, ops) - w) / norm))
        if sweep and errors[-3] - errors[-1] <= _SETTLED * errors[-3]:
            break
    return TwoFilters(first, second, errors)


def _started(w: Array, first: Array, ops: Ops) -> Array:
    """A second filter for the first: the columns that fit best, as if they were free, folded back to an image."""
    f, c, kh, kw = w.shape
    size = tuple(whole - part + 1 for whole, part in zip(w.shape[2:], first.shape[2:], strict=True))
    filters = _turned(_as_images(first)).reshape(c, first.shape[0] * first.shape[2] * first.shape[3])
    columns = np.linalg.pinv(filters) @ w.reshape(f, c, kh * kw)
    spec = _full(np.empty((f, first.shape[0], *size)), (c, first.shape[0], *first.shape[2:]))
    return fold_back(np.ascontiguousarray(columns), spec, ops)


def _solved(images: Array, wanted: Array, size: Sequence[int], ops: Ops) -> Array:
    """The kernels (O, R, *size) whose full convolution with images (N, R, ..) is nearest to `wanted` (N, O, KH, KW)."""
    n, o, kh, kw = wanted.shape
    shape = (o, images.shape[1], *size)
    columns = ops.run("im2col", _full(images, shape), images)  # (N, R*taps, KH*KW)
    matrix = columns.swapaxes(1, 2).reshape(n * kh * kw, columns.shape[1])
    right = wanted.transpose(0, 2, 3, 1).reshape(n * kh * kw, o)
    found = np.linalg.lstsq(matrix, right, rcond=None)[0]  # (R*taps, O)
    return _turned(found.T.reshape(shape))


def _full(images: Array, kernel: Sequence[int]) -> ConvSpec:
    """The geometry of a full convolution: every place where a kernel (O, R, KH, KW) meets an image (N, R, ..)."""
    return ConvSpec.of(
        batch=images.shape[0], in_channels=images.shape[1], input_size=images.shape[2:], out_channels=kernel[0],
        kernel_size=tuple(kernel[2:]), padding="full",
    )  # fmt: skip


def _as_images(first: Array) -> Array:
    """(R, C, KH, KW) -> (C, R, KH, KW): for every channel an image of R planes."""
    return np.ascontiguousarray(first.swapaxes(0, 1))


def _turned(kernel: Array) -> Array:
    """Rotated by 180 degrees: our convolution does not flip its kernel, a product of polynomials does."""
    return np.ascontiguousarray(kernel[:, :, ::-1, ::-1])


def _enough(w: Array, size: tuple[int, int]) -> int:
    """A rank that is always exact: one of the two kernels only moves planes, a plane for each of its taps."""
    f, c, kh, kw = w.shape
    second = (kh - size[0] + 1) * (kw - size[1] + 1)
    return int(min(c * size[0] * size[1], f * second))
