"""A plug-in that is a file goes to the workers with every batch: the file, and what it may need from beside it."""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from msgspec import Struct

from harness.contract.targets import RegistryError, Target

_BESIDE = frozenset((".py", ".c", ".h", ".cu", ".cuh", ".m", ".so"))
_MOST_BYTES = 5_000_000


class PluginFiles(Struct, frozen=True):
    """The main file's name, and the contents of all by their names."""

    main: str
    contents: dict[str, bytes]

    @property
    def digest(self) -> str:
        """Of all names and contents."""
        found = hashlib.sha256()
        for name, content in sorted(self.contents.items()):
            found.update(f"{name} {len(content)}\n".encode())
            found.update(content)
        return found.hexdigest()


def pack(target: Target) -> PluginFiles | None:
    """The files of a target; None of one that workers find by its name.

    Raises `RegistryError` if what lies beside it is too much to be sent.
    """
    if target.file is None:
        return None
    main = target.file.resolve()
    files = {main, *(file for file in main.parent.iterdir() if file.suffix in _BESIDE and file.is_file())}
    total = sum(file.stat().st_size for file in files)
    if total > _MOST_BYTES:
        raise RegistryError(
            f"{target.text} has {total:,} bytes of sources beside it, {_MOST_BYTES:,} can be sent to a worker; "
            "put it into a folder of its own"
        )
    return PluginFiles(main.name, {file.name: file.read_bytes() for file in files})


@contextmanager
def unpacked(target: Target, files: PluginFiles | None) -> Iterator[Target]:
    """The target as it is found on this machine: a file lies in a folder of its own for as long as this lasts."""
    if files is None:
        yield target
        return
    with tempfile.TemporaryDirectory(prefix="im2col-harness-") as folder:
        for name, content in files.contents.items():
            (Path(folder) / Path(name).name).write_bytes(content)
        attribute = f":{target.attribute}" if target.attribute else ""
        yield replace(target, location=f"{folder}/{files.main}{attribute}")
