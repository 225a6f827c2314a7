"""Timing by a device's own clock: what is handed to it, on which inputs, and what an error costs."""

from __future__ import annotations

import time
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import pytest

from harness.contract.targets import resolve_all
from harness.geometry.layers import Layer
from harness.geometry.spec import ConvSpec
from harness.results.records import Cell
from harness.tests.helpers.cuda.device import Device
from harness.tests.helpers.records import a_machine
from harness.timing import timed_call
from harness.timing.group import MeasuringChild
from harness.timing.plan import Plan

_SPEC = ConvSpec.parse("n2c3h9w8_f4kh3kw2_sh2sw1_pt1")
_NAME = "device=harness.tests.helpers.cuda.device:Device"


def _measured(*targets: str, spec: ConvSpec = _SPEC, **changed: Any) -> tuple[dict[str, Cell], Device]:
    """The cells of one group of im2col, by backend, and the device; `changed` replaces its methods."""
    bench = MeasuringChild()
    asked = resolve_all(targets)
    for target in asked:
        bench.load(target)
    device: Device = bench.loaded["device"].ops["im2col"].__self__  # type: ignore[attr-defined]
    if "im2col" in changed:
        bench.loaded["device"].ops["im2col"] = partial(changed["im2col"], device)
    if "seconds" in changed:
        bench.loaded["device"] = replace(bench.loaded["device"], seconds=changed["seconds"])
    plan = Plan("test", [Layer("test", spec)], asked, ["im2col"], budget=2.0, rounds=5)
    (group,) = plan.groups("run", a_machine())
    return {cell.backend: cell for cell in bench.measure(group) if isinstance(cell, Cell)}, device


def test_a_timed_call_only_launches() -> None:
    """Between a `seconds` and the next, one call and no wait; calibration and warm-up do wait."""
    cells, device = _measured(_NAME)
    assert len(cells["device"].samples) == 5
    timed = [i for i, what in enumerate(device.log) if what == "seconds"]
    assert len(timed) == 5 * cells["device"].repetitions
    assert all(device.log[i + 1] == "im2col" and device.log[i + 2 : i + 3] != ["wait"] for i in timed)
    assert "wait" in device.log[: timed[0]]


def test_the_time_is_the_one_that_the_device_gives() -> None:
    cells, _ = _measured(_NAME, seconds=lambda call: call() and 42.0)
    assert cells["device"].samples == [42.0] * 5


@pytest.mark.parametrize(("cache", "sets"), [(10**9, 64), (8.5, 9), (0.1, 2)])
def test_timed_calls_rotate_over_sets_of_inputs(cache: float, sets: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """As many sets as exceed a cache of `cache` times one set, from 2 to 64, each in memory of its own."""
    monkeypatch.setattr(timed_call, "_CACHE_BYTES", int(cache * np.prod(_SPEC.x_shape) * 4))
    used: list[Any] = []

    def im2col(device: Device, x: Any, s: ConvSpec) -> Any:
        used.append(x)
        return device.im2col(x, s)

    _measured(_NAME, im2col=im2col, seconds=lambda call: call() and 1e-3)
    last = used[-sets:]
    assert len({b.value.ctypes.data for b in last}) == sets
    assert used[-2 * sets : -sets] == last
    assert all(np.array_equal(b.value, last[0].value) for b in last)


def test_without_a_device_clock_there_is_one_set() -> None:
    used: list[Any] = []

    def im2col(device: Device, x: Any, s: ConvSpec) -> Any:
        used.append(x)
        return device.im2col(x, s)

    _, device = _measured(_NAME, im2col=im2col, seconds=None)
    assert len({id(b) for b in used[-20:]}) == 1
    assert "seconds" not in device.log


def test_a_search_on_the_first_call_of_each_shape_is_not_the_time_of_a_call() -> None:
    """As cuDNN's: 0.15 s at first, then 4 ms, which alone makes the prediction try a second shape."""
    seen: set[ConvSpec] = set()

    def im2col(device: Device, x: Any, s: ConvSpec) -> Any:
        time.sleep(0.004 if s in seen else 0.15)
        seen.add(s)
        return device.im2col(x, s)

    spec = ConvSpec.parse("n4c16h64w64_f4kh3kw3")
    cells, _ = _measured(_NAME, spec=spec, im2col=im2col)
    assert len(seen) > 2
    assert cells["device"].status == "ok", cells["device"].reason


def _raises(call: Any) -> float:
    call()
    raise RuntimeError("illegal memory access")


@pytest.mark.parametrize(
    ("seconds", "reason"),
    [
        (_raises, "while timed, it raised RuntimeError: illegal memory access"),
        (lambda call: call() and float("nan"), "seconds() must give a time above 0, got nan"),
        (lambda call: 0.0, "seconds() must give a time above 0, got 0.0"),
    ],
)
def test_an_error_on_the_device_costs_only_its_cell(seconds: Any, reason: str) -> None:
    cells, _ = _measured(_NAME, "numpy_fancy", seconds=seconds)
    assert cells["device"].status == "fail"
    assert reason in cells["device"].reason
    assert cells["device"].samples == []
    assert cells["numpy_fancy"].status == "ok"
    assert len(cells["numpy_fancy"].samples) == 5


def test_a_launch_that_raises_costs_only_its_cell() -> None:
    calls: list[int] = []

    def im2col(device: Device, x: Any, s: ConvSpec) -> Any:
        calls.append(len(device.log))
        if "seconds" in device.log:
            raise ValueError("too many resources requested for launch")
        return device.im2col(x, s)

    cells, device = _measured(_NAME, "numpy_fancy", im2col=im2col)
    assert "too many resources" in cells["device"].reason
    assert device.log.count("seconds") == 1  # not called again
    assert cells["numpy_fancy"].status == "ok"
