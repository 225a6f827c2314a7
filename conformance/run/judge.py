"""Runs one case and says what became of it."""

from __future__ import annotations

import time

import numpy as np

from conformance.checks.registration import check_of
from conformance.checks.under_test import BackendUnderTest, Failed, Mistrusted, NotRun, Refused
from conformance.run.outcome import CaseResult, Status


def judge(subject: BackendUnderTest, planned: CaseResult) -> None:
    """Run one case. NumPy's floating-point warnings are silent: non-finite data is on purpose."""
    subject.begin()
    start = time.monotonic()
    with np.errstate(all="ignore"):
        planned.status, planned.detail = _verdict(subject, planned)
    planned.numerics = subject.backend.numerics
    planned.seconds, planned.used = time.monotonic() - start, subject.used
    if planned.expected:
        known: dict[Status, Status] = {"fail": "xfail", "pass": "xpass"}
        planned.status = known.get(planned.status, planned.status)


def _verdict(subject: BackendUnderTest, planned: CaseResult) -> tuple[Status, str]:
    try:
        check_of(planned.case).run(subject, planned.case)
    except Failed as failure:
        return "fail", str(failure)
    except Mistrusted as doubt:
        return "mistrusted", str(doubt)
    except Refused as refusal:
        return "unsupported", str(refusal)
    except NotRun as reason:
        return "not_run", str(reason)
    return "pass", ""
