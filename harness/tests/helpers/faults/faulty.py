"""Deliberately wrong backends: each changes one thing in the tap oracle. They test the tests."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Collection
from dataclasses import replace
from functools import cache
from typing import Any, cast

import numpy as np

from conformance.cases.case import Case
from conformance.cases.selection import Selection
from conformance.checks.registration import CHECKS
from conformance.checks.under_test import BackendUnderTest
from conformance.power.one_function import OneFunction
from conformance.run import engine
from conformance.run.plan import plan
from conformance.run.results import CaseResult
from harness.calls.in_process import InProcess
from harness.contract.adapter import complete
from harness.contract.protocol import Array
from harness.contract.status import Status
from harness.geometry.spec import ConvSpec, Op, SpecError
from harness.oracle import by_taps
from harness.tests.helpers.faults import spoilers


class Right(OneFunction):
    """The tap oracle as a backend; subclasses go wrong."""

    def run(self, op: Op, spec: ConvSpec, *arrays: Array | None) -> Any:
        """One op, in the dtype of the inputs."""
        dtype = next(a.dtype for a in arrays if a is not None)
        wide = np.int64 if dtype.kind == "i" else np.float64
        return np.ascontiguousarray(by_taps.run(op, spec, *arrays, accumulate=wide).astype(dtype))


def geometry(change: Callable[[ConvSpec], ConvSpec], base: type[Right] = Right) -> type[Right]:
    """A backend that works on a changed geometry, cut or filled with zeros to the shape asked for."""

    class Wrong(base):  # type: ignore[misc,valid-type]
        def run(self, op: Op, spec: ConvSpec, *arrays: Array | None) -> Any:
            try:
                other = change(spec)
            except SpecError:
                return super().run(op, spec, *arrays)
            fitted = [a if a is None else _fit(a, s) for a, s in zip(arrays, other.input_shapes(op), strict=True)]
            return _fit(super().run(op, other, *fitted), spec.output_shape(op))

    return Wrong


def result(
    change: Callable[[Op, ConvSpec, Any, tuple[Array | None, ...]], Any], base: type[Right] = Right
) -> type[Right]:
    """A backend that spoils the right result."""

    class Wrong(base):  # type: ignore[misc,valid-type]
        def run(self, op: Op, spec: ConvSpec, *arrays: Array | None) -> Any:
            return change(op, spec, super().run(op, spec, *arrays), arrays)

    return Wrong


def inputs(change: Callable[[Op, ConvSpec, tuple[Any, ...]], tuple[Any, ...]]) -> type[Right]:
    """A backend that works on spoilt inputs."""

    class Wrong(Right):
        def run(self, op: Op, spec: ConvSpec, *arrays: Array | None) -> Any:
            return super().run(op, spec, *change(op, spec, arrays))

    return Wrong


def load(kind: type[Right]) -> InProcess:
    """As the registry would, ready to be called in this process."""
    return InProcess(complete(kind(), "faulty", "faulty"))


def _fit(a: Array, shape: tuple[int, ...]) -> Array:
    fitted = np.zeros(shape, a.dtype)
    common = tuple(slice(0, min(m, n)) for m, n in zip(a.shape, shape, strict=True))
    fitted[common] = a[common]
    return fitted


class _Stale(Right):
    """Keeps the geometry of the first call with the same shapes: a cache key that lacks stride and padding.

    For six channels only, so that no two geometries of the standing plan meet in it by accident.
    """

    def __init__(self) -> None:
        self.seen: dict[Any, ConvSpec] = {}

    def run(self, op: Op, spec: ConvSpec, *arrays: Array | None) -> Any:
        if spec.in_channels != 6:
            return super().run(op, spec, *arrays)
        key = (op, spec.x_shape, spec.kernel_size, spec.out_channels, spec.output_size)
        return super().run(op, self.seen.setdefault(key, spec), *arrays)


class _SharedBuffer(Right):
    """Hands out the same memory again and again."""

    def __init__(self) -> None:
        self.buffers: dict[Any, Any] = {}

    def run(self, op: Op, spec: ConvSpec, *arrays: Array | None) -> Any:
        out = super().run(op, spec, *arrays)
        buffer = self.buffers.setdefault((op, out.shape, out.dtype), out)
        buffer[...] = out
        return buffer


class _Restless(Right):
    """Other bits at every call, all within the error bound."""

    def __init__(self) -> None:
        self.calls = 0

    def run(self, op: Op, spec: ConvSpec, *arrays: Array | None) -> Any:
        out = super().run(op, spec, *arrays)
        self.calls += 1
        if self.calls % 3 and op not in ("im2col",):
            whole = np.equal(out, np.rint(out))
            return np.where(whole, out, np.nextafter(out, np.inf, dtype=out.dtype)).astype(out.dtype)
        return out


class _UngroupedPart(Right):
    """Does one group, and loses the last column of wide images, which none of the usual geometries are."""

    def unsupported(self, op: Op, spec: ConvSpec, dtype: str) -> str | None:
        """Contract."""
        return "groups" if spec.groups > 1 else None if dtype in ("float32", "float64") else "floats"

    def run(self, op: Op, spec: ConvSpec, *arrays: Array | None) -> Any:
        out = super().run(op, spec, *arrays)
        if 60 < spec.output_size[1] < 4000 and op == "im2col":
            out[..., -1] = 0
        return out


class _Late(Right):
    """Fills the result in after it was returned."""

    def run(self, op: Op, spec: ConvSpec, *arrays: Array | None) -> Any:
        out = super().run(op, spec, *arrays)
        empty = np.zeros_like(out)
        threading.Timer(0.05, lambda: np.copyto(empty, out)).start()
        return empty


class ById(Right):
    """Keeps results by the identity of the input: fresh arrays often live where old ones did."""

    def __init__(self) -> None:
        self.results: dict[Any, Any] = {}

    def run(self, op: Op, spec: ConvSpec, *arrays: Array | None) -> Any:
        key = (op, spec, *((id(a), a.dtype) for a in arrays if a is not None))
        return self.results.setdefault(key, super().run(op, spec, *arrays)).copy()


class _ByShape(Right):
    """Keeps results by shapes alone."""

    def __init__(self) -> None:
        self.results: dict[Any, Any] = {}

    def run(self, op: Op, spec: ConvSpec, *arrays: Array | None) -> Any:
        key = (op, spec, *(None if a is None else (a.shape, a.dtype) for a in arrays))
        return self.results.setdefault(key, super().run(op, spec, *arrays)).copy()


class _Scratch(Right):
    """One scratch array for all callers: fine, unless two call at once."""

    scratch: Any = None

    def run(self, op: Op, spec: ConvSpec, *arrays: Array | None) -> Any:
        self.scratch = super().run(op, spec, *arrays)
        time.sleep(1e-3 if threading.active_count() > 2 else 0)
        return self.scratch


class _Jammed(Right):
    """Never recovers from an error: a flag that is set on entry and cleared only on success."""

    state = threading.local()

    def run(self, op: Op, spec: ConvSpec, *arrays: Array | None) -> Any:
        if getattr(self.state, "busy", False):
            return np.zeros(spec.output_shape(op), next(a.dtype for a in arrays if a is not None))
        self.state.busy = True
        out = super().run(op, spec, *arrays)
        self.state.busy = False
        return out


class Lazy(np.ndarray[Any, Any]):
    """An array that could compute when it is looked at."""


def first_to_see(
    kind: type[Right], but: Collection[str] = (), base: type[Right] = Right, ops: tuple[Op, ...] = ()
) -> str:
    """The first check to fail in float32 but some, in the order in which checks are shown; empty if none does.

    Once one has failed only those before it are asked any further. `base` is the right one that it is made of.
    """
    claims = kind if "unsupported" in vars(kind) else base
    subject, order, found = BackendUnderTest(load(kind)), [check for check in CHECKS if check not in but], ""
    for case in _planned(claims, ops):  # type: ignore[arg-type]  # mypy takes no class for hashable
        if case.check in order:
            case_result = CaseResult(case)
            engine.judge(subject, case_result)
            if case_result.status is Status.FAIL:
                order = order[: order.index(case.check)]
                found = case.check
    return found


@cache
def _planned(claims: type[Right], ops: tuple[Op, ...]) -> list[Case]:
    """What is asked in float32 of a backend that refuses what this one does."""
    return [one.case for one in plan(load(claims), Selection(ops=ops, dtypes=["float32"])).cases]


class _KeptByIdentity(Right):
    """Keeps what the first argument held when it was seen first, and the argument, so that its id is never another's."""

    def __init__(self) -> None:
        self.seen: dict[int, tuple[Any, Any]] = {}

    def run(self, op: Op, spec: ConvSpec, *arrays: Array | None) -> Any:
        first = cast(Array, arrays[0])
        _, kept = self.seen.setdefault(id(first), (first, first.copy()))
        return super().run(op, spec, kept, *arrays[1:])


class _WornOut(Right):
    """Wrong at the 777th call on one geometry."""

    def __init__(self) -> None:
        self.calls: Counter[tuple[Op, ConvSpec]] = Counter()

    def run(self, op: Op, spec: ConvSpec, *arrays: Array | None) -> Any:
        self.calls[op, spec] += 1
        return super().run(op, spec, *arrays) + (self.calls[op, spec] == 777)


# name -> (backend, check that must be the first to see it)
FAULTS: dict[str, tuple[type[Right], str]] = {
    "stride_axes_swapped": (geometry(lambda s: spoilers.swap(s, "stride")), "values.exact"),
    "stride_height_for_both": (geometry(lambda s: replace(s, stride=(s.stride[0],) * 2)), "values.exact"),
    "dilation_axes_swapped": (geometry(lambda s: spoilers.swap(s, "dilation")), "values.exact"),
    "dilation_ignored": (geometry(lambda s: replace(s, dilation=(1, 1))), "values.exact"),
    "padding_ignored": (geometry(lambda s: replace(s, padding=(0, 0, 0, 0))), "values.exact"),
    "padding_begin_for_end": (geometry(lambda s: replace(s, padding=(s.padding[0],) * 2 + (s.padding[2],) * 2)), "values.exact"),
    "padding_begin_end_swapped": (geometry(lambda s: replace(s, padding=(s.padding[1], s.padding[0], s.padding[3], s.padding[2]))), "values.exact"),
    "padding_axes_swapped": (geometry(lambda s: replace(s, padding=(*s.padding[2:], *s.padding[:2]))), "values.exact"),
    "only_first_image": (geometry(lambda s: replace(s, batch=min(s.batch, 1))), "values.exact"),
    "last_row_missing": (result(spoilers.on(("conv2d", "col2im"), spoilers.zero_last(-2))), "values.exact"),
    "last_column_missing": (result(spoilers.on(("im2col", "conv2d"), spoilers.zero_last(-1))), "values.exact"),
    "images_reversed": (result(spoilers.on(("conv2d", "im2col", "col2im"), lambda out: np.ascontiguousarray(out[::-1]))), "values.exact"),
    "kernel_flipped": (inputs(lambda op, s, a: (a[0], a[1][..., ::-1, ::-1], *a[2:]) if op in ("conv2d", "conv2d_input_grad") else a), "values.exact"),
    "bias_ignored": (inputs(lambda op, s, a: (*a[:2], None) if op == "conv2d" else a), "values.exact"),
    "bias_reversed": (inputs(lambda op, s, a: (*a[:2], None if a[2] is None else a[2][::-1]) if op == "conv2d" else a), "values.exact"),
    "averaged_overlap": (result(lambda op, s, out, a: out / 2 if op == "col2im" else out), "values.exact"),
    "truncated_to_integers": (result(lambda op, s, out, a: np.trunc(out)), "values.real"),
    "computed_in_half_precision": (inputs(lambda op, s, a: tuple(x if x is None else x.astype(np.float16) if x.dtype.kind != "f" else x.astype(np.float16).astype(x.dtype) for x in a)), "values.real"),
    "float64_result": (result(lambda op, s, out, a: out.astype(np.float64)), "contract.dtype"),
    "extra_axis": (result(lambda op, s, out, a: out[None]), "contract.shape"),
    "fortran_result": (result(lambda op, s, out, a: np.asfortranarray(out)), "contract.contiguous"),
    "read_only_result": (result(lambda op, s, out, a: np.frombuffer(out.tobytes(), out.dtype).reshape(out.shape)), "contract.writeable"),
    "view_of_input": (result(lambda op, s, out, a: cast(Array, a[0]).reshape(out.shape) if op == "im2col" and s.taps == s.positions == 1 else out), "contract.no_alias_input"),
    "shared_buffer": (_SharedBuffer, "contract.no_alias_previous"),
    "input_zeroed": (result(spoilers.mutates), "contract.inputs_untouched"),
    "empty_batch_raises": (inputs(spoilers.raises_on_empty), "contract.empty_batch"),
    "wrong_far_out_in_a_part": (_UngroupedPart, "values.domain"),
    "strides_refused": (inputs(spoilers.refuses_strides), "contract.strided_inputs"),
    "strides_ignored": (inputs(spoilers.ignores_strides), "values.strided"),
    "nan_swallowed": (inputs(spoilers.nan_to_zero), "contract.nonfinite"),
    "stale_cache": (_Stale, "contract.state"),
    "other_bits_each_time": (_Restless, "contract.repeatable"),
    "returns_none": (result(lambda op, s, out, a: None), "contract.type"),
    "all_nan": (result(lambda op, s, out, a: np.full_like(out, np.nan) if s.batch else out), "values.exact"),
    "wrong_on_one_square_image": (result(lambda op, s, out, a: out + (s.batch == s.in_channels == 1 and s.input_size[0] == s.input_size[1] > 2)), "values.golden"),
    "subclass_of_ndarray": (result(lambda op, s, out, a: out.view(Lazy)), "contract.type"),
    "computed_later": (_Late, "values.exact"),
    "cached_by_shape": (_ByShape, "values.exact"),
    "uninitialised_border": (result(spoilers.garbage_where_nothing_is_written), "contract.uninitialised"),
    "one_scratch_for_all": (_Scratch, "contract.concurrent"),
    "jammed_by_an_error": (_Jammed, "contract.after_error"),
    "last_thread_lost": (result(spoilers.race), "contract.threads"),
    "wrong_on_an_onnx_vector": (result(lambda op, s, out, a: out + (s.batch == s.in_channels == s.out_channels == 1 and s.stride == (2, 2))), "external.onnx"),
    "nothing_taken_for_missing": (result(lambda op, s, out, a: out + 1 if s.batch and not cast(Array, a[0]).any() else out), "values.special"),
    "kept_by_identity": (_KeptByIdentity, "contract.in_place"),
    "worn_out": (_WornOut, "contract.many_calls"),
    "end_of_memory_feared": (inputs(spoilers.refuses_guarded), "contract.bounds"),
    "single_images_apart": (geometry(spoilers.single_images_lose_their_stride), "contract.batch_split"),
}  # fmt: skip
