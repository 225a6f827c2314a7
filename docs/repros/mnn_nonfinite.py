"""MNN: conv2d of a window that holds Inf or NaN is 3.4e38, which is finite. Exits with 1 where that shows."""

import sys
from importlib.metadata import version

import MNN.expr
import numpy as np


def constant(a):
    return MNN.expr.const(np.ascontiguousarray(a), list(a.shape), MNN.expr.NCHW)


print("MNN", version("MNN"))
found = []
for value in (np.inf, np.nan):
    x, w = np.zeros((1, 1, 2, 2), np.float32), np.ones((1, 1, 2, 2), np.float32)
    x[0, 0, 0, 0] = value
    image = MNN.expr.convert(constant(x), MNN.expr.NC4HW4)
    y = MNN.expr.conv2d(image, constant(w), constant(np.zeros(1, np.float32)))
    found.append(np.array(MNN.expr.convert(y, MNN.expr.NCHW).read()).item())
    print(f"a window with {value} gives {found[-1]:.3g}")
sys.exit(bool(np.isfinite(found).any()))
