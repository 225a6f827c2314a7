"""What this machine has no memory for is not run, before any array is made, and is nobody's fault."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from conformance.cases import room
from conformance.cases.case import Case
from conformance.cases.data import case_data
from conformance.cases.selection import Selection
from conformance.run.engine import run
from conformance.run.plan import plan
from conformance.run.suite_run import Options, SuiteRun
from harness.calls.caller import CallResult
from harness.calls.in_process import InProcess
from harness.calls.limits import memory
from harness.contract import registry
from harness.contract.status import Status, Verdict
from harness.contract.targets import resolve
from harness.geometry.spec import ConvSpec
from harness.oracle import by_taps, data

_HUGE = ConvSpec.parse("n1c1h100000w100000_f1kh3kw3")
_SMALL = ConvSpec.parse("n1c2h5w5_f2kh2kw2")
_GIB = 2**30


def caller() -> InProcess:
    """A right backend, here."""
    return InProcess(registry.load("numpy_fancy"))


def test_what_is_needed_is_asked_by_the_kind_of_the_case(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[float] = []

    def shortage(needed: float) -> str:
        asked.append(needed)
        return "too little"

    monkeypatch.setattr(memory, "shortage", shortage)
    for check in ("values.exact", "values.layer", "contract.large_index"):
        assert room.shortage(Case(check, "im2col", "float32", _HUGE)) == "too little"
    least = 2 * _HUGE.min_bytes("im2col", "float32")  # of full-size layers: the inputs and the result, twice
    assert asked == [memory.judged("im2col", _HUGE, "float32"), least, least]


def test_a_geometry_without_the_memory_is_not_run_and_the_others_are(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[ConvSpec] = []
    exact = data.exact

    def watched(op: Any, spec: ConvSpec, *of: Any) -> Any:
        made.append(spec)
        return exact(op, spec, *of)

    monkeypatch.setattr(data, "exact", watched)
    monkeypatch.setattr(memory, "available", lambda: 3 * _GIB)
    selection = Selection(ops=["im2col"], dtypes=["float32"], specs=[_HUGE, _SMALL], pattern="values.exact")
    result = plan(caller(), selection)
    run(caller(), result)
    huge, small = sorted(result.cases, key=lambda one: one.case.spec != _HUGE)
    assert (huge.status, small.status) == (Status.NOT_RUN, Status.PASS)
    needed = 4 * (3 * 10**10 + 2 * 9 * 99_998**2) + 8 * (2 * 10**10 + 9 * 99_998**2)
    assert huge.detail == f"it needs {needed / _GIB:,.0f} GiB of 3 GiB free memory"
    assert set(made) <= {_SMALL}
    assert (result.verdict, result.reason) == (Verdict.INCOMPLETE, huge.detail)


def test_an_oracle_without_memory_judges_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    def none_left(*of: object, **more: object) -> None:
        raise MemoryError("9 GiB")

    monkeypatch.setattr(by_taps, "run", none_left)
    selection = Selection(ops=["conv2d"], dtypes=["float32"], specs=[_SMALL], pattern="values.exact", seed=990)
    result = plan(caller(), selection)
    run(caller(), result)
    assert {one.status for one in result.cases} == {Status.NOT_RUN}
    assert {one.detail for one in result.cases} == {"there was not enough memory to judge it: 9 GiB"}
    assert result.verdict is Verdict.INCOMPLETE


def test_sums_too_long_to_be_exact_are_not_judged(monkeypatch: pytest.MonkeyPatch) -> None:
    backend = caller()
    monkeypatch.setattr(backend, "unsupported", lambda op, spec, dtype: None)
    spec = ConvSpec.parse("n1c5000h2w2_f1kh2kw2")  # 20,000 terms; float16 counts to 2048
    result = plan(backend, Selection(ops=["conv2d"], dtypes=["float16"], specs=[spec], pattern="values.exact"))
    run(backend, result)
    assert {one.status for one in result.cases} == {Status.NOT_RUN}
    text = "nothing exact can be asked: sums of 20000 terms are not exact in float16"
    assert (result.verdict, result.reason) == (Verdict.INCOMPLETE, text)


@pytest.mark.parametrize(("starved", "status"), [(True, Status.NOT_RUN), (False, Status.FAIL)])
def test_to_run_out_of_all_memory_is_no_fault(starved: bool, status: Status, monkeypatch: pytest.MonkeyPatch) -> None:
    error = CallResult(error="MemoryError: 8 GiB (no more memory is free)", starved=starved)
    backend = caller()
    monkeypatch.setattr(backend, "call", lambda *of: error)
    result = plan(backend, Selection(ops=["im2col"], dtypes=["float32"], specs=[_SMALL], pattern="values.exact"))
    run(backend, result)
    (found,) = result.cases
    assert (found.status, found.detail) == (status, f"im2col raised {error.error}")


def test_only_small_arrays_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    """Thousands of cases of a large geometry would fill memory."""
    counted = {True: 0, False: 0}
    exact = data.exact

    def counting(op: Any, spec: ConvSpec, *of: Any) -> Any:
        counted[spec == _SMALL] += 1
        return exact(op, spec, *of)

    monkeypatch.setattr(data, "exact", counting)
    large = ConvSpec.parse("n1c2h300w300_f1kh2kw2")
    assert large.min_bytes("im2col", "float32") > 2**20 > _SMALL.min_bytes("im2col", "float32")
    for spec in (_SMALL, large):
        case = Case("values.exact", "im2col", "float32", spec, seed=77)
        first, second = (case_data.exact_expected(case) for _ in range(2))
        assert np.array_equal(first, second)
        assert (first is second) == (spec == _SMALL)
        assert not first.flags.writeable
    assert counted == {True: 1, False: 2}


def test_an_interrupted_run_says_so_where_anything_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    """One backend was through, the other was not."""
    suite_run = SuiteRun(Options(Selection(ops=["im2col"], dtypes=["float32"], tier=0)))
    for name in ("numpy_fancy", "naive_loops"):
        suite_run.add(resolve(name))
    done: list[str] = []

    def progress(cases: int, check_id: str) -> None:
        done.append(check_id)
        if len(done) == suite_run.backends[0].result.planned + 2:
            raise KeyboardInterrupt

    assert suite_run.run_until_interrupted(progress)
    first, second = (backend.result for backend in suite_run.backends)
    assert (first.verdict, first.cuts) == (Verdict.PASS, [])
    assert (second.verdict, second.executed) == (Verdict.INCOMPLETE, 2)
    assert second.reason == "the run was interrupted"
    assert not suite_run.run_until_interrupted(lambda cases, check_id: None)
    assert second.executed == second.planned


# x and y of this one have as many elements; w has 9 and b has 3.
_WIDE = ConvSpec.parse("n2c3h2000w3000_f3kh1kw1")
_X = 2 * 3 * 2000 * 3000


@pytest.mark.parametrize(
    ("check", "needed"),
    [
        ("values.exact", 4 * (3 * (_X + 9 + 3) + 2 * _X) + 8 * (_X + 9 + 3 + _X + _X)),
        ("values.layer", 2 * 4 * (_X + 9 + 3 + _X)), ("contract.large_index", 2 * 4 * (_X + 9 + 3 + _X)),
    ],
)  # fmt: skip
def test_a_case_may_have_just_the_memory_that_it_needs(
    check: str, needed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    case = Case(check, "conv2d", "float32", _WIDE)
    monkeypatch.setattr(memory, "available", lambda: needed)
    assert room.shortage(case) == ""
    monkeypatch.setattr(memory, "available", lambda: needed - 1)
    assert room.shortage(case).startswith("it needs ")
