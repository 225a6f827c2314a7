"""All three repros of a failure, as the JSON gives them, fail again; with the fault mended, all three pass."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from harness.tests.helpers.plugins import GOOD, edited

_NO_PACKAGES = "raise ImportError('not installed here')\n"
BROKEN = {
    "overlaps_overwritten": (edited("+= taps[:, :, u, v]", "= taps[:, :, u, v]"), "values.exact/col2im"),
    "memory_taken_for_zeros": (edited("padded = np.zeros((*taps", "padded = np.empty((*taps"), "values.exact/col2im"),
    "view_of_the_padded_image": (edited("left : left + w].copy()", "left : left + w]"), "contract.contiguous/col2im"),
    "ends_its_process": (
        edited("    taps = columns", "    if spec.groups > 2: __import__('os')._exit(7)\n    taps = columns"),
        "contract.type/col2im",
    ),
}


def shell(line: str, folder: Path) -> int:
    """Exit code of a line as a user would paste it, with this environment's programs."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    return subprocess.run(
        line, shell=True, cwd=folder, env={**os.environ, "PATH": path}, capture_output=True, check=False, timeout=900
    ).returncode


def alone(script: str, folder: Path) -> int:
    """Exit code of the script where our packages cannot be imported."""
    for name in ("harness", "conformance"):
        (folder / "without" / name).mkdir(parents=True, exist_ok=True)
        (folder / "without" / name / "__init__.py").write_text(_NO_PACKAGES)
    (folder / "repro.py").write_text(script)
    env = {**os.environ, "PYTHONPATH": str(folder / "without")}
    return subprocess.run(
        [sys.executable, "repro.py"], cwd=folder, env=env, capture_output=True, check=False, timeout=900
    ).returncode


_QUICK = ("ends_its_process",)


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=[] if name in _QUICK else [pytest.mark.slow]) for name in BROKEN]
)  # fmt: skip
def test_every_repro_reproduces(name: str, tmp_path: Path) -> None:
    source, where = BROKEN[name]
    (tmp_path / "mine.py").write_text(source)
    words = f"--ops col2im --dtype float32 --check {where.partition('/')[0]} --json out.json"
    assert shell(f"harness check mine.py {words}", tmp_path) == 1
    (found,) = json.loads((tmp_path / "out.json").read_text())
    failure = next(c["failures"][0] for c in found["checks"] if c["status"] == "fail")
    assert failure["case"].startswith(where)
    assert len(failure["script"].splitlines()) <= 20
    repros = (
        lambda: shell(failure["repro"], tmp_path),
        lambda: shell(failure["pytest"], tmp_path),
        lambda: alone(failure["script"], tmp_path),
    )
    assert all(again() != 0 for again in repros)
    (tmp_path / "mine.py").write_text(GOOD)
    assert [again() for again in repros] == [0, 0, 0]
