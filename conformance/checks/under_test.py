"""The backend under test: whatever it does when called becomes `Failed` with a sentence, never a crash of the suite.

What it refuses is never called: a check that calls what it has not asked for in the case in hand is a `SuiteFault`.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

import numpy as np

from conformance.cases.specs import DISTINCT
from conformance.checks.outcomes import (  # fmt: skip
    Failed,
    NotRun,
    RecordedCall,
    Refused,
    SuiteFault,
    contradiction,
    dtype_of,
    has_form,
    recorded,
    require_array,
    require_dtype,
    require_ended,
    require_form,
)
from harness.calls.caller import PLAIN, Caller, CallResult, Conditions, OneCall
from harness.calls.limits.memory import ran_out
from harness.contract.adapter import NOT_IMPLEMENTED
from harness.contract.protocol import Array, validate
from harness.geometry.spec import ConvSpec, Op
from harness.oracle.bounding import settled
from harness.oracle.gate import sample_points
from harness.results.words import duration
from harness.timing.predict import predict

_MODEST = 4_000_000  # multiply-adds: a plain loop in Python needs seconds for them, and more is predicted first
_LONG_PROBE = 5.0  # seconds: one that compiles for less is called again


@dataclass(slots=True)
class BackendUnderTest:
    """Asks one backend, calls it on host arrays, and vouches for the form of what comes back.

    `calls` are those of the case in hand; `used` is the largest share of an error allowance that it has used.
    """

    backend: Caller
    calls: list[RecordedCall] = field(default_factory=list)
    used: float | None = None
    until: float = float("inf")  # on the monotonic clock: when the time that there is ends
    _own: ConvSpec | None = None  # the geometry of the case in hand
    _answers: dict[tuple[Op, ConvSpec, str], str | None] = field(default_factory=dict)
    _only_seen: list[RecordedCall] = field(default_factory=list)  # calls whose numbers the check does not compare

    def begin(self, spec: ConvSpec | None = None) -> None:
        """Forget the case before, its calls and its answers; `spec` is the geometry of the new one."""
        self.calls, self.used, self._own, self._answers, self._only_seen = [], None, spec, {}, []

    def refusal(self, op: Op, spec: ConvSpec, dtype: str) -> str | None:
        """Why the backend refuses, or None: then it may be called. Raises `Failed` if asking raised."""
        key = (op, spec, dtype)
        if key not in self._answers:
            try:
                self._answers[key] = self.backend.unsupported(op, spec, dtype)
            except (Exception, SystemExit) as error:
                raise Failed(f"unsupported({op!r}, ..) raised {type(error).__name__}: {error}") from error
        return self._answers[key]

    def lacks(self, op: Op, dtype: str) -> bool:
        """Whether it does not have the op at all, so that nobody need ask about every geometry."""
        spec = DISTINCT[0]
        self.begin(spec)
        try:
            return self.refusal(op, spec, dtype) == NOT_IMPLEMENTED
        except Failed:  # it may do so on this geometry alone
            return False

    def require(self, op: Op, spec: ConvSpec, dtype: str) -> None:
        """Ask for something besides the case's own op and geometry. Raises `Refused` if the backend refuses it."""
        reason = self.refusal(op, spec, dtype)
        if reason is not None:
            raise Refused(f"{spec}: {reason}")

    def outcome(self, op: Op, spec: ConvSpec, *arrays: Array | None, conditions: Conditions = PLAIN) -> CallResult:
        """What came of one call, whatever that is."""
        validate(op, spec, *arrays)
        self._require_asked(op, spec, dtype_of(arrays))
        self.require_time(op, spec, dtype_of(arrays))
        return self._settled(self._kept(op, spec, arrays, conditions))

    def observe(self, op: Op, spec: ConvSpec, *arrays: Array | None, conditions: Conditions = PLAIN) -> CallResult:
        """All that is known of one call. Raises `Failed` if it raised, exited, crashed or hung."""
        outcome = self.outcome(op, spec, *arrays, conditions=conditions)
        with self._naming(spec):
            require_ended(op, outcome)
        self._only_seen.append(self.calls[-1])
        return outcome

    def wrong_numbers(self) -> str:
        """What is wrong with numbers of calls at which the check has looked for something else; nothing if all are."""
        for call in self._only_seen:
            text = contradiction(call) if has_form(call) else ""
            if text:
                where = "" if self._own in (None, call.spec) else f"on {call.spec}: "
                return f"{where}{call.op} is as asked, but its numbers are wrong: {text}"
        return ""

    def run(self, op: Op, spec: ConvSpec, *arrays: Array | None, conditions: Conditions = PLAIN) -> Array:
        """The result as an array of the right shape and dtype. Raises `Failed` otherwise."""
        outcome = self.outcome(op, spec, *arrays, conditions=conditions)
        with self._naming(spec):
            require_ended(op, outcome)
            return require_form(op, spec, dtype_of(arrays), outcome)

    def sample(self, op: Op, spec: ConvSpec, dtype: str, seed: str, points: Sequence[tuple[int, ...]]) -> Array:
        """Elements of the result for inputs `data.pooled(op, spec, dtype, seed)`, which the callee makes."""
        self._require_asked(op, spec, dtype)
        self.require_time(op, spec, dtype)
        return self._sampled(op, spec, dtype, seed, points)

    def _sampled(self, op: Op, spec: ConvSpec, dtype: str, seed: str, points: Sequence[tuple[int, ...]]) -> Array:
        outcome = self.backend.sample(op, spec, dtype, seed, points)
        if ran_out(outcome.error):
            raise NotRun(f"{op} ran out of memory: {outcome.error}")  # of all there is: no fault at this size
        require_ended(op, outcome)
        array = require_array(op, outcome)
        if outcome.shape != spec.output_shape(op):
            raise Failed(f"{op} returned shape {outcome.shape}, the spec asks for {spec.output_shape(op)}")
        require_dtype(op, array, dtype)
        return array

    def each(self, calls: Sequence[OneCall]) -> Iterator[Array]:
        """The results of calls made one after the other, handed over together. Raises `Failed` at the first without."""
        outcomes = self._handed_over(calls, self.backend.each)
        for one, outcome in zip(calls, outcomes, strict=False):  # there are fewer if one died, which raises
            yield self._right_form(one, outcome)

    def outcomes(self, calls: Sequence[OneCall]) -> Iterator[CallResult]:
        """What came of calls that are made like this, whatever that is; the last is the one that died."""
        for one, outcome in zip(calls, self._handed_over(calls, self.backend.each), strict=False):
            self.calls.append(recorded(one, outcome))
            yield self._settled(self.calls[-1])

    def observe_each(self, calls: Sequence[OneCall]) -> Iterator[CallResult]:
        """All that is known of them. Raises `Failed` at the first that raised, exited, crashed or hung."""
        for one, outcome in zip(calls, self.outcomes(calls), strict=False):
            with self._naming(one.spec):
                require_ended(one.op, outcome)
            self._only_seen.append(self.calls[-1])
            yield outcome

    def together(self, calls: Sequence[OneCall], times: int = 1) -> list[Array]:
        """The results of calls made at the same moment, each from its own thread and so often; another, if one is."""
        outcomes = self._handed_over(calls, lambda calls: self.backend.together(calls, times), times)
        return [self._right_form(one, outcome) for one, outcome in zip(calls, outcomes, strict=True)]

    def repeat(self, calls: Sequence[OneCall], times: int) -> list[Array]:
        """The results of calls made in turn, so many in all; another than the first, if one is."""
        outcomes = self._handed_over(calls, lambda calls: self.backend.repeat(calls, times))
        return [self._right_form(one, outcome) for one, outcome in zip(calls, outcomes, strict=True)]

    def _handed_over(
        self, calls: Sequence[OneCall], make: Callable[[Sequence[OneCall]], list[CallResult]], times: int = 1
    ) -> list[CallResult]:
        """What came of valid calls that were asked for, each made so often before there is an answer."""
        for one in calls:
            validate(one.op, one.spec, *one.arrays)
            self._require_asked(one.op, one.spec, dtype_of(one.arrays))
            self.require_time(one.op, one.spec, dtype_of(one.arrays), times)
        return make(calls)

    def _right_form(self, one: OneCall, outcome: CallResult) -> Array:
        self.calls.append(recorded(one, outcome))
        self._settled(self.calls[-1])
        with self._naming(one.spec), _at(outcome.differs):
            require_ended(one.op, outcome)
            return require_form(one.op, one.spec, dtype_of(one.arrays), outcome)

    def require_time(self, op: Op, spec: ConvSpec, dtype: str, times: int = 1) -> None:
        """Raises `NotRun` if a call would take longer than it may, or so many of them longer than there is time.

        What is large is predicted from smaller geometries of the same kind, the others from earlier calls of the op.
        """
        pace = self.backend.pace
        if spec.work(op) > _MODEST and not pace.is_foretold(op, spec, dtype):
            pace.foretell(op, spec, dtype, self._predicted(op, spec, dtype))
        one, left = pace.predicted(op, spec, dtype), self.until - time.monotonic()
        if one > pace.longest:
            most = duration(pace.longest, 2)
            raise NotRun(f"{op} would take about {duration(one, 2)}, a call may take {most}: --deadline allows more")
        if one and times * one > left:
            about = duration(times * one, 2)
            raise NotRun(f"{op} would take about {about}, of the budget {duration(max(left, 0.0), 2)} are left")

    def _predicted(self, op: Op, spec: ConvSpec, dtype: str) -> float:
        try:
            return predict(op, spec, lambda probe: self._seconds(op, probe, dtype), self.backend.pace.longest)
        except Refused:  # a smaller one, from which nothing can be predicted then
            return 0.0

    def _seconds(self, op: Op, spec: ConvSpec, dtype: str) -> float:
        """How long a call takes, here or in its process, from a second call if the first is short."""
        self.require(op, spec, dtype)
        took = 0.0
        for _ in range(2):
            start = time.monotonic()
            with self._naming(spec):
                self._sampled(op, spec, dtype, str(spec), sample_points(op, spec))
            took = time.monotonic() - start
            if took > _LONG_PROBE:
                break
        return took

    def attempt(self, op: Op, spec: ConvSpec, *arrays: Array | None) -> str:
        """A call whose arrays may be wrong: what it raised, or nothing if it returned. Raises `Failed` on a death."""
        if not any((op, spec) == key[:2] and reason is None for key, reason in self._answers.items()):
            raise SuiteFault(f"{op} was called with wrong arrays on {spec}, which was not asked for or is refused")
        outcome = self._kept(op, spec, arrays, PLAIN).outcome
        if outcome.died:
            require_ended(op, outcome)
        return outcome.error

    @contextmanager
    def _naming(self, spec: ConvSpec) -> Iterator[None]:
        """A failure on another geometry than that of the case names it."""
        try:
            yield
        except Failed as failure:
            if self._own in (None, spec):
                raise
            raise Failed(f"on {spec}: {failure}", failure.grade) from failure

    def _require_asked(self, op: Op, spec: ConvSpec, dtype: str) -> None:
        if self._answers.get((op, spec, dtype), "not asked for") is not None:
            raise SuiteFault(f"{op} was called on {spec} in {dtype}, which was not asked for or is refused")

    def _kept(self, op: Op, spec: ConvSpec, arrays: tuple[Array | None, ...], conditions: Conditions) -> RecordedCall:
        one = OneCall(op, spec, arrays, conditions)
        self.calls.append(recorded(one, self.backend.call(*one)))
        return self.calls[-1]

    def _settled(self, call: RecordedCall) -> CallResult:
        """The one place where whole numbers that need not come out exact are judged by their bound: see `bounding`.

        What is right is exact from here on, so every check, law and diagnosis compares with `==`.
        """
        outcome = call.outcome
        if isinstance(outcome.result, np.ndarray):
            outcome.result = settled(call.op, call.spec, self.backend.numerics, call.arrays, outcome.result)
        return outcome


@contextmanager
def _at(time: int) -> Iterator[None]:
    """A failure of a repeated call says which time it was, if not the first."""
    try:
        yield
    except Failed as failure:
        raise Failed(f"call {time} of many: {failure}" if time else str(failure), failure.grade) from failure
