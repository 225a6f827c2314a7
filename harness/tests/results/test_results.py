"""The record of measurements: appended, read back after a crash, continued or begun anew; and files written whole."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest

from harness.results import run_files
from harness.results.records import Cell, Line, Machine, PlanRecord, RunEnd, RunHeader
from harness.results.run_files import RunFile, open_run, read
from harness.results.writing import ResultsError, write_atomically
from harness.tests.helpers.records import a_cell, a_machine, a_plan

_PLAN = a_plan()
_CELL = a_cell(samples=[0.1, 1e-9], reason="é")
_END = RunEnd(run="run")
_TEXT = msgspec.json.encode(_CELL).decode()


def kinds(file: RunFile) -> list[type[Line]]:
    """What the lines of a file are."""
    return [type(record) for record in file.records()]


@pytest.fixture(autouse=True)
def step(monkeypatch: pytest.MonkeyPatch) -> dict[str, timedelta]:
    """A clock that goes on by `step["time"]` whenever it is read: an hour, unless a test says otherwise."""
    steps, now = {"time": timedelta(hours=1)}, [datetime(2030, 1, 1, tzinfo=UTC)]

    class Clock:
        @staticmethod
        def now(zone: Any) -> datetime:
            now[0] += steps["time"]
            return now[0]

    monkeypatch.setattr(run_files, "datetime", Clock)
    return steps


def test_records_come_back_in_order(tmp_path: Path) -> None:
    file = RunFile(tmp_path / "run.jsonl")
    for record in (_CELL, _END):
        file.append(record)
    assert file.records() == [_CELL, _END]
    assert len(file.path.read_text().splitlines()) == 2


def test_a_number_that_is_not_json_is_refused(tmp_path: Path) -> None:
    file = RunFile(tmp_path / "run.jsonl")
    with pytest.raises(ValueError, match="not JSON compliant"):
        file.append(a_cell(samples=[float("nan")]))


@pytest.mark.parametrize("seconds", [0.0, -1.0])
def test_a_time_is_above_zero(tmp_path: Path, seconds: float) -> None:
    path = tmp_path / "run.jsonl"
    path.write_text(_TEXT.replace("0.1", str(seconds)) + "\n" + _TEXT + "\n")
    with pytest.raises(ResultsError, match=r"line 1 is not a result record .*samples"):
        list(read(path))


def test_a_file_that_is_no_text_is_named(tmp_path: Path) -> None:
    path = tmp_path / "run.jsonl"
    path.write_bytes(b"\xff\xfe\n")
    with pytest.raises(ResultsError, match=r"run\.jsonl is not text in UTF-8"):
        list(read(path))


def test_a_damaged_file_beside_it_hinders_no_run(tmp_path: Path) -> None:
    first = open_run(tmp_path, _PLAN, a_machine())
    (first.path.parent / "99999999T000000-x.jsonl").write_bytes(b"\xff\xfe\n")
    assert open_run(tmp_path, _PLAN, a_machine()).path == first.path


def test_a_line_of_a_kind_that_is_not_known_is_passed_over(tmp_path: Path) -> None:
    path = tmp_path / "run.jsonl"
    path.write_text('{"kind": "of a later version"}\n' + _TEXT + "\n")
    assert list(read(path)) == [_CELL]


def test_texts_of_backends_come_back_whatever_they_hold(tmp_path: Path) -> None:
    file = RunFile(tmp_path / "run.jsonl")
    file.append(a_cell(reason="\udc80"))
    assert file.records() == [a_cell(reason="\udc80")]


def test_a_torn_last_line_is_dropped(tmp_path: Path) -> None:
    file = RunFile(tmp_path / "run.jsonl")
    file.append(_CELL)
    with file.path.open("a") as torn:
        torn.write(_TEXT[:20])
    assert file.records() == [_CELL]


@pytest.mark.parametrize("bad", ['{"kind": "cel', "[]", '{"backend": "x"}', "word"])
def test_a_bad_line_elsewhere_is_named(tmp_path: Path, bad: str) -> None:
    path = tmp_path / "run.jsonl"
    path.write_text(f"{_TEXT}\n{bad}\n{_TEXT}\n")
    with pytest.raises(ResultsError, match=r"run\.jsonl: line 2 is not a result record"):
        list(read(path))


def test_a_bad_last_line_that_is_whole_is_named(tmp_path: Path) -> None:
    path = tmp_path / "run.jsonl"
    path.write_text(f"{_TEXT}\nword\n")
    with pytest.raises(ResultsError, match="line 2"):
        list(read(path))


def test_another_schema_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "run.jsonl"
    path.write_text('{"kind": "run", "schema": 2}\n')
    with pytest.raises(ResultsError, match="schema must be 1, got 2"):
        list(read(path))


def test_a_new_run_starts_with_its_plan(tmp_path: Path) -> None:
    file = open_run(tmp_path, _PLAN, a_machine())
    assert file.path.parent == tmp_path / "some-cpu_4c8t"
    (header,) = file.records()
    assert isinstance(header, RunHeader)
    assert (header.schema, header.plan, header.machine, header.code) == (1, _PLAN, a_machine(), a_machine().code)
    assert file.path.name == f"{header.run}.jsonl"


def test_an_unfinished_run_is_continued(tmp_path: Path) -> None:
    first = open_run(tmp_path, _PLAN, a_machine())
    first.append(_CELL)
    again = open_run(tmp_path, _PLAN, a_machine())
    assert again.path == first.path
    assert kinds(again) == [RunHeader, Cell]


def test_what_follows_a_torn_line_starts_on_its_own(tmp_path: Path) -> None:
    first = open_run(tmp_path, _PLAN, a_machine())
    with first.path.open("a") as torn:
        torn.write('{"kind": "ce')
    again = open_run(tmp_path, _PLAN, a_machine())
    again.append(_CELL)
    assert again.path == first.path
    assert kinds(again) == [RunHeader, Cell]


def test_the_unfinished_run_is_found_behind_others(tmp_path: Path) -> None:
    first = open_run(tmp_path, _PLAN, a_machine())
    open_run(tmp_path, a_plan(threads=4), a_machine())
    assert open_run(tmp_path, _PLAN, a_machine()).path == first.path


@pytest.mark.parametrize(
    ("plan", "there"),
    [
        (a_plan(threads=4), a_machine()),
        (_PLAN, a_machine(commit="fedcba9876543210")),
        (_PLAN, a_machine(changes="1a2b3c4d")),
    ],
    ids=["other_plan", "other_commit", "changed_code"],
)
def test_another_plan_or_code_starts_anew(tmp_path: Path, plan: PlanRecord, there: Machine) -> None:
    first = open_run(tmp_path, _PLAN, a_machine())
    other = open_run(tmp_path, plan, there)
    assert other.path != first.path
    assert len(other.records()) == len(first.records()) == 1


def test_a_finished_run_is_not_continued(tmp_path: Path) -> None:
    first = open_run(tmp_path, _PLAN, a_machine())
    first.append(_END)
    other = open_run(tmp_path, _PLAN, a_machine())
    assert other.path != first.path
    assert kinds(first) == [RunHeader, RunEnd]


@pytest.mark.parametrize("plan", [_PLAN, a_plan(threads=4)], ids=["after_end", "other_plan"])
def test_two_runs_within_a_second_are_two_files(tmp_path: Path, step: dict[str, timedelta], plan: PlanRecord) -> None:
    step["time"] = timedelta(milliseconds=1)
    first = open_run(tmp_path, _PLAN, a_machine())
    if plan == _PLAN:
        first.append(_END)
    other = open_run(tmp_path, plan, a_machine())
    assert other.path != first.path
    assert kinds(other) == [RunHeader]


def test_a_results_folder_that_is_a_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ResultsError, match=r"results folder '.*file/some-cpu_4c8t' cannot be written"):
        open_run(tmp_path / "file", _PLAN, a_machine())


def test_a_file_is_replaced_whole(tmp_path: Path) -> None:
    path = tmp_path / "new" / "out.json"
    for text in ("old", "né\n"):
        write_atomically(path, text)
    assert path.read_text(encoding="utf-8") == "né\n"
    assert [p.name for p in path.parent.iterdir()] == ["out.json"]


def test_a_path_below_a_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ResultsError, match=r"'.*file/out\.json' cannot be written"):
        write_atomically(tmp_path / "file" / "out.json", "text")


def test_a_failed_write_leaves_nothing_behind(tmp_path: Path) -> None:
    (tmp_path / "out.json").mkdir()
    with pytest.raises(ResultsError, match=r"'.*out\.json' cannot be written"):
        write_atomically(tmp_path / "out.json", "text")
    assert [p.name for p in tmp_path.iterdir()] == ["out.json"]


def test_a_failed_write_keeps_what_was_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "out.json"
    write_atomically(path, "old")

    def full(*arguments: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(ResultsError, match="No space left on device"):
        write_atomically(path, "new")
    assert path.read_text() == "old"
    assert [p.name for p in tmp_path.iterdir()] == ["out.json"]
