"""What is finished of a run, on the disk as it comes: a run that was cut off goes on from there.

One JSON line a batch, below `.im2col-harness/cluster`; the first line says how the run was cut into batches. A folder
that cannot be written keeps nothing, and nobody is told. A run that is complete needs it no more.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec

from conformance.cases.case import Case
from conformance.cluster.batches import Batch
from conformance.cluster.remote import identity
from conformance.cluster.tasks import Subject
from conformance.parallel.known import Heard, PartReport
from conformance.run.again import last_run
from conformance.run.records import BackendReport
from conformance.run.suite_run import Options

_FOLDER = last_run.FOLDER / "cluster"


@dataclass(slots=True)
class Journal:
    """The file of one run. `parts`: into how many parts each backend's run was cut."""

    path: Path
    parts: list[int]
    found: dict[tuple[int, str], tuple[str, PartReport]] = field(default_factory=dict)  # what is finished, and by whom
    _is_new: bool = True

    def begin(self, parts: Sequence[int]) -> None:
        """Begin the file, unless it goes on."""
        if self._is_new:
            self.parts, self._is_new = list(parts), False
            with suppress(OSError):
                _FOLDER.mkdir(parents=True, exist_ok=True)
                self.path.write_text(json.dumps({"schema": 1, "parts": self.parts}) + "\n", encoding="utf-8")

    def add(self, batch: Batch, worker: str, part: PartReport) -> None:
        """Append what became of a batch."""
        heard = [[str(case), text, sorted(patterns)] for case, text, patterns in part.heard.passed]
        row = {
            "batch": [batch.target, label(batch)], "worker": worker, "report": msgspec.to_builtins(part.report),
            "failed": sorted(part.heard.failed), "passed": heard,
        }  # fmt: skip
        with suppress(OSError), self.path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(row) + "\n")

    def forget(self, batch: Batch) -> None:
        """What was said of a batch is not believed any more: it is to be run again, also by a run that goes on."""
        with suppress(OSError), self.path.open("a", encoding="utf-8") as file:
            file.write(json.dumps({"forget": [batch.target, label(batch)]}) + "\n")

    def remove(self) -> None:
        """The run is complete."""
        with suppress(OSError):
            self.path.unlink()


def label(batch: Batch) -> str:
    """What a batch of a backend is told by: its part, or its one case."""
    cases = batch.selection.cases
    return str(cases[0]) if len(cases) == 1 else batch.selection.shard.label


def opened(options: Options, subjects: Iterable[Subject]) -> Journal:
    """The journal of a run with these options and these sources: what was finished before, if it was cut off."""
    asked = repr((options.selection, options.deadline, options.isolate, options.threads, list(options.known)))
    sources = [(one.target.text, one.target.name, one.digest) for one in subjects]
    key = hashlib.sha256(repr((identity.here(), asked, sources)).encode("utf-8", "backslashreplace")).hexdigest()
    journal = Journal(_FOLDER / f"{key[:16]}.jsonl", [])
    with suppress(OSError, ValueError, KeyError, TypeError, msgspec.MsgspecError):
        first, *rows = journal.path.read_text(encoding="utf-8").splitlines()
        journal.parts = [int(n) for n in json.loads(first)["parts"]]
        journal._is_new = False
        for row in map(json.loads, rows):  # the last one may be cut off
            if "forget" in row:
                target, which = row["forget"]
                journal.found.pop((target, which), None)
                continue
            target, which, worker, part = _read(row)
            journal.found[target, which] = (worker, part)
    return journal


def _read(row: Any) -> tuple[int, str, str, PartReport]:
    passed = [(Case.parse(case), text, frozenset(patterns)) for case, text, patterns in row["passed"]]
    heard = Heard(frozenset(row["failed"]), passed)
    target, which = row["batch"]
    return target, which, row["worker"], PartReport(msgspec.convert(row["report"], BackendReport), heard)
