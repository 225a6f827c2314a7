"""The gradient of the input: a stride-1 convolution of dy for each remainder of the image's rows and columns.

Pixel (r * SH + a, s * SW + b) of the padded image, for remainders (a, b), receives dy[r - u', s - v'] * w[u, v] from
the taps with u * DH = u' * SH + a and v * DW = v' * SW + b, and from no others. So each pair of remainders is an
implicit GEMM over its own taps, no product is with a zero that a stride stuffed in, and with stride 1 there is just
one. The results are woven together at the end.
"""

from __future__ import annotations

from numba import njit, prange

from backends.numba_tiled.gemm import Pixels, multiply_share
from backends.numba_tiled.planes import fill_share
from backends.numba_tiled.rows import clear, copy, interleave
from backends.numba_tiled.vector import moved, pointer


@njit(nogil=True, error_model="numpy")
def _weave_share(t, threads, parts, x, image, images, first_channel, channels, n, g, rows, columns, buffer):
    """Rows of the image from those of its remainders: parts[a][b][image][channel][r][s]."""
    own = moved(pointer(buffer), t * (buffer.size // threads))
    parts, x = pointer(parts), pointer(x)
    items, size = images * channels, rows * columns
    for item in range(t * items // threads, (t + 1) * items // threads):
        place = ((image + item // channels) * n.results + first_channel + item % channels) * g.h * g.w
        for i in range(g.h):
            a, r = (i + g.top) % g.sh, (i + g.top) // g.sh - g.top // g.sh
            source = (a * g.sw * items + item) * size + r * columns
            if g.sw == 1:
                copy(x, place + i * g.w, parts, source, g.w)
            else:
                interleave(own, 0, parts, source, items * size, g.sw, columns)
                copy(x, place + i * g.w, own, g.left % g.sw, g.w)


@njit(nogil=True, error_model="numpy")
def _clear_share(t, threads, a, first, count):
    clear(pointer(a), first + t * count // threads, (t + 1) * count // threads - t * count // threads)


@njit(nogil=True, cache=True, error_model="numpy", parallel={"prange": True, "fusion": False})
def input_grad(dy, w, x, threads, n, g, planes, remainders, packed, filled, parts, buffer, zeros, room):
    """From `filled` on it is scratch, but for `zeros`, one a channel."""
    filters, channels = planes.channels, n.results // n.groups
    length, pairs = remainders.rows * remainders.columns, g.sh * g.sw
    for group in range(n.groups):
        for image in range(0, n.batch, n.images):
            images = min(n.images, n.batch - image)
            source, first, apart = filled, 0, filters * planes.size
            if planes.is_image:
                source, first, apart = dy, (image * n.sources + group * filters) * planes.size, n.sources * planes.size
            else:
                for t in prange(threads):
                    fill_share(t, threads, dy, filled, image, images, n.sources, group * filters, planes)
            before = 0
            for pair in range(pairs):
                to, place, stride = parts, pair * images * channels * length, channels * length
                if pairs == 1:
                    to, place, stride = x, (image * n.results + group * channels) * length, n.results * length
                k = filters * remainders.counts[pair]
                taps, across = remainders.taps[before : before + k], remainders.weights[before : before + k]
                at = Pixels(images, length, remainders.columns, planes.row, apart, stride, packed)
                if k > 0:
                    for t in prange(threads):
                        multiply_share(
                            t, threads, source, first, taps, across, w, group * filters * channels * n.taps, n.taps,
                            channels, zeros, 0, to, place, at, room,
                        )  # fmt: skip
                else:
                    for t in prange(threads):
                        _clear_share(t, threads, parts, place, images * channels * length)
                before += k
            if pairs > 1:
                for t in prange(threads):
                    _weave_share(
                        t, threads, parts, x, image, images, group * channels, channels, n, g, remainders.rows,
                        remainders.columns, buffer,
                    )  # fmt: skip
