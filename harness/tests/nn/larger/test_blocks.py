"""Arrays in blocks of images: the same numbers as the oracle, the memory that is stated, and nothing written over."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from harness.contract.own_packages import ROOT
from harness.geometry.spec import ConvSpec
from harness.nn import blocks
from harness.nn.errors import OpRefused
from harness.oracle import by_taps, data
from harness.tests.helpers.plugins import GOOD

dask = pytest.importorskip("dask", reason="dask is not installed")
da = pytest.importorskip("dask.array", reason="dask is not installed")
pytest.importorskip("zarr", reason="Zarr is not installed")

_SPEC = ConvSpec.parse("n7c4h9w8_f6kh3kw2_sh2sw1_pt1pb0pl1pr2_dh1dw2_g2")


@pytest.fixture(params=["numpy_fancy", "a file"])
def backend(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """One of ours, and a plug-in of two functions."""
    if request.param != "a file":
        return str(request.param)
    (tmp_path / "mine.py").write_text(GOOD, encoding="utf-8")
    return str(tmp_path / "mine.py")


def cut(array: np.ndarray, images: int = 3) -> Any:
    """In blocks of so many images; the last one is smaller."""
    return da.from_array(array, chunks=(images, -1, -1, -1))


def test_forward_and_both_gradients_are_those_of_the_oracle(backend: str) -> None:
    """Three blocks, the last of one image. Whole numbers, so equality is exact in any order of sums."""
    x, w, b = data.exact("conv2d", _SPEC, "float32", "blocks")
    (dy,) = data.exact("conv2d_bias_grad", _SPEC, "float32", "blocks")
    y = blocks.conv2d(backend, cut(x), w, b, _SPEC)
    assert y.chunks[0] == (3, 3, 1)
    dx = blocks.conv2d_input_grad(backend, cut(dy, 2), w, _SPEC)
    dw = blocks.conv2d_weight_grad(backend, cut(dy, 2), cut(x), _SPEC)  # blocks that do not match
    for made, expected in (
        (y, by_taps.run("conv2d", _SPEC, x, w, b)),
        (dx, by_taps.run("conv2d_input_grad", _SPEC, dy, w)),
        (dw, by_taps.run("conv2d_weight_grad", _SPEC, dy, x)),
    ):
        found = made.compute(scheduler="synchronous")
        assert (found.dtype, found.shape) == (np.float32, made.shape)
        np.testing.assert_array_equal(found, expected)


def test_it_goes_from_zarr_to_zarr_and_writes_over_nothing(tmp_path: Path) -> None:
    x, w, b = data.exact("conv2d", _SPEC, "float64", "blocks")
    blocks.write(cut(x), tmp_path / "x")
    blocks.write(blocks.conv2d("numpy_fancy", blocks.read(tmp_path / "x", images=2), w, b, _SPEC), tmp_path / "y")
    found = blocks.read(tmp_path / "y")
    assert found.chunks[0] == (2, 2, 2, 1)
    np.testing.assert_array_equal(found.compute(scheduler="synchronous"), by_taps.run("conv2d", _SPEC, x, w, b))
    with pytest.raises(FileExistsError, match="nothing is written over"):
        blocks.write(cut(x), tmp_path / "y")


def test_what_cannot_be_is_refused_before_anything_is_computed(tmp_path: Path) -> None:
    x, w, b = data.exact("conv2d", _SPEC, "float32", "blocks")
    with pytest.raises(ValueError, match="x_shape of the spec is"):
        blocks.conv2d("numpy_fancy", cut(x[:5]), w, b, _SPEC)
    with pytest.raises(ValueError, match="only the batch axis may be cut"):
        blocks.conv2d("numpy_fancy", da.from_array(x, chunks=(3, 2, -1, -1)), w, b, _SPEC)
    refusal = "\n\ndef unsupported(op, spec, dtype):\n    return 'odd batches' if spec.batch % 2 else None\n"
    (tmp_path / "even.py").write_text(GOOD + refusal, encoding="utf-8")
    with pytest.raises(OpRefused, match="odd batches"):
        blocks.conv2d(str(tmp_path / "even.py"), cut(x, 2), w, b, _SPEC)


_LARGE = "n160c8h64w64_f8kh3kw3_pt1pb1pl1pr1"  # 21 MB, its columns 188 MB
_IN_A_CHILD = """
import json, sys
import dask, numpy as np, psutil, resource
from harness.geometry.spec import ConvSpec
from harness.nn import blocks
folder, backend = sys.argv[1:]
spec = ConvSpec.parse("{spec}")
memory = 30_000_000
images = blocks.images_per_block(backend, ["conv2d", "conv2d_weight_grad"], spec, "float32", memory)
w = np.ones(spec.w_shape, np.float32)
dask.config.set(scheduler="synchronous")
x = blocks.read(folder, images)
first = ConvSpec.parse("{spec}".replace("n160", f"n{{images}}"))
blocks.conv2d(backend, x[:images], w, None, first).sum().compute()
open("/proc/self/clear_refs", "w").write("5")
before = psutil.Process().memory_info().rss
blocks.write(blocks.conv2d(backend, x, w, None, spec), folder + "-y")
y = blocks.read(folder + "-y", images)
dw = blocks.conv2d_weight_grad(backend, y, x, spec).compute()
lines = open("/proc/self/status").read().splitlines()
peak = next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM"))
print(json.dumps(dict(images=images, memory=memory, taken=peak - before, dw=float(dw.sum()))))
"""


@pytest.mark.heavy
@pytest.mark.skipif(sys.platform != "linux", reason="the peak of a process is read from /proc")
@pytest.mark.parametrize("name", ["numpy_fancy", "numba_tiled"])
def test_a_worker_holds_the_memory_that_is_stated(tmp_path: Path, name: str) -> None:
    """Beyond what it has once one block is done: not more than a block, which is a part of the data or its columns."""
    spec = ConvSpec.parse(_LARGE)
    x = np.ones(spec.x_shape, np.float32)
    blocks.write(cut(x, 10), tmp_path / "x")
    done = subprocess.run(
        [sys.executable, "-c", _IN_A_CHILD.format(spec=_LARGE), str(tmp_path / "x"), name],
        cwd=ROOT, capture_output=True, text=True, check=False, timeout=600,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert 1 < told["images"] < 160
    assert told["taken"] < told["memory"] < spec.columns_bytes("float32") / 4, told


def test_what_is_not_of_the_spec_is_refused() -> None:
    spec = ConvSpec.parse("n4c4h5w5_f4kh3kw3_g2")
    x, w, _, dy = (np.ones(shape, np.float32) for shape in (spec.x_shape, spec.w_shape, (4,), spec.y_shape))
    with pytest.raises(ValueError, match=r"wants w of \(4, 2, 3, 3\), the array has \(2, 4, 3, 3\)"):
        blocks.conv2d("numpy_fancy", cut(x), w.reshape(2, 4, 3, 3), None, spec)
    with pytest.raises(ValueError, match=r"wants b of \(4,\)"):
        blocks.conv2d("numpy_fancy", cut(x), w, np.ones((4, 1), np.float32), spec)
    with pytest.raises(ValueError, match="w is float64 and the blocks are float32"):
        blocks.conv2d_input_grad("numpy_fancy", cut(dy), w.astype(np.float64), spec)
    with pytest.raises(ValueError, match="dy is float64 and the blocks are float32"):
        blocks.conv2d_weight_grad("numpy_fancy", cut(dy.astype(np.float64)), cut(x), spec)
    with pytest.raises(ValueError, match="a dask array of blocks is wanted, got ndarray"):
        blocks.conv2d("numpy_fancy", x, w, None, spec)


def test_what_was_cut_off_is_not_there(tmp_path: Path) -> None:
    """Else blocks that were never written would read as zeros."""

    began, ended = threading.Event(), threading.Event()

    def broken(block: np.ndarray, block_info: Any = None) -> np.ndarray:
        if block_info[0]["chunk-location"][0] == 1:
            began.wait(60)
            raise RuntimeError("no")
        began.set()
        time.sleep(0.5)  # so that the other block has long failed
        ended.set()
        return block

    array = da.map_blocks(broken, cut(np.ones((6, 1, 2, 2), np.float32)), dtype=np.float32, meta=np.empty((0,) * 4))
    with dask.config.set(num_workers=2), pytest.raises(RuntimeError, match="no"):
        blocks.write(array, tmp_path / "y.zarr")
    assert ended.is_set(), "a block was still on its way when the rest was removed"
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(ValueError, match="images must be 1 or more, got 0"):
        blocks.read(tmp_path / "y.zarr", 0)
