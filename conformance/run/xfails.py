"""Known failures, kept by whoever implements the backend: a text file, one pattern a line, each with its reason.

    values.real/conv2d/float16/*   # sums in float16, https://example.org/issues/1
    contract.no_alias_input/im2col/float32/n1c1h1w1_f1kh1kw1   # returns a view of a single pixel

An exact id that passes is as loud as a failure. A glob must fail in at least one of the cases that it matches.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from conformance.run.outcome import BackendResult
from conformance.run.plan import matches


class XfailsError(ValueError):
    """A file of known failures that cannot be read as one."""


@dataclass(frozen=True, slots=True)
class Known:
    """One line: a pattern of case ids (or a check), and why it fails."""

    pattern: str
    reason: str
    line: int

    @property
    def is_exact(self) -> bool:
        """Whether it names one case."""
        return not any(c in self.pattern for c in "*?[") and self.pattern.count("/") >= 3


def read(path: Path) -> list[Known]:
    """The lines of a file. Raises `XfailsError` naming the line that has no reason, or the file that is none."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise XfailsError(f"known failures {str(path)!r} cannot be read: {error}") from error
    known = []
    for number, line in enumerate(lines, 1):
        pattern, mark, reason = (part.strip() for part in line.partition("#"))
        if not pattern:
            continue
        if not mark or not reason:
            raise XfailsError(f"{path} line {number}: {pattern!r} needs a reason, as in: {pattern}  # why it fails")
        known.append(Known(pattern, reason, number))
    return known


def mark(outcome: BackendResult, known: list[Known]) -> None:
    """Before the run: note the reason with every case that is known to fail."""
    for planned in outcome.cases:
        for one in known:
            if planned.status == "not_run" and matches(one.pattern, planned.case):
                planned.expected = one.reason


def settle(outcome: BackendResult, known: list[Known]) -> None:
    """After the run: failures found by search or grid that are known, globs that failed somewhere, stale lines."""
    for tally in outcome.tallies:
        for planned in tally.kept:
            reason = next((one.reason for one in known if matches(one.pattern, planned.case)), "")
            if reason and planned.status == "fail":
                planned.status, planned.expected = "xfail", reason
        if tally.kept and all(planned.status == "xfail" for planned in tally.kept):
            tally.counts["xfail"] += tally.counts.pop("fail", 0)
    for one in known:
        every = [planned for planned in outcome.cases if matches(one.pattern, planned.case)]
        kept = [p for tally in outcome.tallies for p in tally.kept if matches(one.pattern, p.case)]
        if not every and not kept:
            if not outcome.narrowed:
                outcome.stale.append(f"known failure {one.pattern!r} (line {one.line}) matches no case")
        elif not one.is_exact and any(p.status == "xfail" for p in every + kept):
            for planned in every:
                if planned.status == "xpass":
                    planned.status = "pass"
    for planned in outcome.cases:
        if planned.status == "xpass":
            planned.detail = f"is known to fail ({planned.expected}), and passed: remove the line"
