"""Writes whole files or nothing."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path


class ResultsError(ValueError):
    """A results file or folder that cannot be used; the text names it."""


def write_atomically(path: Path, text: str) -> None:
    """Write a whole file or nothing. Raises `ResultsError` naming the path if it cannot be written."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".tmp")
        try:
            with os.fdopen(handle, "w", encoding="utf-8") as file:
                file.write(text)
            os.chmod(temporary, 0o644)
            os.replace(temporary, path)
        except BaseException:
            os.unlink(temporary)
            raise
    except OSError as error:
        raise ResultsError(f"{str(path)!r} cannot be written: {error.strerror}") from error


def require_writable(path: Path) -> None:
    """Raises `ResultsError` if a file could not be written at `path`: better known before the work than after."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=path.parent):
            pass
        if path.is_dir():
            raise IsADirectoryError(21, "Is a directory")
    except OSError as error:
        raise ResultsError(f"{str(path)!r} cannot be written: {error.strerror}") from error
