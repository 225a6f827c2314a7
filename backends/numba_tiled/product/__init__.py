"""The matrix product of a convolution, over padded planes instead of columns: the register tile and all around it."""
