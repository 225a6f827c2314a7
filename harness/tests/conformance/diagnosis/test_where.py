"""What is right of a call, which elements are wrong, and everything that may be said of where they are."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from conformance.checks.outcomes import RecordedCall
from conformance.diagnosis import where
from conformance.diagnosis.where import Expected
from harness.calls.caller import CallResult
from harness.contract.protocol import Array, Numerics
from harness.geometry.spec import ConvSpec, Op
from harness.oracle import data

_WIDE = ConvSpec.parse("n2c4h21w21_f4kh3kw3_g2")
_TALL = ConvSpec.parse("n3c6h5w6_f9kh2kw2_pt1pb0pl0pr1_g3")
# Windows begin at columns -1, 2 and 5 and end at 2, 5 and 8.
_ROW = ConvSpec.parse("n1c1h1w11_f1kh1kw4_sh1sw3_pt0pb0pl1pr0")
_TEN = ConvSpec.parse("n1c1h1w10_f1kh1kw4_sh1sw3")
_TRIPLES = ConvSpec.parse("n1c6h3w3_f2kh1kw1_g2")
# One window at the upper left; of 3 x 4 pixels it reads 2 x 2.
_CORNER = ConvSpec.parse("n2c1h3w4_f1kh2kw2_sh2sw3")


def marked(op: Op, spec: ConvSpec, index: Any) -> Array:
    """A mask of the result's shape, columns opened to six axes while it is marked."""
    mask = np.zeros(where.opened(spec, spec.output_shape(op)), bool)
    mask[index] = True
    return mask.reshape(spec.output_shape(op))


def drawn(region: Array) -> str:
    """Rows of '.' and '#', one after another."""
    return " ".join("".join(".#"[int(b)] for b in row) for row in region.reshape(-1, region.shape[-1]))


@pytest.mark.parametrize(
    ("hit", "text", "region"),
    [
        ("#....", "the first row", "#...."),
        ("....#", "the last row", "....#"),
        ("..#..", "row 2", "..#.."),
        ("#...#", "the first and the last row", "#...#"),
        ("##...", "the first 2 rows", "##..."),
        ("###..", "the first 3 rows", "###.."),
        (".####", "rows after the first", ".####"),
        ("..###", "the tail rows (from 2 on)", "..###"),
        ("...##", "the tail rows (from 3 on)", "...##"),
        (".##..", "rows 1 to 2", ".##.."),
        ("..##.", "rows 2 to 3", "..##."),
        ("#.#...", "even rows", "#.#.#."),
        ("..#.#.", "even rows", "#.#.#."),
        (".#.#..", "odd rows", ".#.#.#"),
        (".#...#", "odd rows", ".#.#.#"),
        (".#.##.", "rows after the first", ".#####"),
        ("..##.#", "rows after the first", ".#####"),
        ("##..#.", "", ""),
        ("##.#.#", "", ""),
    ],
)
def test_what_indices_have_in_common(hit: str, text: str, region: str) -> None:
    made = [(c.text, drawn(c.region)) for c in where._axis_claims("row", np.array([h == "#" for h in hit]))]
    assert made == ([(text, region)] if text else [])


@pytest.mark.parametrize("op", ["col2im", "conv2d_input_grad"])
def test_what_is_said_of_pixels(op: Op) -> None:
    assert {c.text: drawn(c.region) for c in where._window_claims(op, _ROW)} == {
        "where windows touch padding": "###........",
        "where no window touches padding": "...########",
        "where windows overlap": "..#..#.....",
        "where no windows overlap": "##.##.#####",
        "where no window reads": ".........##",
    }
    assert drawn(where._reached(op, _ROW)) == "#########.."
    tall = ConvSpec.parse("n1c1h5w2_f1kh2kw1_sh2sw1_pt1pb0pl0pr0_dh2dw1")
    # Windows read the rows -1 and 1, and 1 and 3.
    assert {c.text: drawn(c.region) for c in where._window_claims(op, tall)} == {
        "where windows touch padding": ".. ## .. .. ..",
        "where no window touches padding": "## .. ## ## ##",
        "where windows overlap": ".. ## .. .. ..",
        "where no windows overlap": "## .. ## ## ##",
        "where no window reads": "## .. ## .. ##",
    }


def test_what_is_said_of_windows() -> None:
    said = {"windows that touch padding": "#..", "windows that touch no padding": ".##"}
    assert {c.text: drawn(c.region) for c in where._window_claims("conv2d", _ROW)} == said
    # A line for each of the four taps.
    padding = {"elements read from padding": "#.. ... ... ..."}
    assert {c.text: drawn(c.region) for c in where._window_claims("im2col", _ROW)} == {**said, **padding}
    assert drawn(where._reached("im2col", _ROW)) == ".## ### ### ###"
    for op in ("conv2d", "conv2d_weight_grad", "conv2d_bias_grad"):
        assert where._reached(op, _ROW).all()


@pytest.mark.parametrize(
    ("op", "spec", "index", "text"),
    [
        ("col2im", _TEN, np.s_[..., [3, 6]], "only where windows overlap"),
        ("col2im", _ROW, np.s_[..., [2, 5]], "only where windows overlap"),
        ("col2im", _ROW, np.s_[..., [0, 1, 3, 4, 6]], "only where no windows overlap"),
        ("conv2d_input_grad", _ROW, np.s_[..., :9], "every element that an input reaches"),
        ("conv2d_input_grad", _ROW, np.s_[..., 1:9], "only columns 1 to 8"),
        ("conv2d_input_grad", _ROW, np.s_[..., [0, 2, 4, 5, 8]], ""),
        ("conv2d_input_grad", _ROW, np.s_[..., [0, 2, 4, 5, 9]], ""),
        ("im2col", _ROW, np.s_[..., 1:], "only output columns after the first"),
        ("conv2d", _TALL, np.s_[:, :, 0, :], "only the first row"),
        # Not those of the first group, which is three filters of nine.
        ("conv2d", _TALL, np.s_[:, [3, 4, 6]], "only filters of the groups after the first"),
        ("conv2d", _TALL, np.s_[:, [2, 3, 4, 6]], "only filters after the first"),
        ("conv2d_weight_grad", _TALL, np.s_[[3, 5, 6]], "only filters of the groups after the first"),
        ("conv2d_bias_grad", _TALL, np.s_[[3, 5, 6]], "only filters of the groups after the first"),
        ("im2col", _TALL, np.s_[:, [1, 3]], "only channels after the first of each group"),
        ("im2col", _TRIPLES, np.s_[:, [1, 2, 4]], "only channels after the first of each group"),
        # The position, of all images and filters, says it in one.
        ("conv2d", _WIDE, np.s_[..., 0, 0], "only the first position"),
        ("conv2d", _WIDE, np.s_[:, 1, -1, -1], "only the last position and filter 1"),
        ("im2col", _TALL, np.s_[:, :, :, :, 1, 1], "only position 7"),
        ("conv2d_weight_grad", _TALL, np.s_[:, :, 1], "only the last kernel row"),
        (
            "conv2d_weight_grad",
            _TALL,
            np.s_[:4, 1],
            "only the first 4 filters and channels after the first of each group",
        ),
        # Four things are true; the three that leave least are said.
        ("conv2d", _WIDE, np.s_[1, 2:, 1::2, 5:7], "only columns 5 to 6 and odd rows and the last image"),
        (
            "conv2d",
            _WIDE,
            np.s_[1, 2:, 5:7],
            "only rows 5 to 6 and the last image and filters of the groups after the first",
        ),
        # Both leave two of the four pixels that are read; of all twelve, the column has fewer.
        ("col2im", _CORNER, np.s_[:, :, 0, 0], "only the first column and the first row"),
    ],
)
def test_the_narrowest_words_come_first(op: Op, spec: ConvSpec, index: object, text: str) -> None:
    assert where.describe(op, spec, marked(op, spec, index)) == text


@pytest.mark.parametrize(("size", "said"), [("h3w3", "only the border"), ("h2w3", "")])
def test_three_rows_have_a_border(size: str, said: str) -> None:
    spec = ConvSpec.parse(f"n1c1{size}_f1kh1kw1")
    mask = marked("conv2d", spec, np.s_[...])
    mask[0, 0, 1, 1] = False
    assert where.describe("conv2d", spec, mask) == said


def test_of_nothing_nothing_is_said() -> None:
    empty = ConvSpec.parse("n0c2h3w3_f2kh1kw1")
    assert where.describe("conv2d", empty, np.zeros(empty.y_shape, bool)) == ""
    assert where.describe("conv2d", _WIDE, np.zeros(_WIDE.y_shape, bool)) == ""
    # The gradients of no image are not empty.
    weights = ConvSpec.parse("n0c1h3w3_f3kh1kw2")
    assert where.describe("conv2d_weight_grad", weights, marked("conv2d_weight_grad", weights, np.s_[1:])) == (
        "only filters after the first"
    )


@pytest.mark.parametrize(
    ("op", "index", "words"),
    [
        (
            "im2col",
            (1, 4, 0, 1, 2, 5),
            "image 1, channel 4, kernel row 0, kernel column 1, output row 2, output column 5",
        ),
        ("col2im", (2, 5, 4, 3), "image 2, channel 5, row 4, column 3"),
        ("conv2d", (2, 8, 4, 3), "image 2, filter 8, row 4, column 3"),
        ("conv2d_input_grad", (2, 5, 4, 3), "image 2, channel 5, row 4, column 3"),
        ("conv2d_weight_grad", (8, 1, 0, 1), "filter 8, channel 1, kernel row 0, kernel column 1"),
        ("conv2d_bias_grad", (7,), "filter 7"),
    ],
)
def test_one_element_is_told_by_all_its_axes(op: Op, index: tuple[int, ...], words: str) -> None:
    assert where.describe(op, _TALL, marked(op, _TALL, index)) == f"only one element, {words}"
    two = marked(op, _TALL, index)
    two.flat[0] = True
    assert "one element" not in where.describe(op, _TALL, two)


def test_a_picture_is_cut_to_24_rows_and_48_columns() -> None:
    large = ConvSpec.parse("n1c1h30w60_f2kh1kw1")
    mask = marked("conv2d", large, np.s_[0, 1, 1, 2])
    mask[0, 1, 23, 47] = True
    plain = "." * 48
    last = "." * 47 + "#"
    rows = [plain, f"..#{'.' * 45}", *[plain] * 21, last]
    assert where.picture("conv2d", large, mask) == rows
    # Wrong beyond that alone: from the first wrong row and column on.
    assert where.picture("conv2d", large, marked("conv2d", large, np.s_[0, 0, 27:29, 50::3])) == [
        "#..#..#..#", "#..#..#..#", "..........",
    ]  # fmt: skip
    assert where.picture("conv2d", large, marked("conv2d", large, np.s_[0, 0, 25, 7:9])) == [
        f"##{'.' * 46}", plain, plain, plain, plain,
    ]  # fmt: skip


def test_the_picture_of_a_bias_is_one_line() -> None:
    assert where.picture("conv2d_bias_grad", _TALL, marked("conv2d_bias_grad", _TALL, [1, 2, 7])) == [".##....#."]
    assert where.picture("conv2d_bias_grad", _TALL, marked("conv2d_bias_grad", _TALL, [])) == []
    columns = marked("im2col", _TALL, np.s_[1, 0, 0, 0, 0, 1])
    columns |= marked("im2col", _TALL, np.s_[2])
    (first, *rest) = where.picture("im2col", _TALL, columns)
    assert first == "." + "#" + "." * 28
    assert rest == ["." * 30] * 23


def asked(op: Op, spec: ConvSpec, *arrays: Array, got: Array | None = None) -> RecordedCall:
    """A call with these arrays and this result."""
    return RecordedCall(op, spec, arrays, CallResult(result=got))


def test_whole_numbers_are_exact_up_to_what_the_dtype_counts() -> None:
    """Four windows of 1 x 4 overlap in column 3."""
    spec = ConvSpec.parse("n1c1h1w7_f1kh1kw4")
    columns = np.full(spec.columns_shape, 512, np.float16)
    at, below = where.expected(asked("col2im", spec, columns)), where.expected(asked("col2im", spec, columns // 2))
    assert at is not None
    assert below is not None
    assert (at.allowed, below.allowed) == (None, None)
    assert at.values.ravel().tolist() == [512, 1024, 1536, 2048, 1536, 1024, 512]
    columns[0, 0, 3] = 513
    above = where.expected(asked("col2im", spec, columns))
    assert above is not None
    assert above.allowed is not None
    halves = where.expected(asked("col2im", spec, np.full(spec.columns_shape, 0.5, np.float16)))
    assert halves is not None
    assert halves.allowed is not None


def test_integers_are_exact_beyond_their_own_dtype() -> None:
    spec = ConvSpec.parse("n1c1h1w7_f1kh1kw4")
    columns = np.full(spec.columns_shape, 2**30, np.int32)
    known = where.expected(asked("col2im", spec, columns))
    assert known is not None
    assert known.allowed is None
    assert known.values.ravel().tolist() == [2**30 * n for n in (1, 2, 3, 4, 3, 2, 1)]
    odd = where.expected(asked("im2col", spec, np.full(spec.x_shape, 2**53 + 1)))
    assert odd is not None
    assert set(odd.values.ravel().tolist()) == {2**53 + 1}


def test_real_numbers_are_summed_in_long_doubles_and_allowed_by_hand() -> None:
    spec, unit = ConvSpec.parse("n1c1h1w3_f1kh1kw2"), 2.0**-24
    columns = np.array([[[0.5, 0.25], [-0.75, 1.5]]], np.float32)
    known = where.expected(asked("col2im", spec, columns))
    assert known is not None
    assert known.values.dtype == np.longdouble
    assert known.values.ravel().tolist() == [0.5, -0.5, 1.5]
    gamma = [n * unit / (1 - n * unit) for n in (1, 2, 1)]
    by_hand = [g * s + unit * abs(v) for g, s, v in zip(gamma, (0.5, 1.0, 1.5), (0.5, -0.5, 1.5), strict=True)]
    assert known.allowed is not None
    assert np.allclose(known.allowed.ravel().astype(float), by_hand, rtol=1e-9, atol=0)


@pytest.mark.parametrize(
    ("op", "numerics", "wider"),
    [("conv2d", "winograd", True), ("conv2d", "tf32", True), ("col2im", "tf32", False), ("im2col", "tf32", False)],
)
def test_a_backend_is_allowed_what_its_numerics_need(op: Op, numerics: Numerics, wider: bool) -> None:
    call = asked(op, _TALL, *data.real(op, _TALL, "float32", "0"))
    plain, other = where.expected(call), where.expected(call, numerics)
    assert plain is not None
    assert other is not None
    assert plain.allowed is not None
    assert other.allowed is not None
    assert (other.allowed.sum() > plain.allowed.sum()) == wider
    assert wider or np.array_equal(other.allowed, plain.allowed)


def test_what_has_no_right_result_is_not_judged() -> None:
    x = np.ones(_TEN.x_shape, np.float32)
    got = np.zeros(_TEN.columns_shape, np.float32)
    assert where.wrong(asked("im2col", _TEN, x, got=got)) is not None
    assert where.expected(asked("im2col", _TEN, x[..., :4])) is None
    for bad in (np.nan, np.inf):
        spoilt = np.where(np.arange(10) == 3, bad, x).astype(np.float32)
        assert where.expected(asked("im2col", _TEN, spoilt)) is None
        assert where.wrong(asked("im2col", _TEN, spoilt, got=got)) is None
    assert where.wrong(asked("im2col", _TEN, x)) is None
    assert where.wrong(asked("im2col", _TEN, x, got=got[0])) is None
    assert where.wrong(asked("im2col", _TEN, x, got=got.astype(str))) is None
    assert where.wrong(asked("im2col", _TEN, x, got=got.astype(complex))) is None


@pytest.mark.parametrize("dtype", ["bool", "int16", "uint8", "float64"])
def test_every_kind_of_number_is_judged(dtype: str) -> None:
    x = np.ones(_TEN.x_shape, np.float32)
    got = np.ones(_TEN.columns_shape, dtype)
    assert where.wrong(asked("im2col", _TEN, x, got=got)) is None
    got[0, 2, 1] = 0
    mask = where.wrong(asked("im2col", _TEN, x, got=got))
    assert mask is not None
    assert np.argwhere(mask).tolist() == [[0, 2, 1]]


def test_what_is_just_allowed_is_right(monkeypatch: pytest.MonkeyPatch) -> None:
    known = Expected(np.array([8, 8, 8, 8, 8], np.longdouble), np.array([1, 2, 1, 1, 1], np.longdouble))
    monkeypatch.setattr(where, "expected", lambda call, numerics: known)
    spec = ConvSpec.parse("n1c1h1w1_f5kh1kw1")
    got = np.array([9, 10, 6.5, np.nan, 7], np.float32)
    mask = where.wrong(asked("conv2d_bias_grad", spec, got=got))
    assert mask is not None
    assert mask.tolist() == [False, False, True, True, False]
