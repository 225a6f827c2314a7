"""What the terminal says of whole networks, and when it says nothing."""

from __future__ import annotations

import pytest

from harness.cli.measured import networks_table
from harness.geometry.layers import Layer
from harness.geometry.spec import ConvSpec
from harness.tests.helpers.runfiles import SPECS, make_cell

_LAYERS = [Layer(name, ConvSpec.parse(SPECS[name]), 2) for name in ("net:small", "net:wide")]


def shown(capsys: pytest.CaptureFixture[str]) -> list[str]:
    """The lines on stdout, each without the blanks between its columns."""
    return [" ".join(line.split()) for line in capsys.readouterr().out.splitlines() if line.strip()]


def test_the_fastest_is_first_then_what_is_not_whole_then_the_mix(capsys: pytest.CaptureFixture[str]) -> None:
    cells = [
        make_cell("part", [0.001]), make_cell("part", layer="net:wide", status="over_budget"),
        make_cell("slow", [0.02]), make_cell("slow", [0.02], "net:wide"), make_cell("none", status="fail"),
        make_cell("quick", [0.005]), make_cell("quick", [0.01], "net:wide"),
        make_cell("slow", [0.25], dtype="float64"), make_cell("slow", [0.25], "net:wide", dtype="float64"),
    ]  # fmt: skip
    networks_table.show(_LAYERS, cells, "1 thread")
    assert shown(capsys) == [
        "whole networks, float32, 1 thread", "network pass backend time", "net forward quick 30.0 ms",
        "net forward slow 80.0 ms", "net forward part at least 2.00 ms (1 of 2 layers)",
        "net forward none no layer has a time", "net forward best of all, layer by layer 22.0 ms",
        "whole networks, float64, 1 thread", "network pass backend time", "net forward slow 1.00 s",
    ]  # fmt: skip


@pytest.mark.parametrize("layers", [[], [Layer("net:small", ConvSpec.parse(SPECS["net:small"]))]])
def test_nothing_is_said_without_a_network(layers: list[Layer], capsys: pytest.CaptureFixture[str]) -> None:
    networks_table.show(layers, [make_cell("mine", [0.005])], "1 thread")
    assert shown(capsys) == []


def test_nothing_is_said_of_ops_that_make_no_pass(capsys: pytest.CaptureFixture[str]) -> None:
    networks_table.show(_LAYERS, [make_cell("mine", [0.005], op="im2col")], "1 thread")
    assert shown(capsys) == []
