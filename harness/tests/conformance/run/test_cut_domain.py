"""A library that compiles for each geometry is judged on the first 40 of a domain, and that is said."""

from __future__ import annotations

import pytest

from conformance.cases.case import Case
from conformance.checks.under_test import BackendUnderTest
from conformance.run import engine
from conformance.run.results import BackendResult, CaseResult
from harness.contract.status import Status
from harness.geometry.spec import ConvSpec
from harness.tests.helpers.suite.fakes import Clock, FakeCaller
from harness.tests.helpers.suite.scripted import a_check, only

_SPECS = [ConvSpec.parse(f"n1c1h1w{width}_f1kh1kw1") for width in range(1, 61)]


def judged(monkeypatch: pytest.MonkeyPatch, seconds: float, check: str = "values.domain") -> BackendResult:
    """Sixty geometries in each of two ops, of which im2col takes so long for each."""
    clock = Clock()
    monkeypatch.setattr(engine, "time", clock)

    def ask(subject: BackendUnderTest, case: Case) -> None:
        clock.pass_by(seconds if case.op == "im2col" else 0.01)

    cases = [Case(check, op, "float32", spec) for op in ("im2col", "col2im") for spec in _SPECS]
    with only(a_check(check, _SPECS, ask)):
        return engine.run(FakeCaller(), BackendResult("fake", True, [CaseResult(one) for one in cases]))


def test_the_first_forty_are_judged_where_each_takes_long(monkeypatch: pytest.MonkeyPatch) -> None:
    result = judged(monkeypatch, 0.3)
    asked = {op: [one.case.spec for one in result.cases if one.case.op == op] for op in ("im2col", "col2im")}
    assert asked == {"im2col": _SPECS[:40], "col2im": _SPECS}
    assert {one.status for one in result.cases} == {Status.PASS}
    assert result.notes == [
        "values.domain/im2col/float32: 40 of 60 geometries, as each takes 0.3 s; a library that compiles for each?"
    ]
    assert result.reason == result.notes[0]


@pytest.mark.parametrize(("seconds", "check"), [(0.15, "values.domain"), (0.3, "values.exact")])
def test_nothing_else_is_cut(monkeypatch: pytest.MonkeyPatch, seconds: float, check: str) -> None:
    result = judged(monkeypatch, seconds, check)
    assert (len(result.cases), result.notes) == (120, [])
