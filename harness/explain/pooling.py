"""The windows as pooling sees them: padding is no pixel, and each channel has windows of its own."""

from __future__ import annotations

from harness.explain.columns import values
from harness.explain.document import Section, Table, rows_of
from harness.geometry.spec import ConvSpec
from harness.geometry.windows import meets_pixel, why_not_pooled
from harness.results.words import digits


def windows(spec: ConvSpec, most: int) -> Section:
    """Pixels, maximum and both means of every window of the first channel of the first image."""
    title = "Pooling: each window becomes one number"
    reason = why_not_pooled(spec)
    if reason is not None:
        return Section(title, [f"There is no pooling with this geometry: {reason}."])
    seen, columns = meets_pixel(spec), values(spec)[0]
    rows = []
    for l in range(spec.positions):
        pixels = [int(columns[tap, l]) for tap in range(spec.taps) if seen[tap, l]]
        total = sum(pixels)
        rows.append(
            [f"l{l}", " ".join(map(str, pixels)), str(max(pixels)), _mean(total, spec.taps), _mean(total, len(pixels))]
        )
    shown, note = rows_of(rows, most, "windows")
    return Section(
        title,
        [
            f"Every channel has its own windows; groups and filters play no part. The result has shape "
            f"{spec.pooled_shape}.",
            Table(("window", "its pixels", "maximum", "mean of its taps", "mean of its pixels"), shown), *note,
            "The maximum never takes padding: zeros around the image would win over negative pixels. Its gradient goes "
            "to the one pixel that was the maximum, of equal ones to the first. The mean of the taps counts padding as "
            "zeros (avg_pool2d); the mean of the pixels leaves it out (avg_pool2d_exclude_padding). Its gradient is "
            "shared alike, and col2im adds the shares of windows that overlap.",
        ],
    )  # fmt: skip


def _mean(total: int, count: int) -> str:
    return f"{total} / {count} = {digits(total / count)}"
