"""A folder of its own for every test that writes plug-ins."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.tests.helpers.plugins import Write

collect_ignore = ["helpers/cuda/fake_cupy"]  # collected, it would be CuPy to every test


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """`write(name, source)` puts a file into the test's own folder and returns its path."""

    def put(name: str, source: str) -> Path:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(source, encoding="utf-8")
        return path

    return put
