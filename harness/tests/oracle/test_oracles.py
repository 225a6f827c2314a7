"""The two oracles: equal to each other on an exhaustive grid, and each able to disagree."""

from __future__ import annotations

from fractions import Fraction
from itertools import product

import numpy as np
import pytest

from conformance.cases.data import golden
from harness.geometry.spec import ALL_OPS, POOL_OPS, ConvSpec, Op, SpecError
from harness.geometry.windows import why_not_pooled
from harness.oracle import by_taps, data, pointwise

Axis = tuple[int, int, int, int, int, int]  # size, kernel, stride, begin, end, dilation


def axis_settings() -> list[Axis]:
    """Every valid setting of one axis: size <= 5, kernel, stride <= 3, pads 0-2, dilation <= 2 (1 for one tap)."""
    return [
        (size, k, s, begin, end, d)
        for size, k, s, begin, end, d in product(range(1, 6), range(1, 4), range(1, 4), range(3), range(3), (1, 2))
        if (k > 1 or d == 1) and (k - 1) * d + 1 <= size + begin + end
    ]


def spec_of(high: Axis, wide: Axis, channels: int, filters: int, groups: int) -> ConvSpec:
    """A spec with batch 2 from the settings of its two axes."""
    (h, kh, sh, pt, pb, dh), (w, kw, sw, pl, pr, dw) = high, wide
    return ConvSpec(
        batch=2, in_channels=channels, input_size=(h, w), out_channels=filters, kernel_size=(kh, kw), stride=(sh, sw),
        padding=(pt, pb, pl, pr), dilation=(dh, dw), groups=groups,
    )  # fmt: skip


_PARTNERS: tuple[Axis, ...] = ((3, 2, 1, 0, 1, 1), (2, 1, 2, 1, 0, 1), (5, 2, 3, 2, 1, 2), (1, 3, 1, 2, 2, 2))
_POOLED_PARTNERS = (_PARTNERS[0], (2, 1, 2, 0, 0, 1), *_PARTNERS[2:])  # that one alone has windows without a pixel
_CHANNELS = ((2, 2, 1), (2, 2, 2), (3, 3, 3))


def test_the_grid_is_the_whole_grid() -> None:
    assert len(axis_settings()) == 594  # a smaller grid would prove less


@pytest.mark.parametrize("number", range(len(_PARTNERS)))
@pytest.mark.parametrize("op", ALL_OPS)
def test_oracles_agree_on_every_axis_setting(op: Op, number: int) -> None:
    """Every setting of one axis against several of the other, on either side in turn; pooling where it is defined."""
    partner = (_PARTNERS if op not in POOL_OPS else _POOLED_PARTNERS)[number]
    compared = 0
    for turn, setting in enumerate(axis_settings()):
        channels = _CHANNELS[turn % len(_CHANNELS)]
        spec = spec_of(setting, partner, *channels) if turn % 2 else spec_of(partner, setting, *channels)
        if op in POOL_OPS and why_not_pooled(spec):
            continue
        compared += 1
        arrays = data.exact(op, spec, "float64", f"{op}/{spec}")
        slow, fast = pointwise.full(op, spec, *arrays), by_taps.run(op, spec, *arrays)
        assert slow.shape == fast.shape == spec.output_shape(op), spec
        assert np.array_equal(slow, fast), spec
    assert compared > (300 if op in POOL_OPS else 593)


@pytest.mark.parametrize("example", golden.EXAMPLES, ids=lambda e: f"{e.op}-{e.spec}")
def test_both_oracles_give_the_published_numbers(example: golden.Example) -> None:
    arrays = [np.array(a, dtype=np.float64) for a in example.inputs]
    expected = np.array(example.expected)
    assert np.array_equal(pointwise.full(example.op, example.spec, *arrays), expected)
    assert np.array_equal(by_taps.run(example.op, example.spec, *arrays), expected)


# -- pooling: on a row of three pixels and padding before them, by hand ------------------------------------------------

_ROW = ConvSpec.parse("n1c1h1w3_f1kh1kw2_pt0pb0pl1pr0")  # windows: padding and pixel 0, pixels 0 and 1, pixels 1 and 2


def of_row(op: Op, *arrays: list[float]) -> list[float]:
    """The result of the second witness, which has to be that of the first."""
    given = [np.array(a, np.float64).reshape(1, 1, 1, 3) for a in arrays]
    found = by_taps.run(op, _ROW, *given)
    if all(np.isfinite(a).all() for a in given):
        assert np.array_equal(found, pointwise.full(op, _ROW, *given))
    return list(found.ravel().tolist())


def test_padding_is_never_the_maximum() -> None:
    assert of_row("max_pool2d", [-5, -2, -3]) == [-5, -2, -2]
    assert of_row("max_pool2d_grad", [1, 10, 100], [-5, -2, -3]) == [1, 110, 0]


def test_of_equal_pixels_the_first_gets_the_gradient() -> None:
    assert of_row("max_pool2d_grad", [1, 10, 100], [4, 4, 4]) == [11, 100, 0]
    high = ConvSpec.parse("n1c1h2w2_f1kh2kw2")
    for x, winner in (([1, 1, 1, 1], 0), ([0, 1, 1, 1], 1), ([0, 0, 1, 1], 2)):
        arrays = np.full((1, 1, 1, 1), 7.0), np.array(x, np.float64).reshape(1, 1, 2, 2)
        for witness in (pointwise.full, by_taps.run):
            assert np.flatnonzero(witness("max_pool2d_grad", high, *arrays)).tolist() == [winner]


def test_what_is_not_finite_in_a_maximum() -> None:
    """NaN is the maximum wherever it lies, and -inf is one, where there is nothing else."""
    nan, inf = np.nan, np.inf
    assert np.array_equal(of_row("max_pool2d", [nan, 2, 1]), [nan, nan, 2], equal_nan=True)
    assert np.array_equal(of_row("max_pool2d", [1, nan, 2]), [1, nan, nan], equal_nan=True)
    assert of_row("max_pool2d", [-inf, -inf, 2]) == [-inf, -inf, 2]
    assert of_row("max_pool2d_grad", [1, 10, 100], [-inf, -inf, -inf]) == [11, 100, 0]
    assert of_row("max_pool2d_grad", [1, 10, 100], [0, nan, 5]) == [1, 110, 0]
    least = by_taps.run("max_pool2d", _ROW, np.full((1, 1, 1, 3), -(2**62)), accumulate=np.int64)
    assert least.ravel().tolist() == [-(2**62)] * 3


def test_padding_is_counted_or_not() -> None:
    assert of_row("avg_pool2d", [3, 5, 8]) == [1.5, 4, 6.5]
    assert of_row("avg_pool2d_exclude_padding", [3, 5, 8]) == [3, 4, 6.5]
    assert of_row("avg_pool2d_grad", [2, 6, 10]) == [4, 8, 5]
    assert of_row("avg_pool2d_exclude_padding_grad", [2, 6, 10]) == [5, 8, 5]


def test_an_average_that_is_no_whole_number_is_a_fraction_divided_once() -> None:
    spec = ConvSpec.parse("n1c1h3w3_f1kh3kw3_pt1pb1pl1pr1")
    x = np.arange(9.0).reshape(1, 1, 3, 3)
    for op, divisor in (("avg_pool2d", 9), ("avg_pool2d_exclude_padding", 4)):
        assert pointwise.at(op, spec, [x], (0, 0, 0, 0)) == Fraction(0 + 1 + 3 + 4, divisor)  # type: ignore[arg-type]
    for op in POOL_OPS:
        arrays = data.real(op, spec, "float64", op)
        whole = tuple(np.rint(a * 100) for a in arrays)
        assert np.abs(pointwise.full(op, spec, *whole) - by_taps.run(op, spec, *whole)).max() < 1e-12


def test_the_sums_and_terms_of_pooling() -> None:
    """x of a gradient says where dy goes: its size is no part of the bound. To divide counts as a term."""
    dy, x = (np.array(a, np.float64).reshape(1, 1, 1, 3) for a in ([-1, -10, 100], [-5, -2, -3]))
    assert by_taps.absolute("max_pool2d_grad", _ROW, dy, x).ravel().tolist() == [1, 110, 0]
    assert by_taps.term_count("max_pool2d_grad", _ROW, dy, x).ravel().tolist() == [1, 2, 0]
    assert by_taps.absolute("max_pool2d", _ROW, x).ravel().tolist() == [5, 2, 2]
    assert by_taps.term_count("max_pool2d", _ROW, x).ravel().tolist() == [1, 1, 1]
    assert by_taps.absolute("avg_pool2d", _ROW, dy).ravel().tolist() == [0.5, 5.5, 55]
    for op in ("avg_pool2d", "avg_pool2d_exclude_padding"):
        assert by_taps.term_count(op, _ROW, x).ravel().tolist() == [2, 3, 3]
        assert by_taps.term_count(f"{op}_grad", _ROW, dy).ravel().tolist() == [3, 3, 2]  # type: ignore[arg-type]


def test_a_bias_of_none_is_no_bias() -> None:
    spec = ConvSpec.parse("n1c2h4w3_f2kh2kw2")
    x, w, b = data.exact("conv2d", spec, "float64", "bias")
    without = by_taps.run("conv2d", spec, x, w, None)
    assert np.array_equal(without, pointwise.full("conv2d", spec, x, w, None))
    assert np.array_equal(without + b[:, None, None], pointwise.full("conv2d", spec, x, w, b))


def test_the_sums_of_absolute_values() -> None:
    spec = ConvSpec.parse("n1c2h1w2_f1kh1kw2_pr1")
    x, w, b = np.array([[[[-1.0, 2.0]], [[3.0, -4.0]]]]), np.array([[[[5.0, -6.0]], [[-7.0, 8.0]]]]), np.array([-9.0])
    assert by_taps.run("conv2d", spec, x, w, b).tolist() == [[[[-5 - 12 - 21 - 32 - 9, 10 + 28 - 9]]]]
    assert by_taps.absolute("conv2d", spec, x, w, b).tolist() == [[[[5 + 12 + 21 + 32 + 9, 10 + 28 + 9]]]]
    assert by_taps.absolute("conv2d", spec, x, w, None).tolist() == [[[[5 + 12 + 21 + 32, 10 + 28]]]]
    halves = (a.astype(np.float16) * 1000 for a in (x, w, b))  # their products have no number in half precision
    assert by_taps.absolute("conv2d", spec, *halves).tolist() == [[[[70e6 + 9e3, 38e6 + 9e3]]]]


def test_term_count_leaves_padding_out() -> None:
    spec = ConvSpec.of(batch=1, in_channels=2, input_size=3, out_channels=1, kernel_size=3, padding=1)
    arrays = data.exact("conv2d", spec, "float64", "count")
    counts = by_taps.term_count("conv2d", spec, *arrays)
    assert counts[0, 0].tolist() == [[9, 13, 9], [13, 19, 13], [9, 13, 9]]  # 2 channels x 4, 6 or 9 taps, plus the bias


def test_long_double_sums_are_kept_wide() -> None:
    spec = ConvSpec.parse("n1c1h1w3_f1kh1kw3")
    x, w = np.array([[[[1.0, 2.0**-60, -1.0]]]]), np.ones((1, 1, 1, 3))
    assert float(by_taps.run("conv2d", spec, x, w, None, accumulate=np.float64)[0, 0, 0, 0]) == 0
    wide = by_taps.run("conv2d", spec, x, w, None, accumulate=np.longdouble)[0, 0, 0, 0]
    if np.finfo(np.longdouble).nmant < 60:
        pytest.skip("long double is no wider than double on this machine")
    assert float(wide) == 2.0**-60


def test_axis_settings_cover_every_valid_geometry() -> None:
    """Each setting makes a spec, and each combination left out makes none (dilation 2 of one tap aside)."""
    valid = set(axis_settings())
    for setting in product(range(1, 6), range(1, 4), range(1, 4), range(3), range(3), (1, 2)):
        if setting[1] == 1 and setting[5] == 2:
            continue
        try:
            spec_of(setting, _PARTNERS[0], 1, 1, 1)
            made = True
        except SpecError:
            made = False
        assert made == (setting in valid)
