"""Calls a backend in a child process: a crash, a hang, an exit or endless allocation costs one call, not the run."""

from __future__ import annotations

import os
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from copy import copy
from typing import Any, NamedTuple

from msgspec import Struct, structs

from harness.calls import child
from harness.calls.caller import PLAIN, Arrays, CallResult, Conditions, OneCall
from harness.calls.limits import memory
from harness.calls.limits.pace import TRUSTED, Pace
from harness.calls.limits.seconds import DEADLINE, FIRST_CALL, loading, loading_in_words
from harness.calls.memory_layouts import GUARDED
from harness.calls.seeing import first_or_other
from harness.calls.worker import Worker, WorkerDied, WorkerError
from harness.contract.protocol import Array, BackendUnavailable, Numerics, Subnormals, dtype_name
from harness.contract.targets import RegistryError, Target
from harness.geometry.spec import ConvSpec, Op

MEMORY = 2 * 2**30  # bytes beyond what the loaded backend and the arrays of a call hold
_AT_ONCE = 250  # geometries in a question
_MOST_ANSWERS = 100_000  # remembered: the grid asks two million questions, each once
_ROUNDS = 20  # of repeated calls, for an answer, at most
_MADE = 5  # calls for an answer of which each may take as long as a call may; of more there is only a guess
_MOST_DEATHS = 3  # of an op, or of `unsupported`; one hang is enough
_UNSUPPORTED = "unsupported"
_Message = child.Call | child.Several | child.Sample


class Program(NamedTuple):
    """What a child runs, which must answer what `harness.calls.child` does, and its environment (None: ours)."""

    module: str = "harness.calls.child"
    environment: Mapping[str, str] | None = None


_CHECKING = Program()


class InChild:
    """A `Caller`. A child that died is replaced at the next call; `close` ends the last one.

    After one hang or three deaths in an op, further calls of it are not made: their result says why. The same holds
    for questions to `unsupported`, and for everything once the backend cannot be loaded again.
    """

    def __init__(
        self, target: Target, deadline: float = DEADLINE, memory: int = MEMORY, program: Program = _CHECKING
    ) -> None:
        """Start the child and load the backend in it.

        Raises `RegistryError` if it is no backend, or its process dies or hangs meanwhile, and `BackendUnavailable`
        with the reason.
        """
        self._target, self._deadline, self._memory, self._program = target, deadline, memory, program
        self.pace = Pace(deadline)
        self._worker: Worker | None = None
        self._allowed = 0  # bytes of a call's arrays that the child knows of
        self._called_before: set[tuple[Op, ConvSpec, str]] = set()  # in this child
        self._deaths: Counter[str] = Counter()
        self._barred: dict[str, str] = {}  # kinds of calls and `unsupported`, and why they are not made any more
        self._is_hurried = False
        self._lost = ""  # why it cannot be loaded any more
        self._answers: dict[tuple[Op, ConvSpec, str], str | None] = {}
        opened = self._start()
        self.name: str = opened.name
        self.numerics: Numerics = opened.numerics
        self.subnormals: Subnormals = opened.subnormals
        self.takes_bias: bool = opened.takes_bias
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
        return self._called([OneCall(op, spec, arrays, conditions)], child.Call(op, str(spec), conditions))[0]

    def each(self, calls: Sequence[OneCall]) -> list[CallResult]:
        """See `Caller`."""
        return self._called(calls, _several(calls, "each"), answers=len(calls))

    def together(self, calls: Sequence[OneCall], times: int = 1) -> list[CallResult]:
        """See `Caller`. A death is that of each."""
        message = _several(calls, "together", times)
        results = self._called(calls, message, at_once=len(calls), made=times * len(calls))
        return results if len(results) == len(calls) else results * len(calls)

    def repeat(self, calls: Sequence[OneCall], times: int) -> list[CallResult]:
        """See `Caller`. A death is that of each; some are made for each answer, as an answer has a deadline."""
        kept: list[CallResult] = []
        before, rounds = 0, 1  # the first shows how many there is time for
        while before < times:
            step, start = min(rounds * len(calls), times - before), time.monotonic()
            results = self._called(calls, _several(calls, "repeat", step), made=step)
            if len(results) < len(calls):
                results = [copy(results[0]) for _ in calls]
            pairs = zip(kept or results, results, strict=True)
            kept = [_later(*pair, before, number) for number, pair in enumerate(pairs, 1)]
            if any(one.error or one.differs for one in kept):
                break
            before += step
            rounds = max(1, min(_ROUNDS, int(rounds * self._deadline / 4 / max(time.monotonic() - start, 1e-6))))
        return kept

    def sample(self, op: Op, spec: ConvSpec, dtype: str, seed: str, points: Sequence[tuple[int, ...]]) -> CallResult:
        """See `Caller`."""
        message = child.Sample(op, str(spec), dtype, seed, list(points))
        return self._called([OneCall(op, spec, ())], message)[0]

    @contextmanager
    def in_a_hurry(self, deadline: float) -> Iterator[None]:
        """Within it a call may take no longer than so many seconds: of who calls small things alone."""
        before = self._deadline, self._is_hurried
        self._deadline, self._is_hurried = min(deadline, self._deadline), True
        try:
            yield
        finally:
            self._deadline, self._is_hurried = before

    def close(self) -> None:
        """End the child."""
        if self._worker is not None:
            self._worker.close()
            self._worker = None
            self._allowed, self._called_before = 0, set()  # the next one knows of nothing

    def _asked_to_refuse(self, question: child.Ask) -> str | None:
        if _UNSUPPORTED in self._barred:
            raise RuntimeError(f"was not asked: {self._barred[_UNSUPPORTED]}")
        try:
            refusal, _ = self._ask(question, child.Refusal, self._deadline)
        except WorkerDied as death:
            raise RuntimeError(self._after_death(_UNSUPPORTED, death)) from death
        reason: str | None = refusal.reason
        return reason

    def _called(
        self, calls: Sequence[OneCall], message: _Message, answers: int = 1, at_once: int = 1, made: int = 1
    ) -> list[CallResult]:
        """What came of the calls of a message, in so many answers. If the process died, that is the last result.

        `at_once` of them are in memory at the same time, `made` are made for an answer.
        """
        for kind in map(_kind, calls):
            if kind in self._barred:
                return [CallResult(error=f"was not run: {self._barred[kind]}", died=True)]
        geometries = {(op, spec, _dtype(message, given)) for op, spec, given, _ in calls}
        may_compile = not geometries <= self._called_before
        if self._is_hurried:  # who compiled the op, too, has had its time
            may_compile = not {op for op, _, _ in geometries} <= {op for op, _, _ in self._called_before}
        usual = self._deadline * FIRST_CALL if may_compile else self._deadline
        patience = (self.pace.patience(*geometry) for geometry in geometries)
        usual *= min(made, _MADE)
        deadline = max(usual, made * max(patience)) if self.pace.knows_something else usual
        self._called_before |= geometries
        arrays = [a for one in calls for a in one.arrays]
        results: list[CallResult] = []
        try:
            start = time.monotonic()
            self._make_room(at_once * max(memory.of_call(op, spec, _dtype(message, a)) for op, spec, a, _ in calls))
            for answer, given_back in self._answered(message, [child.Results] * answers, deadline, arrays):
                results += [
                    CallResult(**structs.asdict(facts), result=result)
                    for facts, result in zip(answer.facts, given_back, strict=True)
                ]
                now = time.monotonic()
                is_long = now - start >= TRUSTED
                if is_long and made == 1 and not answer.facts[0].error:
                    op, spec, given, _ = calls[len(results) - 1]
                    self.pace.add(op, spec, _dtype(message, given), now - start)
                start = now
        except WorkerDied as death:
            before = results[: len(calls) - 1]
            return [*before, CallResult(error=self._after_death(_kind(calls[len(before)]), death), died=True)]
        except WorkerError as error:  # not even the harness's own part of the child had the memory that it needs
            if not memory.ran_out(str(error)):
                raise
            results.append(CallResult(error=str(error)))
        if any(memory.ran_out(result.error) for result in results):
            self._count_death(_kind(calls[0]), "ran out of memory")  # what it hoards would fail the next call too
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
        found = list(self._answered(message, [] if answer is None else [answer], deadline, arrays))
        return found[0] if found else None

    def _answered(
        self, message: Struct, answers: Sequence[type], deadline: float, arrays: Arrays = ()
    ) -> Iterator[tuple[Any, list[Array | None]]]:
        """The answers to a message, which are to be of those types, with their arrays, as they come.

        Raises `WorkerDied`, also if there are others.
        """
        if self._worker is None and not self._lost:
            try:
                self._start()
            except (RegistryError, BackendUnavailable) as reason:
                self._lost = str(reason)
        if self._worker is None:
            raise WorkerDied(self._lost, hung=False)
        found: list[type] = []
        for one, made in self._worker.request(message, deadline, arrays):
            found.append(type(one))
            if found == list(answers[: len(found)]):
                yield one, made
        if found != list(answers):
            self.close()
            asked = "one call" if len(answers) < 2 else f"{len(answers)} calls"
            raise WorkerDied(f"it gave {len(found)} answers to {asked}", hung=False)

    def _start(self) -> child.Opened:
        module, environment = self._program
        self._worker = Worker(module, child.Replies, dict(os.environ if environment is None else environment))
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


def _kind(one: OneCall) -> str:
    """What its death is counted for: who dies of no images, or of a byte too far, may be right in all else."""
    if one.conditions.layout in GUARDED:
        return f"{one.op} beside a page out of bounds"
    return one.op if one.spec.batch else f"{one.op} without images"


def _later(first: CallResult, result: CallResult, before: int, number: int) -> CallResult:
    """What is kept of the call of that number, of the first answer and of one before which so many calls were made."""
    if result.differs:
        result.differs += before
        return result
    return result if first is result else first_or_other(first, result, before + number)


def _several(calls: Sequence[OneCall], how: child.How, times: int = 1) -> child.Several:
    return child.Several([child.Call(one.op, str(one.spec), one.conditions) for one in calls], how, times)


def _dtype(message: _Message, arrays: Sequence[Array | None]) -> str:
    """Of the arrays; a check may give none of them, to see what becomes of that."""
    if isinstance(message, child.Sample):
        return message.dtype
    return next((dtype_name(a.dtype) for a in arrays if a is not None), "float64")
