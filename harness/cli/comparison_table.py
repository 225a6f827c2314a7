"""What `harness compare` shows: paired ratios per layer, then their geometric means."""

from __future__ import annotations

from collections.abc import Sequence

from harness.cli.terminal import table
from harness.results import words
from harness.results.records import ComparisonMean, ComparisonRow


def show(rows: Sequence[ComparisonRow], means: Sequence[ComparisonMean], conditions: str) -> None:
    """Two tables on stdout; the columns of limits only where a device has measured its own. Nothing without a row."""
    if not rows:
        return
    a = rows[0].a
    lines = []
    for row in rows:
        said, ratio = f"{row.status}: {row.reason}", ""
        if row.ratio is not None and row.low is not None and row.high is not None:
            said = words.judged(row.ratio, row.low, row.high)
            ratio = f"{row.ratio:.3f} [{row.low:.3f}, {row.high:.3f}]"
        shares = [_share(row.a_share, row.a_bound), _share(row.b_share, row.b_bound)]
        lines.append([row.shape, row.op, row.dtype, row.b, said, ratio, str(row.pairs), *shares])
    plain = ["layer", "op", "dtype", "against", f"{a} is", "time ratio [95 %]", "pairs"]
    header = [*plain, f"{a}'s limit", "peer's limit"]
    known = [i for i in range(len(header)) if i < len(plain) or any(line[i] for line in lines)]
    table(f"{a}, {conditions}", [header[i] for i in known], [[line[i] for i in known] for line in lines])
    print()
    said_means = [
        [m.op, m.dtype, m.b, words.in_words(m.ratio) if m.ratio else "not measured", str(m.layers)] for m in means
    ]
    table("geometric means", ("op", "dtype", "against", f"{a} is", "layers"), said_means)


def _share(share: float | None, bound: str | None) -> str:
    """How near one side is to the nearer limit of its device; empty where that is not known."""
    return "" if share is None or bound is None else f"{share:.0%} of {bound.removeprefix('of ')}"
