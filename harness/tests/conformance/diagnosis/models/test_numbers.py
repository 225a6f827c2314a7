"""Functions of one number: what they make of numbers whose digits are known."""

from __future__ import annotations

import numpy as np
import pytest

from conformance.diagnosis.models.numbers import NUMBERS, SPECIAL, Number
from harness.contract.protocol import Array

_INF, _NAN = np.inf, np.nan


def of(key: str, *values: float) -> Array:
    """What becomes of these numbers."""
    return next(one for one in (*NUMBERS, *SPECIAL) if one.key == key).of(np.array(values))


@pytest.mark.parametrize(
    ("key", "values", "made"),
    [
        ("float16", (1 + 2**-11, 2049, 1e6), (1, 2048, _INF)),
        ("float32", (2**24 + 1, 0.5), (2**24, 0.5)),
        ("TF32", (1 + 2**-10, 1 + 3 * 2**-11, -3), (1 + 2**-10, 1 + 2 * 2**-10, -3)),
        ("TF32, cut", (1 + 3 * 2**-11, -1 - 3 * 2**-11), (1 + 2**-10, -1 - 2**-10)),
        ("bfloat16", (1 + 2**-8, 257), (1, 256)),
        ("bfloat16, cut", (1 + 2**-7 + 2**-8, 511), (1 + 2**-7, 510)),
        ("truncated", (1.7, -1.7), (1, -1)),
        ("rounded", (1.7, 2.5, -1.7), (2, 2, -2)),
        ("floor", (1.7, -1.7), (1, -2)),
        ("ceiling", (1.2, -1.7), (2, -1)),
        ("3 decimals", (1.2345,), (1.234,)),
        ("absolute", (-2, 3), (2, 3)),
        ("negative to 0", (-2, 3), (0, 3)),
        ("clipped at 100", (-200, 50, 101), (-100, 50, 100)),
        ("clipped as a signed byte", (-200, 200), (-128, 127)),
        ("clipped as a ReLU6", (-2, 3, 7), (0, 3, 6)),
        ("wrapped as an unsigned byte", (300, -1, 255), (44, 255, 255)),
        ("wrapped as a signed byte", (128, -129, 5), (-128, 127, 5)),
        ("below 0.001 to 0", (1e-3, 9e-4, -9e-4), (1e-3, 0, 0)),
        ("NaN to 0", (_NAN, _INF, 2), (0, _INF, 2)),
        ("not finite to 0", (_NAN, -_INF, 2), (0, 0, 2)),
        ("infinite to NaN", (_INF, 2), (_NAN, 2)),
        ("infinite to 65504", (_INF, -_INF, _NAN), (65504, -65504, _NAN)),
        ("sign of infinities", (-_INF, -2), (_INF, -2)),
        ("subnormal to 0 (float32)", (1e-38, 2e-38), (0, 2e-38)),
    ],
)
def test_numbers(key: str, values: tuple[float, ...], made: tuple[float, ...]) -> None:
    np.testing.assert_array_equal(of(key, *values), made)


def test_signs_of_zero() -> None:
    assert np.signbit(of("0 to -0", 0.0, 1.0)).tolist() == [True, False]
    assert np.signbit(of("-0 to 0", -0.0, -1.0)).tolist() == [False, True]


@pytest.mark.parametrize("one", NUMBERS, ids=[one.key for one in NUMBERS])
def test_each_leaves_some_number_and_changes_another(one: Number) -> None:
    """Else it would be no rounding, or everything would be one."""
    values = np.concatenate([[0.0, 1.0], *((v, -v, 1.1 * v, -1.7 * v) for v in 10.0 ** np.arange(-16, 12))])
    with np.errstate(all="ignore"):
        kept = one.of(values.copy()) == values
    assert kept.any()
    assert not kept.all()


def test_keys_are_unique_and_sentences_have_a_place_for_what() -> None:
    keys = [one.key for one in (*NUMBERS, *SPECIAL)]
    assert len(set(keys)) == len(keys)
    assert all("{what}" in one.says and one.mend for one in (*NUMBERS, *SPECIAL))
