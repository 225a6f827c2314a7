"""The record of measurements: JSON lines, one a fact, appended as it becomes known and never rewritten.

A run file holds one `run` line (plan and machine), `backend` and `ceilings` lines (the CPU's, and with "backend" those
of a backend's own device), one `cell` line per (backend, op, dtype, layer), and an `end` line once everything planned
was done. A file without an `end` line is unfinished: the same plan continues it. A line cut off by a crash is dropped
on reading.
"""

from __future__ import annotations

import itertools
import json
import os
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

SCHEMA = 1
Record = dict[str, Any]

STATUSES = ("ok", "fail", "unsupported", "over_budget", "unavailable", "crashed", "hung")
_OF_THE_JOB = ("run", "group", "op", "dtype", "layer", "spec", "threads", "allocator", "machine", "commit")


class ResultsError(ValueError):
    """A results file or folder that cannot be used; the text names it."""


@dataclass(frozen=True, slots=True)
class RunFile:
    """One file of `results/runs/<machine>/`, open for appending."""

    path: Path

    def append(self, record: Record) -> None:
        """Write one line and hand it to the disk."""
        with self.path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(record, allow_nan=False) + "\n")
            file.flush()
            os.fsync(file.fileno())

    def records(self) -> list[Record]:
        """All whole lines."""
        return list(read(self.path))


def cell(job: Record, backend: str, status: str, reason: str = "", **facts: Any) -> Record:
    """The record of one (backend, op, dtype, layer) of a measuring job; without facts, one that has no time."""
    empty: Record = {
        "native": False, "predicted_seconds": None, "checked_points": 0, "first_seconds": None,
        "first_in_process": False, "samples": [], "repetitions": 0,
    }  # fmt: skip
    copied = {key: job[key] for key in _OF_THE_JOB}
    return {"kind": "cell", **copied, "backend": backend, "status": status, "reason": reason, **empty, **facts}


def read(path: Path) -> Iterator[Record]:
    """The records of a file. Raises `ResultsError` for a line, other than a torn last one, that is not a record."""
    lines = path.read_text(encoding="utf-8").split("\n")
    for number, line in enumerate(lines, start=1):
        if not line:
            continue
        try:
            record = json.loads(line)
            if not isinstance(record, dict) or "kind" not in record:
                raise ValueError("no kind")
        except ValueError as error:
            if number == len(lines):  # no newline follows: the write was cut off
                return
            raise ResultsError(f"{path}: line {number} is not a result record ({error})") from error
        if record["kind"] == "run" and record.get("schema") != SCHEMA:
            raise ResultsError(f"{path}: schema must be {SCHEMA}, got {record.get('schema')!r}")
        yield record


def open_run(folder: Path, plan: Record, machine: Record) -> RunFile:
    """The unfinished file of the same plan, machine and code if there is one, else a new file with its `run` line.

    Raises `ResultsError` if the folder cannot be written.
    """
    home = folder / machine["name"]
    try:
        home.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ResultsError(f"results folder {str(home)!r} cannot be written: {error.strerror}") from error
    for path in sorted(home.glob("*.jsonl"), reverse=True):
        try:
            records = list(read(path))
        except ResultsError:  # of another schema, or damaged: not ours to continue
            continue
        header = records[0] if records else {}
        same = header.get("plan") == plan and header.get("code") == machine["code"]
        if same and records[-1]["kind"] != "end":
            _drop_torn_line(path)
            return RunFile(path)
    now = datetime.now(UTC)
    run = f"{now:%Y%m%dT%H%M%S}-{machine['code']['commit'][:8] or 'nocommit'}"
    names = itertools.chain([run], (f"{run}-{n}" for n in itertools.count(2)))
    run = next(name for name in names if not (home / f"{name}.jsonl").exists())
    file = RunFile(home / f"{run}.jsonl")
    header = {"kind": "run", "schema": SCHEMA, "run": run, "started": now.isoformat(timespec="seconds")}
    try:
        file.append({**header, "plan": plan, "machine": machine, "code": machine["code"]})
    except OSError as error:
        raise ResultsError(f"results folder {str(home)!r} cannot be written: {error.strerror}") from error
    return file


def write_atomically(path: Path, text: str) -> None:
    """Write a whole file or nothing. Raises `ResultsError` naming the path if it cannot be written."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".tmp")
        try:
            with os.fdopen(handle, "w", encoding="utf-8") as file:
                file.write(text)
            os.chmod(temporary, 0o644)
            os.replace(temporary, path)
        except BaseException:
            os.unlink(temporary)
            raise
    except OSError as error:
        raise ResultsError(f"{str(path)!r} cannot be written: {error.strerror}") from error


def require_writable(path: Path) -> None:
    """Raises `ResultsError` if a file could not be written at `path`: better known before the work than after."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=path.parent):
            pass
        if path.is_dir():
            raise IsADirectoryError(21, "Is a directory")
    except OSError as error:
        raise ResultsError(f"{str(path)!r} cannot be written: {error.strerror}") from error


def _drop_torn_line(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    whole = text[: text.rfind("\n") + 1]
    if whole != text:
        write_atomically(path, whole)
