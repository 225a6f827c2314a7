"""Puts tables and charts into one self-contained page: no network, readable without scripts."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from harness.report import folder, standing
from harness.report.answer.set_aside import asides
from harness.report.charts.drawing import COLOURS
from harness.report.measured.load import Data
from harness.report.sections import Part, part
from harness.report.tables.backends import backends_table
from harness.report.tables.machine import ceilings_table, machine_table
from harness.report.tables.table import Table
from harness.report.web import environment

_MOST_BYTES = 2_600_000  # of tables and figures within the page


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
    pages.filters["number"] = _number
    return pages.get_template("page.html.j2").render(
        machine=data.machine, parts=parts, general=general, generator=folder.GENERATOR, colours=COLOURS,
        correctness=standing.correctness(data).removeprefix("Correctness: "), right=standing.is_right(data),
        asides=asides(data), shown=_shown(pages.get_template("table.html.j2").module, parts, general),
        written=datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
    )  # fmt: skip


def _shown(macros: Any, parts: Sequence[Part], general: Sequence[Table]) -> dict[str, str]:
    """Every table and figure as HTML, by folder and name; as links, where the page has no more room."""
    shown: dict[str, str] = {}
    left = _MOST_BYTES
    for one in (*general, *(one for found in parts for one in found.in_order)):
        if isinstance(one, Table):
            name, whole, short = f"tables/{one.name}", macros.show, macros.only_linked
        else:
            name, whole, short = f"figures/{one.name}", macros.draw, macros.only_named
        text = whole(one)
        size = len(text.encode())
        shown[name] = text if size <= left else short(one)
        left -= size if size <= left else 0
    return shown


def _number(value: float) -> str:
    """As scripts read it back: every digit."""
    return "Infinity" if value == math.inf else repr(value)
