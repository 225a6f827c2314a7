"""Numbers as a person would write them: durations, bytes, ratios, shares.

Three significant digits below 1000: the intervals of the measurements do not support a fourth.
"""

from __future__ import annotations

import math

from harness.contract.status import Speed

_UNITS = (("us", 1e-6, 1e-3), ("ms", 1e-3, 1.0), ("s", 1.0, 120.0), ("min", 60.0, 7200.0), ("h", 3600.0, math.inf))


def duration(seconds: float, significant: int = 3) -> str:
    """A time, in the unit that a person would use; two digits are enough for a prediction.

    >>> duration(7.3e-05), duration(0.004652), duration(1.5), duration(2460, 2), duration(0.0021, 2)
    ('73.0 us', '4.65 ms', '1.50 s', '41 min', '2.1 ms')
    """
    for unit, size, limit in _UNITS:
        if float(f"{seconds:.{significant}g}") < limit:
            return f"{digits(seconds / size, significant)} {unit}"
    raise ValueError(f"a duration must be a number, got {seconds!r}")


def size(count: float) -> str:
    """Bytes.

    >>> size(900), size(3_000_000)
    ('900 B', '2.86 MiB')
    """
    for unit, scale in (("B", 1), ("KiB", 2**10), ("MiB", 2**20)):
        if count < 1024 * scale:
            return f"{count} B" if scale == 1 else f"{digits(count / scale)} {unit}"
    return f"{digits(count / 2**30)} GiB"


def digits(value: float, significant: int = 3) -> str:
    """Three significant digits (or as many as asked for), never in the e-notation, none of the whole part cut.

    >>> digits(0.01234), digits(9.996), digits(123.4), digits(1234567), digits(41.3, 2)
    ('0.0123', '10.0', '123', '1234567', '41')
    """
    if value == 0 or not math.isfinite(value):
        return f"{value:g}"
    rounded = float(f"{value:.{significant}g}")
    places = max(0, significant - 1 - math.floor(math.log10(abs(rounded))))
    return f"{rounded if places else value:.{places}f}"


def in_words(ratio: float) -> str:
    """A ratio of times as people say it.

    >>> in_words(0.172), in_words(2.0), in_words(1.0)
    ('5.8x faster', '2.0x slower', 'same')
    """
    factor = 1 / ratio if ratio < 1 else ratio
    text = f"{factor:.1f}" if factor < 100 else f"{factor:.0f}"
    return "same" if text == "1.0" else f"{text}x {'faster' if ratio < 1 else 'slower'}"


def compared(ratio: float) -> str:
    """A ratio of times in words; small differences in per cent, where "1.0x" would say nothing.

    >>> compared(0.172), compared(3.1), compared(1.03), compared(1.001)
    ('5.8x faster', '3.1x slower', '3 % slower', 'same')
    """
    text = in_words(ratio)
    per_cent = round(100 * abs(ratio - 1))
    return text if text != "same" or per_cent == 0 else f"{per_cent} % {'faster' if ratio < 1 else 'slower'}"


def verdict(found: Speed, ratio: float) -> str:
    """A verdict as people say it, with how much where it is one of speed.

    >>> verdict(Speed.FASTER, 0.172), verdict(Speed.SLOWER, 1.04), verdict(Speed.UNCLEAR, 1.2)
    ('5.8x faster', '4 % slower', 'unclear')
    """
    return compared(ratio) if found in (Speed.FASTER, Speed.SLOWER) else found.marker


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


def plural(count: int, word: str, more: str = "") -> str:
    """A number with its noun; `more` is a plural that is not made with an s.

    >>> plural(1, "layer"), plural(3, "layer"), plural(2, "process", "processes")
    ('1 layer', '3 layers', '2 processes')
    """
    return f"{count} {word}" if count == 1 else f"{count} {more or word + 's'}"
