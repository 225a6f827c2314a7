"""What `harness train` shows: every backend, those that are wrong on purpose, and the times of an epoch."""

from __future__ import annotations

from harness.cli import terminal
from harness.results import words
from harness.results.training.records import EpochTime, HeldClaim, TrainedBackend, TrainReport


def show(report: TrainReport) -> None:
    """Tables and lines on stdout; nothing of what is not there."""
    epochs, steps = words.plural(report.epochs, "epoch"), words.plural(len(report.oracle), "step")
    title = f"{report.network}, {report.images:,} images, {epochs} = {steps}, float64, seed {report.seed}"
    if report.backends:
        against = f"from {report.backends[0].backend} / bound"
        terminal.table(
            title,
            ("backend", "verdict", "test accuracy", "from oracle / bound", against, "an epoch"),
            [_row(one) for one in report.backends],
        )
    for one in report.wrong_on_purpose:
        said = one.reason or "NOT SEEN: it stays within the bound, which is therefore too wide"
        terminal.show(f"wrong on purpose: {one.backend}: {said}")
    if report.quick and report.backends:
        terminal.show(f"the accuracy says nothing yet: {steps} on so few images are too little to learn from")
    if report.times:
        _show_times(report)


def _show_times(report: TrainReport) -> None:
    slowest = max(report.times, key=lambda one: one.seconds)
    terminal.show("")
    terminal.table(
        "lenet5, 60,000 random images of 28x28, float32, 1 thread",
        ("backend", "an epoch", f"faster than {slowest.backend}", "how"),
        [
            [one.backend, words.duration(one.seconds), _times(slowest.seconds / one.seconds), _how(one)]
            for one in report.times
        ],
    )
    terminal.show("")
    terminal.table(
        "published claims, on this network and machine",
        ("claim", "compared here", "claimed", "measured", "verdict"),
        [_claim(one) for one in report.claims],
    )


def _row(one: TrainedBackend) -> list[str | terminal.Styled]:
    said = f"{one.verdict}: {one.reason}" if one.reason else str(one.verdict)
    return [
        one.backend,
        terminal.Styled(said, one.verdict.colour),
        "" if one.accuracy is None else f"{100 * one.accuracy:.1f} %",
        _share(one.share, one),
        _share(one.share_of_first, one),
        ("" if one.epoch_seconds is None else words.duration(one.epoch_seconds)) + (" (child)" if one.isolated else ""),
    ]


def _share(share: float | None, one: TrainedBackend) -> str:
    if share is None:
        return "no number" if one.losses else ""
    return f"{share:.2g}"


def _how(one: EpochTime) -> str:
    found = f"{words.plural(one.steps, 'step')} of {one.batch} images"
    if one.predicted:
        found = f"predicted from a slice: {found}"
    return f"{found}, the way to its process included" if one.isolated else found


def _claim(one: HeldClaim) -> list[str]:
    pair = f"{one.fast} over {one.slow}"
    if one.measured is None:
        return [one.claim, pair, _times(one.claimed), "not measured", "not tested"]
    return [one.claim, pair, _times(one.claimed), _times(one.measured),
            "holds" if one.measured >= one.claimed else "does not hold"]  # fmt: skip


def _times(factor: float) -> str:
    return f"{words.digits(factor)}x"
