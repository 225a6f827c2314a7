"""The suite as a call: `report = conformance.check("mine.py")`, for scripts, notebooks and other test frameworks.

Surprising fact: a live object is always called in this process, so one that crashes takes the caller with it.
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

from conformance.cases.case import SelectionError
from conformance.diagnosis.libraries import witnesses
from conformance.reports import junit, page
from conformance.run import versions, xfails
from conformance.run.outcome import BackendResult, Status
from conformance.run.plan import DEFAULT_TIER, TIERS, Selection
from conformance.run.suite_run import BackendRun, Options, SuiteRun
from harness.calls.in_process import InProcess
from harness.contract.adapter import complete
from harness.contract.protocol import DTYPES, BackendUnavailable
from harness.contract.targets import Target, resolve
from harness.geometry.spec import Op

Known = str | os.PathLike[str] | Mapping[str, str] | None  # a file as for --xfails, or {pattern: reason}
_BAD: tuple[Status, ...] = ("fail", "xpass", "mistrusted")
_SHOWN = 5  # failures in the text of an error


class ConformanceError(AssertionError):
    """A backend that did not pass; `report` has all of it."""

    def __init__(self, report: Report) -> None:
        super().__init__(report.text())
        self.report = report


@dataclass(frozen=True, slots=True)
class Report:
    """What became of one backend: the object that `harness check --json` writes, and questions to it."""

    found: dict[str, Any] = field(repr=False)

    @property
    def verdict(self) -> str:
        """pass, fail, incomplete or unavailable."""
        return str(self.found["verdict"])

    @property
    def ok(self) -> bool:
        """Whether it passed: everything planned was executed and is right."""
        return self.verdict == "pass"

    @property
    def counts(self) -> dict[str, int]:
        """Cases by status."""
        return dict(self.found["counts"])

    @property
    def failures(self) -> list[str]:
        """The first failures of every check, op and dtype, each with the command that runs it alone."""
        return [
            f"{failure['status']} {failure['case']}: {failure['text']}\n  repro: {failure['repro']}"
            for group in self.found["checks"] if not group["optional"]
            for failure in group["failures"] if failure["status"] in _BAD
        ]  # fmt: skip

    def to_json(self) -> dict[str, Any]:
        """The object of `harness check --json`."""
        return self.found

    def html(self) -> str:
        """A self-contained HTML page."""
        return page.page([self.found])

    def junit(self) -> str:
        """JUnit XML."""
        return junit.junit([self.found])

    def text(self) -> str:
        """Verdict, counts, reason and the first failures, for people."""
        o, failures = self.found, self.failures
        counts = ", ".join(f"{n} {status}" for status, n in o["counts"].items() if n)
        lines = [f"{o['backend']}: {o['verdict']}, {o['executed']} of {o['planned']} planned cases executed ({counts})"]
        lines += [o["reason"]] if o["reason"] else []
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
    made = options(tier=tier, ops=ops, dtypes=dtypes, check=check, xfails=xfails, as_of=as_of, isolate=isolate,
                   seed=seed, budget=float("inf") if budget is None else budget)  # fmt: skip
    session = opened(backend, made)
    try:
        session.run()
        (found,) = session.objects(witnesses.at_hand())
    finally:
        session.close()
    return Report(found if session.entries[0].target.text else _without_commands(found))


def options(
    *, tier: int = DEFAULT_TIER, ops: Sequence[str] | str = (), dtypes: Sequence[str] | str = (), check: str = "",
    xfails: Known = None, as_of: str = "", isolate: bool = True, seed: int = 0, budget: float = float("inf"),
) -> Options:  # fmt: skip
    """The options of a run in plain values, each looked at as the command line would."""
    if tier not in TIERS:
        raise SelectionError(f"tier must be among {', '.join(map(str, TIERS))}, got {tier!r}")
    if not budget > 0:
        raise SelectionError(f"budget must be more than 0 seconds, got {budget!r}")
    chosen: list[Op] = _among("op", ops, get_args(Op))
    selection = Selection(
        ops=chosen, dtypes=_among("dtype", dtypes, DTYPES), check=check, seed=seed, tier=tier,
        suite=versions.require(as_of),
    )  # fmt: skip
    return Options(selection, budget, isolate=isolate, known=known_failures(xfails))


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


def opened(backend: Any, made: Options) -> SuiteRun:
    """A session of this one backend, planned. Its target is empty if it is a live object that no shell could name."""
    session = SuiteRun(made)
    if isinstance(backend, str | os.PathLike):
        session.add(resolve(os.fspath(backend)), named=True)
        return session
    name, place = _name(backend), address(backend)
    target = Target(place, name, place)
    try:
        observer = InProcess(complete(backend() if inspect.isclass(backend) else backend, name, place or name))
    except Exception as reason:
        if not isinstance(reason, ImportError) and not _says_unavailable(reason):
            raise
        session.entries.append(
            BackendRun(target, BackendResult(name, made.selection.narrowed, unavailable=str(reason)))
        )
        return session
    session.enter(target, observer)
    return session


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


def _without_commands(found: dict[str, Any]) -> dict[str, Any]:
    """For a backend that no shell could name: the call in Python instead of each command, and no script."""
    name = found["backend"]
    for group in found["checks"]:
        for failure in group["failures"]:
            failure |= {"repro": f"conformance.check({name}, check={failure['case']!r})", "pytest": "", "script": ""}
        group["repro"] = group["failures"][0]["repro"] if group["repro"] else ""
    return found
