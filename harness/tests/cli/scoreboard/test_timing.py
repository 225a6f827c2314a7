"""Times of a library: measured until the seconds are used up, gone on with later, and kept with their machine."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.cli.scoreboard import timing
from harness.contract import targets
from harness.geometry.layers import read_shapes
from harness.results import machine
from harness.results.records import Cell
from harness.timing.plan import Plan

_LAYERS = "n1c2h6w6_f4kh3kw3", "n2c2h5w7_f4kh3kw2"


@pytest.fixture
def plan() -> Plan:
    """Two layers and two backends, in no time."""
    layers = [layer for text in _LAYERS for layer in read_shapes(text).layers]
    return Plan("both", layers, targets.resolve_all(["numpy_fancy", "matlab_loop"]), ("im2col",), budget=0.01, rounds=3)


@pytest.mark.heavy
def test_what_was_measured_before_is_not_measured_again(
    plan: Plan, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert timing.kept(tmp_path) is None
    timing.measure(plan, 0.0, tmp_path)
    first = timing.kept(tmp_path)
    assert first is not None
    assert (first.whole, {cell.spec for cell in first.cells}) == (False, {_LAYERS[0]})
    assert "numpy_fancy: 0 s are used up, the rest is not timed yet" in capsys.readouterr().err
    timing.measure(plan, 600.0, tmp_path)
    second = timing.kept(tmp_path)
    assert second is not None
    assert (second.whole, len(second.cells)) == (True, 4)
    assert first.cells == second.cells[:2]
    assert second.machine.name == machine.facts().name
    assert all(isinstance(cell, Cell) and cell.samples for cell in second.cells)


def test_the_core_set_is_timed_with_the_library_first() -> None:
    plan = timing.plan_of("scipy_signal", ["conv2d"])
    assert [target.name for target in plan.backends] == ["scipy_signal", "torch_native", "numba_tiled"]
    assert len(plan.layers) == len(read_shapes("core").layers)
    assert (plan.threads, plan.ops, plan.dtypes) == (1, ["conv2d"], ("float32",))
