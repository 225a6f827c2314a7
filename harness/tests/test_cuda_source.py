"""The CUDA kernels, compiled unmodified by a C++ compiler and run thread by thread on the CPU.

Needs no GPU and no CuPy: `blockIdx` and its like become globals that a loop sets. Every array lies between guards of
NaN, so that a read or a write beside it shows.
"""

from __future__ import annotations

import ast
import ctypes
import math
import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import harness
from harness import data, tap_oracle
from harness.protocol import Array
from harness.spec import ConvSpec, Op

_FOLDER = Path(harness.__file__).parents[1] / "backends" / "cupy_kernels"
_SCALARS = ["planes", "H", "W", "KH", "KW", "OH", "OW", "SH", "SW", "top", "left", "DH", "DW"]
_KERNELS: tuple[Op, ...] = ("im2col", "col2im")
_GUARD = 64

_WRAPPER = """
struct Index { unsigned x; };
static Index blockIdx, threadIdx, gridDim, blockDim;
#define __global__
#include "im2col.cu"
#include "col2im.cu"
#define LAUNCH(kernel) \\
extern "C" void launch_##kernel( \\
    const SCALAR* in, SCALAR* out, const long long* s, unsigned blocks, unsigned threads) { \\
    gridDim.x = blocks; blockDim.x = threads; \\
    for (blockIdx.x = 0; blockIdx.x < blocks; ++blockIdx.x) \\
        for (threadIdx.x = 0; threadIdx.x < threads; ++threadIdx.x) \\
            kernel(in, out, s[0], s[1], s[2], s[3], s[4], s[5], s[6], s[7], s[8], s[9], s[10], s[11], s[12]); \\
}
LAUNCH(im2col)
LAUNCH(col2im)
"""

SPECS = {
    "distinct": "n3c6h8w3_f9kh2kw2_sh1sw3_pt1pb0pl2pr2_dh2dw1_g3",
    "asymmetric": "n2c6h11w13_f4kh3kw2_sh2sw3_pt1pb2pl3pr0_dh2dw1_g2",
    "bottom_right": "n1c2h5w4_f2kh2kw2_pt0pb1pl0pr1",
    "dilated": "n1c2h10w9_f3kh2kw3_sh3sw2_pt2pb1pl1pr3_dh3dw2",
    "stride_not_tiling": "n2c2h8w9_f3kh3kw2_sh3sw4",
    "stride_beyond_kernel": "n2c2h9w11_f3kh2kw1_sh4sw3",
    "pad_beyond_kernel": "n2c2h3w2_f2kh2kw3_pt3pb4pl5pr3",
    "batch_of_3": "n3c4h7w6_f4kh3kw3_pt1pb1pl1pr1",
    "one_pixel": "n1c1h1w1_f1kh1kw1",
}
GRIDS = {"one_thread": (1, 1), "smaller": (2, 7), "larger": (16, 256)}


def kernel_arguments() -> Callable[[ConvSpec], tuple[int, ...]]:
    """The function that orders the scalars, cut out of the backend's source: importing that needs CuPy."""
    tree = ast.parse((_FOLDER / "__init__.py").read_text(encoding="utf-8"))
    tree.body = [
        node
        for node in tree.body
        if (isinstance(node, ast.FunctionDef) and node.name == "kernel_arguments")
        or (isinstance(node, ast.ImportFrom) and node.module == "__future__")
    ]
    scope: dict[str, Any] = {"np": np}
    exec(compile(tree, "kernel_arguments", "exec"), scope)
    function: Callable[[ConvSpec], tuple[int, ...]] = scope["kernel_arguments"]
    return function


@pytest.fixture(scope="module", params=["float32", "float64"])
def kernels(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, ctypes.CDLL]:
    """(dtype, the library with both kernels compiled for it)."""
    compiler = shutil.which("g++")
    if compiler is None:
        pytest.skip("g++ is missing, so the CUDA sources cannot be compiled for the CPU")
    folder = tmp_path_factory.mktemp("kernels")
    (folder / "wrapper.cpp").write_text(_WRAPPER, encoding="utf-8")
    c_type = {"float32": "float", "float64": "double"}[request.param]
    command = [compiler, "-std=c++17", "-O1", "-Wall", "-Wextra", "-Werror", "-shared", "-fPIC", f"-DSCALAR={c_type}",
               "-iquote", str(_FOLDER), "wrapper.cpp", "-o", "kernels.so"]  # fmt: skip
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return request.param, ctypes.CDLL(str(folder / "kernels.so"))


def guarded(values: Array) -> tuple[Array, Array]:
    """(a flat buffer with NaN before and behind, its middle as a view that holds the values)."""
    buffer = np.full(values.size + 2 * _GUARD, np.nan, values.dtype)
    middle = buffer[_GUARD : _GUARD + values.size]
    middle[:] = values.ravel()
    return buffer, middle


def pointer(a: Array) -> ctypes.c_void_p:
    """Address of the first element."""
    return ctypes.c_void_p(a.ctypes.data)


@pytest.mark.parametrize("grid", GRIDS.values(), ids=GRIDS)
@pytest.mark.parametrize("text", SPECS.values(), ids=SPECS)
@pytest.mark.parametrize("op", _KERNELS)
def test_kernel_equals_the_oracle(kernels: tuple[str, ctypes.CDLL], op: Op, text: str, grid: tuple[int, int]) -> None:
    """Equal in every element, on a grid with more and with fewer threads than work; guards untouched."""
    dtype, library = kernels
    spec = ConvSpec.parse(text)
    (given,) = data.exact(op, spec, dtype, text)
    _, source = guarded(given)
    buffer, result = guarded(np.full(spec.output_shape(op), np.nan, dtype))
    scalars = (ctypes.c_longlong * len(_SCALARS))(*map(int, kernel_arguments()(spec)))
    launch = library[f"launch_{op}"]
    launch.restype = None
    launch(pointer(source), pointer(result), scalars, ctypes.c_uint(grid[0]), ctypes.c_uint(grid[1]))
    np.testing.assert_array_equal(result.reshape(spec.output_shape(op)), tap_oracle.run(op, spec, given))
    assert np.isnan(buffer[:_GUARD]).all()
    assert np.isnan(buffer[-_GUARD:]).all()


def test_the_grids_are_both_smaller_and_larger_than_the_work() -> None:
    specs = [ConvSpec.parse(text) for text in SPECS.values()]
    work = [s.batch * s.in_channels * n for s in specs for n in (s.positions, math.prod(s.input_size))]
    assert sum(w > 2 * math.prod(GRIDS["smaller"]) for w in work) >= 10
    assert max(work) < math.prod(GRIDS["larger"])


@pytest.mark.parametrize("op", _KERNELS)
def test_parameters_of_the_kernel_are_in_the_order_of_the_arguments(op: Op) -> None:
    source = (_FOLDER / f"{op}.cu").read_text(encoding="utf-8")
    found = re.search(rf"\bvoid {op}\((.*?)\)", source, re.S)
    assert found is not None
    parameters = [" ".join(p.split()) for p in found[1].split(",")]
    arrays = {"im2col": ["x", "columns"], "col2im": ["columns", "x"]}[op]
    assert [p.split()[-1] for p in parameters] == [*arrays, *_SCALARS]
    assert parameters[0].startswith("const SCALAR*")
    assert all(p.startswith("long long ") for p in parameters[2:])


def test_arguments_are_the_named_sizes_of_the_spec() -> None:
    """Every value differs, so that two exchanged ones show."""
    spec = ConvSpec.parse("n7c3h40w50_f2kh4kw5_sh2sw9_pt13pb11pl12pr10_dh8dw6")
    assert dict(zip(_SCALARS, kernel_arguments()(spec), strict=True)) == {
        "planes": 21, "H": 40, "W": 50, "KH": 4, "KW": 5, "OH": 20, "OW": 6, "SH": 2, "SW": 9, "top": 13, "left": 12,
        "DH": 8, "DW": 6,
    }  # fmt: skip


def test_arguments_are_64_bit() -> None:
    assert all(isinstance(v, np.int64) for v in kernel_arguments()(ConvSpec.parse(SPECS["distinct"])))


@pytest.mark.parametrize("scalar", ["float", "double"])
@pytest.mark.parametrize("kernel", ["im2col", "col2im"])
def test_the_cuda_compiler_takes_the_sources(kernel: str, scalar: str, tmp_path: Path) -> None:
    """CUDA's own headers come first there: a macro named T once broke them, and g++ could not see it."""
    nvcc = shutil.which("nvcc")
    if nvcc is None:
        pytest.skip("nvcc is not installed")
    source = Path(__file__).resolve().parents[2] / "backends" / "cupy_kernels" / f"{kernel}.cu"
    options = ["-std=c++17", f"-DSCALAR={scalar}", "-cubin", "-o", str(tmp_path / "out.cubin")]
    done = subprocess.run([nvcc, *options, str(source)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[:2000]
