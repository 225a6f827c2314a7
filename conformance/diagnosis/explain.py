"""Explains one failed case: the pattern of what is wrong in words and as a picture, and a script that shows it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from conformance.checks.under_test import RecordedCall
from conformance.diagnosis import pattern, script, witnesses
from conformance.run.results import CaseResult
from harness.contract.targets import Target


@dataclass(frozen=True, slots=True)
class Explanation:
    """Words, rows of '.' and '#', a sentence about other libraries, and a script; each may be empty."""

    pattern: str = ""
    picture: list[str] = field(default_factory=list)
    witnesses: str = ""
    script: str = ""


def explain(planned: CaseResult, target: Target, libraries: Sequence[str] = ()) -> Explanation:
    """What can be said of the calls that the case made; nothing if none were kept. `libraries` are asked for a vote."""
    if not planned.calls:
        return Explanation()
    text = script.standalone(planned.calls, str(planned.case), planned.detail, target, planned.numerics)
    for call in planned.calls:
        mask = pattern.wrong(call, planned.numerics)
        if mask is not None:
            said = (pattern.describe(call.op, call.spec, mask), pattern.likely(call, planned.numerics))
            rows = pattern.picture(call.op, call.spec, mask)
            return Explanation("; ".join(word for word in said if word), rows, _voted(call, libraries), text)
    return Explanation(script=text)


def _voted(call: RecordedCall, libraries: Sequence[str]) -> str:
    """Who is the odd one out; nothing to be said on real-valued data, where all differ a little."""
    whole = all(a is None or np.array_equal(a, np.rint(a)) for a in call.arrays)
    if not libraries or not whole:
        return ""
    return witnesses.odd_one_out(witnesses.vote(call.op, call.spec, call.arrays, call.reply.result, libraries))
