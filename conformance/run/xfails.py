"""Known failures, kept by whoever implements the backend: a text file, one pattern a line, each with its reason.

    values.real/conv2d/float16/*   # sums in float16, https://example.org/issues/1
    contract.no_alias_input/im2col/float32/n1c1h1w1_f1kh1kw1   # returns a view of a single pixel

An exact id that passes is as loud as a failure. A glob must fail in at least one of the cases that it matches.
"""

from __future__ import annotations

import fnmatch
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from conformance.cases.selection import EVERYTHING, Selection, matches
from conformance.checks.registration import CHECKS
from conformance.run import versions
from conformance.run.results import BackendResult, CaseResult
from conformance.run.unselected import tier_of
from harness.contract.status import Status
from harness.telling import WrongCall


class XfailsError(WrongCall):
    """A file of known failures that cannot be read as one."""


@dataclass(frozen=True, slots=True)
class KnownFailure:
    """One line: a pattern of case ids (or a check), and why it fails."""

    pattern: str
    reason: str
    line: int

    def __str__(self) -> str:
        return f"known failure {self.pattern!r} (line {self.line})"

    @property
    def is_exact(self) -> bool:
        """Whether it names one case."""
        return not any(c in self.pattern for c in "*?[") and self.pattern.count("/") >= 3

    def may_name(self, check_id: str) -> bool:
        """Whether it may mean cases of the check."""
        return fnmatch.fnmatchcase(check_id, self.pattern.split("/")[0])


def read(path: Path) -> list[KnownFailure]:
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
        known.append(KnownFailure(pattern, reason, number))
    return known


def mark(result: BackendResult, known: Sequence[KnownFailure]) -> None:
    """Before the run: note the reason with every case that is known to fail."""
    for case_result in result.cases:
        for one in known:
            if case_result.status is Status.NOT_RUN and matches(one.pattern, case_result.case):
                case_result.known_reason = one.reason


def settle_counted(result: BackendResult, known: Sequence[KnownFailure]) -> None:
    """After the grid and the search: the failures that they found and that are known."""
    for case_counts in result.counted:
        for case_result in case_counts.kept:
            reason = next((one.reason for one in known if matches(one.pattern, case_result.case)), "")
            if reason and case_result.status is Status.FAIL:
                case_result.status, case_result.known_reason = Status.XFAIL, reason
        if case_counts.kept and all(case_result.status is Status.XFAIL for case_result in case_counts.kept):
            case_counts.counts[Status.XFAIL] += case_counts.counts.pop(Status.FAIL, 0)


def settle(result: BackendResult, known: Sequence[KnownFailure], selection: Selection = EVERYTHING) -> None:
    """After the run: failures found by search or grid that are known, globs that failed somewhere, stale lines.

    A glob that has cases in other parts of the run may fail there; `parallel.known` hears of all parts.
    """
    settle_counted(result, known)
    for one in known:
        every = [case_result for case_result in result.cases if matches(one.pattern, case_result.case)]
        kept = [c for case_counts in result.counted for c in case_counts.kept if matches(one.pattern, c.case)]
        elsewhere = any(matches(one.pattern, case) for case in result.elsewhere.cases)
        if not every and not kept and not elsewhere:
            if _has_to_match(one, result, selection):
                result.stale.append(f"{one} matches no case")
        elif not one.is_exact and (elsewhere or any(found.status is Status.XFAIL for found in every + kept)):
            for case_result in every:
                if case_result.status is Status.XPASS:
                    case_result.status = Status.PASS
    for case_result in result.cases:
        if case_result.status is Status.XPASS:
            case_result.detail = passed_after_all(case_result)


def _has_to_match(one: KnownFailure, result: BackendResult, selection: Selection) -> bool:
    """Whether this run alone knows that there is no such case.

    It does not where the plan was narrowed, for a check of a higher tier, a newer suite or an optional one, and in a
    part of a run for what grid and search may find in another.
    """
    if result.narrowed or (selection.shard.count > 1 and _may_be_counted(one, result)):
        return False
    named = [check for several in CHECKS.values() for check in several if one.may_name(check.id)]
    return not any(
        tier_of(check) > selection.tier or check.optional or not versions.in_suite(check.id, selection.suite)
        for check in named
    )


def _may_be_counted(one: KnownFailure, result: BackendResult) -> bool:
    """Whether it means cases that are known only once they have failed."""
    return any(one.may_name(case_counts.key.check_id) for case_counts in result.counted)


def meaningless(
    result: BackendResult, known: Sequence[KnownFailure], selection: Selection = EVERYTHING
) -> Iterator[str]:
    """Known failures that match nothing or never fail, as sentences; those with cases that did not run are left out."""
    for one in known:
        if _may_be_counted(one, result):
            continue
        cases = [case_result for case_result in result.cases if matches(one.pattern, case_result.case)]
        ran = {case_result.status for case_result in cases} - {Status.UNSUPPORTED}
        if not cases and _has_to_match(one, result, selection):
            yield f"{one} matches no case"
        elif ran and not one.is_exact and ran <= {Status.PASS, Status.XPASS}:
            yield f"{one} passes in every case: remove the line"


def passed_after_all(case_result: CaseResult) -> str:
    """What is said of a case that is listed and passed."""
    return f"is known to fail ({case_result.known_reason}), and passed: remove the line"
