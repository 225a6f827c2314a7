"""What a call may take: seconds that can be waited for, threads that there are, and memory asked for beforehand."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import threading
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from harness.calls.limits import memory, seconds, threads
from harness.geometry.spec import ConvSpec

_SPEC = ConvSpec.parse("n2c3h5w6_f4kh3kw2_pt1pb2pl3pr4")  # x 180, padded 2*3*8*13 = 624, L = 6*12, columns 2*18*72
_X, _PADDED, _COLUMNS, _W, _B, _Y = 180, 624, 2592, 72, 4, 576


# -- seconds --------------------------------------------------------------------------------------------------------


def test_no_time_is_too_long_to_be_waited_for() -> None:
    for asked in (float("inf"), 1e300):
        assert threading.Event().wait(seconds.waiting(-1.0)) is False
        assert 1e8 < seconds.waiting(asked) < threading.TIMEOUT_MAX
    assert seconds.waiting(12.5) == 12.5


def test_loading_has_six_times_the_deadline_and_thirty_seconds_at_least() -> None:
    assert [seconds.loading(deadline) for deadline in (0.1, 5, 5.5, 100)] == [30, 30, 33, 600]
    assert seconds.loading(float("inf")) == float("inf")
    assert (seconds.DEADLINE, seconds.FIRST_CALL) == (10.0, 3)


# -- threads --------------------------------------------------------------------------------------------------------


def test_usable_threads_are_those_of_this_process() -> None:
    code = (
        "import os; from harness.calls.limits.threads import usable; most = usable(); "
        "os.sched_setaffinity(0, {min(os.sched_getaffinity(0))}); print(most, usable())"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == [str(len(os.sched_getaffinity(0))), "1"]
    assert threads.OVERSUBSCRIBED == 4


def test_a_limit_of_threads_is_set_within_and_undone_after(monkeypatch: pytest.MonkeyPatch) -> None:
    """Numba takes no more than it was started with."""
    order: list[str] = []

    def library(name: str, **more: object) -> SimpleNamespace:
        return SimpleNamespace(
            get_num_threads=lambda: 7, set_num_threads=lambda n: order.append(f"{name} {n}"), **more
        )  # fmt: skip

    monkeypatch.setitem(sys.modules, "numba", library("numba", config=SimpleNamespace(NUMBA_NUM_THREADS=4)))
    monkeypatch.setitem(sys.modules, "torch", library("torch"))
    with threads.thread_limit(0):
        assert order == []
    with threads.thread_limit(9):
        assert order == ["numba 4", "torch 9"]
    assert order == ["numba 4", "torch 9", "torch 7", "numba 7"]
    order.clear()
    with pytest.raises(KeyError), threads.thread_limit(2):
        raise KeyError
    assert order == ["numba 2", "torch 2", "torch 7", "numba 7"]


def test_blas_is_limited_too() -> None:
    from threadpoolctl import threadpool_info, threadpool_limits

    np.ones((2, 2)) @ np.ones((2, 2))
    with threadpool_limits(2, "blas"):
        before = [pool["num_threads"] for pool in threadpool_info()]
        assert 2 in before
        with threads.thread_limit(1):
            assert {pool["num_threads"] for pool in threadpool_info()} <= {1}
        assert [pool["num_threads"] for pool in threadpool_info()] == before


# -- memory ---------------------------------------------------------------------------------------------------------


def test_what_a_judged_call_needs() -> None:
    """By hand: given 3 times and made twice in the dtype, then both and the padded image in float64."""
    assert memory.judged("im2col", _SPEC, "float32") == 4 * (3 * _X + 2 * _COLUMNS) + 8 * (_X + _COLUMNS + _PADDED)
    given = _X + _W + _B
    assert memory.judged("conv2d", _SPEC, "float16") == 2 * (3 * given + 2 * _Y) + 8 * (given + _Y + _PADDED)


def test_what_a_timed_call_needs() -> None:
    given = _X + _W + _B
    assert memory.timed("im2col", _SPEC, "float64") == 8 * 3 * (3 * _X + _COLUMNS)
    assert memory.timed("col2im", _SPEC, "float32") == 4 * 3 * (3 * _COLUMNS + _X)
    assert memory.timed("conv2d", _SPEC, "float32") == 4 * 3 * (3 * given + _Y) + 8 * (_X + _PADDED)
    assert memory.timed("conv2d_weight_grad", _SPEC, "float32") == 4 * 3 * (3 * (_Y + _X) + _W) + 8 * (_X + _PADDED)
    assert memory.timed("conv2d_input_grad", _SPEC, "float32") == 4 * 3 * (3 * (_Y + _W) + _X) + 8 * _Y
    assert memory.timed("conv2d_bias_grad", _SPEC, "int64") == 8 * 3 * (3 * _Y + _B)
    pooled = int(np.prod(_SPEC.pooled_shape))
    wide = _X + 2 * pooled + 2 * _PADDED
    assert memory.timed("max_pool2d", _SPEC, "float32") == 4 * 3 * (3 * _X + pooled) + 8 * wide


def test_what_a_call_may_hold_covers_every_layout_and_all_copies() -> None:
    """Steps of 2 in four axes take sixteen times the memory of an array, and a border around it."""
    assert memory.of_call("im2col", _SPEC, "float32") == 4 * (20 * _X + 4 * _COLUMNS + 4 * (_COLUMNS + _PADDED))
    assert memory.of_call("conv2d", _SPEC, "float64") == 2 * memory.of_call("conv2d", _SPEC, "float32")


def test_a_shortage_is_told_with_both_numbers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "available", lambda: 3 * 2**30)
    assert memory.shortage(3 * 2**30) == ""
    assert memory.shortage(3 * 2**30 + 1) == "it needs 3 GiB of 3 GiB free memory"
    assert memory.shortage(2**40) == "it needs 1,024 GiB of 3 GiB free memory"


def test_small_calls_are_not_compared_with_what_there_is(monkeypatch: pytest.MonkeyPatch) -> None:
    """Looking takes longer than such a call."""
    monkeypatch.setattr(memory, "available", lambda: 0)
    assert memory.shortage(memory.UNCOUNTED - 1) == ""
    assert memory.shortage(memory.UNCOUNTED) == "it needs 0.0625 GiB of 0 GiB free memory"
    assert memory.UNCOUNTED == 64 * 2**20


@pytest.mark.parametrize(
    ("said", "is_memory"),
    [
        ("MemoryError", True),
        ("MemoryError: Unable to allocate 8. GiB for an array", True),
        ("OutOfMemoryError: CUDA out of memory", True),
        ("RuntimeError: [enforce fail at alloc_cpu.cpp:124] DefaultCPUAllocator: can't allocate memory: 8 bytes", True),
        ("OSError: [Errno 12] Cannot allocate memory", True),
        ("XlaRuntimeError: RESOURCE_EXHAUSTED: Out of memory while trying to allocate", True),
        ("ended its process: killed by SIGABRT: what():  std::bad_alloc", True),
        ("ValueError: MemoryError is what I would raise", False),
        ("", False),
    ],
)
def test_errors_of_memory_are_known_by_their_words(said: str, is_memory: bool) -> None:
    assert memory.ran_out(said) is is_memory


def limit(folder: Path, most: str, used: int, cached: int, words: tuple[str, str, str]) -> None:
    """The files of a control group."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in zip(words[:2], (most, str(used)), strict=True):
        (folder / name).write_text(f"{text}\n")
    (folder / "memory.stat").write_text(f"anon 5\n{words[2]} {cached}\nunevictable 0\n")


_V2 = ("memory.max", "memory.current", "inactive_file")
_V1 = ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file")


def test_every_container_that_this_process_lies_in_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    own = tmp_path / "cgroup"
    monkeypatch.setattr(memory, "_OWN_CGROUPS", own)
    limit(tmp_path, "8", 7, 0, _V2)  # outside
    tmp_path /= "groups"
    monkeypatch.setattr(memory, "_CGROUPS", tmp_path)
    own.write_text("0::/outer/inner\n")
    limit(tmp_path / "outer/inner", "max", 100, 10, _V2)
    limit(tmp_path / "outer", "1000", 700, 50, _V2)
    limit(tmp_path / "other", "10", 9, 0, _V2)
    assert memory._left_in_cgroups() == [350]
    own.write_text("3:cpu:/elsewhere\n7:cpuset,memory:/outer/inner\n")
    limit(tmp_path / "memory/outer/inner", "5000", 700, 20, _V1)
    limit(tmp_path / "memory/outer", str(2**63 - 4096), 700, 20, _V1)
    limit(tmp_path / "memory", "6000", 800, 0, _V1)
    assert memory._left_in_cgroups() == [4320, 5200]
    own.write_text("7:memory:/../other\n")
    assert memory._left_in_cgroups() == []
    monkeypatch.setattr(memory, "_OWN_CGROUPS", tmp_path / "none")
    assert memory._left_in_cgroups() == []


def test_the_least_of_machine_container_and_ulimit_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("psutil.virtual_memory", lambda: SimpleNamespace(available=900, total=5000))
    for containers, limits, least in (([], [], 900), ([700, 800], [], 700), ([700], [300, 400], 300), ([], [-5], 0)):
        monkeypatch.setattr(memory, "_left_in_cgroups", lambda containers=containers: containers)
        monkeypatch.setattr(memory, "_left_of_limits", lambda limits=limits: limits)
        assert memory.available() == least


_ULIMIT = """
import resource, sys
from harness.calls.limits import memory
before = memory.available()
held = {name: memory._held(name) for name in ("VmSize", "VmData")}
resource.setrlimit(getattr(resource, sys.argv[1]), (held[sys.argv[2]] + 2**30, resource.RLIM_INFINITY))
print(before > 1.2 * 2**30, 0.8 * 2**30 < memory.available() <= 2**30)
"""


@pytest.mark.parametrize(("limit", "word"), [("RLIMIT_AS", "VmSize"), ("RLIMIT_DATA", "VmData")])
def test_ulimit_counts(limit: str, word: str) -> None:
    """A limit of 1 GiB more than is held; this machine has more than that."""
    done = subprocess.run([sys.executable, "-c", _ULIMIT, limit, word], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["True", "True"]


_ROOM = """
import numpy as np, resource
from harness.calls.limits.memory import Room

def fits(mib):
    try:
        np.empty(mib * 2**20, np.uint8)
    except MemoryError:
        return False
    return True

room = Room(200 * 2**20)
print(fits(150), fits(250), room.is_all, "0.195 GiB beyond" in str(room), "--no-isolate" in str(room))
room.allow(200 * 2**20)
print(fits(350), fits(450))
room.allow(100 * 2**20)
print(fits(350))
room.allow(2**62)
print(room.is_all, str(room) == "no more memory is free", resource.getrlimit(resource.RLIMIT_DATA)[0] < 2**50)
"""


def test_a_process_may_hold_so_much_more_and_never_less_than_before() -> None:
    done = subprocess.run([sys.executable, "-c", _ROOM], capture_output=True, text=True, check=True)
    words = [line.split() for line in done.stdout.splitlines()]
    assert words[0] == ["True", "False", "False", "True", "True"]
    assert words[1:3] == [["True", "False"], ["True"]]
    assert words[3] == ["True", "True", "True"]


def test_a_room_obeys_a_limit_that_was_there(monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[tuple[int, int]] = []
    monkeypatch.setattr(resource, "getrlimit", lambda which: (1, 5 * 2**20))
    monkeypatch.setattr(resource, "setrlimit", lambda which, both: told.append(both))
    memory.Room(2**30)
    assert told == [(5 * 2**20, 5 * 2**20)]
