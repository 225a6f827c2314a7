"""What the numbers rest on: verdicts of the suite, completeness of a run, the code, and the commands that repeat it."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from harness.contract.status import CellStatus, Verdict
from harness.geometry.spec import OPS
from harness.report import standing
from harness.report.measured.load import Data
from harness.report.measured.runs import Run
from harness.report.verdicts import ConformanceVerdict
from harness.results.records import Cell
from harness.tests.helpers.plugins import called
from harness.tests.helpers.runfiles import FLAT, make_cell, make_data, make_facts, make_header, make_row
from harness.timing.plan import Plan


def _judged(lost: bool = False, left_out: tuple[str, ...] = (), **verdicts: Verdict) -> Data:
    """Four backends with times, and these verdicts."""
    rows = [make_row(name, 1.0) for name in ("mine", "torch_native", "alpha", "numpy_fancy")]
    found = {name: ConformanceVerdict(backend=name, verdict=verdict) for name, verdict in verdicts.items()}
    return make_data(rows, verdicts=found or None, verdicts_lost=lost, left_out=list(left_out))


# -- verdicts ----------------------------------------------------------------------------------------------------------


def test_the_right_ones_are_counted_and_the_others_named() -> None:
    """Of those that were measured, in the order of the registry; a backend that was only checked is not among them."""
    data = _judged(
        mine=Verdict.FAIL,
        torch_native=Verdict.PASS,
        numpy_fancy=Verdict.PASS,
        elsewhere=Verdict.PASS,
        gone=Verdict.FAIL,
    )
    assert standing.correctness(data) == (
        "Correctness: 2 of 4 backends pass (numpy_fancy, torch_native); not checked: alpha; fail: mine."
    )
    data = _judged(mine=Verdict.INCOMPLETE, torch_native=Verdict.UNAVAILABLE, alpha=Verdict.INCOMPLETE)
    assert standing.correctness(data) == (
        "Correctness: 0 of 4 backends pass; not checked: numpy_fancy; unavailable: torch_native; "
        "incomplete: alpha, mine."
    )
    alone = make_data([make_row("mine", 1.0)], verdicts={})
    assert standing.correctness(alone) == "Correctness: 0 of 1 backend pass; not checked: mine."


def test_without_verdicts_it_says_how_to_get_them() -> None:
    how = "`harness check --json results/conformance.json` writes it)."
    assert standing.correctness(_judged()) == f"Correctness: not checked (there is no conformance.json; {how}"
    assert (
        standing.correctness(_judged(lost=True)) == f"Correctness: not checked (conformance.json cannot be used; {how}"
    )


@pytest.mark.parametrize(
    ("data", "right"),
    [
        (_judged(), False),
        (_judged(mine=Verdict.PASS), True),
        (_judged(mine=Verdict.PASS, alpha=Verdict.INCOMPLETE), True),
        (_judged(mine=Verdict.INCOMPLETE), False),
        (_judged(mine=Verdict.PASS, torch_native=Verdict.PASS, alpha=Verdict.FAIL), False),
        (_judged(mine=Verdict.PASS, elsewhere=Verdict.FAIL), True),
        (_judged(elsewhere=Verdict.PASS), False),
        (_judged(mine=Verdict.PASS, left_out=("x.jsonl is no file",)), False),
    ],
    ids=["unchecked", "one", "one_incomplete", "none", "one_fails", "another_fails", "another_passes", "left_out"],
)
def test_something_is_right_and_nothing_wrong(data: Data, right: bool) -> None:
    assert standing.is_right(data) is right


@pytest.mark.parametrize("status", list(CellStatus))
def test_a_wrong_result_while_measuring_is_a_failure_whatever_the_verdicts_say(status: CellStatus) -> None:
    rows = [
        make_row("mine", 1.0),
        make_row("mine", layer="net:large", op="im2col", dtype="float64", status=status, reason="x"),
    ]  # fmt: skip
    verdicts = {"mine": ConformanceVerdict(backend="mine", verdict=Verdict.PASS)}
    data = make_data(rows, verdicts=verdicts)
    bad = status in (CellStatus.FAIL, CellStatus.CRASHED, CellStatus.HUNG, CellStatus.IMPLAUSIBLE)
    assert standing.failures(data) == [f"mine im2col on net:large (float64): {status}, x"] * bad
    assert standing.is_right(data) is not bad


def test_who_is_absent_and_why() -> None:
    facts = [
        make_facts("mine"), make_facts("gone", available=False, reason="no CUDA"), make_facts("lost", available=False)
    ]  # fmt: skip
    assert standing.absent(make_data([], backends={b.backend: b for b in facts})) == [
        "gone: no CUDA", "lost: no reason given",
    ]  # fmt: skip


# -- how much of the plan was done -------------------------------------------------------------------------------------


def _completeness(cells: list[Cell], finished: bool = False, **plan: Any) -> str:
    """Of a run whose plan is two layers, two ops, one dtype and the backends named."""
    return standing.completeness(Run(make_header("r1", **plan), cells, finished=finished))


def test_what_was_measured_and_why_the_rest_was_not() -> None:
    """Eight planned: two measured, one refused, two too slow, one wrong; two were not reached."""
    cells = [
        make_cell("a", FLAT), make_cell("a", FLAT, "net:large"), make_cell("b", status="unsupported"),
        make_cell("b", layer="net:large", status="over_budget"), make_cell("a", op="im2col", status="over_budget"),
        make_cell("b", op="im2col", status="fail"),
    ]  # fmt: skip
    assert _completeness(cells, backends=["a", "b"]) == (
        "Run r1 is UNFINISHED (the same `harness bench` continues it): 2 of 8 planned cells measured; without a time: "
        "1 fail, 2 over budget, 1 unsupported; 2 not reached."
    )
    assert _completeness(cells[:2], finished=True, backends=["a"], ops=["conv2d"]) == (
        "Run r1 is finished: 2 of 2 planned cells measured."
    )
    assert _completeness(cells[:3], finished=True, backends=["a", "b"], specs=["s"]) == (
        "Run r1 is finished: 2 of 4 planned cells measured; without a time: 1 unsupported; 1 not reached."
    )


def test_a_cell_that_was_measured_twice_counts_once_and_as_it_ended() -> None:
    cells = [
        make_cell("a", FLAT),
        make_cell("a", FLAT),
        make_cell("a", status="hung"),
        make_cell("a", FLAT, "net:large"),
    ]
    assert _completeness(cells, backends=["a"]) == (
        "Run r1 is UNFINISHED (the same `harness bench` continues it): 1 of 4 planned cells measured; without a time: "
        "1 hung; 2 not reached."
    )


@pytest.mark.parametrize(
    "other",
    [{"backend": "b"}, {"op": "im2col"}, {"dtype": "float64"}, {"spec": "s2"}],
    ids=lambda other: next(iter(other)),
)
def test_cells_of_other_keys_count_each(other: dict[str, str]) -> None:
    cells = [make_cell("a", FLAT), replace(make_cell("a", FLAT), **other)]
    assert "2 of 4 planned cells measured; 2 not reached." in _completeness(cells, backends=["a"])


def test_more_cells_than_planned_are_not_less_than_none() -> None:
    """A file in which another plan was continued."""
    cells = [make_cell("a", FLAT), make_cell("b", FLAT)]
    assert _completeness(cells, finished=True, backends=["a"], specs=["s"], ops=["conv2d"]).endswith(
        "2 of 1 planned cells measured."
    )


# -- the code ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("hashes", "dirty", "text"),
    [
        (["0123456789"], False, "commit 01234567"),
        (["0123456789", "0123456789"], True, "commit 01234567 + uncommitted changes"),
        (["0123456789", "abcdefghij"], False, "commits 01234567 and abcdefgh"),
        (["c" * 9, "a" * 9, "b" * 9, "a" * 9, "d" * 9], True,
         "commits cccccccc and aaaaaaaa and 2 more + uncommitted changes"),
        ([""], False, "commit unknown"),
    ],
)  # fmt: skip
def test_commits_in_short(hashes: list[str], dirty: bool, text: str) -> None:
    assert standing.commits(hashes, dirty) == text


def test_one_cell_of_changed_code_is_enough_to_say_so() -> None:
    rows = [
        make_row("a", 1.0, commit="1" * 9),
        make_row("b", 1.0, commit="2" * 9, dirty=True),
        make_row("c", 1.0, commit="1" * 9),
    ]
    assert standing.commits_of(rows) == "commits 11111111 and 22222222 + uncommitted changes"
    assert standing.commits_of(rows[::2]) == "commit 11111111"


# -- the commands that repeat it ---------------------------------------------------------------------------------------


def test_the_commands_repeat_the_plan_whole() -> None:
    plan: dict[str, Any] = {
        "shapes": "my layers.csv", "ops": ["conv2d", "im2col"], "dtypes": ["float64", "float32"], "threads": 2,
        "allocator": "default", "budget": 0.5, "batch": 32,
    }  # fmt: skip
    run = Run(make_header("r1", backends=["torch_native", "./my kernel.py:Mine"], **plan))
    assert standing.commands(run) == [
        "harness bench torch_native './my kernel.py:Mine' --shapes 'my layers.csv' --ops conv2d,im2col "
        "--dtype float64,float32 --threads 2 --allocator default --budget 0.5 --batch 32",
        "harness report",
    ]


def test_all_ops_and_the_own_batch_of_the_layers_need_not_be_said() -> None:
    run = Run(make_header("r1", backends=["a"], ops=list(reversed(OPS)), budget=120.0))
    assert standing.commands(run)[0] == (
        "harness bench a --shapes quick --dtype float32 --threads 1 --allocator steady --budget 120"
    )


def test_the_record_of_a_plan_is_what_the_command_repeats() -> None:
    record = Plan("core", [], [called("mine")], ops=["im2col"], batch=32, threads=3, budget=7.5).record()
    header = make_header("r1")
    assert standing.commands(Run(replace(header, plan=record)))[0] == (
        "harness bench mine --shapes core --ops im2col --dtype float32 --threads 3 --allocator steady --budget 7.5 "
        "--batch 32"
    )


def test_a_status_in_a_sentence_has_no_underscore() -> None:
    assert [standing.spoken(s) for s in (CellStatus.OVER_BUDGET, CellStatus.FAIL)] == ["over budget", "fail"]
