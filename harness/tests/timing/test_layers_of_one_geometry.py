"""Two layers of one geometry: both are measured, and neither is taken for the other."""

from __future__ import annotations

from harness.geometry.layers import Layer
from harness.geometry.spec import ConvSpec
from harness.results.ratios import geomeans, rows
from harness.tests.helpers.plugins import called
from harness.tests.helpers.records import a_cell, a_machine
from harness.timing.plan import Plan

_SPEC, _OTHER = ConvSpec.parse("n1c1h3w3_f1kh1kw1"), ConvSpec.parse("n1c1h4w3_f1kh1kw1")
_LAYERS = [Layer("conv1", _SPEC), Layer("conv1#2", _SPEC), Layer("conv2", _OTHER)]


def test_each_is_a_group_of_its_own() -> None:
    plan = Plan("mine", _LAYERS, [called("a"), called("b")], ops=("im2col", "conv2d"), dtypes=("float32", "float64"))
    groups = list(plan.groups("run", a_machine()))
    assert len({group.group for group in groups}) == len(groups) == 12
    assert {(group.layer, group.spec) for group in groups} == {(layer.name, str(layer.spec)) for layer in _LAYERS}


def test_each_has_a_row_and_counts_in_the_mean() -> None:
    plan = Plan("mine", _LAYERS, [called("a"), called("b")], ops=("im2col",))
    times = {"conv1": (2.0, 1.0), "conv1#2": (8.0, 1.0), "conv2": (1.0, 2.0)}
    cells = [
        a_cell(backend, [times[group.layer][side]], group=group.group, layer=group.layer, spec=group.spec)
        for group in plan.groups("run", a_machine())
        for side, backend in enumerate("ab")
    ]
    table = rows(cells, ["a", "b"])
    assert [(row.shape, row.ratio) for row in table] == [("conv1", 2.0), ("conv1#2", 8.0), ("conv2", 0.5)]
    (mean,) = geomeans(table)
    assert (mean.ratio, mean.layers) == (2.0, 3)
