"""Reports of the suite with plain values, for tests that look at one field of them."""

from __future__ import annotations

from typing import Any

from conformance.run.records import BackendReport, CheckReport, FailureReport
from harness.contract.status import Status, Verdict


def a_report(backend: str = "mine", verdict: Verdict = Verdict.PASS, **changed: Any) -> BackendReport:
    """Of one backend; all of its cases passed, if not said otherwise."""
    given = changed.pop("counts", {Status.PASS: 7})
    counts = {status: given.get(status, 0) for status in Status.counted()}
    fields: dict[str, Any] = dict(
        schema=1, suite_version="2026.14", reason="", planned=7, executed=7, total=7, seconds=1.25, tier=1, seed=0,
        isolated=True, checks=[],
    )  # fmt: skip
    return BackendReport(**{**fields, **changed}, backend=backend, verdict=verdict, counts=counts)


def a_group(status: Status = Status.PASS, **changed: Any) -> CheckReport:
    """Of one check, op and dtype."""
    fields: dict[str, Any] = dict(
        id="values.exact", op="im2col", dtype="float32", planned=3, executed=3, reason="", seconds=0.5,
        diagnosis=[f"a/case: {status}"], repro="harness check mine.py --check a/case",
    )  # fmt: skip
    return CheckReport(**{**fields, **changed}, status=status)


def a_failure(**changed: Any) -> FailureReport:
    """Of one case."""
    return FailureReport(**{"status": Status.FAIL, "case": "a/case", "text": "differs", **changed})
