"""The numbers, against the oracle and against what others publish: `values.exact`, `values.real`, `values.golden`."""

from __future__ import annotations

import numpy as np

from conformance.cases.case import Case
from conformance.cases.data import case_data
from conformance.cases.data.golden import EXAMPLES
from conformance.cases.specs import ALL, DISTINCT, some
from conformance.checks.outcomes import Failed, Mistrusted
from conformance.checks.registration import Variant, asks
from conformance.checks.under_test import BackendUnderTest
from harness.geometry.spec import ConvSpec, Op
from harness.oracle.comparing import mismatch, share_used

_LONG_SUMS = some("many_channels", "width_33", "batch_of_7")


def _with_and_without_bias(op: Op) -> list[Variant]:
    return [Variant(), Variant(bias=False)] if op == "conv2d" else [Variant()]


_WITH_IMAGES = [spec for spec in ALL.values() if spec.batch]  # without any, it is a matter of form


@asks("values.exact", _WITH_IMAGES, variants=_with_and_without_bias)
def exact(subject: BackendUnderTest, case: Case) -> None:
    """Whole-number data: equal to the oracle in every element, whatever the order of summation."""
    expected = case_data.exact_expected(case)
    got = subject.run(case.op, case.spec, *case_data.exact_inputs(case))
    if case.spec.batch and not expected.any():  # the gradient of an empty batch is zero by definition
        raise Mistrusted("the expected result is zero everywhere, any result of zeros would pass")
    difference = mismatch(got, expected)
    if difference:
        raise Failed(str(difference))


@asks("values.real", [*DISTINCT, *_LONG_SUMS], kinds="f", variants=_with_and_without_bias)
def real(subject: BackendUnderTest, case: Case) -> None:
    """Real-valued data: within gamma(c*k, u) * S + u * |exact| of the oracle, element by element."""
    expected, allowed = case_data.real_expected(case, subject.backend.numerics)
    got = subject.run(case.op, case.spec, *case_data.real_inputs(case))
    subject.used = share_used(got, expected, allowed)
    difference = mismatch(got, expected, allowed)
    if difference:
        raise Failed(str(difference))


def _golden_specs(op: Op) -> list[ConvSpec]:
    return [example.spec for example in EXAMPLES if example.op == op]


@asks("values.golden", _golden_specs, fits=lambda op, spec: spec in _golden_specs(op))
def golden(subject: BackendUnderTest, case: Case) -> None:
    """Numbers printed in public articles, typed in by hand."""
    for example in EXAMPLES:
        if (example.op, example.spec) == (case.op, case.spec):
            arrays = [np.array(a, dtype=case.dtype) for a in example.inputs]
            difference = mismatch(
                subject.run(case.op, case.spec, *arrays), np.array(example.expected, dtype=np.float64)
            )
            if difference:
                raise Failed(f"{difference} ({example.origin})")
