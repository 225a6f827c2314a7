"""What is kept of a library: one file each in results/scoreboard, from which the page is made."""

from __future__ import annotations

import json
from pathlib import Path

import msgspec
from msgspec import Struct, field

from conformance.run.records import BackendReport
from harness.results.records import BackendFacts, Cell, Machine
from harness.results.writing import write_atomically

SCHEMA = 1
FOLDER = Path("results/scoreboard")


class Shown(Struct, frozen=True, kw_only=True):
    """A script of docs/repros as it ran: whether the fault shows here, and what was printed."""

    script: str
    shows: bool
    printed: str


class Times(Struct, frozen=True, kw_only=True):
    """A library measured with those that it is compared with, on one machine; not `whole`, if time ran out."""

    machine: Machine
    threads: int
    allocator: str
    whole: bool
    described: list[BackendFacts] = field(default_factory=list)
    cells: list[Cell] = field(default_factory=list)


class PeerResult(Struct, frozen=True, kw_only=True):
    """All that is known of one library. `key` says of what: another plug-in, version or suite has another."""

    schema: int = SCHEMA
    peer: str
    package: str
    key: str = ""
    version: str = ""
    reason: str = ""  # why it could not be installed or loaded
    machine: str = ""  # that it was judged on
    system: str = ""  # its Python, operating system and processor
    shown: list[Shown] = field(default_factory=list)
    report: BackendReport | None = None
    times: Times | None = None

    @property
    def kept(self) -> Path:
        """Its file."""
        return FOLDER / f"{self.peer}.json"


def system_of(machine: Machine) -> str:
    """Python, operating system and processor, as a report of a fault names them."""
    return f"Python {machine.python}, {machine.os}, {machine.cpu}"


def read(path: Path) -> PeerResult | None:
    """What is kept; None if there is nothing, or what an older version kept otherwise."""
    try:
        found = msgspec.json.decode(path.read_bytes(), type=PeerResult)
    except (OSError, msgspec.MsgspecError):
        return None
    return found if found.schema == SCHEMA else None


def write(root: Path, result: PeerResult) -> None:
    """Keep it. Raises `ResultsError` if it cannot be written."""
    write_atomically(root / result.kept, json.dumps(msgspec.to_builtins(result), indent=1) + "\n")
