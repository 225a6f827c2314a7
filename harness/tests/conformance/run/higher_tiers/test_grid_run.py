"""The grid over several backends side by side: what each refuses, fails and raises is counted for it alone."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext

import numpy as np
import pytest

from conformance.cases.grids import grid
from conformance.cases.grids.axis import Setting
from conformance.cases.shard import Shard
from conformance.run import grid_run
from conformance.run.plan import plan_grid
from conformance.run.results import BackendResult, CaseCounts, CheckKey
from harness.calls.caller import Arrays, CallResult, Conditions
from harness.contract.status import Status
from harness.geometry.spec import ConvSpec, Op
from harness.oracle import data
from harness.tests.helpers.faults import faults_tiers, faulty
from harness.tests.helpers.suite.fakes import Clock, FakeCaller, one_too_many, right

pytestmark = pytest.mark.usefixtures("small_grid")
_SPECS = 49
_LONG = 5  # rows of the largest images: 14 of the 49 have them


def planned(*ops: Op, dtypes: tuple[str, ...] = (), shard: Shard | None = None) -> BackendResult:
    """A plan of the small grid for these ops."""
    result = BackendResult("fake", True)
    plan_grid(result, ops, dtypes, shard or Shard())
    return result


def alone(caller: FakeCaller, *ops: Op) -> CaseCounts:
    """The counts of one backend and op in float32."""
    result = planned(*(ops or ("im2col",)))
    grid_run.run([(caller, result)])
    return result.counted[0]


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """The clock of the run."""
    made = Clock()
    monkeypatch.setattr(grid_run, "time", made)
    return made


def test_every_geometry_is_asked_once_for_each_op_and_dtype() -> None:
    caller = FakeCaller()
    result = planned("im2col", "col2im", dtypes=("float32", "float64"))
    grid_run.run([(caller, result)])
    specs = {str(spec) for spec in grid.geometries()}
    assert len(specs) == _SPECS
    for op in ("im2col", "col2im"):
        assert sorted(text for asked, text, _ in caller.called if asked == op) == sorted([*specs, *specs])
    assert {str(one.key): one.counts for one in result.counted} == {
        f"values.grid/{op}/{dtype}": {Status.PASS: 49, Status.NOT_RUN: 0}
        for op in ("im2col", "col2im") for dtype in ("float32", "float64")
    }  # fmt: skip
    assert (result.verdict, result.cuts) == ("pass", [])


def test_inputs_are_those_of_the_dtype() -> None:
    seen = set()

    def answer(op: Op, spec: ConvSpec, arrays: Arrays, conditions: Conditions) -> CallResult:
        seen.add((op, len(arrays), *(str(a.dtype) for a in arrays if a is not None)))
        return right(op, spec, arrays, conditions)

    grid_run.run([(FakeCaller(answers=answer), planned("im2col", "conv2d", dtypes=("float64",)))])
    assert seen == {("im2col", 1, "float64"), ("conv2d", 3, "float64", "float64", "float64")}


def test_inputs_are_the_same_on_every_machine_and_differ_from_geometry_to_geometry() -> None:
    given: dict[str, bytes] = {}

    def answer(op: Op, spec: ConvSpec, arrays: Arrays, conditions: Conditions) -> CallResult:
        assert arrays[0] is not None
        given[str(spec)] = arrays[0].tobytes()
        return right(op, spec, arrays, conditions)

    alone(FakeCaller(answers=answer))
    (same,) = data.pooled("im2col", ConvSpec.parse(next(iter(given))), "float32", next(iter(given)))
    assert given[next(iter(given))] == same.tobytes()
    assert len(set(given.values())) == _SPECS


def _long_images_wrong(op: Op, spec: ConvSpec, arrays: Arrays, conditions: Conditions) -> CallResult:
    return (one_too_many if spec.input_size[0] == _LONG else right)(op, spec, arrays, conditions)


def test_failures_are_counted_and_the_first_twenty_kept() -> None:
    counts = alone(FakeCaller(answers=_long_images_wrong))
    assert counts.counts == {Status.FAIL: 14, Status.PASS: 35, Status.NOT_RUN: 0}
    assert [kept.status for kept in counts.kept] == [Status.FAIL] * 14
    for kept in counts.kept:
        assert kept.case.spec.input_size[0] == _LONG
        assert kept.detail.startswith(f"1 of {np.prod(kept.case.spec.columns_shape)} elements differ")
        assert [call.spec for call in kept.calls] == [kept.case.spec]
    counts = alone(FakeCaller(answers=one_too_many))
    assert (counts.counts[Status.FAIL], len(counts.kept)) == (49, 20)
    assert [kept.case.spec for kept in counts.kept] == list(grid.geometries())[:20]


def test_refusals_are_counted_by_their_reasons_and_not_called() -> None:
    def refuses(op: Op, spec: ConvSpec, dtype: str) -> str | None:
        tall, stride = spec.input_size[0] == _LONG, spec.stride[1] > 1
        return "tall" if tall else f"stride of {op}" if stride else None

    caller = FakeCaller(refuses=refuses)
    counts = alone(caller)
    assert counts.counts == {Status.UNSUPPORTED: 24, Status.PASS: 25, Status.NOT_RUN: 0}
    assert counts.refusals == {"tall": 14, "stride of im2col": 10}
    assert len(caller.called) == 25
    assert counts.kept == []


@pytest.mark.parametrize("error", [ValueError("odd"), SystemExit("odd")])
def test_a_backend_that_raises_when_asked_has_failed(error: BaseException) -> None:
    def refuses(op: Op, spec: ConvSpec, dtype: str) -> str | None:
        if spec.input_size[0] == _LONG:
            raise error
        return None

    counts = alone(FakeCaller(refuses=refuses))
    assert counts.counts == {Status.FAIL: 14, Status.PASS: 35, Status.NOT_RUN: 0}
    assert {kept.detail for kept in counts.kept} == {
        f"unsupported('im2col', ..) raised {type(error).__name__}: {error}"
    }


def test_a_call_that_raises_or_has_no_right_form_is_a_failure_with_its_text() -> None:
    def answer(op: Op, spec: ConvSpec, arrays: Arrays, conditions: Conditions) -> CallResult:
        if spec.input_size == (5, 5):
            return CallResult(error="ValueError: odd")
        if spec.input_size[0] == _LONG:
            return CallResult(result=np.zeros((1, 1), np.float32))
        return right(op, spec, arrays, conditions)

    counts = alone(FakeCaller(answers=answer))
    assert counts.counts == {Status.FAIL: 14, Status.PASS: 35, Status.NOT_RUN: 0}
    texts = [kept.detail for kept in counts.kept]
    assert texts.count("im2col raised ValueError: odd") == 4
    assert sum(text.startswith("im2col returned shape (1, 1), the spec asks for (2, ") for text in texts) == 10


def test_backends_are_counted_apart_each_for_its_own_plan() -> None:
    """The second is not asked for what only the first has planned."""
    good, bad = FakeCaller(), FakeCaller(answers=_long_images_wrong)
    first, second = planned("im2col", "col2im"), planned("col2im")
    told: list[int] = []
    grid_run.run([(good, first), (bad, second)], progress=told.append)
    assert [+one.counts for one in first.counted] == [{Status.PASS: 49}] * 2
    assert [+one.counts for one in second.counted] == [{Status.FAIL: 14, Status.PASS: 35}]
    assert ({op for op, _, _ in bad.called}, told) == ({"col2im"}, [147])


def test_backends_of_the_same_plan_are_counted_apart() -> None:
    callers = [FakeCaller(), FakeCaller(answers=_long_images_wrong), FakeCaller(refuses=lambda op, spec, dtype: "no")]
    results = [planned("im2col", "col2im") for _ in callers]
    grid_run.run(list(zip(callers, results, strict=True)))
    assert [[+one.counts for one in result.counted] for result in results] == [
        [{Status.PASS: 49}] * 2, [{Status.FAIL: 14, Status.PASS: 35}] * 2, [{Status.UNSUPPORTED: 49}] * 2
    ]  # fmt: skip
    assert [result.verdict for result in results] == ["pass", "fail", "incomplete"]


def test_only_the_counts_of_the_grid_are_touched() -> None:
    result = planned("im2col")
    other = CaseCounts.of(CheckKey("values.random", "im2col", "float32"), 5)
    result.counted.insert(0, other)
    assert result.counted_of(grid.CHECK_ID)
    grid_run.run([(FakeCaller(), result)])
    assert other.counts == {Status.NOT_RUN: 5}
    assert not BackendResult("fake", True, counted=[other]).counted_of(grid.CHECK_ID)


def test_a_part_of_the_grid_is_run_alone() -> None:
    sizes = []
    for index in (1, 2, 3):
        result = planned("im2col", shard=Shard(index, 3))
        grid_run.run([(FakeCaller(), result)], Shard(index, 3))
        sizes.append((result.executed, result.planned))
    assert sizes == [(15, 15), (20, 20), (14, 14)]


# -- progress, time, interruption ------------------------------------------------------------------------------------


def test_progress_is_told_now_and_then_and_of_the_last_cases(monkeypatch: pytest.MonkeyPatch) -> None:
    """Four cases a geometry: two ops and two backends."""
    monkeypatch.setattr(grid_run, "_REPORT_EVERY", 40)
    told: list[int] = []
    results = [planned("im2col", "col2im") for _ in range(2)]
    grid_run.run([(FakeCaller(), result) for result in results], progress=told.append)
    assert told == [40, 40, 40, 40, 36]


def test_seconds_are_those_of_each_op_and_backend(clock: Clock) -> None:
    def takes(seconds: dict[Op, float]) -> FakeCaller:
        def answer(op: Op, spec: ConvSpec, arrays: Arrays, conditions: Conditions) -> CallResult:
            clock.pass_by(seconds[op])
            return right(op, spec, arrays, conditions)

        return FakeCaller(answers=answer)

    results = [planned("im2col", "col2im") for _ in range(2)]
    results[1].seconds = 7.0
    grid_run.run([
        (takes({"im2col": 1.0, "col2im": 0.5}), results[0]), (takes({"im2col": 2.0, "col2im": 0.25}), results[1])
    ])  # fmt: skip
    assert [[one.seconds for one in result.counted] for result in results] == [[49.0, 24.5], [98.0, 12.25]]
    assert [result.seconds for result in results] == [73.5, 117.25]


def _a_second(clock: Clock) -> FakeCaller:
    def answer(op: Op, spec: ConvSpec, arrays: Arrays, conditions: Conditions) -> CallResult:
        clock.pass_by(1.0)
        return right(op, spec, arrays, conditions)

    return FakeCaller(answers=answer)


def test_a_budget_ends_the_grid_and_says_what_it_cut(clock: Clock) -> None:
    """Two seconds a geometry; one begins as long as no more than the budget has gone."""
    result = planned("im2col", "col2im")
    told: list[int] = []
    grid_run.run([(_a_second(clock), result)], progress=told.append, budget=10.0)
    assert [one.counts for one in result.counted] == [{Status.PASS: 6, Status.NOT_RUN: 43}] * 2
    assert result.cuts == ["43 geometries of the grid were cut by the budget"]
    assert (result.verdict, told, result.seconds) == ("incomplete", [12], 12.0)


def test_a_budget_that_suffices_cuts_nothing(clock: Clock) -> None:
    result = planned("im2col")
    grid_run.run([(_a_second(clock), result)], budget=1000.0)
    assert (result.cuts, result.verdict) == ([], "pass")


def test_an_interruption_keeps_what_is_finished_and_is_no_cut_by_the_budget() -> None:
    turns = iter(range(1000))

    def answer(op: Op, spec: ConvSpec, arrays: Arrays, conditions: Conditions) -> CallResult:
        if next(turns) == 12:
            raise KeyboardInterrupt
        return right(op, spec, arrays, conditions)

    result = planned("im2col")
    with pytest.raises(KeyboardInterrupt):
        grid_run.run([(FakeCaller(answers=answer), result)], budget=1e9)
    assert result.counted[0].counts == {Status.PASS: 12, Status.NOT_RUN: 37}
    assert (result.cuts, result.verdict) == ([], "incomplete")


@pytest.mark.parametrize("threads", [None, 3])
def test_it_runs_on_one_thread_unless_asked_otherwise(threads: int | None, monkeypatch: pytest.MonkeyPatch) -> None:
    events: list[object] = []

    def limit(number: int) -> AbstractContextManager[None]:
        events.append(number)
        return nullcontext()

    def answer(op: Op, spec: ConvSpec, arrays: Arrays, conditions: Conditions) -> CallResult:
        events.append("call")
        return right(op, spec, arrays, conditions)

    monkeypatch.setattr(grid_run, "thread_limit", limit)
    how = {} if threads is None else {"threads": threads}
    grid_run.run([(FakeCaller(answers=answer), planned("im2col"))], **how)  # type: ignore[arg-type]
    assert events[:2] == [threads or 1, "call"]
    assert events.count("call") == _SPECS


def test_numpy_does_not_warn_of_what_is_on_purpose() -> None:
    def answer(op: Op, spec: ConvSpec, arrays: Arrays, conditions: Conditions) -> CallResult:
        assert np.isnan(np.zeros(1) / np.zeros(1)).all()
        return right(op, spec, arrays, conditions)

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert alone(FakeCaller(answers=answer)).counts[Status.PASS] == _SPECS


# -- on the whole grid -----------------------------------------------------------------------------------------------


def test_it_sees_what_the_standing_plan_does_not(monkeypatch: pytest.MonkeyPatch) -> None:
    """A single row with a dilation, and strides of three both ways: on a part of the grid that has them."""
    single: list[Setting] = [(1, 2, 3, 1, 1, 2), (4, 2, 3, 0, 1, 1), (5, 3, 2, 1, 1, 2)]
    monkeypatch.setattr(grid, "settings", lambda: single)
    grid.size.cache_clear()
    result = planned("im2col")
    grid_run.run([(faulty.load(faults_tiers.FAULTS["dilation_lost_on_a_single_row"][0]), result)])
    assert result.counted[0].counts == {Status.FAIL: 2, Status.PASS: 7, Status.NOT_RUN: 0}
    rows = [(kept.case.spec.input_size[0], kept.case.spec.stride) for kept in result.counted[0].kept]
    assert rows == [(1, (3, 3))] * 2


def _sizes() -> Iterator[tuple[int, int]]:
    return (spec.input_size for spec in grid.geometries())


def test_the_small_grid_is_what_these_tests_take_it_for() -> None:
    assert sum(rows == _LONG for rows, _ in _sizes()) == 14
    assert sum(size == (5, 5) for size in _sizes()) == 4
