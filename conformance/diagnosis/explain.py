"""Why one case failed: where its result is wrong, which mistake gives just that, and a script that shows it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from conformance.checks.outcomes import RecordedCall
from conformance.diagnosis import mistakes, vote, where
from conformance.diagnosis.script.standalone import standalone
from conformance.run.results import CaseResult
from harness.contract.targets import Target
from harness.geometry.spec import POOL_OPS


@dataclass(frozen=True, slots=True)
class Explanation:
    """Words, rows of '.' and '#', a sentence about other libraries, a script, and a kind; each may be empty.

    `look` is the kind: "exception" (also of a process that ended), "shape" or "numbers".
    """

    pattern: str = ""
    picture: list[str] = field(default_factory=list)
    witnesses: str = ""
    script: str = ""
    look: str = ""


def explain(failed: CaseResult, target: Target, libraries: Sequence[str] = (), mistake: str = "") -> Explanation:
    """What can be said of the calls that the case made; nothing if none were kept. `libraries` are asked for a vote.

    The script begins with the `mistake`, if it is known.
    """
    if not failed.calls:
        return Explanation()
    text = ""
    if failed.native.issuperset({call.op for call in failed.calls}.intersection(POOL_OPS)):
        # Of pooling that we derive there is no script: what is wrong is the im2col or col2im, which has its own.
        case_id, takes_bias = str(failed.case), failed.takes_bias
        text = standalone(failed.calls, case_id, failed.detail, target, failed.numerics, takes_bias, mistake)
    for call in failed.calls:
        mask = where.wrong(call, failed.numerics)
        if mask is not None:
            said = (where.describe(call.op, call.spec, mask), mistakes.likely(call, failed.numerics))
            rows = where.picture(call.op, call.spec, mask)
            pattern = "; ".join(word for word in said if word)
            return Explanation(pattern, rows, _voted(call, libraries), text, "numbers")
    return Explanation(script=text, look=_look(failed.calls))


def _look(calls: Sequence[RecordedCall]) -> str:
    """Of calls without wrong numbers: whether one gave nothing, or another shape."""
    valid = [call for call in calls if call.is_valid]
    if any(call.outcome.error for call in valid):
        return "exception"
    results = [(call.outcome.result, call.spec.output_shape(call.op)) for call in valid]
    return "shape" if any(got is not None and got.shape != shape for got, shape in results) else ""


def _voted(call: RecordedCall, libraries: Sequence[str]) -> str:
    """Who is the odd one out; nothing to be said on real-valued data, where all differ a little."""
    whole = all(a is None or np.array_equal(a, np.rint(a)) for a in call.arrays)
    if not libraries or not whole or call.op in POOL_OPS:  # which no library is asked for
        return ""
    return vote.odd_one_out(vote.cast_votes(call.op, call.spec, call.arrays, call.outcome.result, libraries))
