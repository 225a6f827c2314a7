"""A backend under test for those who call it without the engine, which asks for what a case calls."""

from __future__ import annotations

from collections.abc import Iterable

from conformance.checks.under_test import BackendUnderTest
from harness.calls.caller import Caller
from harness.geometry.spec import OPS, ConvSpec, Op


def asked(
    caller: Caller, spec: ConvSpec, ops: Iterable[Op] = OPS, dtypes: Iterable[str] = ("float32", "float64")
) -> BackendUnderTest:
    """One that has answered for the ops on a geometry."""
    subject = BackendUnderTest(caller)
    subject.begin(spec)
    for op in ops:
        for dtype in dtypes:
            subject.refusal(op, spec, dtype)
    return subject
