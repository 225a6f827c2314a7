"""The clauses about several calls: repeated, after other calls or errors, split into batches, from several threads.

The ids are `contract.repeatable`, `contract.batch_split`, `contract.threads`, `contract.concurrent` and
`contract.after_error`.
"""

from __future__ import annotations

import os
from dataclasses import replace

import numpy as np

from conformance.cases.case import Case
from conformance.cases.data import case_data
from conformance.cases.specs import DISTINCT, some
from conformance.checks.outcomes import OTHER_RESULT, Failed
from conformance.checks.registration import asks
from conformance.checks.under_test import BackendUnderTest
from harness.calls.caller import Conditions, OneCall
from harness.geometry.spec import OPS, ConvSpec, Op
from harness.oracle.comparing import mismatch

_TIMES = 12  # that each thread calls, where they call different things
_CALLERS = 4  # threads that call at the same moment


@asks("contract.repeatable", [*DISTINCT[:1], *some("many_channels", "width_33")], kinds="f")
def repeatable(subject: BackendUnderTest, case: Case) -> None:
    """The same real-valued arrays give the same bits, also after a call on another geometry that the backend does."""
    first = subject.run(case.op, case.spec, *case_data.real_inputs(case))
    for spec in (DISTINCT[2], *some("plain")):
        if subject.refusal(case.op, spec, case.dtype) is None:
            subject.run(case.op, spec, *case_data.real_inputs(replace(case, spec=spec)))
            break
    for time in ("second", "third"):
        again = subject.run(case.op, case.spec, *case_data.real_inputs(case))
        if first.tobytes() != again.tobytes():
            difference = mismatch(again, first) or "the values are equal, the signs of zeros or the bits of NaN are not"
            raise Failed(f"{case.op} gave other bits the {time} time: {difference}")


@asks("contract.batch_split", DISTINCT)
def batch_split(subject: BackendUnderTest, case: Case) -> None:
    """A batch gives what its images give alone; the gradients of weights and bias are their sum."""
    arrays = case_data.exact_inputs(case)
    whole = subject.run(case.op, case.spec, *arrays)
    one = replace(case.spec, batch=1)
    subject.require(case.op, one, case.dtype)
    whole_shapes, one_shapes = case.spec.input_shapes(case.op), one.input_shapes(case.op)
    split = [a is not None and s != t for a, s, t in zip(arrays, whole_shapes, one_shapes, strict=True)]
    parts = [
        subject.run(
            case.op, one, *(a[n : n + 1] if a is not None and cut else a for a, cut in zip(arrays, split, strict=True))
        )
        for n in range(case.spec.batch)
    ]
    summed = case.op in ("conv2d_weight_grad", "conv2d_bias_grad")
    together = np.sum(parts, axis=0, dtype=whole.dtype) if summed else np.concatenate(parts)
    difference = mismatch(whole, together.astype(np.float64))
    if difference:
        raise Failed(f"{case.op} of {case.spec.batch} images is not that of each alone: {difference}")


@asks("contract.threads", [*DISTINCT, *some("many_channels")])
def threads(subject: BackendUnderTest, case: Case) -> None:
    """The same with one thread and with all."""
    for count in (1, _all_threads(os.cpu_count())):
        got = subject.run(case.op, case.spec, *case_data.exact_inputs(case), conditions=Conditions(threads=count))
        difference = mismatch(got, case_data.exact_expected(case))
        if difference:
            raise Failed(f"{case.op} with {count} thread(s): {difference}")


def _all_threads(cores: int | None) -> int:
    """As many as there are cores, but several."""
    return max(2, cores or 2)


@asks("contract.concurrent", [*DISTINCT[:2], *some("pad_symmetric")])
def concurrent(subject: BackendUnderTest, case: Case) -> None:
    """Right when several threads of the caller call at the same moment, each with its own data.

    First all on the same geometry, then again and again on several geometries and, where it has another op, ops.
    """
    cases = [Case(case.check, case.op, case.dtype, case.spec, seed=case.seed + n) for n in range(_CALLERS)]
    results = subject.together([OneCall(case.op, case.spec, case_data.exact_inputs(one)) for one in cases])
    for number, (one, got) in enumerate(zip(cases, results, strict=True)):
        difference = mismatch(got, case_data.exact_expected(one))
        if difference:
            raise Failed(f"{case.op}, call {number} of {_CALLERS} at once: {difference}")

    jobs = [(case.op, case.spec), (case.op, case.spec), *_others(subject, case)]
    mixed = [Case(case.check, op, case.dtype, spec, seed=case.seed + n) for n, (op, spec) in enumerate(jobs)]
    calls = [OneCall(one.op, one.spec, case_data.exact_inputs(one)) for one in mixed]
    results = subject.together(calls, _TIMES)
    for one, got, made in zip(mixed, results, subject.calls[-len(mixed) :], strict=True):
        difference = mismatch(got, case_data.exact_expected(one))
        if difference or made.outcome.differs:
            said = difference or OTHER_RESULT
            raise Failed(f"{one.op} on {one.spec}, among {len(jobs)} different calls at once: {said}")


def _others(subject: BackendUnderTest, case: Case) -> list[tuple[Op, ConvSpec]]:
    """Another geometry of the op, and another op on something larger, which is still running when the others end."""
    small = (spec for spec in (*DISTINCT, *some("plain", "pointwise")) if spec != case.spec)
    large = ((op, spec) for op in OPS if op != case.op for spec in some("many_channels", "wide_strided", "plain"))
    others = [*((case.op, spec) for spec in small), *large]
    claimed = [(op, spec) for op, spec in others if subject.refusal(op, spec, case.dtype) is None]
    return [
        *[job for job in claimed if job[0] == case.op][:1],
        *[job for job in claimed if job[0] != case.op][:1],
    ]


@asks("contract.after_error", DISTINCT[:2])
def after_error(subject: BackendUnderTest, case: Case) -> None:
    """Right after a call that failed: None in place of every array, which no backend can compute."""
    arrays = case_data.exact_inputs(case)
    try:
        subject.attempt(case.op, case.spec, *[None for _ in arrays])
    except Failed as death:
        raise Failed(f"{death}, given None in place of every array") from death
    difference = mismatch(subject.run(case.op, case.spec, *arrays), case_data.exact_expected(case))
    if difference:
        raise Failed(f"{case.op} after a call that failed: {difference}")
