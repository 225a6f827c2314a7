"""Backend against backend: which samples meet, what stands where there is no time, and what is averaged."""

from __future__ import annotations

from typing import Any

import pytest

from harness.contract.status import CellStatus, Speed
from harness.geometry.spec import ConvSpec
from harness.results import ratios
from harness.results.records import Ceilings, Cell
from harness.tests.helpers.records import a_cell, some_facts

_CARD = Ceilings(
    threads=1, allocator="steady", backend="mine", device="card", copy_gbs={"cache": 4000.0, "dram": 3000.0},
    copy_bytes={"cache": 2**24, "dram": 2**31}, matmul_gflops={"float32": 50_000.0, "tf32": 400_000.0},
)  # fmt: skip


def test_a_row_is_of_times_of_a_over_times_of_b() -> None:
    """The middle of 1/2, 6/2 and 3/3 is 1, after a pair that does not count; the medians of the sides are 4.5 and 3."""
    a = a_cell("a", [90.0, 1.0, 6.0, 3.0], checked_points=64, layer="net:1", spec="n1c2h6w6_f4kh3kw3")
    b = a_cell("b", [3.0, 2.0, 2.0, 3.0, 50.0], checked_points=8, layer="net:1", spec="n1c2h6w6_f4kh3kw3")
    (row,) = ratios.rows([b, a], ["a", "b"])
    assert (row.a, row.b, row.op, row.dtype, row.shape, row.spec) == (
        "a", "b", "im2col", "float32", "net:1", "n1c2h6w6_f4kh3kw3",
    )  # fmt: skip
    assert (row.ratio, row.low, row.high, row.pairs) == pytest.approx((1.0, 0.5, 3.0, 3))
    assert (row.a_seconds, row.b_seconds, row.checked_points) == (4.5, 3.0, 8)
    assert (row.verdict, row.processes) == (Speed.UNCLEAR, 1)
    assert row.status is CellStatus.OK
    assert row.reason.startswith("3 pairs in 1 process, and the interval is still ±145 %")
    (turned,) = ratios.rows([b, a], ["b", "a"])
    assert (turned.ratio, turned.low, turned.high, turned.pairs) == pytest.approx((1.0, 1 / 3, 2.0, 3))
    assert (turned.a_seconds, turned.b_seconds, turned.checked_points) == (3.0, 4.5, 8)


def of_processes(**samples: list[list[float]]) -> list[Cell]:
    """One group, each backend in as many processes as it has lists."""
    return [
        a_cell(name, times, process=process)
        for name, lists in samples.items()
        for process, times in enumerate(lists)
    ]  # fmt: skip


def test_a_ratio_is_the_middle_of_what_each_process_saw() -> None:
    """1/3, 1/4 and 1/5, whatever the number of their pairs; samples of different processes never meet."""
    cells = of_processes(a=[[1.0] * 9, [1.0] * 3, [1.0] * 3], b=[[3.0] * 9, [4.0] * 3, [5.0] * 5])
    (row,) = ratios.rows(cells, ["a", "b"])
    assert (row.ratio, row.low, row.high) == pytest.approx((0.25, 0.2, 1 / 3))
    assert (row.pairs, row.processes, row.verdict, row.reason) == (12, 3, Speed.FASTER, "")
    assert (row.a_seconds, row.b_seconds) == (1.0, 3.0)


def test_processes_that_do_not_agree_leave_it_open() -> None:
    cells = of_processes(a=[[1.2] * 3] * 15 + [[0.9] * 3] * 4, b=[[1.0] * 3] * 19)
    (row,) = ratios.rows(cells, ["a", "b"])
    assert (row.verdict, row.status) == (Speed.UNCLEAR, CellStatus.OK)
    assert row.reason == "38 pairs in 19 processes, which do not agree on who is faster"


def test_what_is_less_than_the_noise_of_the_machine_is_left_open() -> None:
    cells = of_processes(a=[[1.07, 1.07], [1.069, 1.069], [1.071, 1.071]], b=[[1.0, 1.0]] * 3)
    (row,) = ratios.rows(cells, ["a", "b"], floor=0.08)
    assert row.verdict is Speed.UNCLEAR
    assert (
        row.reason
        == "3 pairs in 3 processes: the difference is not clear of the noise of 8.0 %, or of what processes differ by"
    )
    (row,) = ratios.rows(cells, ["a", "b"], floor=0.05)
    assert (row.verdict, row.reason) == (Speed.SLOWER, "")


def test_what_few_processes_differ_by_is_left_open() -> None:
    cells = of_processes(a=[[1.07, 1.07], [1.02, 1.02], [1.20, 1.20]], b=[[1.0, 1.0]] * 3)
    (row,) = ratios.rows(cells, ["a", "b"])
    assert (row.verdict, row.pairs) == (Speed.UNCLEAR, 3)


def test_a_side_that_one_process_has_no_time_of_has_none() -> None:
    """Nor has one with samples and another status than `ok`."""
    cells = of_processes(a=[[1.0, 1.0]] * 2, b=[[2.0, 2.0]] * 2)
    cells[-1] = a_cell("b", [2.0, 2.0], process=1, status=CellStatus.FAIL, reason="wrong the second time")
    (row,) = ratios.rows(cells, ["a", "b"])
    assert (row.verdict, row.ratio, row.b_seconds, row.pairs, row.processes) == (Speed.NO_DATA, None, None, 0, 0)
    assert (row.status, row.reason) == (CellStatus.FAIL, "b: wrong the second time")


def test_the_noise_is_the_farthest_ratio_of_a_backend_against_itself() -> None:
    """One per cent at least."""
    quiet, noisy = of_processes(a=[[1.0] * 3], b=[[1.001] * 3]), of_processes(a=[[1.0] * 3], b=[[1.0, 1.04, 1.04]])
    (small,), (large,) = ratios.rows(quiet, ["a", "b"]), ratios.rows(noisy, ["a", "b"])
    assert ratios.noise_floor([]) == ratios.noise_floor([small]) == 0.01
    assert ratios.noise_floor([small, large]) == pytest.approx(0.04)
    (lost,) = ratios.rows([a_cell("a", [1.0]), a_cell("b", status=CellStatus.HUNG)], ["a", "b"])
    assert ratios.noise_floor([lost]) == 0.01


def test_torch_is_the_baseline_then_numpy_then_the_first() -> None:
    assert ratios.baseline(["mine", "numpy_fancy", "torch_native"]) == "torch_native"
    assert ratios.baseline(["mine", "numpy_fancy"]) == "numpy_fancy"
    assert ratios.baseline(["mine", "other"]) == "mine"
    assert ratios.baseline([]) == ""


def test_the_first_named_is_compared_with_each_other_in_each_group() -> None:
    cells = [
        a_cell("c", [4.0], group="1"), a_cell("a", [1.0], group="1"), a_cell("b", [2.0], group="1"),
        a_cell("b", [8.0], group="2", layer="net:2"), a_cell("a", [2.0], group="2", layer="net:2"),
        a_cell("c", [5.0], group="3", layer="net:3"), a_cell("b", [5.0], group="3", layer="net:3"),
        a_cell("a", [5.0], group="4", layer="net:4"),
    ]  # fmt: skip
    found = ratios.rows(cells, ["a", "b", "c"])
    assert [(row.shape, row.a, row.b, round(row.ratio or 0, 12)) for row in found] == [
        ("net:small", "a", "b", 0.5), ("net:small", "a", "c", 0.25), ("net:2", "a", "b", 0.25),
    ]  # fmt: skip


def test_of_a_group_that_was_measured_twice_the_later_cells_meet() -> None:
    cells = [a_cell("a", [1.0]), a_cell("b", [2.0]), a_cell("a", [9.0]), a_cell("b", [3.0])]
    (row,) = ratios.rows(cells, ["a", "b"])
    assert row.ratio == pytest.approx(3.0)


@pytest.mark.parametrize(
    ("a", "b", "status", "reason"),
    [
        (a_cell("a", [1.0]), a_cell("b", status=CellStatus.OVER_BUDGET, reason="3 h"), CellStatus.OVER_BUDGET,
         "b: 3 h"),
        (a_cell("a", status=CellStatus.HUNG, reason="60 s"), a_cell("b", [1.0]), CellStatus.HUNG, "a: 60 s"),
        (a_cell("a", status=CellStatus.UNSUPPORTED, reason="groups"), a_cell("b", status=CellStatus.FAIL, reason="off"),
         CellStatus.UNSUPPORTED, "a: groups"),
    ],
)  # fmt: skip
def test_the_side_without_a_time_tells_why(a: Cell, b: Cell, status: CellStatus, reason: str) -> None:
    (row,) = ratios.rows([a, b], ["a", "b"])
    assert (row.ratio, row.low, row.high, row.pairs) == (None, None, None, 0)
    assert (row.a_seconds, row.b_seconds) == (1.0 if a.samples else None, 1.0 if b.samples else None)
    assert (row.status, row.reason) == (status, reason)


def test_geometric_means_are_by_op_dtype_and_pair() -> None:
    """Means of 2 and 8, of 3 alone, of 1/2 and 1/32; of nothing, none."""

    def pair(a: float, b: float | None, layer: int, **other: Any) -> list[Cell]:
        where: dict[str, Any] = {"group": f"{layer}/{other}", "layer": f"net:{layer}", **other}
        lost = a_cell("b", status=CellStatus.FAIL, **where)
        return [a_cell("a", [a], **where), lost if b is None else a_cell("b", [b], **where)]

    cells = [
        *pair(2.0, 1.0, 1), *pair(6.0, 2.0, 1, dtype="float64"), *pair(8.0, 1.0, 2), *pair(8.0, None, 3),
        *pair(1.0, 2.0, 1, op="col2im"), *pair(1.0, 32.0, 2, op="col2im"), *pair(1.0, None, 1, op="conv2d"),
    ]  # fmt: skip
    means = ratios.geomeans(ratios.rows(cells, ["a", "b"]))
    assert [(m.op, m.dtype, m.a, m.b, m.layers) for m in means] == [
        ("im2col", "float32", "a", "b", 2), ("im2col", "float64", "a", "b", 1), ("col2im", "float32", "a", "b", 2),
        ("conv2d", "float32", "a", "b", 0),
    ]  # fmt: skip
    assert [m.ratio for m in means[:3]] == pytest.approx([4.0, 3.0, 0.125])
    assert means[3].ratio is None
    three = [a_cell("a", [4.0]), a_cell("b", [2.0]), a_cell("c", [1.0])]
    apart = ratios.geomeans(ratios.rows(three, ["a", "b", "c"]))
    assert {m.b: m.ratio for m in apart} == pytest.approx({"b": 2.0, "c": 4.0})


def test_each_side_is_held_against_its_own_device() -> None:
    """Sides of unequal times and devices; a backend without ceilings of its own has no share."""
    spec = ConvSpec.parse("n32c64h112w112_f8kh3kw3")
    gigabytes = spec.min_bytes("im2col", "float32") / 1e9
    cells = [
        a_cell(name, [seconds, 4 * seconds, seconds / 2], spec=str(spec))
        for name, seconds in (("mine", 0.01), ("other", 0.02), ("numpy_fancy", 0.5))
    ]  # fmt: skip
    slower = Ceilings(
        threads=1, allocator="steady", backend="other", device="old card", copy_gbs={"cache": 40.0, "dram": 500.0},
        copy_bytes={"cache": 2**24, "dram": 2**31},
    )  # fmt: skip
    facts = [some_facts("mine"), some_facts("other"), some_facts("numpy_fancy")]
    cpu = Ceilings(
        threads=1, allocator="steady", copy_gbs={"cache": 1.0, "dram": 1.0}, copy_bytes={"cache": 1, "dram": 2}
    )
    found = ratios.rows(cells, ["mine", "other", "numpy_fancy"], facts, [cpu, _CARD, slower])
    assert [row.a_share for row in found] == pytest.approx([gigabytes / 0.01 / 3000] * 2)
    assert [row.a_bound for row in found] == ["memory", "memory"]
    assert found[0].b_share == pytest.approx(gigabytes / 0.02 / 500)
    assert (found[0].b_bound, found[1].b_share, found[1].b_bound) == ("memory", None, None)
    (lost,) = ratios.rows([a_cell("mine", spec=str(spec)), cells[2]], ["mine", "numpy_fancy"], facts, [_CARD])
    assert (lost.a_share, lost.a_bound) == (None, None)


@pytest.mark.parametrize(("numerics", "share"), [("tf32", 0.25), ("gemm", 2.0)])
def test_a_tf32_backend_is_held_against_tf32_products(numerics: str, share: float) -> None:
    spec = ConvSpec.parse("n32c256h56w56_f256kh3kw3_pt1pb1pl1pr1")
    seconds = spec.flops("conv2d") / 100_000e9
    cells = [a_cell(name, [seconds], spec=str(spec), op="conv2d") for name in ("mine", "b")]
    facts = [some_facts("b", numerics="fft"), some_facts("mine", numerics=numerics)]
    (row,) = ratios.rows(cells, ["mine", "b"], facts, [_CARD])
    assert row.a_share == pytest.approx(share)
    assert row.a_bound == "compute"
