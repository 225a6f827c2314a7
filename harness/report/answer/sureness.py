"""How far the ratios of a page can be relied on, in one sentence that stands beside the answer."""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import median

from harness.report.measured.rows import Row
from harness.results import words


def sureness(rows: Sequence[Row], baseline: str) -> str:
    """The middle half-width of the intervals of single layers, and the number of pairs; empty without a ratio."""
    ratios = [row.ratio for row in rows if row.ratio and row.cell.backend != baseline]
    if not ratios:
        return ""
    half = median(math.sqrt(ratio.high / ratio.low) - 1 for ratio in ratios)
    pairs = words.plural(round(median(ratio.pairs for ratio in ratios)), "pair")
    return (
        f"How sure: on a single layer a ratio is the median of {pairs} of calls, known to about ±{100 * half:.0f} %; "
        "a mean over layers hides how much they differ, which its cell tells on hover and the tables layer by layer."
    )
