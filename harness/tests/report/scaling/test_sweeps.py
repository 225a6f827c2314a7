"""Layers along one axis: who is the fastest where, and what changes along it."""

from __future__ import annotations

from harness.geometry import sweeps as made
from harness.report.measured.load import Config
from harness.report.measured.rows import Row
from harness.report.scaling.sweeps import sweep_table, sweeps
from harness.tests.helpers.runfiles import make_row

_TIMES = {"steady": [2.0, 2.0, 2.0, 2.0, 2.0, 2.0], "growing": [1.0, 1.0, 1.5, 3.0, 6.0, 9.0]}
_CONFIG = Config(1, "steady", "float32")


def _rows(name: str, times: dict[str, list[float]]) -> list[Row]:
    layers = made.read(name, list)
    return [
        make_row(backend, seconds, layer.name, spec=str(layer.spec))
        for backend, own in times.items() for layer, seconds in zip(layers, own, strict=False)
    ]  # fmt: skip


def test_the_fastest_at_each_value_and_where_that_changes() -> None:
    (sweep,) = sweeps(_rows("sweep:H", _TIMES))
    assert (sweep.axis, sweep.values) == ("H", [7, 14, 28, 56, 112, 224])
    table = sweep_table(sweep, 0, _CONFIG)
    assert [cell.text for cell in table.rows[0]] == ["conv2d", *["growing"] * 3, *["steady"] * 3]
    assert table.notes[1:] == ["conv2d: growing is the faster, by 5 % at least, up to H = 28, steady from 56 on."]
    assert len(table.records) == 12
    assert table.name == "sweep-H-float32-t1-steady"


def test_sweeps_of_two_geometries_are_two() -> None:
    """Also along an axis that changes the padding with it; the values of the other base are not mixed in."""
    rows = _rows("sweep:K", _TIMES) + _rows("sweep:K:n1c3h20w20_f2kh3kw3", {"steady": [3.0] * 4})
    assert [(sweep.axis, len(sweep.times["conv2d"])) for sweep in sweeps(rows)] == [("K", 2), ("K", 1)]


def test_two_values_are_no_sweep_nor_is_a_layer_of_another_name() -> None:
    assert sweeps(_rows("sweep:N", {"steady": [1.0, 2.0]})) == []
    assert sweeps([make_row("steady", 1.0, f"net:{n}", spec=f"n{n}c1h5w5_f1kh3kw3") for n in (1, 2, 4)]) == []
    assert made.place("sweep:H=8", made.read("sweep:H", list)[0].spec) is None  # the name says another value
