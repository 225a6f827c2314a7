"""The history over commits, from asv's own result files: one time of each op and backend for each commit.

asv's site asks the network for its scripts; these files are all that it shows. A commit may have been measured on other
layers than the next, so each time is the geometric mean over the layers that all commits of a backend have.
"""

from __future__ import annotations

import ast
import itertools
import json
import math
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from statistics import geometric_mean
from typing import Any, NamedTuple

import msgspec
from msgspec import Struct

from harness.geometry.spec import ALL_OPS
from harness.results.writing import ResultsError
from harness.telling import one_line

_OF_CLASS = {"".join(part.capitalize() for part in op.split("_")): op for op in ALL_OPS}  # as the asv suite names them
_MACHINE = "machine.json"


class Point(NamedTuple):
    """One commit: when it was made, and the geometric mean of the seconds of a call."""

    commit: str
    made: datetime
    seconds: float


class Series(NamedTuple):
    """One op, dtype and backend over commits, the oldest first; all over the same layers."""

    op: str
    dtype: str
    backend: str
    layers: tuple[str, ...]
    points: tuple[Point, ...]


class History(NamedTuple):
    """All series of one asv machine, and a line on each file or series that cannot be used."""

    series: list[Series]
    left_out: list[str]


class _Recorded(Struct):
    """What is read of asv's result file, version 2."""

    commit_hash: str
    date: int  # of the commit, in milliseconds
    result_columns: list[str]
    results: dict[str, list[Any]]
    version: int


_Key = tuple[str, str, str]  # op, dtype and backend
_Times = dict[str, float]  # by layer


def asv_folder(results: Path, machine: str, threads: int, allocator: str) -> Path:
    """Where asv keeps what was measured on a machine under these conditions."""
    return results / "asv" / f"{machine}-t{threads}-{allocator}"


def read_history(folder: Path) -> History:
    """Every series in a folder of asv's results; none without such a folder."""
    found: dict[_Key, dict[Point, _Times]] = {}
    left_out: list[str] = []
    for path in sorted(folder.glob("*.json")):
        if path.name == _MACHINE:
            continue
        try:
            recorded = _read(path)
            times = dict(_times(recorded))
        except ResultsError as error:
            left_out.append(str(error))
            continue
        made = datetime.fromtimestamp(recorded.date / 1000, UTC)
        for key, of_layers in times.items():
            found.setdefault(key, {})[Point(recorded.commit_hash, made, math.nan)] = of_layers
    series = []
    for key, of_commits in found.items():
        common = set.intersection(*map(set, of_commits.values()))
        if common:
            series.append(_series(key, of_commits, common))
        else:
            left_out.append(f"{key[2]}, {key[0]} in {key[1]}: no layer was measured at every commit")
    return History(sorted(series, key=lambda one: (ALL_OPS.index(one.op), one.dtype)), left_out)


def _series(key: _Key, of_commits: Mapping[Point, _Times], common: set[str]) -> Series:
    layers = tuple(name for name in next(iter(of_commits.values())) if name in common)
    points = [
        point._replace(seconds=geometric_mean(times[name] for name in layers)) for point, times in of_commits.items()
    ]
    return Series(*key, layers, tuple(sorted(points, key=lambda point: (point.made, point.commit))))


def _read(path: Path) -> _Recorded:
    """One file. Raises `ResultsError` naming it. Its NaN, for what was skipped, is no JSON; Python reads it."""
    try:
        recorded = msgspec.convert(json.loads(path.read_bytes()), _Recorded)
    except OSError as error:
        raise ResultsError(f"{path} cannot be read: {error.strerror}") from error
    except (ValueError, RecursionError) as error:
        raise ResultsError(f"{path} is no result of asv: {one_line(error)}") from error
    if recorded.version != 2:
        raise ResultsError(f"{path}: asv's results must be of version 2, got {recorded.version}")
    return recorded


def _times(recorded: _Recorded) -> Iterator[tuple[_Key, _Times]]:
    """The times of one commit. Raises `ResultsError` for a record of another form than our suite has."""
    found: dict[_Key, _Times] = {}
    try:
        for name, values in recorded.results.items():
            op = _OF_CLASS.get(name.split(".")[1]) if name.endswith(".track_seconds") else None
            if op is None:
                continue
            row = dict(zip(recorded.result_columns, values, strict=False))
            layers, dtypes, backends = ([str(ast.literal_eval(text)) for text in words] for words in row["params"])
            cells = itertools.product(layers, dtypes, backends)
            for (layer, dtype, backend), seconds in zip(cells, row["result"] or (), strict=False):
                if isinstance(seconds, float) and math.isfinite(seconds) and seconds > 0:
                    found.setdefault((op, dtype, backend), {})[layer] = seconds
    except (KeyError, ValueError, TypeError, IndexError, SyntaxError) as error:
        raise ResultsError(
            f"asv's record of {recorded.commit_hash[:8]} is not of our suite: {one_line(error)}"
        ) from error
    yield from found.items()
