"""A SIMD vector as a Numba type, so that kernels are written in Python and compile to wide instructions.

Numba vectorises a loop only where LLVM can prove that it may; the kernels here must not depend on that. A `Vec` holds
as many elements of an array's type as a register has room for. Arrays are flat and contiguous, positions count
elements and are not checked: what is not there must be masked (`load_between`, `store_first`). Surprising fact: the
width is fixed when this module is imported, from the features of the CPU that Numba compiles for, so `NUMBA_CPU_NAME`
and `NUMBA_CPU_FEATURES` force a narrower one.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.core.registry import cpu_target
from numba.extending import intrinsic, models, overload, register_model

_TRIPLE, _, _FEATURES = cpu_target.target_context.codegen().magic_tuple()


def _width(triple: str, features: list[str]) -> tuple[int, int]:
    """Bytes of a vector register and how many there are."""
    if "+avx512f" in features:
        return 64, 32
    if "+avx2" in features and "+fma" in features:
        return 32, 16
    return 16, 32 if triple.startswith(("aarch64", "arm64")) else 16


BYTES, REGISTERS = _width(_TRIPLE, _FEATURES.split(","))
_MASK_REGISTERS = BYTES == 64  # AVX-512 makes a mask from an integer in one instruction

_I64, _I32 = ir.IntType(64), ir.IntType(32)
Value = Any  # an LLVM value
Body = Callable[..., Value]


class Vec(types.Type):
    """As many elements as a register holds."""

    def __init__(self, dtype: types.Float) -> None:
        self.dtype = dtype
        self.lanes = BYTES * 8 // dtype.bitwidth
        super().__init__(name=f"Vec({dtype} x {self.lanes})")

    @property
    def llvm(self) -> ir.VectorType:
        """The LLVM type."""
        return ir.VectorType(ir.FloatType() if self.dtype.bitwidth == 32 else ir.DoubleType(), self.lanes)

    @property
    def mask(self) -> ir.VectorType:
        """One bit a lane."""
        return ir.VectorType(ir.IntType(1), self.lanes)

    @property
    def suffix(self) -> str:
        """What LLVM appends to the names of its functions for this type."""
        return f"v{self.lanes}f{self.dtype.bitwidth}"


@register_model(Vec)
class _VecModel(models.PrimitiveModel):
    def __init__(self, manager: Any, kind: Vec) -> None:
        super().__init__(manager, kind, kind.llvm)


# -- what the intrinsics below are made of ---------------------------------------------------------------------------


def int_of(value: int) -> ir.Constant:
    """A 64-bit constant."""
    return ir.Constant(_I64, value)


def call(builder: Any, name: str, result: Any, arguments: list[Value]) -> Value:
    """Call one of LLVM's own functions."""
    kind = ir.FunctionType(result, [a.type for a in arguments])
    return builder.call(cgutils.get_or_insert_function(builder.module, kind, name), arguments)


def read(builder: Any, vec: Vec, address: Value) -> Value:
    """Load a vector from any address."""
    loaded = builder.load(builder.bitcast(address, vec.llvm.as_pointer()))
    loaded.align = vec.dtype.bitwidth // 8
    return loaded


def write(builder: Any, vec: Vec, value: Value, address: Value) -> Value:
    """Store a vector to any address."""
    stored = builder.store(value, builder.bitcast(address, vec.llvm.as_pointer()))
    stored.align = vec.dtype.bitwidth // 8
    return stored


def broadcast(builder: Any, vec: Vec, scalar: Value) -> Value:
    """A scalar in every lane."""
    return _everywhere(builder, vec.llvm, scalar)


def _everywhere(builder: Any, kind: ir.VectorType, scalar: Value) -> Value:
    undefined = ir.Constant(kind, ir.Undefined)
    first = builder.insert_element(undefined, scalar, ir.Constant(_I32, 0))
    return shuffle(builder, first, undefined, [0] * kind.count)


def _steps(count: int, size: int) -> list[int]:
    return [lane * size for lane in range(count)]


def shuffle(builder: Any, a: Value, b: Value, lanes: list[int]) -> Value:
    """Lanes of a (0 and up) and b (from the number of lanes up)."""
    return builder.shuffle_vector(a, b, ir.Constant(ir.VectorType(_I32, len(lanes)), lanes))


def multiply_add(builder: Any, vec: Vec, a: Value, b: Value, c: Value) -> Value:
    """a * b + c, fused where the CPU can."""
    return call(builder, f"llvm.fmuladd.{vec.suffix}", vec.llvm, [a, b, c])


def _first(builder: Any, vec: Vec, count: Value) -> Value:
    """The mask of the lanes before `count`, which may be anything."""
    if _MASK_REGISTERS:
        lanes = int_of(vec.lanes)
        low = builder.select(builder.icmp_signed("<", count, int_of(0)), int_of(0), count)
        low = builder.select(builder.icmp_signed("<", low, lanes), low, lanes)
        ones = builder.sub(builder.shl(int_of(1), low), int_of(1))
        return builder.bitcast(builder.trunc(ones, ir.IntType(vec.lanes)), vec.mask)
    wide = ir.VectorType(_I64, vec.lanes)
    return builder.icmp_signed("<", ir.Constant(wide, _steps(vec.lanes, 1)), _everywhere(builder, wide, count))


def _between(builder: Any, vec: Vec, low: Value, high: Value) -> Value:
    return builder.and_(_first(builder, vec, high), builder.not_(_first(builder, vec, low)))


def _read_masked(builder: Any, vec: Vec, address: Value, mask: Value) -> Value:
    address = builder.bitcast(address, vec.llvm.as_pointer())
    align = ir.Constant(_I32, vec.dtype.bitwidth // 8)
    zero = ir.Constant(vec.llvm, [0.0] * vec.lanes)
    return call(builder, f"llvm.masked.load.{vec.suffix}.p0", vec.llvm, [address, align, mask, zero])


def write_first(builder: Any, vec: Vec, value: Value, address: Value, count: Value) -> None:
    """Store the lanes before `count`, which may be anything."""
    address = builder.bitcast(address, vec.llvm.as_pointer())
    align = ir.Constant(_I32, vec.dtype.bitwidth // 8)
    mask = _first(builder, vec, count)
    call(builder, f"llvm.masked.store.{vec.suffix}.p0", ir.VoidType(), [value, address, align, mask])


# -- constants and scalars -------------------------------------------------------------------------------------------


@intrinsic
def pointer(typing: Any, a: Any) -> Any:
    """The address of an array's first element. The array must outlive it."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Value:
        return context.make_array(signature.args[0])(context, builder, arguments[0]).data

    return types.CPointer(a.dtype)(a), generate


@intrinsic
def moved(typing: Any, p: Any, i: Any) -> Any:
    """The pointer to p[i]."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Value:
        return builder.gep(arguments[0], [arguments[1]])

    return p(p, types.intp), generate


@intrinsic
def lanes(typing: Any, a: Any) -> Any:
    """How many elements of `a` a vector holds."""
    return types.intp(a), lambda context, builder, signature, arguments: int_of(Vec(a.dtype).lanes)


@intrinsic
def zeros(typing: Any, a: Any) -> Any:
    """A vector of zeros, of the type of `a`."""
    vec = Vec(a.dtype)
    return vec(a), lambda context, builder, signature, arguments: ir.Constant(vec.llvm, [0.0] * vec.lanes)


@intrinsic
def fill(typing: Any, a: Any, i: Any) -> Any:
    """Element i of `a` in every lane."""
    vec = Vec(a.dtype)

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Value:
        scalar = builder.load(builder.gep(arguments[0], [arguments[1]]))
        return broadcast(builder, vec, scalar)

    return vec(a, types.intp), generate


@intrinsic
def get(typing: Any, a: Any, i: Any) -> Any:
    """a[i] for i >= 0, without Python's wrapping around, which costs a branch."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Value:
        return builder.load(builder.gep(arguments[0], [arguments[1]]))

    return a.dtype(a, types.intp), generate


@intrinsic
def put(typing: Any, a: Any, i: Any, value: Any) -> Any:
    """a[i] = value for i >= 0."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Value:
        builder.store(arguments[2], builder.gep(arguments[0], [arguments[1]]))
        return context.get_dummy_value()

    return types.void(a, types.intp, a.dtype), generate


@intrinsic
def misaligned(typing: Any, a: Any, i: Any) -> Any:
    """How many elements a[i] is past a multiple of the vector width in memory."""
    size = Vec(a.dtype).dtype.bitwidth // 8

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Value:
        address = builder.ptrtoint(builder.gep(arguments[0], [arguments[1]]), _I64)
        return builder.udiv(builder.and_(address, int_of(BYTES - 1)), int_of(size))

    return types.intp(a, types.intp), generate


@intrinsic
def fence(typing: Any) -> Any:
    """Streamed stores are seen by other threads before anything that follows."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Value:
        builder.fence("seq_cst")
        return context.get_dummy_value()

    return types.void(), generate


# -- loads and stores ------------------------------------------------------------------------------------------------


@intrinsic
def load(typing: Any, a: Any, i: Any) -> Any:
    """The elements from a[i] on."""
    vec = Vec(a.dtype)

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Value:
        return read(builder, vec, builder.gep(arguments[0], [arguments[1]]))

    return vec(a, types.intp), generate


@intrinsic
def load_between(typing: Any, a: Any, i: Any, low: Any, high: Any) -> Any:
    """Lanes low <= lane < high from a[i + lane]; the others are zero, and their memory is not touched."""
    vec = Vec(a.dtype)

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Value:
        mask = _between(builder, vec, arguments[2], arguments[3])
        return _read_masked(builder, vec, builder.gep(arguments[0], [arguments[1]]), mask)

    return vec(a, types.intp, types.intp, types.intp), generate


@intrinsic
def load_first(typing: Any, a: Any, i: Any, count: Any) -> Any:
    """Lanes before `count` from a[i + lane]; the others are zero."""
    vec = Vec(a.dtype)

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Value:
        mask = _first(builder, vec, arguments[2])
        return _read_masked(builder, vec, builder.gep(arguments[0], [arguments[1]]), mask)

    return vec(a, types.intp, types.intp), generate


@intrinsic
def load_every(typing: Any, a: Any, i: Any, step: Any, low: Any, high: Any) -> Any:
    """Lanes low <= lane < high from a[i + lane * step]; the others are zero."""
    vec = Vec(a.dtype)

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Value:
        base = builder.gep(arguments[0], [arguments[1]])
        size, wide = vec.dtype.bitwidth // 8, ir.VectorType(_I64, vec.lanes)
        offsets = builder.mul(_everywhere(builder, wide, arguments[2]), ir.Constant(wide, _steps(vec.lanes, size)))
        places = builder.add(_everywhere(builder, wide, builder.ptrtoint(base, _I64)), offsets)
        places = builder.inttoptr(places, ir.VectorType(base.type, vec.lanes))
        mask = _between(builder, vec, arguments[3], arguments[4])
        align, zero = ir.Constant(_I32, vec.dtype.bitwidth // 8), ir.Constant(vec.llvm, [0.0] * vec.lanes)
        name = f"llvm.masked.gather.{vec.suffix}.v{vec.lanes}p0"
        return call(builder, name, vec.llvm, [places, align, mask, zero])

    return vec(a, types.intp, types.intp, types.intp, types.intp), generate


@intrinsic
def store(typing: Any, a: Any, i: Any, value: Any) -> Any:
    """To a[i] and the elements after it."""
    vec = Vec(a.dtype)

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Value:
        write(builder, vec, arguments[2], builder.gep(arguments[0], [arguments[1]]))
        return context.get_dummy_value()

    return types.void(a, types.intp, vec), generate


@intrinsic
def store_first(typing: Any, a: Any, i: Any, value: Any, count: Any) -> Any:
    """The lanes before `count`; memory after them is not touched."""
    vec = Vec(a.dtype)

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Value:
        place = builder.gep(arguments[0], [arguments[1]])
        write_first(builder, vec, arguments[2], place, arguments[3])
        return context.get_dummy_value()

    return types.void(a, types.intp, vec, types.intp), generate


@intrinsic
def stream(typing: Any, a: Any, i: Any, value: Any) -> Any:
    """Past the caches, so that no line is read to be overwritten; `misaligned(a, i)` must be 0. See `fence`."""
    vec = Vec(a.dtype)

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Value:
        stored = write(builder, vec, arguments[2], builder.gep(arguments[0], [arguments[1]]))
        stored.align = BYTES
        stored.set_metadata("nontemporal", builder.module.add_metadata([ir.Constant(_I32, 1)]))
        return context.get_dummy_value()

    return types.void(a, types.intp, vec), generate


# -- arithmetic and permutations -------------------------------------------------------------------------------------


def _binary(build: str) -> Any:
    @intrinsic
    def operate(typing: Any, v: Any, w: Any) -> Any:
        return v(v, w), lambda context, builder, signature, arguments: getattr(builder, build)(*arguments)

    return operate


_plus, _minus, _times = _binary("fadd"), _binary("fsub"), _binary("fmul")


@overload(operator.add, strict=False)
def _add(v: Any, w: Any) -> Any:
    return (lambda v, w: _plus(v, w)) if isinstance(v, Vec) and v == w else None  # noqa: PLW0108


@overload(operator.sub, strict=False)
def _subtract(v: Any, w: Any) -> Any:
    return (lambda v, w: _minus(v, w)) if isinstance(v, Vec) and v == w else None  # noqa: PLW0108


@overload(operator.mul, strict=False)
def _multiply(v: Any, w: Any) -> Any:
    return (lambda v, w: _times(v, w)) if isinstance(v, Vec) and v == w else None  # noqa: PLW0108


@intrinsic
def fma(typing: Any, a: Any, b: Any, c: Any) -> Any:
    """a * b + c."""
    return a(a, b, c), lambda context, builder, signature, arguments: multiply_add(builder, a, *arguments)


@intrinsic
def total(typing: Any, v: Any) -> Any:
    """The sum of the lanes, halves added to halves."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Value:
        value, width = arguments[0], v.lanes
        while width > 1:
            width //= 2
            upper = shuffle(builder, value, value, [*range(width, 2 * width), *range(width, v.lanes)])
            value = builder.fadd(value, upper)
        return builder.extract_element(value, ir.Constant(_I32, 0))

    return v.dtype(v), generate


def _permutation(lanes_of: Callable[[int], list[int]]) -> Any:
    @intrinsic
    def permute(typing: Any, v: Any, w: Any) -> Any:
        order = lanes_of(v.lanes)
        return v(v, w), lambda context, builder, signature, arguments: shuffle(builder, *arguments, order)

    return permute


evens = _permutation(lambda n: list(range(0, 2 * n, 2)))  # elements 0, 2, 4, ... of v followed by w
odds = _permutation(lambda n: list(range(1, 2 * n, 2)))
zip_low = _permutation(lambda n: [lane for k in range(n // 2) for lane in (k, n + k)])  # v0 w0 v1 w1 ...
zip_high = _permutation(lambda n: [lane for k in range(n // 2, n) for lane in (k, n + k)])
