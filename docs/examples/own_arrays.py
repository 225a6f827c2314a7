"""Arrays of its own, here torch tensors: three functions say how data comes in, goes out, and is waited for.

    harness check docs/examples/own_arrays.py

Every op gets tensors and returns tensors. The conversions are outside of the clock.
"""

import numpy as np
import torch
from torch.nn import functional


def from_numpy(a):
    """The array may have any strides and may be read-only; torch wants neither, so it is copied."""
    return torch.from_numpy(np.array(a, order="C"))


def to_numpy(a):
    return a.numpy()


def synchronize(a):
    """Return when `a` is computed. On the CPU it always is; on a GPU: torch.cuda.synchronize()."""


def im2col(x, spec):
    top, bottom, left, right = spec.padding  # torch itself takes symmetric padding only
    padded = functional.pad(x, (left, right, top, bottom))
    return functional.unfold(padded, spec.kernel_size, spec.dilation, 0, spec.stride).reshape(spec.columns_shape)


def col2im(columns, spec):
    (top, _, left, _), (h, w) = spec.padding, spec.input_size
    padded = functional.fold(columns, spec.padded_size, spec.kernel_size, spec.dilation, 0, spec.stride)
    return padded[:, :, top : top + h, left : left + w].contiguous()
