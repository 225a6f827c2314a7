"""`harness compare`: backend against backend, in interleaved pairs."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from harness.cli import exit_codes, terminal
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
    chosen_ops,
)  # fmt: skip
from harness.contract import targets
from harness.geometry.layers import read_layers
from harness.geometry.spec import OPS
from harness.results import machine, ratios, run_files
from harness.results.run_files import Record
from harness.timing import run

_BUDGET = 30.0  # seconds a cell


def compare(
    names: Backends = None,
    shape_set: ShapeSet = "quick",
    batch: Batch = None,
    ops: Ops = None,
    dtype: Dtypes = None,
    pairs: Annotated[
        int, typer.Option(min=1, help="interleaved pairs a layer; fewer for calls that take seconds")
    ] = run.DEFAULT_ROUNDS,
    threads: Threads = 1,
    allocator: Allocator = "steady",
    json_file: JsonFile = None,
) -> None:
    """Backend against backend: the first named against each of the others, in interleaved pairs."""
    if len(names or []) < 2:
        raise typer.BadParameter("compare takes at least two backends")
    asked = targets.resolve_all(names or [])
    plan = run.Plan(
        shape_set, read_layers(shape_set, batch), asked, chosen_ops(ops) or OPS, chosen_dtypes(dtype) or ("float32",),
        threads, chosen_allocator(allocator), _BUDGET, pairs, batch=batch,
    )  # fmt: skip
    if json_file:
        run_files.require_writable(json_file)
    plan = without_wrong_ones(plan)
    cells: list[Record] = []
    described: list[Record] = []
    interrupted = False
    try:
        with terminal.Ticker("compare", plan.cells) as ticker:
            step = lambda cell: ticker.step(f"{cell['layer']} {cell['op']}")  # noqa: E731
            for cell in run.measure(plan, step, described.append):
                cells.append(cell)
    except KeyboardInterrupt:
        interrupted = True
    known = [target.name for target in asked]
    table = ratios.rows(cells, known, described)
    means = ratios.geomeans(table)
    if json_file:
        document = {
            "schema": ratios.SCHEMA, "machine": machine.facts(), "threads": threads, "allocator": allocator,
            "ceilings": [r for r in described if r["kind"] == "ceilings"], "rows": table, "geomean": means,
        }  # fmt: skip
        run_files.write_atomically(json_file, json.dumps(document, indent=1) + "\n")
    terminal.show_comparison(table, means, f"{threads} thread(s), {allocator} allocator")
    if interrupted:
        raise KeyboardInterrupt
    raise typer.Exit(exit_codes.of_cells(cells, known))
