"""Reports of the parts of a run add up to one: sums of unequal halves, the worst status, each text once."""

from __future__ import annotations

import pytest
from msgspec import structs

from conformance.reports.merging import merge
from conformance.run.records import BackendReport, CheckReport, FailureReport
from harness.contract.status import Status, Verdict
from harness.tests.helpers.suite.samples import a_group, a_report


def failures(*texts: str) -> list[FailureReport]:
    """Failures with these texts."""
    return [FailureReport(status=Status.FAIL, text=text) for text in texts]


def halves() -> tuple[BackendReport, BackendReport]:
    """Two parts, unequal in everything."""
    one = a_report(
        "mine", Verdict.INCOMPLETE,
        [a_group("values.exact", "im2col", "float32", Status.PASS, 7, 7, seconds=0.5, used=0.25, reason="2 refused"),
         a_group("values.exact", "im2col", "float64", Status.NOT_RUN, 5, 1, seconds=1.0, reason="1 refused"),
         a_group("law.adjoint", "im2col", "float32", Status.PASS, 4, 4, seconds=0.125)],
        **{"pass": 12, "not_run": 4, "unsupported": 3, "xpass": 2}, seconds=3.25, cut="4 cut", reason="a reason",
        shard="1/2",
    )  # fmt: skip
    other = a_report(
        "mine", Verdict.FAIL,
        [a_group("values.exact", "im2col", "float64", Status.FAIL, 6, 6, seconds=2.0, used=0.75, reason="3 refused",
                 repro="harness check mine.py", diagnosis=["wrong"], failures=failures("wrong")),
         a_group("values.exact", "im2col", "float32", Status.PASS, 9, 8, seconds=0.25, used=0.125, reason="2 refused"),
         a_group("law.divisor", "im2col", "float32", Status.XFAIL, 1, 1),
         a_group("law.adjoint", "col2im", "float32", Status.PASS, 3, 3, seconds=0.0625)],
        **{"pass": 20, "fail": 5, "xfail": 6, "mistrusted": 7}, seconds=9.87512, reason="another", tier=1, seed=7,
        shard="2/2",
    )  # fmt: skip
    return one, other


def by_key(report: BackendReport) -> dict[str, CheckReport]:
    """The groups of a report."""
    return {f"{one.id}/{one.op}/{one.dtype}": one for one in report.checks}


@pytest.mark.parametrize("order", [1, -1])
def test_counts_are_sums_and_seconds_those_of_the_longest(order: int) -> None:
    whole = merge(halves()[::order])
    assert whole.counts == {
        Status.PASS: 32, Status.FAIL: 5, Status.UNSUPPORTED: 3, Status.XFAIL: 6, Status.XPASS: 2, Status.MISTRUSTED: 7,
        Status.NOT_RUN: 4,
    }  # fmt: skip
    assert (whole.planned, whole.executed, whole.total) == (18 + 38, 14 + 38, 21 + 38)
    assert (whole.seconds, whole.verdict, whole.cut) == (9.875, Verdict.FAIL, "4 cut")
    assert whole.reason == ("a reason; another" if order > 0 else "another; a reason")


def test_what_is_the_same_in_all_parts_is_that_of_the_first() -> None:
    whole = merge(halves())
    assert (whole.backend, whole.schema, whole.suite_version, whole.tier, whole.seed, whole.isolated, whole.shard) == (
        "mine", 1, "2026.14", 1, 7, True, "1/2",
    )  # fmt: skip


@pytest.mark.parametrize("order", [1, -1])
def test_groups_of_all_parts_are_there_once(order: int) -> None:
    one, other = halves()
    whole = merge((one, other)[::order])
    first, second = (by_key(part) for part in (one, other)[::order])
    found = by_key(whole)
    assert list(found) == list(first | second)
    assert len(whole.checks) == 5
    assert found["law.adjoint/im2col/float32"] == by_key(one)["law.adjoint/im2col/float32"]
    assert found["law.divisor/im2col/float32"] == by_key(other)["law.divisor/im2col/float32"]


@pytest.mark.parametrize("order", [1, -1])
def test_a_group_in_two_parts_is_the_sum_of_both_and_as_bad_as_the_worse(order: int) -> None:
    found = by_key(merge(halves()[::order]))
    good, bad = found["values.exact/im2col/float32"], found["values.exact/im2col/float64"]
    assert (good.status, good.planned, good.executed, good.seconds, good.used, good.reason, good.repro) == (
        Status.PASS, 16, 15, 0.75, 0.25, "2 refused", "",
    )  # fmt: skip
    assert (bad.status, bad.planned, bad.executed, bad.seconds, bad.used, bad.repro) == (
        Status.FAIL, 11, 7, 3.0, 0.75, "harness check mine.py",
    )  # fmt: skip
    assert bad.reason == ("1 refused; 3 refused" if order > 0 else "3 refused; 1 refused")
    assert (bad.diagnosis, [one.text for one in bad.failures]) == (["wrong"], ["wrong"])


def test_a_group_tells_three_failures_of_all_the_first_part_first() -> None:
    def part(*texts: str) -> BackendReport:
        group = a_group(
            "values.exact", "im2col", "float32", Status.FAIL, 4, 4, repro=f"again {texts[0]}", diagnosis=list(texts),
            failures=failures(*texts),
        )  # fmt: skip
        return a_report("mine", Verdict.FAIL, [group], fail=4)

    (group,) = merge([part("a", "b"), part("c", "d"), part("e")]).checks
    assert [one.text for one in group.failures] == group.diagnosis == ["a", "b", "c"]
    assert (group.repro, group.planned) == ("again a", 12)


@pytest.mark.parametrize(("used", "most"), [((None, None), None), ((None, 0.5), 0.5), ((0.0, None), 0.0)])
def test_the_most_of_an_allowance_is_that_of_the_parts_that_know(
    used: tuple[float | None, float | None], most: float | None
) -> None:
    group = a_group("values.real", "im2col", "float32", Status.PASS, 1, 1)
    parts = [a_report("mine", Verdict.PASS, [structs.replace(group, used=one)], **{"pass": 1}) for one in used]
    assert merge(parts).checks[0].used == most


def test_what_an_older_part_does_not_know_adds_nothing() -> None:
    one, other = halves()
    one = structs.replace(one, total=None, checks=[structs.replace(group, seconds=None) for group in one.checks])
    for parts in ([one, other], [other, one]):
        whole = merge(parts)
        assert (whole.total, by_key(whole)["values.exact/im2col/float32"].seconds) == (38, 0.25)


def test_an_empty_part_says_nothing_of_the_whole() -> None:
    _, full = halves()
    empty = a_report("mine", Verdict.PASS, [], reason="this part has no case, others have", shard="1/2")
    early = a_report("mine", Verdict.INCOMPLETE, [], reason="nothing", shard="1/2")
    for nothing in (empty, early):
        for parts in ([nothing, full], [full, nothing]):
            whole = merge(parts)
            assert (whole.verdict, whole.reason, whole.planned) == (Verdict.FAIL, "another", 38)
    assert merge([early, early]).verdict is Verdict.INCOMPLETE
    assert merge([empty, empty]).reason == "this part has no case, others have"


def test_a_part_that_was_unavailable_is_not_forgotten() -> None:
    absent = a_report("mine", Verdict.UNAVAILABLE, [], reason="no card")
    passed = a_report("mine", Verdict.PASS, [], **{"pass": 1})
    whole = merge([passed, absent])
    assert (whole.verdict, whole.reason) == (Verdict.UNAVAILABLE, "no card")


def test_a_single_part_is_the_whole() -> None:
    one, _ = halves()
    assert merge([one]) == one
