"""A run of several backends: how each is opened, the stages and their share of the time, one group alone, the end."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, ClassVar

import pytest

from conformance.cases import full_size, grid, strategies
from conformance.cases.case import SelectionError
from conformance.cases.selection import Selection
from conformance.cases.shard import Shard
from conformance.checks.under_test import Failed
from conformance.run import engine, grid_run, search, suite_run
from conformance.run import plan as planning
from conformance.run.results import CaseResult, CheckKey
from conformance.run.suite_run import Options, SuiteRun
from conformance.run.xfails import KnownFailure
from harness.contract import registry
from harness.contract.protocol import BackendUnavailable
from harness.contract.status import Status, Verdict
from harness.contract.targets import RegistryError, Target
from harness.geometry.layers import Layer
from harness.geometry.spec import ConvSpec, Op
from harness.tests.helpers.suite.fakes import Clock, FakeCaller
from harness.tests.helpers.suite.scripted import Script, a_check, only

_SPECS = [ConvSpec.parse(f"n{n}c1h2w2_f1kh1kw1") for n in (1, 2, 3)]
_LAYER = ConvSpec.parse("n1c1h9w9_f1kh1kw1")
_BUILTIN = Target("numpy_fancy", "numpy_fancy", "numpy_fancy")
_MINE = Target("mine.py", "mine", "mine.py")


class FakeChild(FakeCaller):
    """A backend in a child of its own, with how it was opened, and which of them were ended."""

    closed: ClassVar[list[FakeChild]] = []

    def __init__(self, target: Target, deadline: float, memory: int) -> None:
        super().__init__(target.name)
        self.opened = (target, deadline, memory)

    def close(self) -> None:
        """Noted."""
        FakeChild.closed.append(self)


class FakeHere(FakeCaller):
    """A backend in this process."""

    def __init__(self, loaded: object) -> None:
        super().__init__(str(loaded))


@pytest.fixture(autouse=True)
def script(monkeypatch: pytest.MonkeyPatch) -> Iterator[Script]:
    """Two standing checks and those of the higher tiers in place of all; no backend is really opened."""
    monkeypatch.setattr(suite_run, "InChild", FakeChild)
    monkeypatch.setattr(suite_run, "InProcess", FakeHere)
    monkeypatch.setattr(registry, "load", lambda target: f"loaded {target.name}")
    monkeypatch.setattr(suite_run, "available", lambda: 77)
    monkeypatch.setattr(planning, "RANDOM_CASES", 20)
    monkeypatch.setattr(full_size, "read_layers", lambda name: [Layer("net:a", _LAYER)])
    monkeypatch.setattr(full_size, "bytes_needed", lambda case: 1.0)
    monkeypatch.setattr(FakeChild, "closed", [])
    made = Script()
    ids = (grid.CHECK_ID, strategies.CHECK_ID, full_size.LAYER, full_size.LARGE_INDEX)
    with only(a_check("a.x", _SPECS, made), a_check("a.y", _SPECS[:1], made), *(a_check(id, (), made) for id in ids)):
        yield made


def of(tier: int = 1, **selection: Any) -> Selection:
    """A selection of im2col in float32."""
    return Selection(**{"ops": ["im2col"], "dtypes": ["float32"], "tier": tier, **selection})


def a_run(*callers: FakeCaller, options: Options | None = None) -> SuiteRun:
    """A run of backends that are open already."""
    made = SuiteRun(options or Options(of()))
    for caller in callers:
        made.add_open(Target(f"{caller.name}.py", caller.name, f"{caller.name}.py"), caller)
    return made


# -- opening -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("target", "tier", "isolate", "child"),
    [
        (_BUILTIN, 1, True, None), (_BUILTIN, 3, True, None), (_BUILTIN, 4, True, (30.0, 77)),
        (_BUILTIN, 4, False, None), (_MINE, 1, True, (30.0, 2 * 2**30)), (_MINE, 3, True, (30.0, 2 * 2**30)),
        (_MINE, 4, True, (30.0, 77)), (_MINE, 1, False, None), (_MINE, 4, False, None),
    ],
)  # fmt: skip
def test_where_a_backend_is_called(target: Target, tier: int, isolate: bool, child: tuple[float, int] | None) -> None:
    """Built-in ones here up to tier 3, all others in a child; tier 4 may use the memory that there is."""
    made = SuiteRun(Options(of(tier), deadline=30.0, isolate=isolate))
    made.add(target)
    (backend,) = made.backends
    assert backend.is_isolated is (child is not None)
    if isinstance(backend.caller, FakeChild):
        assert backend.caller.opened == (target, *(child or ()))
    else:
        assert backend.caller is not None
        assert backend.caller.name == f"loaded {target.name}"


def test_backends_are_planned_in_the_order_given() -> None:
    made = SuiteRun(Options(of()))
    made.add_all([_MINE, _BUILTIN], named=True)
    assert [backend.target for backend in made.backends] == [_MINE, _BUILTIN]
    assert [backend.result.backend for backend in made.backends] == ["mine", "loaded numpy_fancy"]
    assert [backend.result.planned for backend in made.backends] == [4, 4]
    assert made.planned == 8


def test_what_may_take_long_is_said_while_it_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    events: list[str] = []

    @contextmanager
    def waiting(text: str) -> Iterator[None]:
        events.append(text)
        yield
        events.append("done")

    class Told(FakeChild):
        def __init__(self, *arguments: Any) -> None:
            events.append("opened")
            super().__init__(*arguments)

        def unsupported(self, op: Op, spec: ConvSpec, dtype: str) -> str | None:
            events.append("asked")
            return None

    monkeypatch.setattr(suite_run, "InChild", Told)
    SuiteRun(Options(of(pattern="a.y"), deadline=20.0)).add_all([_MINE], True, waiting)
    assert events == [
        "mine to load, 120 s (6 times the deadline of a call, 30 s at least) at most", "opened", "done",
        "mine to say what it does not do", "asked", "done",
    ]  # fmt: skip


def _raises(error: Exception) -> Callable[..., Any]:
    def load(*arguments: object) -> Any:
        raise error

    return load


@pytest.mark.parametrize("named", [True, False])
def test_an_unavailable_backend_is_one_of_the_results(named: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "load", _raises(BackendUnavailable("no card")))
    made = SuiteRun(Options(of()))
    made.add_all([_BUILTIN], named)
    (backend,) = made.backends
    assert (backend.result.backend, backend.result.unavailable, backend.caller) == ("numpy_fancy", "no card", None)
    assert (backend.result.narrowed, backend.result.verdict, backend.is_isolated) == (True, "unavailable", False)
    made.run()
    made.close()
    assert backend.result.verdict is Verdict.UNAVAILABLE
    assert made.planned == 0


def test_no_backend_is_an_error_if_it_was_named_and_a_result_if_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(suite_run, "InChild", _raises(RegistryError("is none")))
    with pytest.raises(RegistryError, match="is none"):
        SuiteRun(Options(Selection())).add(_MINE)
    made = SuiteRun(Options(Selection()))
    made.add(_MINE, named=False)
    assert (made.backends[0].result.unavailable, made.backends[0].result.narrowed) == ("is none", False)


def test_a_wrong_selection_leaves_no_child() -> None:
    made = SuiteRun(Options(of(pattern="nope")))
    with pytest.raises(SelectionError):
        made.add(_MINE)
    assert [child.name for child in FakeChild.closed] == ["mine"]
    assert made.backends == []


def test_the_end_of_a_run_ends_its_children() -> None:
    with SuiteRun(Options(of())) as made:
        made.add_all([_MINE, _BUILTIN, Target("other.py", "other", "other.py")], named=True)
        assert FakeChild.closed == []
    assert [child.name for child in FakeChild.closed] == ["mine", "other"]


def test_known_failures_are_marked_in_the_plan() -> None:
    made = a_run(FakeCaller(), options=Options(of(), known=[KnownFailure("a.y", "ours", 1)]))
    (backend,) = made.backends
    assert [case.known_reason for case in backend.result.cases] == ["", "", "", "ours"]


# -- stages --------------------------------------------------------------------------------------------------------


class Stages:
    """Records which stage ran with which budget, in place of the stages; each takes some seconds of the clock."""

    def __init__(self, clock: Clock, seconds: float) -> None:
        self.clock, self.seconds = clock, seconds
        self.ran: list[tuple[Any, ...]] = []

    def engine(self, caller: FakeCaller, result: Any, progress: Any, budget: float, standing: bool) -> None:
        """A stage of cases."""
        self.ran.append((caller.name, "standing" if standing else "full size", budget))
        self.clock.pass_by(self.seconds)
        progress(CaseResult(result.cases[0].case))

    def grid(self, backends: Any, shard: Shard, progress: Any, budget: float, threads: int) -> None:
        """The grid, for all at once."""
        self.ran.append((tuple(caller.name for caller, _ in backends), "grid", budget, shard, threads))
        self.clock.pass_by(self.seconds)
        progress(50)

    def search(self, caller: FakeCaller, result: Any, seed: int, progress: Any, budget: float) -> None:
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
        ("one", "standing", 42 / 7), ("two", "standing", 39 / 6), (("one", "two"), "grid", 36 / 5, shard, 5),
        ("one", "search", 33 / 4, 9), ("one", "full size", 30 / 3), ("two", "search", 27 / 2, 9),
        ("two", "full size", 24.0),
    ]  # fmt: skip
    standing = made.backends[0].result.cases[0].case.check
    assert told == [
        (1, standing), (1, standing), (50, grid.CHECK_ID), (7, strategies.CHECK_ID), (1, standing),
        (7, strategies.CHECK_ID), (1, standing),
    ]  # fmt: skip


def test_a_budget_that_is_gone_leaves_nothing_to_the_stages_that_follow(stages: Stages) -> None:
    made = a_run(FakeCaller("one"), FakeCaller("two"), options=Options(of(), budget=4.0))
    made.run()
    assert [ran[2] for ran in stages.ran] == [4 / 4, 1 / 3, 0.0, 0.0]


def test_without_a_budget_no_stage_has_one(stages: Stages) -> None:
    a_run(FakeCaller("one"), options=Options(of(2))).run()
    assert [ran[1:3] for ran in stages.ran] == [
        ("standing", float("inf")), ("grid", float("inf")), ("full size", float("inf"))
    ]  # fmt: skip
    assert stages.ran[1][4] == 1  # thread


def test_an_unavailable_backend_has_no_stage(stages: Stages) -> None:
    made = a_run(FakeCaller("one"))
    made.add_unavailable(_MINE, "no card")
    made.run()
    assert [ran[0] for ran in stages.ran] == ["one", "one"]


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
        group = made.run_group(backend, CheckKey(strategies.CHECK_ID, "im2col", "float32"))
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
