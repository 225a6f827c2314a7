"""How fast a library is beside those that it is compared with; run by the Python of its own environment.

    python -m harness.cli.scoreboard.timing NAME OPS SECONDS FOLDER

Its run file in FOLDER keeps every cell as it is measured, so that a later call goes on where this one ended.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from pathlib import Path

from harness.cli import terminal
from harness.cli.scoreboard.judging import DTYPE
from harness.cli.scoreboard.peers import FOLDER
from harness.cli.scoreboard.records import Times
from harness.contract import targets
from harness.geometry.layers import read_shapes
from harness.geometry.spec import Op
from harness.results import machine, run_files
from harness.results.records import BackendFacts, Cell, RunEnd, RunHeader
from harness.timing import run
from harness.timing.plan import Plan

AGAINST = ("torch_native", "numba_tiled")
SHAPES, THREADS, ALLOCATOR = "core", 1, "steady"
_BUDGET, _ROUNDS = 0.25, 7  # seconds and rounds of a cell


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
    with terminal.Ticker(f"time {plan.backends[0].name}", plan.cells) as ticker:

        def step(cell: Cell) -> None:
            ticker.step(f"{cell.layer} {cell.op}")
            if cell.backend == last and time.monotonic() > end:
                raise _OutOfTime

        try:
            run.run(plan, folder, step, terminal.waiting)
        except _OutOfTime:
            terminal.say(f"{plan.backends[0].name}: {seconds:.0f} s are used up, the rest is not timed yet")


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
