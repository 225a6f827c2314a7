"""Causes with plain values, and a diagnosis that answers as it is told."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from conformance.diagnosis.cause import Cause
from conformance.run.records import CauseReport
from harness.calls.caller import Caller
from harness.geometry.spec import ConvSpec, Op

Diagnose = Callable[..., list[Cause]]


def a_cause(op: Op = "im2col", **changed: Any) -> Cause:
    """A named mistake of one op in float32."""
    fields: dict[str, Any] = dict(
        dtype="float32", kind="name", id="index/stride ignored/both", says=f"Your {op} ignores the stride.",
        why="All 37 geometries with a stride > 1 fail exactly so, all 65 others pass.",
        mend="Multiply the window's number by the stride.", seen="", failing=37, passing=65, calls=102,
        plainest=ConvSpec.parse("n1c1h3w3_f1kh1kw1_sh2sw2"),
    )  # fmt: skip
    return Cause(op=op, **{**fields, **changed})


def a_cause_report(**changed: Any) -> CauseReport:
    """The same as it is published."""
    cause = a_cause()
    fields: dict[str, Any] = dict(
        op=cause.op, dtypes=["float32"], kind=cause.kind, id=cause.id, says=cause.says, why=cause.why, mend=cause.mend,
        plainest=str(cause.plainest), explains=["values.exact/im2col/float32"],
    )  # fmt: skip
    return CauseReport(**{**fields, **changed})


def answering(*causes: Cause, asked: list[tuple[Op, str]] | None = None) -> Diagnose:
    """A diagnosis that knows these; what it is asked is noted."""

    def diagnose(caller: Caller, op: Op, dtype: str, *, seconds: float) -> list[Cause]:
        if asked is not None:
            asked.append((op, dtype))
        return [cause for cause in causes if (cause.op, cause.dtype) == (op, dtype)]

    return diagnose
