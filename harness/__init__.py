"""A benchmark and conformance harness for im2col, col2im and 2-D convolution. Importing it imports no backend.

A public name is imported when it is first used: the program `harness` is at work before NumPy is loaded.
"""

from __future__ import annotations

from harness.contract import own_packages  # noqa: F401  # before anything that a user's file might stand for

TYPE_CHECKING = False  # not from `typing`, which may be a file in the current folder
if TYPE_CHECKING:
    from harness.contract.protocol import (
        SCHEMA,
        ArgumentError,
        Backend,
        BackendUnavailable,
        CompleteBackend,
        validate,
    )
    from harness.contract.registry import RegistryError, load, names
    from harness.geometry.spec import OPS, ConvSpec, Op, SpecError

__version__ = "0.1.0"

__all__ = [
    "OPS",
    "SCHEMA",
    "ArgumentError",
    "Backend",
    "BackendUnavailable",
    "CompleteBackend",
    "ConvSpec",
    "Op",
    "RegistryError",
    "SpecError",
    "load",
    "names",
    "validate",
]


def __getattr__(name: str) -> object:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from harness.contract import protocol, registry
    from harness.geometry import spec

    home = next(module for module in (protocol, registry, spec) if hasattr(module, name))
    found = globals()[name] = getattr(home, name)
    return found


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
