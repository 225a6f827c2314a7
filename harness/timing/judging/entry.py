"""One backend in a group, as its parent sees it: what it was asked, what its blocks took, what of it is believed."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from harness.contract.protocol import Array
from harness.oracle.gate import Judge, WrongForm
from harness.results.words import duration
from harness.timing import clock
from harness.timing.calling import messages as m
from harness.timing.judging.children import BackendRaised, Child, wall
from harness.timing.judging.inputs import Changes, InputSets

_LOOKS = 8  # elements of a random result of every block that are judged
_SHARE = 0.1  # of the measured time: as much goes into judging whole results, beside the first and the last
_DEAR = 0.25  # of all the time that is to be measured: whole results that take longer to judge wait for the end
_RENEWED = 3  # sets of a device that are made anew before a block
# What a process may have used of a processor, by the kernel's count, more than its own clock says that calls took: for
# the message, between calls, and a fifth. A busy machine makes it wait, which its own clock may not see, but not work.
_FREE, _BETWEEN, _LONGER = 2e-3, 1e-5, 0.2
_PATIENT_FREE, _PATIENT_LONGER = 5e-2, 3.0  # the same of our own clock, which sees it wait
_BETWEEN_OF_DEVICE = 2e-3
_A_MOMENT = 5e-5  # seconds: conversions that are as short hide nothing
_COPIES = 20  # times what a copy takes: that long a conversion may take
_SUBSTANTIAL = 0.25  # of a call's time: conversions that take less hide little


class Disbelieved(Exception):
    """Its time is not that of its calls; the text says how that shows."""


@dataclass(slots=True)
class Entry:
    """A backend that is right on the shape, and is to be timed."""

    name: str
    child: Child
    judge: Judge
    truth: InputSets  # what the child holds
    initial: InputSets  # what it was given
    facts: dict[str, Any]  # of its cell
    own: m.Own
    estimated: float = 0.0
    calls: int = 1
    rounds: int = 0
    samples: list[float] = field(default_factory=list)
    turn: int = 0
    blocks_seconds: float = 0.0  # by our clock
    warm_up_seconds: float = 0.0  # by that of its process
    cpu_seconds: float | None = 0.0
    threads: int = 1
    _excess: list[tuple[float, float, float]] = field(default_factory=list)  # of each block, with what either says
    _cold: list[tuple[float, float]] = field(default_factory=list)  # of each cold call: the excess, and its time
    _judging: float = 0.0
    _cost: float = 0.0  # of judging a whole result
    _renewed: set[int] = field(default_factory=set)

    def plan(self, estimated: float, rounds: int, budget: float) -> None:
        """How many calls are a block, and how many blocks there are."""
        self.estimated = estimated
        self.calls = clock.repetitions(estimated, self.own.by_device)
        self.rounds = clock.rounds_within(estimated, self.calls, rounds, budget)

    def block(self, number: int, others: int = 0) -> None:
        """One block in its turn, and the judgement of one of its results.

        With `others` it is one cold call, after so many bytes of other data have gone through the caches. Raises
        `WrongResult`, `BackendRaised` and `WorkerDied`.
        """
        child, name, calls = self.child, self.name, 1 if others else self.calls
        warm = not others and clock.is_warmed_up(self.estimated)
        with child.turn():
            negated, changes = self.truth.changed()
            first = self.turn + (1 if warm else 0)
            renewed = self._to_renew(first)
            ready = m.MakeReady(name, self.turn, negated, renewed, warm)
            warming, _ = child.ask(ready, m.Estimate, arrays=changes)
            of_calls = self.truth.unchanged(first) if others else self.truth.of_calls(first, calls)
            block = m.Block(name, first, calls, 0 if self.own.by_device else _LOOKS)
            if others:
                child.tell(m.PassOthers(others))
            before = child.processes.cpu()
            try:
                (timed, seen), took = wall(lambda: child.ask(block, m.Timed, arrays=of_calls[1:]))
            except BackendRaised:
                self._follow(of_calls, 0)
                raise
            after = child.processes.cpu()
            is_whole = self._wants_whole(number) or self._saw_nothing(seen)
            start = clock.now()
            kept, result = self._settled(is_whole)
            fetching = clock.now() - start
        self.turn = first + calls + random.randrange(self.own.sets)  # or blocks of one call would skip sets
        self.warm_up_seconds += warming.seconds
        used = None if before is None or after is None else after - before
        if others:
            self._cold.append((self._beyond(timed, 1, took, used), max(timed.seconds, 1e-12)))
        else:
            self._count(timed, took, used)
        start = clock.now()
        self._judge(timed, of_calls, seen, first, renewed, kept, result)
        if is_whole:
            self._cost = fetching + clock.now() - start
            self._judging += self._cost

    def require_agreement(self) -> None:
        """Raises `Disbelieved` if ours, or the kernel's, has always said otherwise than that of its process."""
        excess, says, ours = min(self._excess, default=(0.0, 0.0, 0.0))
        if excess > 0:
            raise Disbelieved(f"its process says {duration(says)} a call, our clock says {duration(ours)}")

    def require_plain_conversions(self, to_numpy: float, result: Array) -> None:
        """Raises `Disbelieved` if conversions take so long that they must do more."""
        call = self.estimated - (0.0 if self.own.by_device else to_numpy)
        self._require_plain("to_numpy", "is left to it", to_numpy, call, [result])
        self._require_plain("from_numpy", "is put into it", self.own.seconds, call, list(self.truth.sets[0]))

    @property
    def cpu_ratio(self) -> float | None:
        """How many processors its blocks kept busy."""
        if self.cpu_seconds is None or not self.blocks_seconds:
            return None
        return round(self.cpu_seconds / self.blocks_seconds, 3)

    @property
    def cold(self) -> list[float]:
        """Times of the cold calls; none, if of every one of them ours, or the kernel's, has said otherwise."""
        return [] if min(self._cold, default=(1.0, 0.0))[0] > 0 else [took for _, took in self._cold]

    def weigh(self, cost: float) -> None:
        """What it has cost to judge a whole result, before the first block."""
        self._cost = cost

    def _require_plain(self, name: str, how: str, took: float, call: float, arrays: list[Array]) -> None:
        if took <= max(_A_MOMENT, _SUBSTANTIAL * call):
            return
        copying = copying_seconds(arrays)
        if took > _COPIES * copying:
            raise Disbelieved(f"{name} takes {duration(took)} where a copy takes {duration(copying)}: work {how}")

    def _to_renew(self, first: int) -> list[int]:
        """Of a device: a few of the sets that come next, which are to have the newest values."""
        if not self.own.by_device or not self.samples:  # the first block is on what was given
            return []
        coming = {(first + number) % self.own.sets for number in range(self.calls)}
        chosen = random.sample(sorted(coming), min(_RENEWED, len(coming)))
        self._renewed |= set(chosen)
        return chosen

    def _wants_whole(self, number: int) -> bool:
        """Whether the whole result is judged: random ones, the first and the last, as far as there is time for it."""
        to_measure = self.estimated * self.calls * self.rounds
        if self.own.by_device or number in (0, self.rounds - 1):
            return self._cost <= _DEAR * to_measure
        return self._judging + self._cost <= _SHARE * self.blocks_seconds and random.random() < 0.5

    def _saw_nothing(self, seen: list[Array]) -> bool:
        size = int(np.prod(self.judge.spec.output_shape(self.judge.op)))
        return not self.own.by_device and (len(seen) != 2 or len(seen[0]) != (_LOOKS if size else 0))

    def _settled(self, is_whole: bool) -> tuple[str, Any]:
        """The kept result, if it is wanted, and the name of its type."""
        if not is_whole:
            self.child.tell(m.Settle(self.name, wanted=False))
            return "", None
        kept, arrays = self.child.ask(m.Settle(self.name, wanted=True), m.Kept)
        return kept.result, arrays[0] if arrays else None

    def _count(self, timed: m.Timed, took: float, used: float | None) -> None:
        self.samples.append(max(timed.seconds / self.calls, 1e-12))
        self.blocks_seconds += took
        if self.cpu_seconds is not None:
            self.cpu_seconds = None if used is None else self.cpu_seconds + used
        excess = self._beyond(timed, self.calls, took, used)
        self._excess.append((excess, timed.seconds / self.calls, took / self.calls))

    def _beyond(self, timed: m.Timed, calls: int, took: float, used: float | None) -> float:
        """How much longer our clock, or the kernel's, says that calls took than their process does and may."""
        between = calls * (_BETWEEN_OF_DEVICE if self.own.by_device else _BETWEEN)
        between += 0.0 if self.own.shares or self.own.by_device else calls * 3 * self.own.seconds
        excess = took - between - _PATIENT_FREE - (1 + _PATIENT_LONGER) * timed.seconds
        if used is not None and not self.own.by_device:  # who waits for a device may do so by asking it all the time
            allowed = between + _FREE + (1 + _LONGER) * timed.seconds
            busy = used - allowed - (1 + _LONGER) * (self.threads - 1) * timed.seconds
            excess = max(excess, min(busy, took - allowed))
        return excess

    def _judge(
        self,
        timed: m.Timed,
        of_calls: Changes,
        seen: list[Array],
        first: int,
        renewed: list[int],
        kind: str,
        result: Any,
    ) -> None:
        """The result that was kept, on the values that its inputs had then; afterwards all changes are made."""
        until, calls = timed.kept + 1, len(of_calls.sets)
        if not 0 < until <= calls:
            self._follow(of_calls, 0)
            raise WrongForm(f"returned another result than one of {calls} calls")
        if self.own.by_device:
            arrays = self._of_device((first + timed.kept) % self.own.sets, renewed)
        else:
            self.truth.apply(of_calls, 0, until)
            arrays = self.truth.sets[(first + timed.kept) % len(self.truth.sets)]
        try:
            if kind and result is None:
                raise WrongForm(f"returned {kind}, not an array")
            if result is not None and arrays is not None:
                self.judge.require_sums(self.judge.require_form(result), arrays)
            if not self.own.by_device and arrays is not None:
                self._require_spots(seen, arrays)
        finally:
            self._follow(of_calls, until)

    def _follow(self, of_calls: Changes, first: int) -> None:
        """Make the changes of the calls from that one on, as the child has."""
        if not self.own.by_device:
            self.truth.apply(of_calls, first, len(of_calls.sets))

    def _require_spots(self, seen: list[Array], arrays: tuple[Array, ...]) -> None:
        size = int(np.prod(self.judge.spec.output_shape(self.judge.op)))
        if self._saw_nothing(seen) or any(not 0 <= place < size for place in seen[0].tolist()):
            raise WrongForm("returned an array of another size")
        if size and seen[1].dtype != self.judge.dtype:
            raise WrongForm(f"returned {seen[1].dtype}, expected {self.judge.dtype}")
        self.judge.require_spots(seen[0], seen[1], arrays)

    def _of_device(self, number: int, renewed: list[int]) -> tuple[Array, ...] | None:
        """The values of a set of a device: the newest, or those that were given; None if they are neither."""
        which = number % len(self.truth.sets)
        if number in renewed:
            return self.truth.sets[which]
        return None if number in self._renewed else self.initial.sets[which]


def copying_seconds(arrays: list[Array]) -> float:
    """What plain copies of arrays take here, at best."""
    return min(clock.seconds(lambda: [a.copy() for a in arrays]) for _ in range(3))
