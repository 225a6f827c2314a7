"""Every number of the page is in its CSV, and both are what the raw samples of the run files give, computed here anew.

Nothing of the product computes here: the lines are read as JSON, the page as HTML, and the arithmetic is spelled out.
"""

from __future__ import annotations

import math
import re
from bisect import bisect_left
from pathlib import Path
from statistics import median

import pytest

from harness.tests.helpers.runfiles import SPECS
from harness.tests.helpers.suite.html import Element
from harness.tests.report.numbers.plain import (
    BASE,
    NUMPY,
    OPS,
    SPEEDS,
    Lines,
    cells_of,
    in_bytes,
    is_factor,
    is_time,
    layers_of,
    lines_of,
    mean,
    middle,
    paired,
    sizes_of,
)

# -- the answer --------------------------------------------------------------------------------------------------------


def test_the_answer(page: Element, out: Path, newest: Lines) -> None:
    """`half` is faster still, but not on every layer; so `mine` is named, and `half` beside it."""
    told, kept = cells_of(page, "fastest-float32-t1-steady"), lines_of(out, "fastest-float32-t1-steady")
    for op in OPS:
        assert told[op, "mine", "fastest"].text == "mine"
        layers = layers_of(newest, op, "mine", BASE, NUMPY)
        assert told[op, "mine", "layers"].text == f"{len(layers)}"
        for reference in (BASE, NUMPY):
            ratios = [middle(paired(newest, (op, la, "mine", "1"), reference)) for la in layers]
            cell = told[op, "mine", f"against {reference}"]
            assert is_factor(cell.text, mean(ratios))
            assert float(cell.attributes["data-value"]) == pytest.approx(mean(ratios), rel=1e-12)
            (line,) = [one for one in kept if (one["op"], one["reference"]) == (op, reference)]
            for column, value in (("ratio", mean(ratios)), ("least_ratio", min(ratios)), ("most_ratio", max(ratios))):
                assert float(line[column]) == pytest.approx(value, rel=1e-12)
        both = layers_of(newest, op, "mine", "half")
        to_base = {n: [middle(paired(newest, (op, la, n, "1"), BASE)) for la in both] for n in ("mine", "half")}
        name, said = told[op, "mine", "next"].text.split(", ")
        assert name == "half"
        assert is_factor(said, mean(to_base["half"]) / mean(to_base["mine"]))


def test_every_layer_and_backend(page: Element, out: Path, newest: Lines) -> None:
    told, kept = cells_of(page, "layers-float32-t1-steady"), lines_of(out, "layers-float32-t1-steady")
    seen = 0
    for (op, layer, name, threads), line in newest.items():
        if threads != "1":
            continue
        cell = told[layer, op, f"{name} takes" if name == BASE else name]
        if not line["samples"]:
            assert cell.text == "over budget"
            continue
        seen += 1
        key = (op, layer, name, "1")
        first, second = (sorted(paired(newest, key, reference)) for reference in (BASE, NUMPY))
        if name == BASE:
            assert is_time(cell.text, median(line["samples"]))
        else:
            assert float(cell.attributes["data-value"]) == pytest.approx(middle(first), rel=1e-12)
            numbers = re.match(r"ratio ([\d.]+) \[([\d.]+), ([\d.]+)\], 10 pairs", cell.attributes["title"])
            assert numbers is not None
            ratio, low, high = (float(n) for n in numbers.groups())
            assert ratio == pytest.approx(middle(first), rel=0.005)
            # Ten, resampled: their median lies between the second and the ninth in more than 95 % of all cases.
            assert 0.995 * first[1] <= low <= first[4] * 1.005
            assert 0.995 * first[5] <= high <= first[8] * 1.005
            assert cell.text == "same" if low <= 1 <= high else is_factor(cell.text, middle(first))
        assert float(cell.attributes["data-second"]) == pytest.approx(middle(second), rel=1e-12)
        for reference, ratios in ((BASE, first), (NUMPY, second)):
            (one,) = [
                k for k in kept if (k["op"], k["layer"], k["backend"], k["reference"]) == (op, layer, name, reference)
            ]
            found = [float(one[column]) for column in ("ratio", "pairs")]
            assert found == pytest.approx([middle(ratios), 10], rel=1e-12)
            assert ratios[1] <= float(one["ratio_low"]) <= middle(ratios) <= float(one["ratio_high"]) <= ratios[8]
    assert seen == 3 * (4 * 5 - 2)
    assert len(kept) == 2 * seen


# -- the other tables --------------------------------------------------------------------------------------------------


def test_the_summary(page: Element, out: Path, newest: Lines) -> None:
    told, kept = cells_of(page, "summary-float32-t1-steady"), lines_of(out, "summary-float32-t1-steady")
    by_row = {(row, head): cell for (row, _, head), cell in told.items()}
    for op in OPS:
        for name in SPEEDS:
            if name == BASE:
                continue
            layers = layers_of(newest, op, name, BASE)
            ratios = [middle(paired(newest, (op, la, name, "1"), BASE)) for la in layers]
            cell = by_row[op, f"{name} is"]
            assert is_factor(cell.text, mean(ratios))
            assert float(cell.attributes["data-value"]) == pytest.approx(mean(ratios), rel=1e-12)
            assert cell.attributes["title"].startswith(f"{len(ratios)} of 4 layers: ")
            (line,) = [one for one in kept if (one["op"], one["backend"]) == (op, name)]
            assert float(line["geomean_ratio"]) == pytest.approx(mean(ratios), rel=1e-12)
            assert float(line["worst_ratio"]) == pytest.approx(max(ratios), rel=1e-12)


@pytest.mark.parametrize("op", OPS)
def test_the_times(page: Element, out: Path, newest: Lines, op: str) -> None:
    name = f"times-{op}-float32-t1-steady"
    told = {(row, head): cell for (row, _, head), cell in cells_of(page, name).items()}
    for line in lines_of(out, name):
        samples = sorted(newest[op, line["layer"], line["backend"], "1"]["samples"])
        mark = " (baseline)" if line["backend"] == BASE else ""
        cell = told[line["layer"], line["backend"] + mark]
        if not samples:
            assert (cell.text, line["seconds"], line["ratio"]) == ("over budget", "", "")
            continue
        assert is_time(cell.text, median(samples))
        assert float(cell.attributes["data-value"]) == pytest.approx(median(samples), rel=1e-12)
        found = [float(line[column]) for column in ("seconds", "seconds_low", "seconds_high", "n")]
        assert found == pytest.approx([median(samples), samples[1], samples[9], 11], rel=1e-12)


def test_the_shares_of_the_limits(page: Element, out: Path, newest: Lines) -> None:
    """Copies of 100 GB/s in 2 MiB and 20 GB/s beyond, products of 100 GFLOP/s."""
    told, kept = cells_of(page, "throughput-float32-t1-steady"), lines_of(out, "throughput-float32-t1-steady")
    for line in kept:
        op, layer, name = line["op"], line["layer"], line["backend"]
        n, c, h, w, f, kh, kw, oh, ow, groups = sizes_of(layer)
        work = n * f * oh * ow * (c // groups) * kh * kw
        flops = {"im2col": 0, "conv2d": 2 * work, "conv2d_bias_grad": n * f * oh * ow}[op]
        x, y, weights = n * c * h * w, n * f * oh * ow, f * (c // groups) * kh * kw
        columns = n * c * kh * kw * oh * ow
        moved = 4 * {"im2col": x + columns, "conv2d": x + weights + f + y, "conv2d_bias_grad": y + f}[op]
        seconds = median(newest[op, layer, name, "1"]["samples"])
        gflops, gbs = flops / seconds / 1e9, moved / seconds / 1e9
        share = max(gflops / 100, gbs / 100)  # all fit in 2 MiB
        found = [float(line[column]) for column in ("gflops", "gbs", "share")]
        assert found == pytest.approx([gflops, gbs, share], rel=1e-12)
        cell = told[op, layer, name]
        assert float(cell.attributes["data-value"]) == pytest.approx(share, rel=1e-12)
        said = cell.text.split(" %")[0]
        assert (
            share < 0.001
            if said == "< 0.1"
            else float(said) == pytest.approx(100 * share, abs=0.5 if share > 0.1 else 0.05)
        )
    assert len(kept) == 3 * (4 * 5 - 2)


def test_the_memory(page: Element, out: Path) -> None:
    told = {(row, head): cell for (row, _, head), cell in cells_of(page, "memory-float32-t1-steady").items()}
    for line in lines_of(out, "memory-float32-t1-steady"):
        n, c, h, w, f, kh, kw, oh, ow, groups = sizes_of(line["layer"])
        arrays = 4 * (n * c * h * w + f * (c // groups) * kh * kw + n * f * oh * ow)
        columns = 4 * n * c * kh * kw * oh * ow
        assert [int(line["x_w_y_bytes"]), int(line["columns_bytes"])] == [arrays, columns]
        cells = [told[line["layer"], head] for head in ("x + w + y", "columns", "columns / (x + w + y)")]
        found = [float(cell.attributes["data-value"]) for cell in cells]
        assert found == pytest.approx([arrays, columns, columns / arrays])
        assert [in_bytes(cells[0].text), in_bytes(cells[1].text)] == pytest.approx([arrays, columns], rel=0.005)


def test_the_first_calls(page: Element, out: Path, newest: Lines) -> None:
    first = {(row, head): cell for (row, _, head), cell in cells_of(page, "first-calls-float32-t1-steady").items()}
    pays = {(row, head): cell for (row, _, head), cell in cells_of(page, "break-even-float32-t1-steady").items()}
    kept = lines_of(out, "break-even-float32-t1-steady")
    assert kept == lines_of(out, "first-calls-float32-t1-steady")
    for line in kept:
        op, name = line["op"], line["backend"]
        mine, theirs = (newest[op, "net:small", one, "1"] for one in (name, BASE))
        assert is_time(first[op, name].text, mine["first_seconds"])
        assert float(line["first_seconds"]) == mine["first_seconds"]
        owed = mine["first_seconds"] - theirs["first_seconds"]
        gain = median(theirs["samples"]) - median(mine["samples"])
        calls = math.inf if gain <= 0 else max(0, math.ceil(owed / gain))
        if name == BASE:
            assert (pays[op, name].text, line["break_even_calls"]) == ("baseline", "")
            continue
        assert pays[op, name].text == ("never" if calls == math.inf else "at once" if calls == 0 else f"{calls}")
        assert float(line["break_even_calls"]) == calls
    assert len(kept) == 3 * 5


def test_the_cold_calls(page: Element, out: Path, newest: Lines) -> None:
    told, kept = cells_of(page, "cold-float32-t1-steady"), lines_of(out, "cold-float32-t1-steady")
    for line in kept:
        op, layer, name = line["op"], line["layer"], line["backend"]
        record = newest[op, layer, name, "1"]
        cold, warm = median(record["cold_samples"]), median(record["samples"])
        found = [float(line[column]) for column in ("cold_seconds", "warm_seconds", "factor", "other_bytes")]
        assert found == pytest.approx([cold, warm, cold / warm, 2**26], rel=1e-12)
        assert is_time(told[op, layer, name].text, cold)
        assert float(told[op, layer, name].attributes["data-value"]) == pytest.approx(cold, rel=1e-12)
    assert len(kept) == 3 * (4 * 5 - 2)


def test_the_stages(page: Element, out: Path, newest: Lines) -> None:
    """Both of one name together; a row is found by op and layer, as one backend alone tells them."""
    told, kept = cells_of(page, "stages-float32-t1-steady"), lines_of(out, "stages-float32-t1-steady")
    for line in kept:
        op, layer, name = line["op"], line["layer"], line["backend"]
        record = newest[op, layer, name, "1"]
        own = [stage["seconds"] for stage in record["stages"] if stage["name"] == line["stage"]]
        every, call = [stage["seconds"] for stage in record["stages"]], median(record["samples"])
        found = [float(line[c]) for c in ("seconds", "share", "together_seconds", "together_share", "call_seconds")]
        assert found == pytest.approx([sum(own), sum(own) / call, sum(every), sum(every) / call, call], rel=1e-12)
        assert is_time(told[op, layer, line["stage"]].text, sum(own))
        together = told[op, layer, "stages together"]
        assert float(together.attributes["data-value"]) == pytest.approx(sum(every) / call, rel=1e-12)
        assert together.text == f"{100 * sum(every) / call:.0f} %"
        assert is_time(told[op, layer, "whole call"].text, call)
    assert len(kept) == 3 * 4 * 2


def test_the_threads(page: Element, out: Path, newest: Lines) -> None:
    told, kept = cells_of(page, "threads-float32-steady"), lines_of(out, "threads-float32-steady")
    for line in kept:
        op, name = line["op"], line["backend"]
        both = [la for la in list(SPECS)[:2] if newest[op, la, name, "1"]["samples"]]
        ups = [
            median(newest[op, la, name, "1"]["samples"]) / median(newest[op, la, name, "2"]["samples"]) for la in both
        ]
        assert [float(line[c]) for c in ("speedup", "least", "most")] == pytest.approx([mean(ups), min(ups), max(ups)])
        cell = told[op, "2", name]
        assert float(cell.attributes["data-value"]) == pytest.approx(mean(ups), rel=1e-12)
        assert float(cell.text.removesuffix("x")) == pytest.approx(mean(ups), rel=0.005)
    assert len(kept) == 3 * 5


def test_the_speed_up_over_plain_loops(page: Element, out: Path, newest: Lines) -> None:
    told = {(row, head): cell for (row, _, head), cell in cells_of(page, "over-naive-float32-t1-steady").items()}
    for line in lines_of(out, "over-naive-float32-t1-steady"):
        op, name = line["op"], line["backend"]
        layers = layers_of(newest, op, name, "naive_loops")
        ups = [1 / middle(paired(newest, (op, la, name, "1"), "naive_loops")) for la in layers]
        assert [float(line[c]) for c in ("median", "least", "most")] == pytest.approx([median(ups), min(ups), max(ups)])
        assert float(told[op, name].text.removesuffix("x")) == pytest.approx(median(ups), rel=0.005)


def test_every_number_of_every_table_is_in_its_csv(page: Element, out: Path) -> None:
    """Whatever tables there are: the numbers that cells are sorted by, digit for digit."""
    seen = 0
    for table in page.all("table"):
        name = table.attributes["id"]
        kept = [value for line in lines_of(out, name) for value in line.values()]
        numbers = sorted(float(value) for value in kept if re.fullmatch(r"-?\d+(\.\d+)?(e-?\d+)?|inf", value))
        for cell in table.all("td"):
            if "data-value" in cell.attributes:
                value, seen = float(cell.attributes["data-value"]), seen + 1
                place = bisect_left(numbers, value * (1 - 1e-12))
                assert place < len(numbers), (name, cell.text)
                assert numbers[place] == pytest.approx(value, rel=1e-12), (name, cell.text)
    assert seen > 300


def test_no_table_with_numbers_is_left_out(page: Element) -> None:
    """Of the conditions with most cells; what was measured of the machine is copied from the file as it is."""
    names = {one.attributes["id"].split("-float32")[0] for one in page.all("table")}
    assert names == {
        "fastest", "layers", "summary", *(f"times-{op}" for op in OPS), "throughput", "memory", "first-calls",
        "break-even", "cold", "stages", "threads", "over-naive", "claims", "backends", "machine", "ceilings",
    }  # fmt: skip
