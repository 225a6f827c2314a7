"""The table of whole networks: those that ship, those of a run of somebody's own, and those tried in part."""

from __future__ import annotations

from typing import Any

import pytest

from harness.geometry.layers import Layer
from harness.geometry.networks import Network
from harness.geometry.spec import ConvSpec
from harness.report.measured.load import Config
from harness.report.measured.rows import Row
from harness.report.measured.runs import Run
from harness.report.measured.totals import NetworkTotal
from harness.report.tables import networks as networks_module
from harness.report.tables.networks import network_totals, networks_table
from harness.tests.helpers.runfiles import SPECS, make_data, make_header, make_row

_CONFIG = Config(1, "steady", "float32")
_OWN = {"layers": ["my:a", "my:b"], "specs": [SPECS["net:small"], SPECS["net:wide"]], "counts": [2, 3]}


@pytest.fixture(autouse=True)
def _one_ships(monkeypatch: pytest.MonkeyPatch) -> None:
    """One network of two layers, in place of all that ship."""
    layers = [Layer("net:small", ConvSpec.parse(SPECS["net:small"]), 1),
              Layer("net:grouped", ConvSpec.parse(SPECS["net:grouped"]), 1)]  # fmt: skip
    monkeypatch.setattr(networks_module, "shipped", lambda: [Network("shipped", layers)])


def a_run(**plan: Any) -> Run:
    """One whose plan is a network of somebody's own: 2 x small, 3 x wide."""
    return Run(make_header("r", **{**_OWN, **plan}))


def rows(seconds: dict[tuple[str, str], float | None], op: str = "conv2d") -> list[Row]:
    """Cells of (backend, layer)."""
    return [
        make_row(name, time, layer, op=op, status="ok" if time else "over_budget")
        for (name, layer), time in seconds.items()
    ]


_ALL = {
    ("mine", "net:small"): 0.001, ("other", "net:small"): 0.003, ("mine", "net:wide"): 0.01,
    ("other", "net:wide"): 0.002, ("slow", "net:small"): 0.05, ("slow", "net:wide"): None,
}  # fmt: skip


def test_the_table_of_a_network_of_ones_own() -> None:
    found = rows(_ALL)
    gone = make_row("gone", status="unavailable", reason="no CUDA")
    table = networks_table([*found, gone], make_data(found, runs=[a_run()]), _CONFIG)
    assert (
        table.markdown()
        == """\
## Whole networks

| network | pass | mine | other | slow | best of all, layer by layer |
| --- | --- | --- | --- | --- | --- |
| my, 5 convolutions | forward | 32.0 ms | **12.0 ms** | at least 100 ms (1 of 2 layers) | 8.00 ms |

- Count x median time, summed over the convolutions of a network; a training step is conv2d and its three gradients, \
that of the first layer's input included. What lies between the convolutions is not counted.
- Best of all, layer by layer: each op of each layer by the backend that is fastest there; moving arrays from one to \
the other costs nothing in this sum.
- No row, because only some layers were tried: shipped (1 of 2 layers).
- No column, because unavailable here: gone (no CUDA).
"""
    )
    assert table.name == "networks-float32-t1-steady"
    assert [cell.kind for cell in table.rows[0]] == ["", "", "", "best", "missing", ""]
    assert [cell.value for cell in table.rows[0][2:]] == pytest.approx([0.032, 0.012, 0.1, 0.008])


def test_the_csv_has_the_numbers() -> None:
    found = rows(_ALL)
    table = networks_table(found, make_data(found, runs=[a_run()]), _CONFIG)
    assert table.csv().splitlines()[:3] == [
        "network,work,backend,seconds,timed_layers,layers,convolutions", "my,forward,mine,0.032,2,2,5",
        "my,forward,other,0.012,2,2,5",
    ]  # fmt: skip
    assert table.records[2] == NetworkTotal(
        network="my", work="forward", backend="slow", seconds=0.1, timed_layers=1, layers=2, convolutions=5
    )


def test_a_network_that_ships_needs_no_plan_of_its_own() -> None:
    """Its layers may come of several runs; each configuration has its own."""
    found = rows({("mine", "net:small"): 0.001, ("mine", "net:grouped"): 0.004})
    totals = network_totals(found, make_data(found, runs=[Run(make_header("r"))]))
    assert [(t.network, t.work) for t in totals] == [("shipped", "forward")]
    assert [t.seconds for t in totals] == pytest.approx([0.005])


def test_the_same_list_measured_twice_is_one_network_and_another_of_its_name_a_second() -> None:
    found = rows(_ALL)
    data = make_data(found, runs=[a_run(), a_run(), a_run(counts=[1, 1])])
    own = [total for total in network_totals(found, data) if total.backend == "mine"]
    assert [total.network for total in own] == ["my", "my#2"]
    assert [total.seconds for total in own] == pytest.approx([0.032, 0.011])


def test_a_list_without_counts_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    found = rows(_ALL)
    for counts in ([], [0, 1]):
        assert network_totals(found, make_data(found, runs=[a_run(counts=counts)])) == []


def test_nothing_measured_of_any_network_is_a_table_without_rows() -> None:
    found = rows({("mine", "net:large"): 1.0})
    table = networks_table(found, make_data(found), _CONFIG)
    assert (list(table.rows), list(table.records), list(table.header)) == ([], [], ["network", "pass"])
    assert not any("only some layers" in note for note in table.notes)
