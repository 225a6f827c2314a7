"""`harness compare`: backend against backend, in interleaved pairs."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from typing import Annotated

import msgspec
import typer

from harness.cli import comparison_table, exit_codes, outputs, terminal
from harness.cli.measuring import without_wrong_ones
from harness.cli.options import (
    Allocator,
    Backends,
    Batch,
    Dtypes,
    JsonFile,
    Ops,
    ShapeSet,
    Threads,
    chosen_allocator,
    chosen_dtypes,
    chosen_layers,
    chosen_ops,
    whole,
)  # fmt: skip
from harness.cli.tables import networks
from harness.contract import targets
from harness.geometry.layers import file_at
from harness.geometry.spec import OPS
from harness.results import machine, ratios
from harness.results.records import SCHEMA, BackendFacts, Ceilings, Cell, Comparison, ComparisonRow, Unmeasured
from harness.results.words import plural
from harness.timing import run
from harness.timing.plan import DEFAULT_ROUNDS, Plan

_BUDGET = 30.0  # seconds a cell
_MOST_PAIRS = 10_000
_FEWER = "interleaved pairs a layer; fewer for calls that take seconds"


def compare(
    names: Backends = None,
    shape_set: ShapeSet = "quick",
    batch: Batch = None,
    ops: Ops = None,
    dtype: Dtypes = None,
    pairs: Annotated[int, typer.Option(parser=whole(1, _MOST_PAIRS), metavar="N", help=_FEWER)] = DEFAULT_ROUNDS,
    threads: Threads = 1,
    allocator: Allocator = "steady",
    json_file: JsonFile = None,
) -> None:
    """Backend against backend: the first named against each of the others, in interleaved pairs."""
    if len(names or []) < 2:
        raise typer.BadParameter("compare takes at least two backends")
    asked = targets.resolve_all(names or [])
    plan = Plan(
        shape_set, chosen_layers(shape_set, batch), asked, chosen_ops(ops) or OPS, chosen_dtypes(dtype) or ("float32",),
        threads, chosen_allocator(allocator), _BUDGET, pairs, batch=batch,
    )  # fmt: skip
    files = outputs.require((json_file,), [*outputs.files_of(asked), file_at(shape_set)])
    plan = without_wrong_ones(plan)
    cells: list[Cell] = []
    described: list[BackendFacts | Ceilings] = []
    interrupted = False
    try:
        with terminal.Ticker("compare", plan.cells) as ticker:
            step = lambda cell: ticker.step(f"{cell.layer} {cell.op}")  # noqa: E731
            for cell in run.measure(plan, step, described.append, terminal.waiting):
                cells.append(cell)
    except KeyboardInterrupt:
        interrupted = True
    known = [target.name for target in asked]
    ceilings = [record for record in described if isinstance(record, Ceilings)]
    table = ratios.rows(cells, known, [r for r in described if isinstance(r, BackendFacts)], ceilings)
    means = ratios.geomeans(table)
    missing = _missing(plan, table) if interrupted else []
    with terminal.aside(outputs.takes_stdout(files)):
        conditions = f"{plural(threads, 'thread')}, {allocator} allocator"
        comparison_table.show(table, means, conditions)
        networks.show(plan.layers, cells, conditions)
    if missing:
        terminal.say(f"{len(missing)} of {plan.cells // len(asked)} comparisons were not measured")

    def document() -> str:
        found = Comparison(
            schema=SCHEMA, machine=machine.facts(), threads=threads, allocator=allocator, ceilings=ceilings, rows=table,
            geomean=means, partial=interrupted, missing=missing,
        )  # fmt: skip
        return json.dumps(msgspec.to_builtins(found), indent=1) + "\n"

    code = outputs.write([(json_file, document)], exit_codes.of_cells(cells, known))
    if interrupted:
        raise KeyboardInterrupt
    raise typer.Exit(code)


def _missing(plan: Plan, table: Sequence[ComparisonRow]) -> list[Unmeasured]:
    """What was planned and is not in the table, with each of the other backends."""
    rows = Counter((row.op, row.dtype, row.shape) for row in table)
    return [
        Unmeasured(op=op, dtype=dtype, shape=layer.name, spec=str(layer.spec))
        for layer in plan.layers for dtype in plan.dtypes for op in plan.ops
        if rows[op, dtype, layer.name] < len(plan.backends) - 1
    ]  # fmt: skip
