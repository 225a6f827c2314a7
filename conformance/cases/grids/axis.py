"""One axis of a geometry: its settings, in all combinations that are valid."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import product

Setting = tuple[int, int, int, int, int, int]  # input size, kernel, stride, pad before, pad after, dilation


def settings(size: int, kernel: int, stride: int, pad: int, dilation: int) -> list[Setting]:
    """All settings up to these whose dilated kernel fits; a kernel of one tap has no dilation."""
    upto = (range(1, most + 1) for most in (size, kernel, stride))
    every: Iterable[Setting] = product(*upto, range(pad + 1), range(pad + 1), range(1, dilation + 1))  # type: ignore[assignment]
    return [s for s in every if (s[1] - 1) * s[5] + 1 <= s[0] + s[3] + s[4] and (s[1] > 1 or s[5] == 1)]
