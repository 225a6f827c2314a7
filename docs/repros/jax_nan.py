"""JAX on the CPU: a NaN in the slopes of one group reaches the weight gradient of the other groups.

Exits with 1 where that shows.
"""

import sys

import jax
import numpy as np
from jax import lax

x, dy = np.ones((2, 6, 5, 4), np.float32), np.ones((2, 9, 4, 2), np.float32)
dy[1, 4, 2, 1] = np.nan  # of filter 4, in the second group of three


def forward(w):
    return lax.conv_general_dilated(x, w, (1, 1), "VALID", feature_group_count=3)


(dw,) = jax.linear_transpose(forward, jax.ShapeDtypeStruct((9, 2, 2, 3), np.float32))(dy)
reached = np.unique(np.argwhere(np.isnan(dw))[:, 0]).tolist()
print("JAX", jax.__version__)
print(f"filter 4 alone reads a NaN; NaN are the gradients of {reached}")
sys.exit(reached != [4])
