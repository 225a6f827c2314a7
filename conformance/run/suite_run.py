"""One run of the suite over several backends: opens them, plans all tiers, runs them stage by stage, sums up.

Built-in backends are called in this process, up to tier 3; every other one in a child of its own, unless that is
switched off.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from conformance.reports import summary
from conformance.run import engine, grid, layers, search, xfails
from conformance.run.outcome import BackendResult
from conformance.run.plan import EVERYTHING, Selection
from harness.calls.caller import Caller
from harness.calls.in_child import DEADLINE, MEMORY, InChild
from harness.calls.in_process import InProcess
from harness.contract import registry
from harness.contract.protocol import BackendUnavailable
from harness.contract.targets import Target
from harness.results.machine import available_memory

_FULL_SIZE = 4  # the tier of real layers
Progress = Callable[[int, str], None]


@dataclass(frozen=True, slots=True)
class Options:
    """How to run: what, seconds in all and for a call, in a child or not, with which known failures."""

    selection: Selection = EVERYTHING
    budget: float = float("inf")
    deadline: float = DEADLINE
    isolate: bool = True
    known: Sequence[xfails.Known] = ()
    threads: int = 1  # of every library, in the grid


@dataclass(slots=True)
class BackendRun:
    """One backend of the run. `observer` is None if it is unavailable."""

    target: Target
    outcome: BackendResult
    observer: Caller | None = None


@dataclass(slots=True)
class SuiteRun:
    """The backends and their plans. `run` may be interrupted; `objects` then tells what is finished."""

    options: Options
    entries: list[BackendRun] = field(default_factory=list)

    @property
    def planned(self) -> int:
        """Cases to run, of all backends."""
        return sum(entry.outcome.planned for entry in self.entries)

    def add(self, target: Target, named: bool) -> None:
        """Open a backend and plan its run. Raises `RegistryError` if it was named and is none."""
        selection = self.options.selection
        try:
            observer = open_backend(target, self.options)
        except (BackendUnavailable, registry.RegistryError) as reason:
            if named and isinstance(reason, registry.RegistryError):
                raise
            text = str(reason)
            self.entries.append(BackendRun(target, BackendResult(target.name, selection.narrowed, unavailable=text)))
            return
        self.enter(target, observer)

    def enter(self, target: Target, observer: Caller) -> None:
        """Plan the run of a backend that is open already."""
        selection = self.options.selection
        outcome = engine.plan(observer, selection)
        self.entries.append(BackendRun(target, outcome, observer))
        _plan_higher_tiers(observer, outcome, selection)
        xfails.mark(outcome, list(self.options.known))

    def run(self, progress: Progress = lambda cases, text: None) -> None:
        """Stage by stage: the standing cases of every backend, the grid for all at once, search, full-size layers."""
        end = time.monotonic() + self.options.budget
        ready = [(e.observer, e.outcome) for e in self.entries if e.observer is not None]
        shard, seed = self.options.selection.shard, self.options.selection.seed
        gridded = [(b, o) for b, o in ready if any(t.key[0] == grid.CHECK for t in o.tallies)]
        stages: list[Callable[[float], None]] = []
        for backend, outcome in ready:
            stages.append(_standing(backend, outcome, progress, True))
        if gridded:
            told, threads = (lambda n: progress(n, grid.CHECK)), self.options.threads
            stages.append(lambda budget: grid.run(gridded, shard, told, budget, threads))
        for backend, outcome in ready:
            if any(t.key[0] == search.CHECK for t in outcome.tallies):
                stages.append(_searching(backend, outcome, seed, progress))
            stages.append(_standing(backend, outcome, progress, False))
        for number, stage in enumerate(stages):
            stage(max(end - time.monotonic(), 0) / (len(stages) - number))
        for _, outcome in ready:
            xfails.settle(outcome, list(self.options.known))

    def objects(self, libraries: Sequence[str] = ()) -> list[dict[str, Any]]:
        """The `check` JSON of every backend, in the order given; `libraries` are asked about failures."""
        selection = self.options.selection
        shard = f"{selection.shard.index}/{selection.shard.count}" if selection.shard.count > 1 else ""
        return [
            summary.to_json(
                entry.outcome, entry.target, libraries, tier=selection.tier, seed=selection.seed,
                isolated=isinstance(entry.observer, InChild), shard=shard,
            )
            for entry in self.entries
        ]  # fmt: skip

    def close(self) -> None:
        """End the children."""
        for entry in self.entries:
            if isinstance(entry.observer, InChild):
                entry.observer.close()


def open_backend(target: Target, options: Options) -> Caller:
    """The backend, in this process if it is built in or isolation is off, else in a child.

    Tier 4 runs every backend in a child that may fill the memory there is: its layers need more than the usual limit,
    and one that runs out must not take the run with it.
    """
    full_size = options.selection.tier >= _FULL_SIZE
    if not options.isolate or (target.is_builtin and not full_size):
        return InProcess(registry.load(target))
    return InChild(target, options.deadline, available_memory() if full_size else MEMORY)


def _plan_higher_tiers(observer: Caller, outcome: BackendResult, selection: Selection) -> None:
    """Tiers above 1 have no geometries of the user's; a pattern plans those whose check it means."""
    if selection.specs:
        return
    dtypes = selection.dtypes or engine.claimed_dtypes(observer)
    if selection.tier >= 2 and selection.means(grid.CHECK):
        grid.plan(outcome, selection.ops, selection.dtypes, selection.shard)
    if selection.tier >= 3 and selection.means(search.CHECK):
        search.plan(outcome, selection.ops, dtypes, -(-search.EXAMPLES // selection.shard.count))
    if selection.tier >= _FULL_SIZE and selection.shard.index == 1:
        checks = [name for name in layers.CHECKS if selection.means(name)]
        layers.plan(observer, outcome, checks, selection.ops, selection.dtypes)


def _standing(backend: Caller, outcome: BackendResult, progress: Progress, standing: bool) -> Callable[[float], None]:
    def stage(budget: float) -> None:
        engine.run(backend, outcome, lambda planned: progress(1, planned.case.check), budget, standing)

    return stage


def _searching(backend: Caller, outcome: BackendResult, seed: int, progress: Progress) -> Callable[[float], None]:
    def stage(budget: float) -> None:
        search.run(backend, outcome, seed, lambda n: progress(n, search.CHECK), budget)

    return stage
