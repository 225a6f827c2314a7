"""Plans the cases of a backend, runs them, and gives a verdict that cannot be green by omission.

The plan is computed first. Refused cases are counted apart, with their reasons; a case that was planned and not run,
or that could not discriminate, makes the verdict `incomplete`.
"""

from __future__ import annotations

import fnmatch
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np

# The modules of checks register themselves, in the order in which they are run and shown.
import conformance.values  # isort: skip
import conformance.laws  # isort: skip
import conformance.contract  # noqa: F401  # isort: skip
from conformance.case import Case, CaseError
from conformance.check import CHECKS, Check
from conformance.specs import DISTINCT
from conformance.subject import Failed, Mistrusted, Subject
from harness.protocol import DTYPES, CompleteBackend
from harness.spec import ConvSpec, Op

Status = Literal["pass", "fail", "unsupported", "xfail", "xpass", "mistrusted", "not_run"]
STATUSES: tuple[Status, ...] = ("pass", "fail", "unsupported", "xfail", "xpass", "mistrusted", "not_run")
Verdict = Literal["pass", "fail", "incomplete", "unavailable"]

_SHOWN_DIAGNOSES = 3


class SelectionError(ValueError):
    """A filter that selects nothing, or names nothing known."""


@dataclass(frozen=True, slots=True)
class Selection:
    """What the user asked for; empty means everything."""

    ops: Sequence[Op] = ()
    dtypes: Sequence[str] = ()
    specs: Sequence[ConvSpec] = ()
    check: str = ""
    seed: int = 0

    @property
    def narrowed(self) -> bool:
        """Whether the plan is less than the whole suite."""
        return bool(self.ops or self.dtypes or self.specs or self.check)


@dataclass(slots=True)
class Planned:
    """One case of the plan and what became of it; `detail` is the reason or the diagnosis."""

    case: Case
    status: Status = "not_run"
    detail: str = ""


@dataclass(slots=True)
class Outcome:
    """The plan of one backend, with results, and how long it took in seconds."""

    backend: str
    narrowed: bool
    cases: list[Planned] = field(default_factory=list)
    seconds: float = 0.0
    unavailable: str = ""

    @property
    def counts(self) -> dict[Status, int]:
        """How many cases ended in each status."""
        found = Counter(planned.status for planned in self.cases)
        return {status: found[status] for status in STATUSES}

    @property
    def planned(self) -> int:
        """Cases to execute: all but those that the backend refuses."""
        return len(self.cases) - self.counts["unsupported"]

    @property
    def executed(self) -> int:
        """Cases that ran to a result."""
        return self.planned - self.counts["not_run"]

    @property
    def verdict(self) -> Verdict:
        """fail if any case failed; pass only if all that had to run did, and enough of the contract is claimed."""
        if self.unavailable:
            return "unavailable"
        if self.counts["fail"] or self.counts["xpass"]:
            return "fail"
        short = self.executed < self.planned or self.counts["mistrusted"] or not self.planned
        return "incomplete" if short or self.omissions() else "pass"

    def omissions(self) -> list[str]:
        """What a pass needs and this run lacks; a plan that the user narrowed is judged by itself."""
        if self.narrowed:
            return []
        executed = {
            (p.case.op, p.case.dtype) for p in self.cases if p.case.spec in DISTINCT and p.status in ("pass", "fail")
        }
        claimed = {(p.case.op, p.case.dtype) for p in self.cases if p.status != "unsupported"}
        compulsory: set[tuple[Op, str]] = {("im2col", "float32"), ("col2im", "float32")}
        return [
            f"no discriminating case of {op} in {dtype} was executed"
            for op, dtype in sorted((claimed | compulsory) - executed)
        ]

    def groups(self) -> Iterator[tuple[tuple[str, Op, str], list[Planned]]]:
        """Cases by check, op and dtype, in the order of the plan."""
        table: dict[tuple[str, Op, str], list[Planned]] = {}
        for planned in self.cases:
            table.setdefault((planned.case.check, planned.case.op, planned.case.dtype), []).append(planned)
        return iter(table.items())


def plan(backend: CompleteBackend, selection: Selection = Selection()) -> Outcome:
    """All cases for `backend`, the refused ones marked. Raises `SelectionError` if nothing is selected."""
    outcome = Outcome(backend.name, selection.narrowed)
    for case in _selected(backend, selection):
        outcome.cases.append(_planned(backend, case))
    if not outcome.cases:
        raise SelectionError(_nothing_selected(selection))
    return outcome


def run(
    backend: CompleteBackend, outcome: Outcome, progress: Callable[[Planned], None] = lambda planned: None
) -> Outcome:
    """Execute the plan in place; an interruption leaves the rest `not_run`."""
    subject, start = Subject(backend), time.monotonic()
    try:
        for planned in outcome.cases:
            if planned.status == "not_run":
                planned.status, planned.detail = judge(subject, planned.case)
                progress(planned)
    finally:
        outcome.seconds = time.monotonic() - start
    return outcome


def judge(subject: Subject, case: Case) -> tuple[Status, str]:
    """Run one case. NumPy's floating-point warnings are silent: non-finite data is on purpose."""
    with np.errstate(all="ignore"):
        try:
            check_of(case).run(subject, case)
        except Failed as failure:
            return "fail", str(failure)
        except Mistrusted as doubt:
            return "mistrusted", str(doubt)
    return "pass", ""


def check_of(case: Case) -> Check:
    """The check that a case belongs to: `law.adjoint` judges different ops in different functions."""
    for check in CHECKS[case.check]:
        if case.op in check.ops:
            return check
    raise SelectionError(f"check {case.check!r} does not judge {case.op}")


def claimed_dtypes(backend: CompleteBackend) -> list[str]:
    """float32 and float64, which every backend is asked for, and whatever else it claims for im2col."""
    return [d for d in DTYPES if d in ("float32", "float64") or _claims(backend, d)]


def _claims(backend: CompleteBackend, dtype: str) -> bool:
    try:
        return backend.unsupported("im2col", DISTINCT[0], dtype) is None
    except (Exception, SystemExit):
        return False  # asked again for float32, where it counts


def _selected(backend: CompleteBackend, selection: Selection) -> Iterable[Case]:
    exact_id = _as_case(selection.check)
    if exact_id is not None:
        return [exact_id] if _agrees(exact_id, selection) else []
    return (case for case in _all_cases(backend, selection) if _matches(case, selection.check))


def _all_cases(backend: CompleteBackend, selection: Selection) -> Iterator[Case]:
    for check in (check for parts in CHECKS.values() for check in parts):
        for op in check.ops:
            if selection.ops and op not in selection.ops:
                continue
            for dtype in selection.dtypes or claimed_dtypes(backend):
                if np.dtype(dtype).kind in check.kinds:
                    yield from check.cases(op, dtype, selection.specs or None, selection.seed)


def _as_case(text: str) -> Case | None:
    """The case of a full id, so that a repro runs whether or not its geometry is in the standing plan."""
    try:
        case = Case.parse(text)
    except (CaseError, ValueError):
        return None
    if case.check not in CHECKS:
        return None
    check = check_of(case)
    if not check.fits(case.op, case.spec) or np.dtype(case.dtype).kind not in check.kinds:
        raise SelectionError(f"check {case.check!r} cannot judge this geometry and dtype: {case}")
    return case


def _agrees(case: Case, selection: Selection) -> bool:
    return (
        (not selection.ops or case.op in selection.ops)
        and (not selection.dtypes or case.dtype in selection.dtypes)
        and (not selection.specs or case.spec in selection.specs)
    )


def _matches(case: Case, pattern: str) -> bool:
    return not pattern or fnmatch.fnmatchcase(case.check, pattern) or fnmatch.fnmatchcase(str(case), pattern)


def _planned(backend: CompleteBackend, case: Case) -> Planned:
    """The case as planned: to be run, refused with a reason, or failed because asking raised."""
    try:
        for op in (case.op, *check_of(case).needs):
            reason = backend.unsupported(op, case.spec, case.dtype)
            if reason is not None:
                return Planned(case, "unsupported", reason)
    except (Exception, SystemExit) as error:
        return Planned(case, "fail", f"unsupported({case.op!r}, ..) raised {type(error).__name__}: {error}")
    return Planned(case)


def _nothing_selected(selection: Selection) -> str:
    pattern = f" --check {selection.check!r}" if selection.check else ""
    return f"no case is selected by{pattern or ' these options'}; checks are {', '.join(CHECKS)}"


def diagnoses(cases: Sequence[Planned]) -> list[str]:
    """The first few failures of a group, each with its case."""
    bad = [p for p in cases if p.status in ("fail", "mistrusted")]
    return [f"{p.case}: {p.detail}" for p in bad[:_SHOWN_DIAGNOSES]]
