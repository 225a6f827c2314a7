"""Second opinions: which batches another worker runs too, chosen at random once all are done, and who is right.

One batch of every worker, and three in a hundred of all. Where two workers differ, this machine runs the batch as well.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from conformance.cluster.dispatch import Outcome
from conformance.cluster.remote import on_worker
from conformance.cluster.tasks import BatchTask, Orders
from conformance.cluster.workers import Workers
from conformance.parallel.known import PartReport
from conformance.reports import merging

_SHARE = 0.03  # of all batches
HERE = "this machine"


@dataclass(slots=True)
class Done:
    """A believed answer to a batch: by which worker."""

    task: BatchTask
    part: PartReport
    worker: str
    address: str = ""


@dataclass(frozen=True, slots=True)
class Judgement:
    """Who was wrong, if anybody; the report that stands, if any; what keeps the run from being whole."""

    stands: PartReport | None
    by: str = ""
    wrong_name: str = ""
    wrong_address: str = ""
    why: str = ""
    cut: str = ""


@dataclass(slots=True)
class SecondOpinions:
    """Which batches were compared, and of which workers."""

    orders: Orders
    workers: Workers
    say: Callable[[str], None]
    _compared: set[int] = field(default_factory=set)
    _of: set[str] = field(default_factory=set)

    def wanted(self, done: Iterable[Done]) -> list[BatchTask]:
        """The batches that are to be run again, each by another worker; none where there is only one worker."""
        trusted = {self.workers.name(address) for address in self.workers.trusted}
        open_ = [one for one in done if one.task.batch.number not in self._compared and trusted - {one.worker}]
        random.SystemRandom().shuffle(open_)
        chosen: list[Done] = []
        for one in open_:
            if one.worker not in self._of:
                self._of.add(one.worker)
                chosen.append(one)
        least = round(_SHARE * (len(open_) + len(self._compared))) - len(self._compared) - len(chosen)
        chosen += [one for one in open_ if one not in chosen][: max(least, 0)]
        self._compared.update(one.task.batch.number for one in chosen)
        return [self.orders.second(one.task, one.worker) for one in chosen]

    def judge(self, first: Done, second: PartReport, outcome: Outcome) -> Judgement:
        """What comes of two answers to one batch."""
        differ = merging.disagreements(first.part.report, second.report)
        if not differ:
            return Judgement(first.part, first.worker)
        who = f"workers {first.worker} and {outcome.worker} differ on {differ[0]}"
        self.say(f"{who}: this machine runs the batch too")
        mine = on_worker.run_batch(self.orders.order(first.task.batch)).part
        if mine is None or not mine.report.executed:
            return Judgement(None, cut=f"{who}, and this machine cannot run it")
        first_is_right = not merging.disagreements(first.part.report, mine.report)
        second_is_right = not merging.disagreements(second.report, mine.report)
        if first_is_right is second_is_right:
            return Judgement(mine, HERE, cut=f"{who}, and this machine agrees with neither")
        right, wrong = (first.part, second) if first_is_right else (second, first.part)
        name, address = (outcome.worker, outcome.address) if first_is_right else (first.worker, first.address)
        seen_once = merging.failures(wrong.report) > merging.failures(right.report)
        return Judgement(
            right,
            first.worker if first_is_right else outcome.worker,
            name,
            address,
            f"{who}, and this machine finds what the other one found",
            f"only worker {name} saw something fail: {differ[0]}" if seen_once else "",
        )
