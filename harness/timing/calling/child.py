"""The measuring child, a program: it answers what its parent asks of the backends that it has loaded.

The same program runs a backend's conformance checks before it is timed, so that how it was started tells it nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from msgspec import Struct

from harness.calls import child as checking
from harness.calls.serving import Answers, serve
from harness.contract import registry
from harness.contract.protocol import Array, BackendUnavailable, CompleteBackend
from harness.contract.targets import RegistryError, Target
from harness.geometry.spec import ConvSpec
from harness.results.records import BackendFacts, Ceilings
from harness.timing import ceilings, clock, memory_use, stages
from harness.timing.calling import loop
from harness.timing.calling import messages as m
from harness.timing.calling.held import Held, OwnSets
from harness.timing.calling.probes import Probe, raised, waiting, warm_up
from harness.timing.cold import Others
from harness.timing.predict import predict

_Arrays = list[Array | None]
_One = tuple[Struct, tuple[Any, ...]]
_NOT_CHANGED = (0, -1, 0.0)
_COMPILED = 2.0  # times the prediction: a first call of the shape that takes longer has compiled, or searched
_CALLS = m.Predict | m.MeasureMemory | m.MakeOwn | m.CallOnce | m.Calibrate | m.MakeReady | m.Block | m.MeasureStages


@dataclass(slots=True)
class MeasuringChild:
    """The loaded backends of one child process by name, which ops it has called already, and what it holds."""

    loaded: dict[str, CompleteBackend] = field(default_factory=dict)
    called: set[tuple[str, str, str]] = field(default_factory=set)
    run: loop.Run = field(default_factory=lambda: loop.make(clock.now))
    now: Callable[[], float] = field(default_factory=lambda: clock.now)
    held: Held | None = None
    own: dict[str, OwnSets] = field(default_factory=dict)
    kept: dict[str, Any] = field(default_factory=dict)  # results, by backend
    others: Others = field(default_factory=Others)

    def answer(self, message: m.Requests, arrays: _Arrays) -> Answers:
        """The replies to a request. What a backend raises is one; Ctrl-C goes through."""
        try:
            clock.now = self.now  # whatever a backend has put in its place
            found = self._answers(message, arrays)
            return found if isinstance(found, list) else [found]
        except (KeyboardInterrupt, registry.RegistryError):
            raise
        except BaseException as error:
            if not isinstance(message, _CALLS):
                raise
            backend = self.loaded[message.backend]
            op = message.op if isinstance(message, m.Predict) else self._holds().op
            return [(m.Raised(raised(error), op in backend.native), ())]

    def _answers(self, message: m.Requests, arrays: _Arrays) -> _One | list[_One]:
        match message:
            case m.Load():
                return self.load(message.target), ()
            case m.MeasureCpu():
                return ceilings.of_cpu(message.threads, message.allocator), ()
            case m.MeasureDevice():
                found = self.device_ceilings(message.backend, message.threads, message.allocator)
                return [(one, ()) for one in found]
            case m.MeasureProduct():
                return m.Products(ceilings.products(registry.load(message.target), message.dtypes)), ()
            case m.Predict():
                return self._predicted(message), ()
            case m.Hold():
                self._hold(message, arrays)
                return []
            case m.MeasureMemory():
                held = self._holds()
                return memory_use.measure(self.loaded[message.backend], held.op, held.spec, held.sets[0]), ()
            case m.MakeOwn():
                return self._make_own(message), ()
            case m.CallOnce():
                return self._called_once(message)
            case m.Calibrate():
                return self._estimate(message), ()
            case m.MakeReady():
                return self._made_ready(message, arrays), ()
            case m.PassOthers():
                self.others.pass_through(message.size)
                return []
            case m.Block():
                return self._block(message, arrays)
            case m.MeasureStages():
                return self._stages(message.backend)
            case m.Settle():
                result = self.kept.pop(message.backend, None)
                return (m.Kept(_kind(result)), _sent(result)) if message.wanted else []
            case m.Digest():
                return m.Digests(self._holds().digests(message.which)), ()
            case m.Drop():
                self.held = None
                self.own.clear()
                self.kept.clear()
                return []

    def load(self, target: Target) -> BackendFacts:
        """Load one backend and describe it, available or not."""
        found: list[CompleteBackend] = []
        start = self.now()
        try:
            found.append(registry.load(target))
        except (BackendUnavailable, RegistryError) as reason:
            return BackendFacts(backend=target.name, target=target.text, available=False, reason=str(reason))
        backend = self.loaded[target.name] = found[0]
        return BackendFacts(
            backend=backend.name, target=target.text, available=True, info=backend.info, numerics=backend.numerics,
            native=sorted(backend.native), load_seconds=self.now() - start,
        )  # fmt: skip

    def device_ceilings(self, name: str, threads: int, allocator: str) -> Iterator[Ceilings]:
        """The limits of the device of one backend, if it measures them itself."""
        backend = self.loaded.get(name)
        if backend is not None and backend.ceilings is not None:
            yield ceilings.of_device(backend, threads, allocator)

    def _predicted(self, message: m.Predict) -> m.Predicted:
        backend, op, spec = self.loaded[message.backend], message.op, ConvSpec.parse(message.spec)
        native = op in backend.native
        refused = backend.unsupported(op, spec, message.dtype)
        if refused is not None:
            return m.Predicted(native, refused=refused)
        key = (message.backend, op, message.dtype)
        is_first = key not in self.called  # of the calls that follow, even if they lead to no time
        self.called.add(key)
        probe = Probe(backend, op, message.dtype)
        took = predict(op, spec, probe, message.budget)
        return m.Predicted(native, seconds=took, first=probe.first, is_first=is_first)

    def _hold(self, message: m.Hold, arrays: _Arrays) -> None:
        self.own.clear()
        each = len(arrays) // message.sets
        given = [[a for a in arrays[i * each : (i + 1) * each] if a is not None] for i in range(message.sets)]
        self.held = Held(message.op, ConvSpec.parse(message.spec), given, message.timed)

    def _make_own(self, message: m.MakeOwn) -> m.Own:
        backend = self.loaded[message.backend]
        by_device = message.by_device and backend.seconds is not None
        self.own.pop(message.backend, None)
        own = self.own[message.backend] = OwnSets(backend, self._holds(), by_device)
        return m.Own(len(own.sets), own.seconds, own.shares, by_device)

    def _called_once(self, message: m.CallOnce) -> _One:
        own = self.own[message.backend]
        backend, op, spec, arrays = own.backend, own.held.op, own.held.spec, own.of(message.which)
        made: list[Any] = []
        took = clock.seconds(lambda: made.append(waiting(backend, op, spec, arrays)))
        hosts: list[Any] = []
        back = clock.seconds(lambda: hosts.append(backend.to_numpy(made[0])))
        made.clear()
        if message.warm_up and took > _COMPILED * message.predicted:
            warm_up(lambda: waiting(backend, op, spec, arrays), took, message.warm_up)
        return m.Called(took, back, _kind(hosts[0])), _sent(hosts[0])

    def _estimate(self, message: m.Calibrate) -> m.Estimate:
        """By the wall clock, as it decides how many calls are a block of any clock."""
        own = self.own[message.backend]
        backend, op, spec = own.backend, own.held.op, own.held.spec
        turns = iter(range(10**9))

        def call() -> None:
            result = waiting(backend, op, spec, own.sets[next(turns) % len(own.sets)])
            if not own.by_device:
                backend.to_numpy(result)

        return m.Estimate(max(clock.estimate(call), 1e-9))

    def _made_ready(self, message: m.MakeReady, arrays: _Arrays) -> m.Estimate:
        own = self.own[message.backend]
        own.held.change(message.negated, [a for a in arrays if a is not None])
        own.follow(message.renewed)
        return m.Estimate(self.run(own.lot(), message.turn, [_NOT_CHANGED], 0).seconds if message.warm_up else 0.0)

    def _block(self, message: m.Block, arrays: _Arrays) -> _One:
        lot = self.own[message.backend].lot()
        if lot.seconds is None:
            columns = [a.tolist() for a in arrays if a is not None]
            changes = list(zip(*columns, strict=True))
        else:
            changes = [_NOT_CHANGED] * message.calls
        try:
            with clock.uncollected():
                block = self.run(lot, message.turn, changes, message.looks)
        except BaseException:
            lot.change_all(message.turn, changes)  # the parent takes them for made, and others use these inputs too
            raise
        self.kept[message.backend] = block.result
        return m.Timed(block.seconds, block.kept), (np.array(block.places, np.int64), block.values)

    def _stages(self, name: str) -> _One:
        """On copies: what they do to their inputs is nobody else's harm."""
        backend, held = self.loaded[name], self._holds()
        own = [backend.from_numpy(a.copy()) for a in held.sets[0]]
        found, made = stages.measure(backend, held.op, held.spec, own)
        host = backend.to_numpy(made) if found else None
        return m.Stages(found, _kind(host)), _sent(host)

    def _holds(self) -> Held:
        assert self.held is not None, "inputs come first"
        return self.held


def _kind(result: object) -> str:
    """What a result is, for the parent, if it cannot be sent."""
    if isinstance(result, np.ndarray) and not _sent(result):
        return f"an array of dtype {result.dtype}"
    return type(result).__name__


def _sent(result: Any) -> tuple[Any, ...]:
    """An array of numbers; nothing else goes through the pipe."""
    return (result,) if isinstance(result, np.ndarray) and result.dtype.kind in "biufc" else ()


def _main() -> None:
    child, checked = MeasuringChild(), checking.Child()

    def answer(message: Any, arrays: _Arrays) -> Answers:
        return (checked if isinstance(message, checking.Requests) else child).answer(message, arrays)

    serve(checking.Requests | m.Requests, answer)


if __name__ == "__main__":
    _main()
