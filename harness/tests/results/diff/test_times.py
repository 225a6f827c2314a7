"""Which times changed: beyond the noise of both documents, and whose they are."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest

from harness.results.diff.compare import compare_files
from harness.results.diff.records import Diff
from harness.results.records import ComparisonRow
from harness.tests.helpers.comparisons import a_comparison_row, write_comparison
from harness.tests.helpers.runfiles import make_cell, make_header, write_run


def compared(folder: Path, before: ComparisonRow, after: ComparisonRow, floor: float = 0.01) -> Diff:
    """What changed from a document of one row to another."""
    a = write_comparison(folder / "a.json", before)
    return compare_files(a, write_comparison(folder / "b.json", after, noise_floor=floor))


def names(diff: Diff) -> tuple[list[str], list[str], list[str]]:
    """Who is slower, faster, and of whom it cannot be told."""
    slower, faster, unclear = ([one.backend for one in found] for found in (diff.slower, diff.faster, diff.unclear))
    return slower, faster, unclear


@pytest.mark.parametrize(
    ("mine", "other", "found"),
    [
        (1.0, 2.0, ([], [], [])),
        (1.04, 2.0, ([], [], [])),  # less than two sessions differ
        (1.2, 2.0, (["mine"], [], [])),
        (0.8, 2.0, ([], ["mine"], [])),
        (1.0, 2.4, (["numpy_fancy"], [], [])),
        (1.0, 1.6, ([], ["numpy_fancy"], [])),
        (1.5, 2.4, (["mine"], [], [])),  # the machine a fifth slower, and mine by more
        (1.3, 2.6, ([], [], ["mine"])),  # both: the machine, or what they share
        (0.7, 1.4, ([], [], ["mine"])),
        (1.04, 1.92, ([], [], ["mine"])),  # the ratio moved, neither time by enough
        (1.065, 2.0, ([], [], ["mine"])),  # about as much as two sessions and the noise of both
    ],
)
def test_a_change_is_that_of_the_ratio_and_of_a_time_of_its_own(
    mine: float, other: float, found: tuple[list[str], list[str], list[str]], tmp_path: Path
) -> None:
    assert names(compared(tmp_path, a_comparison_row(), a_comparison_row(mine, other))) == found


def test_a_change_is_told_with_both_noises(tmp_path: Path) -> None:
    """Also where the rows name the two the other way round."""
    turned = a_comparison_row(2.0, 1.5, noise=0.02, a="numpy_fancy", b="mine")
    for after in (a_comparison_row(1.5, 2.0, noise=0.02), turned):
        (change,) = compared(tmp_path, a_comparison_row(), after).slower
        assert (change.backend, change.against, change.op, change.shape) == (
            "mine",
            "numpy_fancy",
            "conv2d",
            "net:small",
        )
        assert (change.before, change.after) == (1.0, 1.5)
        assert (change.ratio, change.low, change.high) == pytest.approx((1.5, 1.5 / 1.01 / 1.02, 1.5 * 1.01 * 1.02))


def test_wide_intervals_leave_it_open(tmp_path: Path) -> None:
    diff = compared(tmp_path, a_comparison_row(noise=0.1), a_comparison_row(1.2, 2.0, noise=0.1))
    assert names(diff) == ([], [], ["mine"])
    assert diff.unclear[0].reason == "the intervals are too wide to tell"


def test_a_noisy_machine_raises_the_floor(tmp_path: Path) -> None:
    diff = compared(tmp_path, a_comparison_row(), a_comparison_row(1.2, 2.0), floor=0.3)
    assert (names(diff), diff.floor) == (([], [], []), 0.3)


@pytest.mark.parametrize(("others", "found"), [(0.03, (["mine"], [], [])), (0.2, ([], [], ["mine"]))])
def test_what_moved_no_further_than_the_ratios_of_others_is_unclear(
    others: float, found: tuple[list[str], list[str], list[str]], tmp_path: Path
) -> None:
    """On 40 layers those of a third backend move by so much, up and down; those of `mine` do not count."""

    def rows(mine: float, moved: float) -> list[ComparisonRow]:
        third = [
            a_comparison_row(math.exp(moved * (-1) ** n), 2.0, shape=f"net:{n}", a="third", noise=0.5)
            for n in range(40)
        ]
        return [a_comparison_row(mine, 2.0), *third]

    before = write_comparison(tmp_path / "a.json", *rows(1.0, 0.0))
    diff = compare_files(before, write_comparison(tmp_path / "b.json", *rows(1.5, others)))
    slower, faster, unclear = names(diff)
    assert (slower, faster, [name for name in unclear if name == "mine"]) == found
    said = {one.reason for one in diff.unclear if one.backend == "mine"}
    assert said <= {"the ratios of other backends moved as far between the two measurements"}


def test_another_layer_op_or_dtype_is_another_time(tmp_path: Path) -> None:
    others: list[dict[str, Any]] = [
        {"shape": "net:large"},
        {"op": "im2col"},
        {"dtype": "float64"},
        {"spec": "n2c2h6w6_f4kh3kw3"},
    ]
    for other in others:
        assert names(compared(tmp_path, a_comparison_row(), a_comparison_row(9.0, **other))) == ([], [], [])


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"machine": "other_2c2t"}, "machine some-cpu_4c8t before, other_2c2t now"),
        ({"threads": 2}, "threads 1 before, 2 now"),
        ({"allocator": "default"}, "allocator steady before, default now"),
    ],
)
def test_times_under_other_conditions_are_refused(changed: dict[str, object], said: str, tmp_path: Path) -> None:
    """And statuses compared all the same."""
    a = write_comparison(tmp_path / "a.json", a_comparison_row(), a_comparison_row(shape="net:large"))
    lost = a_comparison_row(None, shape="net:large", status="fail", reason="mine: wrong")
    diff = compare_files(a, write_comparison(tmp_path / "b.json", a_comparison_row(9.0), lost, **changed))  # type: ignore[arg-type]
    assert (diff.times_refused, diff.floor) == (f"times are not compared: {said}", None)
    assert names(diff) == ([], [], [])
    assert [one.shape for one in diff.newly_failing] == ["net:large"]


# -- run files -----------------------------------------------------------------------------------------------------


def runs(folder: Path, before: dict[str, list[float]], after: dict[str, list[float]]) -> Diff:
    """What changed from a run with these samples to another."""
    a, b = (
        write_run(folder, name, [make_cell(backend, samples) for backend, samples in of.items()])
        for name, of in (("run-a", before), ("run-b", after))
    )
    return compare_files(a, b)


_STEADY = [1.0, 1.001, 0.999, 1.0, 1.0, 1.0, 1.0]


def times(factor: float) -> list[float]:
    return [factor * value for value in _STEADY]


def test_runs_are_compared_in_pairs_with_the_baseline(tmp_path: Path) -> None:
    """What both have a time of: torch is lost in the second."""
    before = {"torch_native": times(0.5), "numpy_fancy": times(4.0), "mine": times(1.0)}
    diff = runs(tmp_path, before, {"numpy_fancy": times(4.1), "mine": times(1.3)})
    (change,) = diff.slower
    assert (change.backend, change.against) == ("mine", "numpy_fancy")
    assert change.ratio == pytest.approx(1.3 / 1.025)
    assert [one.backend for one in diff.missing] == ["torch_native"]
    drifted = runs(tmp_path, before, {name: [1.3 * t for t in samples] for name, samples in before.items()})
    assert (drifted.slower, drifted.faster) == ([], [])
    assert {one.backend for one in drifted.unclear} == {"mine", "numpy_fancy"}


def test_a_backend_alone_is_compared_with_itself(tmp_path: Path) -> None:
    """By the intervals of both and what two sessions differ by."""
    diff = runs(tmp_path, {"mine": times(1.0)}, {"mine": times(1.3)})
    (change,) = diff.slower
    assert (change.backend, change.against) == ("mine", "")
    assert (change.before, change.after) == pytest.approx((1.0, 1.3))
    assert change.low < math.exp(math.log(1.3)) < change.high
    assert names(runs(tmp_path, {"mine": times(1.3)}, {"mine": times(1.0)})) == ([], ["mine"], [])
    assert names(runs(tmp_path, {"mine": times(1.0)}, {"mine": times(1.02)})) == ([], [], [])
    wide = [0.8, 0.9, 1.0, 1.2, 1.3, 1.4, 1.5]
    assert names(runs(tmp_path, {"mine": wide}, {"mine": times(1.4)})) == ([], [], ["mine"])


def test_a_run_and_a_comparison_are_of_one_kind(tmp_path: Path) -> None:
    cells = [make_cell("mine", times(1.0)), make_cell("numpy_fancy", times(2.0))]
    spec = "n1c2h6w6_f4kh3kw3"
    header = make_header("run-a", backends=["mine", "numpy_fancy"])
    a = write_run(tmp_path, "run-a", cells, header=header)
    slower = a_comparison_row(1.5, 2.0, spec=spec)
    b = write_comparison(tmp_path / "b.json", slower, machine=header.machine.name)
    assert names(compare_files(a, b)) == (["mine"], [], [])
