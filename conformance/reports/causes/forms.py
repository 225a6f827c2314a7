"""Results in another dtype than they were asked for in: a cause that needs no experiment, as every check says it."""

from __future__ import annotations

import re
from collections.abc import Collection

from conformance.cases.case import Case
from conformance.run.records import BackendReport, CauseReport, FailureReport
from harness.contract.status import Status
from harness.geometry.spec import ALL_OPS, Op

FORM = "form"  # the kind of these causes
_SAID = re.compile(r"^(\w+) returned dtype (\S+) for (\S+) input")
_MEND = (
    "Make the result in the dtype of the input, as in `np.zeros(shape, x.dtype)`, or return `result.astype(x.dtype)`."
)


def other_dtypes(report: BackendReport, native: Collection[Op]) -> list[CauseReport]:
    """Of each of the backend's own ops that gives other dtypes: which, and for which."""
    found: dict[Op, dict[str, tuple[str, FailureReport]]] = {}
    for group in report.checks:
        for failure in group.failures if group.status is Status.FAIL and not group.optional else ():
            said = _SAID.match(failure.text)
            if said and group.op in native and said[1] == group.op and said[3] == group.dtype:
                found.setdefault(group.op, {}).setdefault(group.dtype, (said[2], failure))
    return [_cause(op, found[op]) for op in ALL_OPS if op in found]


def _cause(op: Op, given: dict[str, tuple[str, FailureReport]]) -> CauseReport:
    returned = {dtype: name for dtype, (name, _) in given.items()}
    told = " and ".join(f"{name} for {dtype} input" for dtype, name in returned.items())
    failures = [failure for _, failure in given.values()]
    plainest = min(failures, key=lambda one: Case.parse(one.case).spec.macs)
    return CauseReport(
        op=op, dtypes=list(given), kind=FORM, id="form/dtype", says=f"Your {op} returns {told}.",
        why="The dtype of the result is compared with that of the input.", mend=_MEND,
        plainest=str(Case.parse(plainest.case).spec), failure=plainest,
    )  # fmt: skip
