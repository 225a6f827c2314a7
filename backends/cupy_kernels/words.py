"""Errors in words, the same on a card and where it is emulated."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Any

import numpy as np


def out_of_memory(purpose: str, shape: Sequence[int], dtype: Any, available: int, device: str) -> str:
    """One line: what was needed for what, and what there is.

    >>> out_of_memory("the columns", (3, 2**28), "float32", 2**29, "NVIDIA H200")
    'the columns (3, 268435456) float32 need 3.00 GiB on NVIDIA H200; 0.50 GiB are available to the memory pool'
    """
    needed = prod(shape) * np.dtype(dtype).itemsize
    return (
        f"{purpose} {tuple(shape)} {np.dtype(dtype)} need {needed / 2**30:.2f} GiB on {device}; "
        f"{available / 2**30:.2f} GiB are available to the memory pool"
    )
