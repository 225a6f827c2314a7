"""Numbers as a person would write them: units change where a person would, and nothing is rounded into another one."""

from __future__ import annotations

import math

import pytest

from harness.results import words


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0 us"), (7.3e-8, "0.0730 us"), (7.3e-5, "73.0 us"), (9.994e-4, "999 us"), (9.996e-4, "1.00 ms"),
        (0.004652, "4.65 ms"), (0.9994, "999 ms"), (0.9996, "1.00 s"), (1.5, "1.50 s"), (119.4, "119 s"),
        (119.6, "1.99 min"), (120, "2.00 min"), (3600, "60.0 min"), (5400, "90.0 min"), (7194, "120 min"),
        (7200, "2.00 h"), (36_000, "10.0 h"),
    ],
)  # fmt: skip
def test_a_duration_is_in_the_unit_that_a_person_would_use(seconds: float, text: str) -> None:
    assert words.duration(seconds) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(2460, "41 min"), (0.0021, "2.1 ms"), (0.996, "1.0 s"), (114, "114 s"), (116, "1.9 min"), (9000, "2.5 h")],
)
def test_a_prediction_has_two_digits(seconds: float, text: str) -> None:
    """116 s would be 120 s, which is written in minutes; no digit of the whole part is cut: 114 s."""
    assert words.duration(seconds, 2) == text


@pytest.mark.parametrize("seconds", [math.inf, math.nan])
def test_what_is_no_number_is_no_duration(seconds: float) -> None:
    with pytest.raises(ValueError, match=f"a duration must be a number, got {seconds!r}"):
        words.duration(seconds)


@pytest.mark.parametrize(
    ("count", "text"),
    [
        (0, "0 B"), (5, "5 B"),
        (900, "900 B"), (1023, "1023 B"), (1024, "1.00 KiB"), (1536, "1.50 KiB"), (2**20 - 1, "1024 KiB"),
        (2**20, "1.00 MiB"), (3_000_000, "2.86 MiB"), (2**30 - 1, "1024 MiB"), (2**30, "1.00 GiB"),
        (3 * 2**40, "3072 GiB"),
    ],
)  # fmt: skip
def test_bytes_are_in_powers_of_1024(count: int, text: str) -> None:
    assert words.size(count) == text


@pytest.mark.parametrize(
    ("value", "significant", "text"),
    [
        (0.01234, 3, "0.0123"), (9.996, 3, "10.0"), (99.96, 3, "100"), (123.4, 3, "123"), (123.6, 3, "124"),
        (1234567, 3, "1234567"), (41.3, 2, "41"), (0.996, 2, "1.0"), (1.005e-7, 3, "0.000000101"), (-2.346, 3, "-2.35"),
        (0, 3, "0"), (math.inf, 3, "inf"), (math.nan, 3, "nan"),
    ],
)  # fmt: skip
def test_three_digits_unless_the_whole_part_has_more(value: float, significant: int, text: str) -> None:
    assert words.digits(value, significant) == text


@pytest.mark.parametrize(
    ("ratio", "said", "closely"),
    [
        (0.172, "5.8x faster", ""), (0.005, "200x faster", ""), (2.0, "2.0x slower", ""), (3.14, "3.1x slower", ""),
        (99.9, "99.9x slower", ""), (100, "100x slower", ""), (1234.5, "1234x slower", ""), (1.06, "1.1x slower", ""),
        (1.04, "same", "4 % slower"), (0.97, "same", "3 % faster"), (1.006, "same", "1 % slower"),
        (1.0448, "same", "4 % slower"),
        (0.994, "same", "1 % faster"), (1.004, "same", "same"), (0.996, "same", "same"), (1.0, "same", "same"),
    ],
)  # fmt: skip
def test_a_ratio_of_times_below_one_is_faster(ratio: float, said: str, closely: str) -> None:
    assert words.in_words(ratio) == said
    assert words.compared(ratio) == (closely or said)


@pytest.mark.parametrize(
    ("low", "high", "text"),
    [
        (0.4, 0.6, "2.0x faster"), (0.4, 0.999, "2.0x faster"), (0.4, 1.0, "same"), (0.4, 1.2, "same"),
        (1.0, 1.2, "same"), (1.001, 1.2, "2.0x faster"),
    ],
)  # fmt: skip
def test_it_is_the_same_where_the_interval_holds_one(low: float, high: float, text: str) -> None:
    assert words.judged(0.5, low, high) == text


def test_an_interval_has_the_ratio_first() -> None:
    assert words.interval(0.172, 0.1661, 12.345) == "0.172 [0.166, 12.3]"


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "0.0 %"), (0.0002, "< 0.1 %"), (0.00099, "< 0.1 %"), (0.001, "0.1 %"), (0.034, "3.4 %"), (0.0994, "9.9 %"),
        (0.0995, "10 %"), (0.5, "50 %"), (1.2, "120 %"),
    ],
)  # fmt: skip
def test_a_share_is_in_per_cent(value: float, text: str) -> None:
    assert words.share(value) == text


def test_one_has_no_s() -> None:
    assert [words.plural(count, "layer") for count in (0, 1, 2)] == ["0 layers", "1 layer", "2 layers"]
