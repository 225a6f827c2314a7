"""What a backend gives that reads the geometry wrongly: a stride swapped, a padding ignored, one image of several.

A misread geometry has other shapes than the right one; its arrays are cut, or filled with zeros, to what was given.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import TypeVar

import numpy as np

from conformance.diagnosis.where import opened
from harness.contract.protocol import Array
from harness.geometry.spec import ConvSpec, Op, Shape, SpecError
from harness.oracle import by_taps

_Numbers = TypeVar("_Numbers", bound=tuple[int, ...])


@dataclass(frozen=True, slots=True, kw_only=True)
class Misreading:
    """The fields of a geometry that may be read wrongly, as they are read, and in words what is wrong with them."""

    when: str
    batch: int
    stride: tuple[int, int]
    padding: tuple[int, int, int, int]
    dilation: tuple[int, int]
    groups: int

    def read(self, spec: ConvSpec, padding: tuple[int, int, int, int]) -> ConvSpec:
        """The geometry as it is read, with this padding. Raises `SpecError` where that is no convolution."""
        return replace(
            spec, batch=self.batch, stride=self.stride, padding=padding, dilation=self.dilation, groups=self.groups
        )


def misreadings(spec: ConvSpec) -> Iterator[Misreading]:
    """Every way to misread the geometry that we know; each other value once, under the first of its names."""
    right = Misreading(
        when="", batch=spec.batch, stride=spec.stride, padding=spec.padding, dilation=spec.dilation, groups=spec.groups
    )
    for when, pair in _of_two_axes("stride", spec.stride):
        yield replace(right, when=when, stride=pair)
    for when, pair in _of_two_axes("dilation", spec.dilation):
        yield replace(right, when=when, dilation=pair)
    for when, padding in _of_padding(spec.padding):
        yield replace(right, when=when, padding=padding)
    if spec.groups > 1:
        yield replace(right, when="the groups are ignored, so that every filter reads the first channels", groups=1)
    if spec.batch > 1:
        yield replace(right, when="only the first image is computed", batch=1)


def results(misread: Misreading, op: Op, spec: ConvSpec, arrays: Sequence[Array | None]) -> Iterator[Array]:
    """What the op gives on the geometry as it is read: with the shape that follows, and fitted to the right shape."""
    for other in _geometries(misread, spec):
        for by_axes in (True, False):
            shapes = zip(arrays, other.input_shapes(op), strict=True)
            given = (None if a is None else fitted(a, other, spec, shape, by_axes) for a, shape in shapes)
            made = by_taps.run(op, other, *given)
            yield made
            yield fitted(made, spec, other, spec.output_shape(op), by_axes)


def fitted(a: Array, to: ConvSpec, of: ConvSpec, shape: Shape, by_axes: bool = True) -> Array:
    """`a`, of the geometry `of`, cut or filled with zeros to `shape`, of the geometry `to`.

    `by_axes` cuts columns along each of their six axes; else along the three that they have in memory.
    """
    was, now = (opened(of, a.shape), opened(to, shape)) if by_axes else (a.shape, shape)
    result = np.zeros(now, a.dtype)
    common = tuple(slice(0, min(m, n)) for m, n in zip(was, now, strict=True))
    result[common] = a.reshape(was)[common]
    return result.reshape(shape)


def _geometries(misread: Misreading, spec: ConvSpec) -> Iterator[ConvSpec]:
    """As it is read, and the same with zeros after the image so that all of the right positions exist."""
    with suppress(SpecError):
        yield misread.read(spec, misread.padding)
    (sh, sw), (dh, dw), (t, b, l, r) = misread.stride, misread.dilation, misread.padding
    (oh, ow), (kh, kw), (h, w) = spec.output_size, spec.kernel_size, spec.input_size
    bottom, right = (oh - 1) * sh + (kh - 1) * dh + 1 - h - t, (ow - 1) * sw + (kw - 1) * dw + 1 - w - l
    yield misread.read(spec, (t, max(b, bottom), l, max(r, right)))


def _of_two_axes(name: str, right: tuple[int, int]) -> Iterator[tuple[str, tuple[int, int]]]:
    """Stride or dilation."""
    high, wide = right
    ways = {
        f"the two axes of the {name} are swapped": (wide, high),
        f"the {name} is ignored": (1, 1),
        f"the {name} of the height is used for the width too": (high, high),
        f"the {name} of the width is used for the height too": (wide, wide),
    }
    return _different(right, ways)


def _of_padding(right: tuple[int, int, int, int]) -> Iterator[tuple[str, tuple[int, int, int, int]]]:
    t, b, l, r = right
    ways = {
        "the padding is ignored": (0, 0, 0, 0),
        "the paddings before and after the image are swapped": (b, t, r, l),
        "the paddings of height and width are swapped": (l, r, t, b),
        "the padding before the image is used after it too": (t, t, l, l),
        "the padding after the image is used before it too": (b, b, r, r),
        "the padding is read as (top, left, bottom, right)": (t, l, b, r),
        "the padding of the height is used for the width too": (t, b, t, b),
        "the padding has one row too many at the top": (t + 1, b, l, r),
        "the padding has one row too few at the top": (t - 1, b, l, r),
        "the padding has one column too many on the left": (t, b, l + 1, r),
        "the padding has one column too few on the left": (t, b, l - 1, r),
    }
    return _different(right, ways)


def _different(right: _Numbers, ways: Mapping[str, _Numbers]) -> Iterator[tuple[str, _Numbers]]:
    seen = {right}
    for when, value in ways.items():
        if value not in seen and min(value) >= 0:
            yield f"{when}, {value} instead of {right}", value
        seen.add(value)
