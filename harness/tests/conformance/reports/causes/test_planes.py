"""Expected, got, the difference, and what the first wrong element is made of, as texts and marks."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from conformance.cases.case import Case
from conformance.checks.outcomes import RecordedCall
from conformance.reports.causes import planes
from conformance.run.records import PlaneReport
from conformance.run.results import CaseResult
from harness.calls.caller import CallResult
from harness.contract.protocol import Array
from harness.contract.status import Status
from harness.geometry.spec import OPS, ConvSpec, Op
from harness.oracle import by_taps

_SPEC = ConvSpec.parse("n1c1h2w3_f1kh2kw2_pt1pb0pl0pr0")


def shown(op: Op, spec: ConvSpec, arrays: tuple[Array | None, ...], spoil: Callable[[Array], Any]) -> list[PlaneReport]:
    """The planes of a case with one call, whose result is spoilt."""
    made = spoil(by_taps.run(op, spec, *arrays).astype(np.float32))
    outcome = CallResult(error=made) if isinstance(made, str) else CallResult(result=made)
    call = RecordedCall(op, spec, arrays, outcome)
    return planes.of(CaseResult(Case("values.exact", op, "float32", spec), Status.FAIL, calls=[call]))


def counted(shape: tuple[int, ...]) -> Array:
    """1, 2, 3 and so on."""
    return np.arange(1, np.prod(shape) + 1, dtype=np.float32).reshape(shape)


def with_one_more(index: tuple[int, ...]) -> Callable[[Array], Array]:
    """The element there is one too large."""

    def spoil(a: Array) -> Array:
        a[index] += 1
        return a

    return spoil


def test_columns_and_the_window_that_is_read() -> None:
    """The last tap of the last window reads the last pixel, 6; the row of padding is above."""
    expected, got, difference, read = shown("im2col", _SPEC, (counted(_SPEC.x_shape),), with_one_more((0, 3, 3)))
    assert expected.title == "expected, image 0"
    assert expected.cells == [["0", "0", "1", "2"], ["0", "0", "2", "3"], ["1", "2", "4", "5"], ["2", "3", "5", "6"]]
    assert expected.marks == got.marks == difference.marks == ["....", "....", "....", "...#"]
    assert (got.title, got.cells[3]) == ("got, image 0", ["2", "3", "5", "7"])
    assert (difference.title, difference.cells) == ("got - expected", [[""] * 4] * 3 + [["", "", "", "1"]])
    assert read.title == "x, image 0, channel 0: the window at position 3"
    assert read.cells == [["0", "0", "0"], ["1", "2", "3"], ["4", "5", "6"]]
    assert read.marks == ["---", ".oo", ".o@"]


def test_a_window_may_lie_on_padding() -> None:
    *_, read = shown("im2col", _SPEC, (counted(_SPEC.x_shape),), with_one_more((0, 0, 0)))
    assert read.marks == ["@o-", "oo.", "..."]


def test_a_convolution_reads_the_channels_of_its_group() -> None:
    spec = ConvSpec.parse("n1c4h2w3_f2kh1kw2_g2")
    arrays = (counted(spec.x_shape), counted(spec.w_shape), None)
    expected, *_, read = shown("conv2d", spec, arrays, with_one_more((0, 1, 1, 0)))
    assert expected.title == "expected, image 0, filter 1"
    assert read.title == "x, image 0, channel 2 (of 2 that are read): the window at output row 1, column 0"
    assert (read.cells, read.marks) == ([["13", "14", "15"], ["16", "17", "18"]], ["...", "oo."])


def test_what_is_added_up_in_a_pixel() -> None:
    spec = ConvSpec.parse("n1c1h1w3_f1kh1kw2")
    *_, read = shown("col2im", spec, (counted(spec.columns_shape),), with_one_more((0, 0, 0, 1)))
    assert read.title == "columns, image 0, channel 0: what is added up in row 0, column 1"
    assert (read.cells, read.marks) == ([["1", "2"], ["3", "4"]], [".o", "o."])


def test_what_a_tap_reads() -> None:
    spec = ConvSpec.parse("n1c1h1w3_f1kh1kw2")
    arrays = (counted(spec.y_shape), counted(spec.x_shape))
    *_, read = shown("conv2d_weight_grad", spec, arrays, with_one_more((0, 0, 0, 1)))
    assert (read.title, read.marks) == ("x, image 0, channel 0: what the tap at row 0, column 1 reads", [".oo"])


@pytest.mark.parametrize("op", OPS)
def test_every_op_has_its_planes(op: Op) -> None:
    spec = ConvSpec.parse("n2c4h5w6_f6kh2kw3_sh2sw1_pt1pb0pl2pr1_dh1dw2_g2")
    arrays = tuple(counted(shape) for shape in spec.input_shapes(op))
    found = shown(op, spec, arrays, lambda a: a + 1)
    assert [plane.title.partition(",")[0] for plane in found][:3] == ["expected", "got", "got - expected"]
    assert all(len(row) == len(marks) for plane in found for row, marks in zip(plane.cells, plane.marks, strict=True))
    assert all(len(plane.cells) <= 12 and len(plane.cells[0]) <= 12 for plane in found)


def test_a_large_plane_is_cut_around_the_first_wrong_element() -> None:
    spec = ConvSpec.parse("n1c1h40w50_f1kh1kw1")
    arrays = (counted(spec.x_shape), np.ones(spec.w_shape, np.float32), None)
    expected, got, _, read = shown("conv2d", spec, arrays, with_one_more((0, 0, 39, 30)))
    assert expected.title == "expected, image 0, filter 0, from row 28 on, from column 24 on"
    assert [row.index("#") for row in got.marks if "#" in row] == [6]
    assert (got.cells[-1][6], expected.cells[-1][6]) == ("1982", "1981")
    assert "o" in "".join(read.marks)


def test_numbers_that_look_alike_have_more_digits() -> None:
    spec = ConvSpec.parse("n1c1h1w2_f1kh1kw1")
    expected, got, *_ = shown("im2col", spec, (np.array([[[[1.5, 2.5]]]], np.float32),), lambda a: a + np.float32(1e-6))
    assert expected.cells == [["1.5", "2.5"]]
    assert got.cells == [["1.500001", "2.500001"]]


def test_a_wrong_shape_is_shown_beside_the_right_one() -> None:
    spec = ConvSpec.parse("n1c1h1w2_f1kh1kw1")
    found = shown("im2col", spec, (counted(spec.x_shape),), lambda a: a.reshape(2, 1))
    assert [(plane.title, plane.cells) for plane in found] == [
        ("expected, of shape (1, 1, 2)", [["1", "2"]]), ("got, of shape (2, 1)", [["1"], ["2"]]),
    ]  # fmt: skip
    (_, empty) = shown("im2col", spec, (counted(spec.x_shape),), lambda a: a[:, :0])
    assert (empty.title, empty.cells) == ("got, of shape (1, 0, 2)", [])


def test_an_exception_has_no_planes() -> None:
    spec = ConvSpec.parse("n1c1h1w2_f1kh1kw1")
    assert shown("im2col", spec, (counted(spec.x_shape),), lambda a: "IndexError: 5") == []
    assert planes.of(CaseResult(Case("values.exact", "im2col", "float32", spec))) == []
