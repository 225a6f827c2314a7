"""`harness merge`: parts of a run, the same part twice, what does not belong together, and times side by side."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from conformance.reports import summary
from conformance.run.records import BackendReport
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
