"""Other libraries as witnesses: each op computed by torch, JAX, SciPy and ONNX Runtime, imported when asked."""
