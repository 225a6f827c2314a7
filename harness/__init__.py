"""A benchmark and conformance harness for im2col, col2im and 2-D convolution. Importing it imports no backend."""

from harness.contract import own_packages  # noqa: F401  # before anything that a user's file might stand for
from harness.contract.protocol import SCHEMA, ArgumentError, Backend, BackendUnavailable, CompleteBackend, validate
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
