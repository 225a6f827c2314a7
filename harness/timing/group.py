"""Measures one (op, layer) over all backends, inside the measuring child: predict, check, then time, interleaved.

Surprising fact: a backend with a device clock (`seconds`) is handed calls that launch and do not wait, on several sets
of equal inputs in turn, so that neither the host's waking up nor a warm cache of the device counts as its speed.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from harness.contract import registry
from harness.contract.protocol import Array, BackendUnavailable, CompleteBackend
from harness.contract.targets import Target
from harness.geometry.spec import ConvSpec, Op
from harness.oracle import data
from harness.oracle.gate import Gate, WrongResult
from harness.results.run_files import Record, cell
from harness.timing import ceilings
from harness.timing.clock import FEWEST_ROUNDS, LONG_CALL, Timed, interleave, seconds
from harness.timing.predict import human, predict

_CALLS_BESIDE_ROUNDS = 2  # the gate's call and the calibration
_CACHE_BYTES = 256 * 2**20  # more than four times the last-level cache of any card; an H200 has 60 MB
_LONG_SEARCH = 5.0  # seconds; the first call of any shape on a GPU may search for the fastest kernel, or compile one
_FEWEST_SETS, _MOST_SETS = 2, 64
_MOST_DRAWN = 2**28  # elements of an input that are drawn one by one; for more, that alone would take a minute


@dataclass(slots=True)
class MeasuringChild:
    """The loaded backends of one child process, and which ops it has called already."""

    loaded: dict[str, CompleteBackend] = field(default_factory=dict)
    missing: dict[str, str] = field(default_factory=dict)
    called: set[tuple[str, str, str]] = field(default_factory=set)

    def load(self, target: Target) -> Record:
        """Load one backend and describe it, available or not."""
        found: list[CompleteBackend] = []
        try:
            took = seconds(lambda: found.append(registry.load(target)))
        except (BackendUnavailable, registry.RegistryError) as reason:
            self.missing[target.name] = str(reason)
            return {
                "kind": "backend", "backend": target.name, "target": target.text, "available": False,
                "reason": str(reason), "info": {}, "numerics": None, "native": [], "load_seconds": None,
            }  # fmt: skip
        backend = self.loaded[target.name] = found[0]
        return {"kind": "backend", "backend": backend.name, "target": target.text, "available": True, "reason": "",
                "info": backend.info, "numerics": backend.numerics, "native": sorted(backend.native),
                "load_seconds": took}  # fmt: skip

    def device_ceilings(self, name: str, threads: int, allocator: str) -> Iterator[Record]:
        """The limits of the device of one backend, if it measures them itself."""
        backend = self.loaded.get(name)
        if backend is not None and backend.ceilings is not None:
            yield ceilings.of_device(backend, threads, allocator)

    def group(self, job: Record) -> Iterator[Record]:
        """One cell record per backend of the job; those that cannot be timed come first, with their reasons."""
        op, spec, dtype = job["op"], ConvSpec.parse(job["spec"]), job["dtype"]
        try:
            large = max(map(math.prod, spec.input_shapes(op))) > _MOST_DRAWN
            make = data.pooled if large else data.exact
            arrays = make(op, spec, dtype, f"bench/{op}/{dtype}/{spec}")
        except data.DataError as reason:
            yield from (cell(job, name, "unsupported", str(reason)) for name in job["backends"])
            return
        yield {"kind": "at", "backend": ""}  # a sign of life: what follows may take minutes on arrays of gigabytes
        gate = Gate(op, spec, arrays)
        ready: dict[str, tuple[Record, _Call, Timed]] = {}
        for name in job["backends"]:
            yield {"kind": "at", "backend": name}
            prepared = self._prepare(job, name, op, spec, dtype, gate)
            if isinstance(prepared, tuple):
                ready[name] = prepared
            else:
                yield prepared
        yield {"kind": "at", "backend": ""}
        interleave([timed for _, _, timed in ready.values()], job["rounds"], job["budget"], job["gap"])
        for record, call, timed in ready.values():
            call.sets.clear()  # the memory is the next group's
            if call.error:
                yield record | {"status": "fail", "reason": f"while timed, it {call.error}"}
            else:
                yield record | {"samples": timed.samples, "repetitions": timed.repetitions}

    def _prepare(
        self, job: Record, name: str, op: Op, spec: ConvSpec, dtype: str, gate: Gate
    ) -> Record | tuple[Record, _Call, Timed]:
        """A finished record that says why not, or the record so far with the call to be timed."""
        if name in self.missing:
            return cell(job, name, "unavailable", self.missing[name])
        backend = self.loaded[name]
        native: Record = {"native": op in backend.native}
        calls = FEWEST_ROUNDS + _CALLS_BESIDE_ROUNDS
        clock = _Probe(backend, op, dtype)
        try:
            reason = backend.unsupported(op, spec, dtype)
            if reason is not None:
                return cell(job, backend.name, "unsupported", reason, **native)
            predicted = predict(op, spec, clock, job["budget"] / calls)
            if predicted * calls > job["budget"]:
                text = f"predicted {human(predicted)} a call; {calls} calls exceed the budget of {human(job['budget'])}"
                return cell(job, backend.name, "over_budget", text, predicted_seconds=predicted, **native)
            own = [backend.from_numpy(a) for a in gate.arrays]
            gate.check(backend.to_numpy(_waiting(backend, op, spec, own)))
            sets = [own]
            if backend.seconds is not None:
                # Copied first: conversion may share memory with the host, and each set is to be memory of its own.
                sets += [[backend.from_numpy(a.copy()) for a in gate.arrays] for _ in range(_sets(gate.arrays) - 1)]
        except WrongResult as wrong:
            return cell(job, backend.name, "fail", str(wrong), **native)
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # a backend that raises or exits is a failed cell, never a timing
            return cell(job, backend.name, "fail", _raised(error), **native)
        record = cell(
            job, backend.name, "ok", predicted_seconds=predicted, checked_points=gate.points,
            first_seconds=clock.first, first_in_process=self._is_first(name, op, dtype), **native,
        )  # fmt: skip
        call = _Call(backend, op, spec, sets)
        return record, call, Timed(call, None if backend.seconds is None else call.device_seconds)

    def _is_first(self, name: str, op: str, dtype: str) -> bool:
        """Whether the child had not called this op of this backend before: then its first call shows set-up costs."""
        key = (name, op, dtype)
        new = key not in self.called
        self.called.add(key)
        return new


@dataclass(slots=True)
class _Call:
    """The call that is timed, on each set of inputs in turn.

    One that raises is not called again: it costs its own cell, not the group.
    """

    backend: CompleteBackend
    op: Op
    spec: ConvSpec
    sets: list[list[Any]]
    error: str = ""
    turns: Iterator[int] = field(default_factory=itertools.count)

    def __call__(self) -> Any:
        """Call and wait for the result."""
        return self._kept(lambda: _waiting(self.backend, self.op, self.spec, self._next()))

    def device_seconds(self) -> float:
        """The backend's own time of a call that only launches; what has been launched may still raise there."""
        return self._kept(self._device_seconds) or 0.0

    def _device_seconds(self) -> float:
        assert self.backend.seconds is not None
        took = self.backend.seconds(lambda: self._kept(self._launch))
        if not (math.isfinite(took) and took > 0):
            raise ValueError(f"seconds() must give a time above 0, got {took!r}")
        return float(took)

    def _launch(self) -> Any:
        return self.backend.call(self.op, self.spec, *self._next())

    def _next(self) -> list[Any]:
        return self.sets[next(self.turns) % len(self.sets)]

    def _kept(self, call: Callable[[], Any]) -> Any:
        """What the call gives; None if it raises, now or earlier, and the first error is kept."""
        if self.error:
            return None
        try:
            return call()
        except KeyboardInterrupt:
            raise
        except BaseException as error:
            self.error = self.error or _raised(error)
            return None


def _sets(arrays: Sequence[Array]) -> int:
    """How many sets of inputs together exceed a last-level cache; small ones may need more than there are."""
    size = sum(a.nbytes for a in arrays)
    return max(_FEWEST_SETS, min(_MOST_SETS, _CACHE_BYTES // max(size, 1) + 1))


def _raised(error: BaseException) -> str:
    return f"raised {type(error).__name__}: {' '.join(str(error).split())}"


def _waiting(backend: CompleteBackend, op: Op, spec: ConvSpec, own: list[Any]) -> Any:
    result = backend.call(op, spec, *own)
    backend.synchronize(result)
    return result


@dataclass(slots=True)
class _Probe:
    """Times calls on small geometries, and remembers the very first: on a fresh process it is nearly all set-up."""

    backend: CompleteBackend
    op: Op
    dtype: str
    first: float | None = None

    def __call__(self, spec: ConvSpec) -> float:
        own = [self.backend.from_numpy(np.ones(shape, self.dtype)) for shape in spec.input_shapes(self.op)]
        cold = seconds(lambda: _waiting(self.backend, self.op, spec, own))
        if self.first is None:  # it may have compiled for longer than any call takes, so it is never believed
            self.first = cold
        elif cold > (LONG_CALL if self.backend.seconds is None else _LONG_SEARCH):
            return cold
        return seconds(lambda: _waiting(self.backend, self.op, spec, own))
