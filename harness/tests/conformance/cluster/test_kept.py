"""What is kept of a run that was cut off, and how what is there is put together."""

from __future__ import annotations

from pathlib import Path

import pytest
from msgspec import structs

from conformance.cases.selection import Selection
from conformance.cases.shard import Shard
from conformance.cluster import gathering, journal
from conformance.cluster.batches import Batch, Expected
from conformance.cluster.tasks import Subject
from conformance.parallel.known import Heard, PartReport
from conformance.run.records import BackendReport
from conformance.run.suite_run import Options
from harness.contract import targets
from harness.contract.status import Status, Verdict
from harness.tests.helpers.cli.reports import a_report
from harness.tests.helpers.plugins import GOOD, called

_IDS = tuple(f"values.exact/im2col/float32/n1c{c}h3w3_f1kh2kw2" for c in range(1, 8))


def batch(index: int, count: int = 3) -> Batch:
    """Part `index` of a run of one backend, of seven cases."""
    return Batch(index, 0, Selection(shard=Shard(index, count)), Expected(_IDS))


def part(**changed: object) -> PartReport:
    """Seven cases that passed."""
    return PartReport(structs.replace(a_report(), **changed), Heard(frozenset({"a*"}), []))


@pytest.fixture
def subject(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Subject:
    """A plug-in in the current folder."""
    monkeypatch.chdir(tmp_path)
    Path("mine.py").write_text(GOOD, encoding="utf-8")
    return Subject.of(targets.resolve("mine.py"))


def test_a_run_goes_on_with_what_was_finished(subject: Subject) -> None:
    first = journal.opened(Options(), [subject])
    first.begin([3])
    first.add(batch(2), "one", part())
    again = journal.opened(Options(), [subject])
    assert again.parts == [3]
    assert again.found == {(0, "2/3"): ("one", part())}
    again.begin([5])
    assert again.parts == [3]
    again.remove()
    assert journal.opened(Options(), [subject]).found == {}


def test_what_is_not_believed_any_more_is_run_again(subject: Subject) -> None:
    first = journal.opened(Options(), [subject])
    first.begin([3])
    first.add(batch(1), "liar", part())
    first.add(batch(2), "one", part())
    first.forget(batch(1))
    assert set(journal.opened(Options(), [subject]).found) == {(0, "2/3")}
    first.add(batch(1), "one", part())
    assert journal.opened(Options(), [subject]).found[0, "1/3"][0] == "one"


def test_what_was_cut_off_in_the_middle_of_a_line_is_run_again(subject: Subject) -> None:
    first = journal.opened(Options(), [subject])
    first.begin([3])
    first.add(batch(1), "one", part())
    first.add(batch(2), "one", part())
    first.path.write_text(first.path.read_text(encoding="utf-8")[:-40], encoding="utf-8")
    assert list(journal.opened(Options(), [subject]).found) == [(0, "1/3")]


def test_other_options_or_another_source_begin_anew(subject: Subject) -> None:
    first = journal.opened(Options(), [subject])
    assert journal.opened(Options(Selection(seed=1)), [subject]).path != first.path
    assert journal.opened(Options(budget=3.0), [subject]).path == first.path
    Path("mine.py").write_text(GOOD + "\n", encoding="utf-8")
    assert journal.opened(Options(), [Subject.of(subject.target)]).path != first.path


def joined(missing: int, cut: str = "", verdict: Verdict = Verdict.PASS) -> BackendReport:
    """Of three batches, the last ones missing."""
    done = [(batch(index), part(verdict=verdict, shard=f"{index}/3")) for index in (2, 1, 3)[: 3 - missing]]
    left = [batch(index) for index in (2, 1, 3)[3 - missing :]]
    return gathering.joined(called("mine"), Selection(), done, left, cut)


def test_all_parts_make_a_whole() -> None:
    whole = joined(0)
    assert (whole.verdict, whole.planned, whole.executed, whole.shard) == (Verdict.PASS, 21, 21, "")


def test_what_is_missing_was_not_run_and_makes_it_incomplete() -> None:
    whole = joined(1, "the run was interrupted")
    assert (whole.verdict, whole.planned, whole.executed) == (Verdict.INCOMPLETE, 21, 14)
    assert (whole.counts[Status.NOT_RUN], whole.cut) == (7, "the run was interrupted")
    assert joined(1, "x", Verdict.FAIL).verdict is Verdict.FAIL
    nothing = joined(3, "no worker is left")
    assert (nothing.verdict, nothing.planned, nothing.executed) == (Verdict.INCOMPLETE, 21, 0)


def test_a_failure_that_one_worker_alone_saw_is_no_pass() -> None:
    assert joined(0, "only worker x saw something fail").verdict is Verdict.INCOMPLETE
