"""What is remembered of the run before, in the current folder: the cases that failed, and those that were shown.

It is in `.im2col-harness/last-run.json`. A folder that cannot be written remembers nothing, and nobody is told.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import suppress
from pathlib import Path

import msgspec
from msgspec import Struct, field

from conformance.cases.case import Case
from conformance.cases.selection import Selection, matches
from conformance.run.records import BackendReport
from harness.contract.status import Status
from harness.contract.targets import Target
from harness.results.writing import ResultsError, write_atomically

FOLDER = Path(".im2col-harness")
_FILE = FOLDER / "last-run.json"
_IGNORED = "*\n"  # by git


class LastRun(Struct, frozen=True):
    """Ids of cases: those that failed, by the text of the target; and those of the last run that a report shows."""

    failed: dict[str, list[str]] = field(default_factory=dict)
    shown: list[str] = field(default_factory=list)

    def cases(self, targets: Iterable[Target]) -> list[Case]:
        """What failed of any of the targets, each case once. What is no id of this suite is left out."""
        ids = dict.fromkeys(case_id for target in targets for case_id in self.failed.get(target.text, []))
        found = []
        for case_id in ids:
            with suppress(ValueError):
                found.append(Case.parse(case_id))
        return found

    def ids(self) -> list[str]:
        """All that a short id may mean."""
        return list(dict.fromkeys([*self.shown, *(one for ids in self.failed.values() for one in ids)]))


def read() -> LastRun:
    """Nothing, if there is no such file or it cannot be read."""
    try:
        return msgspec.json.decode(_FILE.read_bytes(), type=LastRun)
    except (OSError, msgspec.MsgspecError):
        return LastRun()


def remember(targets: Sequence[Target], reports: Sequence[BackendReport], selection: Selection) -> None:
    """Write what failed now. What this run did not ask for, or did not get to, stays as it was."""
    before = read()
    failed = dict(before.failed)
    for target, report in zip(targets, reports, strict=False):
        is_short = bool(report.counts.get(Status.NOT_RUN))
        old = [one for one in failed.pop(target.text, []) if is_short or not _asks(selection, one)]
        now = list(dict.fromkeys([*report.failed, *old]))
        if now:
            failed[target.text] = now
    shown = [one.case for report in reports for group in report.checks for one in group.failures if one.case]
    shown += [cause.failure.case for report in reports for cause in report.causes if cause.failure]
    if not (failed or shown or before.failed):  # all is right, and was before: no folder for that
        return
    with suppress(OSError, ResultsError):
        FOLDER.mkdir(exist_ok=True)
        if not (FOLDER / ".gitignore").exists():
            (FOLDER / ".gitignore").write_text(_IGNORED, encoding="utf-8")
        write_atomically(_FILE, msgspec.json.encode(LastRun(failed, list(dict.fromkeys(shown)))))


def _asks(selection: Selection, case_id: str) -> bool:
    """Whether the selection means the case, as far as its options say."""
    try:
        case = Case.parse(case_id)
    except ValueError:
        return True  # of another suite: forgotten
    if selection.cases:
        return case in selection.cases
    return selection.agrees(case) and matches(selection.pattern, case)
