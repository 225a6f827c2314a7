"""`harness compare` as its users meet it: what each option changes, what cannot be timed, Ctrl-C, and the exit code."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from harness.cli import measuring
from harness.contract.status import CellStatus
from harness.contract.targets import resolve_all
from harness.geometry.layers import Layer, read_layers
from harness.geometry.spec import OPS, ConvSpec
from harness.results.records import Cell
from harness.tests.helpers.plugins import GOOD, IM2COL_ALONE, Write, edited
from harness.tests.helpers.program import at_start, call, harness, stored
from harness.tests.helpers.records import a_cell
from harness.tests.helpers.timing.fake_comparison import FakeComparison, table_lines
from harness.timing.plan import Plan

pytestmark = pytest.mark.heavy

_SPEC = "n1c3h12w11_f4kh3kw2"
_ONE_LAYER = ("--shapes", _SPEC, "--ops", "im2col", "--pairs", "3")
_TWO = ("numpy_fancy", "matlab_loop")


def asked(plan: Plan) -> Plan:
    """A plan of one process without what is measured of the first backend against itself."""
    return replace(plan, backends=plan.backends[:-1], left_out=frozenset())


# -- options -------------------------------------------------------------------------------------------------------


def test_without_options_the_quick_set_is_compared(measured: FakeComparison, monkeypatch: pytest.MonkeyPatch) -> None:
    assert call(monkeypatch, "compare", *_TWO) == 0
    assert [asked(plan) for plan in measured.plans] == [
        Plan("quick", read_layers("quick"), resolve_all(_TWO), budget=15.0, rounds=11)
    ] * 3  # fmt: skip
    plan = measured.plans[0]
    assert (plan.ops, plan.dtypes, plan.threads, plan.allocator) == (OPS, ("float32",), 1, "steady")
    assert plan.batch is None


def test_every_option_reaches_the_plan(
    measured: FakeComparison, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    words = (
        "--shapes", _SPEC, "--batch", "5", "--ops", "conv2d,col2im", "--dtype", "float64,int32", "--pairs", "7",
        "--processes", "2", "--threads", "2", "--allocator", "default", "--json", "out.json",
    )  # fmt: skip
    monkeypatch.setattr(measuring, "run_here", lambda *arguments: pytest.fail("built-in backends are not checked"))
    assert call(monkeypatch, "compare", *_TWO, *words) == 0
    layer = Layer(f"{_SPEC}@5", ConvSpec.parse("n5c3h12w11_f4kh3kw2"))
    assert [asked(plan) for plan in measured.plans] == [
        Plan(
            _SPEC, [layer], resolve_all(_TWO), ["conv2d", "col2im"], ["float64", "int32"], threads=2,
            allocator="default", budget=22.5, rounds=5, batch=5,
        )
    ] * 2  # fmt: skip
    assert capsys.readouterr().out.splitlines()[0].strip() == "numpy_fancy, 2 threads, default allocator"
    document = stored(Path("out.json"))
    assert (document["threads"], document["allocator"]) == (2, "default")


# -- exit codes and Ctrl-C -----------------------------------------------------------------------------------------

_A = a_cell("numpy_fancy", [1.0])


@pytest.mark.parametrize(
    ("other", "code"),
    [
        (a_cell("matlab_loop", [2.0]), 0),
        (a_cell("matlab_loop", status=CellStatus.FAIL), 1),
        (a_cell("matlab_loop", status=CellStatus.HUNG), 1),
        (a_cell("matlab_loop", status=CellStatus.CRASHED), 1),
        (a_cell("matlab_loop", status=CellStatus.UNAVAILABLE), 3),
        (a_cell("matlab_loop", status=CellStatus.OVER_BUDGET), 0),
        (a_cell("matlab_loop", status=CellStatus.UNSUPPORTED), 0),
    ],
)
def test_the_exit_code_says_how_it_went(
    measured: FakeComparison, monkeypatch: pytest.MonkeyPatch, other: Cell, code: int
) -> None:
    measured.cells = [_A, other]
    assert call(monkeypatch, "compare", *_TWO) == code
    measured.cells = [other, _A]
    assert call(monkeypatch, "compare", *_TWO) == code


def test_if_nothing_has_a_time_it_is_incomplete(measured: FakeComparison, monkeypatch: pytest.MonkeyPatch) -> None:
    measured.cells = [a_cell(name, status=CellStatus.UNSUPPORTED) for name in _TWO]
    assert call(monkeypatch, "compare", *_TWO) == 3


def test_ctrl_c_shows_what_is_there_and_is_no_verdict(
    measured: FakeComparison, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """Of two layers of one geometry only the first has both cells, and one of them is bad: still 130."""
    layers = tmp_path / "some.csv"
    head, row = "suite,layer,N,C,H,W,F,KH,KW,SH,SW,PH,PW,G", "1,2,6,6,4,3,3,1,1,0,0,1"
    layers.write_text(f"{head}\nnet,one,{row}\nnet,two,{row}\n")
    one: dict[str, Any] = dict(layer="net:one", group="1", spec="n1c2h6w6_f4kh3kw3")
    two = one | dict(layer="net:two", group="2")
    wrong = a_cell("c", status=CellStatus.FAIL, reason="wrong", **one)
    measured.cells = [a_cell("a", [1.0], **one), a_cell("b", [4.0], **one), wrong]
    measured.cells += [a_cell("a", [1.0], **two), a_cell("b", [2.0], **two)]
    measured.interrupted = True
    words = ("a=numpy_fancy", "b=numpy_fancy", "c=numpy_fancy", "--shapes", layers, "--ops", "im2col")
    assert call(monkeypatch, "compare", *words, "--json", "out.json") == 130
    said = capsys.readouterr()
    assert said.err.splitlines() == ["1 of 2 comparisons were not measured", "harness: interrupted"]
    assert ["net:one", "im2col", "float32", "b", "4.0x faster", "0.250 [0.250, 0.250]", "1"] in table_lines(said.out)
    document = stored(tmp_path / "out.json")
    assert (len(document["rows"]), document["partial"]) == (3, True)
    assert document["missing"] == [
        {"op": "im2col", "dtype": "float32", "shape": "net:two", "spec": "n1c2h6w6_f4kh3kw3"}
    ]  # fmt: skip


@pytest.mark.parametrize("command", ["compare", "bench"])
def test_ctrl_c_before_anything_is_timed_ends_the_command(write: Write, tmp_path: Path, command: str) -> None:
    """What was not checked in full is not timed."""
    begin = "    padded = np.pad(x"
    write("slow.py", edited(begin, f"    import time; open('called', 'w').close(); time.sleep(1)\n{begin}"))
    words = [command, "./slow.py", "numpy_fancy", *_ONE_LAYER[:4], *(["--no-asv"] if command == "bench" else [])]
    process = subprocess.Popen(
        [sys.executable, "-m", "harness", *words], cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        text=True, start_new_session=True,
    )  # fmt: skip
    while not (tmp_path / "called").exists() and process.poll() is None:
        time.sleep(0.05)
    os.killpg(process.pid, signal.SIGINT)
    out, err = process.communicate(timeout=300)
    assert process.returncode == 130, err
    assert (out, err.splitlines()[-1]) == ("", "harness: interrupted")
    assert list(tmp_path.glob("results/runs/*/*")) == []


# -- truly ---------------------------------------------------------------------------------------------------------


def test_times_of_both_are_paired(write: Write, tmp_path: Path) -> None:
    """One sleeps for ten milliseconds in each of its calls that are timed."""
    sleeps = "import sys, time; sys._getframe(1).f_code.co_name == 'by_wall' and time.sleep(0.01)"
    write("slow.py", at_start(sleeps) + IM2COL_ALONE)
    write("fast.py", GOOD + IM2COL_ALONE)
    done = harness(tmp_path, "compare", "slow.py", "fast.py", *_ONE_LAYER, "--processes", "2", "--json", "out.json")
    assert done.returncode == 0, done.stderr
    assert "from slow against itself" in done.stdout
    (row,) = stored(tmp_path / "out.json")["rows"]
    assert (row["a"], row["b"], row["status"], row["verdict"]) == ("slow", "fast", "ok", "slower")
    assert row["a_seconds"] > 0.01
    assert row["ratio"] == pytest.approx(row["a_seconds"] / row["b_seconds"], rel=0.9)
    assert 1 < row["low"] <= row["ratio"] <= row["high"]
    assert (row["pairs"], row["processes"]) == (4, 2)
    assert row["checked_points"] >= 60


# Why a backend has no time: source, status, and a part of the reason.
_UNTIMED = {
    "wrong": (edited("spec.columns_shape)", "spec.columns_shape) + 1"), "fail", "it fails tier 1"),
    "exits": (at_start("raise SystemExit(0)"), "fail", "SystemExit"),
    "worn": (
        at_start("import sys; assert sys._getframe(1).f_code.co_name != 'by_wall', 'worn out'"),
        "fail", "while timed, it raised AssertionError: worn out",
    ),
    "lost": (f"{GOOD}\n\ndef unsupported(op, spec, dtype):\n    raise KeyError('lost')\n", "fail", "lost"),
    "card": ("class BackendUnavailable(Exception): pass\nraise BackendUnavailable('none')", "unavailable", "none"),
}  # fmt: skip


def test_a_backend_that_cannot_be_timed_has_no_ratio(write: Write, tmp_path: Path) -> None:
    """And costs no other its own."""
    for name, (source, _, _) in _UNTIMED.items():
        write(f"{name}.py", source if "unsupported" in source else source + IM2COL_ALONE)
    words = [
        "numpy_fancy",
        *(f"{name}.py" for name in _UNTIMED),
        "matlab_loop",
        *_ONE_LAYER,
        "--processes",
        "1",
        "--json",
        "out.json",
    ]
    done = harness(tmp_path, "compare", *words)
    assert done.returncode == 1, done.stderr
    document = stored(tmp_path / "out.json")
    *rows, last = document["rows"]
    assert [(row["b"], row["status"], row["ratio"], row["pairs"]) for row in rows] == [
        (name, status, None, 0) for name, (_, status, _) in _UNTIMED.items()
    ]
    for row, (_, _, reason) in zip(rows, _UNTIMED.values(), strict=True):
        assert reason in row["reason"]
    assert (last["b"], last["status"]) == ("matlab_loop", "ok")
    assert last["pairs"] >= 3  # more, where the machine is too busy to tell
    assert last["ratio"] > 0
    assert [mean["layers"] for mean in document["geomean"]] == [0] * 5 + [1]
