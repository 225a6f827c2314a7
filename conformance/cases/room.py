"""Whether this machine has the memory that a case needs: asked before any of its arrays is made."""

from __future__ import annotations

from conformance.cases import full_size
from conformance.cases.case import Case
from harness.calls.limits import memory


def shortage(case: Case) -> str:
    """Why there is not enough, in words; nothing if there is.

    At full size the expected result is never made as a whole.
    """
    if case.check in (full_size.LAYER, full_size.LARGE_INDEX):
        return memory.shortage(full_size.bytes_needed(case))
    return memory.shortage(memory.judged(case.op, case.spec, case.dtype))
