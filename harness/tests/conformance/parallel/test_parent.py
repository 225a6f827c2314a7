"""The parent of a run that several processes share: parts handed out and put together, and each way to end early."""

from __future__ import annotations

import pickle
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from msgspec import Struct, structs

from conformance.cases.case import Case, SelectionError
from conformance.cases.selection import Selection
from conformance.cases.shard import WHOLE, Shard
from conformance.parallel import child, parent
from conformance.parallel.answering import Broken
from conformance.parallel.child import Finished, Planned, Step, WrongCall
from conformance.parallel.known import Heard, PartReport
from conformance.parallel.parent import JobFailed, JobProgress
from conformance.run.records import BackendReport
from conformance.run.suite_run import Options
from harness.calls.worker import WorkerDied, WorkerError
from harness.contract.status import Status, Verdict
from harness.contract.targets import Target

_TARGETS = [Target("a.py", "a", "a.py"), Target("b.py", "b", "b.py")]
_OPTIONS = Options(Selection(ops=["im2col"], dtypes=["float32"], shard=Shard(2, 3)), deadline=7.5, threads=2)


def report(name: str, passed: int, not_run: int = 0, cut: str = "", verdict: Verdict = Verdict.PASS) -> BackendReport:
    """Of one part of one backend."""
    counts = dict.fromkeys(Status.counted(), 0) | {Status.PASS: passed, Status.NOT_RUN: not_run}
    return BackendReport(
        schema=1, backend=name, suite_version="1", verdict=verdict, reason="", planned=passed + not_run,
        executed=passed, total=passed + not_run, counts=counts, seconds=float(passed), tier=1, seed=0, isolated=True,
        shard="?", cut=cut, checks=[],
    )  # fmt: skip


_NOTHING_HEARD = Heard(frozenset(), [])


def part(one: BackendReport) -> PartReport:
    """The same, of a backend of which nothing is known to fail."""
    return PartReport(one, _NOTHING_HEARD)


def finished(*reports: BackendReport, interrupted: bool = False) -> Finished:
    """The last answer of a process."""
    return Finished(pickle.dumps(list(map(part, reports))), interrupted)


Script = Callable[[int], Iterator["Struct | Exception"]]


@dataclass(slots=True)
class Jobs:
    """Stands in for the class `Worker`: `script` says what the process of each number, from 1, answers."""

    script: Script
    started: list[tuple[str, Any, dict[str, str]]] = field(default_factory=list)
    asked: dict[int, tuple[child.Work, float]] = field(default_factory=dict)
    interrupted: list[int] = field(default_factory=list)
    closed: list[int] = field(default_factory=list)

    def __call__(self, module: str, messages: Any, environment: dict[str, str]) -> Job:
        self.started.append((module, messages, environment))
        return Job(self, len(self.started))


@dataclass(slots=True)
class Job:
    """One of them."""

    jobs: Jobs
    number: int

    def request(self, work: child.Work, deadline: float) -> Iterator[tuple[Struct, list[Any]]]:
        self.jobs.asked[self.number] = (work, deadline)
        for answer in self.jobs.script(self.number):
            if isinstance(answer, Exception):
                raise answer
            yield answer, []

    def interrupt(self) -> None:
        self.jobs.interrupted.append(self.number)

    def close(self) -> None:
        self.jobs.closed.append(self.number)


def run(
    monkeypatch: pytest.MonkeyPatch,
    script: Script,
    count: int = 2,
    progress: Callable[[JobProgress], None] | None = None,
) -> tuple[Jobs, Callable[[], tuple[list[BackendReport], bool]]]:
    """The processes, and the run to be started."""
    jobs = Jobs(script)
    monkeypatch.setattr(parent, "Worker", jobs)
    told = progress or (lambda one: None)
    return jobs, lambda: parent.run(count, _OPTIONS, _TARGETS, False, ["lib"], told)


def two(number: int) -> Iterator[Struct | Exception]:
    """Two backends, of which the processes have found different things."""
    yield Planned(10 * number)
    yield Step(3, "values.exact")
    yield Step(number, "law.adjoint")
    yield finished(report("a", number), report("b", 10 * number, not_run=number - 1, cut=f"cut {number}"))


def test_every_process_has_its_own_part_of_what_was_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTHER", "kept")
    jobs, start = run(monkeypatch, two, count=3)
    start()
    for number in (1, 2, 3):
        work, deadline = jobs.asked[number]
        assert deadline == float("inf")
        assert (work.targets, work.named, work.libraries) == (_TARGETS, False, ["lib"])
        part = pickle.loads(work.options)
        shard = part.selection.shard
        assert (shard.index, shard.count) == (Shard(2, 3).part(number, 3).index, 9)
        assert replace(part, selection=replace(part.selection, shard=Shard(2, 3))) == _OPTIONS
    shards = {pickle.loads(work.options).selection.shard.index for work, _ in jobs.asked.values()}
    assert len(shards) == 3
    module, messages, environment = jobs.started[0]
    assert (module, messages) == ("conformance.parallel.child", child.Replies)
    assert (environment["OMP_WAIT_POLICY"], environment["OTHER"]) == ("PASSIVE", "kept")
    assert jobs.closed == [1, 2, 3]
    assert jobs.interrupted == []


def test_the_users_own_policy_of_waiting_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_WAIT_POLICY", "ACTIVE")
    jobs, start = run(monkeypatch, two)
    start()
    assert {environment["OMP_WAIT_POLICY"] for _, _, environment in jobs.started} == {"ACTIVE"}


def test_parts_are_put_together_backend_by_backend(monkeypatch: pytest.MonkeyPatch) -> None:
    _, start = run(monkeypatch, two)
    (a, b), interrupted = start()
    assert not interrupted
    assert (a.backend, a.executed, a.planned, a.verdict, a.cut, a.shard) == ("a", 3, 3, Verdict.PASS, "", "2/3")
    assert (b.backend, b.executed, b.planned, b.cut) == ("b", 30, 31, "cut 1; cut 2")
    assert b.counts[Status.NOT_RUN] == 1
    assert b.seconds == 20  # they ran at the same time


def test_progress_is_told_to_the_last(monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[JobProgress] = []
    _, start = run(monkeypatch, two, progress=told.append)
    start()
    for number in (1, 2):
        planned = 10 * number
        assert [one for one in told if one.number == number] == [
            JobProgress(number, planned, 0, ""),
            JobProgress(number, planned, 3, "values.exact"),
            JobProgress(number, planned, number, "law.adjoint"),
        ]
    assert len(told) == 6


@pytest.mark.parametrize(
    ("last", "text"),
    [
        (WorkerDied("killed by SIGKILL", hung=False), "a job killed by SIGKILL"),
        (WorkerError("KeyError", "'lost'"), "a job KeyError: 'lost'"),
        (Broken("Traceback:\n  the planner broke"), "a job failed:\nTraceback:\n  the planner broke"),
    ],
)
def test_a_part_that_is_lost_is_never_left_out(
    last: Struct | Exception, text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def one_fails(number: int) -> Iterator[Struct | Exception]:
        yield from two(number) if number == 1 else [Planned(5), Step(5, "x"), last]

    jobs, start = run(monkeypatch, one_fails)
    with pytest.raises(JobFailed) as failure:
        start()
    assert str(failure.value) == text
    assert jobs.closed == [1, 2]


def test_a_process_without_an_answer_is_a_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    _, start = run(monkeypatch, lambda number: two(number) if number == 1 else iter([Planned(5)]))
    with pytest.raises(JobFailed):
        start()


def test_a_wrong_call_is_told_as_one(monkeypatch: pytest.MonkeyPatch) -> None:
    _, start = run(monkeypatch, lambda number: iter([WrongCall("no such check")]))
    with pytest.raises(SelectionError, match=r"^no such check$"):
        start()


class CtrlC:
    """A progress that the user interrupts, once or again and again."""

    def __init__(self, times: int) -> None:
        self.left = times

    def __call__(self, one: JobProgress) -> None:
        if self.left:
            self.left -= 1
            raise KeyboardInterrupt


def test_ctrl_c_is_told_to_every_process_and_what_is_finished_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    def some(number: int) -> Iterator[Struct | Exception]:
        yield Planned(5)
        yield finished(report("a", number), report("b", 2 * number, not_run=1), interrupted=number == 1)

    jobs, start = run(monkeypatch, some, progress=CtrlC(1))
    (a, b), interrupted = start()
    assert interrupted
    assert (jobs.interrupted, jobs.closed) == ([1, 2], [1, 2])
    assert (a.executed, b.executed, b.counts[Status.NOT_RUN]) == (3, 6, 2)


def test_a_process_that_says_it_was_interrupted_is_believed(monkeypatch: pytest.MonkeyPatch) -> None:
    """The signal may have been sent to it alone."""
    _, start = run(
        monkeypatch, lambda number: iter([finished(report("a", 1), report("b", 1), interrupted=number == 2)])
    )
    assert start()[1]


def test_a_part_that_ctrl_c_has_cost_makes_the_whole_incomplete(monkeypatch: pytest.MonkeyPatch) -> None:
    def some(number: int) -> Iterator[Struct | Exception]:
        yield Planned(5)
        yield WorkerDied("killed by SIGINT", hung=False) if number == 2 else finished(report("a", 1), report("b", 2))

    _, start = run(monkeypatch, some, count=3, progress=CtrlC(1))
    reports, interrupted = start()
    assert interrupted
    assert [(r.executed, r.verdict, r.cut) for r in reports] == [
        (2, Verdict.INCOMPLETE, "1 of 3 parts were interrupted before they began"),
        (4, Verdict.INCOMPLETE, "1 of 3 parts were interrupted before they began"),
    ]


def test_where_nothing_is_finished_nothing_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    def none(number: int) -> Iterator[Struct | Exception]:
        yield Planned(5)
        yield finished(interrupted=True)

    jobs, start = run(monkeypatch, none, progress=CtrlC(1))
    with pytest.raises(KeyboardInterrupt):
        start()
    assert jobs.closed == [1, 2]


def test_a_second_ctrl_c_does_not_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    def many(number: int) -> Iterator[Struct | Exception]:
        yield Planned(5)
        yield Step(1, "x")
        yield finished(report("a", 1), report("b", 1))

    jobs, start = run(monkeypatch, many, progress=CtrlC(2))
    with pytest.raises(KeyboardInterrupt):
        start()
    assert jobs.closed == [1, 2]


def test_a_pattern_that_failed_in_no_part_is_loud_once_all_are_heard() -> None:
    case = Case.parse("values.exact/im2col/float32/n1c1h2w2_f1kh1kw1")
    passed = [PartReport(report("a", 2), Heard(frozenset(), [(case, "it passed", frozenset(["values.*"]))]))]
    for more, shard, jobs, loud in (
        ([part(report("a", 1))], WHOLE, 2, 1),
        ([PartReport(report("a", 1), Heard(frozenset(["values.*"]), []))], WHOLE, 2, 0),
        ([part(report("a", 1))], Shard(1, 2), 2, 0),
        ([], WHOLE, 2, 0),  # the other one was interrupted
    ):
        whole = parent._joined([*passed, *more], jobs, shard, _TARGETS[0])
        assert (whole.counts[Status.XPASS], whole.verdict is Verdict.FAIL) == (loud, bool(loud))


def test_a_missing_part_says_nothing_of_what_is_unavailable() -> None:
    parts = [part(structs.replace(report("a", 0), verdict=Verdict.UNAVAILABLE))]
    whole = parent._joined(parts, 2, WHOLE, _TARGETS[0])
    assert (whole.verdict, whole.cut, whole.shard) == (Verdict.UNAVAILABLE, "", "")
    failed = [part(report("a", 1, verdict=Verdict.FAIL, cut="by the budget"))]
    whole = parent._joined(failed, 2, Shard(1, 4), _TARGETS[0])
    assert (whole.verdict, whole.shard) == (Verdict.FAIL, "1/4")
    assert whole.cut == "by the budget; 1 of 2 parts were interrupted before they began"
    assert parent._joined(failed, 1, WHOLE, _TARGETS[0]).cut == "by the budget"
