"""Measuring through real children: what reaches them, and what a crash and a hang there cost."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest

from harness.calls.worker import Worker, environment
from harness.contract.targets import resolve_all
from harness.geometry.layers import Layer
from harness.geometry.spec import POOL_OPS, ConvSpec
from harness.results.records import BackendFacts, Ceilings
from harness.tests.helpers.plugins import GOOD, Write
from harness.tests.helpers.program import at_start
from harness.timing import run
from harness.timing.calling.messages import Block, MakeReady
from harness.timing.judging import children
from harness.timing.plan import Plan

_SPEC = ConvSpec.parse("n2c3h9w8_f4kh3kw2_sh2sw1_pt1")
_VARIABLES = """

def info():
    import os
    names = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS", "MALLOC_MMAP_MAX_")
    return {name: os.environ.get(name, "unset") for name in names}
"""
_WHEN_TIMED = "import os, sys, time\n    if sys._getframe(1).f_code.co_name == 'by_wall':\n        {}"


def a_plan(*backends: str, **changed: Any) -> Plan:
    """im2col and col2im of one small layer."""
    fields: dict[str, Any] = dict(
        shapes="test", layers=[Layer("net:one", _SPEC)], backends=resolve_all(backends), ops=["im2col", "col2im"],
        budget=2.0, rounds=3,
    )  # fmt: skip
    return Plan(**{**fields, **changed})


def test_times_and_conditions_arrive(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    """What backends print, also past Python, is not taken for an answer; a slow one is slower."""
    monkeypatch.setenv("MALLOC_MMAP_MAX_", "77")
    monkeypatch.setenv("MKL_NUM_THREADS", "77")
    slow = write("slow.py", at_start("import time; time.sleep(0.02)") + _VARIABLES)
    chatty = write("fast.py", at_start("import os; print('{}'); os.write(1, b'[1, 2]')") + _VARIABLES)
    described: list[BackendFacts | Ceilings] = []
    cells = list(
        run.measure(a_plan(str(slow), str(chatty), threads=3, allocator="default"), described=described.append)
    )
    assert [(c.op, c.backend, c.status, c.reason, len(c.samples)) for c in cells] == [
        (op, name, "ok", "", 3) for op in ("im2col", "col2im") for name in ("slow", "fast")
    ]
    assert min(cells[0].samples) > 0.02
    assert all(isinstance(facts, BackendFacts) for facts in described)
    assert [facts.info for facts in described if isinstance(facts, BackendFacts)] == 2 * [{
        "OMP_NUM_THREADS": "3", "OPENBLAS_NUM_THREADS": "3", "MKL_NUM_THREADS": "3", "NUMBA_NUM_THREADS": "3",
        "MALLOC_MMAP_MAX_": "unset",
    }]  # fmt: skip


def test_pooling_is_timed_and_a_wrong_one_has_no_time(write: Write) -> None:
    """Averages too, which are never exact: on whole numbers, on all digits, and after changes."""
    pool = "\n\ndef max_pool2d(x, spec):\n    return im2col(x, spec).reshape({}).max(2).reshape(spec.pooled_shape)\n"
    shape = "spec.batch, spec.in_channels, spec.taps, spec.positions"
    wrong = write("wrong.py", GOOD + pool.format(shape))  # padding wins over negative pixels
    found = list(run.measure(a_plan("numpy_fancy", str(wrong), ops=POOL_OPS)))
    assert [(c.op, c.backend) for c in found] == [(op, name) for op in POOL_OPS for name in ("numpy_fancy", "wrong")]
    bad = [(c.op, c.backend, c.status) for c in found if c.status != "ok"]
    assert bad == [("max_pool2d", "wrong", "fail")]
    assert all(c.native == (c.op == "max_pool2d" and c.backend == "wrong") for c in found)


def test_a_crash_while_it_is_timed_costs_a_stranger_its_cell(write: Write) -> None:
    crashing = write("crashing.py", at_start(_WHEN_TIMED.format("os.kill(os.getpid(), 11)")))
    found = list(run.measure(a_plan(str(crashing), "numpy_fancy")))
    assert [(c.op, c.backend, c.status, c.reason) for c in found] == [
        ("im2col", "crashing", "crashed", "killed by SIGSEGV"),
        ("im2col", "numpy_fancy", "ok", ""),
        ("col2im", "crashing", "ok", ""),
        ("col2im", "numpy_fancy", "ok", ""),
    ]


def test_a_hang_while_it_is_timed_costs_a_stranger_its_cell(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is waited for two seconds here, instead of two minutes."""

    class Impatient(Worker):
        def request(self, message: Any, deadline: float, arrays: Any = ()) -> Iterator[Any]:
            return super().request(message, 2.0 if isinstance(message, MakeReady | Block) else deadline, arrays)

    monkeypatch.setattr(children, "Worker", Impatient)
    hanging = write("hanging.py", at_start(_WHEN_TIMED.format("time.sleep(3600)")))
    found = list(run.measure(a_plan(str(hanging))))
    assert [(c.op, c.status, c.reason) for c in found] == [
        ("im2col", "hung", "no answer within 2 s"), ("col2im", "ok", "")
    ]  # fmt: skip


_LARGE = """
import ctypes, numpy as np
class Heap(ctypes.Structure):
    _fields_ = [(name, ctypes.c_size_t) for name in
                "arena ordblks smblks hblks hblkhd usmblks fsmblks uordblks fordblks keepcost".split()]
libc = ctypes.CDLL(None)
libc.mallinfo2.restype = Heap
large = np.ones(40 << 20, np.uint8)
mapped = libc.mallinfo2().hblkhd
del large
print(mapped >= 40 << 20, libc.mallinfo2().fordblks >= 40 << 20)
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the steady allocator is glibc's")
@pytest.mark.parametrize(("allocator", "said"), [("steady", "False True"), ("default", "True False")])
def test_steady_memory_is_kept_by_the_process(allocator: str, said: str) -> None:
    """A large array is no mapping of its own, and when it is gone its memory is still there, for the next."""
    done = subprocess.run(
        [sys.executable, "-c", _LARGE], env=environment(1, allocator), capture_output=True, text=True, check=False
    )  # fmt: skip
    if "mallinfo2" in done.stderr:
        pytest.skip("glibc older than 2.33 does not tell")
    assert done.stdout.strip() == said, done.stderr
