"""Mistakes that may change the shape of the result: a misread geometry, a wrong output size, a wrong crop."""
