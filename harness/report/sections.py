"""The page's order: for each configuration the answer, then the reader's questions with their charts and tables."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

from harness.report import standing
from harness.report.answer.fastest import fastest, fastest_table, sentence
from harness.report.answer.right import barred
from harness.report.answer.sureness import sureness
from harness.report.answer.your_layer import layer_table
from harness.report.charts.drawing import Chart, looks
from harness.report.charts.first_calls import first_call_chart
from harness.report.charts.history import history_chart
from harness.report.charts.overview import overview_chart
from harness.report.charts.ratios import ratio_charts
from harness.report.charts.roofline import roofline_chart
from harness.report.charts.sweeps import sweep_chart
from harness.report.charts.threads import thread_chart
from harness.report.measured.grouping import by_op
from harness.report.measured.load import Config, Data, baseline, references
from harness.report.measured.pairing import with_ratios
from harness.report.measured.rows import Row
from harness.report.one_call.cold import cold_table
from harness.report.one_call.stages import stages_table
from harness.report.scaling.sweeps import sweep_table, sweeps
from harness.report.scaling.threads import thread_speedups, thread_table
from harness.report.tables.accuracy import accuracy_table
from harness.report.tables.first_calls import break_even_table, first_call_table, first_calls
from harness.report.tables.memory import measured_memory_table, memory_table
from harness.report.tables.networks import networks_table
from harness.report.tables.speedups import claims_table, naive_table
from harness.report.tables.summary import summary_table
from harness.report.tables.table import Table
from harness.report.tables.throughput import throughput_table, throughputs
from harness.report.tables.times import times_table
from harness.report.training import curves
from harness.report.training import tables as training_tables
from harness.results.training import records as training_records
from harness.results.writing import ResultsError


@dataclass(frozen=True)
class Section:
    """One question of the reader; `anchor` is its name in links; `folded` is what is shown only when asked for."""

    title: str
    anchor: str
    tables: Sequence[Table] = ()
    charts: Sequence[Chart] = ()
    text: str = ""
    folded: Literal["nothing", "tables", "all"] = "tables"


@dataclass(frozen=True)
class Answer:
    """What a configuration says first: one sentence, one figure, one table, and what to filter for one's own layer."""

    sentence: str
    charts: Sequence[Chart] = ()
    sureness: str = ""
    fastest: Table | None = None
    layers: Table | None = None
    references: Sequence[str] = ()


@dataclass(frozen=True)
class Part:
    """All that is said of one configuration."""

    config: Config
    status: str
    commits: str
    answer: Answer
    sections: Sequence[Section]
    commands: Sequence[str] = field(default_factory=list)

    @property
    def in_order(self) -> list[Table | Chart]:
        """All tables and charts, what is most asked for first."""
        found: list[Table | Chart] = [*self.answer.charts]
        found += [table for table in (self.answer.fastest, self.answer.layers) if table]
        for section in self.sections:
            found += [*section.tables, *section.charts]
        return found

    @property
    def tables(self) -> list[Table]:
        """Those that are written to files."""
        return [one for one in self.in_order if isinstance(one, Table)]

    @property
    def links(self) -> list[Section]:
        """What the page's list of contents names."""
        return [section for section in self.sections if section.folded != "all"]

    @property
    def charts(self) -> list[Chart]:
        """The same of the figures."""
        return [one for one in self.in_order if isinstance(one, Chart)]


def part(data: Data, config: Config) -> Part:
    """What the page says of one configuration."""
    return _Writer(data, config).part()


class _Writer:
    """The cells of one configuration with their ratios, and the second line of its charts' titles."""

    def __init__(self, data: Data, config: Config) -> None:
        plain = data.select(config)
        self._data, self._config, self._base = data, config, baseline(plain)
        self._over = {name: with_ratios(plain, data, name) for name in references(plain)}
        self._rows = self._over.get(self._base, plain)
        self._looks = looks(row.cell.backend for row in data.rows)  # one for the whole page
        self._commits = standing.commits_of(plain)
        self._title = f"{data.machine.name}, {config}, {self._commits}"

    def part(self) -> Part:
        ops = [
            Section(
                "Layer by layer", f"layer-by-layer-{self._config.slug}", text="Medians, ratios and what is missing."
            )
        ]
        ops += [self._op(op, of_op) for op, of_op in by_op(self._rows).items()]
        sections = [*ops, self._memory()]
        if self._base:
            sections = [
                self._summary(), self._networks(), *ops, self._throughput(), self._threads(), *self._sweeps(),
                self._memory(), self._first_call(), self._cold(), self._stages(), self._accuracy(), self._speedups(),
                self._history(),
            ]  # fmt: skip
        if self._config == self._data.most_measured():  # a training run is in float64, whatever was measured
            sections.append(self._training())
        run = self._data.last_run(self._config)
        told = [section for section in sections if section.tables or section.charts or section.text]
        status, commands = standing.completeness(run), standing.commands(run)
        return Part(self._config, status, self._commits, self._answer(), told, commands)

    def _answer(self) -> Answer:
        if not self._base:
            return Answer(sentence([]))
        out = barred(self._rows, self._data)
        found = fastest(self._over, out)
        title = f"Time of each backend against {self._base}\n{self._title}"
        chart = overview_chart(self._rows, self._base, title, f"fastest-{self._config.slug}", self._looks)
        return Answer(
            sentence(found), [chart] if chart else [], sureness(self._rows, self._base),
            fastest_table(found, list(self._over), self._config), layer_table(self._over, out, self._config),
            list(self._over),
        )  # fmt: skip

    def _summary(self) -> Section:
        table = summary_table(self._rows, self._base, self._config)
        if len(table.header) == 1:
            return Section("Every backend", table.name, text=f"Only {self._base} was available.")
        text = f"Baseline: {self._base}. “5.8x faster” means that {self._base} takes 5.8 times as long."
        return Section("Every backend", table.name, [table], [], text, folded="nothing")

    def _networks(self) -> Section:
        table = networks_table(self._rows, self._data, self._config)
        return Section(
            "Which backend for a whole network?", table.name, [table] if table.rows else [], folded="nothing"
        )

    def _op(self, op: str, of_op: Sequence[Row]) -> Section:
        table = times_table(of_op, op, self._base, self._config)
        charts: list[Chart] = []
        if any(row.ratio for row in of_op if row.cell.backend != self._base):
            title = f"{op}: time against {self._base}\n{self._title}"
            charts = ratio_charts(of_op, self._base, title, f"ratio-{op}-{self._config.slug}", self._looks)
        return Section(op, table.name, [table], charts, folded="all")

    def _throughput(self) -> Section:
        found = throughputs(self._rows, self._data, self._config)
        table = throughput_table(self._rows, found, self._data, self._config)
        ceilings, chart = self._data.cpu_ceilings(self._config), None
        if ceilings:
            title, name = f"Roofline of the convolutions\n{self._title}", f"roofline-{self._config.slug}"
            chart = roofline_chart(found, ceilings, self._config.dtype, title, name, self._looks)
        return Section("How far from the machine's limits?", table.name, [table], [chart] if chart else [])

    def _threads(self) -> Section:
        dtype, allocator = self._config.dtype, self._config.allocator
        found, title = thread_speedups(self._data, dtype, allocator), "What do more threads bring?"
        if not found or self._config != self._data.first_of(dtype, allocator):
            return Section(title, "")
        table = thread_table(found, dtype, allocator)
        head = (
            f"Faster with {max(one.threads for one in found)} threads\n{self._data.machine.name}, {dtype}, {allocator}"
        )
        return Section(title, table.name, [table], [thread_chart(found, head, table.name, self._looks)])

    def _sweeps(self) -> list[Section]:
        found, out = [], barred(self._rows, self._data)
        right = [row for row in self._rows if (row.cell.op, row.cell.backend) not in out]
        for number, sweep in enumerate(sweeps(right)):
            table = sweep_table(sweep, number, self._config)
            chart = sweep_chart(sweep, f"Along {sweep.axis}\n{self._title}", table.name, self._looks)
            found.append(Section(f"How does time grow with {sweep.axis}?", table.name, [table], [chart]))
        return found

    def _speedups(self) -> Section:
        measured = self._rows, self._data, self._config
        tables = [naive_table(*measured), claims_table(*measured)]
        return Section("How much faster than plain loops?", tables[0].name, tables)

    def _memory(self) -> Section:
        table, measured = memory_table(self._rows, self._config), measured_memory_table(self._rows, self._config)
        tables = [measured, table] if measured.rows else [table]
        return Section("What does it cost in memory?", table.name, tables)

    def _cold(self) -> Section:
        table = cold_table(self._rows, self._config)
        return Section("What if the data is not in the caches?", table.name, [table] if table.rows else [])

    def _stages(self) -> Section:
        table = stages_table(self._rows, self._config)
        return Section("What is a call made of?", table.name, [table] if table.rows else [])

    def _accuracy(self) -> Section:
        table = accuracy_table(self._rows, self._config)
        return Section("How large is the numerical error?", table.name, [table] if table.rows else [])

    def _training(self) -> Section:
        """What `harness train --json results/train.json` has left, if it was on this machine."""
        title = "Does a network learn the same on every backend?"
        try:
            found = training_records.read(self._data.results / "train.json") if self._data.results else None
        except ResultsError as error:
            return Section(title, curves.NAME, text=f"Left out: {error}.")
        if found is None or found.machine.name != self._data.machine.name:
            return Section(title, curves.NAME)
        chart, table = curves.training_chart(found), training_tables.training_table(found)
        tables = [table, training_tables.times_table(found)] if found.times else [table]
        return Section(title, curves.NAME, tables, [chart] if chart else [])

    def _history(self) -> Section:
        """Of the times that asv has kept under these conditions; two commits are the fewest that are a history."""
        name = f"history-{self._config.slug}"
        found = [one for one in self._data.history(self._config) if len(one.points) > 1]
        chart = history_chart(found, f"Time of a call over commits\n{self._title}", name, self._looks)
        return Section("Did a commit change anything?", name, [], [chart] if chart else [])

    def _first_call(self) -> Section:
        title, found = "What does the first call cost?", first_calls(self._rows, self._data, self._base)
        table = first_call_table(self._rows, found, self._config)
        if not found:
            return Section(title, table.name, text="No first call of a process was recorded under these conditions.")
        head = f"First call\n{self._title}"
        chart = first_call_chart(found, self._base, head, table.name, self._looks)
        tables = [table, break_even_table(self._rows, found, self._base, self._config)]
        return Section(title, table.name, tables, [chart] if chart else [])
