"""What is to be reached (goals.csv) and what was (documents of `harness compare --json`), from one folder."""

from __future__ import annotations

import csv
from collections.abc import Callable
from dataclasses import dataclass
from math import prod
from pathlib import Path

import msgspec

from harness.geometry.spec import ConvSpec
from harness.results.reading import parsed
from harness.results.records import Comparison, ComparisonRow
from harness.results.writing import ResultsError
from harness.telling import named

COPY = "device copy"  # what a goal is against that is no peer: the copy bandwidth of the device
# Of a row and its geometry. An H200 has 60 MB of cache: with 128 MiB in all, most of either array is in memory.
KINDS: dict[str, Callable[[ComparisonRow, ConvSpec], bool]] = {
    "": lambda row, spec: True,
    "dense 3x3": lambda row, spec: (
        (spec.kernel_size, spec.stride, spec.dilation) == ((3, 3), (1, 1), (1, 1))
        and min(spec.in_channels, spec.out_channels) >= 12 * spec.groups
    ),
    "ResNet-50": lambda row, spec: "resnet50" in row.shape,
    "beyond 128 MiB": lambda row, spec: "resnet50" in row.shape and spec.min_bytes(row.op, row.dtype) > 2**27,
    "beyond 2^31 elements": lambda row, spec: prod(spec.x_shape) > 2**31,
}


@dataclass(frozen=True, slots=True)
class Goal:
    """The geometric mean to reach over all layers, and what no layer should be below, if anything."""

    backend: str
    op: str
    dtype: str
    against: str
    mean: float
    floor: float | None
    layers: str  # of what kind; all, if empty

    def is_about(self, row: ComparisonRow) -> bool:
        """Whether the row is of the goal's op, dtype and kind of layers; it may be of other backends."""
        same = (row.op, row.dtype) == (self.op, self.dtype)
        return same and KINDS[self.layers](row, ConvSpec.parse(row.spec))


def read_goals(folder: Path) -> list[Goal]:
    """Those of goals.csv. Raises `ResultsError` for a line that is no goal, or of layers of no known kind."""
    path, found = folder / "goals.csv", []
    with path.open(encoding="utf-8", newline="") as file:
        for number, row in enumerate(csv.DictReader(file), start=2):
            try:
                floor = float(row["floor"]) if row["floor"] else None
                found.append(Goal(
                    backend=row["backend"], op=row["op"], dtype=row["dtype"], against=row["against"],
                    mean=float(row["goal"]), floor=floor, layers=row["layers"],
                ))  # fmt: skip
                KINDS[row["layers"]]
            except (KeyError, TypeError, ValueError) as error:
                raise ResultsError(f"{str(path)!r}: line {number} is no goal: {named(error)}") from error
    return found


def read_comparisons(folder: Path) -> list[Comparison]:
    """The comparisons among the JSON files, in the order of their names; other documents are left out.

    Raises `ResultsError` for a file that is no JSON, or a comparison with a field that is missing or wrong.
    """
    found = []
    for path in sorted(folder.glob("*.json")):
        try:
            document = parsed(path.read_bytes())
            if isinstance(document, dict) and "rows" in document:  # not the list that `harness check` writes
                found.append(msgspec.convert(document, Comparison))
        except ValueError as error:
            raise ResultsError(f"{str(path)!r} is no record of `harness compare --json`: {error}") from error
    return found
