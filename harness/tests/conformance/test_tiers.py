"""The higher tiers: the grid is whole, search finds and shrinks, full-size layers are sampled; budgets and shards."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from functools import partial
from types import ModuleType, SimpleNamespace

import pytest

from conformance.cases import full_size
from conformance.cases.case import RANDOM, SelectionError
from conformance.cases.grids import grid
from conformance.cases.selection import Selection
from conformance.cases.shard import WHOLE, Shard
from conformance.cases.specs import DISTINCT
from conformance.checks import under_test
from conformance.reports.merging import merge
from conformance.reports.summary import backend_report
from conformance.run import engine, grid_run, search, xfails
from conformance.run.plan import plan, plan_full_size, plan_grid, plan_random
from conformance.run.results import BackendResult
from conformance.run.suite_run import BackendRun, Options, SuiteRun
from harness.calls.in_process import InProcess
from harness.contract import registry
from harness.contract.status import Status
from harness.contract.targets import resolve
from harness.geometry.layers import Layer
from harness.geometry.spec import OPS, ConvSpec, Op
from harness.tests.helpers.faults import faults_tiers, faulty
from harness.tests.helpers.plugins import called

pytestmark = pytest.mark.heavy

_SLICE = Shard(7, 500)


def suite_run(kind: type[faulty.Right], known: Sequence[xfails.KnownFailure] = (), **selection: object) -> SuiteRun:
    """A run over one faulty backend, planned."""
    made = SuiteRun(Options(Selection(**selection), known=known))  # type: ignore[arg-type]
    made.add_open(called("faulty"), faulty.load(kind))
    return made


def ticking(monkeypatch: pytest.MonkeyPatch, module: ModuleType) -> None:
    """A clock for one module that goes on by a second whenever it is looked at: a case takes three."""
    monkeypatch.setattr(module, "time", SimpleNamespace(monotonic=partial(next, itertools.count())))


# -- tier 0 --------------------------------------------------------------------------------------------------------


def test_tier_0_is_few_distinct_cases_with_real_numbers() -> None:
    backend = InProcess(registry.load("numpy_fancy"))
    result = engine.run(backend, plan(backend, Selection(tier=0)))
    assert result.verdict == "pass"
    assert {p.case.spec for p in result.cases} == set(DISTINCT)
    assert {"values.real", "values.exact", "contract.dtype"} <= {p.case.check for p in result.cases}


def test_tier_0_comes_first() -> None:
    cases = plan(faulty.load(faulty.Right)).cases
    first = plan(faulty.load(faulty.Right), Selection(tier=0)).cases
    assert [p.case for p in cases[: len(first)]] == [p.case for p in first]


# -- the grid ------------------------------------------------------------------------------------------------------


def test_the_grid_is_every_pair_of_settings_once() -> None:
    assert len(grid.settings()) == 594
    assert grid.size() == 352_836
    assert len({grid.text_of(*pair) for pair in grid.pairs(Shard())}) == 352_836


def test_shards_share_the_grid_out() -> None:
    parts = [set(grid.pairs(Shard(k, 3))) for k in (1, 2, 3)]
    assert sum(map(len, parts)) == len(set.union(*parts)) == 352_836
    assert min(map(len, parts)) > 100_000


@pytest.mark.parametrize("name", ["numpy_fancy", "numba_tiled", "torch_native", "matlab_loop", "naive_loops"])
def test_a_slice_of_the_grid(name: str) -> None:
    backend, result = InProcess(registry.load(name)), BackendResult(name, True)
    shard = Shard(7, {"numba_tiled": 500, "naive_loops": 5000}.get(name, 2000))
    plan_grid(result, (), (), shard)
    assert result.counts[Status.NOT_RUN] == result.planned == 6 * grid.size(shard) > 300
    grid_run.run([(backend, result)], shard)
    assert result.counts[Status.PASS] == result.planned, [p.detail for t in result.counted for p in t.kept][:3]
    assert result.verdict == "pass"


def test_the_grid_sees_what_the_standing_plan_does_not() -> None:
    backend = faulty.load(faults_tiers.FAULTS["dilation_lost_on_a_single_row"][0])
    assert engine.run(backend, plan(backend, Selection(ops=["im2col"]))).verdict == "pass"
    result = BackendResult("faulty", True)
    plan_grid(result, ["im2col"], [], _SLICE)
    grid_run.run([(backend, result)], _SLICE)
    assert result.verdict == "fail"
    case = result.counted[0].kept[0].case
    again = engine.run(backend, plan(backend, Selection(pattern=str(case))))
    assert again.counts[Status.FAIL] == 1


@pytest.mark.parametrize("threads", [1, 3])
def test_the_grid_runs_on_as_many_threads_as_asked_for(threads: int, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[int] = []

    def limit(number: int) -> AbstractContextManager[None]:
        asked.append(number)
        return nullcontext()

    monkeypatch.setattr(grid_run, "thread_limit", limit)
    made = SuiteRun(Options(Selection(tier=2, shard=_SLICE, pattern=grid.CHECK_ID, ops=["im2col"]), threads=threads))
    made.add(resolve("numpy_fancy"), True)
    made.run()
    assert asked == [threads]
    assert made.backends[0].result.verdict == "pass"


def test_a_grid_that_is_cut_is_incomplete(monkeypatch: pytest.MonkeyPatch) -> None:
    backend, result = faulty.load(faulty.Right), BackendResult("faulty", True)
    plan_grid(result, ["im2col"], [], WHOLE)
    ticking(monkeypatch, grid_run)
    grid_run.run([(backend, result)], budget=100)
    assert result.verdict == "incomplete"
    assert "geometries of the grid were cut by the budget" in result.reason
    assert 0 < result.executed < result.planned == 352_836


# -- search --------------------------------------------------------------------------------------------------------


def test_search_is_decided_by_its_seed() -> None:
    class Remembers(faulty.Right):
        seen: list[ConvSpec] = []  # noqa: RUF012

        def im2col(self, x: object, spec: ConvSpec) -> object:
            self.seen.append(spec)
            return super().im2col(x, spec)  # type: ignore[arg-type]

    runs = []
    for seed in (1, 1, 2):
        Remembers.seen = []
        result = BackendResult("faulty", True)
        plan_random(result, ["im2col"], ["float32"], 30)
        search.run(faulty.load(Remembers), result, seed)
        runs.append(Remembers.seen)
        assert result.counts[Status.PASS] == result.planned == 30
    assert runs[0] == runs[1] != runs[2]


# -- full size -----------------------------------------------------------------------------------------------------


def test_layers_are_sampled_at_full_size(monkeypatch: pytest.MonkeyPatch) -> None:
    small = [Layer("small", ConvSpec.parse("n2c8h40w42_f4kh3kw3"))]
    monkeypatch.setattr(full_size, "read_layers", lambda name: small)
    monkeypatch.setattr(full_size, "LARGE_SPEC", ConvSpec.parse("n1c1h240w250_f1kh3kw3"))
    for kind, seen in (
        (faulty.Right, set()),
        (faults_tiers.FAULTS["last_rows_missing_in_large_results"][0], {"values.layer", "contract.large_index"}),
        (faults_tiers.FAULTS["index_wraps_around"][0], {"contract.large_index"}),
    ):
        backend = faulty.load(kind)
        selection = Selection(ops=["im2col"], dtypes=["float32"], tier=0)
        result = plan(backend, selection)
        plan_full_size(backend, result, selection)
        engine.run(backend, result)
        assert {p.case.check for p in result.cases if p.status == "fail"} == seen
        assert result.counts[Status.NOT_RUN] == 0


def test_a_layer_that_takes_too_long_is_planned_and_not_run(monkeypatch: pytest.MonkeyPatch) -> None:
    backend = InProcess(registry.load("naive_loops"))
    selection = Selection(ops=["im2col"], dtypes=["float32"], tier=0)
    result = plan(backend, selection)
    monkeypatch.setattr(under_test, "_MODEST", 1000)
    backend.pace.longest = 0.001
    wanted = replace(full_size.LARGE_SPEC, input_size=(200, 200))
    monkeypatch.setattr(full_size, "LARGE_SPEC", wanted)
    monkeypatch.setattr(full_size, "read_layers", lambda name: [])
    plan_full_size(backend, result, selection)
    engine.run(backend, result)
    assert result.verdict == "incomplete"
    assert "im2col would take about " in result.cases[-1].detail


# -- budget, shards, known failures ----------------------------------------------------------------------------------


def test_a_budget_runs_the_telling_cases_first_and_says_what_it_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    backend = faulty.load(faulty.Right)
    ticking(monkeypatch, engine)
    result = engine.run(backend, plan(backend, Selection(ops=["im2col"])), budget=700)
    assert result.verdict == "incomplete"
    assert "were cut by the budget" in result.reason
    done = {p.case.check for p in result.cases if p.status == "pass"}
    assert {"values.exact", "values.real"} <= done
    assert all(p.status == "pass" for p in result.cases if p.case.check == "values.real" and p.case.spec in DISTINCT)


def test_shards_hold_every_case_once() -> None:
    backend = faulty.load(faulty.Right)
    narrow = Selection(ops=["conv2d"])
    whole = [str(p.case) for p in plan(backend, narrow).cases]
    parts = [str(p.case) for k in (1, 2, 3) for p in plan(backend, replace(narrow, shard=Shard(k, 3))).cases]
    assert sorted(parts) == sorted(whole)
    results = [engine.run(backend, plan(backend, replace(narrow, shard=Shard(k, 2)))) for k in (1, 2)]
    merged = merge([backend_report(BackendRun(called("faulty"), result)) for result in results])
    assert (merged.verdict, merged.executed, merged.planned) == ("pass", len(whole), len(whole))
    assert sum(group.executed for group in merged.checks) == len(whole)


@pytest.mark.parametrize("text", ["0/2", "3/2", "1", "a/b", "1/0", "-1/2"])
def test_wrong_shards_are_refused(text: str) -> None:
    with pytest.raises(SelectionError, match="--shard must be I/N"):
        Shard.parse(text)


def known(
    kind: type[faulty.Right], *lines: str, tmp_path: object, pattern: str = "", ops: Sequence[Op] = ("im2col", "conv2d")
) -> BackendResult:
    """A run with a file of known failures."""
    path = tmp_path / "known.txt"  # type: ignore[operator]
    path.write_text("\n".join(lines))
    made = suite_run(kind, xfails.read(path), pattern=pattern, ops=ops)
    made.run()
    return made.backends[0].result


def test_known_failures_are_no_failures(tmp_path: object) -> None:
    kind, _ = faulty.FAULTS["truncated_to_integers"]
    lines = (
        "# a comment",
        "values.real/*/float*  # sums are truncated, https://example.org/1",
        "values.domain/*/float*  # same",
        "values.special/*/float*  # same",
        "values.random  # same",
    )
    result = known(kind, *lines, "law.*   # nothing known", tmp_path=tmp_path, pattern="[vl]a*", ops=["conv2d"])
    assert result.counts[Status.XFAIL] > 10
    assert result.counts[Status.XPASS] > 0  # no law fails
    result = known(kind, *lines, tmp_path=tmp_path, pattern="[vl]a*", ops=["conv2d"])
    assert result.counts[Status.FAIL] == result.counts[Status.XPASS] == 0
    assert result.verdict == "pass"


def test_a_known_failure_that_passes_is_loud(tmp_path: object) -> None:
    exact = str(plan(faulty.load(faulty.Right)).cases[0].case)
    result = known(faulty.Right, f"{exact}  # was broken", tmp_path=tmp_path, pattern="contract.[ts]*")
    assert (result.verdict, result.counts[Status.XPASS]) == ("fail", 1)
    assert "is known to fail (was broken), and passed" in result.cases[0].detail


def test_a_known_failure_that_matches_nothing_is_loud(tmp_path: object) -> None:
    class OfBias(faulty.Right):
        """One op is the least that a whole run, which alone knows what matches nothing, can be made of."""

        def unsupported(self, op: Op, spec: ConvSpec, dtype: str) -> str | None:
            return None if (op, dtype) == ("conv2d_bias_grad", "float32") else "not this one"

    result = known(OfBias, "values.exact/im2col/int8/*  # gone", tmp_path=tmp_path, ops=())
    assert result.verdict == "incomplete"
    assert "matches no case" in result.reason


def test_a_known_failure_needs_a_reason(tmp_path: object) -> None:
    with pytest.raises(xfails.XfailsError, match=r"line 1: 'values.exact' needs a reason"):
        known(faulty.Right, "values.exact", tmp_path=tmp_path)


def test_a_suite_run_plans_all_tiers_before_it_runs() -> None:
    made = SuiteRun(Options(Selection(tier=4, dtypes=["float32"])))
    made.add(resolve("numpy_fancy"), named=True)
    keys = {t.key for t in made.backends[0].result.counted}
    assert {(grid.CHECK_ID, op, "float32") for op in OPS} <= keys
    assert {(RANDOM, op, "float32") for op in OPS} <= keys
    assert any(p.case.check == full_size.LAYER for p in made.backends[0].result.cases)
    assert made.backends[0].result.verdict == "incomplete"
