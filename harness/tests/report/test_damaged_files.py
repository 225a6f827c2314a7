"""Run files that cannot be used are named in one line each and left out; the whole lines of the others count."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from harness.report.measured.load import load
from harness.report.measured.sound import in_short
from harness.report.verdicts import read_verdicts
from harness.results.records import Cell
from harness.results.writing import ResultsError
from harness.tests.helpers.damaged import (
    BAD,
    GOOD,
    LINES,
    OF_BAD,
    OF_GOOD,
    RECORDS,
    WHOLE,
    beside_a_good_one,
    left_out_alone,
    times,
    write_good,
)
from harness.tests.helpers.runfiles import FLAT, MACHINE, make_cell, write_lines, write_run

_OFTEN = settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))


# -- whole files -------------------------------------------------------------------------------------------------------


def test_the_file_is_read_as_long_as_it_is_whole(tmp_path: Path) -> None:
    data, _ = beside_a_good_one(tmp_path, WHOLE)
    assert data.left_out == []
    assert times(data) == {("torch_native", "net:small"): FLAT, **OF_BAD}  # `mine` is over budget now


@given(cut=st.integers(0, len(WHOLE)))
@_OFTEN
def test_of_a_file_cut_at_any_byte_the_whole_lines_are_reported(tmp_path: Path, cut: int) -> None:
    data, path = beside_a_good_one(tmp_path, WHOLE[:cut])
    whole = [record for end, record in zip(_ends(), RECORDS, strict=True) if cut >= end]
    cells = {(r.backend, r.layer): r.samples for r in whole if isinstance(r, Cell)}
    assert times(data) == {k: v for k, v in {**OF_GOOD, **cells}.items() if v}
    assert data.left_out == ([] if whole else [f"{path} does not begin with the header of a run"])


def _ends() -> list[int]:
    """Where each line ends, without its newline."""
    ends, at = [], 0
    for line in LINES:
        ends.append(at + len(line))
        at += len(line) + 1
    return ends


@given(st.lists(st.integers(1, len(LINES) - 1), min_size=1, max_size=12))
@_OFTEN
def test_lines_that_occur_twice_or_in_another_order_count_once(tmp_path: Path, places: list[int]) -> None:
    data, _ = beside_a_good_one(tmp_path, "".join(LINES[i] + "\n" for i in [0, *places]).encode())
    assert data.left_out == []
    cells = {(r.backend, r.layer): r for r in (RECORDS[i] for i in places) if isinstance(r, Cell)}
    assert times(data) == {k: v for k, v in {**OF_GOOD, **{k: c.samples for k, c in cells.items()}}.items() if v}


@given(st.integers(0, len(LINES) - 2), st.integers(0, len(LINES) - 2), st.integers(1, 30), st.integers(1, 30))
@_OFTEN
def test_lines_written_into_one_another_are_a_damaged_file(
    tmp_path: Path, first: int, second: int, cut: int, other: int
) -> None:
    """Two writers at once: a line begins within another one."""
    torn = LINES[first][:cut] + LINES[second] + "\n" + LINES[first][cut:-other] + "\n"
    line = left_out_alone(tmp_path, WHOLE + torn.encode())
    assert line.startswith(f": line {len(LINES) + 1} is not a result record (")


@given(st.binary(max_size=200))
@_OFTEN
def test_anything_at_all_is_left_out_or_empty(tmp_path: Path, content: bytes) -> None:
    line = left_out_alone(tmp_path, content)
    assert line.startswith((" is not text in UTF-8", ": line ", " does not begin with the header of a run"))


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", " does not begin with the header of a run"),
        (b"\n\n", " does not begin with the header of a run"),
        (LINES[3].encode() + b"\n" + WHOLE, " does not begin with the header of a run"),
        (WHOLE.replace(b'"schema": 1', b'"schema": 2'), ": schema must be 1, got 2"),
        (WHOLE.replace(b'"schema": 1', b'"schema": "one"'), ": line 1 is not a result record (Expected `int | null`"),
        (b"\x89PNG\r\n\x1a\n\x00\x00", " is not text in UTF-8"),
        (WHOLE.decode().encode("utf-16"), " is not text in UTF-8"),
        (b"\0" * 5000 + b"\n", ": line 1 is not a result record (JSON is malformed"),
        (WHOLE + b"\0" * 100 + b"\n", ": line 7 is not a result record (JSON is malformed"),
        (WHOLE + b"[" * 100_000 + b"\n", ": line 7 is not a result record (JSON is nested too deeply)"),
        (WHOLE + b'{"kind": ' * 5_000 + b"\n", ": line 7 is not a result record (JSON is nested too deeply)"),
        (WHOLE + b"9" * 10_000 + b"\n", ": line 7 is not a result record ("),
        (WHOLE + b'{"kind": "end"}\n', ": line 7 is not a result record (Object missing required field `run`)"),
        (WHOLE + b'{"kind": "end", "run": "a\xff"}\n', " is not text in UTF-8"),
        (WHOLE.replace(b"[2.0", b"[NaN"), ": line 5 is not a result record ("),
        (WHOLE.replace(b"[2.0", b"[Infinity"), ": line 5 is not a result record ("),
        (WHOLE.replace(b"[2.0", b"[1e999"), ": line 5 is not a result record ("),
        (WHOLE.replace(b'"over_budget"', b'"a\\nb"'), ": line 6 is not a result record (Invalid enum value 'a\\nb'"),
        (WHOLE.replace(b'"over_budget"', b'"' + b"x" * 9999 + b'"'), ": line 6 is not a result record (Invalid enum"),
        (WHOLE.replace(b'"kind": "cell"', b'"kind": ["cell"]'), ": line 4 is not a result record (Expected `str`"),
        (WHOLE + LINES[0].replace(BAD, "b").encode(), " cannot be used: it holds a second run, 'b'"),
    ],
)  # fmt: skip
def test_a_foreign_file_is_named_with_what_is_wrong(tmp_path: Path, content: bytes, said: str) -> None:
    assert left_out_alone(tmp_path, content).startswith(said)


def test_a_file_that_an_editor_has_marked_as_utf8_is_read(tmp_path: Path) -> None:
    data, _ = beside_a_good_one(tmp_path, b"\xef\xbb\xbf" + WHOLE.replace(b"\n", b"\r\n"))
    assert data.left_out == []
    assert OF_BAD.items() <= times(data).items()


def test_lines_of_a_later_version_are_passed_over(tmp_path: Path) -> None:
    data, _ = beside_a_good_one(tmp_path, WHOLE + b'{"kind": "of a later version", "schema": 7, "samples": "x"}\n')
    assert data.left_out == []
    assert OF_BAD.items() <= times(data).items()


def test_a_line_on_a_file_is_one_line_of_300_characters_at_most() -> None:
    assert in_short(ValueError("a\n  b")) == "a b"
    assert in_short(ValueError("x" * 300)) == "x" * 300
    assert in_short(ValueError("x" * 301)) == "x" * 299 + "…"


# -- what is no file, or cannot be read --------------------------------------------------------------------------------


def _a_folder(path: Path) -> None:
    path.mkdir()


def _a_dangling_link(path: Path) -> None:
    path.symlink_to(path.parent / "nowhere")


def _a_link_to_itself(path: Path) -> None:
    path.symlink_to(path)


def _a_pipe(path: Path) -> None:
    os.mkfifo(path)


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (_a_folder, " is a folder"), (_a_dangling_link, " is no file"), (_a_pipe, " is no file"),
        (_a_link_to_itself, " is no file"),
    ],
)  # fmt: skip
def test_what_is_no_file_is_named(tmp_path: Path, make: Callable[[Path], None], said: str) -> None:
    write_good(tmp_path)
    path = tmp_path / "runs" / MACHINE / "x.jsonl"
    make(path)
    data = load(tmp_path)
    assert data.left_out == [f"{path}{said}"]
    assert times(data) == OF_GOOD
    make(tmp_path / "conformance.json")
    with pytest.raises(ResultsError, match=rf"conformance\.json' is no record of `harness check --json`: it{said}"):
        read_verdicts(tmp_path / "conformance.json")


def test_a_file_or_a_folder_that_may_not_be_read_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The system's refusal is played, as root is refused nothing."""
    for machine in (MACHINE, "z-closed"):
        write_run(tmp_path, GOOD, [make_cell("torch_native", FLAT), make_cell("mine", [0.5] * 11)], machine=machine)
    closed = write_lines(tmp_path, BAD, RECORDS)
    read_text, iterdir = Path.read_text, Path.iterdir

    def refused(call: Callable[..., Any]) -> Callable[..., Any]:
        def asked(path: Path, *arguments: Any, **named: Any) -> Any:
            if path == closed or path.name == "z-closed":
                raise PermissionError(13, "Permission denied")
            return call(path, *arguments, **named)

        return asked

    monkeypatch.setattr(Path, "read_text", refused(read_text))
    monkeypatch.setattr(Path, "iterdir", refused(iterdir))
    data = load(tmp_path)
    assert data.left_out == [
        f"{closed} cannot be read: Permission denied",
        f"{tmp_path / 'runs' / 'z-closed'} cannot be read: Permission denied",
    ]
    assert times(data) == OF_GOOD


def test_files_of_other_names_are_not_looked_at(tmp_path: Path) -> None:
    path = write_good(tmp_path)
    path.with_suffix(".txt").write_text("notes")
    (path.parent / ".x.jsonl.abc.tmp").write_text("{")
    (tmp_path / "runs" / "notes.jsonl").write_text("{")
    data = load(tmp_path)
    assert (data.left_out, times(data)) == ([], OF_GOOD)
