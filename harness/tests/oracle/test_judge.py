"""Results of timed calls are judged in full and at single elements, by the numerics of who made them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from harness.contract.protocol import Array
from harness.geometry.spec import OPS, POOL_OPS, ConvSpec, Op
from harness.oracle import by_taps, data, dyadic
from harness.oracle.gate import Judge, WrongResult

_SPEC = ConvSpec.parse("n2c6h12w9_f4kh3kw3_pt1pb1pl1pr1")


def whole_and_wide(op: Op, dtype: str = "float32") -> list[tuple[Array, ...]]:
    """Inputs of either kind."""
    return [data.exact(op, _SPEC, dtype, "judge"), dyadic.wide(op, _SPEC, dtype, "judge")]


@pytest.mark.parametrize("op", OPS)
@pytest.mark.parametrize("number", [0, 1])
def test_what_is_right_passes_and_one_element_that_is_wrong_does_not(op: Op, number: int) -> None:
    arrays = whole_and_wide(op)[number]
    judge = Judge(op, _SPEC, "float32")
    right = by_taps.run(op, _SPEC, *arrays).astype("float32")
    places = np.arange(min(right.size, 40))
    judge.require_sums(judge.require_form(right), arrays)
    judge.require_spots(places, right.ravel()[places], arrays)
    for value in (np.nextafter(right.flat[7 % right.size], np.float32(np.inf)), np.nan):
        wrong = right.copy()
        wrong.flat[7 % right.size] = value
        with pytest.raises(WrongResult, match=r"^1 of \d+ sums over all elements are not right$|^\d+ of \d+ sums"):
            judge.require_sums(wrong, arrays)
        with pytest.raises(WrongResult, match=r"^at \[.*\]: got .*, expected "):
            judge.require_spots(places, wrong.ravel()[places], arrays)


@pytest.mark.parametrize(
    ("numerics", "error", "kind"),
    [
        ("winograd", 1e-4, 0), ("winograd", 0.6, 0), ("winograd", 1e-2, 1), ("fft", 1e-4, 0), ("fft", 0.6, 0),
        ("tf32", 0.0, 0), ("tf32", 1.0, 0), ("tf32", 1e-4, 1),
    ],
)  # fmt: skip
def test_methods_that_round_otherwise_have_their_own_bound(numerics: Any, error: float, kind: int) -> None:
    """Whole numbers are to be near whole ones; with all digits, the largest magnitudes give the bound."""
    arrays = whole_and_wide("conv2d")[kind]
    exact = by_taps.run("conv2d", _SPEC, *arrays)
    got = (exact * (1 + error * 1e-3) if kind else exact + error).astype("float32")
    judge, places = Judge("conv2d", _SPEC, "float32", numerics), np.arange(30)
    if error >= 0.5:
        with pytest.raises(WrongResult):
            judge.require_sums(got, arrays)
        with pytest.raises(WrongResult):
            judge.require_spots(places, got.ravel()[places], arrays)
    else:
        judge.require_sums(got, arrays)
        judge.require_spots(places, got.ravel()[places], arrays)


@pytest.mark.parametrize("numerics", ["winograd", "fft", "tf32"])
@pytest.mark.parametrize("kind", [0, 1])
def test_no_numerics_excuse_what_was_not_computed(numerics: Any, kind: int) -> None:
    arrays = whole_and_wide("conv2d")[kind]
    judge, places = Judge("conv2d", _SPEC, "float32", numerics), np.arange(200)
    for wrong in (np.zeros(_SPEC.y_shape, "float32"), np.full(_SPEC.y_shape, np.nan, "float32")):
        with pytest.raises(WrongResult):
            judge.require_sums(wrong, arrays)
        with pytest.raises(WrongResult):
            judge.require_spots(places, wrong.ravel()[places], arrays)


@pytest.mark.parametrize(
    ("result", "text"),
    [
        ([1, 2], "returned list, not an array"),
        (np.zeros((2, 4, 12, 9)), r"returned float64 \(2, 4, 12, 9\), expected float32 \(2, 4, 12, 9\)"),
        (np.zeros((2, 4, 12), "f4"), r"returned float32 \(2, 4, 12\), expected float32"),
    ],
)
def test_the_form_is_judged_first(result: Any, text: str) -> None:
    with pytest.raises(WrongResult, match=text):
        Judge("conv2d", _SPEC, "float32").require_form(result)


@pytest.mark.parametrize("op", POOL_OPS)
@pytest.mark.parametrize("number", [0, 1])
def test_of_pooling_every_element_is_looked_at(op: Op, number: int) -> None:
    """Averages within their bound, maxima exactly."""
    arrays = whole_and_wide(op)[number]
    judge, averages = Judge(op, _SPEC, "float32"), op.startswith("avg")
    right = by_taps.run(op, _SPEC, *arrays).astype("float32")
    places = np.arange(40)
    judge.require_sums(right, arrays)
    judge.require_spots(places, right.ravel()[places], arrays)
    place = int(np.abs(right).argmax())
    wrong = right.copy()
    wrong.flat[place] *= 1.01 if averages else 1 + 2.0**-23
    with pytest.raises(WrongResult, match=rf"^1 of {right.size} elements are not right$"):
        judge.require_sums(wrong, arrays)
    with pytest.raises(WrongResult, match="expected"):
        judge.require_spots(np.array([place]), wrong.ravel()[[place]], arrays)
    if averages:
        near = (right * (1 + 2.0**-23)).astype("float32")
        judge.require_sums(near, arrays)
        judge.require_spots(places, near.ravel()[places], arrays)
