"""Writes whole files or nothing, and never over what is not an output: links, devices and pipes are written through."""

from __future__ import annotations

import errno
import os
import stat
import sys
import tempfile
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TextIO

from harness.telling import WrongCall

STDOUT = Path("-")
_NO_OUTPUTS = {stat.S_IFDIR: "a folder", stat.S_IFBLK: "a block device", stat.S_IFSOCK: "a socket"}


# What people write by hand and would miss; a new file may have any ending.
_SOURCES = frozenset((".py", ".pyi", ".pyx", ".ipynb", ".c", ".cc", ".cpp", ".cu", ".cuh", ".h", ".hpp"))


class ResultsError(WrongCall):
    """A results file or folder that cannot be used; the text names it."""


def stream_of(path: Path) -> TextIO | None:
    """The stream of this process that a path is: `-`, `/dev/stdout`, a pipe or file that a shell sends one to.

    A device is none: the null device may be written to by anybody at once.
    """
    if path == STDOUT:
        return sys.stdout
    for stream in (sys.stdout, sys.stderr):
        try:
            own, found = os.fstat(stream.fileno()), os.stat(path)
        except (OSError, ValueError):  # no such path, or a stream without a file
            continue
        if os.path.samestat(own, found) and (stat.S_ISREG(own.st_mode) or stat.S_ISFIFO(own.st_mode)):
            return stream
    return None


def write_atomically(path: Path, content: str | bytes, say: Callable[[str], None] = lambda text: None) -> None:
    """Write a whole file or nothing; `-` is stdout. Raises `ResultsError` naming the path if it cannot be written.

    A link keeps pointing where it does, a file keeps its mode, owner and other names, a device or pipe stays one.
    Only what cannot be replaced so, as in a folder that cannot be written, is overwritten in place. `say` is told what
    is waited for.
    """
    data = content.encode("utf-8", "backslashreplace") if isinstance(content, str) else content
    try:
        stream = stream_of(path)
        if stream is not None:
            stream.write(data.decode())
            stream.flush()
            return
        found, place = _found(path), Path(os.path.realpath(path))
        if found is not None and not stat.S_ISREG(found.st_mode):
            _write_through(path, data, say)
        elif found is not None and not _can_be_replaced(place, found):
            _write_through(place, data, say)
        else:
            place.parent.mkdir(parents=True, exist_ok=True)
            _replace(place, data, found)
    except (OSError, ValueError) as error:
        raise _unwritable(path, error) from error


def require_writable(path: Path, inputs: Iterable[Path] = ()) -> None:
    """Raises `ResultsError` if a file could not be written at `path`, or is one of the inputs: better known before."""
    if path == STDOUT:
        return
    try:
        found = _found(path)
        if found is None:
            _require_room(path)
            return
        for given in inputs:
            if given.exists() and path.samefile(given):
                raise ResultsError(f"{str(path)!r} is an input of this call ({given}); write to another file")
        if stat.S_IFMT(found.st_mode) in _NO_OUTPUTS:
            raise ResultsError(
                f"{str(path)!r} cannot be written: it is {_NO_OUTPUTS[stat.S_IFMT(found.st_mode)]}; name a file"
            )
        place = Path(os.path.realpath(path))
        if stat.S_ISREG(found.st_mode) and place.suffix.lower() in _SOURCES:
            raise ResultsError(f"{str(path)!r} is source code, which no result is written over; name another file")
        if not _may_write(path):  # opening a pipe would wait for who reads it
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
        if stat.S_ISREG(found.st_mode) and _can_be_replaced(place, found):
            _try(place.parent)
    except ResultsError:
        raise
    except (OSError, ValueError) as error:
        raise _unwritable(path, error) from error


def require_folder(path: Path) -> None:
    """Raises `ResultsError` if `path` is no folder that can be written, and none can be made there."""
    try:
        if path == STDOUT:
            raise ResultsError(f"{str(path)!r} is no folder, and only a file can go to stdout; name a folder")
        found = _found(path)
        if found is None:
            _require_room(path)
        elif not stat.S_ISDIR(found.st_mode):
            raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR))
        else:
            _try(path)
    except ResultsError:
        raise
    except (OSError, ValueError) as error:
        raise ResultsError(f"folder {str(path)!r} cannot be written: {_said(error)}") from error


def _found(path: Path) -> os.stat_result | None:
    """What a path leads to, through links; None if there is nothing yet. Raises `OSError` if there can be nothing."""
    try:
        return os.stat(path)
    except FileNotFoundError:
        return None


def _require_room(path: Path) -> None:
    """Raises `OSError` if no file can be made at `path`, which need not have a folder yet. Makes none."""
    place = Path(os.path.realpath(path))
    home = next(parent for parent in place.parents if os.path.lexists(parent))
    _try(home)
    longest = os.pathconf(home, "PC_NAME_MAX")
    if any(len(os.fsencode(part)) > longest for part in place.relative_to(home).parts):
        raise OSError(errno.ENAMETOOLONG, os.strerror(errno.ENAMETOOLONG))


def _try(folder: Path) -> None:
    """Raises `OSError` if no file can be made in a folder."""
    with tempfile.TemporaryFile(dir=folder):
        pass


def _can_be_replaced(place: Path, found: os.stat_result) -> bool:
    """Whether another file may take the place of this one: it has no other name, and its folder lets us."""
    return found.st_nlink == 1 and _may_write(place.parent)


def _replace(place: Path, data: bytes, found: os.stat_result | None) -> None:
    """Write another file beside and give it the name; in place, where the owner would change or the name is held."""
    handle, temporary = tempfile.mkstemp(dir=place.parent, prefix=".harness-", suffix=".tmp")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            if found is not None:
                os.fchown(handle, found.st_uid, found.st_gid)
            os.fchmod(handle, stat.S_IMODE(found.st_mode) if found else 0o666 & ~_umask())
        os.replace(temporary, place)
    except BaseException as error:
        os.unlink(temporary)
        if found is None or not isinstance(error, OSError) or error.errno not in (errno.EPERM, errno.EBUSY):
            raise
        _write_through(place, data, lambda text: None)


def _write_through(path: Path, data: bytes, say: Callable[[str], None]) -> None:
    """Write what is there already, in place; a pipe waits for who reads it."""
    flags = os.O_WRONLY | os.O_TRUNC
    try:
        handle = os.open(path, flags | os.O_NONBLOCK)
        os.set_blocking(handle, True)
    except OSError as error:
        if error.errno != errno.ENXIO:
            raise
        say(f"waiting for somebody to read {str(path)!r}")
        handle = os.open(path, flags)
    with os.fdopen(handle, "wb") as file:
        file.write(data)


def _unwritable(path: Path, error: OSError | ValueError) -> ResultsError:
    return ResultsError(f"{str(path)!r} cannot be written: {_said(error)}")


def _said(error: OSError | ValueError) -> str:
    return (error.strerror if isinstance(error, OSError) else None) or str(error)


def _may_write(path: Path) -> bool:
    return os.access(path, os.W_OK, effective_ids=os.access in os.supports_effective_ids)


def _umask() -> int:
    """What this process keeps from others; it can only be read by setting it."""
    mask = os.umask(0)
    os.umask(mask)
    return mask
