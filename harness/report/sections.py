"""The page's order: for each configuration the reader's questions, each with the charts and tables that answer it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from harness.report import standing
from harness.report.charts.drawing import Chart
from harness.report.charts.ratios import ratio_charts
from harness.report.charts.roofline import roofline_chart
from harness.report.measured.grouping import by_op
from harness.report.measured.load import Config, Data, baseline
from harness.report.measured.pairing import with_ratios
from harness.report.measured.rows import Row
from harness.report.tables.first_calls import first_call_table, first_calls
from harness.report.tables.memory import memory_table
from harness.report.tables.speedups import claims_table, naive_table
from harness.report.tables.summary import summary_table
from harness.report.tables.table import Table
from harness.report.tables.throughput import throughput_table, throughputs
from harness.report.tables.times import times_table


@dataclass(frozen=True)
class Section:
    """One question of the reader; `anchor` is its name in links."""

    title: str
    anchor: str
    tables: Sequence[Table]
    charts: Sequence[Chart] = ()
    text: str = ""


@dataclass(frozen=True)
class Part:
    """All sections of one configuration."""

    config: Config
    status: str
    commits: str
    sections: Sequence[Section]
    commands: Sequence[str]


def part(data: Data, config: Config) -> Part:
    """What the page says of one configuration."""
    return _Writer(data, config).part()


class _Writer:
    """The cells of one configuration with their ratios, and the title of its charts."""

    def __init__(self, data: Data, config: Config) -> None:
        plain = data.select(config)
        self._data, self._config, self._base = data, config, baseline(plain)
        self._rows = with_ratios(plain, data, self._base)
        self._commits = standing.commits_of(plain)
        self._title = f"{data.machine.name}, {config}, {self._commits}"

    def part(self) -> Part:
        ops = [self._op(op, of_op) for op, of_op in by_op(self._rows).items()]
        sections = [*ops, self._memory()]
        if self._base:
            sections = [
                self._summary(), *ops, self._throughput(), self._speedups(), self._memory(), self._first_call(),
            ]  # fmt: skip
        run = self._data.last_run(self._config)
        return Part(self._config, standing.completeness(run), self._commits, sections, standing.commands(run))

    def _summary(self) -> Section:
        table = summary_table(self._rows, self._base, self._config)
        if len(table.header) == 1:
            return Section("Which backend is the fastest?", table.name, [], [], f"Only {self._base} was available.")
        text = f"Baseline: {self._base}. “5.8x faster” means that {self._base} takes 5.8 times as long."
        return Section("Which backend is the fastest?", table.name, [table], [], text)

    def _op(self, op: str, of_op: Sequence[Row]) -> Section:
        table = times_table(of_op, op, self._base, self._config)
        charts: list[Chart] = []
        if any(row.ratio for row in of_op if row.cell.backend != self._base):
            title = f"{op}: time against {self._base}\n{self._title}"
            charts = ratio_charts(of_op, self._base, title, f"ratio-{op}-{self._config.slug}")
        return Section(op, table.name, [table], charts)

    def _throughput(self) -> Section:
        found = throughputs(self._rows, self._data, self._config)
        table = throughput_table(self._rows, found, self._data, self._config)
        ceilings, chart = self._data.cpu_ceilings(self._config), None
        if ceilings:
            title, name = f"Roofline of the convolutions\n{self._title}", f"roofline-{self._config.slug}"
            chart = roofline_chart(found, ceilings, self._config.dtype, title, name)
        return Section("How far from the machine's limits?", table.name, [table], [chart] if chart else [])

    def _speedups(self) -> Section:
        measured = self._rows, self._data, self._config
        tables = [naive_table(*measured), claims_table(*measured)]
        return Section("How much faster than plain loops?", tables[0].name, tables)

    def _memory(self) -> Section:
        table = memory_table(self._rows, self._config)
        return Section("What do explicit columns cost in memory?", table.name, [table])

    def _first_call(self) -> Section:
        found = first_calls(self._rows, self._data, self._base)
        table = first_call_table(self._rows, found, self._base, self._config)
        text = "" if found else "No first call of a process was recorded under these conditions."
        return Section("What does the first call cost?", table.name, [table] if found else [], [], text)
