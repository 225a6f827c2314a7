"""The suite for a test tree of one's own: `class TestMine(ConformanceSuite): backend = "mine.py"`, or a decorator.

There is neither plugin nor fixture: pytest asks the class itself (its method `pytest_generate_tests`) for one test per
check, op and dtype, and hands each a `GroupCheck` to call.

Every test judges all of its own cases, so one that passed has left nothing out. Which tests ran at all no test can
know: pytest-xdist, -k and --lf choose outside of it, and pytest itself counts what they left.
"""

from __future__ import annotations

import atexit
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar, TypeVar

import pytest

from conformance import api, opening
from conformance.cases.selection import DEFAULT_TIER, matches
from conformance.diagnosis import explain
from conformance.reports import summary
from conformance.run import xfails
from conformance.run.engine import KEPT
from conformance.run.records import NO_PLAIN_GEOMETRY
from conformance.run.results import CaseResult, CheckKey, CheckResult
from harness.contract.status import Status

Function = TypeVar("Function", bound=Callable[..., Any])


class Suite:
    """The plan of one backend, and what of it this process has run. A child process lives until pytest ends."""

    def __init__(self, backend: Any, **choice: Any) -> None:
        """Raises what `conformance.check` raises for a backend that is none."""
        self.suite_run = opening.opened(backend, api.Choice(**choice).options())
        atexit.register(self.suite_run.close)
        (self.backend,) = self.suite_run.backends
        self.known = self.suite_run.options.known

    @property
    def name(self) -> str:
        """What the backend is called."""
        return self.backend.result.backend

    @property
    def unavailable(self) -> str:
        """Why the backend cannot run here; empty if it can."""
        return self.backend.result.unavailable

    def checks(self) -> list[GroupCheck]:
        """One for every check, op and dtype; a single one that skips if the backend is unavailable."""
        if self.unavailable:
            return [GroupCheck(self, None)]
        return [GroupCheck(self, group.key) for group in self.backend.result.groups()]

    def parameters(self, prefix: str = "") -> list[Any]:
        """The same as parameters for pytest, with ids such as `values.exact/col2im/float32`."""
        return [pytest.param(group, id=f"{prefix}{group}") for group in self.checks()]

    def left_out(self) -> Iterator[str]:
        """What a pass needs and the plan lacks, and known failures that are none: each as a sentence."""
        result = self.backend.result
        refused = Status.UNSUPPORTED
        as_planned = [replace(c, status=refused if c.status is refused else Status.PASS) for c in result.cases]
        plan = replace(result, cases=as_planned)
        if not plan.planned and not plan.asks_optional:
            deeper = "" if self.suite_run.options.selection.tier else NO_PLAIN_GEOMETRY
            yield f"nothing is left to run: the backend refuses every case{deeper}"
        yield from plan.omissions()
        yield from xfails.meaningless(result, self.known, self.suite_run.options.selection)


@dataclass(frozen=True, slots=True, eq=False)
class GroupCheck:
    """All cases of one check, op and dtype. Calling it passes, fails, skips (refused) or xfails (known to fail)."""

    suite: Suite
    key: CheckKey | None

    def __str__(self) -> str:
        return "unavailable" if self.key is None else str(self.key)

    __repr__ = __str__

    def __call__(self) -> None:
        """Judge the cases and tell pytest."""
        if self.key is None:
            pytest.skip(f"{self.suite.name} is unavailable: {self.suite.unavailable}")
        group = self.suite.suite_run.run_group(self.suite.backend, self.key)
        bad = [case_result for case_result in group.cases if self._is_red(case_result)]
        if group.optional:
            pytest.skip("optional, never part of the verdict: " + (self._text(bad, group) if bad else "pass"))
        if bad:
            pytest.fail(self._text(bad, group), pytrace=False)
        known = Counter(c.known_reason for c in group.cases if c.status is Status.XFAIL)
        if known:
            pytest.xfail("; ".join(f"{n} known to fail: {reason}" for reason, n in known.items()))
        if not group.planned:
            pytest.skip("; ".join(f"{n} cases refused: {reason}" for reason, n in group.refusals.items()))

    def _is_red(self, case_result: CaseResult) -> bool:
        """Whether it fails the test. What passed although listed does if its very id is listed, not by a pattern."""
        if case_result.status is Status.XPASS:
            return any(one.is_exact and matches(one.pattern, case_result.case) for one in self.suite.known)
        return case_result.status.is_bad or case_result.status is Status.NOT_RUN

    def _text(self, bad: Sequence[CaseResult], group: CheckResult) -> str:
        target = self.suite.backend.target
        blocks = [[f"{self.suite.name}: {len(bad)} of {group.total} cases of {self}"]]
        for case_result in bad[:KEPT]:
            told = explain.explain(case_result, target)
            passed = case_result.status is Status.XPASS
            text = xfails.passed_after_all(case_result) if passed else case_result.detail
            repro = f"repro: {summary.repro(case_result.case, target)}" if target.text else ""
            blocks.append([f"{case_result.status} {case_result.case}", text, told.pattern, *told.picture, repro])
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
    xfails: ClassVar[api.KnownFailures] = None
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
        if suite.unavailable:
            pytest.skip(suite.unavailable)
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
    return opening.shortest(str(Path(file).parent / given)) if is_path and file else given


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
