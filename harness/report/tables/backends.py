"""Every backend that was asked for: verdict, device and versions, native ops, target, reason."""

from __future__ import annotations

from msgspec import Struct

from harness.contract.status import Verdict
from harness.geometry.spec import OPS
from harness.report.measured.load import Data
from harness.report.standing import NOT_CHECKED
from harness.report.tables.table import Kind, Table, TableCell, cell
from harness.results import words
from harness.results.records import BackendFacts


class BackendRow(Struct, frozen=True, kw_only=True):
    """One backend on this machine."""

    backend: str
    available: bool
    reason: str
    verdict: str
    info: str
    native: str
    load_seconds: float | None
    target: str


def backends_table(data: Data) -> Table:
    """One row per backend, in the order of the registry."""
    found = [_row(facts, data) for facts in data.backends.values()]
    shown = [
        [
            cell(b.backend),
            cell("yes") if b.available else cell(f"no: {b.reason or 'no reason given'}", "missing"),
            TableCell((b.verdict, _cases(b, data)), _kind(data.verdict(b.backend))),
            cell(b.info),
            cell(b.native),
            cell(words.duration(b.load_seconds) if b.load_seconds else "", "", b.load_seconds),
            cell(b.target),
        ]
        for b in found
    ]
    header = ["backend", "here", "conformance", "device and versions", "native ops", "import", "target"]
    return Table("backends", "Backends", header, shown, found)


def _row(facts: BackendFacts, data: Data) -> BackendRow:
    native = "all" if set(OPS) <= set(facts.native) else ", ".join(op for op in OPS if op in facts.native)
    return BackendRow(
        backend=facts.backend, available=facts.available, reason=facts.reason,
        verdict=data.verdict(facts.backend) or NOT_CHECKED, native=native,
        info=", ".join(f"{key} {value}" for key, value in facts.info.items()), load_seconds=facts.load_seconds,
        target=facts.target,
    )  # fmt: skip


def _cases(row: BackendRow, data: Data) -> str:
    """How many cases its verdict rests on."""
    found = (data.verdicts or {}).get(row.backend)
    counted = found and row.available and found.executed is not None
    return f"{found.executed} of {found.planned} cases" if found and counted else ""


def _kind(verdict: Verdict | None) -> Kind:
    """How a verdict looks; None: never checked."""
    kinds: dict[str, Kind] = {"bold red": "fail", "green": "faster"}
    return kinds.get(verdict.colour, "missing") if verdict else "missing"
