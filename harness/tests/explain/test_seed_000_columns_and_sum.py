"""The numbers that the Stack Overflow article on col2im prints: matrix, index table, and the sum column by column."""

from __future__ import annotations

from harness.explain import story, text
from harness.geometry.spec import ConvSpec
from harness.tests.helpers.explained.reading import grids, numbers, section, sums, table, texts

_3X3 = ConvSpec.parse("n1c1h3w3_f1kh3kw3_pt1pb1pl1pr1")
_5X5 = ConvSpec.parse("n1c1h5w5_f1kh3kw3")


def test_the_matrix_of_1_to_9() -> None:
    (matrix,) = grids(section(story.of_spec(_3X3), "im2col"))
    assert [" ".join(row) for row in numbers(matrix)] == [
        "0 0 0 0 1 2 0 4 5", "0 0 0 1 2 3 4 5 6", "0 0 0 2 3 0 5 6 0",
        "0 1 2 0 4 5 0 7 8", "1 2 3 4 5 6 7 8 9", "2 3 0 5 6 0 8 9 0",
        "0 4 5 0 7 8 0 0 0", "4 5 6 7 8 9 0 0 0", "5 6 0 8 9 0 0 0 0",
    ]  # fmt: skip
    assert matrix.heads[:2] == ["l0", "l1"]
    assert matrix.row_heads[:2] == ["u0 v0", "u0 v1"]
    marked = [[cell.mark for cell in row] for row in matrix.rows]
    assert marked[4] == [""] * 9
    assert marked[0][:4] == ["padding"] * 4


def test_the_first_pixel_shows_up_in_columns_0_1_3_4() -> None:
    found = table(section(story.of_spec(_3X3), "Where each pixel goes"))
    assert found.rows[0] == ["0,0", "4", "dx[0,0] = columns[4,0] + columns[3,1] + columns[1,3] + columns[0,4]"]


def test_the_index_table_of_5_by_5() -> None:
    (index,) = grids(section(story.of_spec(_5X5), "Where the windows are"))
    assert numbers(index)[0] == ["0,0", "0,1", "0,2", "1,0", "1,1", "1,2", "2,0", "2,1", "2,2"]
    assert numbers(index)[5] == ["1,2", "1,3", "1,4", "2,2", "2,3", "2,4", "3,2", "3,3", "3,4"]
    assert numbers(index)[8] == ["2,2", "2,3", "2,4", "3,2", "3,3", "3,4", "4,2", "4,3", "4,4"]


def test_the_sums_of_the_first_pixels_of_5_by_5() -> None:
    """input_error[0, 1] is a sum of two, [0, 2] of three."""
    found = table(section(story.of_spec(_5X5), "Where each pixel goes"))
    assert [row[2] for row in found.rows[:3]] == [
        "dx[0,0] = columns[0,0]",
        "dx[0,1] = columns[1,0] + columns[0,1]",
        "dx[0,2] = columns[2,0] + columns[1,1] + columns[0,2]",
    ]


def test_the_counts_are_4_6_9() -> None:
    (counts,) = grids(section(story.of_spec(_3X3), "How many windows"))
    assert numbers(counts) == [["4", "6", "4"], ["6", "9", "6"], ["4", "6", "4"]]
    assert counts.rows[1][1].heat == 1
    assert counts.rows[0][0].heat < counts.rows[0][1].heat < 1


def test_every_column_is_added_until_4_12_12() -> None:
    told = section(story.of_spec(_3X3), "col2im")
    steps = sums(told)
    assert list(steps)[:9] == [f"add col {l}" for l in range(9)]
    assert numbers(steps["add col 0"].grids[1]) == [
        ["0", "0", "0", "-", "-"], ["0", "1", "2", "-", "-"], ["0", "4", "5", "-", "-"],
        ["-", "-", "-", "-", "-"], ["-", "-", "-", "-", "-"],
    ]  # fmt: skip
    assert [row[:4] for row in numbers(steps["add col 1"].grids[2])[:3]] == [
        ["0", "0", "0", "0"], ["0", "2", "4", "3"], ["0", "8", "10", "6"],
    ]  # fmt: skip
    assert numbers(steps["add col 8"].grids[0]) == numbers(steps["add col 7"].grids[2])
    (result,) = (grid for grid in grids(told) if grid.caption == "col2im(im2col(x))")
    assert numbers(result) == [["4", "12", "12"], ["24", "45", "36"], ["28", "48", "36"]]
    cropped = [row[1:4] for row in numbers(steps["add col 8"].grids[2])[1:4]]
    assert cropped == numbers(result)
    assert numbers(steps["the same: counts * x"].grids[2]) == numbers(result)


def test_why_it_is_not_the_image_what_it_is_for_and_when_to_divide() -> None:
    told = section(story.of_spec(_3X3), "Why col2im(im2col(x)) is not x")
    why, what_for, when = texts(told)
    assert "is counts * x and not x" in why
    assert "adjoint" in why
    assert "Do not divide" in what_for
    assert "cannot be got back" in when
    (divided,) = sums(told).values()
    assert [numbers(grid) for grid in divided.grids] == [
        [["4", "12", "12"], ["24", "45", "36"], ["28", "48", "36"]],
        [["4", "6", "4"], ["6", "9", "6"], ["4", "6", "4"]],
        [["1", "2", "3"], ["4", "5", "6"], ["7", "8", "9"]],
    ]


def test_it_looks_as_in_the_article() -> None:
    shown = text.markdown(story.of_spec(_3X3))
    assert (
        "add col 0\n"
        "0  0  0  0  0       0  0  0  -  -       0  0  0  0  0\n"
        "0  0  0  0  0       0  1  2  -  -       0  1  2  0  0\n"
        "0  0  0  0  0   +   0  4  5  -  -   =   0  4  5  0  0\n"
        "0  0  0  0  0       -  -  -  -  -       0  0  0  0  0\n"
        "0  0  0  0  0       -  -  -  -  -       0  0  0  0  0\n"
    ) in shown
    assert "\n 4  12  12\n24  45  36\n28  48  36\n" in shown
