"""What `harness check --json` said of each backend: only what the report shows of it."""

from __future__ import annotations

import os
from pathlib import Path

import msgspec

from harness.contract.status import Verdict
from harness.results.reading import parsed
from harness.results.writing import ResultsError
from harness.telling import one_line


class ConformanceVerdict(msgspec.Struct, frozen=True, kw_only=True):
    """The verdict on one backend, and its numbers of cases."""

    backend: str
    verdict: Verdict
    planned: int | None = None
    executed: int | None = None


def read_verdicts(path: Path) -> dict[str, ConformanceVerdict] | None:
    """The verdicts by backend; None without a file. Raises `ResultsError` for a file that holds anything else."""
    if not os.path.lexists(path):
        return None
    try:
        if not path.is_file():  # a pipe would be waited for, and a device has no end
            raise OSError(f"it is {'a folder' if path.is_dir() else 'no file'}")
        found = msgspec.convert(parsed(path.read_bytes()), list[ConformanceVerdict])
    except (OSError, ValueError) as error:
        raise ResultsError(f"{str(path)!r} is no record of `harness check --json`: {one_line(error)}") from error
    return {record.backend: record for record in found}
