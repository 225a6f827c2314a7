"""What the numbers rest on: verdicts of the suite, completeness of a run, the commands that repeat it."""

from __future__ import annotations

import json
from pathlib import Path

import msgspec
import pytest
from msgspec.structs import replace

from harness.contract.status import CellStatus, Verdict
from harness.report import standing
from harness.report.goal_files import read_comparisons
from harness.report.measured import load
from harness.report.tables.backends import backends_table
from harness.report.verdicts import read_verdicts
from harness.results import ratios
from harness.results.records import Comparison
from harness.results.writing import ResultsError
from harness.tests.helpers.plugins import called
from harness.tests.helpers.records import a_cell, a_machine
from harness.tests.helpers.runfiles import FLAT, make_cell, write_run
from harness.timing.plan import Plan


def test_another_batch_is_part_of_the_plan_and_of_the_command_that_repeats_it(tmp_path: Path) -> None:
    write_run(tmp_path, "20260101T000000-a", [make_cell("mine", FLAT)])
    data = load.load(tmp_path)
    (measured,) = data.runs
    assert "--batch" not in standing.commands(measured)[0]  # nor did plans of before have it
    plan = Plan("quick", [], [called("mine")], batch=32).record()
    measured.header = replace(measured.header, plan=replace(measured.header.plan, batch=plan.batch))
    assert "--batch 32" in standing.commands(measured)[0]


def test_unfinished_run_says_so(tmp_path: Path) -> None:
    cells = [make_cell("torch_native", FLAT), make_cell("mine", status="unsupported", reason="groups")]
    write_run(tmp_path, "20260101T000000-a", cells, finished=False)
    text = standing.completeness(load.load(tmp_path).runs[-1])
    assert "UNFINISHED" in text
    assert "1 of 8 planned cells measured; without a time: 1 unsupported; 6 not reached" in text


def test_a_finished_run_says_so(tmp_path: Path) -> None:
    write_run(tmp_path, "20260101T000000-a", [make_cell("torch_native", FLAT)])
    text = standing.completeness(load.load(tmp_path).runs[-1])
    assert text == "Run 20260101T000000-a is finished: 1 of 4 planned cells measured; 3 not reached."


def test_a_backend_shows_the_cases_of_its_verdict_where_they_are_known(tmp_path: Path) -> None:
    write_run(tmp_path, "20260101T000000-a", [make_cell("torch_native", FLAT), make_cell("mine", FLAT)])
    verdicts = [{"backend": "torch_native", "verdict": "pass", "planned": 9, "executed": 8},
                {"backend": "mine", "verdict": "fail"}]  # fmt: skip
    (tmp_path / "conformance.json").write_text(json.dumps(verdicts))
    (right, wrong) = (row[2] for row in backends_table(load.load(tmp_path)).rows)
    assert (right.text, right.kind) == ("pass, 8 of 9 cases", "faster")
    assert (wrong.text, wrong.kind) == ("fail", "fail")


def test_conformance_verdicts(tmp_path: Path) -> None:
    write_run(
        tmp_path,
        "20260101T000000-a",
        [make_cell("torch_native", FLAT), make_cell("mine", FLAT), make_cell("new", FLAT)],
    )
    assert "not checked (there is no conformance.json" in standing.correctness(load.load(tmp_path))
    verdicts = [{"backend": "torch_native", "verdict": "pass"}, {"backend": "mine", "verdict": "fail"}]
    (tmp_path / "conformance.json").write_text(json.dumps([{**v, "planned": 9, "executed": 9} for v in verdicts]))
    data = load.load(tmp_path)
    assert (
        standing.correctness(data) == "Correctness: 1 of 3 backends pass (torch_native); fail: mine; not checked: new."
    )
    assert not standing.is_right(data)
    (tmp_path / "conformance.json").write_text(json.dumps([{**v, "verdict": "pass"} for v in verdicts]))
    assert standing.is_right(load.load(tmp_path))
    write_run(tmp_path, "20260102T000000-b", [make_cell("mine", status="fail", reason="is off")])
    assert not standing.is_right(load.load(tmp_path))
    (tmp_path / "conformance.json").write_text('{"no": "list"}')
    with pytest.raises(ResultsError, match=r"conformance\.json"):
        load.load(tmp_path)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ('{"no": "list"}', "Expected `array`, got `object`"),
        ('[{"backend": "mine"}]', "missing required field `verdict`"),
        ('[{"backend": "mine", "verdict": "splendid"}]', "Invalid enum value 'splendid'"),
        ("[", "truncated"),
    ],
)
def test_a_foreign_file_of_verdicts_is_named_in_one_line(tmp_path: Path, text: str, reason: str) -> None:
    path = tmp_path / "conformance.json"
    path.write_text(text)
    with pytest.raises(
        ResultsError, match=rf"conformance\.json' is no record of `harness check --json`: .*{reason}"
    ) as e:
        read_verdicts(path)
    assert "\n" not in str(e.value)


def test_a_file_of_verdicts_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(ResultsError, match="is no record"):
        read_verdicts(tmp_path)


def test_every_verdict_is_read_whatever_else_stands_beside_it(tmp_path: Path) -> None:
    path = tmp_path / "conformance.json"
    path.write_text(json.dumps([{"schema": 1, "backend": v, "verdict": v, "tier": 1, "checks": []} for v in Verdict]))
    found = read_verdicts(path)
    assert found is not None
    assert [record.verdict for record in found.values()] == list(Verdict)


def test_texts_that_no_utf8_has_come_back(tmp_path: Path) -> None:
    """`harness check` and `harness compare` write whatever a backend says, and the report reads what they wrote."""
    odd = "no \udc80"
    (tmp_path / "conformance.json").write_text(json.dumps([{"backend": odd, "verdict": "fail", "reason": odd}]))
    found = read_verdicts(tmp_path / "conformance.json")
    assert found is not None
    assert list(found) == [odd]
    rows = ratios.rows([a_cell("a", [1.0]), a_cell("b", status=CellStatus.FAIL, reason=odd)], ["a", "b"])
    document = Comparison(
        schema=1, machine=a_machine(), threads=1, allocator="steady", rows=rows, geomean=ratios.geomeans(rows)
    )
    (tmp_path / "compared.json").write_text(json.dumps(msgspec.to_builtins(document)))
    (comparison,) = read_comparisons(tmp_path)
    assert comparison.rows[0].reason == f"b: {odd}"
