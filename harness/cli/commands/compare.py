"""`harness compare`: backend against backend, in interleaved pairs."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import msgspec
import typer
from msgspec import structs

from harness.cli import exit_codes, outputs, terminal
from harness.cli.measured import comparison_table, networks_table
from harness.cli.measured.repeating import Comparing, rounds
from harness.cli.measured.since import as_it_was
from harness.cli.measuring import say_unnamed_libraries, without_wrong_ones
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
    folder,
    whole,
)  # fmt: skip
from harness.cli.project import settings
from harness.contract import targets
from harness.contract.targets import Target
from harness.geometry.layers import file_at
from harness.geometry.spec import OPS
from harness.results import machine, ratios, run_files
from harness.results.records import (
    SCHEMA,
    BackendFacts,
    Ceilings,
    Cell,
    Comparison,
    ComparisonRow,
    RunEnd,
    Unmeasured,
)
from harness.results.run_files import RunFile
from harness.results.words import plural
from harness.results.writing import require_folder
from harness.timing.plan import Plan

_BUDGET = 45.0  # seconds a cell, in all processes
_MOST_PAIRS = 10_000
_MOST_PROCESSES = 100
_PAIRS, _PROCESSES = 30, 3
_FEWER = "interleaved pairs a layer, shared by the processes; fewer for calls that take seconds"
_FRESH = "fresh processes, which have to agree; with 2 or more, what is unclear is measured in up to 4 times as many"
_SINCE = "one backend against itself as it was at a commit of this checkout"
_KEPT = "also keep what is measured, as a run file in this results folder"


def compare(
    names: Backends = None,
    shape_set: ShapeSet = "quick",
    batch: Batch = None,
    ops: Ops = None,
    dtype: Dtypes = None,
    pairs: Annotated[int, typer.Option(parser=whole(1, _MOST_PAIRS), metavar="N", help=_FEWER)] = _PAIRS,
    processes: Annotated[int, typer.Option(parser=whole(1, _MOST_PROCESSES), metavar="N", help=_FRESH)] = _PROCESSES,
    threads: Threads = 1,
    allocator: Allocator = "steady",
    json_file: JsonFile = None,
    results: Annotated[Path | None, typer.Option(parser=folder, metavar="DIR", help=_KEPT)] = None,
    since: Annotated[str | None, typer.Option(metavar="COMMIT", help=_SINCE)] = None,
    context: typer.Context = None,  # type: ignore[assignment]  # Typer gives it; a test that calls this has none
) -> None:
    """Backend against backend: the first named against each of the others, in interleaved pairs."""
    ours = settings.read()
    of_project = () if names else ours.backends
    layers_of_project = ours.shapes if settings.is_left_out(context, "shape_set") else ""
    asked, shape_set = _asked(names or of_project, since), layers_of_project or shape_set
    if results is not None:
        require_folder(results / "runs")
    plan = Plan(
        shape_set, chosen_layers(shape_set, batch), asked, chosen_ops(ops) or OPS, chosen_dtypes(dtype) or ("float32",),
        threads, chosen_allocator(allocator), _BUDGET / processes, rounds(pairs, processes), batch=batch,
    )  # fmt: skip
    files = outputs.require((json_file,), [*outputs.files_of(asked), file_at(shape_set)])
    ours.tell(backend=of_project, shapes=layers_of_project)
    plan = without_wrong_ones(plan)
    kept = None if results is None else _Kept.beginning(results / "runs", plan)
    found = Comparing(plan, processes, kept or (lambda record: None))
    interrupted = found.run()
    if kept is not None:
        kept.end(interrupted)
    say_unnamed_libraries(found.described)
    means = ratios.geomeans(found.rows)
    missing = _missing(plan, found.rows) if interrupted else []
    with terminal.aside(outputs.takes_stdout(files)):
        conditions = f"{plural(threads, 'thread')}, {allocator} allocator"
        comparison_table.show(found.rows, means, conditions, found.floor, found.itself)
        networks_table.show(plan.layers, found.of_named(), conditions)
    if missing:
        terminal.say(f"{len(missing)} of {plan.cells // len(asked)} comparisons were not measured")

    def document() -> str:
        document = Comparison(
            schema=SCHEMA, machine=machine.facts(), threads=threads, allocator=allocator, ceilings=found.ceilings,
            rows=found.rows, geomean=means, partial=interrupted, missing=missing, noise_floor=found.floor,
            against_itself=found.itself,
        )  # fmt: skip
        return json.dumps(msgspec.to_builtins(document), indent=1) + "\n"

    code = outputs.write([(json_file, document)], exit_codes.of_cells(found.of_named(), found.names))
    if interrupted:
        raise KeyboardInterrupt
    raise typer.Exit(code)


def _asked(names: Sequence[str], since: str | None) -> list[Target]:
    """The backends to compare: those named, or one with what it was."""
    if since is None and len(names) < 2:
        raise typer.BadParameter("compare takes at least two backends")
    if since is not None and len(names) != 1:
        raise typer.BadParameter(f"--since compares one backend with what it was, got {len(names)} backends")
    asked = targets.resolve_all(names)
    return asked if since is None else [*asked, as_it_was(asked[0], since)]


def _missing(plan: Plan, table: Sequence[ComparisonRow]) -> list[Unmeasured]:
    """What was planned and is not in the table, with each of the other backends."""
    rows = Counter((row.op, row.dtype, row.shape) for row in table)
    return [
        Unmeasured(op=op, dtype=dtype, shape=layer.name, spec=str(layer.spec))
        for layer in plan.layers for dtype in plan.dtypes for op in plan.ops
        if rows[op, dtype, layer.name] < len(plan.backends) - 1
    ]  # fmt: skip


@dataclass(frozen=True)
class _Kept:
    """What a comparison leaves in a results folder: one run file, which `harness report` and `harness diff` read."""

    file: RunFile
    run: str

    @classmethod
    def beginning(cls, folder: Path, plan: Plan) -> _Kept:
        file = run_files.open_run(folder, plan.record(), machine.facts(), new=True)
        header = run_files.header(file.path)
        return cls(file, header.run)

    def __call__(self, record: Cell | BackendFacts | Ceilings) -> None:
        if isinstance(record, Cell):
            group = f"{self.run}/{record.op}/{record.dtype}/{record.layer}"
            record = structs.replace(record, run=self.run, group=group)
        self.file.append(record)

    def end(self, interrupted: bool) -> None:
        """Say where it is; a run that was interrupted stays without its end."""
        if not interrupted:
            self.file.append(RunEnd(run=self.run))
        terminal.say(f"kept in {self.file.path}")
