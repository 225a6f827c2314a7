"""The CUDA backends without a card: the suite on emulated kernels, and all host code up to CuPy's own functions.

`fake_cupy` stands for CuPy: with it on the path a backend goes its whole way, from the command line to the kernels.
"""

from __future__ import annotations

import doctest
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import harness
from backends.cupy_kernels import LADDER, columns, explicit, implicit, lowered, source, tiles, words
from backends.cupy_kernels.emulated import EmulatedDevice, KernelError
from backends.cupy_kernels.source import Build
from harness.geometry.spec import ConvSpec
from harness.oracle import by_taps, data
from harness.tests.helpers.cuda.cuda_cases import OPS, PRODUCTS, SPECS, Case, in_child

pytestmark = pytest.mark.cuda

ROOT = Path(harness.__file__).parents[1]
LAYER = ConvSpec.parse("n3c6h12w11_f8kh3kw3_pt1pb1pl1pr1")


def with_fake_cupy(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Python in a process that takes the fake for CuPy."""
    path = os.pathsep.join([str(Path(__file__).parents[2] / "helpers" / "cuda" / "fake_cupy"), str(ROOT)])
    command = [sys.executable, *arguments]
    return subprocess.run(
        command, env=os.environ | {"PYTHONPATH": path}, capture_output=True, text=True, check=False, timeout=600
    )


def results(op: Any, backend: Any, spec: ConvSpec, dtype: str = "float32") -> tuple[Any, Any]:
    """(what the backend computes, what is right)."""
    arrays = data.exact(op, spec, dtype, str(spec))
    return getattr(backend, op)(*arrays, spec), by_taps.run(op, spec, *arrays)


@pytest.mark.parametrize("name", LADDER)
def test_the_suite_passes_through_cupy_and_kernels(name: str, tmp_path: Path) -> None:
    file = tmp_path / "conformance.json"
    done = with_fake_cupy("-m", "harness", "check", name, "--json", str(file))
    assert done.returncode == 0, done.stdout + done.stderr
    (found,) = json.loads(file.read_text())
    assert (found["verdict"], found["executed"]) == ("pass", found["planned"])
    assert found["planned"] >= 1000


def test_the_emulated_backends_are_targets() -> None:
    target = "backends.cupy_kernels.emulated:cupy_implicit_tf32"
    command = [sys.executable, "-m", "harness", "check", target, "--ops", "im2col,col2im,conv2d"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=600)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("rows", [32, 64, 128])
@pytest.mark.parametrize("tf32", [False, True])
def test_tiles_of_every_height(rows: int, tf32: bool) -> None:
    cases = [Case(op, name, tf32=tf32, late=late) for op in PRODUCTS for name in SPECS for late in (True, False)]
    assert in_child(cases, tile_rows=rows) == ""


class Recording(EmulatedDevice):
    """Remembers what was launched."""

    def __init__(self) -> None:
        super().__init__()
        self.launched: list[Build] = []

    def launch(self, build: Build, *arguments: Any, **more: Any) -> None:
        self.launched.append(build)
        super().launch(build, *arguments, **more)

    def count(self, kernel: str, **defines: int) -> int:
        """How many launches of a kernel had these defines."""
        return sum(b.kernel == kernel and defines.items() <= dict(b.defines).items() for b in self.launched)


# What only gigabytes would reach is reached by lowering where it begins; how it shows in what is launched, and on what.
LIMITS = [
    (columns, "MOST_INDEX", 4, "groups", lambda d: d.count("im2col_any", WIDE=1) == d.count("col2im_any", WIDE=1) == 1),
    (columns, "_MOST_THREADS", 300, "groups", lambda d: d.count("im2col_any") > 1 < d.count("col2im_any")),
    (columns, "_WORTH_COMPILING", 1, "dilated", lambda d: d.count("im2col", DH=3) == d.count("col2im", DH=3) == 1),
    (columns, "COMMON", set(), "depthwise", lambda d: d.count("im2col_any") == d.count("col2im_any") == 1),
    (
        implicit,
        "MOST_PIXELS",
        100,
        "half_a_tile",
        lambda d: d.count("conv2d") > 3 and d.count("conv2d_weight_grad") > 1,
    ),
    (tiles, "_FEWEST_TILES", 1, "groups", lambda d: d.count("sum_splits") >= 1),
    (tiles, "_MOST_SUMS_BYTES", 0, "long_sum", lambda d: d.count("sum_splits") == 0),
    (lowered, "_MOST_TAPS", 0, "groups", lambda d: d.count("conv2d_weight_grad", LARGE=1) == 1),
]


@pytest.mark.parametrize(("module", "limit", "value", "name", "shows"), LIMITS, ids=[limit[1] for limit in LIMITS])
def test_beyond_every_limit(
    module: Any, limit: str, value: Any, name: str, shows: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def shown() -> bool:
        device, spec = Recording(), ConvSpec.parse(SPECS[name])
        for op in OPS:
            np.testing.assert_array_equal(*results(op, LADDER["cupy_implicit"](device), spec))
        return bool(shows(device))

    assert not shown()
    monkeypatch.setattr(module, limit, value)
    assert shown()
    assert in_child([Case(op, other, tf32=True) for op in OPS for other in SPECS]) == ""


def test_images_whose_gradients_wait_together_are_few(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(explicit, "_MOST_SUMS_BYTES", 1)
    np.testing.assert_array_equal(*results("conv2d_weight_grad", LADDER["cupy_kernels"](EmulatedDevice()), LAYER))


NONFINITE = ConvSpec.parse("n2c4h13w12_f6kh3kw3_sh2sw1_pt4pb4pl3pr3_dh3dw2_g2")


@pytest.mark.parametrize(
    "fault", [(), ("- v * DW,", "- v,"), ("group % groups * filters", "0 * filters"), ("if (*flag <", "if (*flag <=")]
)
def test_an_infinite_filter_reaches_the_pixels_that_meet_it(fault: tuple[str, ...], tmp_path: Path) -> None:
    """With padding, dilation, stride and groups; and faults in what sees to it are seen."""
    if fault:
        file = "nonfinite_input_grad.cu"
        text = (source.FOLDER / file).read_text(encoding="utf-8")
        assert fault[0] in text
        (tmp_path / file).write_text(text.replace(fault[0], fault[1]), encoding="utf-8")
    dy, w = data.exact("conv2d_input_grad", NONFINITE, "float32", "inf")
    w[4, 1, 2, 0] = np.inf
    dx = LADDER["cupy_implicit_tf32"](EmulatedDevice([tmp_path])).conv2d_input_grad(dy, w, NONFINITE)  # type: ignore[attr-defined]
    right = np.array_equal(dx, by_taps.run("conv2d_input_grad", NONFINITE, dy, w), equal_nan=True)
    assert right == (not fault)


@pytest.mark.parametrize("name", LADDER)
def test_arrays_of_another_library_come_and_go_through_dlpack(name: str) -> None:
    torch = pytest.importorskip("torch")
    backend = LADDER[name](EmulatedDevice())
    for op in OPS:
        arrays = data.exact(op, LAYER, "float32", "dlpack")
        got = getattr(backend, op)(*(torch.from_numpy(a.copy()) for a in arrays), LAYER)
        np.testing.assert_array_equal(torch.from_dlpack(got).numpy(), by_taps.run(op, LAYER, *arrays))


@pytest.mark.parametrize("name", LADDER)
def test_an_input_may_begin_anywhere(name: str) -> None:
    """A part of a larger array is contiguous, but not where 16 bytes may be read at once."""
    device, spec = EmulatedDevice(), ConvSpec.parse(SPECS["pointwise"])
    backend = LADDER[name](device)
    for op in OPS:
        arrays, parts = data.exact(op, spec, "float32", "anywhere"), []
        for a in arrays:
            parts.append(device.empty((a.size + 1,), a.dtype, "more")[1:].reshape(a.shape))
            parts[-1][...] = a
        np.testing.assert_array_equal(getattr(backend, op)(*parts, spec), by_taps.run(op, spec, *arrays))


def test_a_filter_that_rounds_to_infinity_reaches_no_other_pixel() -> None:
    spec = ConvSpec.parse("n1c1h3w3_f1kh2kw2")
    w, dy = np.zeros(spec.w_shape, np.float32), np.ones(spec.y_shape, np.float32)
    w[0, 0, 0, 0] = np.finfo(np.float32).max
    dx = LADDER["cupy_implicit_tf32"](EmulatedDevice()).conv2d_input_grad(dy, w, spec)  # type: ignore[attr-defined]
    assert not np.isnan(dx).any()
    assert (dx[0, 0, 2] == 0).all()


def test_too_little_memory_says_what_was_needed() -> None:
    needed = LAYER.columns_bytes("float32")
    backend = LADDER["cupy_kernels"](EmulatedDevice(memory=needed - 1))
    with pytest.raises(
        MemoryError, match=r"the columns \(3, 54, 132\) float32 need .* GiB on .*; .* GiB are available"
    ):
        results("im2col", backend, LAYER)
    small = ConvSpec.parse("n1c6h12w11_f8kh3kw3_pt1pb1pl1pr1")
    np.testing.assert_array_equal(*results("im2col", backend, small))


@pytest.mark.parametrize("op", PRODUCTS)
def test_chunks_fit_where_the_columns_of_the_batch_do_not(op: Any) -> None:
    memory = 2 * LAYER.columns_bytes("float32") // LAYER.batch
    np.testing.assert_array_equal(*results(op, LADDER["cupy_chunked"](EmulatedDevice(memory=memory)), LAYER))
    with pytest.raises(MemoryError):
        results(op, LADDER["cupy_kernels"](EmulatedDevice(memory=memory)), LAYER)


@pytest.mark.parametrize("op", PRODUCTS)
def test_implicit_needs_no_columns(op: Any) -> None:
    memory = LAYER.columns_bytes("float32") // 3
    np.testing.assert_array_equal(*results(op, LADDER["cupy_implicit"](EmulatedDevice(memory=memory)), LAYER))


KERNEL_FAULTS = {
    "writes_beside": ("total[i] = sum;", "total[i + 1] = sum;", "wrote beside an array"),
    "parts_at_a_barrier": ("if (i >= size) return;", "if (i >= size) return; __syncthreads();", "waited at a barrier"),
}


@pytest.mark.parametrize("fault", KERNEL_FAULTS)
def test_a_kernel_that_goes_wrong_is_an_error(fault: str, tmp_path: Path) -> None:
    old, new, message = KERNEL_FAULTS[fault]
    (tmp_path / "sum_splits.cu").write_text(source.text("sum_splits").replace(old, new), encoding="utf-8")
    if fault == "parts_at_a_barrier":
        with (tmp_path / "sum_splits.cu").open("a", encoding="utf-8") as file:
            file.write('#include "ptx.cuh"\n')
    device = EmulatedDevice([tmp_path])
    parts, total = device.from_numpy(np.ones((2, 100), np.float32)), device.empty((100,), np.float32, "the total")
    with pytest.raises(KernelError, match=message):
        device.launch(source.build("sum_splits", "float32"), 1, 256, parts, total, np.int32(2), np.int64(100))


def test_arguments_of_other_sizes_than_the_kernel_takes_are_refused() -> None:
    """On a card they would be read as they are."""
    device = EmulatedDevice()
    parts = device.from_numpy(np.ones((1, 8), np.float32))
    for wrong in ([np.int32(1), np.int32(8)], [np.int32(1)], [np.int32(1), np.int64(8), np.int64(8)]):
        with pytest.raises(KernelError, match="sum_splits takes arguments of"):
            device.launch(source.build("sum_splits", "float32"), 1, 256, parts, parts, *wrong)


def test_text_that_is_not_cuda_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "sum_splits.cu").write_text("nonsense", encoding="utf-8")
    with pytest.raises(KernelError, match="sum_splits SCALAR=float does not compile"):
        EmulatedDevice([tmp_path]).launch(source.build("sum_splits", "float32"), 1, 256)


def test_an_older_card_is_unavailable_to_implicit_gemm() -> None:
    device = EmulatedDevice()
    device.capability = 75
    with pytest.raises(harness.BackendUnavailable, match=r"compute capability 7.5, 8.0 is needed"):
        LADDER["cupy_implicit"](device)
    assert LADDER["cupy_kernels"](device)


def test_the_ladder_is_compared_through_cupy(tmp_path: Path) -> None:
    """Their times mean nothing; that there are times, by events, and shares of the card's ceilings, does."""
    file = tmp_path / "ladder.json"
    layer = ("--shapes", "n2c8h9w8_f5kh3kw3_pt1pb1pl1pr1", "--ops", "conv2d", "--pairs", "3")
    done = with_fake_cupy("-m", "harness", "compare", *LADDER, *layer, "--json", str(file))
    assert done.returncode == 0, done.stdout + done.stderr
    found = json.loads(file.read_text())
    assert [row["status"] for row in found["rows"]] == ["ok"] * 3
    assert all(row["a_share"] > 0 and row["b_share"] > 0 for row in found["rows"])
    assert {ceilings["device"] for ceilings in found["ceilings"]} == {"an emulated card"}


def test_examples_in_docstrings_hold() -> None:
    for module in (columns, lowered, source, tiles, words):
        found = doctest.testmod(module)
        assert found.failed == 0
        assert found.attempted > 0


def test_time_and_ceilings_through_cupy() -> None:
    """Times of the fake mean nothing; that the calls go through does."""
    code = """
import numpy as np
from backends.cupy_kernels import device
card = device.CudaDevice()
found = card.ceilings()
assert found["device"] == "an emulated card" and set(found["copy_gbs"]) == {"cache", "dram"}, found
assert {"float32", "float64"} <= set(found["matmul_gflops"]), found
assert all(value > 0 for value in found["matmul_gflops"].values()), found
import cupy
from backends.cupy_kernels import Implicit
from harness import ConvSpec
spec = ConvSpec.parse("n1c40h9w9_f130kh3kw3")
Implicit(card, True).conv2d(np.ones(spec.x_shape, "float32"), np.ones(spec.w_shape, "float32"), None, spec)
unaligned = cupy.empty((17,), np.float32)[1:]
assert unaligned.data.ptr % 16 and card.array(unaligned).data.ptr % 16 == 0
assert cupy.SHARED_TOLD["conv2d"] > 48 * 2**10, cupy.SHARED_TOLD
cupy.LIMIT.append(1000)
try:
    card.empty((1000, 1000), np.float32, "the columns")
except MemoryError as error:
    assert "the columns (1000, 1000) float32 need" in str(error), error
else:
    raise AssertionError("no error")
"""
    done = with_fake_cupy("-c", code)
    assert done.returncode == 0, done.stderr
