"""Which taps of a window meet a pixel, and which meet padding: what pooling needs to know beyond the sizes."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np

from harness.geometry.spec import ConvSpec

_Mask = np.ndarray[Any, np.dtype[np.bool_]]


@lru_cache(maxsize=16)
def meets_pixel(spec: ConvSpec) -> _Mask:
    """(KH*KW, OH*OW): whether the tap of the window at that position lies on a pixel. Not to be written to.

    >>> spec = ConvSpec.of(batch=1, in_channels=1, input_size=(1, 3), out_channels=1, kernel_size=(1, 2),
    ...                    padding=(0, 0, 1, 0))
    >>> meets_pixel(spec)
    array([[False,  True,  True],
           [ True,  True,  True]])
    """
    top, _, left, _ = spec.padding
    rows = _along(spec.kernel_size[0], spec.dilation[0], spec.output_size[0], spec.stride[0], top, spec.input_size[0])
    cols = _along(spec.kernel_size[1], spec.dilation[1], spec.output_size[1], spec.stride[1], left, spec.input_size[1])
    mask = (rows[:, None, :, None] & cols[None, :, None, :]).reshape(spec.taps, spec.positions)
    mask.flags.writeable = False
    return mask


def pixels_in_windows(spec: ConvSpec) -> np.ndarray[Any, np.dtype[np.intp]]:
    """(OH*OW,): of each window, how many of its taps meet a pixel."""
    counts: np.ndarray[Any, np.dtype[np.intp]] = meets_pixel(spec).sum(axis=0)
    return counts


def why_not_pooled(spec: ConvSpec) -> str | None:
    """Why pooling is not defined there; None if it is.

    >>> why_not_pooled(ConvSpec.parse("n1c1h2w2_f1kh2kw2_pt2"))
    'pooling needs a pixel in every window, and 1 of 3 see padding alone'
    """
    empty = int((pixels_in_windows(spec) == 0).sum())
    if not empty:
        return None
    return f"pooling needs a pixel in every window, and {empty} of {spec.positions} see padding alone"


def _along(kernel: int, dilation: int, output: int, stride: int, before: int, size: int) -> _Mask:
    """(K, O) of one axis."""
    place = np.arange(kernel)[:, None] * dilation + np.arange(output)[None, :] * stride - before
    return (place >= 0) & (place < size)
