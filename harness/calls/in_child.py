"""A backend in a child process: a crash, a hang, an exit or endless allocation costs one call, not the run.

The child makes the calls and gathers facts; it never holds an expected value, so there is none for a backend to find.
Its malloc fills what it hands out with a pattern, so memory that was never written does not look like zeros.
"""

from __future__ import annotations

import os
import resource
import signal
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict
from typing import Any

from harness.calls.caller import PLAIN, Arrays, CallResult, Conditions, InProcess
from harness.calls.worker import Answer, Worker, WorkerDied, WorkerError
from harness.contract import registry
from harness.contract.protocol import Array, BackendUnavailable, Numerics
from harness.contract.targets import Target
from harness.geometry.spec import ConvSpec, Op
from harness.results.run_files import Record

DEADLINE = 10.0  # seconds a call may take
_FIRST_CALL = 3  # times the deadline: the first call of an op may have to compile
_LOADING = 120.0  # seconds that importing the backend may take
MEMORY = 2 * 2**30  # bytes beyond what the loaded backend holds
_MOST_DEATHS = 3  # of an op; one hang is enough
_POISON = "165"


class InChild:
    """The parent's side, an `Observer`. A child that died is replaced at the next call; `close` ends the last one.

    After one hang or three deaths in an op, further calls of it are not made: their reply says why.
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
        facts = self._start()
        self.name: str = facts["name"]
        self.numerics: Numerics = facts["numerics"]
        self.info: dict[str, str] = facts["info"]

    def unsupported(self, op: Op, spec: ConvSpec, dtype: str) -> str | None:
        """The backend's own answer, asked once. Raises `RuntimeError` with the text of what it raised instead."""
        key = (op, spec, dtype)
        if key not in self._answers:
            try:
                reply = self._ask("unsupported", self._deadline, op=op, spec=str(spec), dtype=dtype)
            except WorkerDied as death:
                raise RuntimeError(f"its process died: {death}") from death
            self._answers[key] = reply["reason"]
        return self._answers[key]

    def call(self, op: Op, spec: ConvSpec, arrays: Arrays, how: Conditions = PLAIN) -> CallResult:
        """See `Observer`."""
        return self._calls(op, spec, arrays, "call", how=list(how))[0]

    def together(self, op: Op, spec: ConvSpec, several: Sequence[Arrays]) -> list[CallResult]:
        """See `Observer`."""
        flat = [a for arrays in several for a in arrays]
        replies = self._calls(op, spec, flat, "together", calls=len(several))
        return replies if len(replies) == len(several) else replies * len(several)

    def sample(self, op: Op, spec: ConvSpec, dtype: str, seed: str, points: Sequence[tuple[int, ...]]) -> CallResult:
        """See `Observer`."""
        return self._calls(op, spec, (), "sample", dtype=dtype, seed=seed, points=list(points))[0]

    def close(self) -> None:
        """End the child."""
        if self._worker is not None:
            self._worker.close()
            self._worker = None

    def _calls(self, op: Op, spec: ConvSpec, arrays: Arrays, action: str, **more: Any) -> list[CallResult]:
        if op in self._barred:
            return [CallResult(error=f"was not run: {self._barred[op]}", died=True)]
        deadline = self._deadline if op in self._called else self._deadline * _FIRST_CALL
        self._called.add(op)
        try:
            answer = self._ask(action, deadline, arrays, op=op, spec=str(spec), **more)
        except WorkerDied as death:
            return [self._mourn(op, death)]
        replies = [_reply(f, a) for f, a in zip(answer["replies"], answer["arrays"], strict=True)]
        if any(reply.error.startswith("MemoryError") for reply in replies):
            self._bury(op, "ran out of memory")  # what it hoards would fail the next call too
        return replies

    def _mourn(self, op: Op, death: WorkerDied) -> CallResult:
        if death.hung:
            self._barred[op] = f"{op} hung before"
            text = f"hung: {death}"
        else:
            text = f"ended its process: {death}"
        self._bury(op, text)
        return CallResult(error=text, died=True)

    def _bury(self, op: Op, text: str) -> None:
        self.close()
        self._deaths[op] += 1
        if self._deaths[op] >= _MOST_DEATHS:
            self._barred.setdefault(op, f"{op} had died {self._deaths[op]} times, last it {text}")

    def _ask(self, action: str, deadline: float, arrays: Arrays = (), **arguments: Any) -> Record:
        if self._worker is None:
            try:
                self._start()
            except (registry.RegistryError, BackendUnavailable) as reason:
                raise WorkerDied(str(reason), hung=False) from reason
        assert self._worker is not None
        answers = list(self._worker.request(action, deadline, arrays=arrays, **arguments))
        return answers[0]

    def _start(self) -> Record:
        self._worker = Worker(dict(os.environ) | {"MALLOC_PERTURB_": _POISON})
        try:
            return next(iter(list(self._worker.request("open", _LOADING, **asdict(self._target), memory=self._memory))))
        except WorkerDied as death:
            raise registry.RegistryError(
                f"backend {self._target.location!r} cannot be loaded: its process died: {death}"
            ) from death
        except WorkerError as error:
            self.close()
            kind = BackendUnavailable if error.kind == "BackendUnavailable" else registry.RegistryError
            raise kind(error.detail) from error


class Child:
    """The child's side: one backend."""

    def __init__(self) -> None:
        self._local: InProcess | None = None

    def actions(self) -> dict[str, Callable[[Record], Iterable[Answer]]]:
        """What it can be asked, see `harness.calls.worker.serve`."""
        return {
            "open": self._open,
            "unsupported": self._unsupported,
            "call": self._call,
            "together": self._together,
            "sample": self._sample,
        }

    def _open(self, message: Record) -> list[Answer]:
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C goes to all processes of a terminal; ours is ended by us
        backend = registry.load(Target(message["text"], message["name"], message["location"]))
        self._local = InProcess(backend)
        _limit_memory(message["memory"])
        return [({"kind": "open", "name": backend.name, "numerics": backend.numerics, "info": backend.info}, ())]

    def _unsupported(self, message: Record) -> list[Answer]:
        reason = self._backend.unsupported(message["op"], ConvSpec.parse(message["spec"]), message["dtype"])
        return [({"kind": "unsupported", "reason": reason}, ())]

    def _call(self, message: Record) -> list[Answer]:
        spec = ConvSpec.parse(message["spec"])
        reply = self._backend.call(message["op"], spec, message["arrays"], Conditions(*message["how"]))
        return [_answer([reply])]

    def _together(self, message: Record) -> list[Answer]:
        arrays, calls = message["arrays"], message["calls"]
        size = len(arrays) // calls
        several = [arrays[k * size : (k + 1) * size] for k in range(calls)]
        return [_answer(self._backend.together(message["op"], ConvSpec.parse(message["spec"]), several))]

    def _sample(self, message: Record) -> list[Answer]:
        spec, points = ConvSpec.parse(message["spec"]), [tuple(point) for point in message["points"]]
        reply = self._backend.sample(message["op"], spec, message["dtype"], message["seed"], points)
        return [_answer([reply])]

    @property
    def _backend(self) -> InProcess:
        assert self._local is not None, "open comes first"
        return self._local


def _reply(facts: Record, result: Array | None) -> CallResult:
    """JSON has lists where a reply has tuples."""
    tuples = {name: tuple(facts[name]) for name in ("shape", "strides")}
    return CallResult(**{**facts, **tuples, "result": result})


def _answer(replies: Sequence[CallResult]) -> Answer:
    facts = []
    for reply in replies:
        result, reply.result = reply.result, None
        facts.append(asdict(reply))
        reply.result = result
    return {"kind": "replies", "replies": facts}, [reply.result for reply in replies]


def _limit_memory(more: int) -> None:
    """Let the process allocate `more` bytes beyond what its libraries and their thread stacks hold already."""
    with open("/proc/self/status", encoding="ascii") as status:
        held = next((int(line.split()[1]) * 1024 for line in status if line.startswith("VmData:")), 0)
    resource.setrlimit(resource.RLIMIT_DATA, (held + more, held + more))
