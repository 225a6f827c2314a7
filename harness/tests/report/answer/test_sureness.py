"""How far ratios can be relied on, beside the answer."""

from __future__ import annotations

from harness.report.answer.sureness import sureness
from harness.tests.helpers.runfiles import make_row


def test_the_middle_of_the_layers_is_told() -> None:
    """Intervals of a factor of 1.21, 1.44 and 4 about their middle: the middle is ±20 %; the baseline has none."""
    ratios = [(1.0, 1.0, 1.21), (0.5, 0.5, 0.72), (2.0, 1.0, 4.0)]
    rows = [make_row("mine", 1.0, f"net:{n}", ratio=ratio) for n, ratio in enumerate(ratios)]
    base = [make_row("torch_native", 1.0, ratio=(1, 1, 1))] * 9
    assert sureness([*rows, *base, make_row("lame", status="fail")], "torch_native").startswith(
        "How sure: on a single layer a ratio is the median of 11 pairs of calls, known to about ±20 %;"
    )
    assert sureness(base, "torch_native") == ""
