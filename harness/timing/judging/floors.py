"""Times that no machine can reach: below what the bytes alone take, or above what it can multiply.

An honest time must never be lost here, so the work is counted low (without padding, and without pixels that no window
reads), the limits are the best that were seen, and there is slack beside. A time that seems too short is held against
cheap limits first; only if it is beyond them are the others measured, and then all of them again.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from statistics import median

import numpy as np
from msgspec import Struct
from msgspec.structs import replace

from harness.calls.worker import Worker, WorkerDied, WorkerError, environment
from harness.contract.protocol import Numerics
from harness.contract.targets import resolve
from harness.geometry.spec import ConvSpec, Op
from harness.results.records import Ceilings, Cell
from harness.results.words import digits, duration, size
from harness.timing.calling import messages as m
from harness.timing.judging.children import PROGRAM, SLACK, Waiting
from harness.timing.plan import Plan

_OF_THE_BYTES = 0.5  # of the time that the bytes take at the best copy rate: less than that is implausible
_OF_THE_PEAK = 1.25  # times the best product: more than that is
_OF_NUMPYS = 3.0  # where NumPy's alone is known: its BLAS may run the kernel of a CPU that is years older
_SLOW_GBS, _SLOW_GFLOPS = 2.0, 4.0  # a thread: no machine is so slow that these have to be measured against it
_CACHED = 64 * 2**20  # bytes that may lie in some cache
_MOST_MEASUREMENTS = 3
_LARGEST_TILE = 6  # of Winograd's methods in use: F(6x6, 3x3)
_PRODUCTS = ("conv2d", "conv2d_input_grad", "conv2d_weight_grad")
MULTIPLIERS = ("numba_tiled", "torch_native")  # built-in backends whose products may be faster than NumPy's


class Floors:
    """The limits of a run's machine and devices, measured when they are needed."""

    def __init__(self, plan: Plan, waiting: Waiting, known: Sequence[Ceilings] = ()) -> None:
        self._threads, self._allocator, self._waiting = plan.threads, plan.allocator, waiting
        self._dtypes = list(plan.dtypes)
        self._devices = {c.backend: c for c in known if c.backend and not c.reason}
        self._cpu: Ceilings | None = None
        self._measurements = 0
        self._in_the_run = [target.location for target in plan.backends]
        self._tried: list[str] = []  # whose products were measured, or are not there
        self._has_peak = False  # beside NumPy's product

    def learn(self, ceilings: Ceilings) -> None:
        """The limits of a device, as its backend has measured them."""
        if ceilings.backend and not ceilings.reason:
            self._devices[ceilings.backend] = ceilings

    def of_cpu(self) -> Ceilings:
        """Those of the CPU, measured now, with all of the run that multiply. Raises `RuntimeError` if that fails."""
        with self._waiting("the limits of the CPU to be measured"):
            self._measure()
            self._measure_products([name for name in MULTIPLIERS if name in self._in_the_run])
        assert self._cpu is not None
        return self._cpu

    def why_implausible(self, cell: Cell, numerics: Numerics, by_device: bool) -> str:
        """Why nothing can be as fast as this cell, in words; nothing if it can."""
        if by_device:
            limits = self._devices.get(cell.backend)
            return "" if limits is None else beyond(cell, numerics, limits, _OF_THE_PEAK)
        if not _is_fast(cell, self._threads):
            return ""
        if self._cpu is None:
            with self._waiting("the limits of the CPU to be measured"):
                self._measure()
        assert self._cpu is not None
        why = beyond(cell, numerics, self._cpu, _OF_THE_PEAK)
        while why and (len(self._tried) < len(MULTIPLIERS) or self._measurements < _MOST_MEASUREMENTS):
            with self._waiting("the limits of the CPU to be measured again"):
                self._measure()
                self._measure_products(MULTIPLIERS)
            why = beyond(cell, numerics, self._cpu, _OF_THE_PEAK)
        return why if self._has_peak else beyond(cell, numerics, self._cpu, _OF_NUMPYS)

    def _measure(self) -> None:
        """Copies and NumPy's product; of what was measured before the best stays."""
        asked = m.MeasureCpu(self._threads, self._allocator)
        found = self._asked(asked, Ceilings)
        assert isinstance(found, Ceilings)
        self._measurements += 1
        self._cpu = found if self._cpu is None else _best(self._cpu, found)

    def _measure_products(self, names: Sequence[str]) -> None:
        """Those of built-in backends that multiply fast, each in a process of its own, and once."""
        assert self._cpu is not None
        for name in [name for name in names if name not in self._tried]:
            self._tried.append(name)
            try:
                found = self._asked(m.MeasureProduct(resolve(name), self._dtypes), m.Products)
            except (RuntimeError, ValueError):  # it is not available here
                continue
            assert isinstance(found, m.Products)
            self._has_peak = True
            best, by = dict(self._cpu.matmul_gflops), dict(self._cpu.matmul_by)
            for dtype, gflops in found.gflops.items():
                if gflops > best.get(dtype, 0.0):
                    best[dtype], by[dtype] = gflops, name
            self._cpu = replace(self._cpu, matmul_gflops=best, matmul_by=by)

    def _asked(self, message: Struct, answer: type[Struct]) -> Struct:
        """The answer of a child that is there for this alone. Raises `RuntimeError`."""
        try:
            with Worker(PROGRAM, m.Replies, environment(self._threads, self._allocator)) as worker:
                found = [one for one, _ in worker.request(message, SLACK) if isinstance(one, answer)]
        except (WorkerDied, WorkerError) as error:
            raise RuntimeError(f"the limits of the CPU could not be measured: {error}") from error
        if len(found) != 1:
            raise RuntimeError("the limits of the CPU could not be measured: there was no answer")
        return found[0]


def beyond(cell: Cell, numerics: Numerics, limits: Ceilings, peak_slack: float) -> str:
    """Why the time of a cell is beyond these limits, with slack; nothing if it is not."""
    op, spec, took = cell.op, ConvSpec.parse(cell.spec), median(cell.samples)
    threads = 1 if limits.backend else cell.threads
    moved = least_bytes(op, spec, cell.dtype)
    rates = limits.copy_gbs
    if rates and moved:
        rate = (max(rates.values()) if moved <= _CACHED else max(rates["cache"], rates["dram"])) * threads
        floor = moved / rate / 1e9
        if took < _OF_THE_BYTES * floor:
            how = f"{digits(rate)} GB/s, the fastest copy here"
            return f"{duration(took)} a call, where to read and write {size(moved)} takes {duration(floor)} at {how}"
    dtype = "tf32" if numerics == "tf32" and cell.dtype == "float32" else cell.dtype
    peak = limits.matmul_gflops.get(dtype)
    if op in _PRODUCTS and peak is not None:
        most = peak * peak_slack * fewer_products(spec, numerics)
        gflops = least_flops(op, spec) / took / 1e9
        if gflops > most:
            return f"{digits(gflops)} GFLOP/s, where the fastest product here has {digits(peak)}"
    return ""


def least_bytes(op: Op, spec: ConvSpec, dtype: str) -> int:
    """Bytes that any way to compute `op` reads and writes: without what no window reads, or only padding meets."""
    rows, cols = (_axis(spec, axis) for axis in (0, 1))
    planes = spec.batch * spec.in_channels
    pixels, taps = planes * rows.pixels * cols.pixels, planes * rows.taps * cols.taps
    made = prod(spec.output_shape(op))
    read = {
        "im2col": pixels,
        "col2im": taps,
        "conv2d": pixels + prod(spec.w_shape),
        "conv2d_weight_grad": pixels,
        "max_pool2d": pixels,
        "max_pool2d_grad": pixels,
        "avg_pool2d": pixels,
        "avg_pool2d_exclude_padding": pixels,
    }.get(op, 0)
    if op in ("conv2d_input_grad", "conv2d_weight_grad"):
        read += spec.batch * spec.out_channels * rows.windows * cols.windows
    elif op == "conv2d_bias_grad":
        read += prod(spec.y_shape)
    elif op in ("max_pool2d_grad", "avg_pool2d_grad", "avg_pool2d_exclude_padding_grad"):
        read += prod(spec.pooled_shape)
    return int((read + made) * np.dtype(dtype).itemsize)


def least_flops(op: Op, spec: ConvSpec) -> int:
    """Floating-point operations without those on padding."""
    taps = _axis(spec, 0).taps * _axis(spec, 1).taps
    return spec.flops(op) * taps // max(spec.positions * spec.taps, 1)


def fewer_products(spec: ConvSpec, numerics: Numerics) -> float:
    """How many times fewer products a method may need than the definition has."""
    if numerics == "fft":
        return float(spec.taps)
    if numerics != "winograd":
        return 1.0
    tiles = [_LARGEST_TILE * k / (_LARGEST_TILE + k - 1) for k in spec.kernel_size]
    return tiles[0] * tiles[1]


class _Axis(Struct, frozen=True):
    """Of one axis: (window, tap) pairs inside the image, pixels that are read, windows that read any."""

    taps: int
    pixels: int
    windows: int


def _axis(spec: ConvSpec, axis: int) -> _Axis:
    starts = np.arange(spec.output_size[axis]) * spec.stride[axis] - spec.padding[2 * axis]
    read = starts[:, None] + np.arange(spec.kernel_size[axis]) * spec.dilation[axis]
    inside = (read >= 0) & (read < spec.input_size[axis])
    return _Axis(int(inside.sum()), len(np.unique(read[inside])), int(inside.any(axis=1).sum()))


def _is_fast(cell: Cell, threads: int) -> bool:
    """Whether it has to be looked at at all."""
    spec, took = ConvSpec.parse(cell.spec), median(cell.samples)
    gbs, gflops = spec.min_bytes(cell.op, cell.dtype) / took / 1e9, spec.flops(cell.op) / took / 1e9
    return gbs > _SLOW_GBS * threads or (gflops > _SLOW_GFLOPS * threads and cell.op in _PRODUCTS)


def _best(one: Ceilings, other: Ceilings) -> Ceilings:
    """The best of both, with whose product it was."""
    by = {
        dtype: (one if one.matmul_gflops.get(dtype, 0) >= gflops else other).matmul_by.get(dtype, "")
        for dtype, gflops in other.matmul_gflops.items()
    }  # fmt: skip
    return replace(
        one, copy_gbs={k: max(v, one.copy_gbs.get(k, 0)) for k, v in other.copy_gbs.items()},
        matmul_gflops={k: max(v, one.matmul_gflops.get(k, 0)) for k, v in other.matmul_gflops.items()},
        matmul_by=by,
    )  # fmt: skip
