"""MNN: conv2d with groups is wrong, unless a group has one channel and one filter. Exits with 1 where that shows."""

import sys
from importlib.metadata import version

import MNN.expr
import numpy as np


def constant(a):
    return MNN.expr.const(np.ascontiguousarray(a), list(a.shape), MNN.expr.NCHW)


def conv2d(x, w, groups):
    bias = constant(np.zeros(len(w), np.float32))
    image = MNN.expr.convert(constant(x), MNN.expr.NC4HW4)
    y = MNN.expr.conv2d(image, constant(w), bias, group=groups, padding_mode=MNN.expr.Padding_Mode.CAFFE)
    return np.array(MNN.expr.convert(y, MNN.expr.NCHW).read())


print("MNN", version("MNN"))
rng, some_are_wrong = np.random.default_rng(0), False
for channels, filters, groups in ((6, 9, 1), (6, 9, 3), (4, 8, 2), (16, 16, 4), (5, 5, 5)):
    x = rng.integers(-3, 4, (2, channels, 6, 6)).astype(np.float32)
    w = rng.integers(-3, 4, (filters, channels // groups, 3, 3)).astype(np.float32)
    windows = np.lib.stride_tricks.sliding_window_view(x, (3, 3), axis=(2, 3))
    windows = windows.reshape(2, groups, channels // groups, 4, 4, 3, 3)
    right = np.einsum("ngcpquv,gfcuv->ngfpq", windows, w.reshape(groups, filters // groups, *w.shape[1:]))
    wrong = (conv2d(x, w, groups) != right.reshape(2, filters, 4, 4)).sum()
    some_are_wrong |= bool(wrong)
    print(f"{channels} channels, {filters} filters, {groups} groups: {wrong} of {right.size} elements are wrong")
sys.exit(some_are_wrong)
