"""OpenVINO: conv2d of an image one pixel wide, padded by more than the kernel, reads what is no part of it.

Not on every processor. Exits with 1 where it shows.
"""

import sys

import numpy as np
import openvino
from openvino import opset8 as ops

x = np.full((1, 1, 8, 1), 5, np.float32)
w = np.ones((1, 1, 3, 3), np.float32)
image, kernel = ops.parameter(x.shape, np.float32), ops.parameter(w.shape, np.float32)
y = ops.convolution(image, kernel, strides=(1, 1), pads_begin=(2, 12), pads_end=(0, 0), dilations=(1, 1))
options = {"INFERENCE_PRECISION_HINT": "f32", "INFERENCE_NUM_THREADS": 1}
model = openvino.Core().compile_model(openvino.Model([y], [image, kernel]), "CPU", options)
got = model([x, w])[0]

windows = np.lib.stride_tricks.sliding_window_view(np.pad(x, ((0, 0), (0, 0), (2, 0), (12, 0))), (3, 3), axis=(2, 3))
right = np.einsum("ncpquv,fcuv->nfpq", windows, w)
print("OpenVINO", openvino.__version__)
print(f"{(got != right).sum()} of {right.size} elements are wrong")
print("the first row is", got[0, 0, 0], "and should be", right[0, 0, 0])
sys.exit(bool((got != right).any()))
