"""Calls a backend in a child process: a crash, a hang, an exit or endless allocation costs one call, not the run.

The child's malloc fills what it hands out with a pattern, so memory that was never written does not look like zeros.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Sequence

from msgspec import Struct, structs

from harness.calls import child
from harness.calls.caller import PLAIN, Arrays, CallResult, Conditions
from harness.calls.worker import Worker, WorkerDied, WorkerError
from harness.contract.protocol import BackendUnavailable, Numerics
from harness.contract.targets import RegistryError, Target
from harness.geometry.spec import ConvSpec, Op

DEADLINE = 10.0  # seconds a call may take
_FIRST_CALL = 3  # times the deadline: the first call of an op may have to compile
_LOADING = 120.0  # seconds that importing the backend may take
MEMORY = 2 * 2**30  # bytes beyond what the loaded backend holds
_MOST_DEATHS = 3  # of an op; one hang is enough
_POISON = "165"


class InChild:
    """A `Caller`. A child that died is replaced at the next call; `close` ends the last one.

    After one hang or three deaths in an op, further calls of it are not made: their result says why.
    """

    def __init__(self, target: Target, deadline: float = DEADLINE, memory: int = MEMORY) -> None:
        """Start the child and load the backend in it.

        Raises `RegistryError` if it is no backend or its process dies meanwhile, `BackendUnavailable` with the reason.
        """
        self._target, self._deadline, self._memory = target, deadline, memory
        self._worker: Worker | None = None
        self._called: set[Op] = set()
        self._deaths: Counter[Op] = Counter()
        self._barred: dict[Op, str] = {}
        self._answers: dict[tuple[Op, ConvSpec, str], str | None] = {}
        opened = self._start()
        self.name: str = opened.name
        self.numerics: Numerics = opened.numerics
        self.info: dict[str, str] = opened.info

    def unsupported(self, op: Op, spec: ConvSpec, dtype: str) -> str | None:
        """The backend's own answer, asked once. Raises `RuntimeError` with the text of what it raised instead."""
        key = (op, spec, dtype)
        if key not in self._answers:
            try:
                refusal, _ = self._ask(child.Ask(op, str(spec), dtype), self._deadline)
            except WorkerDied as death:
                raise RuntimeError(f"its process died: {death}") from death
            self._answers[key] = refusal.reason
        return self._answers[key]

    def call(self, op: Op, spec: ConvSpec, arrays: Arrays, conditions: Conditions = PLAIN) -> CallResult:
        """See `Caller`."""
        return self._call(op, child.Call(op, str(spec), conditions=conditions), arrays)[0]

    def together(self, op: Op, spec: ConvSpec, several: Sequence[Arrays]) -> list[CallResult]:
        """See `Caller`."""
        every = [a for arrays in several for a in arrays]
        results = self._call(op, child.Call(op, str(spec), len(several)), every)
        return results if len(results) == len(several) else results * len(several)

    def sample(self, op: Op, spec: ConvSpec, dtype: str, seed: str, points: Sequence[tuple[int, ...]]) -> CallResult:
        """See `Caller`."""
        return self._call(op, child.Sample(op, str(spec), dtype, seed, list(points)))[0]

    def close(self) -> None:
        """End the child."""
        if self._worker is not None:
            self._worker.close()
            self._worker = None

    def _call(self, op: Op, message: Struct, arrays: Arrays = ()) -> list[CallResult]:
        if op in self._barred:
            return [CallResult(error=f"was not run: {self._barred[op]}", died=True)]
        deadline = self._deadline if op in self._called else self._deadline * _FIRST_CALL
        self._called.add(op)
        try:
            answer, made = self._ask(message, deadline, arrays)
        except WorkerDied as death:
            return [self._after_death(op, death)]
        results = [
            CallResult(**structs.asdict(facts), result=result) for facts, result in zip(answer.facts, made, strict=True)
        ]
        if any(result.error.startswith("MemoryError") for result in results):
            self._count_death(op, "ran out of memory")  # what it hoards would fail the next call too
        return results

    def _after_death(self, op: Op, death: WorkerDied) -> CallResult:
        if death.hung:
            self._barred[op] = f"{op} hung before"
            text = f"hung: {death}"
        else:
            text = f"ended its process: {death}"
        self._count_death(op, text)
        return CallResult(error=text, died=True)

    def _count_death(self, op: Op, text: str) -> None:
        self.close()
        self._deaths[op] += 1
        if self._deaths[op] >= _MOST_DEATHS:
            self._barred.setdefault(op, f"{op} had died {self._deaths[op]} times, last it {text}")

    def _ask(self, message: Struct, deadline: float, arrays: Arrays = ()):  # type: ignore[no-untyped-def]
        """The one answer to a message, from a new child if the last one died."""
        if self._worker is None:
            try:
                self._start()
            except (RegistryError, BackendUnavailable) as reason:
                raise WorkerDied(str(reason), hung=False) from reason
        assert self._worker is not None
        (answer,) = self._worker.request(message, deadline, arrays)
        return answer

    def _start(self) -> child.Opened:
        self._worker = Worker("harness.calls.child", child.Replies, dict(os.environ) | {"MALLOC_PERTURB_": _POISON})
        try:
            ((opened, _),) = self._worker.request(child.Open(self._target, self._memory), _LOADING)
        except WorkerDied as death:
            raise RegistryError(
                f"backend {self._target.location!r} cannot be loaded: its process died: {death}"
            ) from death
        except WorkerError as error:
            self.close()
            kind = BackendUnavailable if error.kind == "BackendUnavailable" else RegistryError
            raise kind(error.detail) from error
        assert isinstance(opened, child.Opened)
        return opened
