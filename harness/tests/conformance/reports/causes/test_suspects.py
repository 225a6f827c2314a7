"""Which ops are diagnosed: a backend's own, before what is made of them, in a floating dtype first."""

from __future__ import annotations

import pytest

from conformance.reports.causes.suspects import failing, sources, suspects
from harness.contract.status import Grade, Status
from harness.geometry.spec import OPS, Op
from harness.tests.helpers.cli.reports import a_group, a_report

_TWO: list[Op] = ["im2col", "col2im"]


@pytest.mark.parametrize(
    ("op", "made_of"),
    [
        ("im2col", ("im2col",)), ("conv2d", ("im2col",)), ("conv2d_weight_grad", ("im2col",)),
        ("conv2d_input_grad", ("col2im",)), ("conv2d_bias_grad", ()), ("max_pool2d_grad", ("im2col", "col2im")),
        ("avg_pool2d_grad", ("col2im",)),
    ],
)  # fmt: skip
def test_what_an_op_is_made_of(op: Op, made_of: tuple[Op, ...]) -> None:
    assert sources(op, _TWO) == made_of
    assert sources(op, [op]) == (op,)
    assert sources("conv2d", ["col2im"]) == ()


def test_an_op_that_is_derived_has_its_source_diagnosed_even_where_that_was_not_asked_for() -> None:
    groups = [
        a_group(Status.FAIL, op="conv2d", dtype="int32"), a_group(Status.FAIL, op="conv2d", dtype="float64"),
        a_group(Status.FAIL, op="col2im"),
    ]  # fmt: skip
    assert suspects(groups, _TWO) == {"im2col": ["float64", "int32"], "col2im": ["float32"]}
    found = suspects(groups, OPS)
    assert list(found.items()) == [("col2im", ["float32"]), ("conv2d", ["float64", "int32"])]


@pytest.mark.parametrize(
    "group",
    [
        a_group(Status.FAIL, grade=Grade.FORM), a_group(Status.FAIL, optional=True), a_group(Status.MISTRUSTED),
        a_group(Status.XFAIL), a_group(Status.NOT_RUN), a_group(Status.FAIL, op="max_pool2d"),
    ],
    ids=["form", "optional", "mistrusted", "xfail", "not run", "pooling"],
)  # fmt: skip
def test_nothing_else_is_a_reason(group: object) -> None:
    """Of pooling there are no models: a backend that has it of its own is not diagnosed for it."""
    assert suspects(failing(a_report(checks=[group])), [*OPS, "max_pool2d"]) == {}
    memory = a_group(Status.FAIL, grade=Grade.SAFETY)
    assert suspects(failing(a_report(checks=[memory])), OPS) == {"im2col": ["float32"]}
