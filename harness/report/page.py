"""Puts tables and charts into one self-contained page: no network, readable without JavaScript.

The tidy records are inlined as strict JSON (no NaN), with `<` escaped: a reason may well contain `</script>`.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import jinja2
import msgspec

from harness.report import standing
from harness.report.measured.load import Data, baseline
from harness.report.measured.pairing import with_ratios
from harness.report.measured.rows import tidy
from harness.report.sections import Part, part
from harness.report.tables.backends import backends_table
from harness.report.tables.machine import ceilings_table, machine_table
from harness.report.tables.table import Table, frame
from harness.results.writing import write_atomically

_GENERATOR = '<meta name="generator" content="im2col-harness report">'


def write_page(data: Data, out: Path) -> Path:
    """Write page, charts and tables into `out`. Returns the page. Raises `OSError` or `ResultsError` if it cannot."""
    parts = [part(data, config) for config in data.configs()]
    sections = [section for found in parts for section in found.sections]
    general = [backends_table(data), machine_table(data), ceilings_table(data)]
    _remove_older(out)
    for table in [*general, *(table for section in sections for table in section.tables)]:
        table.save(out / "tables")
    (out / "figures").mkdir(parents=True, exist_ok=True)
    for chart in (chart for section in sections for chart in section.charts):
        (out / "figures" / f"{chart.name}.png").write_bytes(chart.png)
    index = out / "index.html"
    write_atomically(index, _render(data, parts, general))
    return index


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
        machine=data.machine, parts=parts, general=general, records=records(data), generator=_GENERATOR,
        correctness=standing.correctness(data), right=standing.is_right(data), absent=standing.absent(data),
        failures=standing.failures(data), commits=standing.commits([code.commit], code.dirty),
        written=datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
    )  # fmt: skip


def _remove_older(out: Path) -> None:
    """Delete the files that an older page in `out` links to, and nothing else: a stale table must not stay behind."""
    page = out / "index.html"
    text = page.read_text(encoding="utf-8") if page.is_file() else ""
    if _GENERATOR in text:
        for name in re.findall(r'href="((?:figures|tables)/[\w.-]+\.(?:png|csv|md))"', text):
            (out / name).unlink(missing_ok=True)
