"""What `harness report` makes of a training run: a picture, two tables, and what it says of a file that is none."""

from __future__ import annotations

import json
from pathlib import Path

import msgspec
import pytest
from msgspec.structs import replace

pytest.importorskip("pandas", reason="pandas is not installed")
pytest.importorskip("matplotlib", reason="matplotlib is not installed")

from harness.contract.status import Verdict
from harness.report.measured.load import load
from harness.report.sections import Section, part
from harness.report.training import curves, tables
from harness.results.training.records import EpochTime, HeldClaim, TrainedBackend, TrainReport, read
from harness.results.writing import ResultsError
from harness.tests.helpers.runfiles import FLAT, make_cell, make_header, write_run

_MACHINE = make_header("20260101T000000-a", backends=[]).machine
_RIGHT = TrainedBackend(
    backend="numpy_fancy", verdict=Verdict.PASS, losses=[2.0, 1.5, 1.0], share=0.01, share_of_first=0.0, accuracy=0.975,
    epoch_seconds=0.5,
)  # fmt: skip
_WRONG = TrainedBackend(
    backend="overwriting_col2im", verdict=Verdict.FAIL, reason="diverges at step 2", losses=[2.0, 1.6, None],
    diverges_at=2,
)  # fmt: skip


@pytest.fixture
def report() -> TrainReport:
    return TrainReport(
        schema=1, machine=_MACHINE, network="small", seed=0, epochs=1, batch=8, rate=0.05, momentum=0.9, images=24,
        test_images=8, quick=True, oracle=[2.0, 1.5, 1.0], allowed=[1e-14, 1e-13, 1e-12], backends=[_RIGHT],
        wrong_on_purpose=[_WRONG],
        times=[EpochTime(backend="naive_loops", seconds=14400.0, batch=2, steps=3, predicted=True)],
        claims=[HeldClaim(claim="40x", source="CNNumpy", slow="naive_loops", fast="numpy_fancy", claimed=40,
                            measured=120.0),
                HeldClaim(claim="6x", source="CNNumpy", slow="numpy_fancy", fast="torch_native", claimed=6,
                            measured=None)],
    )  # fmt: skip


def _written(results: Path, report: TrainReport) -> Path:
    file = results / "train.json"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(msgspec.to_builtins(report)))
    return file


def _sections(results: Path) -> list[Section]:
    write_run(results, "20260101T000000-a", [make_cell("torch_native", FLAT), make_cell("mine", FLAT)])
    data = load(results)
    return [section for section in part(data, data.most_measured()).sections if section.anchor == "training"]


def test_what_is_written_is_read_back(report: TrainReport, tmp_path: Path) -> None:
    assert read(_written(tmp_path, report)) == report
    assert read(tmp_path / "none.json") is None


def test_a_file_that_is_none_is_told(report: TrainReport, tmp_path: Path) -> None:
    (tmp_path / "train.json").write_text('{"schema": 1}')
    with pytest.raises(ResultsError, match="is no document of harness train --json"):
        read(tmp_path / "train.json")
    with pytest.raises(ResultsError, match="has schema 2, and this harness reads 1"):
        read(_written(tmp_path, replace(report, schema=2)))


def test_the_page_shows_a_run_of_its_machine(report: TrainReport, tmp_path: Path) -> None:
    _written(tmp_path, report)
    (section,) = _sections(tmp_path)
    assert [table.name for table in section.tables] == ["training", "training-times"]
    assert [chart.name for chart in section.charts] == ["training"]


def test_the_page_has_no_such_section_of_another_machine(report: TrainReport, tmp_path: Path) -> None:
    _written(tmp_path, replace(report, machine=replace(_MACHINE, name="another")))
    assert _sections(tmp_path) == []


def test_the_page_says_that_a_file_is_left_out(tmp_path: Path) -> None:
    (tmp_path / "train.json").write_text("{}")
    (section,) = _sections(tmp_path)
    assert section.text.startswith("Left out: ")
    assert "is no document of harness train --json" in section.text


def test_the_table_has_every_backend(report: TrainReport) -> None:
    table = tables.training_table(report)
    assert [[c.text for c in row] for row in table.rows] == [
        ["numpy_fancy", "pass", "97.5 %", "0.01", "500 ms"],
        ["overwriting_col2im (wrong on purpose)", "diverges at step 2", "", "", ""],
    ]
    assert [row[1].kind for row in table.rows] == ["", "fail"]
    assert table.csv().splitlines()[2].startswith("overwriting_col2im,fail,diverges at step 2,True")
    assert tables.training_table(replace(report, partial=True)).notes[-1] == "The run was interrupted."


def test_claims_are_judged(report: TrainReport) -> None:
    table = tables.times_table(report)
    assert [[c.text for c in row[1:]] for row in table.rows] == [
        ["numpy_fancy over naive_loops", "120x", "holds"],
        ["torch_native over numpy_fancy", "not measured", "not tested"],
    ]
    assert table.notes == ["naive_loops: 4.00 h for 60,000 images of 28x28, predicted from steps of 2 images"]


def test_the_picture_has_a_curve_for_each(report: TrainReport) -> None:
    chart = curves.training_chart(report)
    assert chart is not None
    assert all(name in chart.svg for name in ("numpy_fancy", "overwriting_col2im", "loss of a step"))
    nothing = replace(report, backends=[], wrong_on_purpose=[])
    assert curves.training_chart(nothing) is None
    assert curves.picture(nothing, ".svg").startswith(b"<?xml")
