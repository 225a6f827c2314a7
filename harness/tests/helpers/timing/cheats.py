"""Backends that want a time which is not theirs: the exploits of public kernel contests, each as a plug-in of its own.

Each is the right plug-in whose `im2col` was replaced; `right` is the one that computes.
"""

from __future__ import annotations

from harness.tests.helpers.plugins import GOOD

_HEAD = f"""{GOOD}
import sys

right = im2col


def is_timed():
    frame = sys._getframe(1)
    while frame is not None and frame.f_code.co_name != "by_wall":
        frame = frame.f_back
    return frame is not None
"""

# -- results that were computed for other inputs -------------------------------------------------------------------

BY_IDENTITY = """
kept = {}


def im2col(x, spec):
    if (id(x), str(spec)) not in kept:
        kept[id(x), str(spec)] = right(x, spec)
    return kept[id(x), str(spec)].copy()
"""

BY_ADDRESS = BY_IDENTITY.replace("id(x)", "x.ctypes.data")

BY_SAMPLE = """
kept = {}


def im2col(x, spec):
    key = str(spec), x.reshape(-1)[:: max(x.size // 16, 1)].tobytes()
    if key not in kept:
        kept[key] = right(x, spec)
    return kept[key].copy()
"""

BY_CONTENT = """
kept, hits = {}, []


def im2col(x, spec):
    key = str(spec), hash(x.tobytes())
    if key in kept:
        raise RuntimeError("the same inputs came again")
    kept[key] = right(x, spec)
    return kept[key].copy()
"""

LAST_RESULT = """
last = {}


def im2col(x, spec):
    if is_timed() and str(spec) in last:
        return last[str(spec)].copy()
    last[str(spec)] = right(x, spec)
    return last[str(spec)].copy()
"""

# -- whoever knows that it is timed, or judged ---------------------------------------------------------------------

AFTER_SOME_CALLS = """
calls = []


def im2col(x, spec):
    calls.append(str(spec))
    return np.empty(spec.columns_shape, x.dtype) if calls.count(str(spec)) > 9 else right(x, spec)
"""

WHEN_LARGE_AND_TIMED = """
def im2col(x, spec):
    return np.empty(spec.columns_shape, x.dtype) if x.size > 2000 and is_timed() else right(x, spec)
"""

BY_FRAMES = """
def im2col(x, spec):
    return np.empty(spec.columns_shape, x.dtype) if is_timed() else right(x, spec)
"""

FILLED_IN_LATER = """
waiting = []


def im2col(x, spec):
    if not is_timed():
        return right(x, spec)
    for made, before in waiting:
        if sys.getrefcount(made) > 3:  # somebody has kept it: it may be judged
            made[...] = right(before, spec)
    waiting[:] = [(np.zeros(spec.columns_shape, x.dtype), x.copy())]
    return waiting[0][0]
"""

BY_ENVIRONMENT = """
import os

knows = "OMP_NUM_THREADS" in os.environ and any("timing" in word for word in sys.orig_argv)


def im2col(x, spec):
    return np.empty(spec.columns_shape, x.dtype) if knows and is_timed() else right(x, spec)
"""

HALF = """
def im2col(x, spec):
    if not is_timed():
        return right(x, spec)
    columns = np.zeros(spec.columns_shape, x.dtype)
    half = x.shape[1] // 2
    smaller = type(spec)(**{**vars_of(spec), "in_channels": half, "out_channels": half})
    columns[:, : half * spec.taps] = right(x[:, :half], smaller)
    return columns


def vars_of(spec):
    names = "batch in_channels input_size out_channels kernel_size stride padding dilation groups".split()
    return {name: getattr(spec, name) for name in names}
"""

LOW_PRECISION = """
def im2col(x, spec):
    return right(x.astype("float16"), spec).astype(x.dtype) if is_timed() else right(x, spec)
"""

# -- the harness itself, patched -----------------------------------------------------------------------------------

SLOW = """
import time


def im2col(x, spec):
    end = time.monotonic() + 0.01
    while time.monotonic() < end:
        pass
    return right(x, spec)
"""

PATCHED_CLOCK = f"""{SLOW}
import harness.timing.clock as the_clock

ticks = []


def stopped():
    ticks.append(1)
    return len(ticks) * 1e-9


time.perf_counter = the_clock.now = stopped
"""

PATCHED_CLOSURE = f"""{SLOW}
import gc
import types

true = time.perf_counter


def slowed():
    return true() / 1000


for function in [f for f in gc.get_objects() if isinstance(f, types.FunctionType) and f.__name__ == "by_wall"]:
    for cell in function.__closure__:
        if cell.cell_contents is true:
            cell.cell_contents = slowed
"""

PATCHED_GATE = """
import harness.oracle.gate as gate
import harness.oracle.checksums as checksums

gate.Gate.check = gate.Judge.require_sums = gate.Judge.require_spots = lambda *any: None
checksums.result = lambda op, spec, array: checksums.expected
np.array_equal = np.allclose = lambda *any, **more: True


def im2col(x, spec):
    return np.empty(spec.columns_shape, x.dtype)
"""

OWN_CLOCK = f"""{SLOW}

def seconds(call):
    call()
    return 1e-6


def info():
    return {{"device": "abacus"}}
"""

# -- work that is done elsewhere -----------------------------------------------------------------------------------

LAZY = """
import time


class Later:
    def __init__(self, x, spec):
        self.x, self.spec = x, spec


def im2col(x, spec):
    return Later(x, spec)


def from_numpy(a):
    return a


def to_numpy(a):
    if isinstance(a, Later):
        end = time.monotonic() + 0.01
        while time.monotonic() < end:
            pass
        return right(a.x, a.spec)
    return a


def synchronize(a):
    pass
"""

BEFOREHAND = """
import time


class Given:
    def __init__(self, a):
        end = time.monotonic() + 0.01
        while time.monotonic() < end:
            pass
        self.a = a.copy()


def im2col(x, spec):
    return right(x.a, spec)


def from_numpy(a):
    return Given(a)


def to_numpy(a):
    return a.a if isinstance(a, Given) else a


def synchronize(a):
    pass
"""

IN_A_THREAD = """
import threading
import time


def im2col(x, spec):
    if not is_timed():
        return right(x, spec)
    columns = np.zeros(spec.columns_shape, x.dtype)

    def fill(x=x.copy()):
        time.sleep(0.002)
        columns[...] = right(x, spec)

    threading.Thread(target=fill, daemon=True).start()
    return columns
"""

MORE_THREADS = """
import hashlib
import threading

block = bytes(2**22)


def burn():
    hashlib.sha256(block).digest()


def im2col(x, spec):
    threads = [threading.Thread(target=burn) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return right(x, spec)
"""

CHANGES_INPUTS = """
def im2col(x, spec):
    columns = right(x, spec)
    if is_timed():
        x.reshape(-1)[0] = 77
    return columns
"""

# Nobody has to install it: the file that is mapped into memory has the name.
OTHER_LIBRARY = """
import mmap

with open("{folder}/libtorch_cpu.so", "w+b") as file:
    file.write(bytes(4096))
    file.flush()
    loaded = mmap.mmap(file.fileno(), 4096)
"""


def cheat(source: str) -> str:
    """The plug-in, with its own `im2col`."""
    return _HEAD + source
