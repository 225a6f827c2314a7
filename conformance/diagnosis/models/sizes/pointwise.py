"""The shortcut of a 1 x 1 kernel, which needs no columns, where it does not hold: the image itself stands for them."""

from __future__ import annotations

import numpy as np

from conformance.diagnosis.models.model import Given, Model
from harness.contract.protocol import Array

_MEND = "the image itself holds the columns only if the kernel is 1 x 1 in both axes, with stride 1 and no padding"


def _image_for_columns(given: Given) -> Array:
    """(N, C, H*W)."""
    x = given.arrays[0]
    assert x is not None
    n, c, h, w = x.shape
    return x.reshape(n, c, h * w)


def _first_tap_alone(given: Given) -> Array:
    """(N, F, H, W)."""
    x, w, bias = given.arrays
    assert x is not None
    assert w is not None
    spec = given.spec
    n, g, pixels = spec.batch, spec.groups, spec.input_size[0] * spec.input_size[1]
    taps = w[:, :, 0, 0].reshape(g, spec.out_channels // g, spec.in_channels // g)
    y = taps @ x.reshape(n, g, spec.in_channels // g, pixels)
    y = y.reshape(n, spec.out_channels, *spec.input_size)
    return np.asarray(y if bias is None else y + bias[:, None, None])


MODELS: tuple[Model, ...] = (
    Model(
        "pointwise/image for columns", "returns the image itself, (N, C, H*W), as for a 1 x 1 kernel", _MEND,
        ("im2col",), _image_for_columns, 1.2, "im2col-1x1-shortcut-checks-one-axis",
    ),
    Model(
        "pointwise/first tap alone", "takes each kernel for 1 x 1: it multiplies the image by the first tap alone",
        _MEND, ("conv2d",), _first_tap_alone, 1.2, "im2col-1x1-shortcut-checks-one-axis",
    ),
)  # fmt: skip
