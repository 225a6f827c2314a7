"""What the commands show, line by line: every number in its place, and what needs the reader's eye first."""

from __future__ import annotations

import pytest

from conformance.run.again.short_ids import short
from conformance.run.records import CauseReport
from harness.cli import check_table
from harness.cli.measured import comparison_table
from harness.contract.status import CellStatus, Speed, Status, Verdict
from harness.results.records import ComparisonMean, ComparisonRow
from harness.tests.helpers.cli.reports import a_failure, a_group, a_report


def shown(capsys: pytest.CaptureFixture[str]) -> list[str]:
    """The lines on stdout, without what fills up a column."""
    said = capsys.readouterr()
    assert said.err == ""
    return [line.rstrip() for line in said.out.splitlines()]


# -- check ---------------------------------------------------------------------------------------------------------


def test_a_line_for_each_backend(capsys: pytest.CaptureFixture[str]) -> None:
    every = {
        Status.PASS: 2001, Status.FAIL: 12, Status.UNSUPPORTED: 1003, Status.XFAIL: 4, Status.XPASS: 5,
        Status.MISTRUSTED: 6, Status.NOT_RUN: 7,
    }  # fmt: skip
    check_table.show([
        a_report("first", Verdict.INCOMPLETE, counts=every, reason="too little", planned=3035, executed=3028,
                 seconds=61.26),
        a_report("second", counts={Status.PASS: 8}, planned=8, executed=6, seconds=0.04),
        a_report("third", Verdict.UNAVAILABLE, counts={}, reason="no card", planned=0, executed=0, seconds=0.0),
    ])  # fmt: skip
    lines = shown(capsys)
    assert all(len(line) <= 80 for line in lines)
    assert " ".join(" ".join(lines).split()) == (
        "backend verdict executed cases time first incomplete 3028 of 3035 2,001 pass, 12 fail, 1,003 61.3 s "
        "unsupported, 4 xfail, 5 xpass, 6 mistrusted (could not tell right from wrong), 7 not_run; too little "
        "second pass 6 of 8 8 pass 0.0 s third unavailable 0 of 0 no card 0.0 s"
    )


def test_only_right_results_use_an_allowance(capsys: pytest.CaptureFixture[str]) -> None:
    groups = [a_group(used=0.25), a_group(used=0.5), a_group(used=0.375), a_group(Status.FAIL, used=0.9), a_group()]
    check_table.show([a_report(checks=groups)])
    assert "7 pass; rounding errors at most 50% of what 1.2 s is allowed" in " ".join(" ".join(shown(capsys)).split())


def test_failures_with_their_repro_and_what_was_never_called_last(capsys: pytest.CaptureFixture[str]) -> None:
    never = a_group(Status.MISTRUSTED, diagnosis=["b/case: was not run: late"], repro="harness check B")
    groups = [
        a_group(Status.PASS),
        never,
        a_group(Status.FAIL, diagnosis=["a/case: 3 of 4 differ", "another"], repro="harness check A", failures=[
            a_failure(pattern="only where windows overlap", witnesses="it is the odd one out"),
            a_failure(pattern="not shown"),
        ]),
        a_group(Status.NOT_RUN),
        a_group(Status.XPASS, diagnosis=["c/case: passed"], repro="harness check C", optional=True,
                failures=[a_failure(pattern="", witnesses="torch agrees")]),
    ]  # fmt: skip
    check_table.show([a_report("mine", Verdict.FAIL, checks=groups), a_report("right")], ["a note", "another note"])
    lines = shown(capsys)
    assert lines[:-3] == [
        f"mine: fail {short('a/case')} a/case: 3 of 4 differ",
        "  only where windows overlap",
        "  it is the odd one out",
        "  repro: harness check A",
        "",
        f"mine: xpass (optional, not part of the verdict) {short('a/case')} c/case: passed",
        "  torch agrees",
        "  repro: harness check C",
        "",
        "mine: mistrusted b/case: was not run: late",
        "  repro: harness check B",
        "",
        "a note",
        "another note",
    ]
    assert [line.split()[0] for line in lines[-3:]] == ["backend", "mine", "right"]


@pytest.mark.parametrize(("failing", "more"), [(8, []), (9, ["1 more failure"]), (11, ["3 more failures"])])
def test_eight_groups_are_shown_and_the_rest_counted(
    capsys: pytest.CaptureFixture[str], failing: int, more: list[str]
) -> None:
    groups = [a_group(Status.FAIL, repro=f"repro {number}") for number in range(failing)]
    check_table.show([a_report(checks=[*groups, a_group()])])
    lines = shown(capsys)
    assert [line for line in lines if "repro:" in line] == [f"  repro: repro {number}" for number in range(8)]
    more_lines = [f"mine: {counted}; --html FILE has all" for counted in more]
    assert lines[3 * 8 : -2] == [*more_lines, ""] * bool(more)


def test_an_exception_does_not_look_like_wrong_numbers(capsys: pytest.CaptureFixture[str]) -> None:
    for look, said in (("exception", "fail, by an exception"), ("numbers", "fail")):
        check_table.show([a_report(checks=[a_group(Status.FAIL, failures=[a_failure(look=look)])])])
        assert shown(capsys)[0] == f"mine: {said} {short('a/case')} a/case: fail"


def test_causes_come_first_then_what_they_do_not_explain(capsys: pytest.CaptureFixture[str]) -> None:
    explained = a_group(Status.FAIL, diagnosis=["a/case: off"])
    other = a_group(Status.FAIL, op="col2im", diagnosis=["b/case: raised"], repro="harness check B")
    cause = CauseReport(
        op="im2col",
        dtypes=["float32"],
        kind="name",
        says="Your im2col ignores the stride.",
        explains=[explained.key],
        cases=3,
    )
    check_table.show([a_report("mine", Verdict.FAIL, checks=[explained, other], causes=[cause])])
    assert shown(capsys)[:-2] == [
        "mine: one cause of what fails",
        "",
        "1. Your im2col ignores the stride.",
        "   3 cases fail, all for this reason (in float32).",
        "",
        "mine: beside that, failures that it does not explain",
        "",
        "mine: fail b/case: raised",
        "  repro: harness check B",
        "",
    ]


# -- compare -------------------------------------------------------------------------------------------------------


def a_row(**changed: object) -> ComparisonRow:
    """One layer on which `mine` is compared."""
    fields: dict[str, object] = dict(
        op="im2col", dtype="float32", shape="net:small", spec="n1c2h6w6_f4kh3kw3", a="mine", b="torch", ratio=0.25,
        low=0.2, high=0.3125, pairs=11, a_seconds=1.0, b_seconds=4.0, checked_points=64, status=CellStatus.OK,
        reason="", verdict=Speed.FASTER, processes=3,
    )  # fmt: skip
    return ComparisonRow(**{**fields, **changed})  # type: ignore[arg-type]


def a_mean(**changed: object) -> ComparisonMean:
    """One op over its layers."""
    fields: dict[str, object] = dict(op="im2col", dtype="float32", a="mine", b="torch", ratio=0.5, layers=3)
    return ComparisonMean(**{**fields, **changed})  # type: ignore[arg-type]


def test_a_line_for_each_layer_and_peer_then_the_means(capsys: pytest.CaptureFixture[str]) -> None:
    rows = [
        a_row(),
        a_row(
            b="numpy",
            op="col2im",
            dtype="float64",
            shape="net:large",
            ratio=2.0,
            low=1.9,
            high=2.1234,
            pairs=9,
            verdict=Speed.SLOWER,
        ),
        a_row(ratio=1.01, low=0.98, high=1.02, pairs=8, verdict=Speed.SAME),
        a_row(ratio=1.1, low=0.9, high=1.2, pairs=7, verdict=Speed.UNCLEAR, reason="7 pairs are few"),
        a_row(
            ratio=None,
            low=None,
            high=None,
            pairs=0,
            status=CellStatus.HUNG,
            reason="torch: no answer",
            verdict=Speed.NO_DATA,
        ),
    ]
    means = [a_mean(), a_mean(op="col2im", dtype="float64", b="numpy", ratio=2.0, layers=1),
             a_mean(op="conv2d", ratio=None, layers=0)]  # fmt: skip
    itself = [a_row(b="mine.again"), a_row(b="mine.again", op="conv2d", shape="net:large")]
    comparison_table.show(rows, means, "2 threads, default allocator", 0.0234, itself)
    assert shown(capsys) == [
        "mine, 2 threads, default allocator",
        "layer      op      dtype    against  mine is                 time ratio [95 %]     pairs",
        "net:small  im2col  float32  torch    4.0x faster             0.250 [0.200, 0.312]  11",
        "net:large  col2im  float64  numpy    2.0x slower             2.000 [1.900, 2.123]  9",
        "net:small  im2col  float32  torch    same                    1.010 [0.980, 1.020]  8",
        "net:small  im2col  float32  torch    unclear                 1.100 [0.900, 1.200]  7",
        "net:small  im2col  float32  torch    hung: torch: no answer                        0",
        "unclear: net:small im2col against torch: 7 pairs are few",
        "noise of this machine: 2.3 %, from mine against itself (im2col on net:small and conv2d on net:large); less is "
        "no difference",
        "",
        "geometric means",
        "op      dtype    against  mine is       layers",
        "im2col  float32  torch    2.0x faster   3",
        "col2im  float64  numpy    2.0x slower   1",
        "conv2d  float32  torch    not measured  0",
    ]


def test_limits_have_a_column_where_one_is_known(capsys: pytest.CaptureFixture[str]) -> None:
    rows = [a_row(b_share=0.756, b_bound="of copy"), a_row(shape="net:large", b_share=0.5, b_bound=None)]
    comparison_table.show(rows, [], "1 thread", 0.01)
    assert shown(capsys)[1:4] == [
        "layer      op      dtype    against  mine is      time ratio [95 %]     pairs  peer's limit",
        "net:small  im2col  float32  torch    4.0x faster  0.250 [0.200, 0.312]  11     76% of copy",
        "net:large  im2col  float32  torch    4.0x faster  0.250 [0.200, 0.312]  11",
    ]
    comparison_table.show(
        [a_row(a_share=0.034, a_bound="of product", b_share=1.2, b_bound="of copy")], [], "1 thread", 0.01
    )
    assert shown(capsys)[1:3] == [
        "layer      op      dtype    against  mine is      time ratio [95 %]     pairs  mine's limit   peer's limit",
        "net:small  im2col  float32  torch    4.0x faster  0.250 [0.200, 0.312]  11     3% of product  120% of copy",
    ]


def test_without_a_row_nothing_is_shown(capsys: pytest.CaptureFixture[str]) -> None:
    comparison_table.show([], [], "1 thread", 0.01)
    assert shown(capsys) == []


def test_without_a_time_against_itself_the_noise_is_a_guess(capsys: pytest.CaptureFixture[str]) -> None:
    lost = a_row(b="mine.again", ratio=None, low=None, high=None, pairs=0, status=CellStatus.UNAVAILABLE)
    comparison_table.show([a_row()], [], "", 0.01, [lost])
    assert shown(capsys)[3] == (
        "noise of this machine: 1.0 % at least; it was not measured, as mine has no time against itself"
    )


def test_of_many_unclear_rows_the_first_are_explained(capsys: pytest.CaptureFixture[str]) -> None:
    rows = [a_row(shape=f"net:{i}", verdict=Speed.UNCLEAR, reason=f"reason {i}") for i in range(7)]
    comparison_table.show(rows, [], "", 0.01)
    assert shown(capsys)[9:15] == [
        *[f"unclear: net:{i} im2col against torch: reason {i}" for i in range(5)],
        "unclear: 2 rows more; --json FILE has all reasons",
    ]
