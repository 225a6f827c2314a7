"""What is done about a batch whose worker, or whose process there, has ended: run it elsewhere, find the case, go on.

The second time every case is announced before it runs. The one that was announced last is then run alone; if that ends
a worker too, it has ended two, is not run any more, and has failed.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from conformance.cases.case import Case
from conformance.cases.selection import Selection
from conformance.cluster.batches import Batch, Expected

_MOST = 8  # workers that one batch may end before it is given up


@dataclass(slots=True, eq=False)
class History:
    """What has happened to one batch: names of workers that ended with it, and how it is run next."""

    ended: list[str] = field(default_factory=list)
    is_careful: bool = False  # every case is announced
    given_up: str = ""


@dataclass(frozen=True, slots=True)
class Next:
    """How it goes on: the batch again, a case of it alone, smaller batches of it, or not at all."""

    again: bool = False
    alone: Selection | None = None
    suspect: str = ""
    parts: tuple[tuple[Selection, Expected], ...] = ()


def after_death(batch: Batch, history: History, worker: str, announced: str) -> Next:
    """What follows. `announced`: the case that was to run when the worker ended; empty if that is not known."""
    history.ended.append(worker)
    if len(history.ended) >= _MOST:
        history.given_up = f"a batch was given up: {_MOST} workers ended while they ran it"
        return Next()
    if announced:
        return Next(alone=only(batch.selection, announced), suspect=announced)
    parts = () if batch.expected.is_small or len(history.ended) == 1 else tuple(batch.split())
    if parts:
        return Next(parts=parts)
    history.is_careful = batch.expected.is_small
    return Next(again=True)


def only(selection: Selection, case_id: str) -> Selection:
    """The same selection, of one case."""
    return replace(selection, cases=[Case.parse(case_id)], pattern="")


def verdict(workers: Iterable[str]) -> str:
    """What is said of a case that has ended the processes that ran it."""
    named = " and ".join(dict.fromkeys(workers))
    return f"it ended the process that ran it each time, on {named}: it is not run any more"
