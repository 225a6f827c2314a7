"""One process of a run that several share: it judges every n-th fault and control, and answers with each as it ends.

`jobs` starts it.
"""

from __future__ import annotations

import time

from msgspec import Struct

from conformance.parallel import answering
from conformance.parallel.answering import Broken, Tell
from conformance.power import campaign, controls
from conformance.power.records import FaultReport


class Work(Struct, frozen=True, tag_field="kind", tag=True):
    """What is asked, as in `campaign.Asked`; which part of how many, from 0. A budget of 0 has no end."""

    kinds: str
    sample: int
    seed: int
    tier: int
    budget: float
    part: int
    parts: int
    diagnose: bool = False


class Row(Struct, frozen=True, tag_field="kind", tag=True):
    """One fault, by its place among those that are meant."""

    place: int
    report: FaultReport


class Control(Struct, frozen=True, tag_field="kind", tag=True):
    """One control, and what is wrong with the verdict on it."""

    name: str
    wrong: str


Replies = Row | Control | Broken


def answer(work: Work, tell: Tell) -> None:
    """Judge the part. Ctrl-C ends it: what is finished has been told."""
    asked = campaign.Asked(work.kinds, work.sample, work.seed, work.tier, work.budget or float("inf"), work.diagnose)
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
        tell(Broken.now())


if __name__ == "__main__":
    answering.once(Work, answer)
