"""Measures one group, an op and layer over all backends: predict, check, give the turns and judge, check again."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from msgspec.structs import replace

from harness.calls.limits import memory
from harness.calls.worker import WorkerDied
from harness.contract.protocol import Array
from harness.contract.status import CellStatus
from harness.geometry.spec import ConvSpec
from harness.oracle.accuracy import Accuracy
from harness.oracle.gate import FEW_TERMS, Gate, Judge, WrongForm, WrongResult
from harness.results.records import Cell
from harness.results.words import duration
from harness.timing import clock, cold
from harness.timing.calling import messages as m
from harness.timing.judging import inputs
from harness.timing.judging.children import SLACK, BackendRaised, Child, Children, Waiting
from harness.timing.judging.entry import Disbelieved, Entry
from harness.timing.judging.expected import Expected, expected_of
from harness.timing.judging.floors import Floors
from harness.timing.memory_use import MemoryUse
from harness.timing.plan import Group

_CALLS_BESIDE_ROUNDS = 2  # the gate's call and the calibration
_SHORT = 0.05  # of the budget: of calls that take longer, only the time is measured
_TOO_BUSY = 1.25  # times the processors that it may use: more is no measurement of so many threads
_AND_A_BIT = 0.25  # processors


class _Ended(Exception):
    """The child of several backends has ended: those that it had not finished are to be measured again."""


@dataclass(slots=True)
class GroupRun:
    """One group. `cells` are those that are final; of the others nothing is known."""

    group: Group
    children: Children
    floors: Floors
    waiting: Waiting
    cells: dict[str, Cell] = field(default_factory=dict)

    def measure(self) -> dict[str, Cell]:
        """The cells of all backends; only some, where the child of several has ended: the rest is to be asked again."""
        try:
            spec = ConvSpec.parse(self.group.spec)
            there = list(self._there())
            made = expected_of(self.group, spec) if there else None
            if isinstance(made, Cell):
                self.cells |= {name: replace(made, backend=name) for name, _ in there}
            elif made is not None:
                entries = list(self._prepared(there, made))
                self._take_turns(entries)
                self._take_cold(entries)
                self._take_stages(entries)
                self._check_again(entries, spec)
                for entry in self._alive(entries):
                    self._finish(entry)
        except _Ended:
            pass
        finally:
            self._drop()
        return self.cells

    def _there(self) -> Iterator[tuple[str, Child]]:
        """The backends that could be loaded; a cell for each of the others."""
        for name in self.group.backends:
            child = self.children.of(name, self.waiting)
            if child is None:
                death = self.children.lost[name]
                self.cells[name] = self._dead(name, death, "while it loaded: ")
            elif not child.facts[name].available:
                self.cells[name] = self.group.cell(name, CellStatus.UNAVAILABLE, child.facts[name].reason)
            else:
                yield name, child

    def _prepared(self, there: Sequence[tuple[str, Child]], made: Expected) -> Iterator[Entry]:
        """Those that are right on this shape, and not too slow."""
        holders: dict[int, inputs.InputSets] = {}
        given, gate = made.given, made.gate
        for name, child in there:
            with self._charged(name, child):
                predicted = self._predicted(name, child)
                if predicted is None:
                    continue
                if id(child) not in holders:
                    holders[id(child)] = given.copy()
                    real = [] if made.real is None else made.real.arrays
                    sets = len(given.sets) + bool(real)
                    held = m.Hold(gate.op, str(gate.spec), sets, len(given.sets))
                    child.tell(held, arrays=[*given.flat(), *real])
                facts: dict[str, Any] = dict(
                    native=predicted.native, predicted_seconds=predicted.seconds, checked_points=gate.points,
                    first_seconds=predicted.first, first_in_process=predicted.is_first,
                )  # fmt: skip
                if predicted.seconds <= _SHORT * self.group.budget:
                    use, _ = child.ask(m.MeasureMemory(name), MemoryUse, self._patience)
                    facts |= {"peak_bytes": use.peak_bytes, "resident_bytes": use.resident_bytes}
                numerics: Any = child.facts[name].numerics
                judge = Judge(gate.op, gate.spec, self.group.dtype, numerics)
                own, _ = child.ask(m.MakeOwn(name, self._believes_device(child, name)), m.Own, self._patience)
                entry = Entry(name, child, judge, holders[id(child)], given, facts, own, threads=self.group.threads)
                self._check(entry, made, predicted.seconds)
                yield entry

    def _predicted(self, name: str, child: Child) -> m.Predicted | None:
        """What is predicted; None if it is refused or takes too long, which is its cell then."""
        group, calls = self.group, clock.FEWEST_ROUNDS + _CALLS_BESIDE_ROUNDS
        asked = m.Predict(name, group.op, group.spec, group.dtype, group.budget / calls)
        found, _ = child.ask(asked, m.Predicted, self._patience)
        if found.refused is not None:
            self.cells[name] = group.cell(name, CellStatus.UNSUPPORTED, found.refused, native=found.native)
            return None
        if found.seconds * calls > group.budget:
            took, budget = duration(found.seconds, 2), duration(group.budget, 2)
            text = f"predicted {took} a call; {calls} calls exceed the budget of {budget}"
            facts = {"predicted_seconds": found.seconds, "native": found.native}
            self.cells[name] = group.cell(name, CellStatus.OVER_BUDGET, text, **facts)
            return None
        return found

    def _check(self, entry: Entry, made: Expected, predicted: float) -> None:
        """The gate before the clock, on whole numbers, all digits and real ones; then about how long a call takes."""
        first, result = self._called(entry, 0, predicted)
        made.gate.check(result, entry.judge.numerics)
        if made.real is not None:
            _, result = self._called(entry, len(entry.initial.sets))
            self._check_real(entry, made.real, entry.judge.require_form(result))
        last = len(entry.initial.sets) - 1
        start = clock.now()
        called, result = self._called(entry, last)
        asked = clock.now() - start - called.seconds
        start = clock.now()
        entry.judge.require_sums(entry.judge.require_form(result), entry.initial.sets[last])
        entry.weigh(asked + clock.now() - start)
        back = 0.0 if entry.own.by_device else min(first.to_numpy_seconds, called.to_numpy_seconds)
        estimated = min(first.seconds, called.seconds) + back
        if estimated < clock.SHORTEST_BLOCK:  # of a longer call these two tell enough
            found, _ = entry.child.ask(m.Calibrate(entry.name), m.Estimate, self._patience)
            estimated = found.seconds
        entry.plan(estimated, self.group.rounds, self.group.budget)
        entry.require_plain_conversions(min(first.to_numpy_seconds, called.to_numpy_seconds), result)

    def _check_real(self, entry: Entry, real: Accuracy, result: Array) -> None:
        """Real numbers, by the bound of its numerics; how large the error is by that of plain sums is kept."""
        error = real.error_in_bounds(result)
        if real.error_in_bounds(result, entry.judge.numerics) > 1:
            raise WrongResult(f"of real numbers, an element is off by {error:.3g} times what plain sums may be")
        entry.facts["error_in_bounds"] = error if math.isfinite(error) else None

    def _called(self, entry: Entry, which: int, predicted: float | None = None) -> tuple[m.Called, Array]:
        """One call, with its result. Raises `WrongResult` if that is no array of numbers."""
        budget = 0.0 if predicted is None else self.group.budget
        asked = m.CallOnce(entry.name, which, budget, predicted or 0.0)
        called, arrays = entry.child.ask(asked, m.Called, self._patience)
        if not arrays:
            raise WrongForm(f"returned {called.result}, not an array")
        return called, arrays[0]

    def _take_turns(self, entries: list[Entry]) -> None:
        for number in range(max((entry.rounds for entry in entries), default=0)):
            for index in clock.order(number, [entry.rounds for entry in entries]):
                entry = entries[index]
                if entry.name not in self.cells:
                    clock.sleep(self.group.gap)
                    with self._charged(entry.name, entry.child, "while timed, it ", "a timed call "):
                        entry.block(number)

    def _take_cold(self, entries: list[Entry]) -> None:
        """A few calls of each that find nothing of their own in the caches; not of a device, nor of long ones."""
        size = cold.size_of_others()
        for entry in self._alive(entries):
            if entry.own.by_device or entry.estimated > _SHORT * self.group.budget:
                continue
            with self._charged(entry.name, entry.child, "while timed, it ", "a timed call "):
                for _ in range(cold.CALLS):
                    clock.sleep(self.group.gap)
                    entry.block(entry.rounds, size)
            if entry.cold:
                entry.facts |= {"cold_samples": entry.cold, "cold_bytes": size}

    def _take_stages(self, entries: list[Entry]) -> None:
        """The time of each stage of a call, where a backend tells them and they give the right result."""
        for entry in self._alive(entries):
            if entry.own.by_device or entry.estimated > _SHORT * self.group.budget:
                continue
            with self._charged(entry.name, entry.child):
                try:
                    found, arrays = entry.child.ask(m.MeasureStages(entry.name), m.Stages, self._patience)
                    if found.stages and not arrays:
                        raise WrongForm(f"returned {found.result}, not an array")
                    if found.stages:
                        entry.judge.require_sums(entry.judge.require_form(arrays[0]), entry.truth.sets[0])
                        entry.facts["stages"] = found.stages
                except (BackendRaised, WrongResult) as error:  # the op itself is right
                    entry.facts["reason"] = f"its stages are not shown: {error}"

    def _check_again(self, entries: list[Entry], spec: ConvSpec) -> None:
        """What was right while it was timed is to be right on new data, with its inputs and the clocks as they were."""
        group, checked = self.group, set()
        alive = self._alive(entries)
        if not alive:
            return
        new = inputs.make(group.op, spec, group.dtype, count=1)
        gate = Gate(group.op, spec, new.sets[0], FEW_TERMS)
        which = int(new.random.integers(len(entries[0].truth.sets)))
        for entry in alive:
            with self._charged(entry.name, entry.child, "after it was timed, it ", "after it was timed, a call "):
                if id(entry.child) not in checked:
                    checked.add(id(entry.child))
                    digests, _ = entry.child.ask(m.Digest(which), m.Digests)
                    if digests.values != entry.truth.digests(which):
                        raise WrongForm("has changed its inputs")
                    entry.child.tell(m.Hold(group.op, group.spec, 1, 1), arrays=new.flat())
                entry.child.ask(m.MakeOwn(entry.name, entry.own.by_device), m.Own, self._patience)
                _, result = self._called(entry, 0)
                gate.check(result, entry.judge.numerics)
                entry.require_agreement()

    def _finish(self, entry: Entry) -> None:
        """The cell of a backend that was right throughout: its time, unless no machine can be as fast."""
        entry.facts |= {"samples": entry.samples, "repetitions": entry.calls, "cpu_ratio": entry.cpu_ratio}
        cell = self.group.cell(entry.name, CellStatus.OK, **entry.facts)
        why = self.floors.why_implausible(cell, entry.judge.numerics, entry.own.by_device)
        threads = self.group.threads
        if not why and entry.cpu_ratio is not None and entry.cpu_ratio > _TOO_BUSY * threads + _AND_A_BIT:
            why = f"it keeps {entry.cpu_ratio:.1f} processors busy where --threads allows {threads}"
        self.cells[entry.name] = replace(cell, status=CellStatus.IMPLAUSIBLE, reason=why) if why else cell
        self.children.measured_seconds += entry.blocks_seconds + entry.warm_up_seconds
        if entry.child.is_foreign:
            self.children.note_libraries(entry.child, entry.name)

    def _alive(self, entries: list[Entry]) -> list[Entry]:
        return [entry for entry in entries if entry.name not in self.cells]

    def _believes_device(self, child: Child, name: str) -> bool:
        """Whether a backend's own clock may be believed: it is ours, or its process has opened a device."""
        is_cpu = child.facts[name].info.get("device", "cpu").lower().startswith("cpu")
        return not child.is_foreign or (not is_cpu and child.processes.uses_device())

    @contextmanager
    def _charged(self, name: str, child: Child, raising: str = "", wrong: str = "") -> Iterator[None]:
        """Whatever goes wrong within it is the cell of this backend. Raises `_Ended` if others are in the child too."""
        cell: Callable[..., Cell] = self.group.cell
        try:
            yield
        except WrongResult as error:
            did = "" if isinstance(error, WrongForm) or not wrong else "returned a wrong result: "
            self.cells[name] = cell(name, CellStatus.FAIL, f"{wrong}{did}{error}", native=self._native(child, name))
        except Disbelieved as error:
            self.cells[name] = cell(name, CellStatus.FAIL, str(error), native=self._native(child, name))
        except BackendRaised as error:
            status = CellStatus.NO_MEMORY if memory.ran_out(str(error).removeprefix("raised ")) else CellStatus.FAIL
            self.cells[name] = cell(name, status, f"{raising}{error}", native=error.native)
        except WorkerDied as death:
            self.cells[name] = self._dead(name, death)
            self.children.died(child)
            if len(child.facts) > 1:
                raise _Ended from death

    def _native(self, child: Child, name: str) -> bool:
        return self.group.op in child.facts[name].native

    @property
    def _patience(self) -> float:
        return SLACK + 2 * self.group.budget

    def _dead(self, name: str, death: WorkerDied, when: str = "") -> Cell:
        """The cell of a backend that has ended its child, or had to be ended with it."""
        return self.group.cell(name, CellStatus.HUNG if death.hung else CellStatus.CRASHED, f"{when}{death}")

    def _drop(self) -> None:
        """The memory is the next group's."""
        for child in self.children.alive():
            with self._charged_to_none(child):
                child.tell(m.Drop())

    @contextmanager
    def _charged_to_none(self, child: Child) -> Iterator[None]:
        try:
            yield
        except WorkerDied:
            self.children.died(child)
