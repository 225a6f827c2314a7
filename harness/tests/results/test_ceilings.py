"""Ceilings that a backend measures on its own device: kept once a run, and what times are held against."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from harness.contract import registry
from harness.contract.targets import resolve_all
from harness.geometry.layers import Layer
from harness.geometry.spec import ConvSpec
from harness.results import rates
from harness.results.records import BackendFacts, Ceilings, Cell, RunHeader
from harness.tests.helpers.plugins import GOOD, GOOD_CLASS, Write
from harness.timing import run
from harness.timing.plan import Plan

_SPEC = ConvSpec.parse("n2c3h9w8_f4kh3kw2_sh2sw1_pt1")
_STRICT, _TF32 = (
    "device=harness.tests.helpers.cuda.device:Device",
    "devicetf32=harness.tests.helpers.cuda.device:DeviceTf32",
)
_CARD = Ceilings(
    backend="mine", device="card", threads=1, allocator="steady", copy_gbs={"cache": 4000.0, "dram": 3000.0},
    copy_bytes={"cache": 2**24, "dram": 2**31}, matmul_gflops={"float32": 50_000.0, "tf32": 400_000.0},
)  # fmt: skip


def _plan(*backends: str, **changed: Any) -> Plan:
    return Plan(
        "test", [Layer("test", _SPEC)], resolve_all(backends), ["im2col", "conv2d"], budget=0.2, rounds=3, **changed
    )


def _backend(write: Write, ceilings: str) -> str:
    """A right plug-in with a method `ceilings` of the given body."""
    body = GOOD_CLASS.format(name="Own") + f"\n    def ceilings(self):\n        import os\n        {ceilings}\n"
    return f"{write('own.py', GOOD + body)}:Own"


# -- measuring them ------------------------------------------------------------------------------------------------


def test_a_run_keeps_the_ceilings_of_each_device_once(tmp_path: Path) -> None:
    stop = iter([False, True])

    def interrupt(cell: Cell) -> None:
        if next(stop, False):
            raise KeyboardInterrupt

    plan = _plan(_STRICT, _TF32, "numpy_fancy")
    with pytest.raises(KeyboardInterrupt):
        run.run(plan, tmp_path, interrupt)
    records = run.run(plan, tmp_path).records()  # continued in a second process
    assert sum(isinstance(r, RunHeader) for r in records) == 1
    found = [r for r in records if isinstance(r, Ceilings)]
    assert [r.backend for r in found] == ["", "device", "devicetf32"]
    assert {r.device for r in found[1:]} == {"rehearsal card"}
    assert found[1].matmul_gflops == {"float32": 200.0, "tf32": 400.0, "float64": 100.0}
    numerics = {r.backend: r.numerics for r in records if isinstance(r, BackendFacts)}
    assert numerics == {"device": "gemm", "devicetf32": "tf32", "numpy_fancy": "gemm"}


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ("raise OSError('no room')", "ceilings() raised OSError: no room"),
        ("return {'device': 'd', 'copy_bytes': {}, 'matmul_gflops': {}}", "KeyError: 'copy_gbs'"),
        ("return [1]", "it must return a dict, got list"),
        ("d = dict(cache=0.0, dram=1); return dict(device='d', copy_gbs=d, copy_bytes=d, matmul_gflops={})",
         "copy_gbs cache must be above 0, got 0.0"),
        ("os._exit(7)", "exited with code 7"),
    ],
)  # fmt: skip
def test_ceilings_that_cannot_be_had_cost_no_cell(write: Write, body: str, reason: str) -> None:
    records: list[BackendFacts | Ceilings] = []
    cells = list(run.measure(_plan(_backend(write, body)), described=records.append))
    assert [cell.status for cell in cells] == ["ok", "ok"]
    (own,) = [r for r in records if isinstance(r, Ceilings)]
    assert own.backend == "own.Own"
    assert reason in own.reason
    assert own.copy_gbs == own.matmul_gflops == {}
    assert rates.by_backend([own]) == {}


def test_ceilings_must_be_a_function_without_arguments(write: Write) -> None:
    path = write("own.py", GOOD + "\n\ndef ceilings(size):\n    return {}\n")
    with pytest.raises(registry.RegistryError, match=r"ceilings\(size\) must take ceilings\(\)"):
        registry.load(str(path))


# -- what times are held against -----------------------------------------------------------------------------------


def test_tf32_products_are_held_against_the_tf32_peak() -> None:
    spec = ConvSpec.parse("n32c256h56w56_f256kh3kw3_pt1pb1pl1pr1")
    seconds = spec.flops("conv2d") / 100_000e9
    strict = rates.rates("conv2d", spec, "float32", seconds, _CARD, "gemm")
    tf32 = rates.rates("conv2d", spec, "float32", seconds, _CARD, "tf32")
    assert (strict.compute_share, tf32.compute_share) == pytest.approx((2.0, 0.25))
    assert rates.rates("conv2d", spec, "float64", seconds, _CARD, "tf32").compute_share is None


def test_the_copy_ceiling_is_that_of_the_memory_that_the_arrays_fit_in() -> None:
    small, large = ConvSpec.parse("n1c8h64w64_f8kh1kw1"), ConvSpec.parse("n32c64h112w112_f8kh3kw3")
    for spec, name, gbs in ((small, "cache", 4000.0), (large, "dram", 3000.0)):
        found = rates.rates("im2col", spec, "float32", spec.min_bytes("im2col", "float32") / 1e12, _CARD)
        assert (found.copy_ceiling, found.bound) == (name, "memory")
        assert found.share == pytest.approx(1000 / gbs)


def test_compare_writes_the_ceilings(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "harness", "compare", _TF32, "numpy_fancy", "--shapes", str(_SPEC), "--ops",
               "conv2d", "--pairs", "3", "--json", str(tmp_path / "out.json")]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "devicetf32's limit" in done.stdout
    assert re.search(r"\d+% of (compute|memory)", done.stdout)
    assert "peer's limit" not in done.stdout
    document = json.loads((tmp_path / "out.json").read_text())
    assert [(c["backend"], c["device"]) for c in document["ceilings"]] == [("devicetf32", "rehearsal card")]
    (row,) = document["rows"]
    assert row["a_share"] > 0
    assert row["b_share"] is None
