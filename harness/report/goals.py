"""Goals beside results, from the documents of `harness compare --json` alone.

`python -m harness.report.goals FOLDER README` writes the table of a folder, results/goals/avx2 say, into a file between
marks of the folder's name; a test compares the two. A ratio is the peer's time
over the backend's: above 1, the backend is ahead. Against `device copy`, it is the share of the bandwidth of a copy
measured on the same device.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import geometric_mean

from harness.report.goal_files import COPY, Goal, read_comparisons, read_goals
from harness.report.readme import Marks
from harness.results import words
from harness.results.records import Comparison, ComparisonRow


def marks(folder: Path) -> Marks:
    """Where the table of a folder goes: `<!-- avx2 -->` for results/goals/avx2."""
    return Marks(f"<!-- {folder.name} -->\n", f"<!-- /{folder.name} -->")


def markdown(folder: Path) -> str:
    """One line a goal; results for each number of threads that was measured, or those of a GPU."""
    found = read_comparisons(folder)
    devices = sorted({c.device for comparison in found for c in comparison.ceilings if c.device})
    on_gpu = bool(devices) or not found
    counts = sorted({comparison.threads for comparison in found}) or [1]
    heads = ["measured"] if on_gpu else [words.plural(count, "thread") for count in counts]
    last = "lowest" if on_gpu else "lowest, 1 thread"
    lines = [
        f"| backend and op | against | goal | {' | '.join(heads)} | no layer below | {last} |",
        "| --- " * (5 + len(heads)) + "|",
    ]
    for goal in read_goals(folder):
        reached = {count: _reached(found, goal, count) for count in (counts[:1] if on_gpu else counts)}
        if not on_gpu and not any(reached.values()):
            continue
        means = [_mean(list(of_layers.values())) for of_layers in reached.values()]
        floor = "" if goal.floor is None else f"{goal.floor:g}"
        lines.append(
            f"| {_name(goal)} | {goal.against} | {goal.mean:g} | {' | '.join(means)} | {floor} "
            f"| {_lowest(reached.get(1, {}), goal.floor)} |"
        )
    return "\n".join([*lines, "", _conditions(found, devices)]) + "\n"


def _reached(found: Sequence[Comparison], goal: Goal, threads: int) -> dict[str, float]:
    """What was reached of a goal, by layer; of two results for a layer, the later one counts."""
    rows = [row for comparison in found if comparison.threads == threads for row in comparison.rows]
    return {row.shape: value for row in rows if goal.is_about(row) and (value := _value(row, goal))}


def _value(row: ComparisonRow, goal: Goal) -> float | None:
    """How many times faster than the peer, on whichever side of the pair; or the share of the copy."""
    if goal.against == COPY:
        if row.a == goal.backend and row.a_bound == "memory":
            return row.a_share
        return row.b_share if row.b == goal.backend and row.b_bound == "memory" else None
    if row.ratio is None or {row.a, row.b} != {goal.backend, goal.against}:
        return None
    return 1 / row.ratio if row.a == goal.backend else row.ratio


def _name(goal: Goal) -> str:
    parts = [f"`{goal.backend}` {goal.op}", goal.dtype.replace("float32", ""), goal.layers]
    return ", ".join(filter(None, parts))


def _mean(values: Sequence[float]) -> str:
    return f"{geometric_mean(values):.2f} ({words.plural(len(values), 'layer')})" if values else "not measured"


def _lowest(of_layers: Mapping[str, float], floor: float | None) -> str:
    if not of_layers:
        return "not measured"
    lowest = min(of_layers, key=of_layers.__getitem__)
    below = "" if floor is None else f"; {sum(r < floor for r in of_layers.values())} of {len(of_layers)} below"
    return f"{of_layers[lowest]:.2f} {lowest}{below}"


def _conditions(found: Sequence[Comparison], devices: Sequence[str]) -> str:
    """Where and with which code it was measured, and what the numbers are."""
    if not found:
        return "Not measured: no GPU was at hand."
    commits = sorted({comparison.machine.code.commit[:8] or "unknown" for comparison in found})
    allocators = sorted({comparison.allocator for comparison in found})
    where = f"{found[0].machine.cpu}, {' and '.join(allocators)} allocator"
    text = (
        f"{' and '.join(devices) or where}, commit {', '.join(commits)}. Geometric "
        "means of paired ratios: the peer's time over ours; float32 unless said otherwise."
    )
    return text + f" Against {COPY}: share of the copy bandwidth measured there." * bool(devices)


def main(folder: Path, readme: Path) -> None:
    """Write the table of `folder` between the marks of `readme`; ends with one line if that cannot be."""
    try:
        text = readme.read_text(encoding="utf-8")
        readme.write_text(marks(folder).replaced(text, markdown(folder)), encoding="utf-8")
    except (OSError, ValueError) as error:
        sys.exit(f"harness: {readme} was left as it is: {error}")


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
