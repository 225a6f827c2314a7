"""A SIMD vector as a Numba type: kernels are Python loops over `load`, `fma`, `store`, and compile to wide instructions."""
