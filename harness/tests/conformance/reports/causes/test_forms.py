"""Results in another dtype are one cause, beside wrong numbers or alone."""

from __future__ import annotations

import numpy as np
import pytest

from conformance.diagnosis import diagnose as engine
from conformance.reports.causes.telling import Diagnosis
from harness.calls.caller import Arrays, CallResult, Conditions
from harness.contract.status import Grade
from harness.geometry.spec import ConvSpec, Op
from harness.tests.helpers.cli.reports import a_report
from harness.tests.helpers.plugins import called
from harness.tests.helpers.suite.causes import a_cause, answering, failing
from harness.tests.helpers.suite.fakes import FakeCaller, right

_STRIDED = ConvSpec.parse("n1c1h3w3_f1kh1kw1_sh2sw2")
_TWO: list[Op] = ["im2col", "col2im"]


def in_float64(op: Op, spec: ConvSpec, arrays: Arrays, conditions: Conditions) -> CallResult:
    """Right, in float64 whatever was asked for; of im2col alone."""
    made = right(op, spec, arrays, conditions)
    made.result = made.result.astype(np.float64) if op in ("im2col", "conv2d") else made.result
    return made


def test_another_dtype_is_one_cause_and_needs_no_diagnosis(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[Op, str]] = []
    monkeypatch.setattr(engine, "diagnose", answering(asked=asked))
    groups = [
        failing(check, _STRIDED, op, text=f"{op} returned dtype float64 for float32 input")
        for check in ("contract.dtype", "values.exact", "values.real") for op in ("im2col", "conv2d")
    ]  # fmt: skip
    caller = FakeCaller(native=_TWO, answers=in_float64)
    report = Diagnosis(caller, called("mine.py")).told(a_report(checks=groups))
    (cause,) = report.causes
    assert (cause.says, cause.derived) == ("Your im2col returns float64 for float32 input.", ["conv2d"])
    assert (report.unexplained, asked) == ([], [])


def test_wrong_numbers_in_another_dtype_are_two_causes(monkeypatch: pytest.MonkeyPatch) -> None:
    def both(op: Op, spec: ConvSpec, arrays: Arrays, conditions: Conditions) -> CallResult:
        made = in_float64(op, spec, arrays, conditions)
        made.result += op == "im2col"
        return made

    groups = [failing("values.exact", _STRIDED, text="im2col returned dtype float64 for float32 input")]
    caller = FakeCaller(native=_TWO, answers=both)
    monkeypatch.setattr(engine, "diagnose", answering(a_cause(plainest=_STRIDED)))
    report = Diagnosis(caller, called("mine.py")).told(a_report(checks=groups))
    assert [cause.kind for cause in report.causes] == ["name", "form"]
    assert report.unexplained == []


def test_how_a_result_lies_and_whose_it_is_are_causes_of_their_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine, "diagnose", answering())
    text = "col2im returned strides (8, 8, 8, 4) for shape (1, 1, 1, 1), not C-contiguous"
    groups = [
        failing("contract.contiguous", _STRIDED, "col2im", text=text, grade=Grade.FORM),
        failing("contract.contiguous", _STRIDED, "col2im", "float64", text=text, grade=Grade.FORM),
        failing("contract.contiguous", _STRIDED, "conv2d_input_grad", text=text, grade=Grade.FORM),
        failing("contract.no_alias_input", _STRIDED, text="im2col returned memory of argument 0", grade=Grade.SAFETY),
        failing("contract.empty_batch", _STRIDED, grade=Grade.FORM),
    ]
    report = Diagnosis(FakeCaller(native=_TWO), called("mine.py")).told(a_report(checks=groups))
    assert [(one.id, one.dtypes, one.derived, len(one.explains)) for one in report.causes] == [
        ("memory/alias", ["float32"], [], 1),
        ("form/contiguous", ["float32", "float64"], ["conv2d_input_grad"], 3),
    ]
    assert report.causes[1].says == "Your col2im returns a view, which is not C-contiguous."
    assert text in report.causes[1].why
    assert [group.key for group in report.unexplained] == ["contract.empty_batch/im2col/float32"]


@pytest.mark.parametrize(
    ("check", "text", "says"),
    [
        ("contract.nonfinite", "nan at [0] of argument 0 does not reach im2col[0], 6 such", "loses NaN"),
        ("contract.nonfinite", "nan at [0] of argument 0 reaches im2col[0], 6 such", "spreads NaN or infinities"),
        ("contract.nonfinite", "inf at [0] of argument 0 reaches im2col with the opposite sign, 2 such", "the sign"),
        ("contract.empty_batch", "im2col raised ValueError: none", "raises where there is no image"),
        ("contract.empty_batch", "im2col returned shape (1,), expected (0,)", "no result of the right form"),
        ("contract.concurrent", "im2col, call 3 of 4 at once: 2 of 4 elements differ", "right when it is called"),
    ],
)  # fmt: skip
def test_what_one_check_alone_says_is_told_unless_numbers_are_wrong(
    monkeypatch: pytest.MonkeyPatch, check: str, text: str, says: str
) -> None:
    monkeypatch.setattr(engine, "diagnose", answering())
    groups = [failing(check, _STRIDED, text=text, grade=Grade.FORM)]
    (cause,) = Diagnosis(FakeCaller(native=_TWO), called("mine.py")).told(a_report(checks=groups)).causes
    assert says in cause.says
    groups.append(failing("values.exact", _STRIDED, text="2 of 4 elements differ"))
    assert Diagnosis(FakeCaller(native=_TWO), called("mine.py")).told(a_report(checks=groups)).causes == []


def test_an_empty_batch_in_another_dtype_is_no_cause_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine, "diagnose", answering())
    text = "im2col returned dtype float64 for float32 input"
    groups = [failing("contract.empty_batch", _STRIDED, text=text, grade=Grade.FORM)]
    (cause,) = Diagnosis(FakeCaller(native=_TWO), called("mine.py")).told(a_report(checks=groups)).causes
    assert cause.id == "form/dtype"
