"""The short table of the README: one line an op, one column a backend, from the committed results alone.

`python -m harness.report.headline MACHINE` writes it between the marks in README.md; a test compares the two.
"""

from __future__ import annotations

import sys
from pathlib import Path

from harness.report import standing
from harness.report.measured.grouping import grouped
from harness.report.measured.load import Data, baseline, load
from harness.report.measured.pairing import with_ratios
from harness.report.readme import Marks
from harness.report.tables.summary import Summary, summaries
from harness.results import words

MARKS = Marks("<!-- table -->\n", "<!-- /table -->")


def markdown(data: Data) -> str:
    """Geometric means against the baseline over the layers that both were measured on; their number in brackets.

    Of the configuration with most cells.
    """
    config = data.most_measured()
    plain = data.select(config)
    base = baseline(plain)
    found = summaries(with_ratios(plain, data, base), base)
    names = list(dict.fromkeys(summary.backend for summary in found))
    lines = [
        f"| time against `{base}` | {' | '.join(f'`{name}`' for name in names)} |",
        "| --- " * (len(names) + 1) + "|",
    ]
    for op, of_op in grouped(found, lambda summary: summary.op).items():
        said = {summary.backend: _said(summary) for summary in of_op}
        lines.append(f"| {op} | {' | '.join(said[name] for name in names)} |")
    note = "Geometric means of paired ratios; in brackets, the number of layers that both were measured on"
    conditions = f"{data.machine.cpu}, {config}, {standing.commits_of(plain)}"
    return "\n".join([*lines, "", f"{conditions}. {note} (the rest would take too long)."]) + "\n"


def _said(summary: Summary) -> str:
    if summary.geomean_ratio is None:
        return "not measured"
    return f"{words.compared(summary.geomean_ratio)} ({summary.layers})"


if __name__ == "__main__":
    path = Path("README.md")
    table = markdown(load(Path("results"), sys.argv[1]))
    path.write_text(MARKS.replaced(path.read_text(encoding="utf-8"), table), encoding="utf-8")
