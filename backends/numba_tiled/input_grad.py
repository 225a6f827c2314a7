"""The gradient of the input: a stride-1 convolution of dy for each remainder of the image's rows and columns.

Pixel (r * SH + a, s * SW + b) of the padded image, for remainders (a, b), receives dy[r - u', s - v'] * w[u, v] from
the taps with u * DH = u' * SH + a and v * DW = v' * SW + b, and from no others. So each pair of remainders is an
implicit GEMM over its own taps, no product is with a zero that a stride stuffed in, and with stride 1 there is just
one. The results are woven together at the end.
"""

from __future__ import annotations

from numba import njit, prange

from backends.numba_tiled.gemm import Pixels, multiply_share
from backends.numba_tiled.kernel import FILTERS
from backends.numba_tiled.packing import pack_rows
from backends.numba_tiled.planes import fill_share
from backends.numba_tiled.rows import clear, copy, interleave
from backends.numba_tiled.vector import get, load_first, moved, pointer, store_first


@njit(nogil=True, error_model="numpy")
def _pack_share(t, threads, w, start, turned, packed, filters, channels, taps, order):
    """Part t of the blocks of FILTERS channels: [filter][tap][FILTERS], for each pair of remainders its own taps."""
    size = filters * taps * FILTERS
    w, turned, packed, which = (
        moved(pointer(w), start),
        moved(pointer(turned), t * size),
        pointer(packed),
        pointer(order),
    )
    blocks = (channels + FILTERS - 1) // FILTERS
    for block in range(t * blocks // threads, (t + 1) * blocks // threads):
        rows = min(FILTERS, channels - block * FILTERS)
        target, place = turned, 0
        if order.size == 1 + taps:  # one pair: all taps, in their order
            target, place = packed, block * size
        for f in range(filters):
            source = (f * channels + block * FILTERS) * taps
            pack_rows(target, place + f * taps * FILTERS, w, source, rows, taps, taps)
        if order.size == 1 + taps:
            continue
        i, before = 0, 0
        while i < order.size:
            count = get(which, i)
            to = (before * blocks + block * count) * filters * FILTERS
            for f in range(filters):
                for k in range(count):
                    tap = (f * taps + get(which, i + 1 + k)) * FILTERS
                    store_first(packed, to, load_first(turned, tap, FILTERS), FILTERS)
                    to += FILTERS
            before += count
            i += 1 + count


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
def input_grad(dy, w, x, threads, n, g, planes, remainders, filled, packed, turned, parts, buffer, zeros, room):
    """From `filled` on it is scratch, but for `zeros`, one a channel."""
    filters, channels = planes.channels, n.results // n.groups
    blocks = (channels + FILTERS - 1) // FILTERS
    length = remainders.rows * remainders.columns
    for group in range(n.groups):
        for t in prange(threads):
            _pack_share(
                t,
                threads,
                w,
                group * filters * channels * n.taps,
                turned,
                packed,
                filters,
                channels,
                n.taps,
                remainders.order,
            )
        for image in range(0, n.batch, n.images):
            images = min(n.images, n.batch - image)
            source, first, apart = filled, 0, filters * planes.size
            if planes.is_image:
                source, first, apart = dy, (image * n.sources + group * filters) * planes.size, n.sources * planes.size
            else:
                for t in prange(threads):
                    fill_share(t, threads, dy, filled, image, images, n.sources, group * filters, planes)
            i, before = 0, 0
            for pair in range(g.sh * g.sw):
                to, place, stride = parts, pair * images * channels * length, channels * length
                if g.sh * g.sw == 1:
                    to, place, stride = x, (image * n.results + group * channels) * length, n.results * length
                k = remainders.order[i]
                taps = remainders.taps[before * filters : (before + k) * filters]
                at = Pixels(images * length, length, remainders.columns, planes.row, apart, stride)
                if k > 0:
                    skipped = before * filters * blocks * FILTERS
                    for t in prange(threads):
                        multiply_share(
                            t, threads, source, first, taps, packed, skipped, channels, zeros, 0, to, place, at, room
                        )
                else:
                    for t in prange(threads):
                        _clear_share(t, threads, parts, place, images * channels * length)
                i += 1 + k
                before += k
            if g.sh * g.sw > 1:
                for t in prange(threads):
                    _weave_share(
                        t,
                        threads,
                        parts,
                        x,
                        image,
                        images,
                        group * channels,
                        channels,
                        n,
                        g,
                        remainders.rows,
                        remainders.columns,
                        buffer,
                    )
