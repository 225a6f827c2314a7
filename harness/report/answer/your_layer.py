"""Every layer with every backend against the baseline: what a reader filters for their own layer.

A cell also carries its ratio to the second reference: the page ranks what is left by both.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from msgspec import Struct

from harness.geometry.spec import ConvSpec
from harness.report.measured.grouping import by_op, by_spec, columns_of
from harness.report.measured.load import Config
from harness.report.measured.rows import PairedRatio, Row
from harness.report.tables.table import NEVER, Table, TableCell, absent_notes, cell, missing_cell
from harness.results import words
from harness.results.intervals import Interval


class LayerRatio(Struct, frozen=True, kw_only=True):
    """Time / time of a reference on one layer, with its interval; `ranked` if nothing says that it is wrong.

    `seconds` is the median time of the backend's newest measurement.
    """

    op: str
    layer: str
    spec: str
    backend: str
    reference: str
    ratio: float
    ratio_low: float
    ratio_high: float
    pairs: int
    seconds: float
    ranked: bool


def layer_table(over: Mapping[str, Sequence[Row]], barred: Mapping[tuple[str, str], str], config: Config) -> Table:
    """A row for each op and layer, a column for each backend; `over` as in `fastest`."""
    rows, base = next(iter(over.values())), next(iter(over))
    second = {(str(r.cell.op), r.cell.spec, r.cell.backend): r.ratio for name in list(over)[1:2] for r in over[name]}
    names = sorted(columns_of(rows), key=lambda name: name != base)  # the baseline first, whose times give the scale
    shown, keys = [], []
    for op, of_op in by_op(rows).items():
        for spec, on_layer in by_spec(of_op).items():
            found = {row.cell.backend: row for row in on_layer}
            ranked = [r.ratio.value for n, r in found.items() if r.ratio and (op, n) not in barred]
            best = min(ranked, default=None)
            geometry = ConvSpec.parse(spec)
            shown.append([
                TableCell((on_layer[0].cell.layer,), "", spec), cell(op), cell(in_short(geometry)),
                *(
                    _cell(found[n], base, best, second.get((op, spec, n)), barred.get((op, n), ""))
                    if n in found else NEVER for n in names
                ),
            ])  # fmt: skip
            keys.append(" ".join(search_words(on_layer[0].cell.layer, spec, geometry)))
    notes = [
        f"Against {base}, in paired ratios; {base} itself: the median time of a call. “Same”: the 95 % interval of the "
        "ratio holds 1. Bold: the fastest right backend of the layer. A shade is a factor of 1.1, 2 and 4.",
        *absent_notes(rows),
    ]
    header = ["layer", "op", "geometry", *(f"{name} takes" if name == base else name for name in names)]
    return Table(
        f"layers-{config.slug}", "Every layer, every backend", header, shown, _records(over, barred), notes, keys
    )


def in_short(spec: ConvSpec) -> str:
    """A geometry as people say it.

    >>> in_short(ConvSpec.parse("n1c64h56w56_f64kh3kw3_pt1pb1pl1pr1"))
    '3x3 64→64 56x56'
    >>> in_short(ConvSpec.parse("n4c8h9w7_f8kh3kw2_sh2sw2_dh1dw3_g8"))
    '3x2 8→8 9x7 s2 d1x3 depthwise n4'
    """
    (kh, kw), (h, w) = spec.kernel_size, spec.input_size
    return " ".join([f"{kh}x{kw}", f"{spec.in_channels}→{spec.out_channels}", f"{h}x{w}", *_settings(spec)])


def search_words(layer: str, text: str, spec: ConvSpec) -> list[str]:
    """What the filter compares with what is typed: a number must be equal, any other word a part."""
    (kh, kw), (h, w) = spec.kernel_size, spec.input_size
    numbers = dict.fromkeys(map(str, (spec.in_channels, spec.out_channels, h, w)))
    return [layer, f"{kh}x{kw}", *numbers, f"{h}x{w}", *_settings(spec), text]


def _settings(spec: ConvSpec) -> list[str]:
    """Stride, dilation, groups and images, where they are not 1."""
    found = [
        f"{letter}{a}" if a == b else f"{letter}{a}x{b}"
        for letter, (a, b) in (("s", spec.stride), ("d", spec.dilation))
        if (a, b) != (1, 1)
    ]
    if spec.groups > 1:
        found.append("depthwise" if spec.groups == spec.in_channels else f"g{spec.groups}")
    return [*found, *([f"n{spec.batch}"] if spec.batch != 1 else [])]


def _cell(row: Row, base: str, best: float | None, second: PairedRatio | None, why: str) -> TableCell:
    took, ratio = row.seconds, row.ratio
    if took is None:
        return missing_cell(row)
    told = f"{_time(took)}, n = {len(row.cell.samples)}"
    if row.cell.backend == base:
        return TableCell((words.duration(took.median),), "", told, took.median, second.value if second else None)
    if ratio is None:
        return TableCell(("no ratio",), "missing", f"not timed together with {base}; {told}")
    title = f"ratio {words.interval(ratio.value, ratio.low, ratio.high)}, {ratio.pairs} pairs; {told}"
    if why:
        return TableCell((words.judged(*ratio[:3]),), "fail", f"not ranked: {why}; {title}")
    return TableCell(
        (words.judged(*ratio[:3]),), "best" if ratio.value == best else "", title, ratio.value,
        second.value if second else None, _shade(ratio),
    )  # fmt: skip


def _time(took: Interval) -> str:
    median, low, high = (words.duration(seconds) for seconds in took)
    return f"{median} [{low}, {high}]"


def _shade(ratio: PairedRatio) -> int:
    """-3 to 3: much faster to much slower; 0 where the interval holds 1."""
    if ratio.low <= 1 <= ratio.high:
        return 0
    factor = abs(math.log(ratio.value))
    grade = sum(factor >= math.log(limit) for limit in (1.1, 2, 4))
    return -grade if ratio.value < 1 else grade


def _records(over: Mapping[str, Sequence[Row]], barred: Mapping[tuple[str, str], str]) -> list[LayerRatio]:
    return [
        LayerRatio(
            op=c.op, layer=c.layer, spec=c.spec, backend=c.backend, reference=reference, ratio=ratio.value,
            ratio_low=ratio.low, ratio_high=ratio.high, pairs=ratio.pairs, seconds=took.median,
            ranked=(c.op, c.backend) not in barred,
        )
        for reference, rows in over.items()
        for c, ratio, took in ((row.cell, row.ratio, row.seconds) for row in rows)
        if ratio and took
    ]  # fmt: skip
