"""Calls one op of a backend on geometries of our choice, each once, and keeps what each call showed.

The backend gets arrays alone. What is expected is computed here, where it cannot find it.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Sequence

import numpy as np

from conformance.diagnosis.experiment.bending import Bending
from conformance.diagnosis.experiment.observed import Digest, Kind, Observed, digest
from conformance.diagnosis.models import tables
from conformance.diagnosis.models.model import Given, Model
from harness.calls.caller import PLAIN, Caller, CallResult, Conditions, OneCall
from harness.calls.in_child import InChild
from harness.contract.protocol import Array
from harness.geometry.spec import ConvSpec, Op
from harness.oracle import by_taps, data
from harness.oracle.bounding import of_whole_numbers, settled
from harness.oracle.comparing import is_exact

_PACK = 64  # calls that are handed over together
_PACKED = 300_000  # steps of work of a pack, so that the time is looked at often
_ONE_CALL = 1.0  # seconds that a call may be expected to take
_TELLING = 0.02  # seconds: of a shorter call most is overhead, which says nothing of larger ones
_KEPT = 100_000  # elements: larger arrays are made anew when they are asked for again
_NEAR = 0.25  # how far from a whole number a wrong result of a method that rounds may be
_FEW = 16  # right results whose digests are kept
_IMPOSSIBLE: Digest = ((-1,), b"")  # what a model foretells of a geometry for which it has no result


class Experiment:
    """What is known of one op in one dtype. Whoever asks for more than there is time for gets None, never a guess.

    `focus` is the kind of failure that is looked at; a failure of another kind then counts on neither side.
    `most_work` is that of one call, `seconds` those that the backend may use in all.
    """

    def __init__(
        self, caller: Caller, op: Op, dtype: str, *, most_work: int = 40_000_000, seconds: float = 20.0
    ) -> None:
        self.caller, self.op, self.dtype = caller, op, dtype
        self.observed: dict[ConvSpec, Observed] = {}
        self.focus: Kind | None = None
        self.exhausted = seconds <= 0
        self.calls = 0
        self._most_work, self._seconds, self._used = most_work, seconds, 0.0
        self._largest, self._rate = 0, 0.0  # most work that was handed over, and its seconds for one of work
        self._shortest = math.inf  # seconds of a call
        self._taken: dict[ConvSpec, bool] = {}
        self._given: dict[ConvSpec, Given] = {}
        self._large: Given | None = None  # the last of those that are not kept: many models are asked about it
        self._right: dict[ConvSpec, Array] = {}
        self._right_digests: dict[ConvSpec, Digest] = {}
        self._foretold: dict[ConvSpec, dict[Model, Digest]] = {}
        self._unchanged: dict[int, tuple[Array, Digest]] = {}  # by id, right results that models return themselves
        self._bending = Bending(self.takes, self._ask_ahead)

    # -- what may be called -------------------------------------------------------------------------------------

    def takes(self, spec: ConvSpec) -> bool:
        """Whether it can be called: the backend does not refuse it, it is small, and its sums are exact."""
        if spec not in self._taken:
            self._taken[spec] = (
                max(spec.macs, spec.work("im2col"), math.prod(spec.x_shape)) <= self._most_work
                and data.can_be_exact(self.op, spec, self.dtype)
                and not self._refuses(spec)
            )
        return self._taken[spec]

    def bent(self, specs: Sequence[ConvSpec]) -> list[ConvSpec]:
        """Those that can be called, and the others bent until they can: each once, in this order."""
        return self._bending.bent(specs)

    def _refuses(self, spec: ConvSpec) -> bool:
        try:
            return self.caller.unsupported(self.op, spec, self.dtype) is not None
        except (Exception, SystemExit):  # whatever the question raised is the suite's matter, not that of a diagnosis
            return True

    def _ask_ahead(self, specs: Sequence[ConvSpec]) -> None:
        self.caller.ask_ahead(self.op, [spec for spec in specs if spec not in self._taken], self.dtype)

    # -- calls ----------------------------------------------------------------------------------------------------

    def run(self, spec: ConvSpec) -> Observed | None:
        """What the call showed. None if it cannot be made: refused, too large, or no time is left."""
        if spec not in self.observed and self.takes(spec) and self._has_time(spec):
            self._call([spec])
        return self.observed.get(spec)

    def run_all(self, specs: Sequence[ConvSpec]) -> None:
        """The same for many, handed over in packs."""
        self._ask_ahead(specs)
        todo = [spec for spec in dict.fromkeys(specs) if spec not in self.observed and self.takes(spec)]
        for pack in self._packs(todo):
            while pack and not self.exhausted:
                pack = pack[self._call(pack) :]  # fewer than all if the process died at one of them

    def again(self, spec: ConvSpec) -> bool:
        """Whether one more call gives what the first one gave. True if it cannot be made."""
        first = self.run(spec)
        if first is None or not self._has_time(spec):
            return True
        results = self._made([self._one(spec)])
        later = self._seen(spec, results[0]) if results else None
        return later is None or (later.digest, later.kind) == (first.digest, first.kind)

    def outcome(
        self, spec: ConvSpec, arrays: Sequence[Array | None], conditions: Conditions = PLAIN
    ) -> CallResult | None:
        """What came of a call on these arrays, which are cast to the dtype; None if it was not made."""
        with np.errstate(all="ignore"):
            given = [None if a is None else np.asarray(a).astype(self.dtype) for a in arrays]
        results = self._made([OneCall(self.op, spec, given, conditions)])
        return results[0] if results else None

    def begin_anew(self) -> bool:
        """Whether the next call is the first of a new process; never of a backend that is called in this one."""
        if isinstance(self.caller, InChild):
            self.caller.close()
            return True
        return False

    def raw(self, spec: ConvSpec, arrays: Sequence[Array | None], conditions: Conditions = PLAIN) -> Array | str:
        """The result for these arrays, or what the call raised instead."""
        one = self.outcome(spec, arrays, conditions)
        if one is None:
            return "was not run"
        if one.error or one.result is None:
            return one.error or f"returned {one.kind}"
        result: Array = one.result
        return result

    def _one(self, spec: ConvSpec) -> OneCall:
        return OneCall(self.op, spec, [None if a is None else a.astype(self.dtype) for a in self.given(spec).arrays])

    def _call(self, specs: Sequence[ConvSpec]) -> int:
        """Make these calls and keep what they showed; how many were made."""
        results = self._made([self._one(spec) for spec in specs])
        for spec, one in zip(specs, results, strict=False):
            seen = self._seen(spec, one)
            if seen is not None:
                self.observed[spec] = seen
            else:
                self._taken[spec] = False
        return len(results)

    def _made(self, calls: Sequence[OneCall]) -> list[CallResult]:
        """What came of the calls; fewer than asked for if the process died. None of what was not run."""
        if self.exhausted:
            return []
        start = time.monotonic()
        results = self.caller.each(calls) if len(calls) > 1 else [self.caller.call(*calls[0])]
        spent = time.monotonic() - start
        self.calls += len(results)
        self._used += spent
        self.exhausted |= self._used >= self._seconds
        self._learn(calls, spent)
        if any(one.died and one.error.startswith("was not run") for one in results):
            self.exhausted = True
            results = [one for one in results if not one.error.startswith("was not run")]
        return results

    def _learn(self, calls: Sequence[OneCall], spent: float) -> None:
        """How long a call takes for its work: without what even the shortest need, such as compiling each geometry."""
        self._shortest = min(self._shortest, spent / len(calls))
        work, beyond = sum(one.spec.work(self.op) for one in calls) + 1, spent - len(calls) * self._shortest
        if beyond >= _TELLING and work >= self._largest:
            self._largest, self._rate = work, beyond / work
        elif work >= self._largest // 4:  # where the machine was busy before, it is no longer
            self._rate = min(self._rate, max(beyond, 0.0) / work)

    def _has_time(self, spec: ConvSpec) -> bool:
        if self.exhausted:
            return False
        expected = max(self._rate * spec.work(self.op), self.caller.pace.predicted(self.op, spec, self.dtype))
        return expected <= min(_ONE_CALL, self._seconds - self._used)

    def _packs(self, specs: Sequence[ConvSpec]) -> Iterator[list[ConvSpec]]:
        """In order; each of several small calls, or of one that is not, as far as there is time."""
        pack: list[ConvSpec] = []
        work = 0
        for spec in specs:
            own = max(spec.work(self.op), math.prod(spec.x_shape))
            if pack and (len(pack) == _PACK or work + own > _PACKED):
                yield pack
                pack, work = [], 0
            if self._has_time(spec):
                pack.append(spec)
                work += own
        if pack:
            yield pack

    # -- what calls show ------------------------------------------------------------------------------------------

    def failing(self) -> list[Observed]:
        """Of the kind in focus, or of any; plainest geometry first."""
        wanted = [o for o in self.observed.values() if not o.ok and self.focus in (None, o.kind)]
        return sorted(wanted, key=lambda o: plainness(o.spec))

    def passing(self) -> list[Observed]:
        """Plainest geometry first."""
        return sorted((o for o in self.observed.values() if o.ok), key=lambda o: plainness(o.spec))

    def given(self, spec: ConvSpec) -> Given:
        """Whole numbers other than 0, of any sign, whose sums are exact in the dtype: the same in every run."""
        known = self._given.get(spec)
        if known is None and self._large is not None and self._large.spec == spec:
            known = self._large
        if known is None:
            arrays = data.exact(self.op, spec, self.dtype, f"diagnosis/{self.op}/{spec}")
            known = Given(self.op, spec, tuple(a.astype(np.float64) for a in arrays))
            if sum(a.size for a in arrays) <= _KEPT:
                self._given[spec] = known
            else:
                self._large = known
        return known

    def right(self, spec: ConvSpec) -> Array:
        """The right result for these."""
        known = self._right.get(spec)
        if known is None:
            known = by_taps.run(self.op, spec, *self.given(spec).arrays)
            if known.size <= _KEPT:
                self._right[spec] = known
        return known

    def right_digest(self, spec: ConvSpec) -> Digest:
        """What a right result is seen as: of what was not called by the op that models change, which has it sooner."""
        found = self._right_digests.get(spec)
        if found is None:
            known = self._right.get(spec)
            found = digest(tables.right(self.given(spec)) if known is None else known)
            self._right_digests[spec] = found
        return found

    def foretold(self, model: Model, spec: ConvSpec) -> Digest:
        """What the result would be seen as if the model's mistake were the backend's."""
        known = self._foretold.setdefault(spec, {})
        found = known.get(model)
        if found is None:
            found = known[model] = self._made_by(model, self.given(spec))
        return found

    def _made_by(self, model: Model, given: Given) -> Digest:
        try:
            with np.errstate(all="ignore"):
                made = model.gives(given)
        except (ArithmeticError, LookupError, ValueError):  # a formula that has no result here
            return _IMPOSSIBLE
        if made.flags.writeable:
            return digest(made)
        if id(made) not in self._unchanged:  # most models change nothing on most geometries
            if len(self._unchanged) == _FEW:
                self._unchanged.clear()
            self._unchanged[id(made)] = made, digest(made)
        return self._unchanged[id(made)][1]

    def differs(self, model: Model, spec: ConvSpec) -> bool:
        """Whether the mistake shows here."""
        return self.foretold(model, spec) != self.right_digest(spec)

    def _seen(self, spec: ConvSpec, one: CallResult) -> Observed | None:
        """None if nothing was: the machine had no memory left."""
        if one.starved:
            return None
        if one.error or not isinstance(one.result, np.ndarray):
            return Observed(spec, Kind.CRASH, error=_ended(one))
        if one.result.shape != spec.output_shape(self.op):
            return Observed(spec, Kind.SHAPE, digest(one.result), one.result.shape)
        right, got = self.right(spec), self._settled(spec, one.result)
        wrong = int(np.count_nonzero(got != right))
        return Observed(spec, Kind.VALUE if wrong else None, digest(got), got.shape, wrong)

    def _settled(self, spec: ConvSpec, result: Array) -> Array:
        """Where whole numbers need not come out exact: what is as near as it must be is the whole number itself.

        A wrong result too: its formula gives whole numbers, and it is compared with what formulas give.
        """
        numerics = self.caller.numerics
        if is_exact(numerics, self.op, self.dtype):
            return result
        given = [None if a is None else a.astype(self.dtype) for a in self.given(spec).arrays]
        got = settled(self.op, spec, numerics, given, result)
        largest = [float(np.abs(a).max(initial=0)) for a in given if a is not None]
        near = min(of_whole_numbers(self.op, spec, self.dtype, numerics, largest), _NEAR)
        whole: Array = np.rint(got)
        with np.errstate(invalid="ignore"):
            return np.where(np.abs(got - whole) <= near, whole, got)


def _ended(one: CallResult) -> str:
    """How a call without a result ended, as a verb and what it does."""
    if not one.error:
        return f"returns {one.kind}"
    return one.error if one.died else f"raises {one.error}"


def plainness(spec: ConvSpec) -> tuple[bool, int, int]:
    """The less, the plainer: those without an image last."""
    return spec.batch == 0, spec.macs, math.prod(spec.x_shape)
