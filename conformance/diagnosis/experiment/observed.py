"""What one call showed: right, or wrong in which way, and a digest of the result that models are compared with."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from harness.contract.protocol import Array
from harness.geometry.spec import ConvSpec, Shape

Digest = tuple[Shape, bytes]


class Kind(StrEnum):
    """How a call fails. Each is told by itself: a crash on an odd geometry must not hide wrong values."""

    VALUE = "value"
    SHAPE = "shape"
    CRASH = "crash"


@dataclass(frozen=True, slots=True)
class Observed:
    """A call on a geometry; `kind` is None if its result is right."""

    spec: ConvSpec
    kind: Kind | None
    digest: Digest | None = None  # None of a crash
    shape: Shape = ()
    wrong: int = 0  # elements
    error: str = ""  # of a crash: "raises ValueError: ..", "hung: .."

    @property
    def ok(self) -> bool:
        """Whether the result is right."""
        return self.kind is None


def digest(result: Array) -> Digest:
    """Shape and numbers in single precision: x / 3 and x * (1 / 3) are one mistake; -0.0 and 0.0 are one number."""
    with np.errstate(all="ignore"):
        single = np.ascontiguousarray(result, np.float32) + np.float32(0)
    return result.shape, hashlib.blake2b(single.tobytes(), digest_size=16).digest()
