"""Checks are registered by `@asks`: what is given is kept, what is not has its default, and cases come of both."""

from __future__ import annotations

import pytest

from conformance.cases.case import Case, CaseError
from conformance.checks import registration
from conformance.checks.registration import Variant, asks, check_of
from conformance.checks.under_test import BackendUnderTest
from harness.contract.status import Grade
from harness.geometry.spec import ALL_OPS, ConvSpec, Op

_ONE, _TWO, _THREE = (ConvSpec.parse(f"n1c1h{n}w{n}_f1kh1kw1") for n in (1, 2, 3))


def question(subject: BackendUnderTest, case: Case) -> None:
    """Asks nothing."""


@pytest.fixture(autouse=True)
def none_registered(monkeypatch: pytest.MonkeyPatch) -> None:
    """A register of its own for each test."""
    monkeypatch.setattr(registration, "CHECKS", {})


def test_a_question_is_registered_and_stays_a_function() -> None:
    assert asks("a.b", [_ONE, _TWO])(question) is question
    ((id, (check,)),) = registration.CHECKS.items()
    assert (id, check.id, check.run, check.ops) == ("a.b", "a.b", question, ALL_OPS)
    assert (check.needs, check.kinds, check.optional, check.standing) == ((), "fi", False, True)
    assert check.grade is Grade.VALUES
    assert list(check.specs("conv2d")) == [_ONE, _TWO]
    assert check.fits("im2col", _THREE)
    assert list(check.variants("im2col")) == [Variant()] == [Variant(bias=True, layout="C")]


def test_what_is_given_is_kept() -> None:
    asks(
        "a.b", lambda op: [_ONE] if op == "im2col" else [_TWO], ops=["im2col", "conv2d"], needs=["col2im"], kinds="f",
        variants=lambda op: [Variant(layout="F")], fits=lambda op, spec: spec == _TWO, grade=None,
    )(question)  # fmt: skip
    (check,) = registration.CHECKS["a.b"]
    assert (check.ops, check.needs, check.kinds) == (("im2col", "conv2d"), ("col2im",), "f")
    assert (check.optional, check.standing, check.grade) == (True, True, Grade.FORM)
    assert [list(check.specs(op)) for op in check.ops] == [[_ONE], [_TWO]]
    assert list(check.variants("im2col")) == [Variant(layout="F")]
    assert [check.fits("im2col", s) for s in (_ONE, _TWO)] == [False, True]


def test_geometries_are_taken_once_and_none_are_no_standing_ones() -> None:
    asks("a.once", (s for s in (_ONE, _TWO)))(question)
    asks("a.none", ())(question)
    (once,), (none,) = registration.CHECKS["a.once"], registration.CHECKS["a.none"]
    assert list(once.specs("im2col")) == list(once.specs("conv2d")) == [_ONE, _TWO]
    assert (list(none.specs("im2col")), none.standing) == ([], False)


def test_checks_stay_in_the_order_in_which_they_come() -> None:
    for id in ("b.first", "a.second", "c.third"):
        asks(id, [_ONE])(question)
    assert list(registration.CHECKS) == ["b.first", "a.second", "c.third"]


def test_cases_are_geometries_times_variants() -> None:
    both = [Variant(), Variant(bias=False, layout="F")]
    asks("a.b", [_ONE, _TWO], variants=lambda op: both if op == "conv2d" else both[:1])(question)
    (check,) = registration.CHECKS["a.b"]
    assert [str(case) for case in check.cases("conv2d", "float64", seed=3)] == [
        "a.b/conv2d/float64/n1c1h1w1_f1kh1kw1/seed=3",
        "a.b/conv2d/float64/n1c1h1w1_f1kh1kw1/bias=0/layout=F/seed=3",
        "a.b/conv2d/float64/n1c1h2w2_f1kh1kw1/seed=3",
        "a.b/conv2d/float64/n1c1h2w2_f1kh1kw1/bias=0/layout=F/seed=3",
    ]
    assert [case.seed for case in check.cases("im2col", "float32")] == [0, 0]


def test_of_other_geometries_those_that_fit_are_taken() -> None:
    asks("a.b", [_ONE], fits=lambda op, spec: spec != _TWO and op == "im2col")(question)
    (check,) = registration.CHECKS["a.b"]
    assert [case.spec for case in check.cases("im2col", "float32", [_TWO, _THREE, _ONE])] == [_THREE, _ONE]
    assert check.cases("conv2d", "float32", [_ONE]) == []
    assert [case.spec for case in check.cases("conv2d", "float32")] == [_ONE]  # its own are not asked about


def test_several_of_one_id_judge_different_ops() -> None:
    def another(subject: BackendUnderTest, case: Case) -> None:
        """Asks something else."""

    ops: tuple[tuple[Op, ...], tuple[Op, ...]] = (("im2col", "col2im"), ("conv2d",))
    asks("a.b", [_ONE], ops=ops[0])(question)
    asks("a.b", [_TWO], ops=ops[1])(another)
    assert check_of(Case("a.b", "col2im", "float32", _ONE)).run is question
    assert check_of(Case("a.b", "conv2d", "float32", _ONE)).run is another
    with pytest.raises(CaseError, match=r"check 'a\.b' does not judge conv2d_bias_grad"):
        check_of(Case("a.b", "conv2d_bias_grad", "float32", _ONE))
    with pytest.raises(ValueError, match=r"check 'a\.b' is defined twice for col2im, conv2d"):
        asks("a.b", [_ONE], ops=["conv2d_bias_grad", "conv2d", "col2im"])(question)
