"""Pooling: the largest or the mean of every window, and where their gradients go."""
