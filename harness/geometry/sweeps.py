"""Layers along one axis of a geometry, all else kept: where a method begins to pay shows in a row of these."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import NamedTuple

from harness.geometry.shape_files.found import Layer, ShapesError
from harness.geometry.spec import ConvSpec, SpecError
from harness.telling import did_you_mean

PREFIX = "sweep:"
BASE = "n1c64h56w56_f64kh3kw3_pt1pb1pl1pr1"  # a 3 x 3 layer of ResNet-50


def read(text: str, known: Callable[[], Iterable[Layer]]) -> list[Layer]:
    """The layers of `sweep:AXIS`, `sweep:AXIS:SPEC` or `sweep:AXIS:LAYER`, where `known` has the layers with a name.

    What the axis has in the base is among its values; those that make no geometry are left out. Raises `ShapesError`.

    >>> [layer.name for layer in read("sweep:H", list)]
    ['sweep:H=7', 'sweep:H=14', 'sweep:H=28', 'sweep:H=56', 'sweep:H=112', 'sweep:H=224']
    """
    axis, colon, base = text.removeprefix(PREFIX).partition(":")
    if axis not in _AXES:
        raise ShapesError(f"the axis of {text!r} must be among {', '.join(_AXES)}, got {axis!r}")
    spec = _base(text, base if colon else BASE, known)
    values, own, changed = _AXES[axis]
    found: dict[ConvSpec, Layer] = {}
    for value in sorted({*values, own(spec)}):
        try:
            made = spec if value == own(spec) else changed(spec, value)
        except SpecError:
            continue
        found.setdefault(made, Layer(f"{PREFIX}{axis}={value}", made))
    return list(found.values())


class Place(NamedTuple):
    """Where a layer lies in a sweep: the axis, its value, and the geometry that all layers of the sweep share."""

    axis: str
    value: int
    shared: str


def place(name: str, spec: ConvSpec) -> Place | None:
    """Where a measured layer lies, by its name (` = ` between the names of one geometry); None if in no sweep.

    >>> a, b = read("sweep:H", list)[:2]
    >>> place(a.name, a.spec).value, place(a.name, a.spec).shared == place(b.name, b.spec).shared
    (7, True)
    """
    for part in name.split(" = "):
        axis, _, value = part.removeprefix(PREFIX).partition("=")
        if part.startswith(PREFIX) and axis in _AXES and value.isdigit():
            values, own, changed = _AXES[axis]
            if own(spec) == int(value):
                return Place(axis, int(value), _shared(spec, values, changed))
    return None


def _shared(spec: ConvSpec, values: list[int], changed: Callable[[ConvSpec, int], ConvSpec]) -> str:
    """The geometry at the first value of the axis that makes one."""
    for value in values:
        try:
            return str(changed(spec, value))
        except SpecError:
            continue
    return ""


def _base(text: str, base: str, known: Callable[[], Iterable[Layer]]) -> ConvSpec:
    """The geometry that is varied."""
    layers = {layer.name: layer.spec for layer in known()}
    if base in layers:
        return layers[base]
    try:
        return ConvSpec.parse(base)
    except SpecError as error:
        if ":" in base or not base:
            hint = did_you_mean(base, layers)
            raise ShapesError(f"{text!r} needs a spec or a layer that ships, got {base!r}{hint}") from None
        raise ShapesError(f"{text!r}: {error}") from None


def _channels(spec: ConvSpec, value: int) -> ConvSpec:
    """So many input channels; a depthwise layer stays one, with as many filters for each."""
    if spec.groups == spec.in_channels > 1:
        return replace(spec, in_channels=value, groups=value, out_channels=value * spec.out_channels // spec.groups)
    return replace(spec, in_channels=value)


def _kernel(spec: ConvSpec, value: int) -> ConvSpec:
    """A square kernel, padded so that the output keeps the size of the input."""
    pads = tuple(value // 2 * d for d in (spec.dilation[0],) * 2 + (spec.dilation[1],) * 2)
    return replace(spec, kernel_size=(value, value), padding=(pads[0], pads[1], pads[2], pads[3]))


_Axis = tuple[list[int], Callable[[ConvSpec], int], Callable[[ConvSpec, int], ConvSpec]]  # values, its own, changed
_AXES: dict[str, _Axis] = {
    "N": ([2**i for i in range(6)], lambda s: s.batch, lambda s, value: replace(s, batch=value)),
    "C": ([2**i for i in range(10)], lambda s: s.in_channels, _channels),
    "F": ([2**i for i in range(10)], lambda s: s.out_channels, lambda s, value: replace(s, out_channels=value)),
    "H": ([7 * 2**i for i in range(6)], lambda s: s.input_size[0], lambda s, v: replace(s, input_size=(v, v))),
    "K": ([1, 3, 5, 7, 9, 11], lambda s: s.kernel_size[0], _kernel),
}
