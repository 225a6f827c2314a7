"""Layouts of the columns: arrangements of the same numbers, written out by hand, turned back, converted, recognised."""

from __future__ import annotations

import doctest
from itertools import product

import numpy as np
import pytest

from harness.contract import columns_layouts
from harness.contract.columns_layouts import COLUMNS_LAYOUTS, LayoutError, convert, recognise
from harness.geometry.spec import ConvSpec

# Two images, one channel, kernel 1 x 2 by 2 x 1 positions: an entry says image, row, position.
_SPEC = ConvSpec.parse("n2c2h3w2_f1kh2kw1")
_COLUMNS = np.array([[[100 * n + 10 * row + position for position in range(4)] for row in range(4)] for n in range(2)])
_ALL_DISTINCT = ConvSpec.parse("n3c2h6w7_f4kh3kw5")


def test_batched_is_what_the_contract_says() -> None:
    layout = COLUMNS_LAYOUTS["batched"]
    assert layout.from_batched(_COLUMNS, _SPEC).tolist() == layout.to_batched(_COLUMNS, _SPEC).tolist()
    assert layout.from_batched(_COLUMNS, _SPEC)[1, 2].tolist() == [120, 121, 122, 123]


def test_the_images_of_a_position_lie_beside_each_other() -> None:
    made = COLUMNS_LAYOUTS["batch_innermost"].from_batched(_COLUMNS, _SPEC)
    assert made.tolist() == [
        [0, 100, 1, 101, 2, 102, 3, 103],
        [10, 110, 11, 111, 12, 112, 13, 113],
        [20, 120, 21, 121, 22, 122, 23, 123],
        [30, 130, 31, 131, 32, 132, 33, 133],
    ]


def test_the_images_lie_one_after_the_other() -> None:
    made = COLUMNS_LAYOUTS["matrix"].from_batched(_COLUMNS, _SPEC)
    assert made.tolist() == [
        [0, 1, 2, 3, 100, 101, 102, 103],
        [10, 11, 12, 13, 110, 111, 112, 113],
        [20, 21, 22, 23, 120, 121, 122, 123],
        [30, 31, 32, 33, 130, 131, 132, 133],
    ]


def test_windows_are_rows() -> None:
    made = COLUMNS_LAYOUTS["rows"].from_batched(_COLUMNS, _SPEC)
    assert made[1].tolist() == [
        [100, 110, 120, 130], [101, 111, 121, 131], [102, 112, 122, 132], [103, 113, 123, 133],
    ]  # fmt: skip


def test_patches_are_column_major() -> None:
    """Kernel 2 x 3 in two channels: rows c, u, v become c, v, u."""
    spec = ConvSpec.parse("n1c2h2w3_f1kh2kw3")
    made = COLUMNS_LAYOUTS["matlab"].from_batched(np.arange(12).reshape(1, 12, 1), spec)
    assert made[0, :, 0].tolist() == [0, 3, 1, 4, 2, 5, 6, 9, 7, 10, 8, 11]
    assert COLUMNS_LAYOUTS["matlab"].to_batched(np.arange(12).reshape(1, 12, 1), spec)[0, :, 0].tolist() == [
        0, 2, 4, 1, 3, 5, 6, 8, 10, 7, 9, 11,
    ]  # fmt: skip


@pytest.mark.parametrize("name", COLUMNS_LAYOUTS)
@pytest.mark.parametrize("spec", [_SPEC, _ALL_DISTINCT, ConvSpec.parse("n0c2h3w2_f1kh2kw1")], ids=str)
def test_there_and_back(name: str, spec: ConvSpec) -> None:
    columns = np.arange(np.prod(spec.columns_shape)).reshape(spec.columns_shape)
    layout = COLUMNS_LAYOUTS[name]
    there = layout.from_batched(columns, spec)
    back = layout.to_batched(there, spec)
    assert back.shape == columns.shape
    assert np.array_equal(back, columns)
    assert np.array_equal(layout.from_batched(back, spec), there)
    assert back.flags.c_contiguous
    assert there.shape == layout.shape(spec)


def test_layouts_are_told_apart() -> None:
    forms = {name: layout.form for name, layout in COLUMNS_LAYOUTS.items()}
    assert forms == {
        "batched": "(N, C*KH*KW, L)", "matrix": "(C*KH*KW, N*L)", "batch_innermost": "(C*KH*KW, L*N)",
        "rows": "(N, L, C*KH*KW)", "matlab": "(N, C*KW*KH, L)",
    }  # fmt: skip
    columns = np.arange(np.prod(_ALL_DISTINCT.columns_shape)).reshape(_ALL_DISTINCT.columns_shape)
    made = {layout.from_batched(columns, _ALL_DISTINCT).tobytes() for layout in COLUMNS_LAYOUTS.values()}
    assert len(made) == 5


def test_the_examples_of_the_module_run() -> None:
    """Each has the columns of the module's own example at hand."""
    spec = ConvSpec.parse("n2c2h3w3_f1kh2kw1")
    at_hand = {"spec": spec, "columns": np.arange(48).reshape(spec.columns_shape)}
    found = doctest.testmod(columns_layouts, extraglobs=at_hand)
    assert found.attempted > 15
    assert found.failed == 0


# -- from one to another ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("have", "want"), list(product(COLUMNS_LAYOUTS, repeat=2)))
def test_each_becomes_each(have: str, want: str) -> None:
    columns = np.arange(np.prod(_ALL_DISTINCT.columns_shape)).reshape(_ALL_DISTINCT.columns_shape)
    start = COLUMNS_LAYOUTS[have].from_batched(columns, _ALL_DISTINCT)
    end = convert(start, _ALL_DISTINCT, have, want)
    assert end.tolist() == COLUMNS_LAYOUTS[want].from_batched(columns, _ALL_DISTINCT).tolist()


def test_an_unknown_layout_is_named() -> None:
    known = "batched, matrix, batch_innermost, rows, matlab"
    with pytest.raises(LayoutError) as caught:
        convert(_COLUMNS, _SPEC, "batched", "row")
    assert str(caught.value) == f"columns layout must be one of {known}, got 'row', did you mean 'rows'?"


def test_another_shape_is_refused_although_a_reshape_would_take_it() -> None:
    with pytest.raises(LayoutError) as caught:
        convert(_COLUMNS.reshape(4, 8), _SPEC, "batched", "rows")
    assert str(caught.value) == ("columns in layout 'batched' have shape (N, C*KH*KW, L) = (2, 4, 4), got (4, 8)")


# -- which is it? ----------------------------------------------------------------------------------------------------


def _x(spec: ConvSpec) -> np.ndarray:
    return np.arange(1, np.prod(spec.x_shape) + 1).reshape(spec.x_shape)


def _columns(spec: ConvSpec) -> np.ndarray:
    from harness import load

    return load("numpy_fancy").run("im2col", spec, _x(spec).astype("float64"))


@pytest.mark.parametrize("name", COLUMNS_LAYOUTS)
@pytest.mark.parametrize("text", ["n3c2h6w7_f4kh3kw5", "n2c2h6w7_f1kh3kw2_sh2sw1_pt1pb0pl2pr1_dh1dw2"])
def test_a_layout_is_recognised_by_its_numbers(name: str, text: str) -> None:
    spec = ConvSpec.parse(text)
    assert recognise(COLUMNS_LAYOUTS[name].from_batched(_columns(spec), spec), _x(spec), spec) == [name]


@pytest.mark.parametrize(
    ("text", "have", "found"),
    [
        ("n2c2h3w3_f1kh2kw1", "batched", ["batched", "matlab"]),  # a kernel of one column
        ("n1c1h4w3_f1kh2kw2", "matrix", ["batched", "matrix", "batch_innermost"]),  # one image, and no axis for it
        ("n1c1h3w3_f1kh2kw2", "batched", ["batched", "rows"]),  # a matrix that is its own transpose
        ("n1c1h1w1_f1kh1kw1", "batched", ["batched", "rows", "matlab"]),
    ],
)
def test_all_that_fit_are_named(text: str, have: str, found: list[str]) -> None:
    spec = ConvSpec.parse(text)
    assert recognise(COLUMNS_LAYOUTS[have].from_batched(_columns(spec), spec), _x(spec), spec) == found


def test_one_image_may_lack_its_axis() -> None:
    spec = ConvSpec.parse("n1c2h6w7_f1kh3kw2")
    for name in ("batched", "rows", "matlab"):
        matrix = COLUMNS_LAYOUTS[name].from_batched(_columns(spec), spec)[0]
        assert name in recognise(matrix, _x(spec), spec)


def test_wrong_columns_are_in_no_layout() -> None:
    columns = _columns(_ALL_DISTINCT)
    columns[0, 0, 0] += 1
    assert recognise(columns, _x(_ALL_DISTINCT), _ALL_DISTINCT) == []
    assert recognise(columns[:, :, :-1], _x(_ALL_DISTINCT), _ALL_DISTINCT) == []


def test_another_image_is_refused() -> None:
    with pytest.raises(LayoutError, match=r"x of this spec has shape \(2, 2, 3, 2\), got \(2, 3, 2\)"):
        recognise(_COLUMNS, _x(_SPEC)[0], _SPEC)
