"""Functions that spoil one thing: the geometry, what goes into a right backend, or what comes out of it."""

from __future__ import annotations

import mmap
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np
from threadpoolctl import ThreadpoolController

from harness.contract.protocol import Array
from harness.geometry.spec import ConvSpec, Op


def swap(spec: ConvSpec, name: str) -> ConvSpec:
    """The two axes of stride or dilation the other way round."""
    return replace(spec, **{name: getattr(spec, name)[::-1]})


def on(ops: tuple[Op, ...], spoil: Callable[[Any], Any]) -> Any:
    """Spoils the results of these ops alone."""
    return lambda op, spec, out, arrays: spoil(out) if op in ops and out.size else out


def mutates(op: Op, spec: ConvSpec, out: Any, arrays: tuple[Array | None, ...]) -> Any:
    """Uses the first argument as scratch memory."""
    if arrays[0] is not None and arrays[0].flags.writeable:
        arrays[0][...] = 0
    return out


def zero_last(axis: int) -> Callable[[Any], Any]:
    """Forgets the last index along an axis, counted from the end."""

    def spoil(out: Any) -> Any:
        out[(slice(None),) * (out.ndim + axis) + (-1,)] = 0
        return out

    return spoil


def raises_on_empty(op: Op, spec: ConvSpec, arrays: tuple[Any, ...]) -> tuple[Any, ...]:
    """As `reshape(.., -1)` does without images."""
    if spec.batch == 0:
        raise ValueError("cannot reshape array of size 0")
    return arrays


def refuses_guarded(op: Op, spec: ConvSpec, arrays: tuple[Any, ...]) -> tuple[Any, ...]:
    """Takes no array that lies in memory mapped for it alone."""
    for a in arrays:
        base = a
        while isinstance(base, np.ndarray) and not isinstance(base, np.memmap):
            base = base.base
        if isinstance(getattr(base, "obj", base), mmap.mmap):
            raise MemoryError("mapped")
    return arrays


def refuses_strides(op: Op, spec: ConvSpec, arrays: tuple[Any, ...]) -> tuple[Any, ...]:
    """Takes arrays in C order alone."""
    if not all(a is None or a.flags.c_contiguous for a in arrays):
        raise ValueError("C order alone")
    return arrays


def ignores_strides(op: Op, spec: ConvSpec, arrays: tuple[Any, ...]) -> tuple[Any, ...]:
    """Reads the memory of an array front to back, as C code without a contiguity check would."""
    return tuple(a if a is None else _blind(a) for a in arrays)


def _blind(a: Array) -> Array:
    if min(a.strides) < 0:  # would read outside the array; the other layouts show the fault
        return a
    dense = np.empty(a.shape, a.dtype).strides
    return np.lib.stride_tricks.as_strided(a, strides=dense)


def nan_to_zero(op: Op, spec: ConvSpec, arrays: tuple[Any, ...]) -> tuple[Any, ...]:
    """Swallows what is not finite."""
    return tuple(a if a is None else np.nan_to_num(a, posinf=0) for a in arrays)


def garbage_where_nothing_is_written(op: Op, spec: ConvSpec, out: Any, arrays: tuple[Array | None, ...]) -> Any:
    """Leaves out what no window reaches: as good as zero, until the memory held something else before."""
    fresh = np.empty_like(out)
    dirty = fresh.view(np.uint8) == 0xFF if fresh.size else np.zeros(1)
    fresh[...] = out
    if op in ("col2im", "conv2d_input_grad") and dirty.all():
        fresh[out == 0] = -1
    return fresh


@cache
def _pools() -> ThreadpoolController:
    return ThreadpoolController()  # looking for them takes longer than a call


def _threads() -> int:
    return max((pool.num_threads for pool in _pools().lib_controllers), default=1)


_USUAL_THREADS = _threads()


def race(op: Op, spec: ConvSpec, out: Any, arrays: tuple[Array | None, ...]) -> Any:
    """The last thread's share is lost; another number of threads than usual shows it."""
    if out.size and _threads() != _USUAL_THREADS:
        out[..., -1] = 0
    return out


def single_images_lose_their_stride(spec: ConvSpec) -> ConvSpec:
    """A path of its own for one image with groups and a long stride takes the stride the other way round."""
    own_path = spec.batch == 1 and spec.groups > 1 and max(spec.stride) > 2
    return swap(spec, "stride") if own_path else spec
