"""The sizes of L. Araujo dos Santos' book: 227 x 227 x 3 under 96 filters of 11 x 11 x 3, stride 4; floor and ceil."""

from __future__ import annotations

import pytest

from harness.explain import columns, sizes, story
from harness.geometry.spec import ConvSpec
from harness.tests.helpers.explained.reading import grids, numbers, section, table, texts

_ALEXNET = ConvSpec.parse("n1c3h227w227_f96kh11kw11_sh4sw4")
_MISFIT = ConvSpec.parse("n1c1h4w5_f1kh2kw2_sh2sw2")


def test_55_positions_along_each_axis() -> None:
    told = texts(sizes.geometry(_ALEXNET))
    assert "OH = (H + padding - kernel) // stride + 1 = (227 + 0 + 0 - 11) // 4 + 1 = 55" in told
    assert "The window has 55 x 55 = 3,025 positions." in told
    assert told[-1].startswith("The stride fits")


def test_363_by_3025_and_96_by_363_give_96_by_3025() -> None:
    told = sizes.products(_ALEXNET)
    rows = table(told).rows
    assert rows[0] == [
        "conv2d", "W (96 x 363) @ columns (363 x 3025) -> y (96 x 3025)", "reshaped to (1, 96, 55, 55)",
    ]  # fmt: skip
    assert rows[1][1] == "W' (363 x 96) @ dy (96 x 3025) -> columns (363 x 3025)"
    assert rows[2][1] == "dy (96 x 3025) @ columns' (3025 x 363) -> dW (96 x 363)"
    assert "K = C*KH*KW = 3 * 11 * 11 = 363 rows" in texts(told)[0]


def test_groups_have_products_of_their_own() -> None:
    told = sizes.products(ConvSpec.parse("n2c6h5w5_f4kh3kw3_g2"))
    assert "each of 2 groups, with F/G = 2 and K/G = 27" in texts(told)[0]
    assert table(told).rows[0][1] == "W (2 x 27) @ columns (27 x 9) -> y (2 x 9)"


def test_memory_of_the_columns() -> None:
    (told, _) = texts(sizes.memory(_ALEXNET))
    assert told == (
        "In float32, x takes 604 KiB and its columns 4.19 MiB, 7.10 times as much: 154,587 elements become 1,098,075."
    )


def test_floor_ceil_and_exact_where_the_stride_does_not_fit() -> None:
    """The book's pooling branch: 4 x 5 under 2 x 2 with stride 2 has 2 positions across by floor, 3 by ceil."""
    told = "\n".join(texts(sizes.geometry(_MISFIT)))
    assert "Warning: the stride does not fit the width. 1 of the 5 columns of the padded image are left over" in told
    assert "1 of them are pixels" in told
    assert "floor leaves them out: 2 x 2 positions" in told
    assert "ceil adds a window for them: 2 x 3 positions" in told
    assert "stride 2 does not tile the width: 1 of the padded input is left over" in told
    assert "height" not in told.partition("Warning")[2].partition("floor")[0]


def test_padding_that_is_left_over_is_no_pixel() -> None:
    told = "\n".join(texts(sizes.geometry(ConvSpec.parse("n1c1h3w3_f1kh2kw2_sh2sw2_pt0pb2pl0pr1"))))
    assert "1 of the 5 rows of the padded image are left over at the bottom" in told
    assert "0 of them are pixels" in told


def test_a_large_geometry_is_drawn_small_and_says_so() -> None:
    (said,) = texts(section(story.of_spec(_ALEXNET), "What is drawn"))
    assert said.startswith(f"{_ALEXNET} is too large to be drawn. All pictures below show n1c3h15w15_f96kh11kw11_sh4")


@pytest.mark.parametrize("layout", ["rows", "batched"])
def test_rows_are_columns_transposed(layout: str) -> None:
    """The book's Python gives windows as rows, and says so."""
    (drawn,) = grids(columns.matrix(ConvSpec.parse("n1c1h4w4_f1kh2kw2"), layout, 16))
    first = numbers(drawn)[0]
    assert first == (["1", "2", "5", "6"] if layout == "rows" else ["1", "2", "3", "5", "6", "7", "9", "10", "11"])
    assert drawn.row_heads[1] == ("l1" if layout == "rows" else "u0 v1")
