"""One convolution as a library's log tells it: its geometry, what was computed of it, and in which numbers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from harness.geometry.spec import ConvSpec


@dataclass(frozen=True, slots=True)
class Logged:
    """`passes` are what the line computes, of forward, the gradients; `dtype` is empty for float32."""

    spec: ConvSpec
    passes: Sequence[str]
    dtype: str = ""
