"""Which ops of a backend are diagnosed, and in which dtypes: its own ones that fail, or that what fails is made of."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from conformance.run.records import BackendReport, CheckReport
from harness.contract import lowering, pooling
from harness.contract.status import Grade, Status
from harness.geometry.spec import OPS, Op

_REFUSED = "contract.strided_inputs"  # an exception for how inputs lie has a reason that can be found
_FLOATS = ("float32", "float64", "float16")


def sources(op: Op, native: Collection[Op]) -> tuple[Op, ...]:
    """The backend's own ops that an op is made of: itself, or what it is derived from. None of a bias gradient."""
    if op in native:
        return (op,)
    needed = pooling.NEEDS.get(op) or ((lowering.NEEDS[op],) if op in lowering.NEEDS else ())
    return tuple(one for one in needed if one in native)


def failed(report: BackendReport) -> list[CheckReport]:
    """The groups of cases that failed and count."""
    return [group for group in report.checks if group.status is Status.FAIL and not group.optional]


def failing(report: BackendReport) -> list[CheckReport]:
    """Those that a diagnosis may explain: what is wrong is more than the form of a right result."""
    return [group for group in failed(report) if group.grade is not Grade.FORM or group.id == _REFUSED]


def suspects(groups: Iterable[CheckReport], native: Collection[Op]) -> dict[Op, list[str]]:
    """The ops to diagnose for these groups of cases, im2col and col2im first; each with its dtypes, floats first.

    Pooling has no models of mistakes, so a backend's own is not diagnosed.
    """
    found: dict[Op, list[str]] = {}
    for group in groups:
        for op in sources(group.op, native):
            found.setdefault(op, []).append(group.dtype)
    return {op: _floats_first(found[op]) for op in OPS if op in found}


def _floats_first(dtypes: Iterable[str]) -> list[str]:
    once = list(dict.fromkeys(dtypes))
    return [*(dtype for dtype in _FLOATS if dtype in once), *(dtype for dtype in once if dtype not in _FLOATS)]
