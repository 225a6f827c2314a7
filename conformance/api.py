"""The suite as a call: `report = conformance.check("mine.py")`, for scripts, notebooks and other test frameworks."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from html import escape
from pathlib import Path
from typing import Any

import msgspec
from msgspec import structs

from conformance.cases.case import SelectionError
from conformance.cases.selection import DEFAULT_TIER, TIERS, Selection
from conformance.cluster.remote.identity import source_of
from conformance.diagnosis.libraries import witnesses
from conformance.opening import opened
from conformance.reports import junit, page, summary
from conformance.reports.causes import in_words, of_runs
from conformance.run import versions, xfails
from conformance.run.records import BackendReport, CheckReport, FailureReport
from conformance.run.suite_run import Options
from harness.contract.protocol import DTYPES
from harness.contract.status import Grade, Verdict
from harness.geometry.spec import ALL_OPS, Op
from harness.results.writing import ResultsError

KnownFailures = str | os.PathLike[str] | Mapping[str, str] | None  # a file as for --xfails, or {pattern: reason}
_SHOWN = 5  # failures in the text of an error
_FRAME = "width: 100%; height: 40rem; border: 1px solid #8888"


class ConformanceError(AssertionError):
    """A backend that did not pass; `report` has all of it."""

    def __init__(self, report: Report) -> None:
        super().__init__(report.text())
        self.report = report


@dataclass(frozen=True, slots=True)
class Report:
    """What became of one backend: the object that `harness check --json` writes, and questions to it."""

    record: BackendReport = field(repr=False)

    @property
    def found(self) -> dict[str, Any]:
        """The object of `harness check --json`, a new one each time."""
        plain: dict[str, Any] = msgspec.to_builtins(self.record)
        return plain

    @property
    def verdict(self) -> str:
        """pass, deviates, fail, incomplete or unavailable."""
        return str(self.record.verdict)

    @property
    def ok(self) -> bool:
        """Whether it passed: everything planned was executed and is right."""
        return self.record.verdict is Verdict.PASS

    @property
    def counts(self) -> dict[str, int]:
        """Cases by status."""
        return {str(status): count for status, count in self.record.counts.items()}

    @property
    def failures(self) -> list[str]:
        """The first failures of every check, op and dtype, each with the command that runs it alone."""
        return _told(self.record.checks)

    def to_json(self) -> dict[str, Any]:
        """The object of `harness check --json`."""
        return self.found

    def html(self) -> str:
        """A self-contained HTML page."""
        return page.render([self.record])

    def junit(self) -> str:
        """JUnit XML."""
        return junit.junit([self.record])

    def __str__(self) -> str:
        return self.text()

    def _repr_html_(self) -> str:
        """In a notebook: the page in a frame of its own, as its style is that of a whole page."""
        try:
            return f'<iframe title="conformance" style="{_FRAME}" srcdoc="{escape(self.html())}"></iframe>'
        except ResultsError:  # jinja2 is missing
            return f"<pre>{escape(self.text())}</pre>"

    def text(self) -> str:
        """Verdict, counts, reason, the causes of what failed, and the first failures that none explains, for people."""
        record, failures = self.record, _told(self.record.unexplained)
        counts = ", ".join(f"{n} {status}" for status, n in record.counts.items() if n)
        executed = f"{record.executed} of {record.planned} planned cases executed ({counts})"
        lines = [f"{record.backend}: {record.verdict}, {executed}"]
        lines += [record.reason] if record.reason else []
        lines += in_words.lines(record)
        lines += failures[:_SHOWN]
        return "\n".join([*lines, f"and {len(failures) - _SHOWN} more"] if len(failures) > _SHOWN else lines)

    def raise_for_status(self, require: str = "form") -> None:
        """Raise `ConformanceError` unless it passed: incomplete and unavailable are no pass.

        `require` "values" or "safety" asks for less than the form of results. Raises `ValueError` for another word.
        """
        least, judged = Grade(require), self.record.verdict in (Verdict.DEVIATES, Verdict.FAIL)
        is_tolerated = judged and not self.record.is_short and not self.record.is_wrong(least)
        if not self.ok and not is_tolerated:
            raise ConformanceError(self)


def check(
    backend: Any,
    *,
    tier: int = DEFAULT_TIER,
    ops: Sequence[str] | str = (),
    dtypes: Sequence[str] | str = (),
    check: str = "",
    xfails: KnownFailures = None,
    as_of: str = "",
    budget: float | None = None,
    isolate: bool = True,
    seed: int = 0,
    diagnose: bool = True,
) -> Report:
    """Run the suite on a target (a name, `file.py[:Attr]`, `module:Attr`) or a live object, class or module.

    Raises `RegistryError` or `AdapterError` if it is no backend, `SelectionError` if the options select nothing, and
    `XfailsError` if a known failure has no reason. What the backend does wrong is in the report, by cause
    unless `diagnose` is false.
    """
    choice = Choice(tier=tier, ops=ops, dtypes=dtypes, check=check, xfails=xfails, as_of=as_of, budget=budget,
                    isolate=isolate, seed=seed)  # fmt: skip
    start = time.monotonic()
    with opened(backend, choice.options()) as suite_run:
        (run,) = suite_run.backends
        source = source_of(run.target) if run.target.text else ""
        suite_run.run()
        reports = summary.reports(suite_run, witnesses.at_hand())
        if diagnose:
            end = of_runs.until(start, suite_run.options.budget)
            reports = of_runs.diagnosed(reports, [run.target], [of_runs.usable_caller(run)], suite_run.options, end)
        (record,) = reports
        if not run.target.text:
            return Report(_without_commands(record))
        return Report(structs.replace(record, source=source, selection=choice.options().selection.digest))


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """The options of a run as a script or a test class gives them: plain values, named as those of `check`."""

    tier: int = DEFAULT_TIER
    ops: Sequence[str] | str = ()
    dtypes: Sequence[str] | str = ()
    check: str = ""  # a pattern of check ids or case ids
    xfails: KnownFailures = None
    as_of: str = ""
    budget: float | None = None
    isolate: bool = True
    seed: int = 0

    def options(self) -> Options:
        """Each value looked at as the command line would. Raises `SelectionError` or `XfailsError`."""
        if self.tier not in TIERS:
            raise SelectionError(f"tier must be among {', '.join(map(str, TIERS))}, got {self.tier!r}")
        budget = float("inf") if self.budget is None else self.budget
        if not budget > 0:
            raise SelectionError(f"budget must be more than 0 seconds, got {budget!r}")
        ops: list[Op] = _among("op", self.ops, ALL_OPS)
        selection = Selection(
            ops=ops, dtypes=_among("dtype", self.dtypes, DTYPES), pattern=self.check, seed=self.seed, tier=self.tier,
            suite=versions.require(self.as_of),
        )  # fmt: skip
        return Options(selection, budget, isolate=self.isolate, known=known_failures(self.xfails))


def _told(groups: Sequence[CheckReport]) -> list[str]:
    """The first failures of those that are part of the verdict."""
    return [
        f"{failure.status} {failure.case}: {failure.text}\n  repro: {failure.repro}"
        for group in groups if not group.optional
        for failure in group.failures if failure.status.is_bad
    ]  # fmt: skip


def known_failures(source: KnownFailures) -> list[xfails.KnownFailure]:
    """The lines of a file, or the entries of a dict of patterns and reasons. Raises `XfailsError`."""
    if source is None:
        return []
    if not isinstance(source, Mapping):
        return xfails.read(Path(source))
    for pattern, reason in source.items():
        if not str(reason).strip():
            raise xfails.XfailsError(f"known failure {pattern!r} needs a reason")
    return [xfails.KnownFailure(pattern, reason, number) for number, (pattern, reason) in enumerate(source.items(), 1)]


def _among(what: str, words: Sequence[str] | str, allowed: Sequence[Any]) -> list[Any]:
    chosen = [word.strip() for word in words.split(",") if word.strip()] if isinstance(words, str) else list(words)
    for word in chosen:
        if word not in allowed:
            raise SelectionError(f"{what} must be among {', '.join(allowed)}, got {word!r}")
    return chosen


def _without_commands(record: BackendReport) -> BackendReport:
    """For a backend that no shell could name: the call in Python instead of each command, and no script."""

    def failure_without(failure: FailureReport) -> FailureReport:
        repro = f"conformance.check({record.backend}, check={failure.case!r})"
        return structs.replace(failure, repro=repro, pytest="", script="")

    def group_without(group: CheckReport) -> CheckReport:
        failures = [failure_without(failure) for failure in group.failures]
        return structs.replace(group, failures=failures, repro=failures[0].repro if group.repro else "")

    causes = [
        structs.replace(cause, failure=cause.failure and failure_without(cause.failure)) for cause in record.causes
    ]
    return structs.replace(record, checks=[group_without(group) for group in record.checks], causes=causes)
