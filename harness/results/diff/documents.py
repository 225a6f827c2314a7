"""Reads what `harness diff` compares: documents of `check --json` and `compare --json`, and run files."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
from msgspec import Struct, field

from harness.contract.status import CellStatus, Status, Verdict
from harness.results import ratios, run_files
from harness.results.reading import parsed
from harness.results.records import SCHEMA, Cell, Comparison, ComparisonRow, RunEnd
from harness.results.writing import ResultsError
from harness.telling import one_line


class CheckStatus(Struct, frozen=True, kw_only=True):
    """One check, op and dtype, as far as it is compared."""

    id: str
    op: str
    dtype: str
    status: Status
    optional: bool = False
    reason: str = ""
    repro: str = ""
    diagnosis: list[str] = field(default_factory=list)


class BackendStatus(Struct, frozen=True, kw_only=True):
    """One backend of the suite, as far as it is compared."""

    backend: str
    suite_version: str
    verdict: Verdict
    reason: str = ""
    tier: int | None = None
    seed: int | None = None
    shard: str = ""
    cut: str = ""
    checks: list[CheckStatus] = field(default_factory=list)


class _OfBackend(Struct):
    """What every line of `check --json FILE.jsonl` has."""

    backend: str


class Judged(NamedTuple):
    """What the suite says of some backends."""

    backends: dict[str, BackendStatus]


class CellKey(NamedTuple):
    """Which cell: its backend, op, dtype and layer."""

    backend: str
    op: str
    dtype: str
    shape: str
    spec: str


class CellFound(NamedTuple):
    """What became of it."""

    status: CellStatus
    reason: str


class Conditions(NamedTuple):
    """What two times must share to be compared."""

    machine: str
    threads: int
    allocator: str


class Measured(NamedTuple):
    """What was measured, from either kind of file: either `rows` or `cells` are there."""

    conditions: Conditions
    found: dict[CellKey, CellFound]
    rows: Sequence[ComparisonRow] = ()
    cells: Sequence[Cell] = ()
    noise_floor: float = 0.0
    partial: bool = False

    @property
    def names(self) -> list[str]:
        """The backends that have a time, in the order in which they came."""
        return list(dict.fromkeys(key.backend for key, cell in self.found.items() if cell.status is CellStatus.OK))

    def pairs(self, base: str) -> list[ComparisonRow]:
        """Rows with paired times: those of the document, or of `base` against every other backend of the run."""
        others = [name for name in self.names if name != base]
        table = ratios.rows(self.cells, [base, *others]) if self.cells and others else self.rows
        return [row for row in table if row.ratio is not None]


def read(path: Path) -> Judged | Measured:
    """One document. Raises `ResultsError` for what cannot be read, or is none."""
    try:
        if not path.is_file():  # a pipe would be waited for, and a device has no end
            raise ResultsError(f"{str(path)!r} {'is a folder' if path.is_dir() else 'does not exist or is no file'}")
        data = path.read_bytes().removeprefix(b"\xef\xbb\xbf")
    except OSError as error:
        raise ResultsError(f"{str(path)!r} cannot be read: {error.strerror}") from error
    try:
        document = _of_lines(path, data) if path.suffix == ".jsonl" else _of_document(path, parsed(data))
    except ResultsError:
        raise
    except ValueError as error:
        raise ResultsError(f"{str(path)!r} is no document of the harness: {one_line(error)}") from error
    return document


def _of_document(path: Path, found: Any) -> Judged | Measured:
    if isinstance(found, list):
        return Judged({one.backend: one for one in msgspec.convert(found, list[BackendStatus])})
    comparison = msgspec.convert(found, Comparison)
    if comparison.schema != SCHEMA:
        raise ResultsError(f"{str(path)!r}: schema must be {SCHEMA}, got {comparison.schema}")
    statuses: dict[CellKey, CellFound] = {}
    for row in comparison.rows:
        statuses.update(_of_row(row))
    conditions = Conditions(comparison.machine.name, comparison.threads, comparison.allocator)
    return Measured(
        conditions, statuses, comparison.rows, noise_floor=comparison.noise_floor or 0.0, partial=comparison.partial
    )


def _of_row(row: ComparisonRow) -> dict[CellKey, CellFound]:
    """Both sides of a row: who has a time is right, and who has none is whom the reason names."""
    found = {}
    lacking = row.reason.partition(": ")[0] if row.status is not CellStatus.OK else ""
    for name, seconds in ((row.a, row.a_seconds), (row.b, row.b_seconds)):
        key = CellKey(name, row.op, row.dtype, row.shape, row.spec)
        if name == lacking:
            found[key] = CellFound(row.status, row.reason.partition(": ")[2])
        elif seconds is not None:
            found[key] = CellFound(CellStatus.OK, "")
    return found


def _of_lines(path: Path, data: bytes) -> Judged | Measured:
    first = parsed(data.partition(b"\n")[0])
    if isinstance(first, dict) and first.get("kind") == "backend" and "suite_version" in first:
        return _of_check_lines([parsed(line) for line in data.splitlines() if line.strip()])
    records = list(run_files.read(path))
    header = run_files.header_of(path, iter(records))
    cells = [record for record in records if isinstance(record, Cell)]
    statuses: dict[CellKey, CellFound] = {}
    for (_, key), cell in {(c.process, CellKey(c.backend, c.op, c.dtype, c.layer, c.spec)): c for c in cells}.items():
        known = statuses.get(key)
        if known is None or CellStatus.worst((known.status, cell.status)) is not known.status:
            statuses[key] = CellFound(cell.status, cell.reason)
    conditions = Conditions(header.machine.name, header.plan.threads, header.plan.allocator)
    return Measured(conditions, statuses, cells=cells, partial=not isinstance(records[-1], RunEnd))


def _of_check_lines(lines: list[Any]) -> Judged:
    """The lines of `check --json FILE.jsonl`: those of each backend follow it."""
    found: dict[str, dict[str, Any]] = {}
    for line in lines:
        name = msgspec.convert(line, _OfBackend).backend
        if line.get("kind") == "backend":
            found[name] = {**line, "checks": []}
        elif name in found:
            found[name]["checks"].append(line)
    return Judged({name: msgspec.convert(one, BackendStatus) for name, one in found.items()})
