"""One run of the suite over several backends: opens them, plans all tiers, runs them stage by stage, or group by group.

Built-in backends are called in this process, up to tier 3; every other one in a child of its own, unless that is
switched off. The command line, `conformance.check` and pytest all run this.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field

from conformance.cases.case import RANDOM, Case
from conformance.cases.grids import grid
from conformance.cases.selection import EVERYTHING, Selection
from conformance.checks.registration import check_of
from conformance.run import engine, grid_run, xfails
from conformance.run.again import care
from conformance.run.plan import FULL_SIZE, plan, plan_higher_tiers, plan_known
from conformance.run.results import BackendResult, CaseResult, CheckKey, CheckResult
from harness.calls.caller import Caller
from harness.calls.in_child import MEMORY, InChild, Program
from harness.calls.in_process import InProcess
from harness.calls.limits.memory import available
from harness.calls.limits.seconds import DEADLINE, loading_in_words
from harness.contract import registry
from harness.contract.protocol import BackendUnavailable
from harness.contract.status import Grade, Status
from harness.contract.targets import RegistryError, Target

Progress = Callable[[int, str], None]  # how many cases more are done, and of which check
Waiting = Callable[[str], AbstractContextManager[object]]  # within it, what is named is waited for
_Stage = Callable[[float], None]  # runs for so many seconds at most
_Ready = tuple[Caller, BackendResult]


class _Stopped(Exception):
    """A case failed, and the rest is not to be run."""


@dataclass(frozen=True, slots=True)
class Options:
    """How to run: what, seconds in all and for a call, in a child or not, with which known failures."""

    selection: Selection = EVERYTHING
    budget: float = float("inf")
    deadline: float = DEADLINE
    isolate: bool = True
    known: Sequence[xfails.KnownFailure] = ()
    threads: int = 1  # of every library, in the grid
    diagnose: bool = True  # whether causes are looked for once it has run, which is not done here
    stop_at: Grade | None = None  # end the run at the first failure of what those who ask for this grade ask for
    program: Program = field(default_factory=Program)  # of the children
    deadly: Mapping[str, str] = field(default_factory=dict)  # ids of cases that are not run and have failed, and why


@dataclass(slots=True)
class BackendRun:
    """One backend of the run: its plan, which becomes its result. `caller` is None if it is unavailable."""

    target: Target
    result: BackendResult
    caller: Caller | None = None

    @property
    def is_isolated(self) -> bool:
        """Whether it is called in a child."""
        return isinstance(self.caller, InChild)


@dataclass(slots=True)
class SuiteRun:
    """The backends and their plans. `run` may be interrupted: the results then tell what is finished.

    A context manager, which ends the children.
    """

    options: Options
    backends: list[BackendRun] = field(default_factory=list)
    before: Callable[[Case], None] = lambda case: None  # told of every case before it runs
    _planning: float = 0.0  # seconds of the budget that are gone

    def __enter__(self) -> SuiteRun:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    @property
    def planned(self) -> int:
        """Cases to run, of all backends."""
        return sum(backend.result.planned for backend in self.backends)

    def add_all(self, targets: Iterable[Target], named: bool, waiting: Waiting = nullcontext) -> None:
        """Open all and plan their runs. Raises `RegistryError` if one was named and is none."""
        for target in targets:
            self.add(target, named, waiting)

    def add(self, target: Target, named: bool = True, waiting: Waiting = nullcontext) -> None:
        """Open a backend and plan its run. Raises `RegistryError` if it was named and is none."""
        try:
            with waiting(f"{target.name} to load, {loading_in_words(self.options.deadline)} at most"):
                caller = open_caller(target, self.options)
        except (BackendUnavailable, RegistryError) as reason:
            if named and isinstance(reason, RegistryError):
                raise
            self.add_unavailable(target, str(reason))
            return
        try:
            with waiting(f"{target.name} to say what it does not do"):
                self.add_open(target, caller)
        except BaseException:  # a wrong selection, Ctrl-C: nobody else knows the child
            close_caller(caller)
            raise

    def add_unavailable(self, target: Target, reason: str) -> None:
        """A backend that this machine cannot run."""
        narrowed = self.options.selection.narrowed
        self.backends.append(BackendRun(target, BackendResult(target.name, narrowed, unavailable=reason)))

    def add_open(self, target: Target, caller: Caller) -> None:
        """Plan the run of a backend that is open already."""
        start = time.monotonic()
        result = plan(caller, self.options.selection)
        self.backends.append(BackendRun(target, result, caller))
        plan_higher_tiers(caller, result, self.options.selection)
        plan_known(caller, result, self.options.selection, [one.pattern for one in self.options.known if one.is_exact])
        xfails.mark(result, self.options.known)
        self._cared.mark(result)
        self._planning += time.monotonic() - start

    def run(self, progress: Progress = lambda cases, check_id: None) -> None:
        """Stage by stage, each with its share of the budget; then what is known to fail is settled."""
        end = time.monotonic() + self.options.budget - self._planning
        ready = [(backend.caller, backend.result) for backend in self.backends if backend.caller is not None]
        stages = self._stages(ready, progress)
        try:
            for number, stage in enumerate(stages):
                stage(max(end - time.monotonic(), 0) / (len(stages) - number))
                self._stop_if_counted(ready)
        except _Stopped:
            for _, result in ready:
                result.stopped()
        for _, result in ready:
            result.charge_numbers()
            xfails.settle(result, self.options.known, self.options.selection)

    def run_until_interrupted(self, progress: Progress) -> bool:
        """The same, and whether the user interrupted: what is finished is kept, and the rest is told."""
        try:
            self.run(progress)
        except KeyboardInterrupt:
            for backend in self.backends:
                backend.result.interrupted()
            return True
        return False

    def run_group(self, backend: BackendRun, key: CheckKey) -> CheckResult:
        """Only the cases of one check, op and dtype, again if they ran before. The backend must be available."""
        assert backend.caller is not None, f"{backend.target.name} is unavailable"
        part = backend.result.only(key)
        for case_result in part.cases:
            case_result.forget()
        for case_counts in part.counted:
            case_counts.forget()
        for stage in self._stages([(backend.caller, part)], lambda cases, check_id: None):
            stage(float("inf"))
        xfails.settle_counted(part, self.options.known)
        (group,) = part.groups()
        return group

    def close(self) -> None:
        """End the children."""
        for backend in self.backends:
            close_caller(backend.caller)

    @property
    def _cared(self) -> care.Care:
        return care.Care(self.before, self.options.deadly)

    def _stages(self, ready: Sequence[_Ready], progress: Progress) -> list[_Stage]:
        """The standing cases of every backend, then its search and layers; the grid for all at once.

        The grid comes last: no time is too much for it, so what the others leave is not lost. A stage without a case
        would take its share of the time from the others, and is none.
        """
        stages = [
            self._cases(caller, result, progress, standing=True)
            for caller, result in ready
            if _waits(result, standing=True)
        ]
        for caller, result in ready:
            if result.counted_of(RANDOM):
                stages.append(self._search(caller, result, progress))
            if _waits(result, standing=False):
                stages.append(self._cases(caller, result, progress, standing=False))
        gridded = [(caller, result) for caller, result in ready if result.counted_of(grid.CHECK_ID)]
        if gridded:
            stages.append(self._grid(gridded, progress))
        return stages

    def _cases(self, caller: Caller, result: BackendResult, progress: Progress, *, standing: bool) -> _Stage:
        def ended(case_result: CaseResult) -> None:
            progress(1, case_result.case.check)
            if self._ends_the_run(case_result):
                raise _Stopped

        def stage(budget: float) -> None:
            engine.run(caller, result, ended, budget, standing, self._cared)

        return stage

    def _ends_the_run(self, case_result: CaseResult) -> bool:
        stop_at = self.options.stop_at
        bad = case_result.status in (Status.FAIL, Status.XPASS) and not case_result.optional
        return bad and stop_at is not None and case_result.grade.is_required(stop_at)

    def _stop_if_counted(self, ready: Sequence[_Ready]) -> None:
        """Raises `_Stopped` if a case failed in a tier whose cases are counted, and that ends the run."""
        if self.options.stop_at is None:
            return
        for _, result in ready:
            for case_counts in result.counted:
                if case_counts.counts[Status.FAIL]:
                    raise _Stopped

    def _grid(self, gridded: Sequence[_Ready], progress: Progress) -> _Stage:
        selection, threads = self.options.selection, self.options.threads
        shard, sweep = selection.shard, selection.sweep
        return lambda budget: grid_run.run(
            gridded, shard, lambda n: progress(n, grid.CHECK_ID), budget, threads, self._cared, sweep
        )

    def _search(self, caller: Caller, result: BackendResult, progress: Progress) -> _Stage:
        from conformance.run import search  # Hypothesis, which no other tier needs

        seed = search.seed_of(self.options.selection)
        return lambda budget: search.run(caller, result, seed, lambda n: progress(n, RANDOM), budget, self._cared)


def _waits(result: BackendResult, *, standing: bool) -> bool:
    """Whether a case is to be run, of the checks with geometries of their own or of the others."""
    return any(c.status is Status.NOT_RUN and check_of(c.case).standing is standing for c in result.cases)


def close_caller(caller: Caller | None) -> None:
    """End its child, if it has one."""
    if isinstance(caller, InChild):
        caller.close()


def open_caller(target: Target, options: Options) -> Caller:
    """The backend, called in this process if it is built in or isolation is off, else in a child.

    Tier 4 runs every backend in a child that may fill the memory there is: its layers need more than the usual limit,
    and one that runs out must not take the run with it.
    """
    full_size = options.selection.tier >= FULL_SIZE
    if not options.isolate or (target.is_builtin and not full_size):
        return InProcess(registry.load(target))
    return InChild(target, options.deadline, available() if full_size else MEMORY, options.program)
