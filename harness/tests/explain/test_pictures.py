"""What is drawn of any geometry: it agrees with the oracle, what is cut is said, pooling leaves padding out."""

from __future__ import annotations

import numpy as np
import pytest

from harness.contract.columns_layouts import COLUMNS_LAYOUTS, LayoutError
from harness.explain import columns, cut, pooling, story, text, windows
from harness.explain.document import Cell, grid, rows_of
from harness.geometry.spec import ConvSpec
from harness.oracle import by_taps
from harness.tests.helpers.explained.reading import grids, numbers, table, texts

_ODD = ConvSpec.parse("n2c2h5w4_f2kh2kw3_sh2sw1_pt1pb0pl0pr2_dh2dw1")
_LARGE = ["n1c64h224w224_f64kh3kw3_pt1pb1pl1pr1", "n128c3h227w227_f96kh11kw11_sh4sw4", "n1c512h7w7_f512kh3kw3_g512",
          "n0c3h32w32_f4kh5kw5", "n1c1h1w1000000_f1kh1kw1", "n1c1h9w9_f1kh3kw3_pt40pb0pl0pr40"]  # fmt: skip


def test_pixels_of_taps_are_those_that_im2col_reads() -> None:
    x = windows.image(_ODD)
    made = by_taps.run("im2col", _ODD, x, accumulate=np.int64)
    for tap in range(_ODD.taps):
        for l in range(_ODD.positions):
            i, j = windows.pixel(_ODD, tap, l)
            inside = windows.is_inside(_ODD, i, j)
            assert made[1, _ODD.taps + tap, l] == (x[1, 1, i, j] if inside else 0)


def test_a_pixel_goes_to_as_many_places_as_windows_cover_it() -> None:
    rows = table(windows.pictures(_ODD, 64)[2]).rows
    counts = windows.counts(_ODD)
    assert [int(row[1]) for row in rows] == counts.reshape(-1).tolist()
    assert counts.min() == 0  # a pixel that is left over
    assert next(row[2] for row in rows if row[1] == "0").endswith("= 0")


@pytest.mark.parametrize("layout", COLUMNS_LAYOUTS)
def test_a_layout_is_drawn_as_it_is_defined(layout: str) -> None:
    (drawn,) = grids(columns.matrix(_ODD, layout, 64))
    wanted = COLUMNS_LAYOUTS[layout].from_batched(columns.values(_ODD), _ODD)
    wanted = wanted[0] if wanted.ndim == 3 else wanted
    assert numbers(drawn) == [[str(value) for value in row] for row in wanted]


@pytest.mark.parametrize(
    ("layout", "second_head", "second_row_head"),
    [
        ("batched", "n0 l1", "c0 u0 v1"), ("matrix", "n0 l1", "c0 u0 v1"), ("batch_innermost", "n1 l0", "c0 u0 v1"),
        ("rows", "c0 u0 v1", "n0 l1"), ("matlab", "n0 l1", "c0 u1 v0"),
    ],
)  # fmt: skip
def test_rows_and_columns_are_named(layout: str, second_head: str, second_row_head: str) -> None:
    (drawn,) = grids(columns.matrix(_ODD, layout, 64))
    assert (drawn.heads[1], drawn.row_heads[1]) == (second_head, second_row_head)


def test_an_unknown_layout_is_refused() -> None:
    with pytest.raises(LayoutError, match="got 'row', did you mean 'rows'"):
        story.of_spec(_ODD, story.Asked(layout="row"))


def test_the_letters_of_a_drawing_are_explained_where_they_occur() -> None:
    plain = ConvSpec.parse("n1c1h4w4_f1kh2kw2")
    assert texts(columns.matrix(_ODD, "batched", 16)) == [
        "layout batched: (N, C*KH*KW, L) = (2, 12, 8). Drawn is the first image. u, v is the tap, l the position, "
        "c the channel, n the image. Shaded zeros are padding."
    ]
    assert "Drawn is the first image" not in texts(columns.matrix(_ODD, "matrix", 16))[0]
    assert texts(columns.matrix(plain, "rows", 16)) == [
        "layout rows: (N, L, C*KH*KW) = (1, 9, 4). u, v is the tap, l the position."
    ]


def test_a_grid_as_text_has_its_heads() -> None:
    (drawn,) = grids(columns.matrix(ConvSpec.parse("n1c1h1w3_f1kh1kw2_pt0pb0pl0pr9"), "batched", 3))
    assert [text.plain(line) for line in text.lines(drawn)] == [
        "(the first 3 of 11 columns)",
        "       l0  l1  l2  ..",
        "u0 v0   1   2   3  ..",
        "u0 v1   2   3   0  ..",
    ]


# -- large ones ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("line", _LARGE)
def test_what_is_drawn_has_the_same_kernel_stride_and_padding(line: str) -> None:
    spec = ConvSpec.parse(line)
    drawn = cut.drawn(spec, 16)
    assert drawn is not None
    assert (drawn.kernel_size, drawn.stride, drawn.padding) == (spec.kernel_size, spec.stride, spec.padding)
    assert drawn.left_over == spec.left_over
    assert drawn.positions <= 64 or max(spec.padding) > 16  # padding stays
    assert all(new >= min(2, old) for new, old in zip(drawn.output_size, spec.output_size, strict=True))
    assert str(drawn) in cut.note(spec, drawn)
    document = story.of_spec(spec)
    assert [one.title for one in document.sections[2:5]] == ["Memory", "Layouts of the columns", "What is drawn"]
    assert document.sections[0].title == f"The geometry {spec}"
    assert len(text.markdown(document)) < 60_000


def test_a_small_one_is_drawn_as_it_is() -> None:
    assert cut.drawn(_ODD, 16) == _ODD
    assert cut.note(_ODD, _ODD) == ""


def test_a_huge_kernel_is_not_drawn() -> None:
    document = story.of_spec(ConvSpec.parse("n1c1h2000w2000_f1kh1000kw1000"))
    assert [one.title for one in document.sections][-1] == "What is drawn"
    assert "Nothing is drawn" in texts(document.sections[-1])[0]
    assert document.film is None


def test_a_grid_says_what_it_leaves_out() -> None:
    made = grid((30, 5), lambda i, j: Cell(f"{i}{j}"), 4, caption="numbers", head=str, row_head=str)
    assert made.caption == "numbers (the first 4 of 30 rows and the first 4 of 5 columns)"
    assert made.heads == ["0", "1", "2", "3", ".."]
    assert made.row_heads == ["0", "1", "2", "3", ".."]
    assert [cell.text for cell in made.rows[-1]] == [".."] * 5


def test_a_table_says_what_it_leaves_out() -> None:
    shown, note = rows_of([["a"]] * 7, 3, "positions")
    assert (len(shown), note) == (3, ["The first 3 of 7 positions; --most shows more."])
    assert rows_of([["a"]] * 3, 3, "positions") == ([["a"]] * 3, [])


# -- pooling ---------------------------------------------------------------------------------------------------------


def test_pooling_leaves_padding_out() -> None:
    told = pooling.windows(ConvSpec.parse("n1c1h3w3_f1kh3kw3_pt1pb1pl1pr1"), 16)
    rows = table(told).rows
    assert rows[0] == ["l0", "1 2 4 5", "5", "12 / 9 = 1.33", "12 / 4 = 3.00"]
    assert rows[4] == ["l4", "1 2 3 4 5 6 7 8 9", "9", "45 / 9 = 5.00", "45 / 9 = 5.00"]


def test_no_pooling_where_a_window_sees_padding_alone() -> None:
    told = pooling.windows(ConvSpec.parse("n1c1h2w2_f1kh2kw2_pt2"), 16)
    assert told.blocks == [
        "There is no pooling with this geometry: pooling needs a pixel in every window, and 1 of 3 see padding alone."
    ]


def test_pooling_is_told_where_it_is_asked_for() -> None:
    titles = [one.title for one in story.of_spec(_ODD).sections]
    assert not any(title.startswith("Pooling") for title in titles)
    assert any(one.title.startswith("Pooling") for one in story.of_spec(_ODD, story.Asked(pool=True)).sections)
