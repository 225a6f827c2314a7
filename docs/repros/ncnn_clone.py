"""ncnn: `Mat(array).clone()` reads beyond the array, up to the next 16 bytes, where this process has no memory.

Exits with 1 where that shows.
"""

import ctypes
import mmap
import os
import sys

import ncnn
import numpy as np

PAGE = mmap.PAGESIZE


def before_a_guard(shape):
    """Zeros that end where the process has no memory any more."""
    size = 4 * int(np.prod(shape))
    memory = mmap.mmap(-1, 2 * PAGE)
    a = np.frombuffer(memory, np.float32, size // 4, PAGE - size).reshape(shape)
    first = a.ctypes.data + size - PAGE
    assert not ctypes.CDLL(None).mprotect(ctypes.c_void_p(first + PAGE), PAGE, 0)
    return a


print("ncnn", ncnn.__version__, flush=True)
wrong = False
for shape in ((4, 4), (3, 3), (9, 33)):
    child = os.fork()
    if not child:
        array = before_a_guard(shape)  # which has to live on: a Mat does not keep it
        ncnn.Mat(array).clone()
        os._exit(0)
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    wrong |= code != 0
    print(f"a Mat of {shape}, cloned: " + (f"ended by signal {-code}" if code else "as it should be"))
sys.exit(wrong)
