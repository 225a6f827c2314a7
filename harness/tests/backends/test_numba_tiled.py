"""What `numba_tiled` promises beyond the contract.

Nothing outside the arrays is touched, the bits do not depend on the number of threads, narrower registers give the
same, and compiled code of an older version is not used.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

pytestmark = pytest.mark.heavy

numba = pytest.importorskip("numba")

from numba.core import caching  # noqa: E402

from backends import numba_tiled  # noqa: E402
from backends.numba_tiled.launch import stale_code  # noqa: E402
from harness.calls.limits.threads import thread_limit  # noqa: E402
from harness.contract import registry  # noqa: E402
from harness.geometry.spec import ALL_OPS, OPS, ConvSpec, Op  # noqa: E402
from harness.oracle import data  # noqa: E402
from harness.tests.helpers.compiled.child import GUARDED_MEMORY, child, narrow_registers  # noqa: E402
from harness.tests.helpers.compiled.layers import IN_BANDS, LEFT_OVER, SKIPPING, SPECS, TRANSPOSED  # noqa: E402
from harness.tests.helpers.compiled.threads import SPREAD, spread_all  # noqa: E402, F401

_GUARDED = (
    GUARDED_MEMORY
    + """
from backends import numba_tiled
from backends.numba_tiled import winograd
from backends.numba_tiled.winograd import convolution, plan
from harness.oracle import by_taps, data
from harness.geometry.spec import OPS, ConvSpec

convolution.applies = plan.is_dense_3x3
for text in sys.argv[3:]:
    spec = ConvSpec.parse(text)
    for op in OPS:
        workspace._kept.arrays.clear()
        print(op, text, flush=True)
        arrays = copies(data.exact(op, spec, sys.argv[2], text))
        got = getattr(numba_tiled, op)(*arrays, spec)
        assert np.array_equal(got, by_taps.run(op, spec, *arrays)), "wrong"
        if convolution.applies(spec) and op in ("conv2d", "conv2d_input_grad"):
            assert np.array_equal(getattr(winograd, op)(*arrays, spec), got), "wrong by Winograd"
print("all of it")
"""
)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("side", [pytest.param("end", marks=pytest.mark.slow), "start"])
def test_nothing_outside_the_arrays_is_touched(side: str, dtype: str) -> None:
    spread = SPREAD if dtype == "float32" else ""
    done = child(spread + _GUARDED, side, dtype, *SPECS, *SKIPPING[:4])
    assert done.stdout.splitlines()[-1] == "all of it", done.stdout.splitlines()[-1] + done.stderr[-1000:]


@pytest.mark.parametrize("side", ["end", pytest.param("start", marks=pytest.mark.slow)])
def test_nothing_outside_is_touched_where_columns_exceed_the_caches(side: str) -> None:
    """im2col writes these past the caches; here it takes all columns for such."""
    small = "from backends.numba_tiled.ops import im2col\n"
    small += "im2col.CACHE_BYTES = im2col.RUN_BYTES = 0\nfor text in"
    done = child(_GUARDED.replace("for text in", small, 1), side, "float32", *SPECS)
    assert done.stdout.splitlines()[-1] == "all of it", done.stdout.splitlines()[-1] + done.stderr[-1000:]


def test_the_guard_bites() -> None:
    touch = _GUARDED.replace(
        "got = getattr(", "arrays[0].ctypes.data; ctypes.string_at(arrays[0].ctypes.data, 1 << 20); getattr("
    )
    assert child(touch, "end", "float32", SPECS[0]).returncode < 0


@pytest.mark.usefixtures("spread_all")
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("op", OPS)
def test_the_bits_do_not_depend_on_the_number_of_threads(op: Op, dtype: str) -> None:
    if numba.config.NUMBA_NUM_THREADS < 2:
        pytest.skip("Numba has one thread here")
    for text in [*SPECS, *IN_BANDS]:
        spec = ConvSpec.parse(text)
        arrays = data.real(op, spec, dtype, text)
        run = getattr(numba_tiled, op)
        with thread_limit(1):
            alone = run(*arrays, spec)
        with thread_limit(2):
            assert np.array_equal(run(*arrays, spec), alone), text


_DIVIDED = """
import sys, numpy as np
from backends import numba_tiled
from harness.oracle import by_taps, data
from harness.calls.limits.threads import thread_limit
from harness.geometry.spec import ConvSpec

for text in sys.argv[1:]:
    spec = ConvSpec.parse(text)
    for op in ("conv2d", "conv2d_input_grad", "conv2d_weight_grad"):
        run = getattr(numba_tiled, op)
        exact, real = (make(op, spec, "float32", text) for make in (data.exact, data.real))
        right, bits = by_taps.run(op, spec, *exact), set()
        for threads in (1, 2, 3, 4):
            with thread_limit(threads):
                assert np.array_equal(run(*exact, spec), right), f"{op} of {text} is wrong with {threads} threads"
                bits.add(run(*real, spec).tobytes())
        assert len(bits) == 1, f"{op} of {text} has other bits with other numbers of threads"
print("all of it")
"""


def test_four_threads_divide_a_layer_without_gaps() -> None:
    """Images, bands and filters are divided unevenly: what one thread leaves to another must be what that one does."""
    done = child(SPREAD + _DIVIDED, *LEFT_OVER, *TRANSPOSED, *IN_BANDS, *SKIPPING, NUMBA_NUM_THREADS="4")
    assert done.stdout == "all of it\n", done.stderr[-700:]


@pytest.mark.slow
def test_narrower_registers_give_the_same() -> None:
    source = (
        "import sys, numpy as np\nfrom backends import numba_tiled\n"
        "from backends.numba_tiled.simd.registers import BYTES\n"
        "from harness.oracle import by_taps, data\nfrom harness.geometry.spec import ConvSpec\n"
        "for text in sys.argv[1:]:\n    spec = ConvSpec.parse(text)\n"
        "    for op in ('im2col', 'col2im', 'conv2d', 'conv2d_input_grad', 'conv2d_weight_grad', 'conv2d_bias_grad'):\n"
        "        a = data.exact(op, spec, 'float32', text)\n"
        "        assert np.array_equal(getattr(numba_tiled, op)(*a, spec), by_taps.run(op, spec, *a)), (op, text)\n"
        "print('bytes', BYTES)\n"
    )
    done = child(source, *SPECS, *SKIPPING[:4], **narrow_registers())
    assert done.stdout.split() == ["bytes", "32"], done.stderr[-1000:]


@pytest.mark.parametrize("given", ["", "elsewhere"], ids=["beside the sources", "NUMBA_CACHE_DIR"])
@pytest.mark.parametrize("room", [".", "product", "product/inner"])
def test_compiled_code_of_an_older_version_is_forgotten(
    room: str, given: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever room a source lies in, what was compiled from it may lie in another; of other packages nothing goes."""
    package = tmp_path / "package"
    monkeypatch.setattr(stale_code, "_FOLDER", package)
    monkeypatch.setattr(numba.config, "CACHE_DIR", str(tmp_path / given) if given else "")
    source, kernel, foreign = package / room / "tile.py", package / "ops" / "conv2d.py", tmp_path / "ops" / "conv2d.py"
    for file in (source, kernel, foreign):
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("a = 1\n")
    compiled, of_others = (Path(cache_of(file)) / "conv2d.f-1.py311.nbi" for file in (kernel, foreign))
    stale_code.forget_other_versions()
    for file in (compiled, of_others):
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("machine code")
    stale_code.forget_other_versions()
    assert compiled.exists()
    source.write_text("a = 2\n")
    stale_code.forget_other_versions()
    assert not compiled.exists()
    compiled.write_text("machine code")
    source.rename(source.with_name("other.py"))
    stale_code.forget_other_versions()
    assert not compiled.exists()
    assert of_others.exists()


def cache_of(file: Path) -> str:
    """Where Numba itself would keep what is compiled from a file."""
    names = ("UserProvidedCacheLocator", "InTreeCacheLocator")  # older versions of Numba write _ before them
    kinds = [getattr(caching, name, None) or getattr(caching, f"_{name}") for name in names]
    found = (kind.from_function(lambda: None, str(file)) for kind in kinds)
    return str(next(one.get_cache_path() for one in found if one is not None))


_FROM_SEVERAL_THREADS = """
import sys, threading, warnings
import numpy as np
import numba
from backends import numba_tiled
from harness.oracle import by_taps, data
from harness.geometry.spec import OPS, ConvSpec

right = []

def call(text):
    spec = ConvSpec.parse(text)
    for op in OPS * 3:
        arrays = data.exact(op, spec, "float32", text)
        right.append(np.array_equal(getattr(numba_tiled, op)(*arrays, spec), by_taps.run(op, spec, *arrays)))

with warnings.catch_warnings(record=True) as told:
    warnings.simplefilter("always")
    callers = [threading.Thread(target=call, args=(text,)) for text in sys.argv[1:]]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join()
slow = sum("workqueue" in str(one.message) for one in told)
print(numba.threading_layer(), len(right), all(right), slow)
"""


@pytest.mark.parametrize("layer", ["omp", "workqueue"])
def test_several_threads_may_call_and_a_slow_threading_layer_is_told(layer: str) -> None:
    """Numba's own layer, workqueue, ends the process if two threads launch at a time."""
    done = child(SPREAD + _FROM_SEVERAL_THREADS, *SPECS[:4], NUMBA_THREADING_LAYER=layer, NUMBA_NUM_THREADS="2")
    if "No threading layer could be loaded" in done.stderr:
        pytest.skip(f"Numba has no {layer} here")
    assert done.stdout.split() == [layer, "72", "True", str(int(layer == "workqueue"))], (
        done.stdout + done.stderr[-700:]
    )


def test_every_op_is_its_own() -> None:
    assert registry.load("numba_tiled").native == frozenset(ALL_OPS)
