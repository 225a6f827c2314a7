"""Numbers in words."""

from __future__ import annotations

import pytest

from harness.results.words import duration


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (3e-7, "0.30 us"),
        (2.5e-5, "25 us"),
        (0.0021, "2.1 ms"),
        (1.5, "1.5 s"),
        (119, "2.0 min"),
        (2460, "41 min"),
        (8000, "2.2 h"),
    ],
)
def test_durations_in_words(value: float, text: str) -> None:
    assert duration(value, 2) == text
