"""tinygrad on the CPU: a weight gradient that is 0, as no window reads the image, holds what was in memory before.

Exits with 1 where that shows.
"""

import os
import sys
from importlib.metadata import version

os.environ["DEV"] = "CPU"

import numpy as np
from tinygrad import Tensor

print("tinygrad", version("tinygrad"))
wrong = False
for number in (7, 8):
    before = [Tensor(np.full((1, 1, size, size), number, np.float32)).realize() for size in (1, 2, 3, 4)]
    del before  # buffers full of that number are free again
    # One pixel, padded by 8 on each side, in the middle of 17: windows of two, five apart, begin at 0, 5, 10 and 15.
    x, w = Tensor(np.ones((1, 1, 1, 1), np.float32)).realize(), Tensor.zeros(1, 1, 2, 2).contiguous()
    y = x.conv2d(w, stride=5, padding=8)
    dy = Tensor(np.ones((1, 1, 4, 4), np.float32)).realize()
    gradient = y.gradient(w, gradient=dy)[0].numpy().ravel()
    wrong |= bool(gradient.any())
    print(f"after tensors full of {number}, the gradient is {gradient}")
sys.exit(wrong)
