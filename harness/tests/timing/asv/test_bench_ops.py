"""The asv suite: one class per op, that tells asv the samples of its own cell, or why there are none."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.benchmarks import bench_ops
from harness.contract import targets
from harness.contract.status import CellStatus
from harness.geometry.layers import read_layers
from harness.geometry.spec import OPS
from harness.results import machine
from harness.results.records import Cell
from harness.results.run_files import RunFile
from harness.tests.helpers.records import a_cell
from harness.tests.helpers.runfiles import make_cell, write_run
from harness.timing import asv_bridge
from harness.timing.plan import Plan

_CLASSES = {
    "im2col": bench_ops.Im2col, "col2im": bench_ops.Col2im, "conv2d": bench_ops.Conv2d,
    "conv2d_input_grad": bench_ops.Conv2dInputGrad, "conv2d_weight_grad": bench_ops.Conv2dWeightGrad,
    "conv2d_bias_grad": bench_ops.Conv2dBiasGrad,
}  # fmt: skip
_KEY = ("net:small", "float32", "numpy_fancy")


def of_all_ops(status: CellStatus = CellStatus.OK, reason: str = "") -> dict[tuple[str, str, str, str], Cell]:
    """A cell of every op, whose samples tell the op."""
    return {
        (op, "float32", "net:small", "numpy_fancy"): a_cell(samples=[1.0 + i, 2.0 + i], status=status, reason=reason)
        for i, op in enumerate(OPS)
    }


def test_there_is_a_class_for_every_op() -> None:
    assert tuple(_CLASSES) == OPS
    found = {name: value for name, value in vars(bench_ops).items() if name[0].isupper()}
    assert set(found.values()) == set(_CLASSES.values())


@pytest.mark.parametrize(("number", "op"), list(enumerate(OPS)))
def test_a_class_tells_the_samples_of_its_own_op(number: int, op: str) -> None:
    suite, cells = _CLASSES[op](), of_all_ops()
    suite.setup(cells, *_KEY)
    assert suite.track_seconds(cells, *_KEY) == {"samples": [1.0 + number, 2.0 + number], "number": 1}


@pytest.mark.parametrize("other", [("net:large", *_KEY[1:]), (_KEY[0], "float64", _KEY[2]), (*_KEY[:2], "matlab_loop")])
def test_what_is_not_in_the_run_is_skipped(other: tuple[str, str, str]) -> None:
    with pytest.raises(NotImplementedError, match="not measured in this run"):
        bench_ops.Col2im().setup(of_all_ops(), *other)


@pytest.mark.parametrize("status", [s for s in CellStatus if s not in (CellStatus.OK, CellStatus.FAIL)])
def test_a_cell_without_a_time_is_skipped_with_its_reason(status: CellStatus) -> None:
    with pytest.raises(NotImplementedError, match=f"^{status}: for a reason$"):
        bench_ops.Col2im().setup(of_all_ops(status, "for a reason"), *_KEY)


def test_a_wrong_result_is_a_failure_and_has_no_time() -> None:
    cells = of_all_ops(CellStatus.FAIL, "it is wrong")
    bench_ops.Col2im().setup(cells, *_KEY)
    with pytest.raises(AssertionError, match="it is wrong"):
        bench_ops.Col2im().track_seconds(cells, *_KEY)


def test_asv_shows_them_as_times() -> None:
    suite = bench_ops.Conv2d
    assert (suite.type, suite.unit, suite.param_names) == ("time", "seconds", ("layer", "dtype", "backend"))
    assert suite.params == ([layer.name for layer in read_layers("quick")], ["float32"], targets.names())


def test_the_cells_are_read_once_from_the_run_at_hand(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = write_run(tmp_path, "20260101T000000-a", [make_cell("numpy_fancy", [0.5, 0.25], op="im2col")])
    monkeypatch.setenv(asv_bridge.RUN_VARIABLE, str(file))
    cells = bench_ops.Im2col().setup_cache()
    assert {key: cell.samples for key, cell in cells.items()} == {
        ("im2col", "float32", "net:small", "numpy_fancy"): [0.5, 0.25]
    }  # fmt: skip


def test_plain_asv_measures_the_quick_set(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Into the checkout, as `harness bench` would."""
    asked: list[tuple[Plan, Path]] = []

    def measured(plan: Plan, folder: Path) -> RunFile:
        asked.append((plan, folder))
        return RunFile(write_run(tmp_path, "20260101T000000-a", [make_cell("numpy_fancy", [0.5], op="col2im")]))

    monkeypatch.delenv(asv_bridge.RUN_VARIABLE, raising=False)
    monkeypatch.setattr(asv_bridge, "run", measured)
    monkeypatch.setattr(machine, "project_root", lambda: tmp_path)
    cells = bench_ops.Im2col().setup_cache()
    quick = Plan("quick", read_layers("quick"), targets.resolve_all(targets.names()))
    assert asked == [(quick, tmp_path / "results" / "runs")]
    assert cells["col2im", "float32", "net:small", "numpy_fancy"].samples == [0.5]
