"""The document of `harness train --json`, as typed records, and how it is read back.

A loss that is no finite number is null: JSON has none.
"""

from __future__ import annotations

from pathlib import Path

import msgspec
from msgspec import Struct, field

from harness.contract.status import Verdict
from harness.results.reading import parsed, printable
from harness.results.records import SCHEMA, Machine
from harness.results.writing import ResultsError
from harness.telling import one_line


class TrainedBackend(Struct, frozen=True, kw_only=True):
    """One backend: its losses, and what they say of it.

    `share` is the largest difference from the oracle in units of the bound, `share_of_first` that from the first
    backend; null where nothing was trained or a loss is no number. Steps are counted from 1.
    """

    backend: str
    verdict: Verdict
    reason: str = ""
    losses: list[float | None] = field(default_factory=list)
    share: float | None = None
    share_of_first: float | None = None
    diverges_at: int | None = None
    accuracy: float | None = None  # on the images that nobody learned from
    epoch_seconds: float | None = None
    isolated: bool = False  # in a process of its own, the way there is in its time


class EpochTime(Struct, frozen=True, kw_only=True):
    """Seconds that one backend takes for 60,000 images of MNIST's size, from steps of `batch` images."""

    backend: str
    seconds: float
    batch: int
    steps: int
    predicted: bool  # from a slice of a batch: a whole one takes too long
    isolated: bool = False


class HeldClaim(Struct, frozen=True, kw_only=True):
    """What an article claims of `fast` over `slow`, and what was measured on the same work; null if nothing was."""

    claim: str
    source: str
    slow: str
    fast: str
    claimed: float
    measured: float | None


class TrainReport(Struct, frozen=True, kw_only=True):
    """Everything that one call found."""

    schema: int
    machine: Machine
    network: str
    seed: int
    epochs: int
    batch: int
    rate: float
    momentum: float
    images: int
    test_images: int
    quick: bool
    oracle: list[float]
    allowed: list[float]
    backends: list[TrainedBackend]
    wrong_on_purpose: list[TrainedBackend]
    times: list[EpochTime] = field(default_factory=list)
    claims: list[HeldClaim] = field(default_factory=list)
    partial: bool = False


def read(path: Path) -> TrainReport | None:
    """The document in a file; None if there is no file. Raises `ResultsError` if it cannot be used."""
    try:
        text = path.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise ResultsError(f"{str(path)!r} cannot be read: {error.strerror or error}") from error
    try:
        found = msgspec.convert(parsed(text), TrainReport)
    except (ValueError, msgspec.ValidationError) as error:
        raise ResultsError(f"{str(path)!r} is no document of harness train --json: {one_line(error)}") from error
    if found.schema != SCHEMA:
        raise ResultsError(f"{str(path)!r} has schema {found.schema}, and this harness reads {SCHEMA}")
    kept: TrainReport = printable(found)
    return kept
