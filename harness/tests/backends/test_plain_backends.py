"""The backends of Python, NumPy and plain Numba loops: every way through them, on geometries that take it."""

from __future__ import annotations

from dataclasses import replace
from importlib.metadata import version
from typing import Any

import numpy as np
import pytest

numba = pytest.importorskip("numba")

from backends import naive_loops, numba_loops, numpy_fancy  # noqa: E402
from harness.calls.limits.threads import thread_limit  # noqa: E402
from harness.calls.memory_layouts import arrange  # noqa: E402
from harness.contract import registry  # noqa: E402
from harness.geometry.spec import OPS, ConvSpec, Op  # noqa: E402
from harness.oracle import by_taps, data  # noqa: E402

BACKENDS = ("naive_loops", "numpy_fancy", "matlab_loop", "numba_loops")
SPECS = {
    "all_distinct": "n2c6h9w11_f9kh3kw2_sh2sw3_pt1pb2pl3pr0_dh2dw1_g3",
    "no_padding": "n3c2h6w5_f4kh3kw2",
    "padding_of_one_side_each": "n2c2h5w4_f3kh2kw3_pt0pb1pl2pr0",
    "symmetric_in_height_alone": "n2c2h5w4_f3kh2kw3_pt2pb2pl1pr0",
    "symmetric_in_width_alone": "n2c2h5w4_f3kh2kw3_pt0pb1pl2pr2",
    "symmetric_and_unequal": "n2c2h5w4_f3kh3kw3_pt2pb2pl1pr1",
    "stride_beyond_kernel": "n2c2h9w11_f3kh2kw1_sh4sw3",
    "dilated": "n1c2h9w10_f2kh3kw2_sh1sw2_dh2dw3",
    "padding_beyond_kernel": "n2c2h3w2_f2kh2kw3_pt3pb4pl5pr3",
    "depthwise": "n2c5h6w5_f5kh3kw2_g5",
    "depthwise_multiplier": "n2c3h6w5_f6kh3kw2_sh2sw1_pt1pb1pl0pr0_g3",
    "pointwise": "n2c5h4w3_f7kh1kw1",
    "no_images": "n0c4h5w6_f6kh3kw2_pt1pb0pl0pr0_g2",
    "one_of_everything": "n1c1h1w1_f1kh1kw1",
}
_ALL_DISTINCT = ConvSpec.parse(SPECS["all_distinct"])


def required(got: Any, op: Op, spec: ConvSpec, arrays: tuple[Any, ...]) -> None:
    """The right numbers, in a fresh C-contiguous array of the dtype of the inputs."""
    np.testing.assert_array_equal(got, by_taps.run(op, spec, *arrays))
    assert (type(got), got.dtype, got.shape) == (np.ndarray, arrays[0].dtype, spec.output_shape(op))
    assert got.flags.c_contiguous
    assert got.flags.writeable
    assert not any(a is not None and np.may_share_memory(got, a) for a in arrays)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("op", OPS)
@pytest.mark.parametrize("name", BACKENDS)
def test_every_geometry_is_right_to_the_last_element(name: str, op: Op, dtype: str) -> None:
    for text in SPECS.values():
        spec = ConvSpec.parse(text)
        arrays: tuple[Any, ...] = data.exact(op, spec, dtype, text)
        for given in [arrays, (*arrays[:2], None)] if op == "conv2d" else [arrays]:
            before: list[Any] = [None if a is None else a.copy() for a in given]
            required(registry.load(name).call(op, spec, *given), op, spec, given)
            assert all(a is None or np.array_equal(a, b) for a, b in zip(given, before, strict=True))


@pytest.mark.parametrize("op", OPS)
@pytest.mark.parametrize("name", BACKENDS)
def test_inputs_may_lie_in_any_memory(name: str, op: Op) -> None:
    for layout in ("F", "permuted", "step-2", "unaligned", "readonly"):
        arrays = [arrange(a, layout) for a in data.exact(op, _ALL_DISTINCT, "float32", layout)]
        required(registry.load(name).call(op, _ALL_DISTINCT, *arrays), op, _ALL_DISTINCT, tuple(arrays))


@pytest.mark.parametrize("op", OPS)
def test_sums_of_plain_loops_are_in_double_precision_and_rounded_once(op: Op) -> None:
    arrays = data.real(op, _ALL_DISTINCT, "float32", "x")
    exact = by_taps.run(op, _ALL_DISTINCT, *arrays, accumulate=np.longdouble)
    got = getattr(naive_loops, op)(*arrays, _ALL_DISTINCT)
    half = np.spacing(np.abs(got)).astype(np.longdouble) / 2
    assert got.dtype == np.float32
    assert (np.abs(got - exact) <= half * (1 + 1e-6)).all()


@pytest.mark.parametrize(
    "change", [{"kernel_size": (2, 3)}, {"stride": (3, 2)}, {"dilation": (1, 2)}, {"in_channels": 9}], ids=str
)
def test_indices_are_kept_for_one_geometry_alone(change: dict[str, Any]) -> None:
    """`numpy_fancy` keeps them: asked again for what differs in one thing, it makes others."""
    other = replace(_ALL_DISTINCT, **change)
    for spec in (_ALL_DISTINCT, other, _ALL_DISTINCT):
        x, columns = (data.exact(op, spec, "float32", "x")[0] for op in ("im2col", "col2im"))
        np.testing.assert_array_equal(numpy_fancy.im2col(x, spec), by_taps.run("im2col", spec, x))
        np.testing.assert_array_equal(numpy_fancy.col2im(columns, spec), by_taps.run("col2im", spec, columns))


def test_few_indices_are_kept() -> None:
    assert numpy_fancy._indices.cache_info().maxsize == 4
    k, i, j = numpy_fancy._indices(2, (1, 2), (2, 1), (3, 1), (1, 2))
    assert k.tolist() == [[0], [0], [1], [1]]
    assert i.tolist() == [[0, 3]] * 4
    assert j.tolist() == [[0, 0], [2, 2]] * 2


@pytest.mark.parametrize("op", OPS)
def test_the_bits_of_compiled_loops_do_not_depend_on_the_number_of_threads(op: Op) -> None:
    arrays = data.real(op, _ALL_DISTINCT, "float32", "x")
    bits = set()
    for threads in range(1, min(numba.config.NUMBA_NUM_THREADS, 2) + 1):
        with thread_limit(threads):
            bits.add(registry.load("numba_loops").call(op, _ALL_DISTINCT, *arrays).tobytes())
    assert len(bits) == 1


@pytest.mark.parametrize(
    ("name", "numerics"),
    [("naive_loops", "direct"), ("numpy_fancy", "gemm"), ("matlab_loop", "gemm"), ("numba_loops", "direct")],
)
def test_what_each_says_of_itself(name: str, numerics: str) -> None:
    backend = registry.load(name)
    assert backend.numerics == numerics
    assert backend.native == (set(OPS) - {"conv2d_bias_grad"} if name == "numba_loops" else set(OPS))
    for op in OPS:
        assert [backend.unsupported(op, _ALL_DISTINCT, d) for d in ("float32", "float64")] == [None, None]
        for other in ("float16", "int32", "int64"):
            assert backend.unsupported(op, _ALL_DISTINCT, other) == f"dtype {other} is not claimed"


def test_compiled_loops_tell_their_device_version_and_threads() -> None:
    with thread_limit(1):
        assert numba_loops.info() == {"device": "cpu", "numba": version("numba"), "threads": "1"}
    most = numba.config.NUMBA_NUM_THREADS
    with thread_limit(most):
        assert numba_loops.info()["threads"] == str(most)


@pytest.mark.parametrize(
    ("name", "parts"),
    [
        ("numpy_fancy", ["pad", "im2col", "reorder", "product", "reorder"]),
        ("matlab_loop", ["reorder", "im2col", "product", "reorder"]), ("naive_loops", []), ("numba_loops", []),
    ],
)  # fmt: skip
def test_the_stages_of_a_convolution_give_its_result(name: str, parts: list[str]) -> None:
    backend = registry.load(name)
    for text in SPECS.values():
        spec = ConvSpec.parse(text)
        found = backend.stages("conv2d", spec)
        assert [part for part, _ in found] == parts
        arrays: tuple[Any, ...] = data.exact("conv2d", spec, "float32", text)
        for b in (arrays[2], None) if parts else ():
            given: Any = (*arrays[:2], b)
            for _, function in found:
                given = function(*given)
            required(given, "conv2d", spec, (*arrays[:2], b))
        assert not any(backend.stages(op, spec) for op in OPS if op != "conv2d")
