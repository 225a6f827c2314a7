"""The backends that ship with the harness: a table of strings, so that looking at it imports none of them."""

BUILTIN = {
    "naive_loops": "backends.naive_loops",
    "numpy_fancy": "backends.numpy_fancy",
    "matlab_loop": "backends.matlab_loop",
    "octave_loop": "backends.octave_loop:octave_loop",
    "numba_loops": "backends.numba_loops",
    "numba_tiled": "backends.numba_tiled",
    "numba_winograd": "backends.numba_tiled.winograd",
    "cupy_kernels": "backends.cupy_kernels:cupy_kernels",
    "cupy_chunked": "backends.cupy_kernels:cupy_chunked",
    "cupy_implicit": "backends.cupy_kernels:cupy_implicit",
    "cupy_implicit_tf32": "backends.cupy_kernels:cupy_implicit_tf32",
    "triton_columns": "backends.triton_columns:on_this_machine",
    "torch_native": "backends.torch_native:cpu",
    "torch_native_cuda": "backends.torch_native:cuda",
    "torch_native_cuda_tf32": "backends.torch_native:cuda_tf32",
}
