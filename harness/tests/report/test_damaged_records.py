"""Whatever a record or a verdict holds, it is shown, or its file is named in one line and left out."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from harness import report
from harness.contract.status import CellStatus
from harness.report import standing
from harness.report.charts import drawing
from harness.report.charts.drawing import Chart
from harness.report.measured.load import load
from harness.results.records import Ceilings
from harness.results.writing import ResultsError
from harness.tests.helpers.damaged import (
    BAD,
    GOOD,
    LINES,
    RECORDS,
    beside_a_good_one,
    left_out_alone,
    write_good,
)
from harness.tests.helpers.runfiles import CPU, FLAT, MACHINE, make_cell, make_header, write_lines, write_run

pytestmark = pytest.mark.heavy

_OFTEN = settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))


# -- records with values that no table could show ----------------------------------------------------------------------


def _changed(place: int, **fields: Any) -> bytes:
    """The file with other fields in one of its lines."""
    line = {**msgspec.to_builtins(RECORDS[place]), **fields}
    return "".join((json.dumps(line) if i == place else text) + "\n" for i, text in enumerate(LINES)).encode()


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (_changed(3, run="another"), f"the cell of torch_native, conv2d on net:large is of run 'another', and the file "
         f"of run '{BAD}'"),
        (_changed(4, dtype="../../x"), "the cell of mine, conv2d on net:large has dtype '../../x', which must be among "
         "float16, float32, float64, int32, int64"),
        (_changed(4, allocator="../x"), "the cell of mine, conv2d on net:large has allocator '../x', which must be a "
         "name"),
        (_changed(4, allocator="x\n"), "the cell of mine, conv2d on net:large has allocator 'x\\n', which must be a "
         "name"),
        (_changed(4, allocator="x" * 33), "the cell of mine, conv2d on net:large has allocator"),
        (_changed(5, spec="wide"), "the cell of mine, conv2d on net:small: spec 'wide' is not of the form"),
        (_changed(5, spec="n1c2h6w6_f4kh9kw3"), "the cell of mine, conv2d on net:small: "),
        (_changed(0, plan={**msgspec.to_builtins(RECORDS[0])["plan"], "specs": ["wide"]}), "its plan: spec 'wide' is"),
        (_changed(2, copy_gbs={"cache": 3.0}), "the ceilings of the CPU lack the copy dram"),
        (_changed(2, copy_bytes={"dram": 3}, device="card"), "the ceilings of card lack the copy cache"),
        (_changed(2, copy_bytes={"dram": 3, "cache": 0}), "the ceilings of the CPU lack the copy cache"),
    ],
)  # fmt: skip
def test_a_record_that_no_table_could_show_is_named(tmp_path: Path, content: bytes, said: str) -> None:
    assert left_out_alone(tmp_path, content).startswith(f" cannot be used: {said}")


@pytest.mark.parametrize(
    ("place", "fields", "said"),
    [
        (3, {"samples": [0.0]}, ">= 1e-12 - at `$.samples[0]`"),
        (3, {"samples": [1.0, 1e10]}, "<= 1000000000.0 - at `$.samples[1]`"),
        (3, {"threads": 0}, ">= 1 - at `$.threads`"),
        (3, {"threads": 2**21}, "<= 1048576 - at `$.threads`"),
        (3, {"op": "conv3d"}, "'conv3d' - at `$.op`"),
        (3, {"checked_points": -1}, "`$.checked_points`"),
        (3, {"repetitions": 2**53}, "`$.repetitions`"),
        (4, {"first_seconds": 0.0}, "`$.first_seconds`"),
        (5, {"predicted_seconds": -1.0}, "`$.predicted_seconds`"),
        (1, {"load_seconds": -1.0}, "`$.load_seconds`"),
        (2, {"copy_gbs": {"cache": 0.0, "dram": 1.0}}, "> 0.0 - at `$.copy_gbs[...]`"),
        (2, {"matmul_gflops": {"float32": -1.0}}, "`$.matmul_gflops[...]`"),
        (0, {"plan": 7}, "`$.plan`"),
        (0, {"machine": {**msgspec.to_builtins(make_header("x").machine), "cores": "two"}}, "`$.machine.cores`"),
    ],
)
def test_a_value_out_of_its_range_is_named_by_its_field(
    tmp_path: Path, place: int, fields: dict[str, Any], said: str
) -> None:
    line = left_out_alone(tmp_path, _changed(place, **fields))
    assert line.startswith(f": line {place + 1} is not a result record (")
    assert line.endswith(f"{said})")


_ANY = st.recursive(
    st.none() | st.booleans() | st.integers() | st.integers(2**62, 2**70) | st.floats() | st.text()
    | st.sampled_from(["", "ok", "mine", "\0", "</script>", "$\\frac$", "\ud800", "x" * 70_000, 1e308, -1, 10**400]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=4,
)  # fmt: skip
_FIELDS = [(i, name) for i, line in enumerate(LINES) for name in json.loads(line)]
_DEEPER = [(0, up, name) for up in ("plan", "machine", "code") for name in json.loads(LINES[0])[up]]


@given(st.sampled_from([(i, name, None) for i, name in _FIELDS] + _DEEPER), _ANY)
@settings(_OFTEN, max_examples=40)
def test_whatever_a_field_holds_the_page_is_written(
    tmp_path: Path, place: tuple[int, str, str | None], value: Any
) -> None:
    """Left out or shown: never a traceback. The pictures are drawn, but not made into PNG, which is slow."""
    number, field, inner = place
    line = json.loads(LINES[number])
    (line if inner is None else line[field])[field if inner is None else inner] = value
    content = "".join((json.dumps(line) if i == number else text) + "\n" for i, text in enumerate(LINES))
    data, path = beside_a_good_one(tmp_path, content.encode())
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(drawing, "chart", lambda name, alt, figure: Chart(name, alt, b"\x89PNG", "<svg></svg>"))
        page = report.write_report(path.parents[2], path.parents[2] / "out").read_text(encoding="utf-8")
    assert "float32, 1 thread, steady allocator" in page
    assert len(data.left_out) == page.count("<b>Left out</b>: 1 file")


# -- what is said ------------------------------------------------------------------------------------------------------


def test_each_file_that_was_left_out_is_told_once_and_stands_on_the_page(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(drawing, "chart", lambda name, alt, figure: Chart(name, alt, b"\x89PNG", "<svg></svg>"))
    path = write_good(tmp_path)
    (path.parent / "<b>.jsonl").mkdir()
    (path.parent / "c.jsonl").write_text("")
    (tmp_path / "conformance.json").write_text("7")
    said: list[str] = []
    page = report.write_report(tmp_path, tmp_path / "out", None, said.append).read_text()
    assert said == [
        f"{path.parent}/<b>.jsonl is a folder",
        f"{path.parent}/c.jsonl does not begin with the header of a run",
        f"'{tmp_path}/conformance.json' is no record of `harness check --json`: Expected `array`, got `int`",
    ]
    assert '<details class="aside fail"><summary><b>Left out</b>: 3 files</summary>' in page
    assert f"<li>{path.parent}/&lt;b&gt;.jsonl is a folder</li>\n<li>{path.parent}/c.jsonl does not begin" in page


def test_what_was_left_out_may_have_been_a_failure_so_the_page_is_not_green(tmp_path: Path) -> None:
    path = write_run(tmp_path, GOOD, [make_cell("torch_native", FLAT)])
    (tmp_path / "conformance.json").write_text('[{"backend": "torch_native", "verdict": "pass"}]')
    assert standing.is_right(load(tmp_path))
    (path.parent / "x.jsonl").write_text("{")
    assert not standing.is_right(load(tmp_path))


def test_if_nothing_usable_is_left_the_files_are_counted_and_the_first_is_named(tmp_path: Path) -> None:
    for name in ("a", "b"):
        write_lines(tmp_path, name, []).write_text("{")
    folder = tmp_path / "runs" / MACHINE
    with pytest.raises(ResultsError) as e:
        report.write_report(tmp_path, tmp_path / "out", None, print)
    assert str(e.value) == (
        f"no measured results in '{tmp_path / 'runs'}'; `harness bench` writes them; left out 2 files: "
        f"{folder}/a.jsonl does not begin with the header of a run"
    )
    with pytest.raises(ResultsError) as e:
        load(tmp_path, MACHINE)
    assert str(e.value) == (
        f"no measured results of machine '{MACHINE}' in '{tmp_path / 'runs'}'; known: none; left out 2 files: "
        f"{folder}/a.jsonl does not begin with the header of a run"
    )
    assert not (tmp_path / "out").exists()


def test_texts_that_no_encoding_has_and_marks_of_other_languages_are_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Half a character in a reason, dollar signs (mathematics to the charts) and tags in the names of layers."""
    monkeypatch.setattr(drawing, "png", lambda figure: b"\x89PNG")  # as SVG it is drawn
    odd = {"layer": "a$\\frac$b <i>\udc80</i>", "spec": "n1c1h5w5_f1kh3kw3"}
    cells = [make_cell("torch_native", FLAT, **odd), make_cell("mine", [0.5] * 11, **odd)]
    lost = make_cell("mine", status="fail", reason="no \ud800 \0")
    write_run(tmp_path, GOOD, [*cells, make_cell("torch_native", FLAT), lost])
    data = load(tmp_path)
    assert data.left_out == []
    assert [row.cell.reason for row in data.rows if row.cell.status is CellStatus.FAIL] == ["no \\ud800 \0"]
    page = report.write_report(tmp_path, tmp_path / "out").read_text(encoding="utf-8")
    assert "a$\\frac$b &lt;i&gt;\\udc80&lt;/i&gt;" in page
    assert "no \\ud800" in page


def test_ceilings_that_were_not_measured_need_no_numbers(tmp_path: Path) -> None:
    lost = Ceilings(threads=1, allocator="steady", backend="mine", reason="no room")
    write_run(tmp_path, GOOD, [make_cell("mine", FLAT)], more=[lost], ceilings=replace(CPU, matmul_gflops={}))
    data = load(tmp_path)
    assert (data.left_out, data.device_ceilings()) == ([], {})
