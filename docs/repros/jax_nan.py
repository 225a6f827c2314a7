"""JAX 0.10 on the CPU: a NaN reaches results that do not read it, in patches and in the weight gradient of groups."""

import jax
import numpy as np
from jax import lax

x = np.zeros((1, 2, 5, 5), np.float32)
x[0, 0, 2, 2] = np.nan
patches = lax.conv_general_dilated_patches(x, (3, 3), (1, 1), "VALID")
print("JAX", jax.__version__)
print(f"one NaN pixel is in 9 windows; of the patches {int(np.isnan(patches).sum())} are NaN")

x, dy = np.ones((2, 6, 5, 4), np.float32), np.ones((2, 9, 4, 2), np.float32)
dy[1, 4, 2, 1] = np.nan  # of filter 4, in the second group of three
weights = jax.ShapeDtypeStruct((9, 2, 2, 3), np.float32)


def forward(w):
    return lax.conv_general_dilated(x, w, (1, 1), "VALID", feature_group_count=3)


(dw,) = jax.linear_transpose(forward, weights)(dy)
print(f"filter 4 alone reads a NaN; NaN are the gradients of {np.unique(np.argwhere(np.isnan(dw))[:, 0]).tolist()}")
