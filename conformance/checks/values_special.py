"""`values.special`: numbers on which shortcuts depend, in each argument in turn."""

from __future__ import annotations

import numpy as np

from conformance.cases.case import Case
from conformance.cases.data import case_data, special_data
from conformance.cases.specs import DISTINCT, some
from conformance.checks.outcomes import Failed
from conformance.checks.registration import asks
from conformance.checks.under_test import BackendUnderTest
from harness.calls.caller import OneCall
from harness.oracle.comparing import mismatch, mixes, truncates


@asks("values.special", [DISTINCT[1], *some("plain")])
def special(subject: BackendUnderTest, case: Case) -> None:
    """Zeros, signs, equal and sorted values, negative zeros, magnitudes up to the largest and down to subnormal."""
    numerics = subject.backend.numerics
    loses = mixes(numerics, case.op) or truncates(numerics, case.op, case.dtype)
    keeps = subject.backend.subnormals == "kept" and not loses
    asked = list(special_data.specials(case, keeps))
    results = subject.each([OneCall(case.op, case.spec, one.arrays) for one in asked])
    for one, got in zip(asked, results, strict=True):
        allowed = case_data.bound(case, numerics, one.arrays, one.expected.astype(np.longdouble))
        difference = mismatch(got, one.expected, allowed)
        if difference:
            raise Failed(f"{one.name}: {difference}")
