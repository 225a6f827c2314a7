"""The suite for a test tree of one's own: `class TestMine(ConformanceSuite): backend = "mine.py"`, or a decorator.

Surprising fact: there is neither plugin nor fixture. pytest asks the class itself (its method `pytest_generate_tests`)
for one test per check, op and dtype, and hands each a `GroupCheck` to call.

Every test judges all of its own cases, so one that passed has left nothing out. Which tests ran at all no test can
know: pytest-xdist, -k and --lf choose outside of it, and pytest itself counts what they left.
"""

from __future__ import annotations

import atexit
import fnmatch
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar, TypeVar

import pytest

from conformance import api
from conformance.checks.under_test import BackendUnderTest
from conformance.diagnosis import explain
from conformance.reports import summary
from conformance.run import grid, search, xfails
from conformance.run.engine import KEPT
from conformance.run.judge import judge
from conformance.run.outcome import BackendResult, CaseCounts, CaseResult, CheckResult
from conformance.run.plan import DEFAULT_TIER, matches

Function = TypeVar("Function", bound=Callable[..., Any])
_RED = ("fail", "mistrusted", "not_run")


class Suite:
    """The plan of one backend, and what of it this process has run. A child process lives until pytest ends."""

    def __init__(self, backend: Any, **choice: Any) -> None:
        """Raises what `conformance.check` raises for a backend that is none."""
        options = api.options(**choice)
        session = api.opened(backend, options)
        atexit.register(session.close)
        (entry,) = session.entries
        self.outcome, self.target, self.observer = entry.outcome, entry.target, entry.observer
        self.known, self.seed = list(options.known), options.selection.seed
        self.subject = None if entry.observer is None else BackendUnderTest(entry.observer)

    def checks(self) -> list[GroupCheck]:
        """One for every check, op and dtype; a single one that skips if the backend is unavailable."""
        tallies = {tally.key: tally for tally in self.outcome.tallies}
        if self.outcome.unavailable:
            return [GroupCheck(self, None, None)]
        return [GroupCheck(self, group, tallies.get(group.key)) for group in self.outcome.groups()]

    def parameters(self, prefix: str = "") -> list[Any]:
        """The same as parameters for pytest, with ids such as `values.exact/col2im/float32`."""
        return [pytest.param(check, id=f"{prefix}{check}") for check in self.checks()]

    def left_out(self) -> Iterator[str]:
        """What a pass needs and the plan lacks, and known failures that are none: each as a sentence."""
        as_planned = [replace(p, status="pass" if p.status != "unsupported" else p.status) for p in self.outcome.cases]
        plan = BackendResult(self.outcome.backend, self.outcome.narrowed, as_planned, self.outcome.tallies)
        if not plan.planned and not any(p.optional for p in as_planned):
            yield "nothing is left to run: the backend refuses every case"
        yield from plan.omissions()
        for one in self.known:
            yield from self._stale(one)

    def _stale(self, one: xfails.Known) -> Iterator[str]:
        cases = [p for p in self.outcome.cases if matches(one.pattern, p.case)]
        ran = [p.status for p in cases if p.status != "unsupported"]
        if any(fnmatch.fnmatchcase(tally.key[0], one.pattern.split("/")[0]) for tally in self.outcome.tallies):
            return  # means cases that are known only once they have failed
        if not cases and not self.outcome.narrowed:
            yield f"known failure {one.pattern!r} (line {one.line}) matches no case"
        elif ran and not one.is_exact and set(ran) <= {"pass", "xpass"}:
            yield f"known failure {one.pattern!r} (line {one.line}) passes in every case: remove the line"


@dataclass(frozen=True, slots=True, eq=False)
class GroupCheck:
    """All cases of one check, op and dtype. Calling it passes, fails, skips (refused) or xfails (known to fail)."""

    suite: Suite
    group: CheckResult | None
    tally: CaseCounts | None

    def __str__(self) -> str:
        return "unavailable" if self.group is None else "/".join(self.group.key)

    __repr__ = __str__

    def __call__(self) -> None:
        """Judge the cases and tell pytest."""
        if self.group is None:
            pytest.skip(f"{self.suite.outcome.backend} is unavailable: {self.suite.outcome.unavailable}")
        cases = self._judged(self.group.cases) + (self._searched(self.tally) if self.tally else [])
        if self.group.optional:
            bad = [p for p in cases if p.status in _RED]
            pytest.skip("optional, never part of the verdict: " + (self._text(bad, cases) if bad else "pass"))
        bad = [p for p in cases if p.status in _RED or (p.status == "xpass" and self._is_exact(p))]
        if bad:
            pytest.fail(self._text(bad, cases), pytrace=False)
        known = Counter(p.expected for p in cases if p.status == "xfail")
        if known:
            pytest.xfail("; ".join(f"{n} known to fail: {reason}" for reason, n in known.items()))
        return self._skip_if_refused(cases)

    def _judged(self, cases: Sequence[CaseResult]) -> list[CaseResult]:
        assert self.suite.subject is not None
        explained = 0
        for planned in cases:
            decided_by_the_plan = planned.status in ("unsupported", "fail") and not planned.seconds
            if decided_by_the_plan:
                continue
            judge(self.suite.subject, planned)
            if planned.status in ("fail", "mistrusted") and explained < KEPT:
                explained += 1
                planned.calls = self.suite.subject.calls
        return list(cases)

    def _searched(self, tally: CaseCounts) -> list[CaseResult]:
        """The cases of a higher tier that failed; the rest are counted in the tally."""
        assert self.suite.observer is not None
        tally.counts.clear()
        tally.kept.clear()
        part = BackendResult(self.suite.outcome.backend, True, tallies=[tally])
        if tally.key[0] == grid.CHECK:
            grid.run([(self.suite.observer, part)])
        else:
            search.run(self.suite.observer, part, self.suite.seed)
        for planned in tally.kept:
            planned.expected = next((k.reason for k in self.suite.known if matches(k.pattern, planned.case)), "")
            planned.status = "xfail" if planned.expected else "fail"
        return tally.kept

    def _is_exact(self, planned: CaseResult) -> bool:
        """Whether the very case is listed; a pattern need not fail in every case that it matches."""
        return any(k.is_exact and matches(k.pattern, planned.case) for k in self.suite.known)

    def _skip_if_refused(self, cases: Sequence[CaseResult]) -> None:
        assert self.group is not None
        refusals = self.tally.refusals if self.tally else Counter(p.detail for p in cases if p.status == "unsupported")
        planned = self.tally.counts.total() if self.tally else len(cases)
        if refusals and refusals.total() == planned:
            pytest.skip("; ".join(f"{n} cases refused: {reason}" for reason, n in refusals.items()))

    def _text(self, bad: Sequence[CaseResult], cases: Sequence[CaseResult]) -> str:
        total = self.tally.planned if self.tally else len(cases)
        blocks = [[f"{self.suite.outcome.backend}: {len(bad)} of {total} cases of {self}"]]
        for planned in bad[:KEPT]:
            told = explain.explain(planned, self.suite.target)
            known = f"is known to fail ({planned.expected}), and passed: remove the line"
            text = known if planned.status == "xpass" else planned.detail
            repro = f"repro: {summary.repro(planned.case, self.suite.target)}" if self.suite.target.text else ""
            blocks.append([f"{planned.status} {planned.case}", text, told.pattern, *told.picture, repro])
        return "\n\n".join("\n".join(line for line in block if line) for block in blocks)


class ConformanceSuite:
    """Inherit from it in a class whose name begins with Test. Only `backend` must be given.

    `backend` is a target (a name, `file.py[:Attr]`, `module:Attr`: called in a child process unless built in), or a
    live object, class or module (called in this process). `xfails` is a file or {pattern: reason}.
    """

    backend: ClassVar[Any] = None
    tier: ClassVar[int] = DEFAULT_TIER
    ops: ClassVar[Sequence[str] | str] = ()
    dtypes: ClassVar[Sequence[str] | str] = ()
    check: ClassVar[str] = ""
    xfails: ClassVar[api.Known] = None
    as_of: ClassVar[str] = ""
    isolate: ClassVar[bool] = True
    seed: ClassVar[int] = 0

    def pytest_generate_tests(self, metafunc: pytest.Metafunc) -> None:
        """One test for every check, op and dtype."""
        if metafunc.function.__name__ == "test_conformance":
            metafunc.parametrize("group", _suite_of(type(self)).parameters())

    def test_conformance(self, group: GroupCheck) -> None:
        """Every case of the group is right."""
        group()

    def test_nothing_left_out(self) -> None:
        """The plan holds enough for a pass, and every known failure means something; nothing of which tests ran.

        A pattern of known failures is judged only where all cases that it matches ran in this process.
        """
        suite = _suite_of(type(self))
        if suite.outcome.unavailable:
            pytest.skip(suite.outcome.unavailable)
        texts = list(suite.left_out())
        if texts:
            pytest.fail("incomplete: " + "; ".join(texts), pytrace=False)


def parametrize_checks(backend: Any, **choice: Any) -> Callable[[Function], Function]:
    """Decorate `def test_it(check): check()`: one test for every check, op and dtype.

    `choice` is that of `conformance.check` but for the budget. There is no test of what the plan lacks: for that take
    the class, or the call.
    """

    def decorate(function: Function) -> Function:
        decorated: Function = pytest.mark.parametrize("check", Suite(backend, **choice).parameters())(function)
        return decorated

    return decorate


def _beside(kind: type, given: Any, is_path: bool) -> Any:
    """A relative path is meant from the file of the test, wherever pytest was started."""
    file = getattr(sys.modules.get(kind.__module__), "__file__", None)
    return api.shortest(str(Path(file).parent / given)) if is_path and file else given


def _suite_of(kind: type[ConformanceSuite]) -> Suite:
    """Opened once a class, at collection."""
    if "_suite" not in vars(kind):
        if kind.backend is None:
            raise pytest.Collector.CollectError(f"{kind.__name__} needs a class attribute: backend = 'mine.py'")
        choice = {n: getattr(kind, n) for n in ("tier", "ops", "dtypes", "check", "as_of", "isolate", "seed")}
        choice["xfails"] = _beside(kind, kind.xfails, isinstance(kind.xfails, str))
        is_file = isinstance(kind.backend, str) and kind.backend.partition(":")[0].endswith(".py")
        try:
            kind._suite = Suite(_beside(kind, kind.backend, is_file), **choice)  # type: ignore[attr-defined]
        except ValueError as error:  # no backend, nothing selected, a known failure without its reason
            raise pytest.Collector.CollectError(f"{kind.__name__}: {error}") from error
    suite: Suite = vars(kind)["_suite"]
    return suite
