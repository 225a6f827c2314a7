"""Numbers as a person would write them, and the reasons why a number is missing.

Three significant digits below 1000: the intervals of the measurements do not support a fourth.
"""

from __future__ import annotations

import math
from typing import Any

from harness.results import ratios
from harness.timing.predict import human


def duration(seconds: float) -> str:
    """A measured time.

    >>> duration(7.3e-05), duration(0.004652), duration(1.5)
    ('73.0 us', '4.65 ms', '1.50 s')
    """
    for unit, size in (("us", 1e-6), ("ms", 1e-3)):
        if seconds < 999.5 * size:
            return f"{digits(seconds / size)} {unit}"
    return f"{digits(seconds)} s"


def size(count: float) -> str:
    """Bytes.

    >>> size(900), size(3_000_000)
    ('900 B', '2.86 MiB')
    """
    for unit, scale in (("B", 1), ("KiB", 2**10), ("MiB", 2**20)):
        if count < 1024 * scale:
            return f"{count} B" if scale == 1 else f"{digits(count / scale)} {unit}"
    return f"{digits(count / 2**30)} GiB"


def digits(value: float) -> str:
    """Three significant digits, never in the e-notation.

    >>> digits(0.01234), digits(9.996), digits(123.4), digits(1234567)
    ('0.0123', '10.0', '123', '1234567')
    """
    if value == 0 or not math.isfinite(value):
        return f"{value:g}"
    rounded = float(f"{value:.3g}")
    return f"{value if abs(value) >= 1000 else rounded:.{max(0, 2 - math.floor(math.log10(abs(rounded))))}f}"


def compared(ratio: float) -> str:
    """A ratio of times in words; small differences in per cent, where "1.0x" would say nothing.

    >>> compared(0.172), compared(3.1), compared(1.03), compared(1.001)
    ('5.8x faster', '3.1x slower', '3 % slower', 'same')
    """
    text = ratios.in_words(ratio)
    per_cent = round(100 * abs(ratio - 1))
    return text if text != "same" or per_cent == 0 else f"{per_cent} % {'faster' if ratio < 1 else 'slower'}"


def judged(ratio: float, low: float, high: float) -> str:
    """As `compared`, but "same" where the interval of the ratio holds 1."""
    return "same" if low <= 1 <= high else compared(ratio)


def interval(ratio: float, low: float, high: float) -> str:
    """The ratio itself: time / time of the baseline, with its interval.

    >>> interval(0.172, 0.166, 0.178)
    '0.172 [0.166, 0.178]'
    """
    return f"{digits(ratio)} [{digits(low)}, {digits(high)}]"


def share(value: float) -> str:
    """A part of a ceiling.

    >>> share(0.034), share(1.2), share(0.0002)
    ('3.4 %', '120 %', '< 0.1 %')
    """
    if 0 < value < 0.001:
        return "< 0.1 %"
    return f"{100 * value:.1f} %" if value < 0.0995 else f"{100 * value:.0f} %"


def missing(status: str, reason: str, predicted: float | None) -> str:
    """Why a cell has no time; the whole reason stays in its tool tip and in the CSV."""
    if status == "over_budget" and present(predicted):
        return f"over budget: predicted {human(float(predicted or 0))} a call"
    label = status.replace("_", " ")
    return f"{label}: {reason}" if reason else label


def present(value: Any) -> bool:
    """Whether a field of a frame holds a number: pandas turns None into NaN."""
    return value is not None and not (isinstance(value, float) and math.isnan(value))


def plural(count: int, word: str) -> str:
    """A number with its noun.

    >>> plural(1, "layer"), plural(3, "layer")
    ('1 layer', '3 layers')
    """
    return f"{count} {word}" if count == 1 else f"{count} {word}s"


def commits(hashes: list[str], dirty: bool) -> str:
    """The code that was measured, in short."""
    known = [h[:8] if h else "unknown" for h in dict.fromkeys(hashes)]
    name = " and ".join(known[:2]) + (f" and {len(known) - 2} more" if len(known) > 2 else "")
    return f"{'commit' if len(known) == 1 else 'commits'} {name}{' + uncommitted changes' if dirty else ''}"


def between(text: str, begin: str, end: str, new: str) -> str:
    """The text with what stands between two marks exchanged.

    >>> between("a<old>b", "<", ">", "new")
    'a<new>b'
    """
    before, found, rest = text.partition(begin)
    _, closed, after = rest.partition(end)
    if not (found and closed):
        raise ValueError(f"the text has no {begin.strip()} .. {end.strip()}")
    return before + begin + new + end + after
