"""Convolutions of arrays that are larger than memory, on any backend: dask.array in blocks of images, from and to Zarr.

Only the batch axis is cut, so no block needs anything of another; a weight gradient is the sum of one partial gradient
a block. A backend travels by name and is loaded once by each process. Needs the extra `cluster`.

What a worker holds at once, for each of its threads, is one block: `block_bytes` says how much that is, from the memory
that the backend is seen to take for a few images, and `images_per_block` how many images fit.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from harness.contract import registry, targets
from harness.contract.protocol import Array, CompleteBackend
from harness.geometry.spec import ConvSpec, Op
from harness.nn.errors import OpRefused
from harness.oracle import data
from harness.timing import memory_use

_ADDED = 1.25  # to what is measured: for what the allocator and Zarr keep beside it


def conv2d(backend: str, x: Any, w: Array, b: Array | None, spec: ConvSpec) -> Any:
    """y (N, F, OH, OW) of x (N, C, H, W), a dask array in blocks of images, and w (F, C/G, KH, KW), b (F,).

    `spec` is that of the whole batch. Nothing is computed yet. Raises `OpRefused` and `RegistryError`.
    """
    _require(backend, "conv2d", x, spec, "x_shape")
    _require_like(x, w, spec.w_shape, "w")
    if b is not None:
        _require_like(x, b, (spec.out_channels,), "b")
    return _mapped("conv2d", backend, (x,), (w, b), spec)


def conv2d_input_grad(backend: str, dy: Any, w: Array, spec: ConvSpec) -> Any:
    """dx (N, C, H, W) of dy (N, F, OH, OW), a dask array in blocks of images."""
    _require(backend, "conv2d_input_grad", dy, spec, "y_shape")
    _require_like(dy, w, spec.w_shape, "w")
    return _mapped("conv2d_input_grad", backend, (dy,), (w,), spec)


def conv2d_weight_grad(backend: str, dy: Any, x: Any, spec: ConvSpec) -> Any:
    """dw (F, C/G, KH, KW): one partial gradient a block, summed in float64 where they are floats, and rounded once."""
    _require(backend, "conv2d_weight_grad", x, spec, "x_shape")
    _require(backend, "conv2d_weight_grad", dy, spec, "y_shape")
    _require_like(x, dy, spec.y_shape, "dy")
    dy = dy.rechunk({0: x.chunks[0]})
    partial = _mapped("conv2d_weight_grad", backend, (dy, x), (), spec)
    exact = np.dtype(np.float64) if partial.dtype.kind == "f" else partial.dtype
    return partial.sum(axis=0, dtype=exact).astype(partial.dtype)


def read(folder: str | os.PathLike[str], images: int | None = None) -> Any:
    """A dask array of what lies in a Zarr folder, in blocks of so many images (else as it is stored)."""
    import dask.array as da

    if images is not None and images < 1:
        raise ValueError(f"images must be 1 or more, got {images}")
    stored = da.from_zarr(str(folder))
    return stored.rechunk((stored.chunks[0] if images is None else images, *(-1,) * (stored.ndim - 1)))


def write(array: Any, folder: str | os.PathLike[str]) -> None:
    """Compute a dask array block by block into a new Zarr folder. Raises `FileExistsError` if there is one already.

    What was cut off is removed. A cluster may then still be at other blocks, and leave them in `<folder>.part<number>`.
    """
    whole = Path(folder)
    if whole.exists():
        raise FileExistsError(f"{str(folder)!r} exists, and nothing is written over; name another folder")
    part = whole.with_name(f"{whole.name}.part{os.getpid()}")  # else one that was cut off would read as zeros
    regular = array.rechunk({0: max(array.chunks[0])})
    try:
        _compute(regular.to_zarr(str(part), compute=False))
        part.rename(whole)
    finally:
        shutil.rmtree(part, ignore_errors=True)


def block_bytes(backend: str, op: Op, spec: ConvSpec, dtype: str, images: int) -> int:
    """What a block of so many images takes at most: arguments and result, both twice, and the backend's scratch.

    A fixed part and one for each image, from calls on 1 and on 9 images: a backend that makes columns takes some
    C*KH*KW*OH*OW numbers for each, one that does not hardly more than the result. A quarter is added for the rest.
    """
    one, nine = (_taken(backend, op, replace(spec, batch=n), dtype) for n in (1, 9))
    return int(_ADDED * (one + (images - 1) * max(nine - one, 0) / 8))


def images_per_block(backend: str, ops: Sequence[Op], spec: ConvSpec, dtype: str, memory: int) -> int:
    """The most images whose block fits into `memory` bytes for each of the ops.

    Raises `ValueError` if not even one does.
    """
    most = max(spec.batch, 1)
    for op in ops:
        one, nine = (block_bytes(backend, op, spec, dtype, n) for n in (1, 9))
        if one > memory:
            raise ValueError(f"{op} of one image needs {one:,} bytes, {memory:,} were given; give a worker more memory")
        most = min(most, 1 + int((memory - one) / max((nine - one) / 8, 1)))
    return most


def _compute(stored: Any) -> None:
    """On dask's threads, of which none still writes after an error in one; else wherever dask computes."""
    from dask import config, threaded
    from dask.base import get_scheduler
    from dask.system import CPU_COUNT

    if get_scheduler() not in (None, threaded.get):
        stored.compute()
        return
    with ThreadPoolExecutor(config.get("num_workers", None) or CPU_COUNT) as pool:
        stored.compute(pool=pool)


def _mapped(op: Op, backend: str, blocks: Sequence[Any], whole: Sequence[Array | None], spec: ConvSpec) -> Any:
    """The op on every block. Partial weight gradients are stacked on a first axis of one number a block."""
    import dask.array as da

    first = blocks[0]
    images, dtype = first.chunks[0], first.dtype
    shape = {"conv2d": spec.y_shape, "conv2d_input_grad": spec.x_shape, "conv2d_weight_grad": (0, *spec.w_shape)}[op]
    sizes = (1,) * len(images) if op == "conv2d_weight_grad" else images
    given: dict[str, Any] = {} if op != "conv2d_weight_grad" else {"new_axis": 4}
    return da.map_blocks(
        _block, *blocks, op=op, backend=backend, spec=spec, whole=whole, dtype=dtype,
        chunks=(sizes, *((size,) for size in shape[1:])), meta=np.empty((0,) * len(shape), dtype), **given,
    )  # fmt: skip


def _block(*blocks: Array, op: Op, backend: str, spec: ConvSpec, whole: Sequence[Array | None]) -> Array:
    """One block, in the process that computes it."""
    made = _loaded(backend).run(op, replace(spec, batch=len(blocks[0])), *blocks, *whole)
    return made[np.newaxis] if op == "conv2d_weight_grad" else made


@lru_cache(maxsize=8)
def _loaded(text: str) -> CompleteBackend:
    return registry.load(targets.resolve(text))


def _require(backend: str, op: Op, blocks: Any, spec: ConvSpec, shape: str) -> None:
    """Raises `ValueError` for another shape or for blocks of parts of images, `OpRefused` where it refuses one."""
    if not hasattr(blocks, "numblocks"):
        raise ValueError(f"a dask array of blocks is wanted, got {type(blocks).__name__}; see dask.array.from_array")
    if tuple(blocks.shape) != getattr(spec, shape):
        raise ValueError(f"{shape} of the spec is {getattr(spec, shape)}, the array has {tuple(blocks.shape)}")
    if blocks.numblocks[1:] != (1, 1, 1):
        raise ValueError(f"only the batch axis may be cut, the blocks are {blocks.chunks}; rechunk((n, -1, -1, -1))")
    for images in dict.fromkeys(blocks.chunks[0]):
        part = replace(spec, batch=images)
        reason = _loaded(backend).unsupported(op, part, str(blocks.dtype))
        if reason is not None:
            raise OpRefused(f"{backend} does not do {op} on {part} in {blocks.dtype}: {reason}")


def _require_like(block: Any, given: Any, shape: Sequence[int], name: str) -> None:
    """Raises `ValueError` for another shape than that of the spec, or another dtype than that of the blocks."""
    if tuple(given.shape) != tuple(shape):
        raise ValueError(f"the spec wants {name} of {tuple(shape)}, the array has {tuple(given.shape)}")
    if given.dtype != block.dtype:
        raise ValueError(f"{name} is {given.dtype} and the blocks are {block.dtype}; give both in one dtype")


def _taken(backend: str, op: Op, spec: ConvSpec, dtype: str) -> int:
    """Bytes of a call: what it is seen to take at its peak, the result included, and arguments and result once more.

    Arguments are there as they are stored and as a block, a result as it is made and as it is stored.
    """
    arrays = data.pooled(op, spec, dtype, str(spec))
    seen = memory_use.measure(_loaded(backend), op, spec, arrays)
    given = sum(one.nbytes for one in arrays)
    result = _result_bytes(op, spec, dtype)
    return 2 * given + result + max(seen.peak_bytes or 0, seen.resident_bytes or 0, result)


def _result_bytes(op: Op, spec: ConvSpec, dtype: str) -> int:
    """Bytes of the result."""
    return int(np.prod(spec.output_shape(op), dtype=np.int64)) * np.dtype(dtype).itemsize
