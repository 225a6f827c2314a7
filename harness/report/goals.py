"""Goals beside results, from the documents of `harness compare --json` alone.

`python -m harness.report.goals [FOLDER README]` reads results/goals and writes the table into
backends/numba_tiled/README.md; a test compares the two. A ratio is the peer's time over the backend's: above 1, the
backend is ahead. Against `device copy`, it is the share of the bandwidth of a copy measured on the same device.
"""

from __future__ import annotations

import csv
import json
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from math import exp, log, prod
from pathlib import Path
from typing import Any

from harness.geometry.spec import ConvSpec
from harness.report import words
from harness.results.run_files import Record

# Of a row and its geometry. An H200 has 60 MB of cache: with 128 MiB in all, most of either array is in memory.
KINDS: dict[str, Callable[[Record, ConvSpec], bool]] = {
    "": lambda row, spec: True,
    "dense 3x3": lambda row, spec: (
        (spec.kernel_size, spec.stride, spec.dilation) == ((3, 3), (1, 1), (1, 1))
        and min(spec.in_channels, spec.out_channels) >= 12 * spec.groups
    ),
    "ResNet-50": lambda row, spec: "resnet50" in row["shape"],
    "beyond 128 MiB": lambda row, spec: "resnet50" in row["shape"] and spec.min_bytes(row["op"], row["dtype"]) > 2**27,
    "beyond 2^31 elements": lambda row, spec: prod(spec.x_shape) > 2**31,
}
_COPY = "device copy"
BEGIN, END = "<!-- goals -->\n", "<!-- /goals -->"
_FOLDER, _README = Path("results/goals"), Path("backends/numba_tiled/README.md")


@dataclass(frozen=True, slots=True)
class Goal:
    """The geometric mean to reach over all layers, and what no layer should be below, if anything."""

    backend: str
    op: str
    dtype: str
    against: str
    mean: float
    floor: float | None
    layers: str  # of what kind; all, if empty


def markdown(folder: Path) -> str:
    """One line a goal; results for each number of threads that was measured, or those of a GPU."""
    documents = [d for d in _documents(folder) if isinstance(d, dict) and "rows" in d]
    devices = sorted({c["device"] for document in documents for c in document.get("ceilings", []) if c["device"]})
    on_gpu = bool(devices) or not documents
    counts = sorted({document["threads"] for document in documents}) or [1]
    heads = ["measured"] if on_gpu else [f"{count} thread{'s' if count > 1 else ''}" for count in counts]
    last = "lowest" if on_gpu else "lowest, 1 thread"
    lines = [
        f"| backend and op | against | goal | {' | '.join(heads)} | no layer below | {last} |",
        "| --- " * (5 + len(heads)) + "|",
    ]
    for goal in goals(folder):
        found = {count: dict(_ratios(documents, goal, count)) for count in (counts[:1] if on_gpu else counts)}
        if not on_gpu and not any(found.values()):
            continue
        means = [_mean(list(ratios.values())) for ratios in found.values()]
        floor = "" if goal.floor is None else f"{goal.floor:g}"
        lines.append(
            f"| {_name(goal)} | {goal.against} | {goal.mean:g} | {' | '.join(means)} | {floor} "
            f"| {_lowest(found.get(1, {}), goal.floor)} |"
        )
    return "\n".join([*lines, "", _conditions(documents, devices)]) + "\n"


def _documents(folder: Path) -> list[Any]:
    """In the order of their names: of two results for a layer, the later one counts."""
    return [json.loads(file.read_text(encoding="utf-8")) for file in sorted(folder.glob("*.json"))]


def _name(goal: Goal) -> str:
    parts = [f"`{goal.backend}` {goal.op}", goal.dtype.replace("float32", ""), goal.layers]
    return ", ".join(filter(None, parts))


def _lowest(ratios: dict[str, float], floor: float | None) -> str:
    if not ratios:
        return "not measured"
    lowest = min(ratios, key=ratios.__getitem__)
    below = "" if floor is None else f"; {sum(r < floor for r in ratios.values())} of {len(ratios)} below"
    return f"{ratios[lowest]:.2f} {lowest}{below}"


def _conditions(documents: list[Record], devices: list[str]) -> str:
    """Where and with which code it was measured, and what the numbers are."""
    if not documents:
        return "Not measured: no GPU was at hand."
    commits = sorted({document["machine"]["code"]["commit"][:8] or "unknown" for document in documents})
    allocators = sorted({document["allocator"] for document in documents})
    where = f"{documents[0]['machine']['cpu']}, {' and '.join(allocators)} allocator"
    text = (
        f"{' and '.join(devices) or where}, commit {', '.join(commits)}. Geometric "
        "means of paired ratios: the peer's time over ours; float32 unless said otherwise."
    )
    return text + f" Against {_COPY}: share of the copy bandwidth measured there." * bool(devices)


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
                float(row["floor"]) if row["floor"] else None,
                row["layers"],
            )
            for row in csv.DictReader(file)
        ]


def replaced(readme: str, table: str) -> str:
    """The README with the text between the marks exchanged."""
    return words.between(readme, BEGIN, END, table)


def _ratios(documents: list[Record], goal: Goal, threads: int) -> Iterator[tuple[str, float]]:
    for row in (row for document in documents if document["threads"] == threads for row in document["rows"]):
        spec = ConvSpec.parse(row["spec"])
        if (row["op"], row["dtype"]) == (goal.op, goal.dtype) and KINDS[goal.layers](row, spec):
            value = _reached(row, goal)
            if value:
                yield row["shape"], value


def _reached(row: Record, goal: Goal) -> float | None:
    """How many times faster than the peer, on whichever side of the pair; or the share of the copy."""
    if goal.against == _COPY:
        sides = [side for side in "ab" if row[side] == goal.backend and row.get(f"{side}_bound") == "memory"]
        return row[f"{sides[0]}_share"] if sides else None
    if row["ratio"] is None:
        return None
    ratio = float(row["ratio"])
    return {(goal.backend, goal.against): 1 / ratio, (goal.against, goal.backend): ratio}.get((row["a"], row["b"]))


def _mean(ratios: list[float]) -> str:
    if not ratios:
        return "not measured"
    return f"{exp(sum(map(log, ratios)) / len(ratios)):.2f} ({words.plural(len(ratios), 'layer')})"


def main(folder: Path = _FOLDER, readme: Path = _README) -> None:
    """Write the table of `folder` between the marks of `readme`; ends with one line if that cannot be."""
    try:
        text = readme.read_text(encoding="utf-8")
        readme.write_text(replaced(text, markdown(folder)), encoding="utf-8")
    except (OSError, ValueError) as error:
        sys.exit(f"harness: {readme} was left as it is: {error}")


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
