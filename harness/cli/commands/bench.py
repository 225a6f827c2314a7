"""`harness bench`: how fast is it, measured and kept."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Annotated

import typer

from harness.cli import exit_codes, terminal
from harness.cli.clusters import benching, connecting
from harness.cli.measured import bench_table, networks_table
from harness.cli.measuring import say_unnamed_libraries, without_wrong_ones
from harness.cli.options import (
    Allocator,
    Backends,
    Batch,
    Dtypes,
    Ops,
    ShapeSet,
    Threads,
    chosen_allocator,
    chosen_dtypes,
    chosen_layers,
    chosen_ops,
    folder,
    seconds,
)  # fmt: skip
from harness.cli.project import settings
from harness.contract import targets
from harness.contract.status import CellStatus
from harness.geometry.spec import OPS
from harness.results.records import BackendFacts, Ceilings, Cell
from harness.results.words import plural
from harness.results.writing import require_folder
from harness.timing import asv_bridge, run
from harness.timing.plan import DEFAULT_BUDGET, Plan

_MOST_SECONDS = 1e6  # of a cell: eleven days
_ON_CLUSTER = "measure on workers of a dask scheduler instead, once on each kind of machine; asv records none"
_LONGER = "seconds a cell may take; longer ones are skipped, with a prediction"


def bench(
    names: Backends = None,
    shape_set: ShapeSet = "quick",
    batch: Batch = None,
    ops: Ops = None,
    dtype: Dtypes = None,
    budget: Annotated[
        float, typer.Option(parser=seconds(0.01, _MOST_SECONDS), metavar="S", help=_LONGER)
    ] = DEFAULT_BUDGET,
    threads: Threads = 1,
    allocator: Allocator = "steady",
    out: Annotated[Path, typer.Option("--results", parser=folder, metavar="DIR", help="results folder")] = Path(
        "results"
    ),
    asv: Annotated[bool, typer.Option(help="let asv record the run")] = True,
    scheduler: Annotated[str | None, typer.Option(metavar="ADDRESS", help=_ON_CLUSTER)] = None,
    context: typer.Context = None,  # type: ignore[assignment]  # Typer gives it; a test that calls this has none
) -> None:
    """How fast is it? Measures and keeps every cell, lets asv record the run, shows it; continues if interrupted.

    The times shown are warm. The run file and the page also have those of cold calls, memory, error and stages.
    """
    ours = settings.read()
    of_project = () if names else ours.backends
    layers_of_project = ours.shapes if settings.is_left_out(context, "shape_set") else ""
    named, shape_set = names or list(of_project), layers_of_project or shape_set
    asked = targets.resolve_all(named or targets.names())
    plan = Plan(
        shape_set, chosen_layers(shape_set, batch), asked, chosen_ops(ops) or OPS,
        chosen_dtypes(dtype) or ("float32",), threads, chosen_allocator(allocator), budget, batch=batch,
    )  # fmt: skip
    require_folder(out / "runs")
    ours.tell(backend=of_project, shapes=layers_of_project)
    if scheduler is not None:
        raise typer.Exit(benching.run_on_cluster(connecting.address(scheduler), benching.order_of(plan), out))
    plan = without_wrong_ones(plan, named=bool(named))
    cells: list[Cell] = []
    described: list[BackendFacts | Ceilings] = []
    with terminal.Ticker("bench", plan.cells) as ticker:

        def progress(cell: Cell) -> None:
            cells.append(cell)
            ticker.step(f"{cell.layer} {cell.op} {cell.backend}")

        file = run.run(plan, out / "runs", progress, terminal.waiting, described.append)
    say_unnamed_libraries(described)
    counts = Counter(cell.status for cell in cells)
    without = "".join(f", {counts[s]} {s}" for s in CellStatus if counts[s] and s is not CellStatus.OK)
    terminal.say(f"measured {counts[CellStatus.OK]} of {len(cells)} cells{without}")
    for cell in [c for c in cells if c.status.is_bad][:10]:
        terminal.say(f"  {cell.status}: {cell.backend} {cell.op} {cell.layer}: {cell.reason}")
    too_large = {cell.layer: cell for cell in reversed(cells) if cell.status is CellStatus.NO_MEMORY}
    for cell in list(reversed(too_large.values()))[:10]:
        terminal.say(f"  {cell.status}: {cell.layer}: {cell.op}: {cell.reason}")
    with terminal.aside(True):  # stdout has the path of the run file
        networks_table.show(plan.layers, cells, f"{plural(threads, 'thread')}, {allocator} allocator")
    if asv:
        why = asv_bridge.left_out(file.path)
        if not why:
            terminal.say("asv records the run ..")
        terminal.say(why or asv_bridge.record(file.path))
    bench_table.show(cells, f"{plural(threads, 'thread')}, {allocator} allocator")
    print(file.path)
    raise typer.Exit(exit_codes.of_cells(cells, {target.name for target in asked} if named else ()))
