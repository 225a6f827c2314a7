"""The right implementation, and the one way to alter it."""
