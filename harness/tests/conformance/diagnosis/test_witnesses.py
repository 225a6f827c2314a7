"""Libraries agree with the oracle, a vote names the odd one out, and the comparison lists who disagrees."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from conformance.cases.specs import ALL, DISTINCT
from conformance.checks.outcomes import RecordedCall
from conformance.diagnosis import compare_libraries, explain, vote
from conformance.diagnosis.libraries import witnesses
from conformance.diagnosis.libraries.common import Arrays, CannotDoIt
from conformance.diagnosis.vote import Vote, cast_votes, odd_one_out
from harness.calls.caller import CallResult
from harness.geometry.spec import OPS, ConvSpec, Op
from harness.oracle import by_taps, data

_SPEC = DISTINCT[0]
# What each library is expected to do: one that falls silent would agree with everything.
_DOES: dict[str, set[Op]] = {
    "torch": set(OPS),
    "scipy": set(OPS) - {"conv2d_bias_grad"},
    "jax": set(OPS),
    "onnxruntime": {"im2col", "col2im", "conv2d"},
}


def need(name: str) -> None:
    """Skip where a library is not installed."""
    if witnesses.missing(name):
        pytest.skip(witnesses.missing(name))


def arrays_of(op: Op, spec: ConvSpec) -> tuple[np.ndarray, ...]:
    """Whole-number data."""
    return data.exact(op, spec, "float32", f"test/{op}/{spec}")


def votes_with(*values: tuple[str, int]) -> list[Vote]:
    """Votes on a result of one number; equal numbers agree."""
    return [Vote(name, np.array([value]), value == values[0][1]) for name, value in values]


@pytest.mark.parametrize("op", OPS)
@pytest.mark.parametrize("name", witnesses.COMPUTE)
def test_every_witness_agrees_with_the_oracle(name: str, op: Op) -> None:
    need(name)
    for spec in [*DISTINCT, ALL["empty_batch"], ALL["stride_beyond_input"], ALL["pad_beyond_kernel"]]:
        arrays = arrays_of(op, spec)
        if op not in _DOES[name]:
            with pytest.raises(CannotDoIt):
                witnesses.COMPUTE[name](op, spec, arrays)
        else:
            assert np.array_equal(witnesses.COMPUTE[name](op, spec, arrays), by_taps.run(op, spec, *arrays)), spec


@pytest.mark.parametrize("name", witnesses.COMPUTE)
def test_a_witness_takes_no_bias(name: str) -> None:
    need(name)
    x, w, _ = arrays_of("conv2d", _SPEC)
    expected = by_taps.run("conv2d", _SPEC, x, w, None)
    assert np.array_equal(witnesses.COMPUTE[name]("conv2d", _SPEC, (x, w, None)), expected)


def test_float32_is_not_asked_for_what_it_cannot_hold() -> None:
    need("onnxruntime")
    x, w, b = arrays_of("conv2d", _SPEC)
    with pytest.raises(CannotDoIt, match="float32"):
        witnesses.COMPUTE["onnxruntime"]("conv2d", _SPEC, (x * 2.0**20, w, b))


@pytest.mark.parametrize("op", OPS)
def test_a_spoilt_result_is_the_odd_one_out(op: Op) -> None:
    arrays = arrays_of(op, _SPEC)
    got = by_taps.run(op, _SPEC, *arrays)
    right = cast_votes(op, _SPEC, arrays, got)
    if sum(v.value is not None for v in right) < 3:
        pytest.skip("no library is installed that does this op")
    assert "odd" not in odd_one_out(right)
    assert {v.note for v in right if v.value is not None} == {""}
    got.flat[3] += 1
    votes = cast_votes(op, _SPEC, arrays, got)
    assert odd_one_out(votes).endswith(" agree; the backend is the odd one out")
    assert odd_one_out(votes).startswith("the oracle")
    assert [v.name for v in votes if v.value is not None and not v.agrees_with_oracle] == ["the backend"]
    assert "1 of" in votes[-1].note


@pytest.mark.parametrize("backend_too", [False, True])
def test_a_spoilt_oracle_is_the_odd_one_out(backend_too: bool) -> None:
    arrays = arrays_of("col2im", _SPEC)
    right = by_taps.run("col2im", _SPEC, *arrays)
    first, *others = cast_votes("col2im", _SPEC, arrays, right + 1 if backend_too else right)
    if sum(v.agrees_with_oracle and v.name != "the backend" for v in others) < 2:
        pytest.skip("fewer than two libraries are installed")
    said = odd_one_out([replace(first, value=right + 1), *others])
    assert "the oracle" in said.partition("agree;")[2]
    assert ("the backend" in said.partition("agree;")[2]) == backend_too


@pytest.mark.parametrize(
    ("votes", "said"),
    [
        (votes_with(("the oracle", 1), ("a", 1), ("the backend", 1)), "the oracle, a and the backend agree"),
        (votes_with(("the oracle", 1), ("a", 1), ("b", 2)), "the oracle and a agree; b is the odd one out"),
        (
            votes_with(("the oracle", 1), ("a", 1), ("b", 2), ("the backend", 3)),
            "the oracle and a agree; b and the backend are the odd ones out",
        ),
        (votes_with(("the oracle", 1), ("the backend", 2)), "no majority: the oracle against the backend"),
        # The backend does not tip the scales.
        (
            votes_with(("the oracle", 1), ("a", 2), ("the backend", 2)),
            "no majority: the oracle against a and the backend",
        ),
        (votes_with(("the oracle", 1)), "only the oracle says anything"),
    ],
)
def test_the_sentence(votes: list[Vote], said: str) -> None:
    assert odd_one_out([*votes, Vote("silent", None, False, "cannot")]) == said


def test_libraries_are_asked_about_whole_numbers_alone_and_only_if_any_are_named(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Of real numbers all differ a little."""
    monkeypatch.setattr(vote, "odd_one_out", lambda votes: f"{len(votes)} votes")
    monkeypatch.setattr(vote, "cast_votes", lambda op, spec, arrays, got, names: [*names, got])
    whole, real = (make("im2col", _SPEC, "float32", "0") for make in (data.exact, data.real))
    for arrays, names, said in ((whole, ["a", "b"], "3 votes"), (real, ["a", "b"], ""), (whole, [], "")):
        call = RecordedCall("im2col", _SPEC, arrays, CallResult(result=np.zeros(_SPEC.columns_shape, "f4")))
        assert explain._voted(call, names) == said


def test_a_result_of_another_shape_disagrees() -> None:
    arrays = arrays_of("im2col", _SPEC)
    last = cast_votes("im2col", _SPEC, arrays, np.zeros((1, 1)))[-1]
    assert not last.agrees_with_oracle
    assert last.note.startswith("shape (1, 1) instead of")


def test_a_library_that_raises_is_silent(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(op: Op, spec: ConvSpec, arrays: Arrays) -> np.ndarray:
        raise RuntimeError("no such kernel")

    monkeypatch.setattr(witnesses, "COMPUTE", {"json": broken})
    silent = cast_votes("im2col", _SPEC, arrays_of("im2col", _SPEC))[1]
    assert (silent.value, silent.note) == (None, "raised RuntimeError: no such kernel")


def test_a_disagreement_is_listed_and_fails_the_run(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def wrong(op: Op, spec: ConvSpec, arrays: Arrays) -> np.ndarray:
        return by_taps.run(op, spec, *arrays) + (op == "col2im")

    monkeypatch.setattr(witnesses, "COMPUTE", {"json": wrong})
    monkeypatch.setattr(compare_libraries, "ALL", {"one": ALL["plain"]})
    assert compare_libraries.main([]) == 1
    shown = capsys.readouterr().out
    assert f"json DISAGREES on col2im/{ALL['plain']}: 252 of 252 elements differ" in shown
    assert shown.count("DISAGREES") == 1


def test_samples_are_hashed_and_valid() -> None:
    many = compare_libraries.sample(40)
    assert many[:5] == compare_libraries.sample(5)
    assert len(set(many)) == 40
    assert any(s.padding[0] != s.padding[1] for s in many)
    assert any(s.groups > 1 and s.dilation != (1, 1) for s in many)


def test_missing_libraries_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(witnesses, "COMPUTE", {"no_such_library": None})
    assert witnesses.available() == {"no_such_library": "No module named 'no_such_library'"}
