"""`harness compare` as scripts rely on it: ratios, their document, and what cannot be timed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from harness.cli import comparison_table
from harness.results import ratios
from harness.tests.helpers.plugins import GOOD, Write, edited
from harness.tests.helpers.program import at_start, harness, stored
from harness.tests.helpers.records import a_cell

_SPEC = "n1c3h12w11_f4kh3kw2"
_OWN_UNAVAILABLE = "class BackendUnavailable(Exception):\n    pass\n\n\nraise BackendUnavailable('no such card')\n"
_ONE_LAYER = ("--shapes", _SPEC, "--ops", "im2col", "--pairs", "3")


def test_compare_gives_a_ratio(write: Write, tmp_path: Path) -> None:
    write("good.py", GOOD)
    done = harness(tmp_path, "compare", "./good.py", "numpy_fancy", *_ONE_LAYER, "--json", "out.json")
    assert (done.returncode, done.stderr) == (0, "")
    found = stored(tmp_path / "out.json")
    assert set(found) == {"schema", "machine", "threads", "allocator", "ceilings", "rows", "geomean"}
    assert (found["schema"], found["threads"], found["allocator"]) == (1, 1, "steady")
    (row,), (mean,) = found["rows"], found["geomean"]
    assert set(row) == {"op", "dtype", "shape", "spec", "a", "b", "ratio", "low", "high", "pairs", "a_seconds",
                        "b_seconds", "checked_points", "status", "reason", "a_share", "a_bound", "b_share",
                        "b_bound"}  # fmt: skip
    assert set(mean) == {"op", "dtype", "a", "b", "ratio", "layers"}
    assert (row["op"], row["dtype"], row["spec"], row["a"], row["b"]) == (
        "im2col",
        "float32",
        _SPEC,
        "good",
        "numpy_fancy",
    )
    assert (row["pairs"], row["status"], row["reason"]) == (3, "ok", "")
    assert 0 < row["low"] <= row["ratio"] <= row["high"]
    assert min(row["a_seconds"], row["b_seconds"]) > 0
    assert row["checked_points"] >= 8
    assert (mean["ratio"], mean["layers"]) == (pytest.approx(row["ratio"]), 1)


# Why a backend has no time: source, exit code, status, and a part of the reason.
UNTIMED = {
    "wrong": (edited("spec.columns_shape)", "spec.columns_shape) + 1"), 1, "fail", "it fails tier 0"),
    "exits": (at_start("raise SystemExit(0)"), 1, "fail", "SystemExit"),
    "raises_while_timed": (
        at_start("COUNT.append(1)\n    assert len(COUNT) < 50, 'worn out'") + "\n\nCOUNT = []\n",
        1, "fail", "worn out",
    ),
    "unsupported_raises": (
        f"{GOOD}\n\ndef unsupported(op, spec, dtype):\n    raise KeyError('lost')\n", 1, "fail", "lost",
    ),
    "unavailable": (_OWN_UNAVAILABLE, 3, "unavailable", "no such card"),
}  # fmt: skip


@pytest.mark.parametrize(("source", "code", "status", "reason"), UNTIMED.values(), ids=UNTIMED)
def test_a_backend_that_cannot_be_timed_has_no_ratio(
    write: Write, tmp_path: Path, source: str, code: int, status: str, reason: str
) -> None:
    write("bad.py", source)
    done = harness(tmp_path, "compare", "./bad.py", "numpy_fancy", *_ONE_LAYER, "--json", "out.json")
    assert done.returncode == code, done.stderr
    found = stored(tmp_path / "out.json")
    (row,), (mean,) = found["rows"], found["geomean"]
    assert (row["a"], row["status"], row["ratio"], row["pairs"]) == ("bad", status, None, 0)
    assert reason in row["reason"]
    assert (mean["ratio"], mean["layers"]) == (None, 0)


@pytest.mark.parametrize("command", ["compare", "bench"])
def test_ctrl_c_before_anything_is_timed_ends_the_command(write: Write, tmp_path: Path, command: str) -> None:
    """What was not checked in full is not timed."""
    write(
        "slow.py",
        edited("    padded = np.pad(x", "    import time; open('called', 'w'); time.sleep(1)\n    padded = np.pad(x"),
    )
    words = [command, "./slow.py", "numpy_fancy", *_ONE_LAYER[:4], *(["--no-asv"] if command == "bench" else [])]
    process = subprocess.Popen(
        [sys.executable, "-m", "harness", *words], cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        text=True, start_new_session=True,
    )  # fmt: skip
    while not (tmp_path / "called").exists() and process.poll() is None:
        time.sleep(0.1)
    os.killpg(process.pid, signal.SIGINT)
    out, err = process.communicate(timeout=120)
    assert process.returncode == 130, err
    assert "ratio" not in out


def test_what_is_the_same_is_told_as_such(capsys: pytest.CaptureFixture[str]) -> None:
    """Where the interval of the ratio holds 1, whatever the ratio itself is."""
    rows = ratios.rows([a_cell("a", [1.0, 1.3]), a_cell("b", [1.1, 1.0])], ["a", "b"])
    comparison_table.show(rows, [], "")
    (line,) = [line for line in capsys.readouterr().out.splitlines() if line.startswith("net:small")]
    assert "same" in line
    slower = ratios.rows([a_cell("a", [1.1, 1.3]), a_cell("b", [1.0, 1.0])], ["a", "b"])
    comparison_table.show(slower, [], "")
    assert "1.2x slower" in capsys.readouterr().out
