"""What a machine runs, told so that two can be compared: versions, and digests of our sources and of a backend's.

A digest is of what lies on the disk: every batch runs in a process that has just been started from there.
"""

from __future__ import annotations

import hashlib
import importlib.util
from collections.abc import Iterable
from functools import cache
from pathlib import Path

from msgspec import Struct

import harness
from conformance.cases.suite_version import SUITE_VERSION
from harness.contract import targets
from harness.contract.own_packages import ROOT
from harness.contract.targets import Target

_PACKAGES = ("harness", "conformance", "backends")
_SOURCES = frozenset((".py", ".csv", ".txt", ".cu", ".cuh", ".h", ".c", ".m"))
_SHOWN = 12  # characters of a digest


class Identity(Struct, frozen=True):
    """The harness of one machine."""

    harness: str
    suite: str
    sources: str  # digest of our own packages, without their tests

    def difference(self, ours: Identity) -> str:
        """What is another than here, in words; empty if nothing is."""
        for what, theirs, here in (
            ("harness", self.harness, ours.harness),
            ("suite", self.suite, ours.suite),
            ("sources of the harness", self.sources[:_SHOWN], ours.sources[:_SHOWN]),
        ):
            if theirs != here:
                return f"its {what} is {theirs}, that of this machine is {here}"
        return ""


@cache
def here() -> Identity:
    """That of this machine; read once by a process."""
    root = Path(ROOT)
    files = (file for package in _PACKAGES for file in _files(root / package))
    return Identity(harness.__version__, SUITE_VERSION, _digest(root, files))


def of_backend(target: Target) -> str:
    """The digest of a backend's sources; empty of what is not found, and of ours, which belong to the harness.

    A plug-in that is a file travels with each batch, and has that digest there.
    """
    if target.is_builtin or target.file is not None:
        return ""
    places = [place for origin, place in targets.sources().get(target.location, [])] or [target.location]
    try:
        spec = importlib.util.find_spec(places[0].partition(":")[0].partition(".")[0])
    except (ImportError, ValueError):
        return ""
    if spec is None or spec.origin is None:
        return ""
    origin = Path(spec.origin)
    is_package = bool(spec.submodule_search_locations)
    return _digest(origin.parent, _files(origin.parent) if is_package else [origin])


def source_of(target: Target) -> str:
    """What tells the sources of one backend from others: of a file, that file alone; of one of ours, all of ours."""
    if target.file is not None:
        try:
            return hashlib.sha256(target.file.read_bytes()).hexdigest()[:_SHOWN]
        except OSError:  # it is gone
            return ""
    return (of_backend(target) or here().sources)[:_SHOWN]


def _files(folder: Path) -> Iterable[Path]:
    inside = (file for file in folder.rglob("*") if file.suffix in _SOURCES and file.is_file())
    return sorted(file for file in inside if "tests" not in file.parts[len(folder.parts) :])


def _digest(root: Path, files: Iterable[Path]) -> str:
    found = hashlib.sha256()
    for file in files:
        content = file.read_bytes()
        found.update(f"{file.relative_to(root).as_posix()} {len(content)}\n".encode())
        found.update(content)
    return found.hexdigest()
