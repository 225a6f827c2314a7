"""Pooling in `numba_tiled`: exact on every geometry, whatever the threads, the memory and the registers."""

from __future__ import annotations

import numpy as np
import pytest

pytestmark = pytest.mark.heavy

numba = pytest.importorskip("numba")

from backends import numba_tiled  # noqa: E402
from harness.calls.limits.threads import thread_limit  # noqa: E402
from harness.calls.memory_layouts import MEMORY_LAYOUTS, arrange, representable  # noqa: E402
from harness.contract import registry  # noqa: E402
from harness.contract.protocol import DTYPES, Array  # noqa: E402
from harness.geometry.spec import POOL_OPS, ConvSpec, Op  # noqa: E402
from harness.oracle.data import generator, real  # noqa: E402
from harness.tests.helpers.compiled.child import GUARDED_MEMORY, child, narrow_registers  # noqa: E402
from harness.tests.helpers.compiled.threads import spread_all  # noqa: E402, F401
from harness.tests.helpers.pooled.cases import GEOMETRIES, arguments, right  # noqa: E402

_MAX: tuple[Op, ...] = ("max_pool2d", "max_pool2d_grad")
_CLAIMED = {op: ["float32", "float64", *(("int32", "int64") if op in _MAX else ())] for op in POOL_OPS}
_DTYPES = [(op, dtype) for op, dtypes in _CLAIMED.items() for dtype in dtypes]


def run(op: Op, spec: ConvSpec, *arrays: Array) -> Array:
    """The op itself."""
    found: Array = getattr(numba_tiled, op)(*arrays, spec)
    return found


@pytest.mark.parametrize(("op", "dtype"), _DTYPES)
def test_whole_numbers_are_exact(op: Op, dtype: str) -> None:
    for text in GEOMETRIES:
        spec = ConvSpec.parse(text)
        arrays = arguments(op, spec, dtype, "exact")
        got = run(op, spec, *arrays)
        np.testing.assert_array_equal(got, right(op, spec, *arrays), err_msg=text)
        assert (got.dtype, got.shape, got.flags.carray) == (np.dtype(dtype), spec.output_shape(op), True), text


@pytest.mark.usefixtures("spread_all")
@pytest.mark.parametrize(("op", "dtype"), _DTYPES)
def test_the_bits_do_not_depend_on_the_number_of_threads(op: Op, dtype: str) -> None:
    if numba.config.NUMBA_NUM_THREADS < 2:
        pytest.skip("Numba has one thread here")
    for text in GEOMETRIES:
        spec = ConvSpec.parse(text)
        arrays = real(op, spec, dtype, text) if dtype.startswith("float") else arguments(op, spec, dtype, text)
        with thread_limit(1):
            alone = run(op, spec, *arrays)
        with thread_limit(2):
            np.testing.assert_array_equal(run(op, spec, *arrays), alone, err_msg=text)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("op", POOL_OPS)
def test_what_is_not_finite_reaches_what_reads_it(op: Op, dtype: str) -> None:
    """The first NaN of a window is its maximum, and gets the gradient, as the first of equal pixels does.

    Whose gradient it is where all pixels are -inf is asked below.
    """
    strange = (np.nan, np.inf) if op == "max_pool2d_grad" else (np.nan, np.inf, -np.inf)
    for text in GEOMETRIES:
        spec = ConvSpec.parse(text)
        arrays, rng = arguments(op, spec, dtype, "spoilt"), generator(text)
        for a in arrays:
            kind = rng.integers(0, 24, a.shape)
            for number, value in enumerate(strange):
                a[kind == number] = value
        with np.errstate(invalid="ignore"):
            wanted = right(op, spec, *arrays)
        np.testing.assert_array_equal(run(op, spec, *arrays), wanted, err_msg=text)


@pytest.mark.parametrize("dtype", ["float32", "float64", "int32", "int64"])
def test_padding_is_no_maximum_even_of_the_least_pixels(dtype: str) -> None:
    """All pixels are what padding is taken for: each window gives its gradient to its first pixel."""
    least = -np.inf if dtype.startswith("float") else np.iinfo(dtype).min
    for text in GEOMETRIES:
        spec = ConvSpec.parse(text)
        (dy, x) = arguments("max_pool2d_grad", spec, dtype, "least")
        x[...] = least
        assert np.array_equal(run("max_pool2d", spec, x), np.full(spec.pooled_shape, least, dtype)), text
        # As every pixel is equal, the first is the maximum: of zeros, padding is smaller.
        np.testing.assert_array_equal(
            run("max_pool2d_grad", spec, dy, x), right("max_pool2d_grad", spec, dy, np.zeros_like(x)), err_msg=text
        )


def test_whole_numbers_that_no_float_holds_are_compared() -> None:
    spec, large = ConvSpec.parse("n1c1h2w4_f1kh2kw2_sh2sw2"), 2**62
    x = np.array([[[[large, large + 1, -large, -large - 1], [large - 1, 0, -large + 1, -large]]]])
    assert run("max_pool2d", spec, x).ravel().tolist() == [large + 1, -large + 1]
    dx = run("max_pool2d_grad", spec, np.array([[[[large + 7, 5]]]]), x)
    assert dx.ravel().tolist() == [0, large + 7, 0, 0, 0, 0, 5, 0]


@pytest.mark.parametrize("layout", MEMORY_LAYOUTS)
@pytest.mark.parametrize("op", POOL_OPS)
def test_inputs_may_lie_in_any_memory_and_stay_as_they_were(op: Op, layout: str) -> None:
    spec = ConvSpec.parse("n2c3h9w20_f1kh3kw2_sh2sw1_pt1pb0pl1pr0")
    plain = [representable(a, layout) for a in arguments(op, spec, "float32", layout)]
    given = [arrange(a, layout) for a in plain]
    np.testing.assert_array_equal(run(op, spec, *given), right(op, spec, *plain))
    assert all(np.array_equal(a, b) for a, b in zip(given, plain, strict=True))


_ALL = """
from backends import numba_tiled
from backends.numba_tiled.launch import threads as how_many
from backends.numba_tiled.simd.registers import BYTES
from harness.calls.limits.threads import thread_limit
from harness.geometry.spec import POOL_OPS, ConvSpec
from harness.tests.helpers.pooled.cases import GEOMETRIES, arguments, right

how_many.SMALL = 0
for text in GEOMETRIES:
    spec = ConvSpec.parse(text)
    for op in POOL_OPS:
        print(op, text, flush=True)
        arrays = arguments(op, spec, sys.argv[2], text)
        for threads in map(int, sys.argv[3:]):
            with thread_limit(threads):
                workspace._kept.arrays.clear()
                got = getattr(numba_tiled, op)(*copies(arrays), spec)
            assert np.array_equal(got, right(op, spec, *arrays)), "wrong"
print("all of it with", BYTES)
"""


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("side", ["end", "start"])
def test_nothing_outside_the_arrays_is_touched(side: str, dtype: str) -> None:
    """With more threads than rows, some have nothing to do."""
    done = child(GUARDED_MEMORY + _ALL, side, dtype, "1", "3", NUMBA_NUM_THREADS="3")
    assert done.stdout.splitlines()[-1].startswith("all of it"), done.stdout.splitlines()[-1] + done.stderr[-1000:]


@pytest.mark.slow
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_narrower_registers_give_the_same(dtype: str) -> None:
    done = child(GUARDED_MEMORY + _ALL, "end", dtype, "1", **narrow_registers())
    assert done.stdout.splitlines()[-1] == "all of it with 32", done.stdout.splitlines()[-1] + done.stderr[-1000:]


def test_what_is_claimed() -> None:
    spec = ConvSpec.parse("n1c1h4w4_f1kh2kw2")
    backend = registry.load("numba_tiled")
    for op in POOL_OPS:
        assert [dtype for dtype in DTYPES if backend.unsupported(op, spec, dtype) is None] == _CLAIMED[op]
    assert backend.unsupported("avg_pool2d", spec, "int32") == "an average needs a float dtype, got int32"


def test_winograd_pools_in_the_same_way() -> None:
    winograd = registry.load("numba_winograd")
    assert all(winograd.ops[op] is getattr(numba_tiled, op) for op in POOL_OPS)
