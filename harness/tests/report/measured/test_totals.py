"""The time of a whole network from made-up cells: counts, missing ones, two layers of one geometry, the best mix."""

from __future__ import annotations

import pytest

from harness.geometry.layers import Layer
from harness.geometry.networks import Network
from harness.geometry.spec import OPS, ConvSpec
from harness.report.measured.totals import BEST, NetworkTotal, said, times_of, totals
from harness.tests.helpers.runfiles import make_cell

_A, _B = "n1c2h6w6_f4kh3kw3", "n1c4h5w20_f6kh1kw1"
_FORWARD, _IMAGE, _WEIGHTS, _BIAS = "conv2d", "conv2d_input_grad", "conv2d_weight_grad", "conv2d_bias_grad"


def network(*layers: tuple[str, int]) -> Network:
    """A network of these geometries, each with its count."""
    return Network("net", [Layer(f"net:{i}", ConvSpec.parse(spec), n) for i, (spec, n) in enumerate(layers)])


_NET = network((_A, 1), (_B, 10), (_A, 100))  # two layers of one geometry


def numbers(found: list[NetworkTotal]) -> dict[tuple[str, str], tuple[float | None, int]]:
    """Seconds and timed layers by pass and backend."""
    assert all((total.network, total.layers, total.convolutions) == ("net", 3, 111) for total in found)
    return {(total.work, total.backend): (total.seconds, total.timed_layers) for total in found}


def test_each_layer_counts_as_often_as_the_network_has_it() -> None:
    times = {("mine", _FORWARD, _A): 2.0, ("mine", _FORWARD, _B): 3.0, ("mine", "im2col", _A): 500.0}
    assert numbers(totals(_NET, ["mine"], ["im2col", _FORWARD], times)) == {("forward", "mine"): (232.0, 3)}


def test_the_best_mix_takes_every_op_of_every_layer_from_the_fastest() -> None:
    """Not from one that has no column."""
    each = {"mine": (1.0, 9.0), "other": (5.0, 2.0), "gone": (0.1, 0.1)}
    times: dict[tuple[str, str, str], float]
    times = {(name, op, spec): s * (2 if op == _BIAS else 1) for name, found in each.items()
             for spec, s in zip((_A, _B), found, strict=True) for op in OPS}  # fmt: skip
    times["other", _WEIGHTS, _A] = 0.5
    assert numbers(totals(_NET, ["mine", "other"], OPS, times)) == {
        ("forward", "mine"): (191.0, 3), ("forward", "other"): (525.0, 3), ("forward", BEST): (121.0, 3),
        ("training step", "mine"): (5 * 191.0, 3), ("training step", "other"): (5 * 525.0 - 101 * 4.5, 3),
        ("training step", BEST): (5 * 121.0 - 101 * 0.5, 3),
    }  # fmt: skip


def test_a_missing_layer_makes_the_total_a_lower_limit_that_says_so() -> None:
    times = {("mine", _FORWARD, _A): 0.002, ("other", _FORWARD, _B): 0.03}
    mine, other, none, best = totals(_NET, ["mine", "other", "none"], [_FORWARD], times)
    assert [total.seconds for total in (mine, other, best)] == pytest.approx([0.202, 0.3, 0.502])
    assert none.seconds is None
    assert [(t.timed_layers, t.is_whole) for t in (mine, other, none, best)] == [
        (2, False), (1, False), (0, False), (3, True),
    ]  # fmt: skip
    assert [said(total) for total in (mine, other, none, best)] == [
        "at least 202 ms (2 of 3 layers)", "at least 300 ms (1 of 3 layers)", "no layer has a time", "502 ms",
    ]  # fmt: skip


def test_a_layer_with_some_of_the_times_of_a_pass_is_not_counted_but_its_times_are() -> None:
    times = {("mine", op, _A): 1.0 for op in (_FORWARD, _IMAGE, _WEIGHTS)} | {("mine", op, _B): 1.0 for op in OPS}
    (_, training) = totals(_NET, ["mine"], OPS, times)
    assert (training.seconds, training.timed_layers) == (101 * 3 + 10 * 4, 1)


def test_a_pass_needs_that_all_of_its_ops_were_asked_for() -> None:
    ops = [_FORWARD, _IMAGE, _WEIGHTS, _BIAS]
    assert [total.work for total in totals(_NET, ["mine"], ops, {})] == ["forward", "training step"]
    for missing in ops:
        asked = [op for op in ops if op != missing]
        assert "training step" not in [total.work for total in totals(_NET, ["mine"], asked, {})]
    assert totals(_NET, ["mine"], ["im2col", "col2im"], {}) == []


def test_a_backend_alone_has_no_mix() -> None:
    assert [total.backend for total in totals(_NET, ["mine"], [_FORWARD], {})] == ["mine"]


@pytest.mark.parametrize("status", ["fail", "crashed", "over_budget", "unsupported"])
def test_only_a_believed_time_counts(status: str) -> None:
    cells = [
        make_cell("mine", [3.0, 1.0, 2.0]), make_cell("mine", [1.0], "net:wide", status=status),
        make_cell("other", layer="net:wide", status=status),
    ]  # fmt: skip
    assert times_of(cells) == {("mine", "conv2d", _A): 2.0}


def test_of_several_cells_of_one_geometry_the_median_counts() -> None:
    """Of several processes, say, or of two layers."""
    cells = [
        make_cell("mine", [9.0, 3.0, 4.0]),
        make_cell("mine", [1.0], group="b"),
        make_cell("mine", [2.0], group="c"),
    ]
    assert times_of(cells) == {("mine", "conv2d", _A): 2.0}
