"""The suite as a call: `report = conformance.check("mine.py")`, for scripts, notebooks and other test frameworks.

A live object is always called in this process, so one that crashes takes the caller with it.
"""

from __future__ import annotations

import inspect
import os
import re
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any, get_args

import msgspec
from msgspec import structs

from conformance.cases.case import SelectionError
from conformance.cases.selection import DEFAULT_TIER, TIERS, Selection
from conformance.diagnosis import witnesses
from conformance.reports import junit, page, summary
from conformance.run import versions, xfails
from conformance.run.records import BackendReport, CheckReport
from conformance.run.suite_run import Options, SuiteRun
from harness.calls.in_process import InProcess
from harness.contract.adapter import complete
from harness.contract.protocol import DTYPES, BackendUnavailable
from harness.contract.status import Verdict
from harness.contract.targets import Target, resolve
from harness.geometry.spec import Op

Known = str | os.PathLike[str] | Mapping[str, str] | None  # a file as for --xfails, or {pattern: reason}
_SHOWN = 5  # failures in the text of an error


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
        """pass, fail, incomplete or unavailable."""
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
        return [
            f"{failure.status} {failure.case}: {failure.text}\n  repro: {failure.repro}"
            for group in self.record.checks if not group.optional
            for failure in group.failures if failure.status.is_bad
        ]  # fmt: skip

    def to_json(self) -> dict[str, Any]:
        """The object of `harness check --json`."""
        return self.found

    def html(self) -> str:
        """A self-contained HTML page."""
        return page.render([self.record])

    def junit(self) -> str:
        """JUnit XML."""
        return junit.junit([self.record])

    def text(self) -> str:
        """Verdict, counts, reason and the first failures, for people."""
        record, failures = self.record, self.failures
        counts = ", ".join(f"{n} {status}" for status, n in record.counts.items() if n)
        executed = f"{record.executed} of {record.planned} planned cases executed ({counts})"
        lines = [f"{record.backend}: {record.verdict}, {executed}"]
        lines += [record.reason] if record.reason else []
        lines += failures[:_SHOWN]
        return "\n".join([*lines, f"and {len(failures) - _SHOWN} more"] if len(failures) > _SHOWN else lines)

    def raise_for_status(self) -> None:
        """Raise `ConformanceError` unless it passed: incomplete and unavailable are no pass."""
        if not self.ok:
            raise ConformanceError(self)


def check(
    backend: Any,
    *,
    tier: int = DEFAULT_TIER,
    ops: Sequence[str] | str = (),
    dtypes: Sequence[str] | str = (),
    check: str = "",
    xfails: Known = None,
    as_of: str = "",
    budget: float | None = None,
    isolate: bool = True,
    seed: int = 0,
) -> Report:
    """Run the suite on a target (a name, `file.py[:Attr]`, `module:Attr`) or a live object, class or module.

    Raises `RegistryError` or `AdapterError` if it is no backend, `SelectionError` if the options select nothing, and
    `XfailsError` if a known failure has no reason. What the backend does wrong is in the report.
    """
    choice = Choice(tier=tier, ops=ops, dtypes=dtypes, check=check, xfails=xfails, as_of=as_of, budget=budget,
                    isolate=isolate, seed=seed)  # fmt: skip
    with opened(backend, choice.options()) as suite_run:
        suite_run.run()
        (record,) = summary.reports(suite_run, witnesses.at_hand())
        return Report(record if suite_run.backends[0].target.text else _without_commands(record))


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """The options of a run as a script or a test class gives them: plain values, named as those of `check`."""

    tier: int = DEFAULT_TIER
    ops: Sequence[str] | str = ()
    dtypes: Sequence[str] | str = ()
    check: str = ""  # a pattern of check ids or case ids
    xfails: Known = None
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
        ops: list[Op] = _among("op", self.ops, get_args(Op))
        selection = Selection(
            ops=ops, dtypes=_among("dtype", self.dtypes, DTYPES), pattern=self.check, seed=self.seed, tier=self.tier,
            suite=versions.require(self.as_of),
        )  # fmt: skip
        return Options(selection, budget, isolate=self.isolate, known=known_failures(self.xfails))


def known_failures(source: Known) -> list[xfails.Known]:
    """The lines of a file, or the entries of a dict of patterns and reasons. Raises `XfailsError`."""
    if source is None:
        return []
    if not isinstance(source, Mapping):
        return xfails.read(Path(source))
    for pattern, reason in source.items():
        if not str(reason).strip():
            raise xfails.XfailsError(f"known failure {pattern!r} needs a reason")
    return [xfails.Known(pattern, reason, number) for number, (pattern, reason) in enumerate(source.items(), 1)]


def opened(backend: Any, options: Options) -> SuiteRun:
    """A run of this one backend, planned. Its target is empty if it is a live object that no shell could name."""
    suite_run = SuiteRun(options)
    if isinstance(backend, str | os.PathLike):
        suite_run.add(resolve(os.fspath(backend)))
        return suite_run
    name, place = _name(backend), address(backend)
    target = Target(place, name, place)
    try:
        caller = InProcess(complete(backend() if inspect.isclass(backend) else backend, name, place or name))
    except Exception as reason:
        if not isinstance(reason, ImportError) and not _says_unavailable(reason):
            raise
        suite_run.add_unavailable(target, str(reason))
    else:
        suite_run.add_open(target, caller)
    return suite_run


def address(backend: Any) -> str:
    """How a shell could name a live object: by the file or package where it is a global; empty if it is none."""
    module = backend if isinstance(backend, ModuleType) else sys.modules.get(getattr(backend, "__module__", ""))
    file = getattr(module, "__file__", None)
    if module is None or file is None:
        return ""
    if module is backend:
        return shortest(file)
    name = next((name for name, value in vars(module).items() if value is backend), "")
    if not name:
        return ""
    return f"{module.__name__}:{name}" if module.__package__ else f"{shortest(file)}:{name}"


def _name(backend: Any) -> str:
    """Its own name if it has one as the contract wants it, else that of its module or class."""
    own = getattr(backend, "name", None)
    if isinstance(own, str) and re.fullmatch(r"[a-z0-9_]+", own):
        return own
    named = backend if inspect.isclass(backend) or inspect.ismodule(backend) else type(backend)
    return re.sub(r"[^a-z0-9_]", "_", named.__name__.rpartition(".")[2].lower())


def shortest(file: str) -> str:
    """A path from here if it is below, else the whole path."""
    path = Path(file).resolve()
    here = Path.cwd()
    return str(path.relative_to(here)) if path.is_relative_to(here) else str(path)


def _says_unavailable(error: Exception) -> bool:
    return any(kind.__name__ == BackendUnavailable.__name__ for kind in type(error).__mro__)


def _among(what: str, words: Sequence[str] | str, allowed: Sequence[Any]) -> list[Any]:
    chosen = [word.strip() for word in words.split(",") if word.strip()] if isinstance(words, str) else list(words)
    for word in chosen:
        if word not in allowed:
            raise SelectionError(f"{what} must be among {', '.join(allowed)}, got {word!r}")
    return chosen


def _without_commands(record: BackendReport) -> BackendReport:
    """For a backend that no shell could name: the call in Python instead of each command, and no script."""

    def group_without(group: CheckReport) -> CheckReport:
        failures = [
            structs.replace(
                failure, repro=f"conformance.check({record.backend}, check={failure.case!r})", pytest="", script=""
            )
            for failure in group.failures
        ]
        return structs.replace(group, failures=failures, repro=failures[0].repro if group.repro else "")

    return structs.replace(record, checks=[group_without(group) for group in record.checks])
