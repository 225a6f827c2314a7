"""What is wrong with a backend and no cause explains: failures that look alike are one, told by the first."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from conformance.run.records import BackendReport, CheckReport, FailureReport
from harness.contract.status import Grade, Status

SHOWN = 5  # findings of a backend that is wrong alone; of several, fewer
_NOT_CALLED = " was not run: "


@dataclass(frozen=True, slots=True)
class Finding:
    """One kind of failure: its first case, and the groups (check, op and dtype) in which it was seen."""

    failure: FailureReport
    groups: Sequence[CheckReport]

    @property
    def look(self) -> str:
        """A class of the page's style: the form of results has another colour than wrong numbers."""
        return "deviates" if all(group.deviates for group in self.groups) else str(self.groups[0].status)

    @property
    def headline(self) -> str:
        """What it looks like, if that is known; else the first failure."""
        return self.failure.pattern or self.failure.text

    @property
    def where(self) -> str:
        """The ops, the dtypes and the checks."""
        ops, dtypes, checks = (
            ", ".join(dict.fromkeys(getattr(group, name) for group in self.groups)) for name in ("op", "dtype", "id")
        )
        optional = "; optional, not part of the verdict" if all(group.optional for group in self.groups) else ""
        return f"{ops}; {dtypes}; seen by {checks}{optional}"


def findings(report: BackendReport) -> list[Finding]:
    """The kinds of failures: numbers, memory, form, in this order; what is optional or was never called comes last."""
    alike: dict[str, list[tuple[FailureReport, CheckReport]]] = {}
    for group, failure in sorted(_failures(report), key=_gravity):
        alike.setdefault(failure.pattern or group.id, []).append((failure, group))
    return [Finding(found[0][0], list({id(group): group for _, group in found}.values())) for found in alike.values()]


def _failures(report: BackendReport) -> Iterator[tuple[CheckReport, FailureReport]]:
    explained = {key for cause in report.causes for key in cause.explains}
    for group in report.checks:
        if group.key in explained:
            continue
        for failure in group.shown_failures:
            if failure.status in (Status.FAIL, Status.XPASS):
                yield group, failure


def _gravity(found: tuple[CheckReport, FailureReport]) -> tuple[bool, bool, int]:
    group, failure = found
    return group.optional, _NOT_CALLED in failure.text, list(Grade).index(group.grade)
