"""Judges many faults one after the other, and the controls: what is right, or does a part rightly, must pass."""

from __future__ import annotations

import fnmatch
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field

from msgspec import structs

from conformance.cases.case import SelectionError
from conformance.power import controls, generator
from conformance.power.controls import Control
from conformance.power.diagnosed.judging import diagnosed
from conformance.power.fault import Fault
from conformance.power.judge import first_to_see
from conformance.power.records import FaultReport
from conformance.power.witness import smallest

Progress = Callable[[str], None]  # another one is done, and which


@dataclass(frozen=True, slots=True)
class Asked:
    """Which faults, up to which tier, and for how long. `sample` 0 means all."""

    kinds: str = ""
    sample: int = 0
    seed: int = 0
    tier: int = 1
    budget: float = float("inf")
    diagnose: bool = False  # what is seen, also by experiment


@dataclass(slots=True)
class Found:
    """What became of them, in their order; those that the budget or the user cut off are missing."""

    planned: int
    rows: list[FaultReport] = field(default_factory=list)
    controls: int = 0
    controls_failed: list[str] = field(default_factory=list)
    seconds: float = 0.0
    interrupted: bool = False

    def add_control(self, name: str, wrong: str) -> None:
        """One control, and what is wrong with the verdict on it, if anything."""
        self.controls += 1
        if wrong:
            self.controls_failed.append(f"{name}: {wrong}")

    @property
    def is_cut(self) -> bool:
        """Whether something that was planned was not judged."""
        return len(self.rows) < self.planned or self.controls < len(controls.CONTROLS)


def chosen(asked: Asked) -> list[Fault]:
    """The faults that are meant. Raises `SelectionError` if no kind is."""
    every = generator.faults(asked.seed)
    kinds = list(dict.fromkeys(fault.kind for fault in every))
    meant = [kind for kind in kinds if fnmatch.fnmatchcase(kind, asked.kinds or "*")]
    if not meant:
        raise SelectionError(f"no kind of fault matches {asked.kinds!r}; kinds are {', '.join(kinds)}")
    found = [fault for fault in every if fault.kind in meant]
    return generator.sample(found, asked.sample, asked.seed) if asked.sample else found


def run(asked: Asked, progress: Progress = lambda what: None) -> Found:
    """Every fault, then the controls. Ctrl-C and the end of the budget keep what is finished."""
    start, faults = time.monotonic(), chosen(asked)
    found = Found(len(faults))
    try:
        for row in judged(faults, asked, start):
            found.rows.append(row)
            progress(row.kind)
        for control, wrong in judged_controls(controls.CONTROLS, asked, start):
            found.add_control(control.name, wrong)
            progress(control.name)
    except KeyboardInterrupt:
        found.interrupted = True
    found.seconds = time.monotonic() - start
    return found


def judged(faults: Iterable[Fault], asked: Asked, start: float) -> Iterator[FaultReport]:
    """One after the other, as long as the budget lasts."""
    for fault in faults:
        if time.monotonic() - start > asked.budget:
            return
        row = judge(fault, asked.tier)
        yield _diagnosed(fault, row) if asked.diagnose and row.killed_by else row


def _diagnosed(fault: Fault, row: FaultReport) -> FaultReport:
    """With what the diagnosis says of it."""
    found = diagnosed(fault, row.case)
    return structs.replace(row, diagnosis=found, diagnosed_as=None if found is None else found.says)


def judged_controls(several: Iterable[Control], asked: Asked, start: float) -> Iterator[tuple[Control, str]]:
    """The same of controls, each with what is wrong with the verdict on it, if anything."""
    for control in several:
        if time.monotonic() - start > asked.budget:
            return
        yield control, controls.verdict(control)


def judge(fault: Fault, tier: int) -> FaultReport:
    """Through the suite; where that sees nothing, the smallest case that would, or why there is none."""
    seen = first_to_see(fault, tier)
    if seen is not None:
        return FaultReport(
            fault=str(fault), kind=fault.kind, op=fault.op, killed_by=seen.check, tier=seen.tier, case=seen.case,
            diagnosed_as=seen.diagnosed or None,
        )  # fmt: skip
    shown = smallest.find(fault)
    return FaultReport(
        fault=str(fault), kind=fault.kind, op=fault.op, equivalent=shown.equivalent, witness=shown.case, work=shown.work
    )
