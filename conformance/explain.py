"""Explains one failed case: the pattern of what is wrong in words and as a picture, who else disagrees, and a script."""

from __future__ import annotations

from dataclasses import dataclass, field

from conformance import pattern, script
from conformance.outcome import Planned
from conformance.subject import Call


@dataclass(frozen=True, slots=True)
class Explanation:
    """Words, rows of '.' and '#', a sentence about other libraries, and a script; each may be empty."""

    pattern: str = ""
    picture: list[str] = field(default_factory=list)
    witnesses: str = ""
    script: str = ""


def explain(planned: Planned, target: str) -> Explanation:
    """What can be said of the calls that the case made; nothing if none were kept."""
    if not planned.calls:
        return Explanation()
    text = script.standalone(planned.calls, str(planned.case), planned.detail, target)
    found = _first_wrong(planned.calls)
    if found is None:
        return Explanation(script=text)
    call, mask = found
    words = "; ".join(said for said in (pattern.describe(call.op, call.spec, mask), pattern.likely(call)) if said)
    return Explanation(words, pattern.picture(call.op, call.spec, mask), "", text)


def _first_wrong(calls: list[Call]):  # type: ignore[no-untyped-def]
    for call in calls:
        mask = pattern.wrong(call)
        if mask is not None:
            return call, mask
    return None
