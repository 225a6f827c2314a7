"""One process of a run that several share: it judges every n-th fault and control, and answers with each as it ends.

`jobs` starts it.
"""

from __future__ import annotations

import os
import signal
import time
import traceback
from collections.abc import Callable

from msgspec import Struct

from conformance.power import campaign, controls
from conformance.power.records import FaultReport
from harness.calls import pipe
from harness.calls.serving import take_over
from harness.contract import own_packages


class Work(Struct, frozen=True, tag_field="kind", tag=True):
    """What is asked, as in `campaign.Asked`; which part of how many, from 0. A budget of 0 has no end."""

    kinds: str
    sample: int
    seed: int
    tier: int
    budget: float
    part: int
    parts: int


class Row(Struct, frozen=True, tag_field="kind", tag=True):
    """One fault, by its place among those that are meant."""

    place: int
    report: FaultReport


class Control(Struct, frozen=True, tag_field="kind", tag=True):
    """One control, and what is wrong with the verdict on it."""

    name: str
    wrong: str


class Broken(Struct, frozen=True, tag_field="kind", tag=True):
    """The harness itself failed."""

    traceback: str


Replies = Row | Control | Broken


def answer(work: Work, tell: Callable[[Struct], None]) -> None:
    """Judge the part. Ctrl-C ends it: what is finished has been told."""
    asked = campaign.Asked(work.kinds, work.sample, work.seed, work.tier, work.budget or float("inf"))
    mine, start = slice(work.part, None, work.parts), time.monotonic()
    try:
        faults = campaign.chosen(asked)
        places = range(len(faults))[mine]
        for place, report in zip(places, campaign.judged((faults[p] for p in places), asked, start), strict=False):
            tell(Row(place, report))
        for control, wrong in campaign.judged_controls(controls.CONTROLS[work.part :: work.parts], asked, start):
            tell(Control(control.name, wrong))
    except KeyboardInterrupt:
        return
    except Exception:
        tell(Broken(traceback.format_exc().encode("utf-8", "backslashreplace").decode()))


def main() -> None:
    """Answer the parent's one request."""
    own_packages.come_first()
    given, reply = take_over()
    signal.signal(signal.SIGINT, _once)
    request = pipe.read(given, Work)
    if request is not None:
        answer(request[0], reply)
        reply(pipe.Done())
    os._exit(0)  # whatever threads a fault has left behind


def _once(*of_signal: object) -> None:
    """A second Ctrl-C must not come between; the parent can end this process at any time."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    raise KeyboardInterrupt


if __name__ == "__main__":
    main()
