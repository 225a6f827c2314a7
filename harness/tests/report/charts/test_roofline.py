"""The roofline: dots where intensity and rate are, under the roofs that were measured; a panel an op."""

from __future__ import annotations

from typing import Any

import pytest
from matplotlib.figure import Figure
from msgspec.structs import replace

from harness.report.charts import drawing
from harness.report.charts.roofline import roofline_chart
from harness.report.tables.throughput import Throughput
from harness.results.rates import Rates
from harness.tests.helpers.runfiles import CPU

_LIMITS = replace(CPU, matmul_gflops={"float32": 80.0, "float64": 40.0})  # copies: 100 and 20 GB/s


def _dot(backend: str, intensity: float, gflops: float, op: str = "conv2d", **other: Any) -> Throughput:
    """A measured cell; with a share of 1/2 unless told otherwise."""
    rates: dict[str, Any] = {"share": 0.5, "compute_share": 0.5, **{k: v for k, v in other.items() if k != "device"}}
    found = Rates(flops=100, min_bytes=10, intensity=intensity, gflops=gflops, gbs=1.0, **rates)
    return Throughput(
        op=op, layer="l", spec="s", backend=backend, dtype="float32", seconds=1.0, rates=found,
        device=other.get("device", ""),
    )  # fmt: skip


_FOUND = [
    _dot("mine", 2.0, 10.0), _dot("slow", 8.0, 5.0), _dot("mine", 32.0, 90.0, share=1.01),
    _dot("slow", 4.0, 80.0, share=1.0),
    _dot("mine", 1.0, 3.0, "conv2d_weight_grad"), _dot("mine", 0.5, 1.0, "im2col", compute_share=None),
    _dot("card", 5.0, 5.0, device="card"), _dot("lame", 5.0, 5.0, compute_share=None),
    _dot("idle", 0.0, 0.0, compute_share=0.0),
]  # fmt: skip


def _looks() -> drawing.Looks:
    return drawing.looks({t.backend for t in _FOUND})


def _points(axes: Any, ringed: bool) -> list[tuple[list[list[float]], str]]:
    """Places and colour of each group of dots, or of the rings around them."""
    found = [c for c in axes.collections if (len(c.get_facecolor()) == 0) is ringed and len(c.get_offsets())]
    colours = [c.get_edgecolor() if ringed else c.get_facecolor() for c in found]
    return [(c.get_offsets().tolist(), _hex(colour[0])) for c, colour in zip(found, colours, strict=True)]


def _numbers(found: Any) -> list[float]:
    return [float(number) for number in found]


def _hex(colour: Any) -> str:
    return "#" + "".join(f"{round(255 * part):02X}" for part in colour[:3])


def test_dots_are_at_intensity_and_rate_and_a_ring_is_around_what_is_above(figures: list[Figure]) -> None:
    chart = roofline_chart(_FOUND, _LIMITS, "float32", "Roofline\ncpu-x", "roofline-x", _looks())
    assert chart is not None
    looks = _looks()
    conv, grad = figures[0].axes
    assert (conv.get_title(), grad.get_title()) == ("conv2d", "conv2d_weight_grad")
    assert _points(conv, ringed=False) == [
        ([[2.0, 10.0], [32.0, 90.0]], looks["mine"].colour), ([[8.0, 5.0], [4.0, 80.0]], looks["slow"].colour),
    ]  # fmt: skip
    assert _points(conv, ringed=True) == [([[32.0, 90.0]], drawing.BAD.upper())]
    assert _points(grad, ringed=False) == [([[1.0, 3.0]], looks["mine"].colour)]
    assert _points(grad, ringed=True) == []
    assert (chart.name, chart.png) == ("roofline-x", b"\x89PNG")
    assert chart.alt == "Roofline, cpu-x. The numbers are in the throughput table."


@pytest.mark.parametrize(("dtype", "flat"), [("float32", 80.0), ("float64", 40.0)])
def test_roofs_are_the_product_and_both_copies_up_to_it(figures: list[Figure], dtype: str, flat: float) -> None:
    """At 100 GB/s the product's roof is met at 0.8 flop a byte, at 20 GB/s at 4; the span is 1 / 2 to 32 * 2."""
    roofline_chart(_FOUND, _LIMITS, dtype, "Roofline\ncpu-x", "name", _looks())
    for axes in figures[0].axes:
        product, cache, dram = axes.lines
        assert _numbers(product.get_ydata()) == [flat, flat]
        assert _numbers(cache.get_xdata()) == pytest.approx([min(0.5, flat / 100), flat / 100])
        assert _numbers(cache.get_ydata()) == pytest.approx([min(50.0, flat), flat])
        assert _numbers(dram.get_xdata()) == pytest.approx([0.5, flat / 20])
        assert _numbers(dram.get_ydata()) == pytest.approx([10.0, flat])
        assert (cache.get_linestyle(), dram.get_linestyle()) == ("--", ":")
        assert axes.get_xlim() == (0.5, 64.0)
        assert (axes.get_xscale(), axes.get_yscale()) == ("log", "log")
    (legend,) = figures[0].legends
    assert [text.get_text() for text in legend.get_texts()] == [
        "mine", "slow", f"matrix product {flat:.1f} GFLOP/s", "copy in cache 100 GB/s", "copy in dram 20.0 GB/s",
    ]  # fmt: skip


def test_what_is_not_drawn_is_named(figures: list[Figure]) -> None:
    roofline_chart(_FOUND, _LIMITS, "float32", "Roofline\ncpu-x", "name", _looks())
    (figure,) = figures
    assert [text.get_text() for text in figure.texts[1:3]] == ["Roofline", "cpu-x"]
    assert figure.texts[-1].get_text().split("\n") == [
        "one dot per layer and backend at the median time; red ring: above its ceiling, see the table",
        "not drawn, as these roofs are the CPU's: card, lame, idle",
    ]
    assert figure.get_supxlabel() == (
        "arithmetic intensity: flop per byte, each input read once and each output written once"
    )
    roofline_chart(_FOUND[:2], _LIMITS, "float32", "Roofline\ncpu-x", "name", _looks())
    assert "not drawn" not in figures[1].texts[-1].get_text()


def test_panels_share_their_axes_and_only_the_first_has_its_numbers(figures: list[Figure]) -> None:
    """In the order in which the ops are listed, whatever was measured first."""
    ops = ("conv2d_weight_grad", "conv2d_input_grad", "conv2d")
    roofline_chart([_dot("mine", 2.0, 4.0, op) for op in ops], _LIMITS, "float32", "R\nc", "name", _looks())
    panels = figures[0].axes
    assert [axes.get_title() for axes in panels] == list(reversed(ops))
    assert [axes.get_ylabel() for axes in panels] == ["GFLOP/s", "", ""]
    assert [axes.yaxis.get_tick_params()["labelleft"] for axes in panels] == [True, False, False]
    assert len({axes.get_xlim() for axes in panels}) == len({axes.get_ylim() for axes in panels}) == 1
    assert panels[0].get_shared_x_axes().joined(panels[0], panels[2])
    assert panels[0].get_shared_y_axes().joined(panels[0], panels[1])


@pytest.mark.parametrize(
    "found",
    [
        [], [_dot("mine", 2.0, 4.0, "im2col")], [_dot("card", 2.0, 4.0, device="card")],
        [_dot("mine", 2.0, 4.0, compute_share=None)], [_dot("mine", 0.0, 0.0, compute_share=0.0)],
    ],
    ids=["nothing", "no_convolution", "another_device", "no_ceiling", "no_work"],
)  # fmt: skip
def test_where_nothing_stands_under_the_roofs_there_is_no_chart(figures: list[Figure], found: list[Throughput]) -> None:
    assert roofline_chart(found, _LIMITS, "float32", "R\nc", "name", _looks()) is None
    assert figures == []
