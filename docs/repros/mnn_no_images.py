"""MNN: the result of a conv2d of no images cannot be read. Exits with 1 where that shows."""

import sys
from importlib.metadata import version

import MNN.expr
import numpy as np


def constant(a):
    return MNN.expr.const(np.ascontiguousarray(a), list(a.shape), MNN.expr.NCHW)


print("MNN", version("MNN"))
x, w, b = (np.zeros(shape, np.float32) for shape in ((0, 4, 5, 5), (4, 4, 3, 3), (4,)))
y = MNN.expr.conv2d(MNN.expr.convert(constant(x), MNN.expr.NC4HW4), constant(w), constant(b))
try:
    print("no images give", np.array(MNN.expr.convert(y, MNN.expr.NCHW).read()).shape)
except SystemError as error:
    print("no images:", error)
    sys.exit(1)
