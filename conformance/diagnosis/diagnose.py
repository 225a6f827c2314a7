"""The diagnosis of one op: an experiment, and what it shows as causes."""

from __future__ import annotations

from conformance.diagnosis.cause import Cause
from harness.calls.caller import Caller
from harness.geometry.spec import Op


def diagnose(caller: Caller, op: Op, dtype: str, *, seconds: float = 5.0) -> list[Cause]:
    """Nothing is known."""
    return []
