"""What `harness compare` shows: verdicts and paired ratios per layer, what they rest on, then geometric means."""

from __future__ import annotations

from collections.abc import Sequence

from harness.cli import terminal
from harness.contract.status import Speed
from harness.results import words
from harness.results.records import ComparisonMean, ComparisonRow

_SHOWN = 5  # reasons of unclear rows; the JSON has all


def show(
    rows: Sequence[ComparisonRow],
    means: Sequence[ComparisonMean],
    conditions: str,
    floor: float,
    itself: Sequence[ComparisonRow] = (),
) -> None:
    """Two tables on stdout; the columns of limits only where a device has measured its own. Nothing without a row."""
    if not rows:
        return
    a = rows[0].a
    lines: list[list[str | terminal.Styled]] = []
    for row in rows:
        said, ratio = terminal.Styled(f"{row.status}: {row.reason}", row.status.colour), ""
        if row.ratio is not None and row.low is not None and row.high is not None and row.verdict is not None:
            said = terminal.Styled(words.verdict(row.verdict, row.ratio), row.verdict.colour)
            ratio = f"{row.ratio:.3f} [{row.low:.3f}, {row.high:.3f}]"
        shares = [_share(row.a_share, row.a_bound), _share(row.b_share, row.b_bound)]
        lines.append([row.shape, row.op, row.dtype, row.b, said, ratio, str(row.pairs), *shares])
    plain = ["layer", "op", "dtype", "against", f"{a} is", "time ratio [95 %]", "pairs"]
    header = [*plain, f"{a}'s limit", "peer's limit"]
    known = [i for i in range(len(header)) if i < len(plain) or any(line[i] for line in lines)]
    terminal.table(f"{a}, {conditions}", [header[i] for i in known], [[line[i] for i in known] for line in lines])
    for note in notes(rows, floor, itself):
        terminal.show(note)
    terminal.show("")
    said_means = [
        [m.op, m.dtype, m.b, words.in_words(m.ratio) if m.ratio else "not measured", str(m.layers)] for m in means
    ]
    terminal.table("geometric means", ("op", "dtype", "against", f"{a} is", "layers"), said_means)


def notes(rows: Sequence[ComparisonRow], floor: float, itself: Sequence[ComparisonRow]) -> list[str]:
    """Why some rows are unclear, and what the verdicts of all rest on."""
    unclear = [row for row in rows if row.verdict is Speed.UNCLEAR]
    found = [f"unclear: {row.shape} {row.op} against {row.b}: {row.reason}" for row in unclear[:_SHOWN]]
    if len(unclear) > _SHOWN:
        found.append(f"unclear: {len(unclear) - _SHOWN} rows more; --json FILE has all reasons")
    timed = [row for row in itself if row.ratio is not None]
    noise = f"noise of this machine: {100 * floor:.1f} %"
    if timed:
        where = " and ".join(f"{row.op} on {row.shape}" for row in timed)
        return [*found, f"{noise}, from {timed[0].a} against itself ({where}); less is no difference"]
    return [*found, f"{noise} at least; it was not measured, as {rows[0].a} has no time against itself"]


def _share(share: float | None, bound: str | None) -> str:
    """How near one side is to the nearer limit of its device; empty where that is not known."""
    return "" if share is None or bound is None else f"{share:.0%} of {bound.removeprefix('of ')}"
