"""The step before `make gpu`: a machine without a card is told so in one line, and nothing is run."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from harness.cli import gpu
from harness.tests.helpers.imports import ROOT


def test_a_machine_without_a_card_is_told_so_in_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("first", "second"):
        text = f"class BackendUnavailable(Exception):\n    pass\n\n\nraise BackendUnavailable('no card\\nfor {name}')\n"
        (tmp_path / f"{name}.py").write_text(text)
    files = [str(tmp_path / f"{name}.py") for name in ("first", "second")]
    done = subprocess.run(
        ["make", "gpu", f"GPU_PYTHON={sys.executable}", f"GPU_DIR={tmp_path / 'out'}", f"GPU_OURS={files[0]}",
         f"GPU_PEERS={files[1]}", f"GPU_README={tmp_path / 'README.md'}"],
        cwd=ROOT, capture_output=True, text=True, check=False,
        env={k: v for k, v in os.environ.items() if not k.startswith("MAKE")},  # `make test` may run this
    )  # fmt: skip
    assert done.returncode != 0
    assert "first: no card for first; second: no card for second" in done.stderr.splitlines()[0]
    assert all(line.startswith("make") for line in done.stderr.splitlines()[1:])
    assert not (tmp_path / "out").exists()
    assert gpu.main(files) == 3
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert said.startswith("harness: nothing was run")
    assert "first: no card for first; second: no card for second" in said
    assert gpu.reasons(["no_such"]) == {"no_such": "unknown backend 'no_such'"}
    assert gpu.main([*files, "numpy_fancy"]) == 0
    assert capsys.readouterr().err == ""
