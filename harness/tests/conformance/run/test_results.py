"""Counts and verdicts of a plan in which every status occurs, each another number of times."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import pytest

from conformance.cases.case import Case
from conformance.cases.specs import DISTINCT
from conformance.checks.outcomes import RecordedCall
from conformance.run.results import BackendResult, CaseCounts, CaseResult, CheckKey, CheckResult
from harness.calls.caller import CallResult
from harness.contract.status import Grade, Status, Verdict
from harness.geometry.spec import ConvSpec, Op

_PLAIN = ConvSpec.parse("n1c1h2w2_f1kh1kw1")
_GRID = CheckKey("values.grid", "im2col", "float32")
# Seven statuses, seven different numbers.
_TIMES = {
    Status.PASS: 1, Status.FAIL: 2, Status.UNSUPPORTED: 3, Status.XFAIL: 4, Status.XPASS: 5, Status.MISTRUSTED: 6,
    Status.NOT_RUN: 7,
}  # fmt: skip


def one(
    status: Status,
    check: str = "a.x",
    op: Op = "im2col",
    dtype: str = "float32",
    spec: ConvSpec = _PLAIN,
    **kept: object,
) -> CaseResult:
    """A case with this outcome."""
    return CaseResult(Case(check, op, dtype, spec), status, **kept)  # type: ignore[arg-type]


def telling(status: Status = Status.PASS) -> list[CaseResult]:
    """The discriminating cases that a pass needs at least."""
    ops: list[Op] = ["im2col", "col2im"]
    return [one(status, "values.exact", op, spec=DISTINCT[0]) for op in ops]


def whole(*cases: CaseResult) -> BackendResult:
    """A plan that was not narrowed, with all that a pass needs and these cases."""
    return BackendResult("fake", False, [*telling(), *cases])


def test_counts_are_of_cases_by_status_the_optional_ones_left_out() -> None:
    cases = [one(status) for status, times in _TIMES.items() for _ in range(times)]
    result = BackendResult("fake", True, [*cases, *[one(status, optional=True) for status in Status]])
    result.counted = [CaseCounts(_GRID, 60, Counter({Status.PASS: 10, Status.FAIL: 20, Status.NOT_RUN: 30}))]
    assert result.counts == {
        Status.PASS: 11, Status.FAIL: 22, Status.UNSUPPORTED: 3, Status.XFAIL: 4, Status.XPASS: 5,
        Status.MISTRUSTED: 6, Status.NOT_RUN: 37,
    }  # fmt: skip
    assert list(result.counts) == list(Status.counted())
    assert (result.total, result.planned, result.executed) == (88, 85, 48)


@pytest.mark.parametrize(
    ("status", "verdict"),
    [
        (Status.FAIL, Verdict.FAIL), (Status.XPASS, Verdict.FAIL), (Status.MISTRUSTED, Verdict.INCOMPLETE),
        (Status.NOT_RUN, Verdict.INCOMPLETE), (Status.XFAIL, Verdict.PASS), (Status.PASS, Verdict.PASS),
        (Status.UNSUPPORTED, Verdict.PASS),
    ],
)  # fmt: skip
def test_one_case_of_each_status_makes_the_verdict(status: Status, verdict: Verdict) -> None:
    assert whole(one(status)).verdict is verdict
    assert whole(one(status, optional=True)).verdict is Verdict.PASS


def test_a_failure_outweighs_what_was_not_run() -> None:
    assert whole(one(Status.NOT_RUN), one(Status.FAIL), one(Status.MISTRUSTED)).verdict is Verdict.FAIL


@pytest.mark.parametrize(
    ("status", "verdict"),
    [(Status.PASS, Verdict.PASS), (Status.NOT_RUN, Verdict.INCOMPLETE), (Status.FAIL, Verdict.FAIL)],
)
def test_counts_of_the_higher_tiers_make_the_verdict_too(status: Status, verdict: Verdict) -> None:
    result = whole()
    result.counted = [CaseCounts(_GRID, 3, Counter([Status.PASS, Status.PASS, status]))]
    assert result.verdict is verdict


@pytest.mark.parametrize(
    ("failing", "verdict", "reason"),
    [
        (["contract.type"], Verdict.DEVIATES, "not as asked: contract.type"),
        (["contract.nonfinite", "contract.type"], Verdict.DEVIATES, "not as asked: contract.nonfinite, contract.type"),
        (["contract.type", "contract.uninitialised"], Verdict.FAIL, ""),
        (["contract.type", "values.exact"], Verdict.FAIL, ""),
        (["contract.inputs_untouched"], Verdict.FAIL, ""),
    ],
)
def test_a_failure_of_form_alone_deviates(failing: list[str], verdict: Verdict, reason: str) -> None:
    optional = one(Status.FAIL, "errors.ndim", optional=True)
    result = whole(*(one(Status.FAIL, check) for check in failing), one(Status.PASS, failing[0]), optional)
    assert (result.verdict, result.reason) == (verdict, reason)


def test_the_grades_are_told_by_their_worst() -> None:
    result = BackendResult("fake", True, [
        one(Status.PASS, "contract.type"), one(Status.NOT_RUN, "contract.writeable"), one(Status.PASS, "values.exact"),
        one(Status.FAIL, "errors.ndim", optional=True), one(Status.FAIL, "values.exact", optional=True),
    ])  # fmt: skip
    assert result.grades == {Grade.VALUES: Status.PASS, Grade.FORM: Status.NOT_RUN}
    result.counted = [CaseCounts(_GRID, 3, Counter({Status.PASS: 2, Status.XFAIL: 1, Status.FAIL: 0}))]
    assert result.grades == {Grade.VALUES: Status.XFAIL, Grade.FORM: Status.NOT_RUN}


def test_a_known_failure_of_form_that_passes_is_loud() -> None:
    assert whole(one(Status.XPASS, "contract.type")).verdict is Verdict.FAIL


def test_unavailable_is_a_verdict_of_its_own() -> None:
    result = BackendResult("fake", False, [one(Status.FAIL)], unavailable="no card", cuts=["cut"])
    assert (result.verdict, result.reason) == (Verdict.UNAVAILABLE, "no card")


def test_a_stale_known_failure_is_no_pass() -> None:
    result = whole()
    result.stale.append("known failure 'a' (line 1) matches no case")
    assert (result.verdict, result.reason) == (Verdict.INCOMPLETE, "known failure 'a' (line 1) matches no case")


def test_nothing_planned_is_no_pass_unless_an_optional_check_was_asked_for() -> None:
    assert BackendResult("fake", True, [one(Status.UNSUPPORTED)]).verdict is Verdict.INCOMPLETE
    assert BackendResult("fake", True).verdict is Verdict.INCOMPLETE
    asked = BackendResult("fake", True, [one(Status.PASS, optional=True)])
    assert (asked.asks_optional, asked.planned, asked.verdict) == (True, 0, Verdict.PASS)
    assert not BackendResult("fake", True, [one(Status.PASS)]).asks_optional


def test_a_part_without_a_case_is_no_fault_if_others_have_them() -> None:
    empty = BackendResult("fake", True, is_empty_part=True)
    assert (empty.verdict, empty.reason) == (Verdict.PASS, "this part has no case, others have")
    full = BackendResult("fake", True, [one(Status.NOT_RUN)], is_empty_part=True, cuts=["cut"])
    assert (full.verdict, full.reason) == (Verdict.INCOMPLETE, "cut")


@pytest.mark.parametrize(("status", "cuts"), [(Status.NOT_RUN, ["the run was interrupted"]), (Status.PASS, [])])
def test_an_interruption_is_told_if_anything_is_left(status: Status, cuts: list[str]) -> None:
    result = BackendResult("fake", True, [one(Status.PASS), one(status)])
    result.interrupted()
    assert result.cuts == cuts


def test_a_pass_needs_a_discriminating_case_of_every_op_and_dtype_claimed() -> None:
    result = BackendResult("fake", False, [one(Status.PASS, op="conv2d", dtype="float64"), *telling()])
    assert result.omissions() == ["conv2d in float64 was judged on 1 geometry, 30 are needed"]
    assert (result.verdict, result.reason) == (Verdict.INCOMPLETE, result.omissions()[0])
    result.cases.append(one(Status.PASS, op="conv2d", dtype="float64", spec=DISTINCT[1]))
    assert (result.omissions(), result.verdict, result.reason) == ([], Verdict.PASS, "")


def test_what_is_left_out_is_told_by_op_then_by_dtype() -> None:
    ops: list[Op] = ["im2col", "conv2d"]
    claimed = [one(Status.PASS, op=op, dtype=dtype) for op in ops for dtype in ("float64", "float16")]
    result = BackendResult("fake", False, [one(Status.PASS, op="conv2d", spec=DISTINCT[2]), *claimed])
    missing = ["conv2d in float16", "conv2d in float64", "im2col in float16", "im2col in float64"]
    assert result.omissions() == [f"{text} was judged on 1 geometry, 30 are needed" for text in missing]


def test_thirty_geometries_are_enough_for_a_part() -> None:
    specs = [ConvSpec.parse(f"n1c1h{h}w1_f1kh1kw1") for h in range(1, 31)]
    ran = [one(Status.PASS, "values.domain", spec=spec) for spec in specs]
    assert BackendResult("fake", False, ran).omissions() == []
    twice = [*ran[1:], ran[1], one(Status.NOT_RUN, "values.domain", spec=specs[0])]
    assert BackendResult("fake", False, twice).omissions() == [
        "im2col in float32 was judged on 29 geometries, 30 are needed"
    ]


def test_something_is_to_be_claimed_and_of_single_or_double_precision() -> None:
    assert BackendResult("fake", False, [one(Status.UNSUPPORTED)]).omissions() == ["nothing is claimed"]
    half = one(Status.PASS, dtype="float16", spec=DISTINCT[0])
    assert BackendResult("fake", False, [half]).omissions() == ["neither float32 nor float64 is claimed"]


@pytest.mark.parametrize(
    ("status", "is_enough"),
    [(Status.PASS, True), (Status.FAIL, True), (Status.XFAIL, True), (Status.XPASS, True), (Status.NOT_RUN, False),
     (Status.MISTRUSTED, False), (Status.UNSUPPORTED, False)],
)  # fmt: skip
def test_a_discriminating_case_counts_if_it_ran_to_a_result(status: Status, is_enough: bool) -> None:
    assert (BackendResult("fake", False, telling(status)).omissions() == []) is is_enough


def test_what_is_refused_is_not_claimed() -> None:
    refused = one(Status.UNSUPPORTED, op="conv2d", dtype="float64")
    assert whole(refused).omissions() == []


def test_a_plan_that_the_user_narrowed_is_judged_by_itself() -> None:
    assert BackendResult("fake", True, [one(Status.PASS)]).omissions() == []
    assert BackendResult("fake", True, [one(Status.PASS)]).verdict is Verdict.PASS


def test_the_reason_is_what_counts_do_not_say() -> None:
    """Cuts in place of what is left out, then two reasons of what was not run, stale lines and notes."""
    waiting = [one(Status.NOT_RUN, detail=text) for text in ("", "slow", "slow", "large", "third")]
    result = BackendResult("fake", False, [one(Status.NOT_RUN, detail="optional", optional=True), *waiting])
    result.cases.append(one(Status.FAIL, detail="wrong"))
    result.stale, result.notes = ["stale"], ["left out"]
    missing = ["im2col in float32 was judged on 1 geometry, 30 are needed"]
    assert result.reason == "; ".join([*missing, "slow", "large", "stale", "left out"])
    result.cuts = ["first cut", "second cut"]
    assert result.reason == "first cut; second cut; slow; large; stale; left out"


def test_a_group_has_its_cases_counts_seconds_and_refusals() -> None:
    cases = [
        one(Status.PASS, seconds=0.5), one(Status.UNSUPPORTED, detail="groups"),
        one(Status.PASS, "a.y", seconds=8.0), one(Status.UNSUPPORTED, detail="groups"),
        one(Status.FAIL, seconds=0.25, detail="wrong"), one(Status.UNSUPPORTED, detail="stride"),
        one(Status.PASS, dtype="float64", seconds=16.0),
    ]  # fmt: skip
    result = BackendResult("fake", True, cases)
    result.counted = [CaseCounts(
        _GRID, 9, Counter({Status.PASS: 5, Status.UNSUPPORTED: 4}), Counter({"dilation": 3, "groups": 1}),
        [one(Status.FAIL, "values.grid")], 2.0,
    )]  # fmt: skip
    groups = {group.key: group for group in result.groups()}
    assert [str(key) for key in groups] == [
        "a.x/im2col/float32", "a.y/im2col/float32", "a.x/im2col/float64", "values.grid/im2col/float32"
    ]  # fmt: skip
    first, _, _, grid = groups.values()
    assert first.cases == [cases[k] for k in (0, 1, 3, 4, 5)]
    assert (first.seconds, first.refusals) == (0.75, {"groups": 2, "stride": 1})
    assert (first.total, first.planned, first.executed, first.status) == (5, 2, 2, Status.FAIL)
    assert (grid.seconds, grid.refusals) == (2.0, {"dilation": 3, "groups": 1})
    assert (grid.total, grid.planned, grid.executed, grid.status) == (9, 5, 5, Status.PASS)
    assert grid.cases == result.counted[0].kept


def test_the_counts_of_a_group_are_its_own() -> None:
    """Adding two up must not change what is counted."""
    result = BackendResult("fake", True, [one(Status.PASS, "values.grid"), one(Status.NOT_RUN, "values.grid")])
    result.counted = [CaseCounts(_GRID, 3, Counter({Status.PASS: 3}), kept=[one(Status.FAIL, "values.grid")])]
    for _ in range(2):
        (group,) = result.groups()
        assert (group.counts, len(group.cases), group.executed) == ({Status.PASS: 4, Status.NOT_RUN: 1}, 3, 4)


def test_the_status_of_a_group_is_the_worst_that_occurs() -> None:
    order = [
        Status.FAIL, Status.XPASS, Status.MISTRUSTED, Status.NOT_RUN, Status.XFAIL, Status.PASS, Status.UNSUPPORTED,
    ]  # fmt: skip
    for k, status in enumerate(order):
        later = Counter(dict.fromkeys(order[k:], 2)) + Counter()
        later[order[k - 1]] = 0  # counted, and none is there
        assert CheckResult(_GRID, counts=later if k else Counter(order)).status is status
    assert CheckResult(_GRID).status is Status.NOT_RUN


def test_a_group_is_optional_if_one_of_its_cases_is() -> None:
    assert CheckResult(_GRID, [one(Status.PASS), one(Status.PASS, optional=True)]).optional
    assert not CheckResult(_GRID, [one(Status.PASS)]).optional


def test_one_group_alone_shares_its_cases_and_counts() -> None:
    cases = [one(Status.NOT_RUN), one(Status.NOT_RUN, dtype="float64"), one(Status.NOT_RUN, op="col2im")]
    counted = [CaseCounts.of(_GRID, 3), CaseCounts.of(CheckKey("a.x", "im2col", "float32"), 2)]
    result = BackendResult("fake", False, cases, counted, seconds=9.0, cuts=["cut"])
    part = result.only(CheckKey("a.x", "im2col", "float32"))
    assert (part.backend, part.narrowed, part.seconds, part.cuts) == ("fake", True, 0.0, [])
    assert part.cases[0] is cases[0]
    assert part.counted[0] is counted[1]
    assert (len(part.cases), len(part.counted)) == (1, 1)


def test_what_has_no_result_was_not_run() -> None:
    counts = CaseCounts.of(_GRID, 10)
    assert (counts.planned, counts.counts, counts.seconds) == (10, {Status.NOT_RUN: 10}, 0.0)
    counts.counts.update({Status.PASS: 3, Status.FAIL: 2, Status.UNSUPPORTED: 1})
    counts.settle()
    assert counts.counts == {Status.NOT_RUN: 4, Status.PASS: 3, Status.FAIL: 2, Status.UNSUPPORTED: 1}
    counts.settle()
    assert counts.counts[Status.NOT_RUN] == 4


def test_counts_can_be_as_planned_again() -> None:
    counts = CaseCounts(_GRID, 10, Counter({Status.PASS: 7}), Counter({"groups": 2}), [one(Status.FAIL)], 3.0)
    counts.forget()
    assert (+counts.counts, counts.refusals, counts.kept, counts.seconds) == ({Status.NOT_RUN: 10}, {}, [], 0.0)


def test_a_case_that_ran_can_be_as_planned_again() -> None:
    call = RecordedCall("im2col", _PLAIN, (), CallResult())
    ran = one(Status.FAIL, detail="wrong", seconds=0.5, used=0.25, calls=[call], known_reason="ours", optional=True)
    ran.forget()
    assert ran == one(Status.NOT_RUN, known_reason="ours", optional=True)


def test_what_the_plan_decided_stays() -> None:
    refused = one(Status.UNSUPPORTED, detail="groups")
    before = replace(refused)
    refused.forget()
    assert refused == before


def test_a_key_is_written_as_the_beginning_of_an_id() -> None:
    assert str(one(Status.PASS, "a.y", "col2im", "float64").key) == "a.y/col2im/float64"
