"""Who is called the fastest: right, timed on every layer, and the first by the geometric mean against the baseline."""

from __future__ import annotations

from harness.report.answer.fastest import Fastest, Over, fastest, fastest_table, sentence
from harness.report.measured.load import Config
from harness.report.measured.rows import Row
from harness.tests.helpers.runfiles import make_row

_CONFIG = Config(1, "steady", "float32")


def _rows(**ratios: tuple[float, ...]) -> list[Row]:
    """The ratios of each backend to the baseline on one, two or three layers."""
    layers = ("net:small", "net:large", "net:wide")
    return [
        make_row(name, 1.0, layer, ratio=(ratio, ratio, ratio))
        for name, found in ratios.items()
        for layer, ratio in zip(layers, found, strict=False)
    ]


_TORCH = _rows(torch_native=(1, 1), mine=(0.25, 1.0), slow=(2.0, 8.0))
_NUMPY = _rows(torch_native=(0.5, 0.5), mine=(0.125, 0.5), slow=(1.0, 4.0))


def test_the_mean_over_all_layers_decides() -> None:
    """`mine` is 4 and 1 times as fast as torch, 8 and 2 times as fast as NumPy."""
    (found,) = fastest({"torch_native": _TORCH, "numpy_fancy": _NUMPY}, {})
    assert found == Fastest(
        op="conv2d", backend="mine", layers=2, of_layers=2,
        over=[
            Over(reference="torch_native", ratio=0.5, least=0.25, most=1.0),
            Over(reference="numpy_fancy", ratio=0.25, least=0.125, most=0.5),
        ],
        rival="torch_native", rival_ratio=2.0, rival_layers=2,
    )  # fmt: skip
    assert sentence([found]) == (
        "For conv2d, mine is the fastest right backend here: 2.0x faster than torch_native and 4.0x faster than "
        "numpy_fancy."
    )


def test_what_is_barred_is_neither_the_fastest_nor_next() -> None:
    (found,) = fastest({"torch_native": _TORCH}, {("conv2d", "mine"): "it fails"})
    assert (found.backend, found.over, found.rival) == ("torch_native", [], "slow")
    assert sentence([found]) == "For conv2d, torch_native is the fastest right backend here; next is slow, 4.0x slower."
    everyone = {("conv2d", name): "x" for name in ("torch_native", "mine", "slow")}
    assert fastest({"torch_native": _TORCH}, everyone) == []
    assert fastest({}, {}) == []
    assert sentence([]) == "No backend that is right has a time here."


def test_who_lacks_a_layer_is_not_the_fastest_but_the_rival_where_it_is_ahead() -> None:
    (found,) = fastest({"torch_native": [*_TORCH, *_rows(part=(0.125,))]}, {})
    assert (found.backend, found.rival, found.rival_layers) == ("mine", "part", 1)
    assert found.rival_ratio == 0.5


def test_every_number_is_over_the_layers_that_all_of_them_have() -> None:
    """NumPy was timed on the second layer alone, so that is what both factors are of."""
    (found,) = fastest({"torch_native": _TORCH, "numpy_fancy": _NUMPY[3:4]}, {})
    assert [(o.reference, o.ratio) for o in found.over] == [("torch_native", 1.0), ("numpy_fancy", 0.5)]
    assert (found.layers, found.of_layers) == (1, 2)


def test_a_reference_that_was_never_timed_with_it_is_left_out() -> None:
    (found,) = fastest({"torch_native": _TORCH, "numpy_fancy": []}, {})
    assert [o.reference for o in found.over] == ["torch_native"]
    table = fastest_table([found], ["torch_native", "numpy_fancy"], _CONFIG)
    assert [cell.text for cell in table.rows[0][2:4]] == ["2.0x faster", "not timed together"]


def test_the_table_has_one_number_a_cell_and_tells_the_range_on_hover() -> None:
    found = fastest({"torch_native": _TORCH, "numpy_fancy": _NUMPY}, {})
    table = fastest_table(found, ["torch_native", "numpy_fancy"], _CONFIG)
    assert table.name == "fastest-float32-t1-steady"
    assert table.header == ["op", "fastest", "against torch_native", "against numpy_fancy", "layers", "next"]
    (row,) = table.rows
    assert [cell.lines for cell in row] == [
        ("conv2d",), ("mine",), ("2.0x faster",), ("4.0x faster",), ("2",), ("torch_native, 2.0x\u00a0slower",),
    ]  # fmt: skip
    assert [cell.hover for cell in row[2:]] == [
        "on single layers: 4.0x faster to same", "on single layers: 8.0x faster to 2.0x faster",
        "of 2 layers that were tried", "torch_native against mine, on 2 layers that both were timed on",
    ]  # fmt: skip
    assert table.csv().splitlines()[0] == (
        "op,backend,layers,of_layers,reference,ratio,least_ratio,most_ratio,rival,rival_ratio,rival_layers"
    )
    assert len(table.csv().splitlines()) == 3


def test_a_winner_that_is_the_reference_has_a_dash_there() -> None:
    found = fastest({"torch_native": _rows(torch_native=(1, 1)), "numpy_fancy": _rows(torch_native=(0.5, 0.5))}, {})
    (row,) = fastest_table(found, ["torch_native", "numpy_fancy"], _CONFIG).rows
    assert [cell.text for cell in row] == ["conv2d", "torch_native", "–", "2.0x faster", "2", "–"]
    assert (
        fastest_table(fastest({"x": _rows(x=(1,))}, {}), ["x"], _CONFIG).csv().splitlines()[1] == "conv2d,x,1,1,,,,,,,0"
    )


def test_the_sentence_is_of_conv2d_or_else_of_the_first_op() -> None:
    one = Fastest(op="im2col", backend="a", layers=1, of_layers=1, over=[])
    two = Fastest(op="conv2d", backend="b", layers=1, of_layers=1, over=[Over(reference="c", ratio=1, least=1, most=1)])
    assert sentence([one, two]) == "For conv2d, b is the fastest right backend here: the same as c."
    assert sentence([one]) == "For im2col, a is the fastest right backend here; nothing else was timed beside it."
