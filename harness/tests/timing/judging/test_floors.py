"""Times that no machine reaches are told, and no honest one: how work is counted, and against what it is held."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest

from harness.calls.worker import WorkerError
from harness.contract.targets import resolve_all
from harness.geometry.layers import read_layers
from harness.geometry.spec import ALL_OPS, ConvSpec, Op
from harness.results.records import Ceilings, Cell
from harness.tests.helpers.records import a_cell
from harness.timing.calling import messages as m
from harness.timing.judging import floors as the_floors
from harness.timing.judging.floors import Floors, beyond, fewer_products, least_bytes, least_flops
from harness.timing.plan import Plan

_SPEC = ConvSpec.parse("n1c64h56w56_f64kh3kw3_pt1pb1pl1pr1")
_LIMITS = Ceilings(
    threads=1, allocator="steady", copy_gbs={"l1": 50.0, "l2": 100.0, "cache": 60.0, "dram": 10.0},
    copy_bytes={"l1": 2**15, "l2": 2**18, "cache": 2**21, "dram": 2**28}, matmul_gflops={"float32": 100.0},
    matmul_by={"float32": "numpy"},
)  # fmt: skip


def a_time(seconds: float, op: Op = "im2col", spec: ConvSpec = _SPEC, **more: Any) -> Cell:
    """A cell whose calls took so long."""
    return a_cell("a", [seconds * 2, seconds, seconds / 2], op=op, spec=str(spec), **more)


# -- how work is counted -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("op", ALL_OPS)
@pytest.mark.parametrize("set_name", ["core", "pools", "quick"])
def test_the_least_work_is_never_more_than_that_of_the_definition(op: Op, set_name: str) -> None:
    for layer in read_layers(set_name):
        assert 0 < least_bytes(op, layer.spec, "float32") <= layer.spec.min_bytes(op, "float32")
        assert least_flops(op, layer.spec) <= layer.spec.flops(op)


@pytest.mark.parametrize(
    "text", ["n2c4h9w8_f6kh3kw2_sh2sw3_pt2pb1pl1_g2", "n1c2h9w9_f2kh1kw1_sh3sw2", "n1c1h2w2_f3kh3kw3_pt3pb3pl3pr3_dh2"]
)
def test_work_on_padding_and_pixels_that_no_window_reads_are_not_counted(text: str) -> None:
    """By counting each of them."""
    spec = ConvSpec.parse(text)
    (oh, ow), (kh, kw), (sh, sw), (dh, dw) = spec.output_size, spec.kernel_size, spec.stride, spec.dilation
    pairs = [
        ((p, q), (p * sh - spec.padding[0] + u * dh, q * sw - spec.padding[2] + v * dw))
        for p in range(oh) for q in range(ow) for u in range(kh) for v in range(kw)
    ]  # fmt: skip
    inside = [(w, (i, j)) for w, (i, j) in pairs if 0 <= i < spec.input_size[0] and 0 <= j < spec.input_size[1]]
    pixels, windows = {pixel for _, pixel in inside}, {window for window, _ in inside}
    planes, made = spec.batch * spec.in_channels, spec.batch * spec.out_channels
    assert least_bytes("im2col", spec, "float32") == 4 * (planes * len(pixels) + np.prod(spec.columns_shape))
    assert least_bytes("col2im", spec, "float64") == 8 * (planes * len(inside) + np.prod(spec.x_shape))
    given = planes * len(pixels) + made * len(windows)
    assert least_bytes("conv2d_weight_grad", spec, "float32") == 4 * (given + np.prod(spec.w_shape))
    for op in ("max_pool2d", "avg_pool2d", "avg_pool2d_exclude_padding"):
        slopes = planes * oh * ow
        assert least_bytes(op, spec, "float32") == 4 * (planes * len(pixels) + slopes)
        read = len(pixels) * planes if op == "max_pool2d" else 0
        back = least_bytes(f"{op}_grad", spec, "float32")  # type: ignore[arg-type]
        assert back == 4 * (read + slopes + np.prod(spec.x_shape))
    share = len(inside) / len(pairs)
    assert least_flops("conv2d", spec) == pytest.approx(spec.flops("conv2d") * share, abs=1)


def test_fast_methods_have_fewer_products() -> None:
    assert fewer_products(_SPEC, "gemm") == fewer_products(_SPEC, "tf32") == 1
    assert fewer_products(_SPEC, "winograd") == pytest.approx((6 * 3 / 8) ** 2)
    assert fewer_products(_SPEC, "fft") == 9


# -- what is beyond ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("share", "is_beyond"), [(0.45, True), (0.55, False), (1.0, False)])
def test_a_time_below_half_of_what_the_bytes_take_is_beyond(share: float, is_beyond: bool) -> None:
    """The median counts; small ones are held against the fastest copy of all."""
    floor = least_bytes("im2col", _SPEC, "float32") / 100e9
    why = beyond(a_time(share * floor), "gemm", _LIMITS, 1.25)
    assert bool(why) == is_beyond
    if is_beyond:
        assert why == (
            "36.1 us a call, where to read and write 7.66 MiB takes 80.3 us at 100 GB/s, the fastest copy here"
        )


def test_what_no_cache_holds_is_held_against_the_slower_copies() -> None:
    """As dram is slower still, some of it may lie in a cache all the same."""
    large = ConvSpec.parse("n32c64h56w56_f64kh3kw3_pt1pb1pl1pr1")
    floor = least_bytes("im2col", large, "float32") / 60e9
    assert beyond(a_time(0.45 * floor, spec=large), "gemm", _LIMITS, 1.25)
    assert not beyond(a_time(0.55 * floor, spec=large), "gemm", _LIMITS, 1.25)


def test_more_threads_may_copy_as_many_times_as_much() -> None:
    floor = least_bytes("im2col", _SPEC, "float32") / 100e9
    assert not beyond(a_time(0.3 * floor, threads=2), "gemm", _LIMITS, 1.25)
    assert beyond(a_time(0.2 * floor, threads=2), "gemm", _LIMITS, 1.25)


@pytest.mark.parametrize(
    ("gflops", "numerics", "slack", "is_beyond"),
    [
        (120, "gemm", 1.25, False), (130, "gemm", 1.25, True), (130, "direct", 1.25, True), (290, "gemm", 3.0, False),
        (130, "winograd", 1.25, False), (640, "winograd", 1.25, True), (1100, "fft", 1.25, False),
        (130, "tf32", 1.25, False),  # no product in TF32 was measured
    ],
)  # fmt: skip
def test_more_than_the_fastest_product_is_beyond(gflops: float, numerics: Any, slack: float, is_beyond: bool) -> None:
    fast = Ceilings(
        threads=1, allocator="steady", copy_gbs={"cache": 1e6, "dram": 1e6}, matmul_gflops=_LIMITS.matmul_gflops
    )
    cell = a_time(least_flops("conv2d", _SPEC) / gflops / 1e9, op="conv2d")
    why = beyond(cell, numerics, fast, slack)
    assert why == (f"{gflops} GFLOP/s, where the fastest product here has 100" if is_beyond else "")


@pytest.mark.parametrize(("op", "dtype"), [("im2col", "float32"), ("conv2d", "int32"), ("col2im", "float32")])
def test_without_a_product_to_hold_it_against_only_bytes_count(op: Op, dtype: str) -> None:
    assert not beyond(a_time(1e-4, op=op, dtype=dtype), "gemm", _LIMITS, 1.25)


# -- when limits are measured --------------------------------------------------------------------------------------


@dataclass
class Machine:
    """Stands in for `Worker`: a machine that gives these limits, one after the other, the last for ever."""

    cpu: list[Ceilings]
    products: dict[str, float] | None = None
    asked: list[str] = field(default_factory=list)

    def __call__(self, *started: Any) -> Machine:
        return self

    def __enter__(self) -> Machine:
        return self

    def __exit__(self, *exception: object) -> None:
        pass

    def request(self, message: Any, deadline: float) -> Iterator[tuple[Any, list[Any]]]:
        self.asked.append(type(message).__name__)
        if isinstance(message, m.MeasureCpu):
            yield (self.cpu.pop(0) if len(self.cpu) > 1 else self.cpu[0]), []
        elif self.products is None:
            raise WorkerError("BackendUnavailable", "not here")
        else:
            assert message.dtypes == ["float32"]
            yield m.Products(self.products), []


def floors_of(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> Floors:
    """The floors of a run on it."""
    monkeypatch.setattr(the_floors, "Worker", machine)
    return Floors(Plan("test", [], []), nullcontext)


def slower(factor: float) -> Ceilings:
    """The limits on a busy machine."""
    copies = {name: gbs / factor for name, gbs in _LIMITS.copy_gbs.items()}
    return Ceilings(threads=1, allocator="steady", copy_gbs=copies, copy_bytes=_LIMITS.copy_bytes)


def test_nothing_is_measured_for_what_is_slow(monkeypatch: pytest.MonkeyPatch) -> None:
    machine = Machine([_LIMITS])
    assert floors_of(machine, monkeypatch).why_implausible(a_time(1.0), "gemm", by_device=False) == ""
    assert machine.asked == []


def test_a_plausible_time_costs_one_cheap_measurement(monkeypatch: pytest.MonkeyPatch) -> None:
    machine = Machine([_LIMITS])
    floors = floors_of(machine, monkeypatch)
    for _ in range(3):
        assert floors.why_implausible(a_time(1e-4), "gemm", by_device=False) == ""
    assert machine.asked == ["MeasureCpu"]


def test_before_a_time_is_lost_all_is_measured_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """The best of it counts: the machine was busy the first time. What stays beyond is measured three times at most."""
    machine = Machine([slower(8), slower(4), _LIMITS], {"float32": 50.0})
    floors = floors_of(machine, monkeypatch)
    assert floors.why_implausible(a_time(1e-4), "gemm", by_device=False) == ""
    products = ["MeasureProduct"] * len(the_floors.MULTIPLIERS)
    assert machine.asked == ["MeasureCpu", "MeasureCpu", *products, "MeasureCpu"]
    for _ in range(2):
        assert "the fastest copy here" in floors.why_implausible(a_time(1e-6), "gemm", by_device=False)
    assert machine.asked.count("MeasureCpu") == 3


@pytest.mark.parametrize(
    ("products", "gflops", "is_beyond"),
    [
        ({"float32": 200.0}, 240, False),  # NumPy's is exceeded by another library
        ({"float32": 200.0}, 260, True),
        ({"float32": 50.0}, 130, True),
        (None, 240, False),  # NumPy's alone is known
        (None, 310, True),
    ],
)
def test_the_best_product_of_all_libraries_counts(
    monkeypatch: pytest.MonkeyPatch, products: dict[str, float] | None, gflops: float, is_beyond: bool
) -> None:
    wide = Ceilings(
        threads=1, allocator="steady", copy_gbs={"cache": 1e6, "dram": 1e6}, matmul_gflops=_LIMITS.matmul_gflops,
        matmul_by=_LIMITS.matmul_by,
    )  # fmt: skip
    floors = floors_of(Machine([wide], products), monkeypatch)
    cell = a_time(least_flops("conv2d", _SPEC) / gflops / 1e9, op="conv2d")
    assert bool(floors.why_implausible(cell, "gemm", by_device=False)) == is_beyond


def test_a_run_records_whose_product_was_the_best(monkeypatch: pytest.MonkeyPatch) -> None:
    ours = resolve_all(["torch_native", "numpy_fancy", "mine=numba_tiled"])
    for gflops, names, best in (
        (200.0, slice(0, 2), {"float32": "torch_native"}),
        (200.0, slice(0, 3), {"float32": "numba_tiled"}),
        (200.0, slice(1, 2), {"float32": "numpy"}),
        (50.0, slice(0, 3), {"float32": "numpy"}),
    ):
        machine = Machine([_LIMITS], {"float32": gflops})
        monkeypatch.setattr(the_floors, "Worker", machine)
        found = Floors(Plan("test", [], ours[names]), nullcontext).of_cpu()
        assert (found.matmul_by, len(machine.asked)) == (
            best,
            1 + sum(t.location in the_floors.MULTIPLIERS for t in ours[names]),
        )


def test_a_device_has_limits_of_its_own_or_none(monkeypatch: pytest.MonkeyPatch) -> None:
    machine = Machine([_LIMITS])
    floors, cell = floors_of(machine, monkeypatch), a_time(1e-6)
    assert floors.why_implausible(cell, "gemm", by_device=True) == ""
    floors.learn(Ceilings(backend="a", threads=1, allocator="steady", copy_gbs={"cache": 100.0, "dram": 10.0}))
    assert "the fastest copy here" in floors.why_implausible(cell, "gemm", by_device=True)
    assert machine.asked == []
