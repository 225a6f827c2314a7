"""Every mistake that is tried has its words, its place in the order and its result; three at most are named."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from conformance.checks.outcomes import RecordedCall
from conformance.diagnosis import mistakes, where
from conformance.diagnosis.misreadings import misreadings
from conformance.diagnosis.mistakes import Mistake
from harness.calls.caller import CallResult
from harness.contract.protocol import Array
from harness.geometry.spec import OPS, ConvSpec, Op
from harness.oracle import by_taps, data

_SPEC = ConvSpec.parse("n2c4h7w8_f6kh3kw2_sh2sw3_pt1pb0pl1pr2_dh1dw2_g2")
_DENSE = ConvSpec.parse("n2c4h4w5_f6kh3kw2_pt1pb0pl1pr2_g2")
_ONE = ConvSpec.parse("n1c1h1w4_f1kh1kw1")
# The letters of columns are n, c, u and v of the kernel, p and q of the positions; of the rest a, b, c, d.
_COLUMNS = {
    "the rows of the columns are in the order (c, kw, kh)": "ncvupq",
    "the rows of the columns are in the order (kh, kw, c)": "nuvcpq",
    "the rows of the columns are in the order (kw, kh, c)": "nvucpq",
    "the positions are in the order (ow, oh)": "ncuvqp",
    "the columns are laid out as (N, positions, rows)": "npqcuv",
    "the columns are laid out as (rows, positions, N)": "cuvpqn",
    "the columns are laid out as (rows, N, positions)": "cuvnpq",
    "the columns are laid out in Fortran order": "qpvucn",
}
_PLANES = {
    "the last two axes of X are swapped": "abdc",
    "the first two axes of X are swapped": "bacd",
    "X is laid out channels last": "acdb",
    "the first two axes of X are laid out last": "cdba",
    "X is laid out in Fortran order": "dcba",
}
_OF_COLUMNS = [
    *_COLUMNS, "the kernel is flipped", "the positions are reversed", "the images are reversed",
    "the channels are reversed", "the kernel rows are reversed", "the kernel columns are reversed",
    "the output rows are reversed", "the output columns are reversed",
]  # fmt: skip
_OF_KERNEL = [
    *(text.replace("X", "the kernel") for text in _PLANES), "the kernel is flipped", "the filters are reversed",
    "the channels are reversed", "the kernel rows are reversed", "the kernel columns are reversed",
]  # fmt: skip
_OF_PIXELS = [*(text.replace("X", "the result") for text in _PLANES), "the pixels are reversed"]
_OF_IMAGES = [
    "the images are reversed",
    "the channels are reversed",
    "the rows are reversed",
    "the columns are reversed",
]
_OF_FILTERS = [text.replace("channels", "filters") for text in _OF_IMAGES]
_OVERLAPS = [
    "overlapping windows are averaged instead of being added",
    "overlapping windows overwrite each other instead of being added",
]
_FIRST = "the first image is given in place of every image"
_BIAS = ["the bias is left out", "the bias is added twice", "the bias is reversed"]
_TWICE = "every value is multiplied by 2"
_DIGITS = ["the result is rounded towards zero", "the inputs are rounded to half precision"]
_PLANES_SWAPPED = "the last two axes of the result are swapped"
_LAST = "the right values are returned in another shape"
# Every name in the order in which it is first tried, after the misreadings.
_TRIED: dict[Op, list[str]] = {
    "im2col": [
        *_OF_COLUMNS, _FIRST, _TWICE, *_DIGITS, "the rows and positions of the columns are swapped", _LAST,
    ],
    "col2im": [*_OF_COLUMNS, *_OF_PIXELS, *_OF_IMAGES, *_OVERLAPS, _FIRST, _TWICE, *_DIGITS, _LAST],
    "conv2d": [*_OF_KERNEL, *_OF_PIXELS, *_OF_FILTERS, *_BIAS, _FIRST, _TWICE, *_DIGITS, _LAST],
    "conv2d_input_grad": [*_OF_KERNEL, *_OF_PIXELS, *_OF_IMAGES, *_OVERLAPS, _FIRST, _TWICE, *_DIGITS, _LAST],
    "conv2d_weight_grad": [*_OF_KERNEL, _TWICE, *_DIGITS, _LAST],
    "conv2d_bias_grad": ["the filters are reversed", _TWICE, *_DIGITS, _LAST],
}  # fmt: skip


def called(op: Op, spec: ConvSpec, arrays: tuple[Array | None, ...], got: Array | None) -> RecordedCall:
    """A call that gave this."""
    return RecordedCall(op, spec, arrays, CallResult(result=got))


def tried(op: Op, spec: ConvSpec) -> list[Mistake]:
    """All that is tried on whole numbers where the result is twice the right one."""
    arrays = data.exact(op, spec, "float32", "0")
    right = by_taps.run(op, spec, *arrays)
    return list(mistakes._mistakes(called(op, spec, arrays, 2 * right), right))


@pytest.mark.parametrize("op", OPS)
def test_all_that_is_tried(op: Op) -> None:
    first = [misread.when for misread in misreadings(_SPEC)]
    assert len(first) == 20
    wanted = list(dict.fromkeys([*first, *_TRIED[op]]))
    assert list(dict.fromkeys(when for when, _ in tried(op, _SPEC))) == wanted


@pytest.mark.parametrize(("op", "spec"), [("im2col", "n1c2h3w4_f2kh2kw2"), ("conv2d_weight_grad", "n2c2h3w4_f2kh2kw2")])
def test_the_first_image_is_one_of_several_and_none_of_a_kernel(op: Op, spec: str) -> None:
    assert _FIRST not in [when for when, _ in tried(op, ConvSpec.parse(spec))]


def rearranged(spec: ConvSpec, a: Array, what: str, axes: tuple[str, ...]) -> list[tuple[str, list[float]]]:
    """What the product makes of `a`."""
    made = list(mistakes._rearranged(spec, a, what, axes))
    assert {result.shape for _, result in made} == {a.shape}
    return [(when, result.ravel().tolist()) for when, result in made]


def test_columns_are_written_and_read_in_every_order() -> None:
    spec = ConvSpec.parse("n2c3h7w11_f1kh2kw4_sh1sw1")
    sizes = dict(zip("ncuvpq", (2, 3, 2, 4, 6, 8), strict=True))
    named = np.arange(2.0 * 3 * 2 * 4 * 6 * 8).reshape(*sizes.values())
    wanted: list[tuple[str, Array]] = []
    for text, letters in _COLUMNS.items():
        there = named.reshape([sizes[letter] for letter in letters])
        wanted += [(text, np.einsum(f"ncuvpq->{letters}", named)), (text, np.einsum(f"{letters}->ncuvpq", there))]
    wanted += [
        ("the kernel is flipped", named[:, :, ::-1, ::-1]),
        ("the positions are reversed", named[..., ::-1, ::-1]),
        ("the images are reversed", named[::-1]),
        ("the channels are reversed", named[:, ::-1]),
        ("the kernel rows are reversed", named[:, :, ::-1]),
        ("the kernel columns are reversed", named[:, :, :, ::-1]),
        ("the output rows are reversed", named[..., ::-1, :]),
        ("the output columns are reversed", named[..., ::-1]),
    ]
    made = rearranged(spec, named.reshape(spec.columns_shape), "the columns", where.AXES["im2col"])
    assert made == [(when, value.ravel().tolist()) for when, value in wanted]


@pytest.mark.parametrize("op", ["conv2d", "conv2d_weight_grad"])
def test_planes_are_written_and_read_in_every_order(op: Op) -> None:
    sizes = dict(zip("abcd", (2, 3, 4, 5), strict=True))
    named = np.arange(2.0 * 3 * 4 * 5).reshape(2, 3, 4, 5)
    wanted: list[tuple[str, Array]] = []
    for text, letters in _PLANES.items():
        there = named.reshape([sizes[letter] for letter in letters])
        wanted += [
            (text.replace("X", "it"), np.einsum(f"abcd->{letters}", named)),
            (text.replace("X", "it"), np.einsum(f"{letters}->abcd", there)),
        ]
    wanted.append(({"conv2d": "the pixels are reversed"}.get(op, "the kernel is flipped"), named[:, :, ::-1, ::-1]))
    flipped = [named[::-1], named[:, ::-1], named[:, :, ::-1], named[..., ::-1]]
    wanted += [(f"the {name}s are reversed", a) for name, a in zip(where.AXES[op], flipped, strict=True)]
    assert rearranged(_SPEC, named, "it", where.AXES[op]) == [(when, value.ravel().tolist()) for when, value in wanted]


def likely(op: Op, spec: ConvSpec, spoil: Any, dtype: str = "float64") -> str:
    """What is said of the result that `spoil` makes of the arrays."""
    arrays = data.exact(op, spec, dtype, "0")
    return mistakes.likely(called(op, spec, arrays, spoil(*arrays)))


@pytest.mark.parametrize("op", ["conv2d", "conv2d_input_grad"])
def test_a_kernel_read_in_another_order_is_named(op: Op) -> None:
    def spoil(a: Array, w: Array, *bias: Array) -> Array:
        return by_taps.run(op, _SPEC, a, w.transpose(0, 2, 3, 1).reshape(w.shape), *bias)

    assert likely(op, _SPEC, spoil) == "this is exactly what you get when the kernel is laid out channels last"


def test_columns_read_in_another_order_are_named() -> None:
    said = "this is exactly what you get when the rows of the columns are in the order (kw, kh, c)"
    assert likely("col2im", _SPEC, lambda columns: by_taps.run("col2im", _SPEC, _by_kw_kh_c(columns))) == said


def _by_kw_kh_c(columns: Array) -> Array:
    named = columns.reshape(where.opened(_SPEC, columns.shape))
    return named.transpose(0, 3, 2, 1, 4, 5).reshape(columns.shape)


@pytest.mark.parametrize(
    ("op", "when", "spoil"),
    [
        ("conv2d", _BIAS[0], lambda x, w, b: by_taps.run("conv2d", _DENSE, x, w, None)),
        ("conv2d", _BIAS[1], lambda x, w, b: by_taps.run("conv2d", _DENSE, x, w, b + b)),
        ("conv2d", _BIAS[2], lambda x, w, b: by_taps.run("conv2d", _DENSE, x, w, np.flip(b))),
        ("conv2d", _FIRST, lambda x, w, b: by_taps.run("conv2d", _DENSE, np.stack([x[0], x[0]]), w, b)),
        ("im2col", _FIRST, lambda x: by_taps.run("im2col", _DENSE, np.stack([x[0], x[0]]))),
        ("im2col", "every value is multiplied by -0.000976562", lambda x: by_taps.run("im2col", _DENSE, x) / -1024),
        ("im2col", "every value is multiplied by 12345.7", lambda x: by_taps.run("im2col", _DENSE, x) * 12345.6875),
    ],
)
def test_terms_left_out_or_counted_twice_are_named(op: Op, when: str, spoil: Any) -> None:
    assert likely(op, _DENSE, spoil) == f"this is exactly what you get when {when}"


@pytest.mark.parametrize(
    ("middle", "when"),
    [
        (5, _OVERLAPS[1]),  # the second tap of the first window
        (3, _OVERLAPS[1]),  # the first tap of the second window
        (4, _OVERLAPS[0]),
    ],
)
def test_overlaps_that_overwrite_or_average_are_named(middle: int, when: str) -> None:
    spec, columns = ConvSpec.parse("n1c1h1w3_f1kh1kw2"), np.array([[[2, 3], [5, 7]]], np.float64)
    got = np.array([2.0, middle, 7]).reshape(spec.x_shape)
    said = mistakes.likely(called("col2im", spec, (columns,), got))
    assert when in said.removeprefix("this is exactly what you get when ").split(", or when ")


def test_what_overwrites_is_cropped_where_the_image_is() -> None:
    spec = ConvSpec.parse("n1c2h2w3_f1kh2kw1_sh1sw1_pt2pb1pl1pr0")
    columns = np.arange(1.0, 1 + np.prod(spec.columns_shape)).reshape(spec.columns_shape)
    six, wanted = columns.reshape(1, 2, 2, 1, 4, 4), np.zeros((2, *spec.x_shape))
    # Padded row p + u is image row p + u - 2; the last tap writes last, or the last window.
    wanted[0] = six[:, :, 1, 0, 1:3, 1:]
    wanted[1] = six[:, :, 0, 0, 2:4, 1:]
    for last, value in zip((True, False), wanted, strict=True):
        assert mistakes._overwritten(columns, spec, taps_last=last).tolist() == value.tolist()


@pytest.mark.parametrize(
    ("got", "said"),
    [
        ([0, 0, 0, 0], "the result is all zeros"),
        ([np.nan] * 4, "the result is all NaN"),
        ([np.nan, 0, 0, 0], ""),
        ([[0, 0], [0, 0]], "the result is all zeros"),
        ([0, 0, 0], "the result is all zeros"),
        ([], ""),
        ([3, 1, 4, 2], ""),
        ([2, 4, 1, 3], "this is exactly what you get when the pixels are reversed"),
        ([[2, 4], [1, 3]], ""),
        ([[3, 1], [4, 2]], "this is exactly what you get when the right values are returned in another shape"),
        ([3, 1, 4], ""),
        ([3 + 1j, 1, 4, 2], ""),
        (["3", "1", "4", "2"], ""),
        ([False, False, False, False], "the result is all zeros"),
    ],
)
def test_what_is_said_of_four_numbers(got: list[object], said: str) -> None:
    """The right ones are 3 1 4 2."""
    x = np.array([3.0, 1, 4, 2]).reshape(_ONE.x_shape)
    w = np.ones(_ONE.w_shape)
    result = np.array(got)
    result = result.reshape(_ONE.y_shape) if result.shape == (4,) else result
    said_of_it = mistakes.likely(called("conv2d", _ONE, (x, w, None), result))
    assert said_of_it.split(", or when ")[0] == said


def test_without_a_result_or_valid_arrays_nothing_is_said() -> None:
    x, zeros = np.ones(_ONE.x_shape), np.zeros(_ONE.columns_shape)
    assert mistakes.likely(called("im2col", _ONE, (x,), zeros)) == "the result is all zeros"
    assert mistakes.likely(called("im2col", _ONE, (x,), None)) == ""
    assert mistakes.likely(called("im2col", _ONE, (x[0],), zeros)) == ""
    assert mistakes.likely(called("im2col", _ONE, (x * np.inf,), zeros)) == ""
    none = ConvSpec.parse("n0c1h1w4_f1kh1kw1")
    assert mistakes.likely(called("im2col", none, (np.ones(none.x_shape),), zeros)) == ""


def test_more_than_twenty_million_products_are_not_tried() -> None:
    for height, said in ((20, "the result is all zeros"), (21, "")):
        spec = ConvSpec.parse(f"n1c100h{height}w100_f100kh1kw1")
        assert spec.macs == height * 1_000_000
        arrays = data.exact("conv2d", spec, "float64", "0")
        assert mistakes.likely(called("conv2d", spec, arrays, np.zeros(spec.y_shape))) == said


@pytest.mark.parametrize("most", [1, 2, 3, 5])
def test_three_mistakes_at_most_are_named_each_once(monkeypatch: pytest.MonkeyPatch, most: int) -> None:
    got = np.full(_ONE.columns_shape, 5.0)

    def five(call: RecordedCall, right: Array) -> Iterator[Mistake]:
        for name in ["a", "no", "b", "a", "c", "d", "e"][: {1: 2, 2: 4, 3: 5, 5: 7}[most]]:
            yield Mistake(name, right if name == "no" else got)

    monkeypatch.setattr(mistakes, "_mistakes", five)
    said = mistakes.likely(called("im2col", _ONE, (np.ones(_ONE.x_shape),), got))
    assert said == "this is exactly what you get when " + ", or when ".join("abc"[:most])


def test_real_numbers_may_be_off_by_four_times_what_is_allowed_of_the_largest(monkeypatch: pytest.MonkeyPatch) -> None:
    """Within a bound, nobody says exactly."""
    right = np.array([[[1.0, 2, 3, 4]]])
    known = where.Expected(right, np.array([[[0.5, 0.25, 0.125, 0.25]]]))
    monkeypatch.setattr(mistakes, "expected", lambda call, numerics: known)
    monkeypatch.setattr(mistakes, "wrong", lambda call, numerics: np.ones(right.shape, bool))
    monkeypatch.setattr(mistakes, "_mistakes", lambda call, values: iter([Mistake("it is so", values)]))
    x = np.ones(_ONE.x_shape)
    for off, said in ((2.0, "this is what you get when it is so"), (2.0625, "")):
        got = right + np.array([0, 0, -1, 1]) * off
        assert mistakes.likely(called("im2col", _ONE, (x,), got)) == said


def test_what_the_numerics_allow_is_no_mistake() -> None:
    (x,) = data.real("im2col", _ONE, "float32", "0")
    arrays = (x, np.full(_ONE.w_shape, 0.1, np.float32), None)
    got = (by_taps.run("conv2d", _ONE, *arrays) * (1 + 2.0**-22)).astype(np.float32)
    call = called("conv2d", _ONE, arrays, got)
    assert mistakes.likely(call, "direct") != ""
    assert mistakes.likely(call, "winograd") == ""
