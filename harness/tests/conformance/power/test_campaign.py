"""Many faults in a row: what is chosen, what is kept when time or patience ends, what is counted; and the controls."""

from __future__ import annotations

import pytest

from conformance.cases.case import SelectionError
from conformance.cases.selection import Selection
from conformance.power import campaign, controls, jobs, summary
from conformance.power.campaign import Asked, Found, chosen
from conformance.power.controls import CONTROLS, Control, verdict
from conformance.power.fault import Fault, Implementation
from conformance.power.kinds import indices
from conformance.power.records import FaultReport, KindReport

pytestmark = pytest.mark.heavy

_OF_ONE_OP = Selection(ops=("im2col",), pattern="values.*")


def _row(kind: str = "index", tier: int | None = None, equivalent: str = "") -> FaultReport:
    seen = None if tier is None else "values.exact"
    witness = "" if seen or equivalent else "values.exact/im2col/float32/n1c1h1w1_f1kh1kw1"
    return FaultReport(fault="im2col: it", kind=kind, op="im2col", killed_by=seen, tier=tier, equivalent=equivalent,
                       witness=witness, work=3)  # fmt: skip


# -- the faults -------------------------------------------------------------------------------------------------------


def test_kinds_are_chosen_by_a_pattern_and_a_sample_by_seed() -> None:
    every = chosen(Asked("index*"))
    assert {fault.kind for fault in every} == {"index", "index.tail", "index.where"}
    names, few = [str(f) for f in every], [str(f) for f in chosen(Asked("index*", sample=7, seed=1))]
    assert (len(few), few) == (7, [name for name in names if name in few])
    assert few != [str(f) for f in chosen(Asked("index*", sample=7, seed=2))]
    with pytest.raises(SelectionError, match=r"^no kind of fault matches 'indx'; kinds are parameter, index, "):
        chosen(Asked("indx"))


def test_a_fault_is_judged_and_one_that_is_missed_gets_its_case(monkeypatch: pytest.MonkeyPatch) -> None:
    last = next(change for change in indices.changes("im2col") if change.what == "out_row misses the last")
    fault = Fault("index", "im2col", last)
    seen = campaign.judge(fault, 1)
    assert (seen.fault, seen.op, seen.killed_by, seen.tier) == (str(fault), "im2col", "values.exact", 0)
    assert (seen.witness, seen.equivalent, seen.survives) == ("", "", False)
    monkeypatch.setattr(campaign, "first_to_see", lambda *asked: None)
    missed = campaign.judge(fault, 1)
    assert (missed.killed_by, missed.tier, missed.survives) == (None, None, True)
    assert (missed.witness, missed.work) == ("values.exact/im2col/float32/n1c1h1w1_f1kh1kw1", 1)


def test_what_is_finished_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    judged = []

    def judge(fault: Fault, tier: int) -> FaultReport:
        judged.append(fault)
        if len(judged) == 3:
            raise KeyboardInterrupt
        return _row()

    monkeypatch.setattr(campaign, "judge", judge)
    found = campaign.run(Asked("index", sample=9))
    assert (len(found.rows), found.planned, found.interrupted, found.is_cut, found.controls) == (2, 9, True, True, 0)


def test_the_budget_ends_faults_and_controls(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [50.0]

    def judge(fault: Fault, tier: int) -> FaultReport:
        now[0] += 4
        return _row()

    monkeypatch.setattr("time.monotonic", lambda: now[0])
    monkeypatch.setattr(campaign, "judge", judge)
    monkeypatch.setattr(controls, "verdict", lambda control: "")
    told: list[str] = []
    found = campaign.run(Asked("index", sample=9, budget=10), told.append)
    assert (len(found.rows), found.controls, found.is_cut, found.seconds) == (3, 0, True, 12)
    whole = campaign.run(Asked("index", sample=2, budget=10), told.append)
    assert (len(whole.rows), whole.controls, whole.is_cut, whole.interrupted) == (2, len(CONTROLS), False, False)
    assert told == ["index"] * 5 + [control.name for control in CONTROLS]


def test_several_processes_find_the_same_as_one(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = Asked("index", sample=2, seed=4, budget=3.0)  # enough for the faults, not for all controls
    monkeypatch.setattr(controls, "CONTROLS", ())
    alone = campaign.run(Asked("index", sample=2, seed=4))
    told: list[str] = []
    found = jobs.run(2, asked, told.append)
    assert found.rows == alone.rows
    assert (found.planned, found.interrupted, found.controls_failed) == (2, False, [])
    assert len(told) == 2 + found.controls


def test_a_process_that_breaks_is_no_result(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jobs, "chosen", lambda asked: [])
    with pytest.raises(jobs.JobFailed, match=r"(?s)a job failed:.*SelectionError"):
        jobs.run(1, Asked("no such kind"), lambda what: None)


# -- counting ---------------------------------------------------------------------------------------------------------


def test_seen_by_the_end_of_a_tier_counts_the_tiers_before() -> None:
    rows = [_row(tier=0), _row(tier=0), _row(tier=1), _row(), _row(equivalent="it is"), _row("data", 3)]
    assert summary.kinds(rows, 3) == {
        "index": KindReport(faults=5, equivalent=1, tier0=2, tier1=3, tier3=3),
        "data": KindReport(faults=1, equivalent=0, tier0=0, tier1=0, tier3=1),
    }
    assert summary.kinds(rows, 0)["index"] == KindReport(faults=5, equivalent=1, tier0=2, tier1=None, tier3=None)


def test_a_report_adds_up() -> None:
    found = Found(9, [_row(tier=0), _row(), _row(equivalent="it is")], controls=4, controls_failed=["one: fail"])
    made = summary.report(Asked(seed=3), found)
    assert (made.planned, made.faults, made.killed, made.equivalent, len(made.survivors)) == (9, 3, 1, 1, 1)
    assert (made.controls, made.controls_passed, made.controls_failed) == (4, 3, ["one: fail"])
    assert (made.survivors[0].case, made.survivors[0].work) == (_row().witness, 3)
    assert (made.seed, made.tier, made.matrix) == (3, 1, found.rows)


# -- controls ---------------------------------------------------------------------------------------------------------


def test_there_are_more_than_twenty_parts() -> None:
    assert len({control.name for control in CONTROLS}) == len(CONTROLS) > 21


@pytest.mark.parametrize("control", CONTROLS, ids=lambda control: control.name)
def test_what_is_right_passes_what_it_does(control: Control) -> None:
    """On its numbers; `harness faults` asks the whole suite."""
    op = control.ops[-1]
    assert verdict(control, Selection(ops=(op,), dtypes=control.dtypes[:1], pattern="values.[des]*")) == ""


@pytest.mark.slow
@pytest.mark.parametrize("control", CONTROLS, ids=lambda control: control.name)
def test_what_is_right_passes_everything(control: Control) -> None:
    assert verdict(control) == ""


def test_a_control_that_is_wrong_is_told() -> None:
    last = next(change for change in indices.changes("im2col") if change.what == "out_row misses the last")
    told = verdict(CONTROLS[1], _OF_ONE_OP, Implementation(Fault("index", "im2col", last)))
    assert told.startswith("fail: values.exact/im2col/")
    narrow = Control("one geometry", lambda spec: str(spec) == "n1c1h5w5_f1kh3kw3")
    assert "im2col in float32 was judged on 1 geometry, 30 are needed" in verdict(narrow)
