"""Puts tables and charts into one self-contained page: no network, readable without scripts."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from harness.report import folder, standing
from harness.report.answer.set_aside import asides
from harness.report.charts.drawing import COLOURS
from harness.report.measured.load import Data
from harness.report.sections import Part, part
from harness.report.tables.backends import backends_table
from harness.report.tables.machine import ceilings_table, machine_table
from harness.report.tables.table import Table
from harness.report.web import environment


def write_page(data: Data, out: Path) -> Path:
    """Write page, charts and tables into `out`. Returns the page. Raises `OSError` or `ResultsError` if it cannot."""
    main = data.most_measured()
    parts = [part(data, config) for config in (main, *(config for config in data.configs() if config != main))]
    general = [backends_table(data), machine_table(data), ceilings_table(data)]
    files: dict[str, str | bytes] = {}
    for table in [*general, *(table for found in parts for table in found.tables)]:
        files |= {f"tables/{table.name}.csv": table.csv(), f"tables/{table.name}.md": table.markdown()}
    for chart in (chart for found in parts for chart in found.charts):
        files[f"figures/{chart.name}.png"] = chart.png
    return folder.write(out, _render(data, parts, general), files)


def _render(data: Data, parts: Sequence[Part], general: Sequence[Table]) -> str:
    pages = environment("harness.report", "web")
    pages.filters["number"] = lambda value: "Infinity" if value == float("inf") else repr(value)
    return pages.get_template("page.html.j2").render(
        machine=data.machine, parts=parts, general=general, generator=folder.GENERATOR, colours=COLOURS,
        correctness=standing.correctness(data).removeprefix("Correctness: "), right=standing.is_right(data),
        asides=asides(data), written=datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
    )  # fmt: skip
