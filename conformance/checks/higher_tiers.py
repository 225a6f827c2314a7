"""Questions of tiers 2 to 4: `values.grid`, `values.random`, `values.layer` and `contract.large_index`.

No array of a full-size case is ever made here: the backend's process makes its own inputs, and the pointwise oracle
asks for the few elements that the sampled results need.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import Any

import numpy as np

from conformance.cases import full_size
from conformance.cases.case import RANDOM, Case
from conformance.cases.data import case_data
from conformance.cases.grids import grid
from conformance.checks.outcomes import Failed, Refused, require_ended, require_form
from conformance.checks.registration import asks
from conformance.checks.under_test import BackendUnderTest
from harness.calls.caller import Conditions
from harness.calls.memory_layouts import representable
from harness.contract.protocol import Array
from harness.oracle import by_taps, data, pointwise
from harness.oracle.bounding import of_whole_numbers
from harness.oracle.comparing import mismatch, share_used
from harness.oracle.gate import sample_points


@asks(grid.CHECK_ID, ())
def grid_(subject: BackendUnderTest, case: Case) -> None:
    """One geometry of the grid, or any other, on whole numbers from a pool."""
    arrays = data.pooled(case.op, case.spec, case.dtype, str(case.spec))
    difference = grid_difference(subject, case, arrays, by_taps.run(case.op, case.spec, *arrays))
    if difference:
        raise Failed(difference)


def grid_difference(subject: BackendUnderTest, case: Case, arrays: Sequence[Array], expected: Array) -> str:
    """How the result differs, or nothing. Raises `Failed` if there is no result of the right form."""
    got = subject.run(case.op, case.spec, *arrays)
    return "" if np.array_equal(got, expected) else str(mismatch(got, expected) or "")


@asks(RANDOM, ())
def random(subject: BackendUnderTest, case: Case) -> None:
    """Whole numbers in the case's memory layout, exact; real numbers too where the dtype has them, within the bound.

    An exception for another layout than C order is a matter of form, which `contract.strided_inputs` judges.
    """
    arrays = [None if a is None else representable(a, case.layout) for a in case_data.exact_inputs(case)]
    outcome = subject.outcome(case.op, case.spec, *arrays, conditions=Conditions(layout=case.layout))
    if outcome.error and case.layout != "C" and not (outcome.died or outcome.starved):
        raise Refused(f"{case.layout} inputs: raised {outcome.error}")
    require_ended(case.op, outcome)
    got = require_form(case.op, case.spec, case.dtype, outcome)
    difference = mismatch(got, by_taps.run(case.op, case.spec, *arrays))
    if difference:
        raise Failed(f"on {case.layout} inputs: {difference}" if case.layout != "C" else str(difference))
    if case.dtype.startswith("float"):
        expected, allowed = case_data.real_expected(case, subject.backend.numerics)
        got = subject.run(case.op, case.spec, *case_data.real_inputs(case))
        subject.used = share_used(got, expected, allowed)
        difference = mismatch(got, expected, allowed)
        if difference:
            raise Failed(f"on real numbers: {difference}")


def _at_full_size(subject: BackendUnderTest, case: Case) -> None:
    """Sampled elements of the result are what the pointwise oracle says; the first and the last are among them."""
    op, spec, seed = case.op, case.spec, str(case.spec)
    points = sample_points(op, spec)
    got = subject.sample(op, spec, case.dtype, seed, points)
    arguments = data.lazy(op, spec, case.dtype, seed)
    largest = [float(np.abs(argument.pool).max()) for argument in arguments]
    bound = of_whole_numbers(op, spec, case.dtype, subject.backend.numerics, largest)
    wrong = [
        k for k, point in enumerate(points) if not _is_near(got[k], pointwise.at(op, spec, arguments, point), bound)
    ]
    if wrong:
        point = points[wrong[0]]
        expected = pointwise.at(op, spec, arguments, point)
        raise Failed(
            f"{len(wrong)} of {len(points)} sampled elements differ, first at {list(point)}: "
            f"got {float(got[wrong[0]]):.9g}, expected {expected}"
        )


def _is_near(got: Any, expected: int | Fraction, bound: float) -> bool:
    return bool(got == expected or abs(float(got) - expected) <= bound)


@asks(full_size.LAYER, ())
def layer(subject: BackendUnderTest, case: Case) -> None:
    """A layer of a real network."""
    _at_full_size(subject, case)


@asks(full_size.LARGE_INDEX, (), ops=full_size.LARGE_OPS, fits=lambda op, spec: spec == full_size.LARGE_SPEC)
def large_index(subject: BackendUnderTest, case: Case) -> None:
    """A result of more than 2^31 elements: a 32-bit index wraps around in its last rows."""
    _at_full_size(subject, case)
