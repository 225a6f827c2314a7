"""Two files in, one `Diff` out."""

from __future__ import annotations

from pathlib import Path

from msgspec.structs import replace

from harness.results.diff import judgements, times
from harness.results.diff.documents import Judged, Measured, read
from harness.results.diff.records import Diff
from harness.results.writing import ResultsError


def compare_files(before: Path, after: Path) -> Diff:
    """What changed from one file to the other. Raises `ResultsError` for what is no document, or another kind."""
    was, now = read(before), read(after)
    if isinstance(was, Judged) and isinstance(now, Judged):
        diff = judgements.of_checks(was, now)
    elif isinstance(was, Measured) and isinstance(now, Measured):
        diff = _of_measurements(was, now)
    else:
        kinds = [f"{str(path)!r} is {_kind(found)}" for path, found in ((before, was), (after, now))]
        raise ResultsError(f"two documents of one kind can be compared: {', and '.join(kinds)}")
    return replace(diff, before=str(before), after=str(after))


def _of_measurements(was: Measured, now: Measured) -> Diff:
    refused = times.why_refused(was, now)
    diff = Diff(times_refused=refused, floor=None if refused else times.floor_of(was, now))
    for partial, which in ((was.partial, "first"), (now.partial, "second")):
        if partial:
            diff.notes.append(f"the {which} document is of a run that was interrupted")
    judgements.of_cells(was, now, diff)
    if not refused:
        times.compare(was, now, diff)
    return diff


def _kind(found: Judged | Measured) -> str:
    return "one of the suite" if isinstance(found, Judged) else "one of a measurement"
