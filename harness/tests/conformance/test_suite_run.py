"""One run for all fronts: every stage runs once, groups run alone say what the whole says, reports add up."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from msgspec import structs

import conformance
from conformance.cases import full_size, grid, strategies
from conformance.cases.case import SelectionError
from conformance.cases.selection import Selection
from conformance.cases.shard import Shard
from conformance.pytest_suite import GroupCheck, Suite
from conformance.reports.merging import merge
from conformance.reports.summary import as_text, reports
from conformance.run import engine, grid_run, search
from conformance.run.records import BackendReport, CheckReport
from conformance.run.results import CheckKey
from conformance.run.suite_run import Options, SuiteRun
from conformance.run.xfails import KnownFailure
from harness.calls.in_child import InChild
from harness.contract.status import Status, Verdict
from harness.geometry.layers import Layer
from harness.geometry.spec import ConvSpec
from harness.tests.helpers.faults import faults_tiers, faulty
from harness.tests.helpers.plugins import GOOD, Write, called

_PART = Shard(1, 5000)  # of the grid some 70 geometries, of the search a single case
_HIGHER = {grid.CHECK_ID, strategies.CHECK_ID, full_size.LAYER, full_size.LARGE_INDEX}


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Full size that is small."""
    layer = Layer("small", ConvSpec.parse("n2c8h40w42_f4kh3kw3"))
    monkeypatch.setattr(full_size, "read_layers", lambda name: [layer])
    monkeypatch.setattr(full_size, "LARGE_SPEC", ConvSpec.parse("n1c1h240w250_f1kh3kw3"))


def planned(kind: type[faulty.Right], **selection: Any) -> SuiteRun:
    """One faulty backend, planned in all tiers."""
    made = SuiteRun(Options(Selection(ops=["im2col"], dtypes=["float32"], tier=4, **selection)))
    made.add_open(called("faulty"), faulty.load(kind))
    return made


def by_key(report: BackendReport) -> dict[tuple[str, str, str], CheckReport]:
    """The checks of a report."""
    return {(check.id, check.op, check.dtype): check for check in report.checks}


def test_every_tier_is_planned_and_run_once() -> None:
    made = planned(faulty.Right, shard=_PART)
    before = made.planned
    assert before == made.backends[0].result.counts[Status.NOT_RUN]
    told: list[tuple[int, str]] = []
    made.run(lambda cases, check_id: told.append((cases, check_id)))
    result = made.backends[0].result
    assert result.verdict is Verdict.PASS, result.reason
    assert result.executed == result.planned == before == sum(cases for cases, _ in told)
    assert {check_id for _, check_id in told} > _HIGHER
    assert {group.key.check_id for group in result.groups() if group.status is Status.PASS} > _HIGHER


@pytest.mark.parametrize("stage", ["standing", *sorted(_HIGHER)])
def test_what_is_not_run_is_no_pass(stage: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever stage is lost, the verdict tells."""
    made = planned(faulty.Right, shard=_PART)
    if stage == grid.CHECK_ID:
        monkeypatch.setattr(grid_run, "run", lambda *arguments: None)
    elif stage == strategies.CHECK_ID:
        monkeypatch.setattr(search, "run", lambda *arguments: None)
    else:
        real = engine.run

        def run(caller: Any, result: Any, progress: Any, budget: float, standing: bool) -> None:
            if standing != (stage == "standing"):
                real(caller, result, progress, budget, standing)

        monkeypatch.setattr(engine, "run", run)
    made.run()
    assert made.backends[0].result.verdict is Verdict.INCOMPLETE


@pytest.mark.parametrize(("name", "check_id"), [("dilation_lost_on_a_single_row", grid.CHECK_ID),
                                                ("last_rows_missing_in_large_results", full_size.LAYER),
                                                ("index_wraps_around", full_size.LARGE_INDEX)])  # fmt: skip
def test_a_group_that_runs_alone_says_what_the_whole_says(name: str, check_id: str) -> None:
    kind = faults_tiers.FAULTS[name][0]
    shard = Shard(1, 1000) if check_id == grid.CHECK_ID else _PART
    whole, alone = planned(kind, shard=shard), planned(kind, shard=shard)
    whole.run()
    expected = {group.key: group.counts for group in whole.backends[0].result.groups()}
    (backend,) = alone.backends
    assert expected[CheckKey(check_id, "im2col", "float32")][Status.FAIL] > 0
    for _ in range(2):  # the same again: nothing is counted twice
        for key, counts in expected.items():
            if key.check_id in (check_id, "values.exact"):
                assert +alone.run_group(backend, key).counts == +counts, key


def test_a_group_that_runs_again_calls_the_backend_again() -> None:
    class Counts(faulty.Right):
        calls = 0

        def im2col(self, x: Any, spec: ConvSpec) -> object:
            Counts.calls += 1
            return super().im2col(x, spec)

    made = planned(Counts, shard=_PART)
    calls = []
    for _ in range(3):
        Counts.calls = 0
        group = made.run_group(made.backends[0], CheckKey("values.exact", "im2col", "float32"))
        assert (group.status, group.executed) == (Status.PASS, group.planned)
        calls.append(Counts.calls)
    assert calls == [group.planned] * 3


def test_a_group_of_a_higher_tier_knows_what_is_known_to_fail() -> None:
    known = [KnownFailure(f"{grid.CHECK_ID}/im2col/*", "single rows", 1)]
    kind = faults_tiers.FAULTS["dilation_lost_on_a_single_row"][0]
    made = SuiteRun(
        Options(Selection(ops=["im2col"], tier=2, shard=Shard(1, 1000), pattern=grid.CHECK_ID), known=known)
    )
    made.add_open(called("faulty"), faulty.load(kind))
    group = made.run_group(made.backends[0], CheckKey(grid.CHECK_ID, "im2col", "float32"))
    assert group.status is Status.XFAIL
    assert {case_result.known_reason for case_result in group.cases} == {"single rows"}


def test_a_wrong_selection_leaves_no_child(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    ended: list[InChild] = []

    def close(self: InChild) -> None:
        ended.append(self)

    monkeypatch.setattr(InChild, "close", close)
    with pytest.raises(SelectionError):
        conformance.check(str(write("good.py", GOOD)), check="nope")
    (child,) = ended
    monkeypatch.undo()
    child.close()


class Refusing(faulty.FAULTS["averaged_overlap"][0]):  # type: ignore[misc]
    """Wrong in col2im, refuses float64 and the gradient of the bias."""

    def unsupported(self, op: str, spec: ConvSpec, dtype: str) -> str | None:
        """Contract."""
        return "no" if op == "conv2d_bias_grad" or dtype != "float32" else None


def test_pytest_says_what_the_call_says() -> None:
    known = {"values.exact/col2im/*": "averages"}
    report = by_key(conformance.check(Refusing, tier=0, xfails=known).record)
    suite = Suite(Refusing, tier=0, xfails=known)
    said = {check.key: _said(check) for check in suite.checks()}
    assert said == {key: _pytest_word(found.status) for key, found in report.items()}
    assert set(said.values()) == {"passed", "failed", "skipped", "xfailed"}


def _said(check: GroupCheck) -> str:
    try:
        check()
    except pytest.xfail.Exception:  # which is a kind of failure
        return "xfailed"
    except pytest.fail.Exception:
        return "failed"
    except pytest.skip.Exception:
        return "skipped"
    return "passed"


def _pytest_word(status: Status) -> str:
    words = {Status.PASS: "passed", Status.UNSUPPORTED: "skipped", Status.XFAIL: "xfailed"}
    return words.get(status, "failed")


def test_reports_of_parts_add_up_and_the_worst_is_kept() -> None:
    made = [planned(faults_tiers.FAULTS["index_wraps_around"][0], shard=Shard(k, 5000)) for k in (1, 2)]
    parts = []
    for one in made:
        one.run()
        parts += reports(one)
    assert [part.verdict for part in parts] == [Verdict.FAIL, Verdict.PASS]  # tier 4 is in the first part
    for order in (parts, parts[::-1]):
        whole = merge(order)
        assert whole.verdict is Verdict.FAIL
        assert whole.counts == {s: parts[0].counts[s] + parts[1].counts[s] for s in Status.counted()}
        assert sum(whole.counts.values()) == whole.total
        group = by_key(whole)[full_size.LARGE_INDEX, "im2col", "float32"]
        assert group.status is Status.FAIL
        assert group.repro
        for key, found in by_key(whole).items():
            same = [by_key(part)[key] for part in parts if key in by_key(part)]
            assert (found.planned, found.executed) == (sum(c.planned for c in same), sum(c.executed for c in same)), key


def test_the_worse_of_two_parts_of_a_check_is_kept() -> None:
    made = planned(faults_tiers.FAULTS["index_wraps_around"][0], shard=_PART)
    made.run()
    (bad,) = reports(made)
    right = planned(faulty.Right, shard=_PART)
    right.run()
    (good,) = reports(right)
    for parts in ([bad, good], [good, bad]):
        group = by_key(merge(parts))[full_size.LARGE_INDEX, "im2col", "float32"]
        assert (group.status, bool(group.repro), len(group.failures)) == (Status.FAIL, True, 1)


def test_the_largest_share_of_an_allowance_is_kept() -> None:
    right = planned(faulty.Right, shard=_PART)
    right.run()
    (report,) = reports(right)
    one, two = ([structs.replace(c, used=used) for c in report.checks] for used in (0.25, 0.5))
    for order in ((one, two), (two, one)):
        whole = merge([structs.replace(report, checks=checks) for checks in order])
        assert {c.used for c in whole.checks} == {0.5}


def test_a_part_without_cases_says_nothing_of_the_whole() -> None:
    """Of a plan so small that no case falls to it; a part that was cut off before it had any is another matter."""
    right = planned(faulty.Right, shard=_PART)
    right.run()
    (report,) = reports(right)
    empty = structs.replace(report, verdict=Verdict.INCOMPLETE, planned=0, executed=0, total=0, checks=[],
                            counts=dict.fromkeys(Status.counted(), 0))  # fmt: skip
    assert merge([report, empty]).verdict is merge([empty, report]).verdict is report.verdict
    assert merge([empty, empty]).verdict is Verdict.INCOMPLETE


def test_what_is_written_can_be_read() -> None:
    made = planned(faults_tiers.FAULTS["index_wraps_around"][0], shard=_PART)
    made.run()
    found = reports(made)
    assert msgspec.json.decode(as_text(found, lines=False), type=list[BackendReport]) == found
