"""`external.onnx`: the test vectors that the ONNX project publishes as files.

Where its package is not installed the check plans no case at all; `skipped` says so in words.
"""

from __future__ import annotations

import numpy as np

from conformance.cases.case import Case
from conformance.cases.data import onnx_vectors
from conformance.cases.data.golden import Example
from conformance.cases.specs import MAX_WORK
from conformance.checks.outcomes import Failed
from conformance.checks.registration import asks
from conformance.checks.under_test import BackendUnderTest
from harness.contract.protocol import Array, Numerics
from harness.geometry.spec import ConvSpec, Op
from harness.oracle import by_taps
from harness.oracle.bounding import allowed
from harness.oracle.comparing import mismatch

ID = "external.onnx"


def skipped() -> dict[str, str]:
    """Checks of this module that have no case here, with the reason."""
    reason = onnx_vectors.unavailable()
    return {ID: reason} if reason else {}


def _examples(op: Op) -> list[Example]:
    if onnx_vectors.unavailable():
        return []
    found = [*onnx_vectors.node_vectors(), *onnx_vectors.model_vectors()]
    return [e for e in found if e.op == op and e.spec.work(op) <= MAX_WORK]


def _specs(op: Op) -> list[ConvSpec]:
    return list(dict.fromkeys(example.spec for example in _examples(op)))


@asks(ID, _specs, ops=("conv2d", "col2im"), kinds="f", fits=lambda op, spec: spec in _specs(op))
def onnx(subject: BackendUnderTest, case: Case) -> None:
    """The vectors of the ONNX project: whole numbers equal, PyTorch's float32 results within derived bounds."""
    for example in _examples(case.op):
        if example.spec != case.spec:
            continue
        arrays = [None if a is None else np.array(a, dtype=case.dtype) for a in example.inputs]
        bound = None if is_whole(example) else allowed_error(example, case.dtype, subject.backend.numerics)
        got = subject.run(case.op, case.spec, *arrays)
        difference = mismatch(got, example.expected.astype(np.float64), bound)
        if difference:
            raise Failed(f"{difference} ({example.origin})")


def is_whole(example: Example) -> bool:
    """Whether all numbers are whole, so that results are equal whatever the order of summation."""
    arrays = [a for a in (*example.inputs, example.expected) if a is not None]
    return all(np.array_equal(a, np.rint(a)) for a in arrays)


def allowed_error(example: Example, dtype: str, numerics: Numerics) -> Array:
    """Bound on |result - published|: ours from ours, the cast of the inputs to `dtype`, theirs from the exact one.

    Nothing of the published tolerance (rtol 1e-3) enters; for a float32 backend it is twice its usual bound.
    """
    op, spec, given = example.op, example.spec, example.inputs
    cast = [None if a is None else a.astype(dtype) for a in given]
    exact, published = by_taps.run(op, spec, *cast), by_taps.run(op, spec, *given)
    ours = allowed(op, spec, dtype, numerics, exact, cast)
    theirs = allowed(op, spec, "float32", "gemm", published, given)
    bound: Array = ours + np.abs(exact - published) + theirs
    return bound
