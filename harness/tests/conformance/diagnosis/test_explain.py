"""A failed case is explained by the first call with a wrong result, in everything that is said of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest

from conformance.cases.case import Case
from conformance.checks.outcomes import RecordedCall
from conformance.diagnosis import explain, mistakes, vote, where
from conformance.diagnosis.explain import Explanation
from conformance.run.results import CaseResult
from harness.calls.caller import CallResult
from harness.contract.protocol import Array, Numerics
from harness.contract.status import Status
from harness.geometry.spec import ConvSpec, Op
from harness.oracle import by_taps, data
from harness.tests.helpers.plugins import called

_SPEC = ConvSpec.parse("n2c1h3w4_f3kh1kw2")
_TARGET = called("mine.py")


def a_call(op: Op, seed: str, spoil: Callable[[Array], Array] = np.copy, real: bool = False) -> RecordedCall:
    """A call whose result is the right one, spoilt."""
    arrays = (data.real if real else data.exact)(op, _SPEC, "float32", seed)
    made = spoil(by_taps.run(op, _SPEC, *arrays).astype(np.float32))
    return RecordedCall(op, _SPEC, arrays, CallResult(result=made))


def failed(*calls: RecordedCall, **more: Any) -> CaseResult:
    """A case that made these calls."""
    case = Case("values.exact", "im2col", "float32", _SPEC)
    return CaseResult(case, Status.FAIL, "they differ", calls=list(calls), **more)


def without_last_column(columns: Array) -> Array:
    """Zeros in the last column of windows."""
    columns.reshape(-1, 3, 3)[..., -1] = 0
    return columns


def test_nothing_is_said_without_calls() -> None:
    assert explain.explain(failed(), _TARGET, ["scipy"]) == Explanation("", [], "", "")


def test_the_first_wrong_call_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(explain, "standalone", lambda *given: "a script")
    right, wrong = a_call("im2col", "0"), a_call("im2col", "1", without_last_column)
    later = a_call("im2col", "2", np.negative)
    assert explain.explain(failed(right, wrong, later), _TARGET) == Explanation(
        "only the last output column", ["..#..#..#"] * 2, "", "a script", "numbers"
    )
    assert explain.explain(failed(right, later, wrong), _TARGET) == Explanation(
        "every element; this is exactly what you get when every value is multiplied by -1", ["#########"] * 2, "",
        "a script", "numbers",
    )  # fmt: skip
    assert explain.explain(failed(right, right), _TARGET) == Explanation("", [], "", "a script")


def test_a_mistake_is_told_without_a_pattern(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(explain, "standalone", lambda *given: "")
    monkeypatch.setattr(where, "describe", lambda *given: "")
    assert explain.explain(failed(a_call("im2col", "0", np.negative)), _TARGET).pattern == (
        "this is exactly what you get when every value is multiplied by -1"
    )


def test_everybody_is_asked_about_the_same_call_and_numerics(monkeypatch: pytest.MonkeyPatch) -> None:
    heard: list[object] = []
    mask = np.ones(_SPEC.columns_shape, bool)

    def script(calls: Sequence[RecordedCall], case: str, text: str, *rest: object) -> str:
        heard.append((len(calls), case, text, *rest))
        return "a script"

    def wrong(call: RecordedCall, numerics: Numerics) -> Array | None:
        heard.append(("wrong", call.op, numerics))
        return None if call.op == "col2im" else mask

    def likely(call: RecordedCall, numerics: Numerics) -> str:
        heard.append(("likely", call.op, numerics))
        return "likely"

    monkeypatch.setattr(explain, "standalone", script)
    monkeypatch.setattr(where, "wrong", wrong)
    monkeypatch.setattr(mistakes, "likely", likely)
    explain.explain(
        failed(a_call("col2im", "0"), a_call("im2col", "0"), numerics="fft", takes_bias=False), _TARGET, mistake="named"
    )
    case = f"values.exact/im2col/float32/{_SPEC}"
    assert heard == [
        (2, case, "they differ", _TARGET, "fft", False, "named"), ("wrong", "col2im", "fft"),
        ("wrong", "im2col", "fft"), ("likely", "im2col", "fft"),
    ]  # fmt: skip


def test_libraries_vote_on_the_wrong_call_and_its_result(monkeypatch: pytest.MonkeyPatch) -> None:
    def cast(op: Op, spec: ConvSpec, arrays: tuple[Array, ...], got: Array, names: list[str]) -> list[str]:
        return [op, str(spec), f"{arrays[0].shape}", f"{int(np.abs(got).sum())}", *names]

    monkeypatch.setattr(vote, "cast_votes", cast)
    monkeypatch.setattr(vote, "odd_one_out", " ".join)
    monkeypatch.setattr(explain, "standalone", lambda *given: "")
    spoilt = a_call("im2col", "0", np.ones_like)
    asked = [explain.explain(failed(spoilt), _TARGET, names).witnesses for names in (["a", "b"], [])]
    assert asked == [f"im2col {_SPEC} (2, 1, 3, 4) 36 a b", ""]
    assert explain.explain(failed(spoilt), _TARGET).witnesses == ""
    real = a_call("im2col", "0", np.ones_like, real=True)
    assert explain.explain(failed(real), _TARGET, ["a"]).witnesses == ""


def test_without_a_bias_a_call_is_voted_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(vote, "cast_votes", lambda *given: [])
    monkeypatch.setattr(vote, "odd_one_out", lambda votes: "odd")
    x, w, b = data.exact("conv2d", _SPEC, "float32", "0")
    for arrays, said in (((x, w, None), "odd"), ((x, w, b + np.float32(0.5)), "")):
        assert explain._voted(RecordedCall("conv2d", _SPEC, arrays, CallResult()), ["a"]) == said
