"""A benchmark and conformance harness for im2col, col2im and 2-D convolution. Importing it imports no backend."""

from harness.geometry.spec import OPS, ConvSpec, Op, SpecError
from harness.protocol import SCHEMA, ArgumentError, Backend, BackendUnavailable, CompleteBackend, validate
from harness.registry import RegistryError, load, names

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
