"""A run of several backends: its stages and their share of the time, what is finished, one group alone."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from conformance.cases import full_size
from conformance.cases.case import RANDOM
from conformance.cases.grids import grid
from conformance.cases.selection import Selection
from conformance.cases.shard import Shard
from conformance.checks.outcomes import Failed
from conformance.run import engine, grid_run, search, suite_run
from conformance.run import plan as planning
from conformance.run.results import CaseResult, CheckKey
from conformance.run.suite_run import Options, SuiteRun
from conformance.run.xfails import KnownFailure
from harness.contract.status import Grade, Status
from harness.contract.targets import Target
from harness.geometry.layers import Layer
from harness.geometry.spec import ConvSpec, Op
from harness.tests.helpers.suite.fakes import Clock, FakeCaller, nothing_refused
from harness.tests.helpers.suite.runs import a_run, of
from harness.tests.helpers.suite.scripted import Script, a_check, only

_SPECS = [ConvSpec.parse(f"n{n}c1h2w2_f1kh1kw1") for n in (1, 2, 3)]
_LAYER = ConvSpec.parse("n1c1h9w9_f1kh1kw1")
_MINE = Target("mine.py", "mine", "mine.py")


@pytest.fixture(autouse=True)
def script(monkeypatch: pytest.MonkeyPatch) -> Iterator[Script]:
    """Two standing checks and those of the higher tiers in place of all."""
    monkeypatch.setattr(planning, "RANDOM_CASES", 20)
    monkeypatch.setattr(full_size, "read_layers", lambda name: [Layer("net:a", _LAYER)])
    monkeypatch.setattr(full_size, "bytes_needed", lambda case: 1.0)
    made = Script()
    ids = (grid.CHECK_ID, RANDOM, full_size.LAYER, full_size.LARGE_INDEX)
    with only(a_check("a.x", _SPECS, made), a_check("a.y", _SPECS[:1], made), *(a_check(id, (), made) for id in ids)):
        yield made


# -- stages --------------------------------------------------------------------------------------------------------


class Stages:
    """Records which stage ran with which budget, in place of the stages; each takes some seconds of the clock."""

    def __init__(self, clock: Clock, seconds: float) -> None:
        self.clock, self.seconds = clock, seconds
        self.ran: list[tuple[Any, ...]] = []

    def engine(self, caller: FakeCaller, result: Any, progress: Any, budget: float, standing: bool, *more: Any) -> None:
        """A stage of cases."""
        self.ran.append((caller.name, "standing" if standing else "full size", budget))
        self.clock.pass_by(self.seconds)
        progress(CaseResult(result.cases[0].case))

    def grid(self, backends: Any, shard: Shard, progress: Any, budget: float, threads: int, *more: Any) -> None:
        """The grid, for all at once."""
        self.ran.append((tuple(caller.name for caller, _ in backends), "grid", budget, shard, threads))
        self.clock.pass_by(self.seconds)
        progress(50)

    def search(self, caller: FakeCaller, result: Any, seed: int, progress: Any, budget: float, *more: Any) -> None:
        """The search."""
        self.ran.append((caller.name, "search", budget, seed))
        self.clock.pass_by(self.seconds)
        progress(7)


@pytest.fixture
def stages(monkeypatch: pytest.MonkeyPatch) -> Stages:
    """Each takes three seconds."""
    clock = Clock()
    made = Stages(clock, 3.0)
    monkeypatch.setattr(suite_run, "time", clock)
    monkeypatch.setattr(engine, "run", made.engine)
    monkeypatch.setattr(grid_run, "run", made.grid)
    monkeypatch.setattr(search, "run", made.search)
    return made


@pytest.mark.usefixtures("small_grid")
def test_stages_share_what_is_left_of_the_budget(stages: Stages) -> None:
    """Seven stages, 42 seconds: six each at first; what a stage leaves is shared by those that follow."""
    shard = Shard(1, 2)
    options = Options(of(4, shard=shard, seed=9), budget=42.0, threads=5)
    made = a_run(FakeCaller("one"), FakeCaller("two"), options=options)
    told: list[tuple[int, str]] = []
    made.run(lambda cases, check_id: told.append((cases, check_id)))
    assert stages.ran == [
        ("one", "standing", 42 / 7), ("two", "standing", 39 / 6), ("one", "search", 36 / 5, 9),
        ("one", "full size", 33 / 4), ("two", "search", 30 / 3, 9), ("two", "full size", 27 / 2),
        (("one", "two"), "grid", 24.0, shard, 5),
    ]  # fmt: skip
    standing = made.backends[0].result.cases[0].case.check
    assert told == [
        (1, standing), (1, standing), (7, RANDOM), (1, standing), (7, RANDOM), (1, standing), (50, grid.CHECK_ID),
    ]  # fmt: skip


def test_a_budget_that_is_gone_leaves_nothing_to_the_stages_that_follow(stages: Stages) -> None:
    made = a_run(FakeCaller("one"), FakeCaller("two"), FakeCaller("three"), options=Options(of(), budget=4.0))
    made.run()
    assert [ran[2] for ran in stages.ran] == [4 / 3, 1 / 2, 0.0]


def test_a_stage_without_a_case_takes_no_share(stages: Stages) -> None:
    a_run(FakeCaller("one"), options=Options(of(), budget=4.0)).run()
    assert stages.ran == [("one", "standing", 4.0)]
    stages.ran.clear()
    a_run(FakeCaller("one"), options=Options(of(4, pattern="values.layer"), budget=6.0)).run()
    assert stages.ran == [("one", "full size", 6.0)]


def test_the_time_of_planning_is_time_of_the_budget(stages: Stages) -> None:
    """A backend that does a part is asked thousands of questions; to load, it may take as long as it takes."""

    def slowly(op: Op, spec: ConvSpec, dtype: str) -> str | None:
        stages.clock.now = 1002.5
        return nothing_refused(op, spec, dtype)

    a_run(FakeCaller("one", refuses=slowly), options=Options(of(), budget=4.0)).run()
    assert stages.ran == [("one", "standing", 1.5)]


def test_without_a_budget_no_stage_has_one(stages: Stages) -> None:
    a_run(FakeCaller("one"), options=Options(of(2))).run()
    assert [ran[1:3] for ran in stages.ran] == [
        ("standing", float("inf")), ("grid", float("inf")),
    ]  # fmt: skip
    assert stages.ran[1][4] == 1  # thread


def test_an_unavailable_backend_has_no_stage(stages: Stages) -> None:
    made = a_run(FakeCaller("one"))
    made.add_unavailable(_MINE, "no card")
    made.run()
    assert [ran[0] for ran in stages.ran] == ["one"]


def test_a_failure_ends_the_run_of_every_backend(script: Script) -> None:
    script.answers = {f"a.x/im2col/float32/{_SPECS[1]}": Failed("off")}
    made = a_run(FakeCaller("one"), FakeCaller("two"), options=Options(of(), stop_at=Grade.FORM))
    made.run()
    first, second = (backend.result for backend in made.backends)
    assert [one.status for one in first.cases] == [Status.PASS, Status.FAIL, Status.NOT_RUN, Status.NOT_RUN]
    assert {one.status for one in second.cases} == {Status.NOT_RUN}
    assert first.cuts == ["the run ended at the first failure, 2 of 4 cases were not run"]
    assert second.cuts == ["the run ended at the first failure, 4 of 4 cases were not run"]


def test_what_is_known_to_fail_or_is_not_asked_for_ends_no_run(script: Script) -> None:
    text = f"a.x/im2col/float32/{_SPECS[1]}"
    script.answers = {text: Failed("off", Grade.FORM)}
    for options in (
        Options(of(), stop_at=Grade.SAFETY),
        Options(of(), stop_at=Grade.FORM, known=[KnownFailure(text, "why", 1)]),
        Options(of()),
    ):
        made = a_run(FakeCaller(), options=options)
        made.run()
        assert Status.NOT_RUN not in {one.status for one in made.backends[0].result.cases}


def test_a_failure_of_the_search_ends_the_run_before_the_next_stage(stages: Stages) -> None:
    made = a_run(FakeCaller("one"), options=Options(of(4), stop_at=Grade.FORM))
    (random,) = made.backends[0].result.counted_of(RANDOM)
    random.counts[Status.FAIL] = 1
    made.run()
    assert [ran[1] for ran in stages.ran] == ["standing"]


def test_an_interruption_is_told_and_what_is_finished_kept(script: Script) -> None:
    texts = [f"a.x/im2col/float32/{spec}" for spec in _SPECS]
    made = a_run(FakeCaller())
    assert made.run_until_interrupted(lambda cases, check_id: None) is False
    assert made.backends[0].result.cuts == []
    script.answers = {texts[1]: KeyboardInterrupt()}
    made = a_run(FakeCaller(), FakeCaller("later"))
    assert made.run_until_interrupted(lambda cases, check_id: None) is True
    assert [case.status for case in made.backends[0].result.cases] == [Status.PASS, *[Status.NOT_RUN] * 3]
    assert [backend.result.cuts for backend in made.backends] == [["the run was interrupted"]] * 2


# -- the whole, with real stages -------------------------------------------------------------------------------------


def _long_layers(op: Op, spec: ConvSpec, dtype: str) -> str | None:
    return "too long" if spec == _LAYER else None


@pytest.mark.usefixtures("small_grid")
def test_every_tier_is_planned_and_run_once(script: Script) -> None:
    script.answers = {f"a.x/im2col/float32/{_SPECS[2]}": Failed("wrong")}
    made = a_run(FakeCaller("good"), FakeCaller("short", refuses=_long_layers), options=Options(of(4)))
    first, second = (backend.result for backend in made.backends)
    # Four standing cases, 49 of the grid, 20 of the search, a layer and a large result; the second refuses the layer.
    assert (first.planned, second.planned, made.planned) == (75, 74, 149)
    told: list[tuple[int, str]] = []
    made.run(lambda cases, check_id: told.append((cases, check_id)))
    assert (first.executed, second.executed, second.counts[Status.UNSUPPORTED]) == (75, 74, 1)
    assert first.counts[Status.FAIL] == second.counts[Status.FAIL] == 1
    assert {check: sum(n for n, name in told if name == check) for _, check in told} == {
        "a.x": 6, "a.y": 2, "values.grid": 98, "values.random": 40, "values.layer": 1, "contract.large_index": 2,
    }  # fmt: skip


def test_what_is_known_to_fail_is_settled_after_the_run(script: Script) -> None:
    texts = [f"a.x/im2col/float32/{spec}" for spec in _SPECS]
    script.answers = {texts[1]: Failed("wrong")}
    known = [KnownFailure("a.x/*", "ours", 1), KnownFailure("law.nothing", "ours", 2)]
    made = a_run(FakeCaller(), options=Options(Selection(), known=known))
    made.run()
    (backend,) = made.backends
    first = [case.status for case in backend.result.cases if str(case.case) in texts]
    assert first == [Status.PASS, Status.XFAIL, Status.PASS]
    assert backend.result.stale == ["known failure 'law.nothing' (line 2) matches no case"]


# -- one group -------------------------------------------------------------------------------------------------------


def test_a_group_runs_alone_and_again_and_counts_nothing_twice(script: Script) -> None:
    script.answers = {f"a.x/im2col/float32/{_SPECS[1]}": Failed("wrong")}
    made = a_run(FakeCaller())
    (backend,) = made.backends
    key = CheckKey("a.x", "im2col", "float32")
    for times in (1, 2):
        group = made.run_group(backend, key)
        assert (group.key, +group.counts) == (key, {Status.PASS: 2, Status.FAIL: 1})
        assert len(script.asked) == 3 * times  # the backend is asked again
    assert backend.result.counts[Status.NOT_RUN] == 1  # of the other group


def test_what_the_plan_refused_stays_refused_when_a_group_runs_again(script: Script) -> None:
    made = a_run(FakeCaller(refuses=lambda op, spec, dtype: "one image only" if spec.batch > 1 else None))
    (backend,) = made.backends
    for _ in range(2):
        group = made.run_group(backend, CheckKey("a.x", "im2col", "float32"))
        assert +group.counts == {Status.PASS: 1, Status.UNSUPPORTED: 2}
        assert group.refusals == {"one image only": 2}


@pytest.mark.usefixtures("small_grid")
def test_a_group_of_a_higher_tier_runs_alone_and_again() -> None:
    made = a_run(FakeCaller(), options=Options(of(3)))
    (backend,) = made.backends
    for _ in range(2):
        group = made.run_group(backend, CheckKey(grid.CHECK_ID, "im2col", "float32"))
        assert +group.counts == {Status.PASS: 49}
        group = made.run_group(backend, CheckKey(RANDOM, "im2col", "float32"))
        assert +group.counts == {Status.PASS: 20}


@pytest.mark.usefixtures("small_grid")
def test_what_a_group_of_a_higher_tier_finds_may_be_known() -> None:
    refusing = FakeCaller(refuses=_breaks_on_five_rows)
    made = a_run(refusing, options=Options(of(2), known=[KnownFailure("values.grid/im2col/*", "five rows", 1)]))
    group = made.run_group(made.backends[0], CheckKey(grid.CHECK_ID, "im2col", "float32"))
    assert +group.counts == {Status.XFAIL: 14, Status.PASS: 35}
    assert {case.known_reason for case in group.cases} == {"five rows"}


def _breaks_on_five_rows(op: Op, spec: ConvSpec, dtype: str) -> str | None:
    if spec.input_size[0] == 5:
        raise ValueError("five rows")
    return None


def test_a_group_of_an_unavailable_backend_cannot_run() -> None:
    made = SuiteRun(Options(of()))
    made.add_unavailable(_MINE, "no card")
    with pytest.raises(AssertionError, match="mine is unavailable"):
        made.run_group(made.backends[0], CheckKey("a.x", "im2col", "float32"))


def test_every_part_of_a_search_draws_other_cases(stages: Stages) -> None:
    seeds = {search.seed_of(of(3, shard=Shard(index, 3), seed=9)) for index in (1, 2, 3)}
    assert len(seeds) == 3
    assert search.seed_of(of(3, seed=9)) == 9
