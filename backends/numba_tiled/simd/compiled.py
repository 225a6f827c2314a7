"""How functions are compiled: an `entry` is called from Python, an `inner` one by other compiled functions only.

What is inner becomes part of the machine code of an entry. Numba would give it an entry of its own as well, and compile
that, too; without one, a call from Python would end the process.

Numba optimizes every function by itself, and once more as a part of each that calls it. Inner loops need that: LLVM
takes conditions out of a loop only while its function is small. A `driver` calls others and has no inner loop of its
own: it is optimized as a part of what calls it alone, so that a first call compiles sooner.

A literal number as an argument is a type of its own to Numba, and what is called with one is compiled once more.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from numba import njit
from numba.core.compiler import Compiler


class _PartOfAnEntry(Compiler):  # type: ignore[misc]  # Numba has no types
    """A compiler whose functions are optimized as a part of what calls them."""

    def compile_extra(self, func: Callable[..., Any]) -> Any:
        """Compile a function, into a library that is not optimized by itself."""
        if self.state["library"] is None:
            own = self.state.targetctx.codegen().create_library(func.__qualname__)
            own._optimize_final_module = lambda: None  # a Numba without this method optimizes, and takes longer
            self.state["library"] = own
        return super().compile_extra(func)


_ALL: dict[str, Any] = {"nogil": True, "error_model": "numpy", "no_cfunc_wrapper": True}
_INNER = {**_ALL, "no_cpython_wrapper": True}
DRIVER: dict[str, Any] = {**_INNER, "pipeline_class": _PartOfAnEntry}

entry = njit(cache=True, **_ALL)
inner = njit(**_INNER)
driver = njit(**DRIVER)
inlined = njit(inline="always", **_INNER)  # copied into each of its callers before any types are known
