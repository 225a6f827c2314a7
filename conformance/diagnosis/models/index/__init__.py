"""Mistakes in the formula of the index, row = window * stride + tap * dilation - padding, axis by axis."""
