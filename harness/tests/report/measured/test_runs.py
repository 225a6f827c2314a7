"""A run file as a whole: what was planned, what is in it, and in which order its layers stand."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from harness.report.measured.runs import Run, of_every_machine, planned_specs
from harness.results.records import Ceilings
from harness.tests.helpers.runfiles import CPU, FLAT, MACHINE, make_cell, make_facts, make_header, write_run


@pytest.mark.parametrize(
    ("plan", "cells"),
    [
        ({"specs": ["s1", "s2", "s3"], "ops": ["conv2d"], "dtypes": ["float32"], "backends": ["a"]}, 3),
        ({"specs": ["s1"], "ops": ["conv2d", "im2col"], "dtypes": ["float32"], "backends": ["a"]}, 2),
        ({"specs": ["s1"], "ops": ["conv2d"], "dtypes": ["float32", "float64"], "backends": ["a", "b", "c"]}, 6),
        ({"specs": ["s1", "s2", "s1"], "ops": ["conv2d"], "dtypes": ["float32"], "backends": ["a", "b"]}, 4),
        ({"specs": [], "layers": ["l1", "l2", "l1", "l3"], "ops": ["conv2d"], "backends": ["a"]}, 3),
    ],
    ids=["layers", "ops", "dtypes_and_backends", "two_layers_of_one_geometry", "old_plans_name_layers_only"],
)
def test_the_plan_has_a_cell_for_each_geometry_op_dtype_and_backend(plan: dict[str, Any], cells: int) -> None:
    assert Run(make_header("r", **plan)).planned == cells


def test_what_a_file_holds_is_told_apart(tmp_path: Path) -> None:
    card = Ceilings(threads=1, allocator="steady", backend="mine", device="card", reason="no room")
    cells = [make_cell("mine", FLAT), make_cell("mine", status="fail"), make_cell("other", FLAT)]
    write_run(tmp_path, "2", cells, more=[card])
    write_run(tmp_path, "1", cells[:1], finished=False)
    write_run(tmp_path, "0", [])
    write_run(tmp_path, "3", cells[:1], machine="another")
    found, left_out = of_every_machine(tmp_path / "runs")
    assert left_out == []
    assert {name: [run.name for run in runs] for name, runs in found.items()} == {
        "another": ["3"], MACHINE: ["1", "2"],
    }  # fmt: skip
    first, second = found[MACHINE]
    assert (first.finished, second.finished) == (False, True)
    assert [c.status for c in second.cells] == ["ok", "fail", "ok"]
    assert [b.backend for b in second.backends] == ["mine", "other"]
    assert second.backends[0] == make_facts("mine")
    assert second.ceilings == [CPU, card]


def test_geometries_are_as_the_newest_run_has_them_and_the_rest_follows() -> None:
    """Those of its plan, then those that only its cells have, then those of the run before it, each once."""
    older = Run(make_header("1", specs=["d", "b", "e"]), [make_cell("mine", spec="f"), make_cell("mine", spec="a")])
    newer = Run(make_header("2", specs=["c", "b"]), [make_cell("mine", spec="b"), make_cell("mine", spec="a")])
    assert planned_specs([older, newer]) == ["c", "b", "a", "d", "e", "f"]
    assert planned_specs([newer, older]) == ["d", "b", "e", "f", "a", "c"]
