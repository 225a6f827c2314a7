"""A folder of its own for every test that writes plug-ins, and an account of what was skipped."""

from __future__ import annotations

import gc
import os
import signal
import sys
from pathlib import Path

import pytest

from harness.tests.helpers.house.skips import Skips
from harness.tests.helpers.plugins import Write

collect_ignore = ["helpers/cuda/fake_cupy"]  # collected, it would be CuPy to every test


def pytest_configure(config: pytest.Config) -> None:
    """Count skips, in the process that hears of every test."""
    os.environ["PYTHONDONTWRITEBYTECODE"] = "1"  # in the children, as here once all tests are imported
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # a shell started these tests in the background
        signal.signal(signal.SIGINT, signal.default_int_handler)
    if not hasattr(config, "workerinput"):
        config.pluginmanager.register(Skips(), "skips")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Order the files: what compiles all kernels comes first, what needs them late.

    Several processes share the files; all would compile the same kernels if all began with such a file. From here on no
    bytecode is written: tests write a plug-in twice within a second, and bytecode knows its source by second and size.
    """
    sys.dont_write_bytecode = True
    gc.freeze()  # what thousands of tests are made of stays to the end: no collection has to look at it
    items.sort(key=lambda item: _turn(item.path))  # stable: inside a file the order stays


def _turn(path: Path) -> int:
    if path.name == "test_numba_tiled.py":
        return 0
    if path.name == "test_conformance.py":
        return 2
    return 3 if path.parent.name == "house" or path.name.startswith("test_numba_") else 1


@pytest.fixture(autouse=True)
def own_search_path(monkeypatch: pytest.MonkeyPatch) -> None:
    """The folders that the plug-ins of a test are found in are searched no more when it ends."""
    monkeypatch.setattr(sys, "path", list(sys.path))


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """`write(name, source)` puts a file into the test's own folder and returns its path."""

    def put(name: str, source: str) -> Path:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(source, encoding="utf-8")
        return path

    return put
