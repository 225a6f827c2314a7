"""Images given as (H, W, C, N), as MATLAB and some NumPy code have them: a thin conversion at the door of a layer.

>>> import numpy as np
>>> from_hwcn(np.zeros((5, 6, 3, 2))).shape, filters_from_hwcf(np.zeros((3, 2, 7, 4))).shape
((2, 3, 5, 6), (4, 7, 3, 2))
"""

from __future__ import annotations

import numpy as np

from harness.contract.protocol import Array
from harness.geometry.spec import Shape
from harness.nn.errors import NetworkError
from harness.nn.layers import Back, Layer
from harness.nn.ops import Ops


def from_hwcn(images: Array) -> Array:
    """(H, W, C, N) -> (N, C, H, W), in C order."""
    return np.ascontiguousarray(_four(images, "(H, W, C, N)").transpose(3, 2, 0, 1))


def to_hwcn(images: Array) -> Array:
    """(N, C, H, W) -> (H, W, C, N), in C order."""
    return np.ascontiguousarray(_four(images, "(N, C, H, W)").transpose(2, 3, 1, 0))


def filters_from_hwcf(w: Array) -> Array:
    """(KH, KW, C, F) -> (F, C, KH, KW), in C order: the same change of axes as for images."""
    return from_hwcn(w)


def filters_to_hwcf(w: Array) -> Array:
    """(F, C, KH, KW) -> (KH, KW, C, F), in C order."""
    return to_hwcn(w)


class ImagesLast(Layer):
    """A layer whose input, output and their gradients are (H, W, C, N); its parameters stay (F, C, KH, KW)."""

    def __init__(self, layer: Layer) -> None:
        super().__init__()
        self._layer = layer
        self.parameters = layer.parameters  # the same dict: an update is seen by both

    @property
    def name(self) -> str:
        """That of the layer within."""
        return self._layer.name

    def forward(self, ops: Ops, x: Array) -> tuple[Array, Back]:
        """See `Layer`; x (H, W, C, N)."""
        y, back = self._layer.forward(ops, from_hwcn(x))
        return to_hwcn(y), Back(
            lambda dy: to_hwcn(back.input_grad(from_hwcn(dy))), lambda dy: back.parameter_grads(from_hwcn(dy))
        )

    def output_shape(self, shape: Shape) -> Shape:
        """(H, W, C) -> (OH, OW, F)."""
        if len(shape) != 3:
            raise NetworkError(f"an image must have shape (H, W, C), got {shape}")
        f, oh, ow = self._layer.output_shape((shape[2], *shape[:2]))
        return oh, ow, f


def _four(images: Array, form: str) -> Array:
    if images.ndim != 4:
        raise NetworkError(f"images must have shape {form}, got {images.shape}")
    return images
