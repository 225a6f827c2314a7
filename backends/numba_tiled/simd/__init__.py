"""A SIMD vector as a Numba type, so that kernels are Python loops over `load`, `fma` and `store`."""
