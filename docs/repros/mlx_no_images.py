"""MLX on the CPU: the weight gradient of no images raises; with groups it divides by 0, which ends the process.

Exits with 1 where that shows.
"""

import os
import sys

import mlx.core as mx
import numpy as np

mx.set_default_device(mx.cpu)
print("MLX", mx.__version__, flush=True)


def weight_gradient(groups):
    def forward(w):
        return mx.conv_general(mx.zeros((0, 5, 5, 4)), w, groups=groups)

    _, (dw,) = mx.vjp(forward, [mx.zeros((4, 3, 3, 4 // groups))], [mx.zeros((0, 3, 3, 4))])
    return np.array(dw)


wrong = False
for groups in (1, 2):
    child = os.fork()
    if not child:
        try:
            print(f"{groups} groups: a gradient of {weight_gradient(groups).shape}", flush=True)
        except Exception as error:
            print(f"{groups} groups: {error}", flush=True)
            os._exit(1)
        os._exit(0)
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    if code < 0:
        print(f"{groups} groups: ended by signal {-code}")
    wrong |= code != 0
sys.exit(wrong)
