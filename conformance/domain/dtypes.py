"""The dtypes that a backend claims."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache

from conformance.cases.specs import ALL, DISTINCT, some
from conformance.domain.part import whole
from harness.calls.caller import Caller
from harness.contract.adapter import NOT_IMPLEMENTED
from harness.contract.protocol import DTYPES
from harness.geometry.spec import OPS, ConvSpec, Op
from harness.oracle import data

FLOATS = ("float32", "float64")  # of which every backend is asked
_NO_DTYPE = "complex64"
_USUAL = (DISTINCT[0], *some("plain", "pad_symmetric", "one_pixel"))
# What code for a single dtype may be written for: multiples of 8 to 128 channels and filters, usual kernels and images.
_SPECIAL = (
    "n1c8h8w8_f8kh3kw3_pt1pb1pl1pr1", "n8c16h4w4_f16kh3kw3_pt1pb1pl1pr1", "n1c32h6w6_f32kh3kw3", "n1c64h7w7_f64kh1kw1",
    "n1c128h3w3_f128kh1kw1", "n1c16h9w9_f16kh3kw3_sh2sw2_pt1pb1pl1pr1", "n1c32h8w8_f32kh3kw3_pt1pb1pl1pr1_g32",
    "n1c16h8w8_f16kh3kw3_pt2pb2pl2pr2_dh2dw2", "n1c1h28w28_f8kh5kw5", "n1c3h32w32_f8kh3kw3_pt1pb1pl1pr1",
    "n1c8h14w14_f8kh5kw5_pt2pb2pl2pr2", "n32c8h4w4_f8kh1kw1",
)  # fmt: skip


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
    """Whether any op is not refused in the dtype, of some geometries that have little in common."""
    return any(_claims_any(caller, op, _USUAL, dtype) for op in OPS) or any(
        _claims_any(caller, op, _varied(), dtype) for op in OPS
    )


@cache
def _varied() -> list[ConvSpec]:
    return [*special(), *whole().choice.specs]


@cache
def special() -> list[ConvSpec]:
    """Geometries that code for a single dtype, or for little else, is written for."""
    return [ConvSpec.parse(text) for text in _SPECIAL]


def _claims_any(caller: Caller, op: Op, specs: Iterable[ConvSpec], dtype: str) -> bool:
    """Whether one of them is claimed. An op that is not there is asked for once."""
    specs = list(specs)
    try:
        if caller.unsupported(op, specs[0], dtype) == NOT_IMPLEMENTED:
            return False
        caller.ask_ahead(op, specs, dtype)
        return any(caller.unsupported(op, spec, dtype) is None for spec in specs)
    except (Exception, SystemExit):
        return False  # asked again for float32, where it counts


def _refuses_nothing(caller: Caller) -> bool:
    if not set(caller.native) >= set(OPS):
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
