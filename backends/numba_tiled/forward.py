"""conv2d: the padded planes of a few images at a time, then their implicit GEMM with the weights as they are."""

from __future__ import annotations

from numba import njit, prange

from backends.numba_tiled.gemm import Pixels, multiply_share
from backends.numba_tiled.planes import fill_share


@njit(nogil=True, cache=True, error_model="numpy", parallel={"prange": True, "fusion": False})
def forward(x, w, start, y, threads, n, planes, taps, across, length, width, packed, filled, room):
    """`start` is the bias, or zeros; `filled` and `room` are scratch."""
    filters, depth = n.results // n.groups, taps.size
    for g in range(n.groups):
        for image in range(0, n.batch, n.images):
            images = min(n.images, n.batch - image)
            source, first, apart = filled, 0, planes.channels * planes.size
            if planes.is_image:
                source, apart = x, n.sources * planes.size
                first = (image * n.sources + g * planes.channels) * planes.size
            else:
                for t in prange(threads):
                    fill_share(t, threads, x, filled, image, images, n.sources, g * planes.channels, planes)
            at = Pixels(images, length, width, planes.row, apart, n.results * length, packed)
            place = (image * n.results + g * filters) * length
            for t in prange(threads):
                multiply_share(
                    t, threads, source, first, taps, across, w, g * filters * depth, depth, filters, start,
                    g * filters, y, place, at, room,
                )  # fmt: skip
