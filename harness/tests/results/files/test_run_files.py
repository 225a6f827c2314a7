"""The record of measurements: appended, read back after a crash, continued or begun anew."""

from __future__ import annotations

import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest

from harness.results import run_files
from harness.results.records import Cell, Code, Line, Machine, PlanRecord, RunEnd, RunHeader
from harness.results.run_files import RunFile, open_run, read
from harness.results.writing import ResultsError
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
    steps, now = {"time": timedelta(hours=1)}, [datetime(2030, 1, 1, microsecond=250, tzinfo=UTC)]

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


def test_the_header_comes_first(tmp_path: Path) -> None:
    file = open_run(tmp_path, _PLAN, a_machine())
    file.append(_CELL)
    assert run_files.header(file.path) == file.records()[0]
    records = read(file.path)
    assert run_files.header_of(file.path, records) == file.records()[0]
    assert list(records) == [_CELL]
    (tmp_path / "empty.jsonl").write_text("")
    (tmp_path / "cells.jsonl").write_text(_TEXT + "\n")
    for name in ("empty", "cells"):
        with pytest.raises(ResultsError, match=rf"{name}\.jsonl does not begin with the header of a run"):
            run_files.header(tmp_path / f"{name}.jsonl")


# -- beginning and continuing ------------------------------------------------------------------------------------------


def test_a_new_run_starts_with_its_plan_and_is_named_by_time_and_commit(tmp_path: Path) -> None:
    """The clock of these tests is first read at one o'clock; folders are made as needed."""
    folder = tmp_path / "new" / "runs"
    file = open_run(folder, _PLAN, a_machine())
    assert file.path == folder / "some-cpu_4c8t" / "20300101T010000-01234567.jsonl"
    (header,) = file.records()
    assert header == RunHeader(
        schema=1, run="20300101T010000-01234567", started="2030-01-01T01:00:00+00:00", plan=_PLAN, machine=a_machine(),
        code=Code(commit="0123456789abcdef"),
    )  # fmt: skip
    assert open_run(folder, _PLAN, a_machine(commit="")).path.name == "20300101T020000-nocommit.jsonl"


def test_an_unfinished_run_is_continued(tmp_path: Path) -> None:
    first = open_run(tmp_path, _PLAN, a_machine())
    first.append(_CELL)
    again = open_run(tmp_path, _PLAN, a_machine())
    assert again.path == first.path
    assert kinds(again) == [RunHeader, Cell]


def test_a_run_that_another_process_is_writing_is_left_to_it(tmp_path: Path) -> None:
    """As two calls of `harness bench` at once: each has a file of its own."""
    begun = open_run(tmp_path, _PLAN, a_machine()).path
    theirs = begun.with_name("20290101T000000-a.jsonl")
    theirs.write_bytes(begun.read_bytes())
    begun.unlink()
    code = "import fcntl, sys; f = open(sys.argv[1]); fcntl.flock(f, fcntl.LOCK_EX); print('held', flush=True); input()"
    other = subprocess.Popen(
        [sys.executable, "-c", code, str(theirs)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert other.stdout is not None
    assert other.stdout.readline() == "held\n"
    before = theirs.read_bytes()
    ours = open_run(tmp_path, _PLAN, a_machine()).path
    assert (ours.parent, ours == theirs, theirs.read_bytes()) == (theirs.parent, False, before)
    other.communicate("\n", timeout=60)
    ours.unlink()
    assert open_run(tmp_path, _PLAN, a_machine()).path == theirs


def test_of_several_unfinished_runs_the_newest_is_continued(tmp_path: Path) -> None:
    """Behind a finished one, one of another plan, and one that is damaged, which are newer still."""
    first = open_run(tmp_path, _PLAN, a_machine())
    text = first.path.read_text()
    for name in ("20290101T000000-x", "20310101T000000-x"):
        first.path.with_name(f"{name}.jsonl").write_text(text)
    newest = first.path.with_name("20310101T000000-x.jsonl")
    newest.with_name("20320101T000000-x.jsonl").write_text(text + '{"kind": "end", "run": "r"}\n')
    newest.with_name("20330101T000000-x.jsonl").write_text(text.replace('"threads": 1', '"threads": 4'))
    newest.with_name("20340101T000000-x.jsonl").write_bytes(b"\xff\xfe\n")
    newest.with_name("20350101T000000-x.jsonl").mkdir()
    newest.with_name("20360101T000000-x.jsonl").write_text("")
    assert open_run(tmp_path, _PLAN, a_machine()).path == newest


def test_what_follows_a_torn_line_starts_on_its_own(tmp_path: Path) -> None:
    first = open_run(tmp_path, _PLAN, a_machine())
    first.append(_CELL)
    before = first.path.read_bytes()
    with first.path.open("a") as torn:
        torn.write('{"kind": "ce')
    again = open_run(tmp_path, _PLAN, a_machine())
    assert again.path == first.path
    assert again.path.read_bytes() == before
    again.append(_END)
    assert again.records()[1:] == [_CELL, _END]


def test_a_whole_file_is_not_written_when_it_is_continued(tmp_path: Path) -> None:
    """Another reader may have it open."""
    first = open_run(tmp_path, _PLAN, a_machine())
    before = first.path.stat()
    after = open_run(tmp_path, _PLAN, a_machine()).path.stat()
    assert (after.st_ino, after.st_mtime_ns, after.st_size) == (before.st_ino, before.st_mtime_ns, before.st_size)


@pytest.mark.parametrize(
    ("plan", "there"),
    [
        (a_plan(threads=4), a_machine()),
        (a_plan(batch=2), a_machine()),
        (_PLAN, a_machine(commit="fedcba9876543210")),
        (_PLAN, a_machine(changes="1a2b3c4d")),
    ],
    ids=["other_plan", "other_batch", "other_commit", "changed_code"],
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
    assert kinds(other) == [RunHeader]


def test_runs_within_a_second_are_files_of_their_own(tmp_path: Path, step: dict[str, timedelta]) -> None:
    step["time"] = timedelta(milliseconds=1)
    files = [open_run(tmp_path, a_plan(threads=threads), a_machine()) for threads in (1, 2, 3)]
    assert [file.path.stem for file in files] == [
        "20300101T000000-01234567", "20300101T000000-01234567-2", "20300101T000000-01234567-3",
    ]  # fmt: skip
    assert [record.run for file in files for record in file.records() if isinstance(record, RunHeader)] == [
        file.path.stem for file in files
    ]
    assert [kinds(file) for file in files] == [[RunHeader]] * 3


def test_a_results_folder_that_is_a_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ResultsError, match=r"results folder '.*file/some-cpu_4c8t' cannot be written: Not a directory"):
        open_run(tmp_path / "file", _PLAN, a_machine())


@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), PermissionError(13, "Permission denied")])
def test_a_record_that_cannot_be_written_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: OSError
) -> None:
    file = open_run(tmp_path, _PLAN, a_machine())

    def full(handle: int) -> None:
        raise error

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(ResultsError, match=rf"results file '.*\.jsonl' cannot be written: {error.strerror}"):
        file.append(_CELL)


def test_every_record_is_on_the_disk_before_the_next_is_measured(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file, seen = RunFile(tmp_path / "run.jsonl"), []
    monkeypatch.setattr(os, "fsync", lambda handle: seen.append(os.fstat(handle).st_size))
    for _ in range(2):
        file.append(_CELL)
    size = file.path.stat().st_size
    assert seen == [size // 2, size]
