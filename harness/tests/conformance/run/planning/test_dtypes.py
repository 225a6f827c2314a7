"""The dtypes that a backend claims: two at least, more if it looks at them, all if it says that it does everything."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from conformance.cases.specs import ALL
from conformance.domain.dtypes import claimed_dtypes
from harness.calls.caller import Arrays, CallResult, Conditions
from harness.contract.protocol import DTYPES
from harness.geometry.spec import ConvSpec, Op
from harness.tests.helpers.suite.fakes import FakeCaller, right


def _raises_for_others(op: Op, spec: ConvSpec, dtype: str) -> str | None:
    if dtype in ("int32", "float64"):
        raise SystemExit(1)
    if dtype == "float16":
        raise TypeError(dtype)
    return None if dtype in DTYPES else "no"


@pytest.mark.parametrize(
    ("refuses", "dtypes"),
    [
        (lambda op, spec, dtype: None, sorted(DTYPES)),  # who refuses nothing at all says that it does everything
        (lambda op, spec, dtype: "groups" if spec.groups > 2 else None, ["float32", "float64"]),
        (lambda op, spec, dtype: None if dtype in DTYPES else "no", sorted(DTYPES)),
        (lambda op, spec, dtype: "never", ["float32", "float64"]),
        (lambda op, spec, dtype: None if (op, dtype) == ("col2im", "int64") else "no", ["float32", "float64", "int64"]),
        (lambda op, spec, dtype: None if dtype == "float16" else "no", ["float16", "float32", "float64"]),
        (_raises_for_others, ["float32", "float64", "int64"]),
    ],
)
def test_float32_and_float64_are_asked_of_all_the_others_of_those_that_claim_them(
    refuses: Callable[[Op, ConvSpec, str], str | None], dtypes: list[str]
) -> None:
    caller = FakeCaller(refuses=refuses)
    assert sorted(claimed_dtypes(caller)) == dtypes
    assert {spec for _, spec, _ in caller.asked} <= {str(spec) for spec in ALL.values()}


def test_who_refuses_nothing_claims_what_it_gives_results_in() -> None:
    """A call that raises, or gives another dtype, was not meant."""

    def answers(op: Op, spec: ConvSpec, arrays: Arrays, conditions: Conditions) -> CallResult:
        made = right(op, spec, arrays, conditions)
        if made.result.dtype == "float16" and op == "col2im":
            return CallResult(error="TypeError: no half")
        if made.result.dtype == "int32":
            made.result = made.result.astype("int64")
        return made

    everything = FakeCaller(refuses=lambda op, spec, dtype: None, answers=answers)
    assert sorted(claimed_dtypes(everything)) == ["float32", "float64", "int64"]
    everything.native.remove("conv2d")
    assert sorted(claimed_dtypes(everything)) == ["float32", "float64"]
