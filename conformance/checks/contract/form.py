"""`contract.type`, `contract.shape`, `contract.dtype`, `contract.empty_batch`: a plain array of the right form.

They come before all values: a result of the wrong shape has no values to compare.
"""

from __future__ import annotations

from conformance.cases.case import Case
from conformance.cases.data import case_data
from conformance.cases.specs import ALL, DISTINCT, some
from conformance.checks.outcomes import Failed, require_array, require_dtype, require_shape
from conformance.checks.registration import OfDomain, as_returned, asks
from conformance.checks.under_test import BackendUnderTest
from harness.contract.protocol import Array
from harness.contract.status import Grade

_EMPTY = [spec for spec in ALL.values() if spec.batch == 0]


@asks("contract.type", [*DISTINCT[:1], *some("pointwise")], variants=as_returned, grade=Grade.FORM)
def type_(subject: BackendUnderTest, case: Case) -> None:
    """Exactly numpy.ndarray on the host: no subclass, no lazy object, nothing that computes when it is looked at."""
    outcome = subject.observe(case.op, case.spec, *case_data.exact_inputs(case))
    require_array(case.op, outcome)
    if outcome.kind != "numpy.ndarray":
        raise Failed(f"{case.op} returned {outcome.kind}, a subclass of numpy.ndarray")


@asks(
    "contract.shape", [*DISTINCT, *some("stride_not_tiling", "output_1x1", "depthwise", "pad_wider_than_image")],
    variants=as_returned,
)  # fmt: skip
def shape(subject: BackendUnderTest, case: Case) -> None:
    """Exactly the spec's shape."""
    require_shape(case.op, case.spec, _result(subject, case))


@asks("contract.dtype", [*DISTINCT[:1], *some("pointwise")], variants=as_returned)
def dtype(subject: BackendUnderTest, case: Case) -> None:
    """The dtype of the inputs."""
    require_dtype(case.op, _result(subject, case), case.dtype)


@asks(
    "contract.empty_batch", OfDomain(_EMPTY, every=4, without_images=True), variants=as_returned,
    fits=lambda op, spec: spec.batch == 0, grade=Grade.FORM,
)  # fmt: skip
def empty_batch(subject: BackendUnderTest, case: Case) -> None:
    """No images: an empty result of the right shape and dtype, zeros for the gradients of weights and bias."""
    result = subject.run(case.op, case.spec, *case_data.exact_inputs(case))
    if result.any():
        raise Failed(f"{case.op} of an empty batch is not zero")


def _result(subject: BackendUnderTest, case: Case) -> Array:
    return require_array(case.op, subject.observe(case.op, case.spec, *case_data.exact_inputs(case)))
