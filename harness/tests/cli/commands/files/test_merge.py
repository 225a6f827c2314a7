"""`harness merge`: parts of a run, the same part twice, what does not belong together, and times side by side."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from conformance.reports import summary
from conformance.run.records import BackendReport, CauseReport
from harness.contract.status import Status, Verdict
from harness.tests.helpers.cli.reports import a_failure, a_group, a_report
from harness.tests.helpers.program import call, stored


def written(path: Path, *reports: BackendReport) -> Path:
    """A file as `check --json` writes it."""
    path.write_text(summary.as_text(reports, lines=False), encoding="utf-8")
    return path


def part(shard: str, verdict: Verdict = Verdict.PASS, **changed: Any) -> BackendReport:
    """A report of a part."""
    counts = {Status.PASS: 7} if verdict is Verdict.PASS else {Status.PASS: 6, Status.FAIL: 1}
    status = Status.PASS if verdict is Verdict.PASS else Status.FAIL
    failures = [] if verdict is Verdict.PASS else [a_failure()]
    group = a_group(status, planned=7, executed=7, failures=failures)
    fields = dict(shard=shard, source="abc", counts=counts, checks=[group])
    return a_report("mine", verdict, **{**fields, **changed})


def merged(monkeypatch: pytest.MonkeyPatch, folder: Path, *files: Path) -> tuple[object, Any]:
    """The exit code and what was written."""
    code = call(monkeypatch, "merge", *files, "--json", folder / "out.json")
    (found,) = stored(folder / "out.json")
    return code, found


def test_the_parts_of_a_run_make_a_whole(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    files = [written(tmp_path / f"{n}.json", part(f"{n}/3")) for n in (3, 1, 2)]
    code, found = merged(monkeypatch, tmp_path, *files)
    assert (code, found["verdict"], found["planned"], found["executed"], found["shard"]) == (0, "pass", 21, 21, "")


def test_a_part_that_is_missing_is_told_and_no_pass(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, found = merged(monkeypatch, tmp_path, written(tmp_path / "1.json", part("1/3")))
    assert (code, found["verdict"], found["cut"]) == (3, "incomplete", "part 2/3, 3/3 is missing")
    assert "1/3" in capsys.readouterr().out


def test_one_part_twice_has_to_say_the_same(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    a, b = written(tmp_path / "a.json", part("")), written(tmp_path / "b.json", part("", seconds=9.0))
    code, found = merged(monkeypatch, tmp_path, a, b)
    assert (code, found["verdict"], found["executed"]) == (0, "pass", 7)
    assert "both with the whole of mine, agree" in capsys.readouterr().out
    c = written(tmp_path / "c.json", part("", Verdict.FAIL))
    code, found = merged(monkeypatch, tmp_path, a, c)
    assert (code, found["verdict"]) == (1, "fail")
    assert (
        "c.json, both with the whole of mine, differ on values.exact/im2col/float32: pass against fail" in found["cut"]
    )


def test_a_failure_of_one_part_is_that_of_the_whole(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    files = [written(tmp_path / "1.json", part("1/2")), written(tmp_path / "2.json", part("2/2", Verdict.FAIL))]
    code, found = merged(monkeypatch, tmp_path, *files)
    assert (code, found["verdict"], found["counts"]["fail"]) == (1, "fail", 1)


@pytest.mark.parametrize(
    ("other", "words"),
    [
        ({"suite_version": "2020.1"}, "suite version of mine is 2026.14 in one, 2020.1 in the other"),
        ({"source": "def"}, "sources of the backend of mine is abc in one, def in the other"),
        (
            {"selection": "other ops"},
            "checks) of mine is not told in one, other ops in the other",
        ),
        ({"seed": 4}, "seed of mine is 0 in one, 4 in the other"),
        ({"shard": "1/3"}, "number of parts of mine is 2 in one, 3 in the other"),
    ],
)
def test_what_is_not_of_one_kind_is_refused(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str], other: Any, words: str
) -> None:
    a, b = written(tmp_path / "a.json", part("1/2")), written(tmp_path / "b.json", part(**{"shard": "2/2", **other}))
    assert call(monkeypatch, "merge", a, b) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("harness: ")
    assert words in line


@pytest.mark.parametrize("text", ["", "{}", "[1]", "[{}]", "no JSON", '[{"backend": "mine"}]', None])
def test_a_foreign_file_is_one_line_and_no_input_is_written_over(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str | None
) -> None:
    good, bad = written(tmp_path / "good.json", part("")), tmp_path / "bad.json"
    if text is not None:
        bad.write_text(text, encoding="utf-8")
    assert call(monkeypatch, "merge", good, bad) == 2
    assert call(monkeypatch, "merge", good, "--json", good) == 2
    assert call(monkeypatch, "merge", good, good) == 2
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 3
    assert str(bad) in lines[0]
    assert json.loads(good.read_text(encoding="utf-8"))[0]["backend"] == "mine"


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"counts": {Status.PASS: 7, Status.FAIL: 5}}, "its numbers do not add up: cases, 7 against 12"),
        ({"counts": {Status.PASS: -5}}, "one is negative"),
        ({"counts": {}}, "its numbers do not add up: cases, 7 against 0"),
        ({"executed": 1}, "its numbers do not add up: executed, 1 against 7"),
        ({"planned": 10**30}, "its numbers do not add up: planned"),
        ({"checks": []}, "its numbers do not add up: planned by check, 0 against 7"),
        ({"verdict": Verdict.FAIL, "counts": {Status.PASS: 7}}, "its verdict is fail, with 0 failing cases"),
        ({"schema": 99}, "its schema must be 1, got 99"),
        ({"seconds": -1.0}, "one is negative"),
        *(({"shard": text}, "its shard must be I/N") for text in ("a/b", "2/2/2", "/2", "0/2", "3/2", "02/2", "1/1")),
    ],
)  # fmt: skip
def test_a_report_that_does_not_hold_together_is_refused(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str], changed: Any, words: str
) -> None:
    """A file was edited, or what wrote it is wrong."""
    bad = written(tmp_path / "bad.json", part(**{"shard": "2/2", **changed}))
    assert call(monkeypatch, "merge", written(tmp_path / "a.json", part("1/2")), bad) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(f"harness: {bad} cannot be joined: mine: ")
    assert words in line


def test_files_without_a_report_are_no_pass(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert call(monkeypatch, "merge", written(tmp_path / "a.json"), written(tmp_path / "b.json")) == 2


def test_of_very_many_parts_the_first_that_are_missing_are_told(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    _, found = merged(monkeypatch, tmp_path, written(tmp_path / "1.json", part("1/999999999")))
    assert found["cut"].startswith("part 2/999999999, 3/999999999")
    assert found["cut"].endswith("and 999999990 more is missing")


def test_a_part_that_was_cut_off_yields_to_the_whole_one(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    short = part("2/2", Verdict.INCOMPLETE, counts={Status.PASS: 3, Status.NOT_RUN: 4}, executed=3,
                 checks=[a_group(Status.PASS, planned=7, executed=3)])  # fmt: skip
    files = [written(tmp_path / "a.json", part("1/2")), written(tmp_path / "b.json", short),
             written(tmp_path / "c.json", part("2/2"))]  # fmt: skip
    code, found = merged(monkeypatch, tmp_path, *files)
    assert (code, found["verdict"], found["executed"]) == (0, "pass", 14)


def test_a_cause_that_two_parts_name_is_one(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def cause(dtype: str) -> CauseReport:
        return CauseReport(
            op="im2col", dtypes=[dtype], kind="values", says="swaps", explains=[f"values.exact/im2col/{dtype}"], cases=1
        )

    files = [
        written(tmp_path / f"{n}.json", part(f"{n}/2", Verdict.FAIL, causes=[cause(dtype)]))
        for n, dtype in ((1, "float32"), (2, "float64"))
    ]
    _, found = merged(monkeypatch, tmp_path, *files)
    (one,) = found["causes"]
    assert (one["cases"], one["dtypes"]) == (2, ["float32", "float64"])
    assert len(one["explains"]) == 2
