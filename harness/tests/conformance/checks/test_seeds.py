"""A seed in the id changes the data of every call that a check makes, and nothing else does."""

from __future__ import annotations

from typing import Any

import pytest

import conformance.run.plan  # noqa: F401  (registers every check)
from conformance.cases.case import Case
from conformance.cases.specs import ALL
from conformance.checks.registration import CHECKS, check_of
from harness.geometry.spec import POOL_OPS, ConvSpec, Op
from harness.geometry.windows import why_not_pooled
from harness.tests.helpers.faults.clauses import told
from harness.tests.helpers.faults.faulty import inputs

# Published numbers; no numbers; numbers of a pool that is seeded by the geometry.
_WITHOUT = {
    "values.golden", "external.onnx", "contract.empty_batch", "values.grid", "values.layer", "contract.large_index",
}  # fmt: skip
_ASKED = [
    (check.id, check.ops[0]) for parts in CHECKS.values() for check in parts
    if check.id not in _WITHOUT and not check.optional
]  # fmt: skip


def data_of(case: Case) -> list[bytes]:
    """All arrays that a backend is given, in the order of the calls."""
    seen: list[bytes] = []

    def keep(op: Op, spec: ConvSpec, arrays: tuple[Any, ...]) -> tuple[Any, ...]:
        seen.extend(a.tobytes() for a in arrays if a is not None)
        return arrays

    told(inputs(keep), str(case))
    return sorted(seen)  # of several threads any may be the first


@pytest.mark.parametrize(("id", "op"), _ASKED)
def test_every_call_gets_other_data_with_another_seed(id: str, op: Op) -> None:
    spec = next(
        s for s in ALL.values()
        if check_of(Case(id, op, "float32", s)).fits(op, s) and s.batch and not (op in POOL_OPS and why_not_pooled(s))
    )  # fmt: skip
    same, again, other = (data_of(Case(id, op, "float32", spec, seed=seed)) for seed in (0, 0, 5))
    assert same == again
    assert len(same) == len(other) > 0
    constant = set(same) & set(other)
    assert len(constant) <= 1, "some arrays are the same whatever the seed"
