"""What the numbers rest on, in sentences: verdicts, completeness of a run, the code, and the commands that repeat it.

A backend that was never checked for correctness is named as such; it is not counted among the right ones.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Sequence

from harness.contract.status import CellStatus, Verdict
from harness.geometry.spec import OPS
from harness.report.measured.grouping import grouped
from harness.report.measured.load import Data, order
from harness.report.measured.rows import Row
from harness.report.measured.runs import Run
from harness.results import words
from harness.results.records import Cell

NOT_CHECKED = "not checked"


def correctness(data: Data) -> str:
    """Which backends are right, in one sentence."""
    tried = measured(data)
    if data.verdicts is None:
        how = "harness check --json results/conformance.json"
        why = "conformance.json cannot be used" if data.verdicts_lost else "there is no conformance.json"
        return f"Correctness: {NOT_CHECKED} ({why}; `{how}` writes it)."
    by_verdict = grouped(tried, data.verdict)
    right = by_verdict.pop(Verdict.PASS, [])
    text = f"Correctness: {len(right)} of {words.plural(len(tried), 'backend')} pass"
    text += f" ({', '.join(right)})" if right else ""
    others = (f"; {verdict or NOT_CHECKED}: {', '.join(names)}" for verdict, names in by_verdict.items())
    return text + "".join(others) + "."


def is_right(data: Data) -> bool:
    """Whether some backend passed, none failed, no measured result was wrong, and nothing had to be left out."""
    verdicts = {data.verdict(name) for name in measured(data)}
    return Verdict.PASS in verdicts and Verdict.FAIL not in verdicts and not failures(data) and not data.left_out


def failures(data: Data) -> list[str]:
    """A sentence for each cell that says that its backend is wrong, or that its time cannot be believed."""
    return [failure(row.cell) for row in data.rows if row.cell.status.is_bad]


def failure(cell: Cell) -> str:
    """What became of a cell, in one line."""
    return f"{cell.backend} {cell.op} on {cell.layer} ({cell.dtype}): {cell.status}, {cell.reason}"


def completeness(run: Run) -> str:
    """How much of the plan of a run was measured, and why the rest was not."""
    newest = {(c.backend, c.op, c.dtype, c.spec): c.status for c in run.cells}
    counts = {status: sum(found is status for found in newest.values()) for status in CellStatus}
    timed = counts.pop(CellStatus.OK)
    skipped = ", ".join(f"{n} {spoken(status)}" for status, n in counts.items() if n)
    left = max(run.planned - len(newest), 0)
    state = "finished" if run.finished else "UNFINISHED (the same `harness bench` continues it)"
    text = f"Run {run.name} is {state}: {timed} of {run.planned} planned cells measured"
    text += f"; without a time: {skipped}" if skipped else ""
    return text + (f"; {left} not reached." if left else ".")


def spoken(status: CellStatus) -> str:
    """The name of a status as it stands in a sentence."""
    return status.value.replace("_", " ")


def absent(data: Data) -> list[str]:
    """A sentence for each backend that is unavailable, with the reason."""
    return [f"{b.backend}: {b.reason or 'no reason given'}" for b in data.backends.values() if not b.available]


def commits(hashes: Iterable[str], dirty: bool) -> str:
    """The code that was measured, in short."""
    known = [h[:8] if h else "unknown" for h in dict.fromkeys(hashes)]
    name = " and ".join(known[:2]) + (f" and {len(known) - 2} more" if len(known) > 2 else "")
    return f"{'commit' if len(known) == 1 else 'commits'} {name}{' + uncommitted changes' if dirty else ''}"


def commits_of(rows: Sequence[Row]) -> str:
    """The code that these cells were measured with."""
    return commits((row.cell.commit for row in rows), any(row.dirty for row in rows))


def commands(run: Run) -> list[str]:
    """The lines that measure the plan of a run again and write the report."""
    plan = run.header.plan
    options = {
        "--shapes": plan.shapes, "--ops": ",".join(plan.ops), "--dtype": ",".join(plan.dtypes),
        "--threads": f"{plan.threads}", "--allocator": plan.allocator, "--budget": f"{plan.budget:g}",
    }  # fmt: skip
    if plan.batch:
        options["--batch"] = str(plan.batch)
    if set(plan.ops) == set(OPS):
        del options["--ops"]
    given = [word for option in options.items() for word in option]
    return [shlex.join(["harness", "bench", *plan.backends, *given]), "harness report"]


def measured(data: Data) -> list[str]:
    """The backends that were tried, in the order of the registry."""
    return order(row.cell.backend for row in data.rows)
