"""What a backend refuses is never called, and a failure names the geometry that was called."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from conformance.cases.selection import Selection
from conformance.checks.outcomes import Refused, SuiteFault
from conformance.checks.under_test import BackendUnderTest
from conformance.run import engine
from conformance.run.plan import plan
from harness.contract.status import Status
from harness.geometry.spec import OPS, ConvSpec, Op
from harness.tests.helpers.children.calls import calls_of
from harness.tests.helpers.faults.faulty import Right, load
from harness.tests.helpers.suite.fakes import FakeCaller

_SPEC, _OTHER = ConvSpec.parse("n2c3h6w7_f4kh3kw2"), ConvSpec.parse("n1c3h6w7_f4kh3kw2")
_X = np.ones(_SPEC.x_shape, np.float32)
_CALLS: dict[str, Callable[[BackendUnderTest], Any]] = {
    "run": lambda subject: subject.run("im2col", _SPEC, _X),
    "observe": lambda subject: subject.observe("im2col", _SPEC, _X),
    "together": lambda subject: subject.together(calls_of("im2col", _SPEC, [[_X], [_X]])),
    "sample": lambda subject: subject.sample("im2col", _SPEC, "float32", "seed", [(0, 0, 0)]),
    "attempt": lambda subject: subject.attempt("im2col", _SPEC, None),
}


@pytest.mark.parametrize("name", _CALLS)
def test_what_was_not_asked_for_is_a_fault_of_the_suite(name: str) -> None:
    caller = FakeCaller()
    subject = BackendUnderTest(caller)
    subject.begin(_SPEC)
    near: list[tuple[Op, ConvSpec, str]] = [("col2im", _SPEC, "float32"), ("im2col", _OTHER, "float32")]
    for op, spec, dtype in near:
        assert subject.refusal(op, spec, dtype) is None
    with pytest.raises(SuiteFault, match=r"^im2col was called .*on n2c3h6w7_f4kh3kw2.* not asked for or is refused$"):
        _CALLS[name](subject)
    assert caller.called == []


@pytest.mark.parametrize("name", _CALLS)
def test_what_is_refused_is_a_fault_of_the_suite(name: str) -> None:
    caller = FakeCaller(refuses=lambda op, spec, dtype: "no")
    subject = BackendUnderTest(caller)
    assert subject.refusal("im2col", _SPEC, "float32") == "no"
    with pytest.raises(Refused, match=r"^n2c3h6w7_f4kh3kw2: no$"):
        subject.require("im2col", _SPEC, "float32")
    with pytest.raises(SuiteFault):
        _CALLS[name](subject)
    assert caller.called == []


def test_another_dtype_is_another_question() -> None:
    subject = BackendUnderTest(FakeCaller())
    subject.require("im2col", _SPEC, "float32")
    with pytest.raises(SuiteFault, match="in float64"):
        subject.run("im2col", _SPEC, _X.astype(np.float64))


def test_answers_are_those_of_one_case_and_asked_for_once() -> None:
    caller = FakeCaller()
    subject = BackendUnderTest(caller)
    for _ in range(3):
        subject.require("im2col", _SPEC, "float32")
    assert len(caller.asked) == 1
    subject.begin(_SPEC)
    with pytest.raises(SuiteFault):
        subject.run("im2col", _SPEC, _X)


class _Part(Right):
    """Does what `takes` says, right; notes what it was called for besides."""

    takes: Callable[[ConvSpec], bool]
    beyond: list[str]

    def unsupported(self, op: Op, spec: ConvSpec, dtype: str) -> str | None:
        """Refusals in words."""
        return None if dtype in ("float32", "float64") and self.takes(spec) else "not this one"

    def run(self, op: Op, spec: ConvSpec, *arrays: Any) -> Any:
        if not self.takes(spec):
            self.beyond.append(f"{op} {spec}")
        return super().run(op, spec, *arrays)


_PARTS: dict[str, Callable[[ConvSpec], bool]] = {
    "one_group": lambda s: s.groups == 1,
    "stride_1": lambda s: s.stride == (1, 1),
    "stride_2": lambda s: s.stride == (2, 2),
    "no_padding": lambda s: not any(s.padding),
    "padding_only": lambda s: all(s.padding),
    "no_dilation": lambda s: s.dilation == (1, 1),
    "one_image": lambda s: s.batch == 1,
    "several_images": lambda s: s.batch > 1,
    "square_kernel": lambda s: s.kernel_size[0] == s.kernel_size[1],
    "three_by_two": lambda s: s.kernel_size == (3, 2),
}


@pytest.mark.parametrize("name", _PARTS)
def test_a_right_part_is_called_for_its_part_and_has_no_failure(name: str) -> None:
    """Every other part does three of the ops, the others do the rest."""
    part: Any = type(name, (_Part,), {"takes": staticmethod(_PARTS[name]), "beyond": []})
    caller, ops = load(part), OPS[list(_PARTS).index(name) % 2 :: 2]
    result = engine.run(caller, plan(caller, Selection(ops=ops, dtypes=["float32"], pattern="[cl]*")))
    assert [f"{one.case}: {one.detail}" for one in result.cases if one.status is Status.FAIL] == []
    assert part.beyond == []
    assert {one.case.op for one in result.cases if one.status is Status.PASS} == set(ops)


def test_a_failure_on_a_partner_names_the_partner() -> None:
    class OneImageOnly(Right):
        def run(self, op: Op, spec: ConvSpec, *arrays: Any) -> Any:
            if spec.batch == 1:
                raise ValueError("odd")
            return super().run(op, spec, *arrays)

    caller = load(OneImageOnly)
    selection = Selection(pattern="contract.batch_split", ops=["im2col"], dtypes=["float32"])
    found = engine.run(caller, plan(caller, selection)).cases
    assert len(found) > 1
    for one in found:
        assert one.detail.startswith(f"on n1{str(one.case.spec)[2:]}: im2col raised ValueError: odd")
