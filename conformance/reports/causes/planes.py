"""A wrong result as planes of numbers: expected, got, their difference, and what the first wrong element is made of."""

from __future__ import annotations

from collections.abc import Collection, Sequence

import numpy as np

from conformance.checks.outcomes import RecordedCall
from conformance.diagnosis.where import AXES, expected, opened, wrong
from conformance.run.records import PlaneReport
from conformance.run.results import CaseResult
from harness.contract.protocol import Array
from harness.geometry.spec import ConvSpec, Op
from harness.geometry.windows import place
from harness.oracle.comparing import differing, in_digits

_ROWS, _COLUMNS = 12, 12  # of a plane at most


def of(shown: CaseResult) -> list[PlaneReport]:
    """Of the first call of the case that is wrong; nothing where there is no array to be compared."""
    for call in shown.calls:
        got, known = call.outcome.result, expected(call, shown.numerics)
        if known is None or got is None or got.dtype.kind not in "biuf" or not got.ndim:
            continue
        right = np.asarray(known.values, np.float64)
        if got.shape != right.shape:
            return [_whole("expected", right), _whole("got", got.astype(np.float64))]
        mask = wrong(call, shown.numerics)
        if mask is not None:
            return _of_values(call, right, got.astype(np.float64), mask)
    return []


def _of_values(call: RecordedCall, right: Array, got: Array, mask: Array) -> list[PlaneReport]:
    index = tuple(int(i) for i in np.argwhere(mask)[0])
    before, cut = index[:-2], _around(index[-2:], right.shape[-2:])
    planes = [np.atleast_2d(a[before])[cut] for a in (right, got, mask)]
    texts = [
        [differing(g, r, 4) for g, r in zip(*rows, strict=True)] for rows in zip(planes[1], planes[0], strict=True)
    ]
    with np.errstate(invalid="ignore"):
        difference = [[f"{d:.3g}" if d else "" for d in row] for row in planes[1] - planes[0]]
    marks = _marks(planes[2])
    where = _place(call.op, before, cut)
    found = [
        PlaneReport(title=f"expected{where}", cells=[[text[1] for text in row] for row in texts], marks=marks),
        PlaneReport(title=f"got{where}", cells=[[text[0] for text in row] for row in texts], marks=marks),
        PlaneReport(title="got - expected", cells=difference, marks=marks),
    ]
    read = _read(call, index)
    return [*found, read] if read else found


def _whole(name: str, a: Array) -> PlaneReport:
    """The first plane of an array of the wrong shape, or of the right one beside it."""
    first = np.atleast_2d(a[(0,) * (a.ndim - 2)]) if a.size else np.zeros((0, 0))
    cells = [[in_digits(float(value), 4) for value in row[:_COLUMNS]] for row in first[:_ROWS]]
    return PlaneReport(title=f"{name}, of shape {a.shape}", cells=cells, marks=["." * len(row) for row in cells])


# -- what the first wrong element is made of ---------------------------------------------------------------------------


def _read(call: RecordedCall, index: tuple[int, ...]) -> PlaneReport | None:
    """The numbers that the definition takes for the element."""
    op, spec, arrays = call.op, call.spec, call.arrays
    if op == "im2col":
        n, c, u, v, p, q = (int(i) for i in np.unravel_index(_flat(index, spec), opened(spec, spec.columns_shape)))
        title = f"x, image {n}, channel {c}: the window at position {index[-1]}"
        return _window(spec, arrays[0], (n, c), (p, q), title, (u, v))
    if op in ("conv2d", "max_pool2d", "avg_pool2d", "avg_pool2d_exclude_padding"):
        n, f, p, q = index
        c = f if op != "conv2d" else f // (spec.out_channels // spec.groups) * spec.w_shape[1]
        of_group = f" (of {spec.w_shape[1]} that are read)" if op == "conv2d" and spec.w_shape[1] > 1 else ""
        title = f"x, image {n}, channel {c}{of_group}: the window at output row {p}, column {q}"
        return _window(spec, arrays[0], (n, c), (p, q), title)
    if op == "col2im":
        return _added(spec, arrays[0], index)
    if op == "conv2d_weight_grad":
        f, c, u, v = index
        channel = f // (spec.out_channels // spec.groups) * spec.w_shape[1] + c
        title = f"x, image 0, channel {channel}: what the tap at row {u}, column {v} reads"
        read = {_place_of(spec, (u, v), (p, q)) for p in range(spec.output_size[0]) for q in range(spec.output_size[1])}
        return _padded(spec, arrays[1], (0, channel), read, title)
    return None


def _flat(index: tuple[int, ...], spec: ConvSpec) -> int:
    return int(np.ravel_multi_index(index, spec.columns_shape))


def _place_of(spec: ConvSpec, tap: tuple[int, int], window: tuple[int, int]) -> tuple[int, int]:
    return place(spec, 0, tap[0], window[0]), place(spec, 1, tap[1], window[1])


def _window(
    spec: ConvSpec,
    x: Array | None,
    plane: tuple[int, int],
    window: tuple[int, int],
    title: str,
    tap: tuple[int, int] | None = None,
) -> PlaneReport | None:
    """A channel with its padding; the taps of the window are marked, and the one that is read."""
    taps = [(u, v) for u in range(spec.kernel_size[0]) for v in range(spec.kernel_size[1])]
    read = {_place_of(spec, one, window) for one in taps}
    return _padded(spec, x, plane, read, title, None if tap is None else _place_of(spec, tap, window))


def _padded(
    spec: ConvSpec,
    x: Array | None,
    plane: tuple[int, int],
    read: Collection[tuple[int, int]],
    title: str,
    one: tuple[int, int] | None = None,
) -> PlaneReport | None:
    if x is None or not x.size:
        return None
    (t, b, l, r), (h, w) = spec.padding, spec.input_size
    values = np.pad(np.asarray(x[plane], np.float64), ((t, b), (l, r)))
    first = one or min(read)
    cut = _around((max(first[0] + t, 0), max(first[1] + l, 0)), values.shape)
    cells, marks = [], []
    for i in range(*cut[0].indices(values.shape[0])):
        columns = range(*cut[1].indices(values.shape[1]))
        cells.append([in_digits(float(values[i, j]), 4) for j in columns])
        marks.append("".join(_mark((i - t, j - l), (h, w), read, one) for j in columns))
    return PlaneReport(title=title, cells=cells, marks=marks)


def _mark(
    pixel: tuple[int, int], size: tuple[int, int], read: Collection[tuple[int, int]], one: tuple[int, int] | None
) -> str:
    if pixel == one:
        return "@"
    if pixel in read:
        return "o"
    return "." if 0 <= pixel[0] < size[0] and 0 <= pixel[1] < size[1] else "-"


def _added(spec: ConvSpec, columns: Array | None, index: tuple[int, ...]) -> PlaneReport | None:
    """The rows of the columns of a channel; what is added up in the pixel is marked."""
    if columns is None or not columns.size:
        return None
    n, c, i, j = index
    values = np.asarray(columns[n, c * spec.taps : (c + 1) * spec.taps], np.float64)
    hits = np.zeros(values.shape, bool)
    for k, l in np.ndindex(values.shape):
        (u, v), (p, q) = divmod(k, spec.kernel_size[1]), divmod(l, spec.output_size[1])
        hits[k, l] = _place_of(spec, (u, v), (p, q)) == (i, j)
    first = np.argwhere(hits)[0] if hits.any() else (0, 0)
    cut = _around((int(first[0]), int(first[1])), values.shape)
    title = f"columns, image {n}, channel {c}: what is added up in row {i}, column {j}"
    cells = [[in_digits(float(value), 4) for value in row] for row in values[cut]]
    return PlaneReport(title=title, cells=cells, marks=["".join(".o"[int(hit)] for hit in row) for row in hits[cut]])


# -- cutting and naming ------------------------------------------------------------------------------------------------


def _around(at: Sequence[int], shape: Sequence[int]) -> tuple[slice, ...]:
    """The first rows and columns, or if the element is not among them, those from it on."""
    cuts = []
    for index, size, most in zip(at, shape, (_ROWS, _COLUMNS)[-len(at) :], strict=True):
        start = 0 if index < most else max(0, min(index - most // 2, size - most))
        cuts.append(slice(start, start + most))
    return tuple(cuts) if len(cuts) == 2 else (slice(None), *cuts)


def _marks(mask: Array) -> list[str]:
    return ["".join(".#"[int(bad)] for bad in row) for row in mask]


def _place(op: Op, before: Sequence[int], cut: Sequence[slice]) -> str:
    """Which plane it is, and where it begins if that is not its first row and column."""
    names = ("image",) if op == "im2col" else AXES[op]
    said = [f"{name} {index}" for name, index in zip(names, before, strict=False)]
    said += [f"from {name} {one.start} on" for name, one in zip(("row", "column"), cut, strict=True) if one.start]
    return "".join(f", {text}" for text in said)
