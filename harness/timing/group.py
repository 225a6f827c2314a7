"""Measures one group (an op and layer over all backends) in the measuring child: predict, check, then time."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from msgspec.structs import replace

from harness.calls.limits import memory
from harness.contract import registry
from harness.contract.protocol import Array, BackendUnavailable, CompleteBackend
from harness.contract.status import CellStatus
from harness.contract.targets import RegistryError, Target
from harness.geometry.spec import ConvSpec
from harness.oracle import data
from harness.oracle.gate import Gate, WrongResult
from harness.results.records import BackendFacts, Ceilings, Cell
from harness.results.words import duration
from harness.telling import named, one_line
from harness.timing import ceilings
from harness.timing.clock import FEWEST_ROUNDS, Timed, interleave, seconds
from harness.timing.plan import Group
from harness.timing.predict import predict
from harness.timing.timed_call import Probe, TimedCall, input_sets, raised, waiting, warm_up

_CALLS_BESIDE_ROUNDS = 2  # the gate's call and the calibration
_COMPILED = 2.0  # times the prediction: a first call of the shape that takes longer has compiled, or searched
_MOST_DRAWN = 2**28  # elements of an input that are drawn one by one; for more, that alone would take a minute


@dataclass(frozen=True, slots=True)
class _Ready:
    """One backend that is to be timed: its cell so far, its call, and where its samples go."""

    cell: Cell
    call: TimedCall
    timed: Timed


@dataclass(slots=True)
class MeasuringChild:
    """The loaded backends of one child process by name, and which ops it has called already."""

    loaded: dict[str, CompleteBackend] = field(default_factory=dict)
    missing: dict[str, str] = field(default_factory=dict)
    called: set[tuple[str, str, str]] = field(default_factory=set)

    def load(self, target: Target) -> BackendFacts:
        """Load one backend and describe it, available or not."""
        found: list[CompleteBackend] = []
        try:
            took = seconds(lambda: found.append(registry.load(target)))
        except (BackendUnavailable, RegistryError) as reason:
            self.missing[target.name] = str(reason)
            return BackendFacts(backend=target.name, target=target.text, available=False, reason=str(reason))
        backend = self.loaded[target.name] = found[0]
        return BackendFacts(
            backend=backend.name, target=target.text, available=True, info=backend.info, numerics=backend.numerics,
            native=sorted(backend.native), load_seconds=took,
        )  # fmt: skip

    def device_ceilings(self, name: str, threads: int, allocator: str) -> Iterator[Ceilings]:
        """The limits of the device of one backend, if it measures them itself."""
        backend = self.loaded.get(name)
        if backend is not None and backend.ceilings is not None:
            yield ceilings.of_device(backend, threads, allocator)

    def measure(self, group: Group) -> Iterator[Cell | str]:
        """One cell per backend, those that cannot be timed first; between them the name of the backend in hand.

        A name is a sign of life, and tells whose fault it is if the process ends; it is empty while all are timed.
        """
        arrays = _inputs(group)
        yield ""  # what follows may take minutes on arrays of gigabytes
        gate = arrays if isinstance(arrays, Cell) else _gate(group, arrays)
        if isinstance(gate, Cell):
            yield from (self._missing(group, name) or replace(gate, backend=name) for name in group.backends)
            return
        ready: list[_Ready] = []
        for name in group.backends:
            yield name
            prepared = self._prepare(group, name, gate)
            if isinstance(prepared, Cell):
                yield prepared
            else:
                ready.append(prepared)
        yield ""
        interleave([one.timed for one in ready], group.rounds, group.budget, group.gap)
        for one in ready:
            one.call.sets.clear()  # the memory is the next group's
            yield _finished(group, one)

    def _prepare(self, group: Group, name: str, gate: Gate) -> Cell | _Ready:
        """A finished cell that says why it is not timed, or what is to be timed."""
        missing = self._missing(group, name)
        if missing is not None:
            return missing
        backend, op, spec = self.loaded[name], group.op, gate.spec
        native, probe = op in backend.native, Probe(backend, op, group.dtype)
        calls = FEWEST_ROUNDS + _CALLS_BESIDE_ROUNDS
        try:
            reason = backend.unsupported(op, spec, group.dtype)
            if reason is not None:
                return group.cell(name, CellStatus.UNSUPPORTED, reason, native=native)
            is_first = self._is_first(name, group)  # of the calls that follow, even if they lead to no time
            predicted = predict(op, spec, probe, group.budget / calls)
            if predicted * calls > group.budget:
                took, budget = duration(predicted, 2), duration(group.budget, 2)
                text = f"predicted {took} a call; {calls} calls exceed the budget of {budget}"
                return group.cell(name, CellStatus.OVER_BUDGET, text, predicted_seconds=predicted, native=native)
            own = [backend.from_numpy(a) for a in gate.arrays]
            made: list[Any] = []
            first = seconds(lambda: made.append(waiting(backend, op, spec, own)))
            gate.check(backend.to_numpy(made.pop()), backend.numerics)
            if first > _COMPILED * predicted:
                warm_up(lambda: waiting(backend, op, spec, own), first, group.budget)
            sets = input_sets(backend, gate.arrays, own)
        except WrongResult as wrong:
            return group.cell(name, CellStatus.FAIL, str(wrong), native=native)
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # a backend that raises or exits is a failed cell, never a timing
            return group.cell(name, _status(named(error)), raised(error), native=native)
        cell = group.cell(
            name, CellStatus.OK, predicted_seconds=predicted, checked_points=gate.points, first_seconds=probe.first,
            first_in_process=is_first, native=native,
        )  # fmt: skip
        call = TimedCall(backend, op, spec, sets)
        return _Ready(cell, call, Timed(call, None if backend.seconds is None else call.device_seconds))

    def _missing(self, group: Group, name: str) -> Cell | None:
        return group.cell(name, CellStatus.UNAVAILABLE, self.missing[name]) if name in self.missing else None

    def _is_first(self, name: str, group: Group) -> bool:
        """Whether the child had not called this op of this backend before: then its first call shows set-up costs."""
        key = (name, group.op, group.dtype)
        new = key not in self.called
        self.called.add(key)
        return new


def _inputs(group: Group) -> tuple[Array, ...] | Cell:
    """The arguments of the op; where they cannot be made, a cell that says why."""
    op, spec, dtype = group.op, ConvSpec.parse(group.spec), group.dtype
    shortage = memory.shortage(memory.timed(op, spec, dtype))
    if shortage:
        return group.cell("", CellStatus.NO_MEMORY, shortage)
    large = max(map(math.prod, spec.input_shapes(op))) > _MOST_DRAWN
    make = data.pooled if large else data.exact
    try:
        return make(op, spec, dtype, f"bench/{op}/{dtype}/{spec}")
    except data.DataError as reason:
        return group.cell("", CellStatus.UNSUPPORTED, str(reason))
    except MemoryError as error:
        return group.cell("", CellStatus.NO_MEMORY, f"there is not enough memory for its inputs: {one_line(error)}")


def _gate(group: Group, arrays: tuple[Array, ...]) -> Gate | Cell:
    """What is expected of them; where it cannot be computed, a cell that says why."""
    try:
        return Gate(group.op, ConvSpec.parse(group.spec), arrays)
    except MemoryError as error:
        return group.cell("", CellStatus.NO_MEMORY, f"there is not enough memory to judge it: {one_line(error)}")


def _status(error: str) -> CellStatus:
    """Of a backend that raised: to run out of the machine's memory is no fault."""
    return CellStatus.NO_MEMORY if memory.ran_out(error) else CellStatus.FAIL


def _finished(group: Group, one: _Ready) -> Cell:
    error = one.call.error
    if error:
        return replace(one.cell, status=_status(error.removeprefix("raised ")), reason=f"while timed, it {error}")
    return replace(one.cell, samples=one.timed.samples, repetitions=one.timed.repetitions)
