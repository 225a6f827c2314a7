"""One compiled function on several threads, each with its number.

A loop over `prange` in every kernel would do, but Numba compiles the body of such a loop twice over. So this package
has one such loop, over calls through a pointer; what is called is compiled once.

    spread(share, threads, (x, y, plan))       share(0, threads, x, y, plan)   on one thread
                                          ->   share(1, threads, x, y, plan)   on another, at the same time
                                               ...                             each takes its part of the work
"""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba import njit, prange, types
from numba.core import cgutils
from numba.core.compiler import Flags, compile_internal
from numba.extending import intrinsic

from backends.numba_tiled.simd.compiled import inlined
from backends.numba_tiled.simd.emit import I64, Value

_CALLED = ir.FunctionType(ir.VoidType(), [I64, I64, I64])  # with the address of its arguments, t and threads


@intrinsic
def _kept(typing: Any, arguments: Any) -> Any:
    """The address of a tuple, for as long as the function runs that asks for it."""

    def generate(context: Any, builder: Any, signature: Any, values: Any) -> Value:
        return builder.ptrtoint(cgutils.alloca_once_value(builder, values[0]), I64)

    return types.intp(arguments), generate


@intrinsic
def _address_of(typing: Any, share: Any, arguments: Any) -> Any:
    """The address of a function (kept, t, threads) that calls share(t, threads, *arguments).

    `share` is compiled into the library of its caller: by itself Numba would make machine code of it twice.
    """

    def generate(context: Any, builder: Any, signature: Any, values: Any) -> Value:
        flags = Flags()
        flags.no_compile = flags.no_cpython_wrapper = flags.no_cfunc_wrapper = flags.nrt = True
        flags.error_model = "numpy"
        compiled = compile_internal(
            context.typing_context, context, context.active_code_library, share.dispatcher.py_func,
            (types.intp, types.intp, *arguments.types), types.void, flags, {},
        )  # fmt: skip
        function = ir.Function(builder.module, _CALLED, builder.module.get_unique_name("share"))
        function.linkage = "internal"
        inner = ir.IRBuilder(function.append_basic_block())
        kept = inner.inttoptr(function.args[0], context.get_value_type(arguments).as_pointer())
        several = cgutils.unpack_tuple(inner, inner.load(kept), arguments.count)
        called = context.declare_function(builder.module, compiled.fndesc)
        wanted = compiled.signature
        context.call_conv.call_function(
            inner, called, wanted.return_type, wanted.args, [function.args[1], function.args[2], *several]
        )  # the status is ignored: no share raises anything
        inner.ret_void()
        return builder.ptrtoint(function, I64)

    return types.intp(share, arguments), generate


@intrinsic
def _call(typing: Any, address: Any, kept: Any, t: Any, threads: Any) -> Any:
    """Call what `_address_of` made."""

    def generate(context: Any, builder: Any, signature: Any, values: Any) -> Value:
        builder.call(builder.inttoptr(values[0], _CALLED.as_pointer()), values[1:])
        return context.get_dummy_value()

    return types.void(types.intp, types.intp, types.intp, types.intp), generate


@njit(nogil=True, error_model="numpy", parallel={"prange": True, "fusion": False})
def _on_threads(address, kept, threads):
    """The one parallel loop: every turn of it is a thread's part of the work."""
    for t in prange(threads):
        _call(address, kept, t, threads)


@inlined
def spread(share, threads, arguments):
    """share(t, threads, *arguments) for all t < threads, at the same time."""
    address, kept = _address_of(share, arguments), _kept(arguments)
    if threads == 1:
        _call(address, kept, 0, 1)
    else:
        _on_threads(address, kept, threads)
