"""Calls a backend in a child process: a crash, a hang, an exit or endless allocation costs one call, not the run.

The child's malloc fills what it hands out with a pattern, so memory that was never written does not look like zeros.
"""

from __future__ import annotations

import os
import time
from collections import Counter
from collections.abc import Sequence
from typing import Any

from msgspec import Struct, structs

from harness.calls import child
from harness.calls.caller import PLAIN, Arrays, CallFacts, CallResult, Conditions
from harness.calls.limits import memory
from harness.calls.limits.pace import Pace
from harness.calls.limits.seconds import DEADLINE, FIRST_CALL, loading, loading_in_words
from harness.calls.worker import Worker, WorkerDied, WorkerError
from harness.contract.protocol import Array, BackendUnavailable, Numerics
from harness.contract.targets import RegistryError, Target
from harness.geometry.spec import ConvSpec, Op

MEMORY = 2 * 2**30  # bytes beyond what the loaded backend and the arrays of a call hold
_AT_ONCE = 250  # geometries in a question
_MOST_ANSWERS = 100_000  # remembered: the grid asks two million questions, each once
_MOST_DEATHS = 3  # of an op, or of `unsupported`; one hang is enough
_POISON = "165"
_UNSUPPORTED = "unsupported"


class InChild:
    """A `Caller`. A child that died is replaced at the next call; `close` ends the last one.

    After one hang or three deaths in an op, further calls of it are not made: their result says why. The same holds
    for questions to `unsupported`, and for everything once the backend cannot be loaded again.
    """

    def __init__(self, target: Target, deadline: float = DEADLINE, memory: int = MEMORY) -> None:
        """Start the child and load the backend in it.

        Raises `RegistryError` if it is no backend, or its process dies or hangs meanwhile, and `BackendUnavailable`
        with the reason.
        """
        self._target, self._deadline, self._memory = target, deadline, memory
        self.pace = Pace(deadline)
        self._worker: Worker | None = None
        self._allowed = 0  # bytes of a call's arrays that the child knows of
        self._called: set[Op] = set()
        self._deaths: Counter[str] = Counter()
        self._barred: dict[str, str] = {}  # ops and `unsupported`, and why they are not called any more
        self._lost = ""  # why it cannot be loaded any more
        self._answers: dict[tuple[Op, ConvSpec, str], str | None] = {}
        opened = self._start()
        self.name: str = opened.name
        self.numerics: Numerics = opened.numerics
        self.info: dict[str, str] = opened.info
        self.native: list[Op] = opened.native

    def unsupported(self, op: Op, spec: ConvSpec, dtype: str) -> str | None:
        """The backend's own answer, asked once. Raises `RuntimeError` with the text of what it raised instead."""
        key = (op, spec, dtype)
        if key not in self._answers:
            self._answers[key] = self._asked_to_refuse(child.Ask(op, str(spec), dtype))
        return self._answers[key]

    def ask_ahead(self, op: Op, specs: Sequence[ConvSpec], dtype: str) -> None:
        """See `Caller`. Where it fails nothing is known yet, and each is asked for by itself."""
        if _UNSUPPORTED in self._barred:
            return
        if len(self._answers) > _MOST_ANSWERS:
            self._answers.clear()
        for start in range(0, len(specs), _AT_ONCE):
            some = specs[start : start + _AT_ONCE]
            try:
                question = child.AskAll(op, [str(spec) for spec in some], dtype)
                answer, _ = self._ask(question, child.Refusals, self._deadline)
            except WorkerError:  # it raises for one of them
                return
            except WorkerDied:
                self.close()
                return
            self._answers |= {(op, s, dtype): reason for s, reason in zip(some, answer.reasons, strict=True)}

    def call(self, op: Op, spec: ConvSpec, arrays: Arrays, conditions: Conditions = PLAIN) -> CallResult:
        """See `Caller`."""
        return self._call(op, spec, child.Call(op, str(spec), conditions=conditions), arrays)[0]

    def together(self, op: Op, spec: ConvSpec, several: Sequence[Arrays]) -> list[CallResult]:
        """See `Caller`."""
        every = [a for arrays in several for a in arrays]
        results = self._call(op, spec, child.Call(op, str(spec), len(several)), every, len(several))
        return results if len(results) == len(several) else results * len(several)

    def sample(self, op: Op, spec: ConvSpec, dtype: str, seed: str, points: Sequence[tuple[int, ...]]) -> CallResult:
        """See `Caller`."""
        return self._call(op, spec, child.Sample(op, str(spec), dtype, seed, list(points)))[0]

    def close(self) -> None:
        """End the child."""
        if self._worker is not None:
            self._worker.close()
            self._worker = None
            self._allowed = 0  # the next one knows of nothing

    def _asked_to_refuse(self, question: child.Ask) -> str | None:
        if _UNSUPPORTED in self._barred:
            raise RuntimeError(f"was not asked: {self._barred[_UNSUPPORTED]}")
        try:
            refusal, _ = self._ask(question, child.Refusal, self._deadline)
        except WorkerDied as death:
            raise RuntimeError(self._after_death(_UNSUPPORTED, death)) from death
        reason: str | None = refusal.reason
        return reason

    def _call(
        self, op: Op, spec: ConvSpec, message: child.Call | child.Sample, arrays: Arrays = (), times: int = 1
    ) -> list[CallResult]:
        if op in self._barred:
            return [CallResult(error=f"was not run: {self._barred[op]}", died=True)]
        dtype = _dtype(message, arrays)
        usual = self._deadline if op in self._called else self._deadline * FIRST_CALL
        deadline = max(usual, times * self.pace.patience(op, spec, dtype))
        self._called.add(op)
        try:
            self._make_room(times * memory.of_call(op, spec, dtype))
            start = time.monotonic()
            answer, made = self._ask(message, child.Results, deadline, arrays)
        except WorkerDied as death:
            return [CallResult(error=self._after_death(op, death), died=True)]
        except WorkerError as error:  # not even the harness's own part of the child had the memory that it needs
            if not memory.ran_out(str(error)):
                raise
            answer, made = child.Results([CallFacts(error=str(error))]), [None]
        results = [
            CallResult(**structs.asdict(facts), result=result) for facts, result in zip(answer.facts, made, strict=True)
        ]
        if times == 1 and not results[0].error:
            self.pace.add(op, spec, dtype, time.monotonic() - start)
        if any(memory.ran_out(result.error) for result in results):
            self._count_death(op, "ran out of memory")  # what it hoards would fail the next call too
        return results

    def _make_room(self, size: int) -> None:
        """Tell the child of arrays that are not small, before they come."""
        if size > max(self._allowed, memory.UNCOUNTED):
            self._ask(child.Allow(size), None, self._deadline)
            self._allowed = size

    def _after_death(self, what: str, death: WorkerDied) -> str:
        """Remember it; what is said of the call."""
        if self._lost:
            return f"was not run: {self._lost}"
        text = f"hung: {death}" if death.hung else f"ended its process: {death}"
        if death.hung:
            self._barred[what] = f"{what} hung before"
        self._count_death(what, text)
        return text

    def _count_death(self, what: str, text: str) -> None:
        self.close()
        self._deaths[what] += 1
        if self._deaths[what] >= _MOST_DEATHS:
            self._barred.setdefault(what, f"{what} had died {self._deaths[what]} times, last it {text}")

    def _ask(self, message: Struct, answer: type | None, deadline: float, arrays: Arrays = ()) -> Any:
        """The one answer to a message, of that type, with its arrays, from a new child if the last one died.

        None if no answer is due. Raises `WorkerDied`.
        """
        if self._worker is None and not self._lost:
            try:
                self._start()
            except (RegistryError, BackendUnavailable) as reason:
                self._lost = str(reason)
        if self._worker is None:
            raise WorkerDied(self._lost, hung=False)
        found = list(self._worker.request(message, deadline, arrays))
        if [type(one) for one, _ in found] != ([] if answer is None else [answer]):
            self.close()
            raise WorkerDied(f"it gave {len(found)} answers to one call", hung=False)
        return found[0] if found else None

    def _start(self) -> child.Opened:
        self._worker = Worker("harness.calls.child", child.Replies, dict(os.environ) | {"MALLOC_PERTURB_": _POISON})
        where = f"backend {self._target.location!r} cannot be loaded"
        try:
            opened, _ = self._ask(child.Open(self._target, self._memory), child.Opened, loading(self._deadline))
        except WorkerDied as death:
            self.close()
            if death.hung:
                limit = loading_in_words(self._deadline)
                raise RegistryError(f"{where}: its import or its info() did not end within {limit}") from death
            raise RegistryError(f"{where}: its process died: {death}") from death
        except WorkerError as error:
            self.close()
            kind = BackendUnavailable if error.kind == "BackendUnavailable" else RegistryError
            raise kind(error.detail) from error
        except BaseException:  # Ctrl-C: nobody else knows the child
            self.close()
            raise
        assert isinstance(opened, child.Opened)
        return opened


def _dtype(message: child.Call | child.Sample, arrays: Sequence[Array | None]) -> str:
    """Of the arrays; a check may give none of them, to see what becomes of that."""
    if isinstance(message, child.Sample):
        return message.dtype
    return next((str(a.dtype) for a in arrays if a is not None), "float64")
