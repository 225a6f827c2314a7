"""What is no document, in one line that names it."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.results.diff.compare import compare_files
from harness.results.writing import ResultsError
from harness.tests.helpers.cli.reports import a_group
from harness.tests.helpers.comparisons import a_comparison_row, write_checks, write_comparison
from harness.tests.helpers.runfiles import make_cell, write_run


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("bad.json", "{", "'.*bad.json' is no document of the harness"),
        ("bad.json", "[1]", "'.*bad.json' is no document of the harness"),
        ("bad.json", "{}", "'.*bad.json' is no document of the harness"),
        ("bad.json", "3", "'.*bad.json' is no document of the harness"),
        ("bad.json", '[{"backend": "mine"}]', "'.*bad.json' is no document of the harness"),
        ("bad.jsonl", "", "'.*bad.jsonl' is no document of the harness"),
        ("bad.jsonl", '{"kind": "cell"}\n{}\n', "bad.jsonl: line 1 is not a result record"),
        ("bad.jsonl", '{"kind": "backend", "suite_version": "1"}\n', "'.*bad.jsonl' is no document of the harness"),
        ("bad.jsonl", "[]\n", "is not a result record|is no document"),
        ("bad.json", b"\xff\xfe", "'.*bad.json' is no document of the harness"),
    ],
)
def test_what_is_no_document_is_named(name: str, content: str | bytes, said: str, tmp_path: Path) -> None:
    bad, good = tmp_path / name, write_checks(tmp_path / "good.json", [a_group()])
    bad.write_bytes(content if isinstance(content, bytes) else content.encode())
    for files in ((bad, good), (good, bad)):
        with pytest.raises(ResultsError, match=said):
            compare_files(*files)


def test_a_folder_and_nothing_are_named(tmp_path: Path) -> None:
    good = write_checks(tmp_path / "good.json", [a_group()])
    with pytest.raises(ResultsError, match="is a folder"):
        compare_files(tmp_path, good)
    with pytest.raises(ResultsError, match=r"no\.json' does not exist"):
        compare_files(good, tmp_path / "no.json")


def test_two_kinds_are_refused(tmp_path: Path) -> None:
    suite, times = write_checks(tmp_path / "a.json", [a_group()]), write_comparison(tmp_path / "b.json")
    for files in ((suite, times), (suite, write_run(tmp_path, "run-a", [make_cell("mine", [1.0])]))):
        with pytest.raises(
            ResultsError, match=r"of one kind.*'.*a.json' is one of the suite.* is one of a measurement"
        ):
            compare_files(*files)


def test_a_comparison_of_another_schema_is_refused(tmp_path: Path) -> None:
    other = write_comparison(tmp_path / "b.json", a_comparison_row(), schema=2)
    with pytest.raises(ResultsError, match="schema must be 1, got 2"):
        compare_files(other, other)
