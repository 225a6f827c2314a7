"""The table that a reader filters: what a row is found by, and what a cell tells."""

from __future__ import annotations

import pytest

from harness.geometry.spec import ConvSpec
from harness.report.answer.your_layer import in_short, layer_table, search_words
from harness.report.measured.load import Config
from harness.tests.helpers.runfiles import SPECS, make_row

_CONFIG = Config(1, "steady", "float32")
_TORCH = [
    make_row("mine", 0.5, ratio=(0.3, 0.25, 0.35)), make_row("torch_native", 1.0, ratio=(1, 1, 1)),
    make_row("near", 1.0, ratio=(0.9, 0.8, 1.0)), make_row("slow", 5.0, ratio=(5, 4.5, 5.5)),
    make_row("apart", 2.0), make_row("shy", status="unsupported", reason="groups"),
    make_row("gone", status="unavailable", reason="no X"),
]  # fmt: skip
_NUMPY = [make_row("mine", 0.5, ratio=(0.1, 0.1, 0.1)), make_row("torch_native", 1.0, ratio=(0.4, 0.4, 0.4))]


def test_what_the_cells_show_and_tell_and_carry() -> None:
    table = layer_table({"torch_native": _TORCH, "numpy_fancy": _NUMPY}, {}, _CONFIG)
    assert table.header == ["layer", "op", "geometry", "torch_native takes", "mine", "near", "slow", "apart", "shy"]
    (row,) = table.rows
    shown = [(cell.lines[0], cell.kind, cell.shade, cell.value, cell.second) for cell in row[3:]]
    assert shown == [
        ("1.00 s", "", 0, 1.0, 0.4), ("3.3x faster", "best", -2, 0.3, 0.1), ("same", "", 0, 0.9, None),
        ("5.0x slower", "", 3, 5, None), ("no ratio", "missing", 0, None, None),
        ("unsupported", "missing", 0, None, None),
    ]  # fmt: skip
    assert [cell.hover for cell in row[:5]] == [
        SPECS["net:small"], "", "", "1.00 s [750 ms, 1.50 s], n = 3",
        "ratio 0.300 [0.250, 0.350], 11 pairs; 500 ms [375 ms, 750 ms], n = 3",
    ]  # fmt: skip
    assert row[7].hover == "not timed together with torch_native; 2.00 s [1.50 s, 3.00 s], n = 3"
    assert row[8].hover == "groups"
    assert table.notes[-1] == "No column, because unavailable here: gone (no X)."
    assert table.keys == [f"net:small 3x3 2 4 6 6x6 {SPECS['net:small']}"]


def test_a_barred_backend_is_shown_and_not_ranked() -> None:
    """It has no number to rank by, and is never bold."""
    table = layer_table({"torch_native": _TORCH}, {("conv2d", "mine"): "it fails the suite"}, _CONFIG)
    mine, near = table.rows[0][4:6]
    assert (mine.lines[0], mine.kind, mine.value, mine.second) == ("3.3x faster", "fail", None, None)
    assert mine.hover.startswith("not ranked: it fails the suite; ratio 0.300")
    assert near.kind == "best"
    kept = {(r.backend, r.ranked) for r in table.records}  # type: ignore[attr-defined]
    assert kept == {("mine", False), ("torch_native", True), ("near", True), ("slow", True)}


@pytest.mark.parametrize(
    ("ratio", "shade"),
    [(0.24, -3), (0.26, -2), (0.51, -1), (0.92, 0), (1.09, 0), (1.11, 1), (1.9, 1), (2.1, 2), (4.1, 3)],
)
def test_a_shade_is_a_factor(ratio: float, shade: int) -> None:
    rows = [make_row("torch_native", 1.0, ratio=(1, 1, 1)), make_row("mine", 1.0, ratio=(ratio, ratio, ratio))]
    assert layer_table({"torch_native": rows}, {}, _CONFIG).rows[0][4].shade == shade


@pytest.mark.parametrize(
    ("text", "short", "words"),
    [
        ("n1c64h56w56_f64kh3kw3_pt1pb1pl1pr1", "3x3 64→64 56x56", "3x3 64 56 56x56"),
        ("n1c3h9w8_f6kh1kw7_sh2sw2", "1x7 3→6 9x8 s2", "1x7 3 6 9 8 9x8 s2"),
        ("n2c8h9w9_f8kh3kw3_sh2sw1_g8", "3x3 8→8 9x9 s2x1 depthwise n2", "3x3 8 9 9x9 s2x1 depthwise n2"),
        ("n1c8h9w9_f8kh3kw3_dh2dw2_g4", "3x3 8→8 9x9 d2 g4", "3x3 8 9 9x9 d2 g4"),
    ],
)
def test_a_geometry_in_short_and_what_it_is_found_by(text: str, short: str, words: str) -> None:
    spec = ConvSpec.parse(text)
    assert in_short(spec) == short
    assert search_words("net:conv", text, spec) == ["net:conv", *words.split(), text]
