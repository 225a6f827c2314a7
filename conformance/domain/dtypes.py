"""The dtypes that a backend claims."""

from __future__ import annotations

from conformance.cases.specs import ALL, DISTINCT, some
from harness.calls.caller import Caller
from harness.contract.protocol import DTYPES
from harness.geometry.spec import OPS, Op
from harness.oracle import data

FLOATS = ("float32", "float64")  # of which every backend is asked
_ASKED = (DISTINCT[0], *some("plain", "pad_symmetric", "one_pixel"))
_NO_DTYPE = "complex64"


def claimed_dtypes(caller: Caller) -> list[str]:
    """float32 and float64, which every backend is asked for, and whatever else it claims.

    Who claims what is no dtype of the contract as well does not look at dtypes, and claims those two. But who has all
    six ops and refuses nothing whatever says that it does everything: then also those in which it gives results.
    """
    if not claims(caller, _NO_DTYPE):
        more = [dtype for dtype in DTYPES if claims(caller, dtype)]
    elif _refuses_nothing(caller):
        more = [dtype for dtype in DTYPES if dtype in FLOATS or all(_gives(caller, op, dtype) for op in OPS)]
    else:
        more = []
    return [dtype for dtype in DTYPES if dtype in FLOATS or dtype in more]


def claims(caller: Caller, dtype: str) -> bool:
    """Whether any op is not refused in the dtype, of a few geometries."""
    try:
        return any(caller.unsupported(op, spec, dtype) is None for op in OPS for spec in _ASKED)
    except (Exception, SystemExit):
        return False  # asked again for float32, where it counts


def _refuses_nothing(caller: Caller) -> bool:
    if set(caller.native) != set(OPS):
        return False
    try:
        for op in OPS:
            caller.ask_ahead(op, list(ALL.values()), _NO_DTYPE)
        return all(caller.unsupported(op, spec, _NO_DTYPE) is None for op in OPS for spec in ALL.values())
    except (Exception, SystemExit):
        return False


def _gives(caller: Caller, op: Op, dtype: str) -> bool:
    """Whether a call gives an array of the dtype: one that raises has not thought of it, and claims it by mistake."""
    spec = DISTINCT[0]
    outcome = caller.call(op, spec, data.exact(op, spec, dtype, "claimed"))
    return not outcome.error and outcome.result is not None and str(outcome.result.dtype) == dtype
