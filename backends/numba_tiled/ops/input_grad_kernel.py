"""The gradient of the input: a stride-1 convolution of dy for each remainder of the image's rows and columns.

Pixel (r * SH + a, s * SW + b) of the padded image, for remainders (a, b), receives dy[r - u', s - v'] * w[u, v] from
the taps with u * DH = u' * SH + a and v * DW = v' * SW + b, and from no others. So each pair of remainders is an
implicit product over its own taps, none is with a zero that a stride stuffed in, and with stride 1 there is just one
pair. The results are woven together at the end; with stride 2:

    parts    (0,0): a a a   (0,1): b b b   (1,0): c c c   (1,1): d d d
                    a a a          b b b          c c c          d d d
    image    a b a b a b
             c d c d c d
             a b a b a b
             c d c d c d
"""

from __future__ import annotations

from typing import Any, NamedTuple

from backends.numba_tiled.launch.records import record
from backends.numba_tiled.launch.spread import spread
from backends.numba_tiled.layout.fill import fill_planes
from backends.numba_tiled.layout.planes import Planes
from backends.numba_tiled.layout.regions import Regions, after, first_of, tables_of
from backends.numba_tiled.layout.remainders import Remainders
from backends.numba_tiled.layout.rows import clear, copy
from backends.numba_tiled.layout.strided import interleave
from backends.numba_tiled.layout.window import Counts, Window
from backends.numba_tiled.product.divide import Work, item_count, item_of, share_of
from backends.numba_tiled.product.implicit_gemm import Reads, multiply_share
from backends.numba_tiled.product.pixels import Pixels
from backends.numba_tiled.product.scratch_layout import ScratchLayout, part_of
from backends.numba_tiled.product.skipped_rows import runs_of, seen_of
from backends.numba_tiled.simd.compiled import entry, inlined, inner
from backends.numba_tiled.simd.pointers import Matrix, moved, pointer


class Plan(NamedTuple):
    """All that follows from a spec: what compiled functions are given."""

    n: Counts
    work: Work
    g: Window
    planes: Planes
    remainders: Remainders
    regions: Regions
    room: ScratchLayout
    chunks: int  # of the channels of an item, each of which goes through all pairs before the next one does


class Arrays(NamedTuple):
    """Scratch memory of all threads: `parts` are results not yet woven together, `rows` a row of the image each."""

    parts: Any
    rows: Any
    memory: Any
    segments: Any


class _Data(NamedTuple):
    """The arrays as pointers, and a thread's part of the scratch memory."""

    dy: Any
    size: int  # elements of dy
    w: Any
    x: Any
    parts: Any
    row: Any


@inner
def _weave(data, item, first_row, last_row, n, g, remainders):
    """The item's rows of x, from those of its remainders: parts[a][b][image][channel][r][s], a and b below SH and SW.

    Of the channels of its group, first_row <= c < last_row are written.
    """
    parts, x, columns, channels = data.parts, data.x, remainders.columns, n.results // n.groups
    size, several, lowest = item.rows * columns, item.images * channels, (item.row + remainders.first) * g.sh - g.top
    for image in range(item.images):
        for c in range(first_row, last_row):
            place = ((item.image + image) * n.results + item.group * channels + c) * g.h * g.w
            for i in range(max(lowest, 0), min(lowest + item.rows * g.sh, g.h)):
                a, r = (i - lowest) % g.sh, (i - lowest) // g.sh
                source = (a * g.sw * several + image * channels + c) * size + r * columns
                if g.sw == 1:
                    copy(x, place + i * g.w, parts, source, g.w)
                else:
                    interleave(data.row, 0, parts, source, several * size, g.sw, columns)
                    copy(x, place + i * g.w, data.row, g.left % g.sw, g.w)


@inlined
def _item(number, data, n, work, g, planes, remainders, all_tables, own, runs, chunks):
    """One item of work: the product of each pair of remainders, then all woven together.

    The taps of a channel lie side by side in the weights, and each pair reads some of them: where weights are twice the
    L2 cache or more, some channels go through all pairs while they are there.
    """
    item = item_of(number, work, n.batch, remainders.rows)
    rows, images = item.rows, item.images
    filters, channels = planes.channels, n.results // n.groups
    source_channel, channel = (
        item.image * n.sources + item.group * filters,
        item.image * n.results + item.group * channels,
    )
    source, limit, apart = own.planes, own.limit, filters * planes.size
    if planes.is_image:
        first = source_channel * planes.size + item.row * planes.row
        source, limit, apart = moved(data.dy, first), data.size - first, n.sources * planes.size
    else:
        fill_planes(own.planes, data.dy, images, source_channel, filters, n.sources, planes, item.row, rows)
    weights = Matrix(moved(data.w, item.group * filters * channels * n.taps), n.taps)
    start, width, pairs = Matrix(own.zero, 0), remainders.columns, g.sh * g.sw
    for chunk in range(chunks):
        tables = all_tables
        for k in range(tables.number):
            region = first_of(tables)
            # With several pairs each has a part of the scratch memory, [image][channel][row]; with one it is x itself.
            one, each = rows * width, channels * rows * width
            to = moved(data.parts, k * images * each)
            if pairs == 1:
                to = moved(data.x, channel * g.h * g.w + (item.row + region.row) * width + region.column)
                one, each = g.h * g.w, n.results * g.h * g.w
            at = Pixels(
                images, min(region.rows, rows), region.columns, planes.row, apart, width, one, each, work.packed,
                work.by_rows, work.dots, planes.is_image,
            )  # fmt: skip
            if region.taps > 0:
                multiply_share(
                    item.part * chunks + chunk, work.parts * chunks, channels,
                    Reads(source, limit, tables.taps, tables.across, region.taps), channels * n.taps, weights, start,
                    to, at, own, seen_of(runs, k, item.row, region.before),
                )  # fmt: skip
            elif chunk == 0:  # no tap has these remainders
                clear(to, 0, images * channels * rows * width)
            tables = after(tables, region.taps)
    if pairs > 1:
        first_row, last_row = share_of(item.part, work.parts, channels, work.block)
        _weave(data, item, first_row, last_row, n, g, remainders)


@inner
def _share(t, threads, dy, w, x, p, arrays, runs):
    """Thread t's part of the items."""
    n, work, g, planes, remainders = p.n, p.work, p.g, p.planes, p.remainders
    data = _Data(
        pointer(dy), dy.size, pointer(w), pointer(x), moved(pointer(arrays.parts), t * (arrays.parts.size // threads)),
        moved(pointer(arrays.rows), t * (arrays.rows.size // threads)),
    )  # fmt: skip
    own, tables = part_of(t, threads, p.room, arrays.memory, arrays.segments), tables_of(p.regions)
    items = item_count(work, n.batch, n.groups)
    for number in range(t * items // threads, (t + 1) * items // threads):
        _item(number, data, n, work, g, planes, remainders, tables, own, runs, p.chunks)


@entry
def input_grad(dy, w, x, threads, plan, arrays, runs):
    """dx of a packed `Plan`, in x; `runs` are packed too, or None. `arrays` are those of `Arrays`."""
    spread(_share, threads, (dy, w, x, record(Plan, plan), Arrays(*arrays), runs_of(runs)))
