"""What remains from call to call: caches whose key lacks a field, results kept, memory handed out twice."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import numpy as np

from conformance.power.right.ops import NOTHING, Arrays, Call, Change, run
from conformance.power.right.tables import Numbers
from harness.contract.protocol import Array

_FIELDS = {
    "the batch": ("batch",), "the channels": ("in_channels",), "the filters": ("out_channels",), "groups": ("groups",),
    "the height": ("height",), "the width": ("width",), "the size of the image": ("height", "width"),
    "the kernel": ("kernel_h", "kernel_w"), "its height": ("kernel_h",), "its width": ("kernel_w",),
    "strides": ("stride_h", "stride_w"), "the vertical stride": ("stride_h",), "the horizontal stride": ("stride_w",),
    "dilation": ("dilation_h", "dilation_w"), "the vertical dilation": ("dilation_h",),
    "the horizontal dilation": ("dilation_w",), "padding": ("pad_top", "pad_bottom", "pad_left", "pad_right"),
    "the top padding": ("pad_top",), "the bottom padding": ("pad_bottom",), "the left padding": ("pad_left",),
    "the right padding": ("pad_right",), "stride, padding and dilation": (
        "stride_h", "stride_w", "dilation_h", "dilation_w", "pad_top", "pad_bottom", "pad_left", "pad_right"),
}  # fmt: skip
_ALL = tuple(Numbers.__dataclass_fields__)


def caches() -> Iterator[Change]:
    """Indices kept under a key that lacks something."""
    for words, left_out in _FIELDS.items():
        for last in (False, True):
            kept = "the last geometry alone is kept" if last else "a cache"
            yield Change(f"{kept}, its key without {words}", numbers=_cached(left_out, last))
    yield Change("results cached by shapes and the first element", result=_results_by(_first_element))
    yield Change("results cached by shapes", result=_results_by(lambda call: call.spec))
    yield Change("results cached by the sum of the data", result=_results_by(_sum))
    yield Change("results cached by the address of the data", result=_results_by(_addresses))
    yield Change("the second argument kept by its shape", inputs=_second_kept(lambda a: a.shape))
    yield Change("the second argument kept by its address", inputs=_second_kept(_address))
    yield Change("the accumulator of the first dtype for all", inputs=_first_dtype)


def calls() -> Iterator[Change]:
    """What a call finds of the one before."""
    yield Change("one buffer for all results", result=_one_buffer)
    yield Change("one buffer for all results of a shape", result=_buffer_by_shape)
    yield Change("sums begin where the last call ended", result=_not_reset)
    yield Change("the result of the call before", result=_late)
    yield Change("one scratch array for all threads", inputs=_scratch)
    yield Change("filled in after it was returned", result=_filled_later)
    yield Change("stuck after an error", inputs=_stuck)
    yield Change("other bits at every third call", result=_restless)


def _cached(left_out: tuple[str, ...], last: bool) -> Callable[[Call, Numbers], None]:
    in_key = [name for name in _ALL if name not in left_out]

    def cached(call: Call, n: Numbers) -> None:
        key = (call.op, *(getattr(n, name) for name in in_key))
        if last:
            kept_key, kept = call.memory.get("last", (None, None))
            if kept_key != key:
                kept = replace(n)
                call.memory["last"] = key, kept
        else:
            kept = call.memory.setdefault(key, replace(n))
        for name in _ALL:
            setattr(n, name, getattr(kept, name))

    return cached


def _results_by(key: Callable[[Call], Any]) -> Callable[[Call, Array], Array]:
    def kept(call: Call, out: Array) -> Array:
        with np.errstate(all="ignore"):
            full = ("result", call.op, call.dtype, out.shape, call.spec, key(call))
        found: Array = call.memory.setdefault(full, out).copy()
        return found

    return kept


def _first_element(call: Call) -> Any:
    return tuple(None if a is None or not a.size else a[(0,) * a.ndim].tobytes() for a in call.arrays)


def _sum(call: Call) -> Any:
    return tuple(None if a is None else a.sum(dtype=np.float64).tobytes() for a in call.arrays)


def _addresses(call: Call) -> Any:
    return tuple(None if a is None else _address(a) for a in call.arrays)


def _address(a: Array) -> int:
    return int(a.__array_interface__["data"][0])


def _second_kept(key: Callable[[Array], Any]) -> Callable[[Call], Arrays]:
    """As weights are, packed once."""

    def kept(call: Call) -> Arrays:
        if len(call.arrays) < 2 or call.arrays[1] is None:
            return call.arrays
        second = call.arrays[1]
        found = call.memory.setdefault(("second", call.op, call.dtype, second.shape, key(second)), second.copy())
        return call.arrays[0], found, *call.arrays[2:]

    return kept


def _first_dtype(call: Call) -> Arrays:
    first = call.memory.setdefault("dtype", call.dtype)
    return tuple(None if a is None else a.astype(first) for a in call.arrays)


def _one_buffer(call: Call, out: Array) -> Array:
    """Large enough for any; a result is a view of its beginning."""
    pool = call.memory.get("pool")
    if pool is None or pool.dtype != out.dtype or pool.size < out.size:
        pool = call.memory["pool"] = np.zeros(max(out.size, 1), out.dtype)
    view: Array = pool[: out.size].reshape(out.shape)
    view[...] = out
    return view


def _buffer_by_shape(call: Call, out: Array) -> Array:
    buffer: Array = call.memory.setdefault(("buffer", out.shape, out.dtype), out)
    buffer[...] = out
    return buffer


def _not_reset(call: Call, out: Array) -> Array:
    before = call.memory.get(("sum", out.shape, out.dtype))
    total = out if before is None else out + before
    call.memory["sum", out.shape, out.dtype] = total.copy()
    return total


def _late(call: Call, out: Array) -> Array:
    key = ("late", out.shape, out.dtype)
    before = call.memory.get(key, out)
    call.memory[key] = out.copy()
    result: Array = before.copy()
    return result


def _scratch(call: Call) -> Arrays:
    """The first argument is copied to memory that all threads share; only callers at the same moment notice."""
    first = call.arrays[0]
    assert first is not None
    call.memory["scratch"] = np.array(first)
    time.sleep(1e-3 if threading.active_count() > 2 else 0)
    return call.memory["scratch"] if call.memory["scratch"].shape == first.shape else first, *call.arrays[1:]


def _filled_later(call: Call, out: Array) -> Array:
    empty = np.zeros_like(out)
    threading.Timer(0.02, lambda: np.copyto(empty, out)).start()
    return empty


def _stuck(call: Call) -> Arrays:
    """A flag that is set on entry and cleared on success alone: once a call has failed, all that follow give zeros."""
    if call.memory.get("busy"):
        return tuple(None if a is None else np.zeros_like(a) for a in call.arrays)
    call.memory["busy"] = True
    run(call, NOTHING)
    call.memory["busy"] = False
    return call.arrays


def _restless(call: Call, out: Array) -> Array:
    if call.number % 3 or out.dtype.kind != "f":
        return out
    return np.where(out == np.rint(out), out, np.nextafter(out, np.array(np.inf, out.dtype)))
