"""Puts tables and charts into one self-contained page: no network, readable without JavaScript.

The tidy records are inlined as strict JSON (no NaN), with `<` escaped: a reason may well contain `</script>`.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import jinja2
import msgspec

from harness.report import folder, standing
from harness.report.measured.load import Data, baseline
from harness.report.measured.pairing import with_ratios
from harness.report.measured.rows import tidy
from harness.report.sections import Part, part
from harness.report.tables.backends import backends_table
from harness.report.tables.machine import ceilings_table, machine_table
from harness.report.tables.table import Table, frame


def write_page(data: Data, out: Path) -> Path:
    """Write page, charts and tables into `out`. Returns the page. Raises `OSError` or `ResultsError` if it cannot."""
    parts = [part(data, config) for config in data.configs()]
    sections = [section for found in parts for section in found.sections]
    general = [backends_table(data), machine_table(data), ceilings_table(data)]
    files: dict[str, str | bytes] = {}
    for table in [*general, *(table for section in sections for table in section.tables)]:
        files |= {f"tables/{table.name}.csv": table.csv(), f"tables/{table.name}.md": table.markdown()}
    for chart in (chart for section in sections for chart in section.charts):
        files[f"figures/{chart.name}.png"] = chart.png
    return folder.write(out, _render(data, parts, general), files)


def records(data: Data) -> str:
    """All cells of all configurations, without their samples, as JSON that is safe inside a script element."""
    found = []
    for config in data.configs():
        plain = data.select(config)
        base = baseline(plain)
        cells = frame(tidy(row) for row in with_ratios(plain, data, base)).assign(
            baseline=base, threads=config.threads, allocator=config.allocator, dtype=config.dtype
        )
        found += json.loads(cells.to_json(orient="records", double_precision=15))
    document = {"schema": 1, "machine": msgspec.to_builtins(data.machine), "records": found}
    return json.dumps(document, allow_nan=False).replace("<", "\\u003c")


def _render(data: Data, parts: Sequence[Part], general: Sequence[Table]) -> str:
    loader = jinja2.PackageLoader("harness.report", ".")
    environment = jinja2.Environment(
        loader=loader, autoescape=True, trim_blocks=True, lstrip_blocks=True, undefined=jinja2.StrictUndefined
    )
    environment.filters["data_uri"] = lambda png: "data:image/png;base64," + base64.b64encode(png).decode("ascii")
    code = data.runs[-1].header.code
    return environment.get_template("page.html.j2").render(
        machine=data.machine, parts=parts, general=general, records=records(data), generator=folder.GENERATOR,
        correctness=standing.correctness(data), right=standing.is_right(data), absent=standing.absent(data),
        failures=standing.failures(data), left_out=data.left_out, commits=standing.commits([code.commit], code.dirty),
        written=datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
    )  # fmt: skip
