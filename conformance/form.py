"""The form of a result, looked at before its values: a plain NumPy array of the spec's shape and the inputs' dtype."""

from __future__ import annotations

from conformance.cases import case_data
from conformance.cases.case import Case
from conformance.cases.specs import ALL, DISTINCT, some
from conformance.checks import check
from conformance.subject import Failed, Subject, require_array, require_dtype, require_shape
from harness.contract.protocol import Array

EMPTY = [spec for spec in ALL.values() if spec.batch == 0]


@check("contract.type", [*DISTINCT[:1], *some("pointwise")])
def type_(subject: Subject, case: Case) -> None:
    """Exactly numpy.ndarray on the host: no subclass, no lazy object, nothing that computes when it is looked at."""
    reply = subject.observe(case.op, case.spec, *case_data.exact_inputs(case))
    require_array(case.op, reply)
    if reply.kind != "numpy.ndarray":
        raise Failed(f"{case.op} returned {reply.kind}, a subclass of numpy.ndarray")


@check("contract.shape", [*DISTINCT, *some("stride_not_tiling", "output_1x1", "depthwise", "pad_wider_than_image")])
def shape(subject: Subject, case: Case) -> None:
    """Exactly the spec's shape."""
    require_shape(case.op, case.spec, _result(subject, case))


@check("contract.dtype", [*DISTINCT[:1], *some("pointwise")])
def dtype(subject: Subject, case: Case) -> None:
    """The dtype of the inputs."""
    require_dtype(case.op, _result(subject, case), case.dtype)


@check("contract.empty_batch", EMPTY, fits=lambda op, spec: spec.batch == 0)
def empty_batch(subject: Subject, case: Case) -> None:
    """No images: an empty result of the right shape and dtype, zeros for the gradients of weights and bias."""
    result = subject.run(case.op, case.spec, *case_data.exact_inputs(case))
    if result.any():
        raise Failed(f"{case.op} of an empty batch is not zero")


def _result(subject: Subject, case: Case) -> Array:
    return require_array(case.op, subject.observe(case.op, case.spec, *case_data.exact_inputs(case)))
