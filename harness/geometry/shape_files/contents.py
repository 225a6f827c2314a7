"""A file that somebody names, as text: of any editor or spreadsheet, and never so large that it fills the memory."""

from __future__ import annotations

import codecs
from pathlib import Path

from harness.geometry.shape_files.found import ShapesError
from harness.telling import one_line

_LARGEST = 4 * 2**20  # bytes: some 50,000 layers
_UTF16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


def file_at(shapes: str) -> Path | None:
    """The file, or what can be read as one, of that name; None if there is none.

    Raises `ShapesError` for a folder.
    """
    try:
        path = Path(shapes)
        if not shapes or not path.exists():
            return None
        if path.is_dir():
            raise ShapesError(f"{shapes!r} is a folder; --shapes takes one file of layers")
        return path
    except (OSError, ValueError) as error:
        if isinstance(error, ShapesError):
            raise
        return None  # a name that no file can have


def text_of(path: Path) -> str:
    """The text, without a byte order mark, lines ending in `\\n`.

    Raises `ShapesError` if it cannot be read, is too large, or is not text in UTF-8.
    """
    shown = f"shapes file {str(path)!r}"
    try:
        with path.open("rb") as file:
            data = file.read(_LARGEST + 1)
    except OSError as error:
        raise ShapesError(f"{shown} cannot be read: {one_line(error.strerror or error)}") from None
    if len(data) > _LARGEST:
        raise ShapesError(f"{shown} is larger than {_LARGEST // 2**20} MiB, which is no list of layers")
    if data.startswith(_UTF16):
        raise ShapesError(f"{shown} is text in UTF-16; save it as UTF-8")
    if b"\0" in data:
        raise ShapesError(f"{shown} is not text, it holds bytes of value 0; save it as CSV or text in UTF-8")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise ShapesError(
            f"{shown}, line {line}: byte 0x{data[error.start]:02x} is not text in UTF-8; save it as UTF-8"
        ) from None
    return text.replace("\r\n", "\n").replace("\r", "\n")
