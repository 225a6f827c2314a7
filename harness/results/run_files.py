"""Run files: JSON lines, one record each, appended as it becomes known and never rewritten.

A file holds one `run` line (plan and machine), `backend` and `ceilings` lines (the CPU's, and with "backend" those of
a backend's own device), one `cell` line per (backend, op, dtype, layer), and an `end` line once everything planned was
done. A file without an `end` line is unfinished: the same plan continues it. A line cut off by a crash is dropped on
reading.
"""

from __future__ import annotations

import fcntl
import itertools
import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO, get_args

import msgspec

from harness.results.reading import parsed
from harness.results.records import SCHEMA, Line, Machine, PlanRecord, RunEnd, RunHeader
from harness.results.writing import ResultsError
from harness.telling import one_line

_claimed: dict[Path, BinaryIO] = {}  # the files that this process writes, locked until it ends
_KINDS = {kind.__struct_config__.tag for kind in get_args(Line)}


class _Kind(msgspec.Struct):
    """What every line has; the schema, where it has one."""

    kind: str
    schema: int | None = None


@dataclass(frozen=True, slots=True)
class RunFile:
    """One file of `results/runs/<machine>/`, open for appending."""

    path: Path

    def append(self, record: Line) -> None:
        """Write one line and hand it to the disk.

        Raises `ValueError` for a number that JSON does not have, `ResultsError` if the file cannot be written: what was
        written before stays, and the same plan continues it.
        """
        text = json.dumps(msgspec.to_builtins(record), allow_nan=False)
        try:
            with self.path.open("a", encoding="utf-8") as file:
                file.write(text + "\n")
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            raise ResultsError(f"results file {str(self.path)!r} cannot be written: {error.strerror}") from error

    def records(self) -> list[Line]:
        """All whole lines."""
        return list(read(self.path))


def read(path: Path) -> Iterator[Line]:
    """The records of a file. Raises `ResultsError` for a line, other than a torn last one, that is not a record."""
    try:
        if not path.is_file():  # a pipe would be waited for, and a device has no end
            raise ResultsError(f"{path} is {'a folder' if path.is_dir() else 'no file'}")
        lines = path.read_text(encoding="utf-8-sig").split("\n")
    except UnicodeDecodeError as error:
        raise ResultsError(f"{path} is not text in UTF-8") from error
    except OSError as error:
        raise ResultsError(f"{path} cannot be read: {error.strerror}") from error
    for number, line in enumerate(lines, start=1):
        if not line:
            continue
        try:
            record = _record(line, path)
        except ValueError as error:
            if isinstance(error, ResultsError):
                raise
            if number == len(lines):  # no newline follows: the write was cut off
                return
            raise ResultsError(f"{path}: line {number} is not a result record ({one_line(error)})") from error
        if record is not None:
            yield record


def header(path: Path) -> RunHeader:
    """The first record of a run file. Raises `ResultsError` if it is no header."""
    return header_of(path, read(path))


def header_of(path: Path, records: Iterator[Line]) -> RunHeader:
    """The first of the records of a file, which is taken. Raises `ResultsError` if it is no header."""
    first = next(records, None)
    if not isinstance(first, RunHeader):
        raise ResultsError(f"{path} does not begin with the header of a run")
    return first


def open_run(folder: Path, plan: PlanRecord, machine: Machine, new: bool = False) -> RunFile:
    """The unfinished file of the same plan, machine and code if there is one, else a new file with its `run` line.

    One that another process is writing is left to it: two runs at once have a file each. `new` continues none.
    Raises `ResultsError` if the folder cannot be written.
    """
    home = folder / machine.name
    try:
        home.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ResultsError(f"results folder {str(home)!r} cannot be written: {error.strerror}") from error
    for path in [] if new else sorted(home.glob("*.jsonl"), reverse=True):
        if _continues(path, plan, machine) and _claim(path):
            _drop_torn_line(path)
            return RunFile(path)
    now = datetime.now(UTC)
    run = f"{now:%Y%m%dT%H%M%S}-{machine.code.commit[:8] or 'nocommit'}"
    names = itertools.chain([run], (f"{run}-{n}" for n in itertools.count(2)))
    run = next(name for name in names if _claim(home / f"{name}.jsonl", new=True))
    file = RunFile(home / f"{run}.jsonl")
    started = now.isoformat(timespec="seconds")
    file.append(RunHeader(schema=SCHEMA, run=run, started=started, plan=plan, machine=machine, code=machine.code))
    return file


def _record(line: str, path: Path) -> Line | None:
    """One line as a record; None if it is of a kind that this version does not know. Raises `ValueError`."""
    found = parsed(line)
    kind = msgspec.convert(found, _Kind)
    if kind.kind == RunHeader.__struct_config__.tag and kind.schema != SCHEMA:
        raise ResultsError(f"{path}: schema must be {SCHEMA}, got {kind.schema!r}")
    return msgspec.convert(found, Line) if kind.kind in _KINDS else None


def _continues(path: Path, plan: PlanRecord, machine: Machine) -> bool:
    """Whether the file is an unfinished run of the same plan and code."""
    try:
        records = list(read(path))
    except ResultsError:  # of another schema, or damaged: not ours to continue
        return False
    first = records[0] if records else None
    same = isinstance(first, RunHeader) and first.plan == plan and first.code == machine.code
    return same and not isinstance(records[-1], RunEnd)


def _claim(path: Path, new: bool = False) -> bool:
    """Whether this process alone may write the file, from now until it ends; a new one is made.

    Raises `ResultsError` if it cannot be written.
    """
    if path in _claimed and not new:
        return True
    try:
        file = path.open("xb" if new else "ab")
    except FileExistsError:
        return False
    except OSError as error:
        raise ResultsError(f"results file {str(path)!r} cannot be written: {error.strerror}") from error
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        file.close()
        return False
    except OSError:  # a file system without locks
        pass
    _claimed[path] = file
    return True


def _drop_torn_line(path: Path) -> None:
    """In place: another file of that name would not be the one that is claimed."""
    data = path.read_bytes()
    whole = data.rfind(b"\n") + 1
    if whole != len(data):
        os.truncate(path, whole)
