"""Writes whole files or nothing, and never over what is not an output: links, devices and pipes are written through."""

from __future__ import annotations

import os
import stat
import tempfile
from collections.abc import Iterable
from pathlib import Path

STDOUT = Path("-")


class ResultsError(ValueError):
    """A results file or folder that cannot be used; the text names it."""


def write_atomically(path: Path, text: str) -> None:
    """Write a whole file or nothing; `-` is stdout. Raises `ResultsError` naming the path if it cannot be written.

    A link keeps pointing where it does, a file keeps its mode, a device or pipe stays one. Only a file in a folder that
    cannot be written is overwritten in place.
    """
    if path == STDOUT:
        print(text, end="")
        return
    place = Path(os.path.realpath(path))
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        found = place.stat() if place.exists() else None
        if found is not None and (not stat.S_ISREG(found.st_mode) or not os.access(place.parent, os.W_OK)):
            with place.open("w", encoding="utf-8") as stream:
                stream.write(text)
            return
        handle, temporary = tempfile.mkstemp(dir=place.parent, prefix=f".{place.name[:100]}.", suffix=".tmp")
        try:
            with os.fdopen(handle, "w", encoding="utf-8") as file:
                file.write(text)
            os.chmod(temporary, stat.S_IMODE(found.st_mode) if found else 0o666 & ~_umask())
            os.replace(temporary, place)
        except BaseException:
            os.unlink(temporary)
            raise
    except OSError as error:
        raise ResultsError(f"{str(path)!r} cannot be written: {error.strerror}") from error


def require_writable(path: Path, inputs: Iterable[Path] = ()) -> None:
    """Raises `ResultsError` if a file could not be written at `path`, or is one of the inputs: better known before."""
    if path == STDOUT:
        return
    try:
        for given in inputs:
            if path.exists() and given.exists() and path.samefile(given):
                raise ResultsError(f"{str(path)!r} is an input of this call ({given}); write to another file")
        if path.is_dir():
            raise IsADirectoryError(21, "Is a directory")
        place = Path(os.path.realpath(path))
        if place.exists() and (not place.is_file() or not os.access(place.parent, os.W_OK)):
            if not os.access(place, os.W_OK):  # opening a pipe would wait for who reads it
                raise PermissionError(13, "Permission denied")
            return
        place.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=place.parent):
            pass
    except OSError as error:
        raise ResultsError(f"{str(path)!r} cannot be written: {error.strerror}") from error


def _umask() -> int:
    """What this process keeps from others; it can only be read by setting it."""
    mask = os.umask(0)
    os.umask(mask)
    return mask
