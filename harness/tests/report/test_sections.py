"""The order of the page: for each configuration, the questions with the tables and charts that answer them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from msgspec.structs import replace

from harness.geometry import sweeps
from harness.report.measured.load import Config, Data, load
from harness.report.sections import Part, part
from harness.results.records import Code, StageTime
from harness.tests.helpers.runfiles import CPU, FLAT, make_cell, make_header, write_asv, write_run

_FIRST, _SECOND = "20260101T000000-a", "20260102T000000-b"
_QUESTIONS = [
    "Every backend", "Layer by layer", "im2col", "conv2d", "How far from the machine's limits?",
    "What does it cost in memory?", "What does the first call cost?", "How much faster than plain loops?",
]  # fmt: skip


def _data(results: Path, *, firsts: bool = True, others: tuple[str, ...] = ("mine",), **written: Any) -> Data:
    """Two runs: the older one of two ops with first calls; the newer, on changed code, of one layer again."""
    first: dict[str, Any] = {"first_seconds": 2.0, "first_in_process": firsts}
    cells = [
        make_cell(name, [seconds] * 11, op=op, **first)
        for op in ("im2col", "conv2d") for name, seconds in (("torch_native", 1e-4), *((o, 2e-4) for o in others))
    ]  # fmt: skip
    write_run(results, _FIRST, cells, **written)
    header = make_header(_SECOND, backends=["torch_native"], code=Code(commit="cd" * 20, dirty=True))
    write_run(results, _SECOND, [make_cell("torch_native", FLAT, "net:large", **first)], header=header, finished=False,
              **written)  # fmt: skip
    return load(results)


def _of(data: Data) -> Part:
    (config,) = data.configs()
    return part(data, config)


def _told(found: Part) -> list[tuple[str, list[str], list[str]]]:
    """Title, tables and charts of each section."""
    return [(s.title, [t.name for t in s.tables], [c.name for c in s.charts]) for s in found.sections]


def test_every_question_has_its_tables_and_charts(tmp_path: Path, figures: list[Figure]) -> None:
    found = _of(_data(tmp_path))
    end = "float32-t1-steady"
    assert _told(found) == [
        (_QUESTIONS[0], [f"summary-{end}"], []), (_QUESTIONS[1], [], []),
        ("im2col", [f"times-im2col-{end}"], [f"ratio-im2col-{end}"]),
        ("conv2d", [f"times-conv2d-{end}"], [f"ratio-conv2d-{end}"]),
        (_QUESTIONS[4], [f"throughput-{end}"], [f"roofline-{end}"]), (_QUESTIONS[5], [f"memory-{end}"], []),
        (_QUESTIONS[6], [f"first-calls-{end}", f"break-even-{end}"], [f"first-calls-{end}"]),
        (_QUESTIONS[7], [f"over-naive-{end}", f"claims-{end}"], []),
    ]  # fmt: skip
    assert [s.anchor for s in found.sections if s.tables] == [s.tables[0].name for s in found.sections if s.tables]
    assert [section.text for section in found.sections[:2]] == [
        "Baseline: torch_native. “5.8x faster” means that torch_native takes 5.8 times as long.",
        "Medians, ratios and what is missing.",
    ]
    assert [section.text for section in found.sections[2:]] == [""] * 6
    assert [section.title for section in found.links] == [*_QUESTIONS[:2], *_QUESTIONS[4:]]
    assert found.sections[0].tables[0].title == "Compared with torch_native"


def test_what_was_measured_beside_speed_has_its_places(tmp_path: Path, figures: list[Figure]) -> None:
    """Memory of calls before that of the columns; accuracy; the history, once asv has two commits."""
    more: dict[str, Any] = {
        "peak_bytes": 4096, "error_in_bounds": 0.25, "cold_samples": [2.0], "cold_bytes": 4096,
        "stages": [StageTime(name="pad", seconds=0.5)],
    }  # fmt: skip
    write_run(tmp_path, _FIRST, [make_cell(name, FLAT, op="im2col", **more) for name in ("torch_native", "mine")])
    for day, commit in enumerate(["ab" * 20, "cd" * 20], start=1):
        write_asv(tmp_path / "asv" / "cpu-x_2c2t-t1-steady", commit, day, {("net:small", "torch_native"): 1e-3})
    end = "float32-t1-steady"
    told = {title: (tables, charts) for title, tables, charts in _told(_of(load(tmp_path)))}
    assert told["What does it cost in memory?"] == ([f"measured-memory-{end}", f"memory-{end}"], [])
    assert told["What if the data is not in the caches?"] == ([f"cold-{end}"], [])
    assert told["What is a call made of?"] == ([f"stages-{end}"], [])
    assert told["How large is the numerical error?"] == ([f"accuracy-{end}"], [])
    assert told["Did a commit change anything?"] == ([], [f"history-{end}"])


def test_a_sweep_is_drawn_without_who_is_never_called_the_fastest(tmp_path: Path, figures: list[Figure]) -> None:
    """`sick` is the fastest by far where it has a time, and wrong elsewhere."""
    layers = sweeps.read("sweep:H", list)[:3]
    times = {"torch_native": [1e-3, 2e-3, 9e-3], "mine": [2e-3, 3e-3, 4e-3], "sick": [1e-9, 1e-9]}
    cells = [
        make_cell(name, [seconds] * 3, layer.name, spec=str(layer.spec))
        for name, own in times.items() for layer, seconds in zip(layers, own, strict=False)
    ]  # fmt: skip
    cells.append(make_cell("sick", layer=layers[2].name, spec=str(layers[2].spec), status="fail", reason="wrong"))
    write_run(tmp_path, _FIRST, cells)
    found = _of(load(tmp_path))
    (section,) = (one for one in found.sections if one.title == "How does time grow with H?")
    (table,), (chart,) = section.tables, section.charts
    assert [[cell.text for cell in row] for row in table.rows] == [["conv2d", "torch_native", "torch_native", "mine"]]
    assert table.notes[1:] == ["conv2d: torch_native is the faster, by 5 % at least, up to H = 14, mine from 28 on."]
    assert chart.name == table.name == "sweep-H-float32-t1-steady"
    (figure,) = (figure for figure in figures if figure.texts[0].get_text() == "Along H")
    assert [np.asarray(line.get_xdata()).tolist() for line in figure.axes[0].lines] == [[7, 14, 28]] * 2


def test_the_answer_comes_first(tmp_path: Path, figures: list[Figure]) -> None:
    answer = _of(_data(tmp_path)).answer
    assert answer.sentence == "For conv2d, torch_native is the fastest right backend here; next is mine, 2.0x slower."
    assert [chart.name for chart in answer.charts] == ["fastest-float32-t1-steady"]
    assert answer.fastest is not None
    assert answer.layers is not None
    assert [answer.fastest.name, answer.layers.name] == ["fastest-float32-t1-steady", "layers-float32-t1-steady"]
    assert list(answer.references) == ["torch_native"]


def test_each_chart_has_the_conditions_below_its_title(tmp_path: Path, figures: list[Figure]) -> None:
    _of(_data(tmp_path))
    below = "cpu-x_2c2t, float32, 1 thread, steady allocator, commits abababab and cdcdcdcd + uncommitted changes"
    shown = [[text.get_text() for text in figure.texts] for figure in figures]
    titles = [
        "im2col: time against torch_native", "conv2d: time against torch_native", "Roofline of the convolutions",
        "First call", "Time of each backend against torch_native",
    ]  # fmt: skip
    assert [title in texts and below in texts for title, texts in zip(titles, shown, strict=True)] == [True] * 5


def test_a_backend_looks_the_same_in_every_figure(tmp_path: Path, figures: list[Figure]) -> None:
    """Also one that has no time in most of them."""
    _of(_data(tmp_path, others=("mine", "other")))
    seen: dict[str, set[tuple[str, Any]]] = {}
    for legend in (legend for figure in figures for legend in figure.legends):
        for line in legend.legend_handles:
            if isinstance(line, Line2D) and line.get_marker() != "None":
                seen.setdefault(str(line.get_label()), set()).add((str(line.get_color()), line.get_marker()))
    assert {name.removesuffix(" †"): len(looks) for name, looks in seen.items()} == {
        "mine": 1, "other": 1, "torch_native": 1,
    }  # fmt: skip
    assert len(set.union(*seen.values())) == 3


def test_a_part_says_how_much_was_done_and_how_to_repeat_it(tmp_path: Path, figures: list[Figure]) -> None:
    """Of the newest run of the conditions; the code is that of all cells."""
    found = _of(_data(tmp_path))
    assert found.config == Config(1, "steady", "float32")
    assert found.status == (
        f"Run {_SECOND} is UNFINISHED (the same `harness bench` continues it): 1 of 4 planned cells measured; "
        "3 not reached."
    )
    assert found.commits == "commits abababab and cdcdcdcd + uncommitted changes"
    assert found.commands == [
        "harness bench torch_native --shapes quick --ops im2col,conv2d --dtype float32 --threads 1 --allocator steady "
        "--budget 2",
        "harness report",
    ]


def test_without_a_ceiling_or_another_backend_there_is_no_chart(tmp_path: Path, figures: list[Figure]) -> None:
    found = _of(_data(tmp_path, others=(), firsts=False, ceilings=replace(CPU, threads=2)))
    assert figures == []
    assert [(s.title, len(s.tables), s.text) for s in found.sections if not s.tables or s.text] == [
        (_QUESTIONS[0], 0, "Only torch_native was available."),
        (_QUESTIONS[1], 0, "Medians, ratios and what is missing."),
        (_QUESTIONS[6], 0, "No first call of a process was recorded under these conditions."),
    ]  # fmt: skip
    assert [section.title for section in found.sections] == _QUESTIONS


def test_a_backend_that_was_never_measured_with_the_baseline_has_no_chart_of_ratios(
    tmp_path: Path, figures: list[Figure]
) -> None:
    write_run(tmp_path, _FIRST, [make_cell("torch_native", FLAT)], ceilings=None)
    write_run(tmp_path, _SECOND, [make_cell("mine", FLAT)], ceilings=None)
    assert [charts for *_, charts in _told(_of(load(tmp_path)))] == [[]] * 7
    assert figures == []


def test_conditions_under_which_nothing_was_measured_have_reasons_and_memory_alone(
    tmp_path: Path, figures: list[Figure]
) -> None:
    cells = [make_cell("mine", FLAT), make_cell("mine", status="fail", reason="off", threads=2)]
    write_run(tmp_path, _FIRST, cells)
    found = part(load(tmp_path), Config(2, "steady", "float32"))
    assert [section.title for section in found.sections] == [
        "Layer by layer", "conv2d", "What does it cost in memory?",
    ]  # fmt: skip
    assert found.sections[1].tables[0].rows[0][1].text == "fail, off"
    assert figures == []


@pytest.mark.parametrize(("threads", "drawn"), [(1, 1), (2, 0)])
def test_the_roofline_has_the_ceilings_of_the_same_conditions(
    tmp_path: Path, figures: list[Figure], threads: int, drawn: int
) -> None:
    write_run(tmp_path, _FIRST, [make_cell("mine", FLAT, threads=threads)])
    _of(load(tmp_path))
    assert len(figures) == drawn
