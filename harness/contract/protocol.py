"""The backend contract, schema 1: what an implementation provides, and what the harness promises to call it with.

Nothing here has to be imported by an implementer. `Backend` is a structural Protocol; a class, or
a plain module, with two functions `im2col(x, spec)` and `col2im(columns, spec)` qualifies.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from typing import Any, Literal, Protocol, TypeVar

import numpy as np

from harness.geometry.spec import ALL_OPS, ConvSpec, Op, Shape

SCHEMA = 1
DTYPES = ("float16", "float32", "float64", "int32", "int64")

Array = np.ndarray[Any, np.dtype[Any]]
dtype_name = cache(str)  # of a NumPy dtype, which takes long to make it each time
ArrayT = TypeVar("ArrayT")
Numerics = Literal["direct", "gemm", "tf32", "winograd", "fft"]
Subnormals = Literal["kept", "flushed"]


class BackendUnavailable(ImportError):
    """Raised by a backend's factory when it cannot run on this machine; the text is the reason shown to users."""


class ArgumentError(ValueError):
    """Arrays that do not fit the spec, found at the harness's own door, before a backend sees them."""


class Backend(Protocol[ArrayT]):
    """The whole contract. One op is compulsory; `adapter.complete` supplies what follows from it.

    Every op gets valid input only, of any strides, offset, alignment and writeability, one dtype a call. It returns
    a fresh C-contiguous array of that dtype and of exactly the spec's shape, and leaves its inputs as they were.
    Optional members: `numerics`; `subnormals`, "flushed" if such numbers may become zero; `bias`, False if conv2d takes
    None alone; the six pooling ops of `harness.contract.pooling`; `info() -> dict[str, str]`;
    `seconds(call) -> float`, the device time of one call, which only launches: `seconds` itself waits for what was
    launched; `ceilings() -> dict`, the limits of its device: `device` (a name), `copy_gbs` and `copy_bytes` (bytes read
    plus written) for `cache` and `dram`, and `matmul_gflops` for any of `float32`, `tf32`, `float64`;
    `stages(op, spec) -> list`, the stages of an op as (name, function): each gets what the one before gives as its
    arguments, a tuple, the first those of the op without the spec; the last gives the result.
    """

    name: str

    def unsupported(self, op: Op, spec: ConvSpec, dtype: str, /) -> str | None:
        """A reason in words, or None; asked while planning, for op, geometry and dtype only."""

    def from_numpy(self, a: Array, /) -> ArrayT:
        """Host array to the backend's own array."""

    def to_numpy(self, a: ArrayT, /) -> Array:
        """The backend's own array to a host array, waiting for the result."""

    def synchronize(self, a: ArrayT, /) -> None:
        """Return only when `a` is computed."""

    def im2col(self, x: ArrayT, spec: ConvSpec, /) -> ArrayT:
        """(N, C, H, W) -> (N, C*KH*KW, OH*OW): every window copied into a column; padding is 0."""

    def col2im(self, columns: ArrayT, spec: ConvSpec, /) -> ArrayT:
        """(N, C*KH*KW, OH*OW) -> (N, C, H, W): the adjoint of im2col, a scatter-add; not its inverse."""

    def conv2d(self, x: ArrayT, w: ArrayT, b: ArrayT | None, spec: ConvSpec, /) -> ArrayT:
        """(N, C, H, W), (F, C/G, KH, KW), (F,) or None -> (N, F, OH, OW): cross-correlation plus bias."""

    def conv2d_input_grad(self, dy: ArrayT, w: ArrayT, spec: ConvSpec, /) -> ArrayT:
        """(N, F, OH, OW), (F, C/G, KH, KW) -> (N, C, H, W)."""

    def conv2d_weight_grad(self, dy: ArrayT, x: ArrayT, spec: ConvSpec, /) -> ArrayT:
        """(N, F, OH, OW), (N, C, H, W) -> (F, C/G, KH, KW)."""

    def conv2d_bias_grad(self, dy: ArrayT, spec: ConvSpec, /) -> ArrayT:
        """(N, F, OH, OW) -> (F,)."""


@dataclass(frozen=True, slots=True)
class CompleteBackend:
    """What `registry.load` returns: every member of the contract, given or derived, as a plain callable.

    `native` holds the ops that the implementation itself provides; the others come from `harness.contract.lowering`
    and `harness.contract.pooling`.
    """

    name: str
    target: str
    native: frozenset[Op]
    ops: dict[Op, Callable[..., Any]] = field(repr=False)
    unsupported: Callable[[Op, ConvSpec, str], str | None] = field(repr=False)
    from_numpy: Callable[[Array], Any] = field(repr=False)
    to_numpy: Callable[[Any], Array] = field(repr=False)
    synchronize: Callable[[Any], None] = field(repr=False)
    numerics: Numerics = "gemm"
    subnormals: Subnormals = "kept"
    takes_bias: bool = True  # whether the implementation's own conv2d does
    info: dict[str, str] = field(default_factory=dict)
    seconds: Callable[[Callable[[], Any]], float] | None = field(default=None, repr=False)
    ceilings: Callable[[], dict[str, Any]] | None = field(default=None, repr=False)
    stages: Callable[[Op, ConvSpec], list[tuple[str, Callable[..., Any]]]] = field(
        default=lambda op, spec: [], repr=False
    )

    def call(self, op: Op, spec: ConvSpec, *arrays: Any) -> Any:
        """Run one op on the backend's own arrays."""
        return self.ops[op](*arrays, spec)

    def run(self, op: Op, spec: ConvSpec, *arrays: Array | None) -> Array:
        """Run one op on host arrays: there, compute, and back. A missing bias is None."""
        own = [None if a is None else self.from_numpy(a) for a in arrays]
        return self.to_numpy(self.call(op, spec, *own))


def validate(op: Op, spec: ConvSpec, *arrays: Array | None) -> None:
    """Refuse arrays that `op` cannot take: count, type (subclasses too), shape, mixed or foreign dtypes, byte order.

    The bias of conv2d may be None. Raises `ArgumentError` naming the argument, the rule and both values.
    """
    if op not in ALL_OPS:
        raise ArgumentError(f"op must be one of {', '.join(ALL_OPS)}, got {op!r}")
    names, shapes = ARGUMENTS[op], spec.input_shapes(op)
    if len(arrays) != len(names):
        raise ArgumentError(f"{op} takes {len(names)} arrays ({', '.join(names)}), got {len(arrays)}")
    dtypes: dict[str, str] = {}
    for name, shape, a in zip(names, shapes, arrays, strict=True):
        if a is None and name == "b":
            continue
        _validate_array(op, name, shape, a)
        assert a is not None
        dtypes[name] = dtype_name(a.dtype)
    if len(set(dtypes.values())) > 1:
        raise ArgumentError(f"{op} takes one dtype a call, got {', '.join(f'{k} {v}' for k, v in dtypes.items())}")


ARGUMENTS: dict[Op, tuple[str, ...]] = {
    "im2col": ("x",),
    "col2im": ("columns",),
    "conv2d": ("x", "w", "b"),
    "conv2d_input_grad": ("dy", "w"),
    "conv2d_weight_grad": ("dy", "x"),
    "conv2d_bias_grad": ("dy",),
    "max_pool2d": ("x",),
    "max_pool2d_grad": ("dy", "x"),
    "avg_pool2d": ("x",),
    "avg_pool2d_grad": ("dy",),
    "avg_pool2d_exclude_padding": ("x",),
    "avg_pool2d_exclude_padding_grad": ("dy",),
}


def _validate_array(op: Op, name: str, shape: Shape, a: object) -> None:
    # No subclass: a mask would be dropped without a word, and a matrix multiplies and slices by rules of its own.
    if type(a) is not np.ndarray:
        raise ArgumentError(f"{name} of {op} must be a plain numpy.ndarray, got {type(a).__name__}")
    if not a.dtype.isnative:
        raise ArgumentError(f"{name} of {op} must have native byte order, got {a.dtype.str!r}")
    if dtype_name(a.dtype) not in DTYPES:
        raise ArgumentError(f"{name} of {op} must have a dtype among {', '.join(DTYPES)}, got {a.dtype}")
    if a.shape != shape:
        raise ArgumentError(f"{name} of {op} must have shape {shape}, got {a.shape}")
