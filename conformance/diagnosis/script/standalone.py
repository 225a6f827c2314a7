"""A failed case as a script of at most twenty lines, which needs NumPy and the backend only and fails by itself."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import numpy as np

from conformance.checks.outcomes import RecordedCall
from conformance.diagnosis.script.faults import proofs
from conformance.diagnosis.script.preparation import conditions, loading, setting
from harness.contract.protocol import Numerics
from harness.contract.targets import Target

_MOST_LINES = 20
_MOST_CHARACTERS = 190
_MOST_BYTES = 4_000_000


def standalone(
    calls: Sequence[RecordedCall],
    case_id: str,
    text: str,
    target: Target,
    numerics: Numerics = "gemm",
    takes_bias: bool = True,
    mistake: str = "",
) -> str:
    """The script, or "" where the calls show no fault that a script could repeat.

    Its first line is the mistake, where that is known; it prints what it compares.

    A file is found relative to where the script is run.
    """
    backend = loading(target)
    if not backend or any(a is not None and type(a) is not np.ndarray for call in calls for a in call.arrays):
        return ""
    said = [*([mistake] if mistake else []), case_id, text]
    title = [f"# {' '.join(part.split())}"[:_MOST_CHARACTERS] for part in said]
    threads = next((call.conditions.threads for call in reversed(calls) if call.conditions.threads), 0)
    for made, proof in proofs(calls, case_id, numerics):
        every = itertools.product((False, True), (conditions(threads), conditions(threads)[:-1]))
        for joined, first in every:
            lines = [*title, *first, *setting(made, backend, joined, takes_bias), *proof.making, *proof.holding]
            if len(lines) <= _MOST_LINES and sum(map(len, lines)) <= _MOST_BYTES:
                return "\n".join(lines) + "\n"
    return ""
