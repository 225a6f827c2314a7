"""Answers that are not believed, each for its reason; and two answers that differ."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
from msgspec import structs

from conformance.cases.selection import Selection
from conformance.cases.suite_version import SUITE_VERSION
from conformance.cluster import believing
from conformance.cluster.batches import Batch, Expected
from conformance.cluster.remote.child import Listed
from conformance.cluster.remote.identity import Identity
from conformance.cluster.remote.on_worker import Answer, Order
from conformance.parallel.known import Heard, PartReport
from conformance.reports import merging
from conformance.run.records import BackendReport, CheckReport
from harness.contract.status import Status, Verdict
from harness.contract.targets import Target

_IDS = ("values.exact/im2col/float32/a", "values.exact/im2col/float32/b", "values.exact/im2col/float32/c")
_OURS = Identity("1.0", SUITE_VERSION, "0" * 64)
_ORDER = Order(7, b"", Target("m.py", "m", "m.py"), None, _OURS)
_BATCH = Batch(7, 0, Selection(), Expected(_IDS))


def report(passed: int = 3, failed: int = 0) -> BackendReport:
    """Of one check."""
    counts = dict.fromkeys(Status.counted(), 0) | {Status.PASS: passed, Status.FAIL: failed}
    total = passed + failed
    group = CheckReport(
        id="values.exact", op="im2col", dtype="float32", status=Status.FAIL if failed else Status.PASS, planned=total,
        executed=total, reason="",
    )  # fmt: skip
    return BackendReport(
        schema=1, backend="m", suite_version=SUITE_VERSION, verdict=Verdict.FAIL if failed else Verdict.PASS, reason="",
        planned=total, executed=total, total=total, counts=counts, seconds=1.0, tier=1, seed=0, checks=[group],
        failed=list(_IDS[:failed]),
    )  # fmt: skip


def answer(told: BackendReport, ids: tuple[str, ...] = _IDS) -> Answer:
    """A whole answer."""
    return Answer(7, _OURS, "d", Listed(list(ids), [], []), PartReport(told, Heard(frozenset(), [])))


def why(said: object) -> str:
    """Why it is not believed."""
    return believing.why_not(said, _ORDER, _BATCH, "d")


def changed(**fields: object) -> Answer:
    """An answer whose report has other fields."""
    return answer(structs.replace(report(), **fields))


@pytest.mark.parametrize("told", [report(), report(2, 1)], ids=["passes", "fails"])
def test_a_true_answer_is_believed(told: BackendReport) -> None:
    assert why(answer(told)) == ""


@pytest.mark.parametrize(
    ("lie", "words"),
    [
        (lambda: "all is well", "answers with str"),
        (lambda: replace(answer(report()), number=8), "answers batch 8, asked for was 7"),
        (
            lambda: replace(answer(report()), identity=structs.replace(_OURS, suite="2020.1")),
            f"its suite is 2020.1, that of this machine is {SUITE_VERSION}",
        ),
        (
            lambda: replace(answer(report()), identity=structs.replace(_OURS, sources="f" * 64)),
            "its sources of the harness is ffffffffffff",
        ),
        (lambda: replace(answer(report()), backend="e"), "other sources of m"),
        (lambda: replace(answer(report()), part=None), "no report"),
        (lambda: answer(report(), _IDS[:2]), f"it leaves out 1, the first {_IDS[2]}"),
        (lambda: answer(report(), (*_IDS, "z")), "it has 1, the first z"),
        (lambda: answer(report(), (*_IDS[:2], "z")), "it leaves out 1"),
        (lambda: answer(report(2)), "its report has 2 cases, the batch 3"),
        (lambda: changed(suite_version="2020.1"), "suite 2020.1"),
        (lambda: changed(backend="other"), "of other"),
        (lambda: changed(seed=3), "seed 3"),
        (lambda: changed(executed=2), "do not add up: executed"),
        (lambda: changed(total=4), "do not add up: cases"),
        (lambda: changed(verdict=Verdict.FAIL), "its verdict is fail, with 0 failing cases"),
        (lambda: answer(structs.replace(report(2, 1), verdict=Verdict.PASS)), "its verdict is pass, with 1 failing"),
        (lambda: changed(checks=[]), "do not add up: planned by check"),
    ],
)
def test_a_lie_is_told_in_words(lie: Callable[[], object], words: str) -> None:
    assert words in why(lie())


def test_reports_of_one_batch_are_compared_by_what_they_say() -> None:
    slower = structs.replace(report(), seconds=9.0)
    assert merging.disagreements(report(), slower) == []
    assert merging.disagreements(report(), report(2, 1)) == ["values.exact/im2col/float32: pass against fail"]
    one, other = report(2, 1), structs.replace(report(2, 1), failed=[_IDS[2]])
    assert merging.disagreements(one, other) == [f"{_IDS[0]}: fails on one of them"]
    assert merging.disagreements(report(2, 1), report(1, 2)) == ["they count cases differently"]


def test_what_a_machine_had_no_room_for_is_no_difference() -> None:
    counts = report().counts | {Status.PASS: 2, Status.NOT_RUN: 1}
    short = structs.replace(report(), counts=counts, executed=2)
    assert merging.disagreements(report(), short) == []
