"""The clock, the gate and the prediction, each shown to notice what it is for."""

from __future__ import annotations

import time

import numpy as np
import pytest

from harness.geometry.layers import read_layers
from harness.geometry.spec import OPS, ConvSpec, Op
from harness.oracle import by_taps, data
from harness.oracle.gate import Gate, WrongResult, sample_points
from harness.results.words import duration
from harness.timing.clock import FEWEST_ROUNDS, MOST_DEVICE_CALLS, SHORTEST_BLOCK, Timed, interleave, seconds
from harness.timing.predict import predict, shrink

_SPEC = ConvSpec.parse("n2c6h20w17_f4kh3kw2_sh2sw3_pt1pb2pl3pr0_dh2dw1_g2")


def test_a_sleep_is_measured_as_long_as_it_is() -> None:
    timed = Timed(lambda: time.sleep(0.02))
    interleave([timed], rounds=5, budget=10)
    assert len(timed.samples) == 5
    assert 0.02 <= min(timed.samples) < 0.03


def test_blocks_of_fast_calls_are_long_enough_for_the_clock() -> None:
    timed = Timed(lambda: sum(range(100)))
    interleave([timed], rounds=3, budget=10)
    assert timed.repetitions * max(timed.samples) > SHORTEST_BLOCK / 3


def test_rounds_alternate_their_order() -> None:
    seen: list[str] = []

    def call(name: str) -> None:
        seen.append(name)
        time.sleep(0.006)

    both = [Timed(lambda: call("a")), Timed(lambda: call("b"))]
    interleave(both, rounds=4, budget=10)
    tail = seen[-16:]  # four rounds of one warm-up and one timed call each
    assert "".join(tail) == "aabb" + "bbaa" + "aabb" + "bbaa"


def test_a_slow_call_drops_out_early_and_never_below_three_rounds() -> None:
    slow, fast = Timed(lambda: time.sleep(0.12)), Timed(lambda: time.sleep(0.006))
    interleave([slow, fast], rounds=6, budget=0.2)
    assert len(slow.samples) == FEWEST_ROUNDS
    assert len(fast.samples) == 6


def test_device_time_replaces_the_wall_clock() -> None:
    timed = Timed(lambda: None, device_seconds=lambda: 42.0)
    interleave([timed], rounds=3, budget=10)
    assert timed.samples == [42.0] * 3
    assert timed.repetitions == MOST_DEVICE_CALLS  # thousands by the wall clock


@pytest.mark.parametrize("op", OPS)
def test_the_gate_lets_the_right_result_pass_and_stops_each_wrong_one(op: Op) -> None:
    arrays = data.exact(op, _SPEC, "float32", "gate")
    gate = Gate(op, _SPEC, arrays)
    right = by_taps.run(op, _SPEC, *arrays).astype(np.float32)
    assert gate.points >= min(8, right.size)
    gate.check(right)
    nan = right.copy()
    nan[...] = np.nan
    for wrong, named in (
        (right + 1, "sampled elements differ, first at"),
        (nan, "sampled elements differ"),
        (right.astype(np.float64), "returned float64"),
        (right[..., :-1], "expected float32"),
        (None, "returned NoneType"),
    ):
        with pytest.raises(WrongResult, match=named):
            gate.check(wrong)


@pytest.mark.parametrize("op", OPS)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_one_wrong_element_anywhere_is_stopped(op: Op, dtype: str) -> None:
    arrays = data.exact(op, _SPEC, dtype, "gate")
    gate = Gate(op, _SPEC, arrays)
    right = by_taps.run(op, _SPEC, *arrays).astype(dtype)
    places = np.random.default_rng(0).permutation(right.size)[:300]
    for place in places:
        for wrong in (right.flat[place] + 1, np.nan):
            result = right.copy()
            result.flat[place] = wrong
            with pytest.raises(WrongResult):
                gate.check(result)


@pytest.mark.parametrize("op", OPS)
@pytest.mark.parametrize(
    "text", ["n3c6h9w8_f6kh2kw3_g6", "n1c1h3w3_f1kh3kw3", "n2c4h6w6_f10kh1kw1_sh2sw2_g2", "n0c2h5w5_f2kh3kw3"]
)
def test_the_weighed_sums_of_what_is_right_are_right(op: Op, text: str) -> None:
    spec = ConvSpec.parse(text)
    arrays = data.exact(op, spec, "float32", text)
    Gate(op, spec, arrays).check(by_taps.run(op, spec, *arrays).astype(np.float32))


def test_first_and_last_element_are_always_sampled() -> None:
    for op in OPS:
        shape = _SPEC.output_shape(op)
        points = sample_points(op, _SPEC)
        assert points[:2] == [(0,) * len(shape), tuple(n - 1 for n in shape)]
    assert sample_points("im2col", ConvSpec.parse("n0c1h3w3_f1kh2kw2")) == []


def test_every_real_layer_has_a_gate_that_takes_seconds_at_most() -> None:
    spec = max((layer.spec for layer in read_layers("core")), key=lambda s: s.batch * s.positions)
    arrays = data.exact("conv2d_weight_grad", spec, "float32", "gate")
    assert seconds(lambda: Gate("conv2d_weight_grad", spec, arrays)) < 10


@pytest.mark.parametrize("op", OPS)
def test_shrinking_keeps_the_kind_of_geometry(op: Op) -> None:
    for layer in read_layers("core"):
        small = shrink(op, layer.spec, 20_000)
        assert small.work(op) <= max(20_000, layer.spec.taps * 64), layer.name
        kept = ("kernel_size", "stride", "dilation", "padding")
        assert all(getattr(small, name) == getattr(layer.spec, name) for name in kept)
        assert (small.groups == small.in_channels) == (
            layer.spec.groups == layer.spec.in_channels
        ) or layer.spec.groups == 1


def test_prediction_scales_with_work_and_sees_through_overhead() -> None:
    spec = read_layers("core")[3].spec  # AlexNet conv1

    def slow(probe: ConvSpec) -> float:
        return probe.work("conv2d") * 4e-7

    def mostly_overhead(probe: ConvSpec) -> float:
        return 1e-3 + probe.work("conv2d") * 1e-11

    assert predict("conv2d", spec, slow, budget=1.0) == pytest.approx(spec.macs * 4e-7)
    assert predict("conv2d", spec, mostly_overhead, budget=1.0) < 1.0
    assert spec.macs / shrink("conv2d", spec, 20_000).macs * 1e-3 > 1.0  # what a fixed probe would have said


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (3e-7, "0.30 us"),
        (2.5e-5, "25 us"),
        (0.0021, "2.1 ms"),
        (1.5, "1.5 s"),
        (119, "2.0 min"),
        (2460, "41 min"),
        (8000, "2.2 h"),
    ],
)
def test_durations_in_words(value: float, text: str) -> None:
    assert duration(value, 2) == text
