"""A plan: the groups it falls into, in which order, and what is written of it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from harness.contract.status import CellStatus
from harness.geometry.layers import Layer
from harness.geometry.spec import OPS, ConvSpec
from harness.results import ratios
from harness.results.records import Cell, PlanRecord
from harness.tests.helpers.plugins import called
from harness.tests.helpers.records import a_cell, a_machine
from harness.timing.plan import Group, Plan

_TEXTS = ("n2c3h9w8_f4kh3kw2", "n1c2h6w7_f2kh2kw2")
_LAYERS = [Layer(f"net:{i}", ConvSpec.parse(text)) for i, text in enumerate(_TEXTS)]
_PLAN = Plan(
    "some", _LAYERS, [called(name) for name in "abc"], ["im2col", "conv2d"], ["float64", "float32"], threads=3,
    allocator="default", budget=1.5, rounds=7, batch=5,
)  # fmt: skip


def test_there_is_a_group_for_each_layer_dtype_and_op_in_this_order() -> None:
    found = [(g.layer, g.spec, g.dtype, g.op) for g in _PLAN.groups("r1", a_machine())]
    assert found == [
        ("net:0", _TEXTS[0], "float64", "im2col"),
        ("net:0", _TEXTS[0], "float64", "conv2d"),
        ("net:0", _TEXTS[0], "float32", "im2col"),
        ("net:0", _TEXTS[0], "float32", "conv2d"),
        ("net:1", _TEXTS[1], "float64", "im2col"),
        ("net:1", _TEXTS[1], "float64", "conv2d"),
        ("net:1", _TEXTS[1], "float32", "im2col"),
        ("net:1", _TEXTS[1], "float32", "conv2d"),
    ]


def test_a_group_has_the_conditions_of_its_plan() -> None:
    *_, group = _PLAN.groups("r1", a_machine("fedcba98"))
    assert group == Group(
        run="r1", group="r1/conv2d/float32/net:1", op="conv2d", dtype="float32", layer="net:1", spec=_TEXTS[1],
        backends=["a", "b", "c"], threads=3, allocator="default", budget=1.5, rounds=7, gap=0.03,
        machine="some-cpu_4c8t", commit="fedcba98",
    )  # fmt: skip


def test_only_with_more_threads_than_one_do_others_need_time_to_park() -> None:
    gaps = {n: next(Plan("some", _LAYERS, [], threads=n).groups("r", a_machine())).gap for n in (1, 2, 64)}
    assert gaps == {1: 0.0, 2: 0.03, 64: 0.03}


def test_single_cells_can_be_left_out() -> None:
    """A group without any is none."""
    alone = {("conv2d", "float64", "net:0", name) for name in "abc"}
    plan = replace(_PLAN, left_out=frozenset(alone | {("im2col", "float32", "net:1", "b")}))
    found = {(g.layer, g.dtype, g.op): "".join(g.backends) for g in plan.groups("r1", a_machine())}
    assert len(found) == 7
    assert ("net:0", "float64", "conv2d") not in found
    assert found.pop(("net:1", "float32", "im2col")) == "ac"
    assert set(found.values()) == {"abc"}
    assert plan.cells == _PLAN.cells - 4


def test_every_combination_is_a_cell() -> None:
    assert _PLAN.cells == 2 * 2 * 2 * 3
    assert Plan("some", _LAYERS[:1], _PLAN.backends, ["im2col"], ["float32", "float64"]).cells == 6
    assert Plan("some", [*_LAYERS, *_LAYERS, _LAYERS[0]], _PLAN.backends[:1]).cells == 5 * 6


def test_a_plan_asks_for_little_unless_it_says_more() -> None:
    plan = Plan("some", _LAYERS, [])
    assert (plan.ops, plan.dtypes, plan.threads, plan.allocator) == (OPS, ("float32",), 1, "steady")
    assert (plan.budget, plan.rounds, plan.batch, plan.barred) == (2.0, 11, None, {})


def test_what_is_written_of_a_plan_is_all_that_decides_what_is_measured() -> None:
    """The targets as they were typed, not as they are called."""
    layers = [replace(_LAYERS[0], count=3), _LAYERS[1]]
    plan = replace(
        _PLAN, layers=layers, backends=[called("x.py"), called("a=y.py")], ops=["col2im"], dtypes=["int32"]
    )  # fmt: skip
    assert plan.record() == PlanRecord(
        shapes="some", layers=["net:0", "net:1"], specs=list(_TEXTS), counts=[3, 0], ops=["col2im"], dtypes=["int32"],
        backends=["x.py", "a=y.py"], threads=3, allocator="default", budget=1.5, rounds=7, batch=5,
    )  # fmt: skip


def test_the_cell_of_a_group_has_its_conditions() -> None:
    *_, group = _PLAN.groups("r1", a_machine("fedcba98"))
    assert group.cell("b", CellStatus.HUNG, "why", native=True, predicted_seconds=0.5) == Cell(
        run="r1", group="r1/conv2d/float32/net:1", op="conv2d", dtype="float32", layer="net:1", spec=_TEXTS[1],
        threads=3, allocator="default", machine="some-cpu_4c8t", commit="fedcba98", backend="b",
        status=CellStatus.HUNG, reason="why", native=True, predicted_seconds=0.5,
    )  # fmt: skip


def test_two_layers_of_one_geometry_are_two_groups_and_two_rows() -> None:
    """The layers of a file may repeat; a group is known by the layer's name, and neither is taken for the other."""
    times = {"conv1": (2.0, 1.0), "conv1#2": (8.0, 1.0), "conv2": (1.0, 2.0)}
    spec = _LAYERS[0].spec
    plan = Plan("mine", [Layer(name, spec) for name in times], [called("a"), called("b")], ["im2col"])
    cells = [
        a_cell(backend, [times[group.layer][side]], group=group.group, layer=group.layer)
        for group in plan.groups("run", a_machine())
        for side, backend in enumerate("ab")
    ]
    table = ratios.rows(cells, ["a", "b"])
    assert [row.shape for row in table] == ["conv1", "conv1#2", "conv2"]
    assert [row.ratio for row in table] == pytest.approx([2.0, 8.0, 0.5])
    assert [(mean.ratio, mean.layers) for mean in ratios.geomeans(table)] == [(2.0, 3)]
