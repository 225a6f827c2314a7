"""Goals beside results, from the documents of `harness compare --json` alone.

`python -m harness.report.goals` reads results/goals and writes the table into backends/numba_tiled/README.md; a test
compares the two. A ratio is the peer's time over the backend's: above 1, the backend is ahead.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from math import exp, log
from pathlib import Path
from typing import Any

from harness.report import words
from harness.spec import ConvSpec

_KINDS: dict[str, Callable[[ConvSpec], bool]] = {
    "": lambda spec: True,
    "dense 3x3": lambda spec: (
        (spec.kernel_size, spec.stride, spec.dilation) == ((3, 3), (1, 1), (1, 1))
        and min(spec.in_channels, spec.out_channels) >= 12 * spec.groups
    ),
}
BEGIN, END = "<!-- goals -->\n", "<!-- /goals -->"
_FOLDER, _README = Path("results/goals"), Path("backends/numba_tiled/README.md")


@dataclass(frozen=True, slots=True)
class Goal:
    """The geometric mean to reach over all layers, and what no layer should be below."""

    backend: str
    op: str
    dtype: str
    against: str
    mean: float
    floor: float
    layers: str  # of what kind; all, if empty


def markdown(folder: Path) -> str:
    """One line a goal; results for each number of threads that was measured."""
    documents = [json.loads(file.read_text(encoding="utf-8")) for file in sorted(folder.glob("*.json"))]
    counts = sorted({document["threads"] for document in documents})
    threads = " | ".join(f"{count} thread{'s' if count > 1 else ''}" for count in counts)
    lines = [
        f"| backend and op | against | goal | {threads} | no layer below | lowest, 1 thread |",
        "| --- " * (5 + len(counts)) + "|",
    ]
    for goal in goals(folder):
        found = {count: dict(_ratios(documents, goal, count)) for count in counts}
        if not any(found.values()):
            continue
        means = [_mean(list(ratios.values())) for ratios in found.values()]
        alone = found.get(1, {})
        lowest = min(alone, key=alone.__getitem__) if alone else ""
        below = sum(ratio < goal.floor for ratio in alone.values())
        name = ", ".join(
            [f"`{goal.backend}` {goal.op}", *filter(None, (goal.dtype.replace("float32", ""), goal.layers))]
        )
        worst = f"{alone[lowest]:.2f} {lowest}; {below} of {len(alone)} below" if alone else "not measured"
        lines.append(f"| {name} | {goal.against} | {goal.mean:g} | {' | '.join(means)} | {goal.floor:g} | {worst} |")
    commits = sorted({document["machine"]["code"]["commit"][:8] for document in documents})
    machine = documents[0]["machine"]["cpu"] if documents else "no machine"
    allocators = sorted({document["allocator"] for document in documents})
    lines += [
        "",
        f"{machine}, {' and '.join(allocators)} allocator, commit {', '.join(commits)}. Geometric "
        "means of paired ratios: the peer's time over ours; float32 unless said otherwise.",
    ]
    return "\n".join(lines) + "\n"


def goals(folder: Path) -> list[Goal]:
    """Those of goals.csv."""
    with (folder / "goals.csv").open(encoding="utf-8", newline="") as file:
        return [
            Goal(
                row["backend"],
                row["op"],
                row["dtype"],
                row["against"],
                float(row["goal"]),
                float(row["floor"]),
                row["layers"],
            )
            for row in csv.DictReader(file)
        ]


def replaced(readme: str, table: str) -> str:
    """The README with the text between the marks exchanged."""
    return words.between(readme, BEGIN, END, table)


def _ratios(documents: list[dict[str, Any]], goal: Goal, threads: int) -> Iterator[tuple[str, float]]:
    for document in documents:
        for row in document["rows"]:
            same = (row["a"], row["op"], row["dtype"], row["b"]) == (goal.backend, goal.op, goal.dtype, goal.against)
            if (
                same
                and document["threads"] == threads
                and row["ratio"]
                and _KINDS[goal.layers](ConvSpec.parse(row["spec"]))
            ):
                yield row["shape"], 1 / row["ratio"]


def _mean(ratios: list[float]) -> str:
    if not ratios:
        return "not measured"
    return f"{exp(sum(map(log, ratios)) / len(ratios)):.2f} ({len(ratios)} layers)"


if __name__ == "__main__":
    text = _README.read_text(encoding="utf-8")
    _README.write_text(replaced(text, markdown(_FOLDER)), encoding="utf-8")
