"""Tier 4: real networks' layers at full size, and results of more than 2^31 elements, at sampled points.

No array of such a case is ever made here: the backend's process makes its own inputs, and the pointwise oracle asks
for the few elements that the sampled results need.
"""

from __future__ import annotations

import time
from collections.abc import Sequence

from conformance.cases.case import Case
from conformance.checks.registration import asks
from conformance.checks.under_test import BackendUnderTest, Failed, NotRun
from conformance.run.outcome import BackendResult, CaseResult
from harness.calls.caller import Caller
from harness.geometry import layers
from harness.geometry.spec import OPS, ConvSpec, Op
from harness.oracle import data, pointwise
from harness.oracle.gate import sample_points
from harness.results.machine import available_memory
from harness.results.words import duration
from harness.timing.predict import predict

LAYER, LARGE = "values.layer", "contract.large_index"
CHECKS = (LAYER, LARGE)
SET = "core"
# 9 * 15,500^2 columns = 2.16e9 > 2^31 of them from 240 million pixels; a 32-bit index wraps around in the last rows.
LARGE_SPEC = ConvSpec.parse("n1c1h15502w15502_f1kh3kw3")
_LARGE_OPS: tuple[Op, ...] = ("im2col", "col2im")
_LONGEST = 100.0  # seconds that a call may be predicted to take
_ROOM = 2.0  # times the bytes of inputs and result: what an implementation with one copy of them holds at once


def full_size(subject: BackendUnderTest, case: Case) -> None:
    """Sampled elements of the result are what the pointwise oracle says; the first and the last are among them."""
    op, spec, seed = case.op, case.spec, str(case.spec)
    predicted = predict(op, spec, lambda probe: _seconds(subject, Case(case.check, op, case.dtype, probe)), _LONGEST)
    if predicted > _LONGEST:
        raise NotRun(f"predicted {duration(predicted, 2)} a call, the limit is {duration(_LONGEST, 2)}")
    points = sample_points(op, spec)
    got = subject.sample(op, spec, case.dtype, seed, points)
    arguments = data.lazy(op, spec, case.dtype, seed)
    wrong = [k for k, point in enumerate(points) if got[k] != pointwise.at(op, spec, arguments, point)]
    if wrong:
        point = points[wrong[0]]
        expected = pointwise.at(op, spec, arguments, point)
        raise Failed(
            f"{len(wrong)} of {len(points)} sampled elements differ, first at {list(point)}: "
            f"got {float(got[wrong[0]]):.9g}, expected {expected}"
        )


asks(LAYER, ())(full_size)
asks(LARGE, (), ops=_LARGE_OPS, fits=lambda op, spec: spec == LARGE_SPEC)(full_size)


def plan(
    backend: Caller, outcome: BackendResult, checks: Sequence[str], ops: Sequence[Op], dtypes: Sequence[str]
) -> None:
    """Put the cases of tier 4 into a plan, refusals marked; what this machine has no memory for goes to the notes."""
    dtypes = dtypes or ("float32",)
    wanted = [Case(LAYER, op, d, layer.spec) for layer in layers.read_layers(SET) for op in ops or OPS for d in dtypes]
    wanted += [Case(LARGE, op, d, LARGE_SPEC) for op in _LARGE_OPS if not ops or op in ops for d in dtypes]
    room = available_memory()
    for case in wanted:
        if case.check not in checks:
            continue
        needed = _ROOM * case.spec.min_bytes(case.op, case.dtype)
        if needed > room:
            outcome.notes.append(f"{case} was left out: it needs {needed / 2**30:.0f} GiB of {room / 2**30:.0f} free")
            continue
        planned = CaseResult(case)
        reason = backend.unsupported(case.op, case.spec, case.dtype)
        if reason is not None:
            planned.status, planned.detail = "unsupported", reason
        outcome.cases.append(planned)


def _seconds(subject: BackendUnderTest, case: Case) -> float:
    """How long a call takes, here or in its process, from a second call if the first is short."""
    took = 0.0
    for _ in range(2):
        start = time.monotonic()
        subject.sample(case.op, case.spec, case.dtype, str(case.spec), sample_points(case.op, case.spec))
        took = time.monotonic() - start
        if took > 1:
            break
    return took
