"""The CUDA kernels as machine code for four architectures: nothing spills, and the instructions are those meant.

`-ftz=true` and `-std=c++17` are what CuPy and the backend compile with.
"""

from __future__ import annotations

import multiprocessing
import os
from collections import Counter
from pathlib import Path

import pytest

from backends.cupy_kernels.columns import COMMON
from backends.cupy_kernels.source import FOLDER, Build, build, text
from backends.cupy_kernels.tiles import STAGES
from harness.tests.helpers.cuda.nvrtc import Compiled, compiled, tool

pytestmark = [
    pytest.mark.cuda,
    pytest.mark.skipif(tool("lib/libnvrtc.so.*") is None, reason="the package nvidia-cuda-nvrtc is missing"),
]
ARCHITECTURES = (80, 90, 100, 120)
_H200 = 90
_MULTIPROCESSOR = 65536  # registers
# Threads that fit at once; fewer could not hide the latency of memory.
_FEWEST_THREADS = {"im2col": 512, "col2im": 512}
_FEWEST_OTHERWISE = 1024
_BLOCKS = {  # of 128 threads, by the rows of their tile
    ("conv2d", "float"): {32: 4, 64: 3, 128: 2}, ("conv2d", "double"): {32: 2, 64: 2},
    ("conv2d_weight_grad", "float"): {32: 3, 64: 2, 128: 2}, ("conv2d_weight_grad", "double"): {32: 3, 64: 2},
}  # fmt: skip


def geometry(kernel: tuple[int, int], stride: tuple[int, int], dilation: int = 1) -> dict[str, int]:
    """The defines of a kernel that is compiled for a geometry."""
    return dict(KH=kernel[0], KW=kernel[1], SH=stride[0], SW=stride[1], DH=dilation, DW=dilation)


def builds() -> list[Build]:
    """Every kernel, for every dtype, tile and mode that the backends launch; some geometries beyond the common ones."""
    found = [Build("spin", ()), build("pack_filters", "float32", TF32=1)]
    uncommon = [
        geometry((11, 11), (4, 4)),
        geometry((3, 3), (1, 1), 12),
        geometry((5, 5), (2, 2)),
        geometry((1, 7), (1, 1)),
        geometry((1, 15), (1, 1)),
        geometry((3, 3), (1, 1), 22),
    ]
    for dtype, size in (("float32", 4), ("float64", 8)):
        for name in ("im2col_any", "col2im_any"):
            found += [build(name, dtype), build(name, dtype, WIDE=1)]
        found += [build(name, dtype) for name in ("pack_filters", "sum_splits", "nonfinite_input_grad")]
        for defines in [*(geometry(*common) for common in sorted(COMMON)), *uncommon]:
            found += [build("im2col", dtype, **defines, VEC=16 // size), build("col2im", dtype, **defines)]
        found += [build("im2col", dtype, **geometry((3, 3), (1, 1)), VEC=1)]
        for name in ("conv2d", "conv2d_weight_grad"):
            for rows in (32, 64, 128)[: 3 if size == 4 else 2]:
                modes = [{}, {"TF32": 1}] if size == 4 else [{}]
                ways = [{}, {"LARGE": 1}, *([{"POINTWISE": 1}] if name == "conv2d" else [])]
                found += [build(name, dtype, BM=rows, STAGES=STAGES, **m, **way) for m in modes for way in ways]
    return found


def machine_code(kernel: Build, architecture: int) -> Compiled:
    return compiled(text(kernel.kernel), architecture, kernel.options)


def attempt(what: tuple[Build, int]) -> Compiled | str:
    """In a worker: the machine code, or what the compiler says."""
    try:
        return machine_code(*what)
    except SyntaxError as error:
        return str(error)


@pytest.fixture(scope="module")
def codes() -> dict[tuple[Build, int], Compiled | str]:
    """Everything, compiled on all cores."""
    wanted = [(kernel, architecture) for kernel in builds() for architecture in ARCHITECTURES]
    with multiprocessing.get_context("fork").Pool(min(os.cpu_count() or 1, 8)) as pool:
        return dict(zip(wanted, pool.map(attempt, wanted, chunksize=4), strict=True))


def test_every_kernel_file_is_compiled() -> None:
    assert {kernel.kernel for kernel in builds()} == {path.stem for path in FOLDER.glob("*.cu")}


@pytest.mark.parametrize("architecture", ARCHITECTURES)
@pytest.mark.parametrize("kernel", builds(), ids=str)
def test_nothing_spills_or_is_doubtful_and_enough_threads_fit(
    kernel: Build, architecture: int, codes: dict[tuple[Build, int], Compiled | str]
) -> None:
    code = codes[kernel, architecture]
    assert isinstance(code, Compiled), code
    assert code.spilled == code.stack == 0
    assert not code.warnings
    defines = dict(kernel.defines)
    blocks = _BLOCKS.get((kernel.kernel, str(defines.get("SCALAR"))))
    threads = (
        _FEWEST_THREADS.get(kernel.kernel, _FEWEST_OTHERWISE) if blocks is None else 128 * blocks[int(defines["BM"])]
    )
    assert code.registers <= _MULTIPROCESSOR // threads


def counted(kernel: Build, folder: Path) -> Counter[str]:
    """Instructions on an H200, by name and what matters of their modifiers."""
    if tool("bin/nvdisasm") is None:
        pytest.skip("the package nvidia-cuda-nvdisasm is missing")
    return Counter(machine_code(kernel, _H200).instructions(folder))


def test_tensor_cores_are_used_where_the_name_says_so_and_nowhere_else(tmp_path: Path) -> None:
    for name in ("conv2d", "conv2d_weight_grad"):
        tf32 = counted(build(name, "float32", BM=128, STAGES=STAGES, TF32=1), tmp_path)
        strict = counted(build(name, "float32", BM=128, STAGES=STAGES), tmp_path)
        assert tf32["HMMA.1688.F32.TF32"] == 64  # 64x64 of a warp, 16 deep: no instruction more than the product needs
        assert not [
            instruction
            for instruction in strict
            if "MMA" in instruction.partition(".")[0] and "HFMA2" not in instruction
        ]
        assert strict["FFMA.FTZ"] >= 2048


@pytest.mark.parametrize(
    ("name", "mode", "most", "products"),
    [
        ("conv2d", {"TF32": 1}, 290, 64),
        ("conv2d", {"TF32": 1, "POINTWISE": 1}, 200, 64),
        ("conv2d_weight_grad", {"TF32": 1}, 490, 64),
        ("conv2d", {}, 2350, 2048),
    ],
    ids=lambda value: "-".join(value) if isinstance(value, dict) else None,
)
def test_the_loop_is_little_but_products(
    name: str, mode: dict[str, int], most: int, products: int, tmp_path: Path
) -> None:
    """A warp issues one instruction a cycle: all others take time from the products. Tiles of 128 x 128 x 16."""
    if tool("bin/nvdisasm") is None:
        pytest.skip("the package nvidia-cuda-nvdisasm is missing")
    kernel = build(name, "float32", BM=128, STAGES=STAGES, **mode)
    found = machine_code(kernel, _H200).longest_loop(tmp_path)
    assert sum(instruction.partition(".")[0] in ("HMMA", "FFMA") for instruction in found) == products
    assert len(found) <= most


def test_copies_go_to_shared_memory_behind_the_threads_backs(tmp_path: Path) -> None:
    found = counted(build("conv2d", "float32", BM=128, STAGES=STAGES, TF32=1), tmp_path)
    assert (
        found["LDGSTS.E.128"] == 4 * STAGES
    )  # filters, 16 bytes at once: once in the loop, STAGES - 1 times before it
    assert found["LDGSTS.E"] == 16 * STAGES


def test_columns_are_stored_16_bytes_at_once_past_the_cache(tmp_path: Path) -> None:
    for dtype, vector in (("float32", 4), ("float64", 2)):
        found = counted(build("im2col", dtype, **geometry((3, 3), (1, 1)), VEC=vector), tmp_path)
        stores = {name: count for name, count in found.items() if name.startswith("STG")}
        assert set(stores) == {"STG.E.EF.128"}
        assert stores["STG.E.EF.128"] >= 9


def test_no_index_is_divided(tmp_path: Path) -> None:
    """A division of integers is a call, or goes through a reciprocal in floating point."""
    for name in ("im2col_any", "col2im_any"):
        found = counted(build(name, "float32"), tmp_path)
        assert not {"MUFU.RCP", "I2F.U32.RP", "CALL.REL.NOINC"} & set(found)
        wide = counted(build(name, "float32", WIDE=1), tmp_path)
        assert {"MUFU.RCP", "I2F.U64.RP", "CALL.REL.NOINC"} & set(wide)


def test_spilling_would_be_seen() -> None:
    """A kernel that is given too few registers for its sums."""
    kernel = build("conv2d", "float32", BM=128, STAGES=STAGES, TF32=1)
    source = text(kernel.kernel).replace("__launch_bounds__(THREADS, BLOCKS)", "__launch_bounds__(THREADS, 4)")
    assert compiled(source, _H200, kernel.options).spilled > 0
