"""The short table of the README: one line an op, one column a backend, from the committed results alone.

`python -m harness.report.headline MACHINE` writes it between the marks in README.md; a test compares the two.
"""

from __future__ import annotations

import sys
from collections.abc import Hashable
from pathlib import Path
from typing import Any

from harness.report import comparisons, words
from harness.report.load import Data, baseline, load
from harness.report.measures import with_ratios

BEGIN, END = "<!-- table -->\n", "<!-- /table -->"


def markdown(data: Data) -> str:
    """Geometric means against the baseline over the layers that both were measured on; their number in brackets.

    Of the configuration with most cells.
    """
    config = max(data.configs(), key=lambda found: len(data.select(found)))
    plain = data.select(config)
    base = baseline(plain)
    frame = comparisons.summary(with_ratios(plain, data, base), base, config).frame
    names = list(dict.fromkeys(frame["backend"]))
    lines = [
        f"| time against `{base}` | {' | '.join(f'`{name}`' for name in names)} |",
        "| --- " * (len(names) + 1) + "|",
    ]
    for op, of_op in frame.groupby("op", sort=False):
        found = {row["backend"]: row for row in of_op.to_dict("records")}
        lines.append(f"| {op} | {' | '.join(_words(found[name]) for name in names)} |")
    commits = words.commits(list(plain["commit"]), bool(plain["dirty"].any()))
    note = "Geometric means of paired ratios; in brackets, the number of layers that both were measured on"
    lines += ["", f"{data.machine['cpu']}, {config}, {commits}. {note} (the rest would take too long)."]
    return "\n".join(lines) + "\n"


def replaced(readme: str, table: str) -> str:
    """The README with the text between the marks exchanged."""
    return words.between(readme, BEGIN, END, table)


def _words(row: dict[Hashable, Any]) -> str:
    ratio = row["geomean_ratio"]
    if not words.present(ratio):
        return "not measured"
    return f"{words.compared(float(ratio))} ({row['layers']})"


if __name__ == "__main__":
    path = Path("README.md")
    path.write_text(replaced(path.read_text(encoding="utf-8"), markdown(load(Path("results"), sys.argv[1]))))
