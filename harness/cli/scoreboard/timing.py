"""How fast a library is beside those that it is compared with; run by the Python of its own environment.

    python -m harness.cli.scoreboard.timing NAME OPS SECONDS FOLDER

Its run file in FOLDER keeps every cell as it is measured, so that a later call goes on where this one ended.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from pathlib import Path

from msgspec import structs

from harness.cli import terminal
from harness.cli.scoreboard.judging import DTYPE
from harness.cli.scoreboard.peers import FOLDER
from harness.cli.scoreboard.records import Times
from harness.contract import targets
from harness.geometry.layers import read_shapes
from harness.geometry.spec import Op
from harness.results import machine, run_files
from harness.results.records import BackendFacts, Ceilings, Cell, Line, RunEnd, RunHeader
from harness.timing import run
from harness.timing.plan import Plan

AGAINST = ("torch_native", "numba_tiled")
SHAPES, THREADS, ALLOCATOR = "core", 1, "steady"
_BUDGET, _ROUNDS = 2.0, 7  # seconds and rounds of a cell


class _OutOfTime(Exception):
    """The seconds are used up; what is measured is kept."""


def plan_of(name: str, ops: Sequence[Op]) -> Plan:
    """The core set, the peer first. Every time passes the gate, whatever is wrong elsewhere."""
    asked = targets.resolve_all([str(FOLDER / f"{name}.py"), *AGAINST])
    layers = read_shapes(SHAPES).layers
    return Plan(SHAPES, layers, asked, ops, (DTYPE,), THREADS, ALLOCATOR, _BUDGET, _ROUNDS)


def measure(plan: Plan, seconds: float, folder: Path) -> None:
    """Measure for so many seconds at most, group by group; what was measured before is not measured again."""
    end, last = time.monotonic() + seconds, plan.backends[-1].name
    _go_on(plan, folder)
    with terminal.Ticker(f"time {plan.backends[0].name}", plan.cells) as ticker:

        def step(cell: Cell) -> None:
            ticker.step(f"{cell.layer} {cell.op}")
            if cell.backend == last and time.monotonic() > end:
                raise _OutOfTime

        try:
            run.run(plan, folder, step, terminal.waiting)
        except _OutOfTime:
            terminal.say(f"{plan.backends[0].name}: {seconds:.0f} s are used up, the rest is not timed yet")


def _go_on(plan: Plan, folder: Path) -> None:
    """Begin a run file with what is known: the same plan as far as it came, and what this machine can do at most.

    The folder is that of one version of the library and its plug-in; what else changed in the checkout since (a page of
    the docs has, when the first part was told) cannot change what was measured together.
    """
    here = machine.facts()
    older = sorted((folder / here.name).glob("*.jsonl"))
    limits = [one for path in folder.parent.parent.glob(f"*/runs-*/{here.name}/*.jsonl") for one in _limits(path)]
    file = run_files.open_run(folder, plan.record(), here)
    header, *known = file.records()
    assert isinstance(header, RunHeader)
    if not known and older:
        known = _as_far_as_it_came(older[-1], header)
        for one in known:
            file.append(one)
    if limits and not any(isinstance(one, Ceilings) for one in known):
        file.append(limits[-1])


def _as_far_as_it_came(path: Path, header: RunHeader) -> list[Line]:
    """The records of an unfinished run of the same plan, as those of another run."""
    first, *known = run_files.read(path)
    if not isinstance(first, RunHeader) or first.plan != header.plan or (known and isinstance(known[-1], RunEnd)):
        return []
    named = [one for one in known if isinstance(one, BackendFacts | Ceilings)]
    cells = [one for one in known if isinstance(one, Cell)]
    return [
        *named,
        *(structs.replace(c, run=header.run, group=f"{header.run}/{c.op}/{c.dtype}/{c.layer}") for c in cells),
    ]


def _limits(path: Path) -> list[Ceilings]:
    """Those of the CPU in a run file."""
    return [one for one in run_files.read(path) if isinstance(one, Ceilings) and not one.backend]


def kept(folder: Path) -> Times | None:
    """What the newest run file of this machine holds; None if there is none."""
    files = sorted((folder / machine.facts().name).glob("*.jsonl"))
    if not files:
        return None
    records = list(run_files.read(files[-1]))
    header = records[0]
    assert isinstance(header, RunHeader)
    cells = {(one.group, one.backend): one for one in records if isinstance(one, Cell)}
    return Times(
        machine=header.machine, threads=THREADS, allocator=ALLOCATOR, whole=isinstance(records[-1], RunEnd),
        described=[one for one in records if isinstance(one, BackendFacts)], cells=list(cells.values()),
    )  # fmt: skip


def main(name: str, ops: str, seconds: str, folder: str) -> None:
    """Raises `run.Broken` if the harness itself fails."""
    given: list[Op] = ops.split(",")  # type: ignore[assignment]  # as this program found them in a report
    measure(plan_of(name, given), float(seconds), Path(folder))


if __name__ == "__main__":
    main(*sys.argv[1:])
