"""Explains one failed case: the pattern of what is wrong in words and as a picture, and a script that shows it."""

from __future__ import annotations

from dataclasses import dataclass, field

from conformance import pattern, script
from conformance.outcome import Planned


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
    text = script.standalone(planned.calls, str(planned.case), planned.detail, target, planned.numerics)
    for call in planned.calls:
        mask = pattern.wrong(call, planned.numerics)
        if mask is not None:
            said = (pattern.describe(call.op, call.spec, mask), pattern.likely(call, planned.numerics))
            rows = pattern.picture(call.op, call.spec, mask)
            return Explanation("; ".join(word for word in said if word), rows, "", text)
    return Explanation(script=text)
