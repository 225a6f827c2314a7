"""What public articles claim of speed-ups: once as they say it, whatever it is held against."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Published:
    """A claim: `slow` takes `factor` times as long as `fast`, backends of the same kind as those of the article."""

    text: str
    source: str
    slow: str
    fast: str
    factor: float


_BOOK, _NETWORK = "Leonardo Araujo dos Santos, Artificial Intelligence (book)", "3outeille, CNNumpy"
MATRIX_OVER_LOOPS = Published(
    "convolution as im2col and a matrix product: 200x or more over loops", _BOOK, "naive_loops", "numpy_fancy", 200
)
NUMPY_OVER_LOOPS = Published(
    "the fast NumPy network over the naive one: 40x (an epoch: 4 h, 6 min)", _NETWORK, "naive_loops", "numpy_fancy", 40
)
TORCH_OVER_NUMPY = Published(
    "the torch network over the fast NumPy one: 6x (an epoch: 6 min, 1 min)", _NETWORK, "numpy_fancy", "torch_native", 6
)
