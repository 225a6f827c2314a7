"""The libraries that can be asked, by name, and which of them are installed here."""

from __future__ import annotations

import sys
from collections.abc import Callable
from importlib import metadata
from importlib.util import find_spec

from conformance.diagnosis.libraries import by_jax, by_onnxruntime, by_scipy, by_torch
from conformance.diagnosis.libraries.common import Arrays
from harness.contract.protocol import Array
from harness.geometry.spec import ConvSpec, Op

COMPUTE: dict[str, Callable[[Op, ConvSpec, Arrays], Array]] = {
    "torch": by_torch.run,
    "scipy": by_scipy.run,
    "jax": by_jax.run,
    "onnxruntime": by_onnxruntime.run,
}
_ALSO_NEEDED = {"onnxruntime": "onnx"}  # to write down the model that it runs


def missing(name: str) -> str:
    """Why the library cannot be asked here, or the empty text; found without importing it."""
    for module in filter(None, (name, _ALSO_NEEDED.get(name))):
        if find_spec(module) is None:
            return f"No module named {module!r}"
    return ""


def version(name: str) -> str:
    """Version of an installed library."""
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:  # installed under another name, as onnxruntime-gpu is
        return "version unknown"


def available() -> dict[str, str]:
    """Every library that can be a witness, with its version or the reason why it is missing."""
    return {name: missing(name) or version(name) for name in COMPUTE}


def installed() -> list[str]:
    """The libraries that can be asked here."""
    return [name for name in COMPUTE if not missing(name)]


def at_hand() -> list[str]:
    """The installed libraries that cost nothing to ask: loaded already, or quick to load."""
    return [name for name in installed() if name in sys.modules or name == "scipy"]
