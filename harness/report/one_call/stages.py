"""What a call is made of (padding, im2col, product, reordering), where a backend tells its stages: a line a cell."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct

from harness.report.measured.load import Config
from harness.report.measured.rows import Row
from harness.report.tables.table import Table, TableCell, cell
from harness.results import words


class StageShare(Struct, frozen=True, kw_only=True):
    """A stage of one cell: seconds by itself, those of all stages of its call together, and of the whole call."""

    op: str
    layer: str
    spec: str
    backend: str
    stage: str
    seconds: float
    share: float  # of the whole call
    together_seconds: float
    together_share: float
    call_seconds: float


def stages_of(row: Row) -> list[StageShare]:
    """The stages of a cell, those of one name together, in the order of the call; none if it has none or no time."""
    c = row.cell
    if row.seconds is None or not c.stages:
        return []
    taken: dict[str, float] = {}
    for stage in c.stages:
        taken[stage.name] = taken.get(stage.name, 0.0) + stage.seconds
    call, together = row.seconds.median, sum(taken.values())
    return [
        StageShare(
            op=c.op, layer=c.layer, spec=c.spec, backend=c.backend, stage=name, seconds=seconds, share=seconds / call,
            together_seconds=together, together_share=together / call, call_seconds=call,
        )
        for name, seconds in taken.items()
    ]  # fmt: skip


def stages_table(rows: Sequence[Row], config: Config) -> Table:
    """Op, layer and backend x stage: seconds, then all of them against the whole call. No rows where none is known."""
    found = [stages for stages in map(stages_of, rows) if stages]
    names = list(dict.fromkeys(stage.stage for stages in found for stage in stages))
    notes = [
        "Each stage was run by itself, one after the other, as the backend has divided its call; on hover its share of "
        "the whole call. What is missing to 100 % lies between the stages; what exceeds it, the call itself does "
        "better, as by taking image after image."
    ]
    header = ["op", "layer", "backend", *names, "stages together", "whole call"]
    records = [stage for stages in found for stage in stages]
    return Table(
        f"stages-{config.slug}", "Stages of a call", header, [_line(stages, names) for stages in found], records, notes
    )


def _line(stages: Sequence[StageShare], names: Sequence[str]) -> list[TableCell]:
    first, by_name = stages[0], {stage.stage: stage for stage in stages}
    shown = [_stage_cell(by_name.get(name)) for name in names]
    together = TableCell(
        (f"{100 * first.together_share:.0f} %", words.duration(first.together_seconds)), "", "", first.together_share
    )
    whole = cell(words.duration(first.call_seconds), "", first.call_seconds)
    return [cell(first.op), TableCell((first.layer, first.spec)), cell(first.backend), *shown, together, whole]


def _stage_cell(stage: StageShare | None) -> TableCell:
    if stage is None:
        return TableCell(("none",), "missing")
    share = f"{words.share(stage.share)} of the call"
    return TableCell((words.duration(stage.seconds), share), "", "", stage.seconds)
