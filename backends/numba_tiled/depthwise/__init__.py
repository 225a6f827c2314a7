"""Convolutions with one channel a group: nothing to reuse but the plane itself, so no matrix product."""
