"""Backends that allocate what is known, each measured in a process of its own, where no other test has left memory.

`python -m harness.tests.helpers.timing.allocating NAME` prints both peaks of a call.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from typing import Any

import numpy as np

from harness.contract.protocol import CompleteBackend
from harness.geometry.spec import ConvSpec
from harness.timing.memory_use import measure

MIB = 2**20
SPEC = ConvSpec.parse("n1c16h130w130_f1kh2kw2")  # columns of 4 MiB and a little
RESULT = SPEC.columns_bytes("float32")
X = np.ones(SPEC.x_shape, np.float32)
Im2col = Callable[[np.ndarray, ConvSpec], Any]


def backend(im2col: Im2col, **more: Any) -> CompleteBackend:
    """One that computes nothing, and allocates as it is told."""
    fields: dict[str, Any] = dict(
        name="mine", target="mine", native=frozenset({"im2col", "col2im"}), ops={"im2col": im2col},
        unsupported=lambda op, spec, dtype: None, from_numpy=lambda a: a, to_numpy=lambda a: a,
        synchronize=lambda a: None,
    )  # fmt: skip
    return CompleteBackend(**{**fields, **more})


def result_of(spec: ConvSpec) -> np.ndarray:
    """A result that is written to, as memory that is not is not held."""
    return np.full(spec.columns_shape, 1.0, np.float32)


def peaks(name: str) -> tuple[int, int]:
    """What is allocated and what is resident at the peak of a call of the backend of that name, in a fresh process."""
    words = [sys.executable, "-m", __name__, name]
    done = subprocess.run(words, capture_output=True, text=True, check=False, timeout=600)
    assert done.returncode == 0, done.stderr
    peak, resident = map(int, done.stdout.split())
    return peak, resident


def _alone(x: np.ndarray, spec: ConvSpec) -> np.ndarray:
    return result_of(spec)


def _scratch(x: np.ndarray, spec: ConvSpec) -> np.ndarray:
    for _ in range(2):
        np.full(16 * MIB, 1, np.int8)
    return result_of(spec)


_kept: dict[ConvSpec, np.ndarray] = {}


def _keeping(x: np.ndarray, spec: ConvSpec) -> np.ndarray:
    if spec not in _kept:
        _kept[spec] = np.full((8 if spec == SPEC else 32) * MIB, 1, np.int8)
    return result_of(spec)


_called: set[ConvSpec] = set()


def _preparing(x: np.ndarray, spec: ConvSpec) -> np.ndarray:
    if spec not in _called:
        np.full(32 * MIB, 1, np.int8)
    _called.add(spec)
    return result_of(spec)


_BACKENDS = {
    "alone": backend(_alone),
    "scratch": backend(_scratch),
    "keeping": backend(_keeping),
    "preparing": backend(_preparing),
    "large inputs": backend(_alone, from_numpy=lambda a: np.repeat(a, 20, axis=0)),
}


if __name__ == "__main__":
    found = measure(_BACKENDS[sys.argv[1]], "im2col", SPEC, [X])
    print(found.peak_bytes, found.resident_bytes)
