"""Puts tables and figures into one self-contained page: no network, readable without JavaScript.

The tidy records are inlined as strict JSON (no NaN), with `<` escaped: a reason may well contain `</script>`.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import jinja2
import pandas as pd

from harness.report import comparisons, costs, facts, figures, words
from harness.report.figures import Picture
from harness.report.load import Config, Data, baseline
from harness.report.measures import CONVOLUTIONS, with_ratios
from harness.report.tables import Table
from harness.results.run_files import write_atomically

_GENERATOR = '<meta name="generator" content="im2col-harness report">'


@dataclass(frozen=True)
class Block:
    """One question of the reader, with the figures and tables that answer it."""

    title: str
    anchor: str
    tables: Sequence[Table]
    pictures: Sequence[Picture] = ()
    text: str = ""


@dataclass(frozen=True)
class Part:
    """All blocks of one configuration."""

    config: Config
    status: str
    commits: str
    blocks: Sequence[Block]
    commands: Sequence[str]


def write(data: Data, out: Path) -> Path:
    """Write page, figures and tables into `out`. Returns the page. Raises `OSError` or `ResultsError` if it cannot."""
    parts = [_part(data, config) for config in data.configs()]
    general = [facts.backends(data), facts.machine(data), facts.ceilings(data)]
    _remove_older(out)
    for table in [*general, *(table for part in parts for block in part.blocks for table in block.tables)]:
        table.write(out / "tables")
    (out / "figures").mkdir(parents=True, exist_ok=True)
    for picture in (picture for part in parts for block in part.blocks for picture in block.pictures):
        (out / "figures" / f"{picture.name}.png").write_bytes(picture.png)
    index = out / "index.html"
    write_atomically(index, _render(data, parts, general))
    return index


def records(data: Data) -> str:
    """All cells of all configurations, without their samples, as JSON that is safe inside a script element."""
    found = []
    for config in data.configs():
        cells = data.select(config)
        base = baseline(cells)
        frame = comparisons.tidy(with_ratios(cells, data, base)).assign(
            baseline=base, threads=config.threads, allocator=config.allocator, dtype=config.dtype
        )
        found += json.loads(frame.to_json(orient="records", double_precision=15))
    text = json.dumps({"schema": 1, "machine": data.machine, "records": found}, allow_nan=False)
    return text.replace("<", "\\u003c")


def _part(data: Data, config: Config) -> Part:
    plain = data.select(config)
    base = baseline(plain)
    cells = with_ratios(plain, data, base)
    commits = words.commits(list(cells["commit"]), bool(cells["dirty"].any()))
    title = f"{data.machine['name']}, {config}, {commits}"
    ops = [_op(cells, str(op), base, config, title) for op in dict.fromkeys(cells["op"])]
    memory = costs.memory(cells, config)
    blocks = [*ops, Block("What do explicit columns cost in memory?", memory.name, [memory])]
    if base:
        blocks = [
            _summary(cells, base, config), *ops, _throughput(cells, data, config, title), _claims(cells, data, config),
            blocks[-1], _first_call(cells, data, base, config),
        ]  # fmt: skip
    status = facts.completeness(data.last_run(config))
    return Part(config, status, commits, blocks, facts.commands(data, config))


def _summary(cells: pd.DataFrame, base: str, config: Config) -> Block:
    table = comparisons.summary(cells, base, config)
    if len(table.header) == 1:
        return Block("Which backend is the fastest?", table.name, [], [], f"Only {base} was available.")
    text = f"Baseline: {base}. “5.8x faster” means that {base} takes 5.8 times as long."
    return Block("Which backend is the fastest?", table.name, [table], [], text)


def _op(cells: pd.DataFrame, op: str, base: str, config: Config, title: str) -> Block:
    table = comparisons.times(cells, op, base, config)
    of_op = cells[cells.op == op]
    pictures = []
    if (of_op.loc[of_op.backend != base, "pairs"] > 0).any():
        pictures = figures.ratios(of_op, base, f"{op}: time against {base}\n{title}", f"ratio-{op}-{config.slug}")
    return Block(op, table.name, [table], pictures)


def _throughput(cells: pd.DataFrame, data: Data, config: Config, title: str) -> Block:
    table, ceilings = costs.throughput(cells, data, config), data.ceilings(config)
    rates, pictures = table.frame, []
    drawn = rates["op"].isin(CONVOLUTIONS) & rates["compute_share"].notna() & (rates["device"] == "")
    if ceilings and drawn.any():
        heading, name = f"Roofline of the convolutions\n{title}", f"roofline-{config.slug}"
        pictures.append(figures.roofline(rates, ceilings, config.dtype, heading, name))
    return Block("How far from the machine's limits?", table.name, [table], pictures)


def _claims(cells: pd.DataFrame, data: Data, config: Config) -> Block:
    tables = [comparisons.over_naive(cells, data, config), comparisons.claims(cells, data, config)]
    return Block("How much faster than plain loops?", tables[0].name, tables)


def _first_call(cells: pd.DataFrame, data: Data, base: str, config: Config) -> Block:
    table = costs.first_calls(cells, data, base, config)
    known = len(table.frame) > 0
    text = "" if known else "No first call of a process was recorded under these conditions."
    return Block("What does the first call cost?", table.name, [table] if known else [], [], text)


def _render(data: Data, parts: Sequence[Part], general: Sequence[Table]) -> str:
    loader = jinja2.PackageLoader("harness.report", ".")
    environment = jinja2.Environment(
        loader=loader, autoescape=True, trim_blocks=True, lstrip_blocks=True, undefined=jinja2.StrictUndefined
    )
    environment.filters["data_uri"] = lambda png: "data:image/png;base64," + base64.b64encode(png).decode("ascii")
    code = data.runs[-1].header["code"]
    return environment.get_template("page.html.j2").render(
        machine=data.machine, parts=parts, general=general, records=records(data), generator=_GENERATOR,
        correctness=facts.correctness(data), right=facts.is_right(data), absent=facts.absent(data),
        failures=facts.failures(data), commits=words.commits([code["commit"]], bool(code["dirty"])),
        written=datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
    )  # fmt: skip


def _remove_older(out: Path) -> None:
    """Delete the files that an older page in `out` links to, and nothing else: a stale table must not stay behind."""
    page = out / "index.html"
    text = page.read_text(encoding="utf-8") if page.is_file() else ""
    if _GENERATOR in text:
        for name in re.findall(r'href="((?:figures|tables)/[\w.-]+\.(?:png|csv|md))"', text):
            (out / name).unlink(missing_ok=True)
