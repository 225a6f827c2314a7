"""The rules of a geometry: which numbers are a convolution, and how many elements an index can count."""

from __future__ import annotations

import math

from harness.geometry.numbers import LIMIT, SpecError, integer, integers
from harness.geometry.sizes import Sizes


def normalise(spec: Sizes) -> None:
    """Plain ints and tuples only, in place, so that equal specs hash and print alike. Raises `SpecError`."""
    for name in ("batch", "in_channels", "out_channels", "groups"):
        object.__setattr__(spec, name, integer(name, getattr(spec, name)))
    for name in ("input_size", "kernel_size", "stride", "dilation"):
        object.__setattr__(spec, name, integers(name, getattr(spec, name), 2))
    object.__setattr__(spec, "padding", integers("padding", spec.padding, 4))


def require_convolution(spec: Sizes) -> None:
    """Every extent at least 1, no negative padding, divisible channels, a kernel that fits. Raises `SpecError`."""
    if spec.batch < 0:
        raise SpecError(f"batch must be at least 0, got {spec.batch}")
    for name in ("in_channels", "input_size", "out_channels", "kernel_size", "stride", "dilation", "groups"):
        value = getattr(spec, name)
        if min(value if isinstance(value, tuple) else (value,)) < 1:
            raise SpecError(f"{name} must be at least 1, got {value}")
    if min(spec.padding) < 0:
        raise SpecError(f"padding must be at least 0, got {spec.padding}")
    for name in ("in_channels", "out_channels"):
        if getattr(spec, name) % spec.groups:
            raise SpecError(f"{name} must be divisible by groups: {getattr(spec, name)} % {spec.groups} is not 0")
    for axis, reach, padded in zip(("height", "width"), spec.reach, spec.padded_size, strict=True):
        if reach > padded:
            raise SpecError(f"the dilated kernel must fit the padded input: {axis} {reach} > {padded}")


def require_countable(spec: Sizes) -> None:
    """Every array, and the multiply-adds, can be counted with 63 bits. Raises `SpecError`."""
    counts = {
        "x": math.prod(spec.x_shape), "w": math.prod(spec.w_shape), "columns": math.prod(spec.columns_shape),
        "y": math.prod(spec.y_shape), "multiply-adds": spec.macs,
        "padded x": spec.in_channels * math.prod(spec.padded_size),
    }  # fmt: skip
    for name, count in counts.items():
        if count >= LIMIT:
            raise SpecError(f"the number of elements must be below 2^63: {name} has {count}")
