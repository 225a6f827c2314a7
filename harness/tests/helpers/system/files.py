"""Another user, devices and full disks for a test; a skip, with its reason, where this machine has none."""

from __future__ import annotations

import os
import resource
import stat
import subprocess
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

NOBODY = 65534
NULL, FULL = (1, 3), (1, 7)  # major and minor of Linux's devices


@contextmanager
def unprivileged() -> Iterator[None]:
    """Root is nobody within; whoever else runs the tests has no rights to lose."""
    if os.geteuid() != 0:
        yield
        return
    os.setegid(NOBODY)
    os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(0)
        os.setegid(0)


@contextmanager
def open_folder() -> Iterator[Path]:
    """A folder that every user can reach, as pytest's own are not."""
    with tempfile.TemporaryDirectory() as name:
        os.chmod(name, 0o777)
        yield Path(name)


def device(path: Path, numbers: tuple[int, int]) -> Path:
    """A node made at `path`: what is broken by a mistake is nobody's."""
    try:
        os.mknod(path, 0o666 | stat.S_IFCHR, os.makedev(*numbers))
        os.close(os.open(path, os.O_WRONLY))
    except OSError as error:
        pytest.skip(f"no device can be made here: {error}")
    return path


@contextmanager
def small_disk(folder: Path, kib: int = 64) -> Iterator[Path]:
    """A disk of its own of so many KiB at `folder`."""
    folder.mkdir()
    options = ["-t", "tmpfs", "-o", f"size={kib}k", "tmpfs", str(folder)]
    done = subprocess.run(["mount", *options], capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip(f"no disk can be mounted here: {done.stderr.strip()}")
    try:
        yield folder
    finally:
        subprocess.run(["umount", str(folder)], check=True)


@contextmanager
def no_file_above(size: int) -> Iterator[None]:
    """No file of this process grows above `size` bytes within: a full disk that needs no rights."""
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, limits[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)


class PipeReader:
    """Reads a pipe made at `path` to its end, in a thread, once `begin` is set."""

    def __init__(self, path: Path) -> None:
        os.mkfifo(path)
        self.begin = threading.Event()
        self._path, self._found = path, ""
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def text(self) -> str:
        """All that was written."""
        self._thread.join(60)
        assert not self._thread.is_alive()
        return self._found

    def _read(self) -> None:
        self.begin.wait(60)
        self._found = self._path.read_text()
