"""Times of a library: measured until the seconds are used up, gone on with later, and kept with their machine."""

from __future__ import annotations

from pathlib import Path

import pytest
from msgspec import structs

from harness.cli.scoreboard import timing
from harness.contract import targets
from harness.geometry.layers import read_shapes
from harness.results import machine, run_files
from harness.results.records import Ceilings
from harness.timing.plan import Plan

_LAYERS = "n1c2h6w6_f4kh3kw3", "n2c2h5w7_f4kh3kw2"


@pytest.fixture
def plan() -> Plan:
    """Two layers and two backends, in no time."""
    layers = [layer for text in _LAYERS for layer in read_shapes(text).layers]
    return Plan("both", layers, targets.resolve_all(["numpy_fancy", "matlab_loop"]), ("im2col",), budget=0.01, rounds=3)


@pytest.mark.heavy
def test_what_was_measured_before_is_not_measured_again(
    plan: Plan, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "scripted/runs-key"
    assert timing.kept(folder) is None
    timing.measure(plan, 0.0, folder)
    first = timing.kept(folder)
    assert first is not None
    assert (first.whole, {cell.spec for cell in first.cells}) == (False, {_LAYERS[0]})
    assert "numpy_fancy: 0 s are used up, the rest is not timed yet" in capsys.readouterr().err
    here = machine.facts()
    changed = structs.replace(here, code=structs.replace(here.code, changes="a page of the docs"))
    monkeypatch.setattr(machine, "facts", lambda: changed)
    timing.measure(plan, 600.0, folder)
    second = timing.kept(folder)
    assert second is not None
    assert (second.whole, len(second.cells)) == (True, 4)
    assert [cell.samples for cell in first.cells] == [cell.samples for cell in second.cells[:2]]
    assert second.machine.name == here.name
    assert all(cell.samples for cell in second.cells)


@pytest.mark.heavy
def test_the_limits_of_the_machine_are_measured_for_one_library(plan: Plan, tmp_path: Path) -> None:
    timing.measure(plan, 0.0, tmp_path / "one/runs-key")
    timing.measure(plan, 0.0, tmp_path / "two/runs-other")
    found = [list(run_files.read(path)) for path in sorted(tmp_path.glob("*/*/*/*.jsonl"))]
    limits = [[one for one in records if isinstance(one, Ceilings)] for records in found]
    assert [len(one) for one in limits] == [1, 1]
    assert limits[0] == limits[1]


def test_the_core_set_is_timed_with_the_library_first() -> None:
    plan = timing.plan_of("scipy_signal", ["conv2d"])
    assert [target.name for target in plan.backends] == ["scipy_signal", "torch_native", "numba_tiled"]
    assert len(plan.layers) == len(read_shapes("core").layers)
    assert (plan.threads, plan.ops, plan.dtypes) == (1, ["conv2d"], ("float32",))
