"""The ops as a network calls them: one `run`, in this process or in a child, with a result of the right shape.

A network keeps NumPy arrays between its layers, so every call converts to the backend's own arrays and back.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Protocol

import numpy as np

from harness.calls.in_child import InChild, Program
from harness.calls.worker import environment
from harness.contract import registry
from harness.contract.adapter import complete
from harness.contract.protocol import Array, CompleteBackend, dtype_name
from harness.contract.targets import Target
from harness.geometry.spec import ConvSpec, Op
from harness.nn.errors import OpFailed, OpRefused
from harness.oracle import by_taps
from harness.telling import named

THREADS = 1  # of every library, here and in a child


class Ops(Protocol):
    """What layers need of a backend; `CompleteBackend` has it."""

    @property
    def name(self) -> str:
        """In tables and messages."""

    def run(self, op: Op, spec: ConvSpec, /, *arrays: Array | None) -> Array:
        """The result of `op` on host arrays, as a host array."""


class InThisProcess:
    """A loaded backend. What it raises becomes `OpFailed`, what it refuses `OpRefused`."""

    def __init__(self, backend: CompleteBackend) -> None:
        self.name, self._backend = backend.name, backend
        self._refusal = cache(backend.unsupported)

    def run(self, op: Op, spec: ConvSpec, /, *arrays: Array | None) -> Array:
        """See `Ops`."""
        dtype = _dtype(arrays)
        _require_accepted(op, self._refusal(op, spec, dtype))
        try:
            made = self._backend.run(op, spec, *arrays)
        except Exception as error:
            raise OpFailed(f"{op} raised {named(error)}") from error
        return _fitting(op, spec, made, dtype)


class InAChild:
    """A plug-in in a process of its own: a crash or a hang costs its own training alone."""

    def __init__(self, caller: InChild) -> None:
        self.name, self._caller = caller.name, caller

    def run(self, op: Op, spec: ConvSpec, /, *arrays: Array | None) -> Array:
        """See `Ops`."""
        dtype = _dtype(arrays)
        try:
            refusal = self._caller.unsupported(op, spec, dtype)  # the caller remembers the answer
        except RuntimeError as error:
            raise OpFailed(f"unsupported raised {named(error)}") from error
        _require_accepted(op, refusal)
        found = self._caller.call(op, spec, arrays)
        if found.error:
            raise OpFailed(f"{op}: {found.error}")
        return _fitting(op, spec, found.result, dtype)


@contextmanager
def opened(target: Target) -> Iterator[Ops]:
    """A backend, ready to be called: what is built in here, everything else in a child.

    Raises `RegistryError` if it is no backend, `BackendUnavailable` with the reason if it cannot run here.
    """
    if target.is_builtin:
        yield InThisProcess(registry.load(target))
        return
    caller = InChild(target, program=Program(environment=environment(THREADS, "default")))
    try:
        yield InAChild(caller)
    finally:
        caller.close()


def reference() -> CompleteBackend:
    """The oracle as a backend: im2col and col2im by taps, all other ops derived from them, in float64."""
    return complete(_Oracle(), "oracle", by_taps.__name__)


class _Oracle:
    def im2col(self, x: Array, spec: ConvSpec) -> Array:
        return by_taps.run("im2col", spec, x)

    def col2im(self, columns: Array, spec: ConvSpec) -> Array:
        return by_taps.run("col2im", spec, columns)


def _dtype(arrays: tuple[Array | None, ...]) -> str:
    return next(dtype_name(a.dtype) for a in arrays if a is not None)


def _require_accepted(op: Op, refusal: str | None) -> None:
    if refusal is not None:
        raise OpRefused(f"{op} is refused: {refusal}")


def _fitting(op: Op, spec: ConvSpec, made: object, dtype: str) -> Array:
    """The result, if it is one. Raises `OpFailed` with what it is and what it should be."""
    wanted = f"{op} must give {dtype} {spec.output_shape(op)}"
    if not isinstance(made, np.ndarray):
        raise OpFailed(f"{wanted}, got {type(made).__name__}")
    if made.shape != spec.output_shape(op) or dtype_name(made.dtype) != dtype:
        raise OpFailed(f"{wanted}, got {made.dtype} {made.shape}")
    return made
