"""More members of a narrow domain: one or two steps of one parameter from those that are known."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from conformance.domain.pool import SIZES, Draw, is_small, reads_the_image
from harness.geometry.spec import ConvSpec, SpecError

_TRIES = 12  # for each member that is wanted
_VALUES = (0, 1, 1, 2, 2, 3, 4, 5, 6, 7)  # or any of the larger ones


def _in_groups(spec: ConvSpec, groups: int) -> ConvSpec:
    """As many channels and filters a group, in another number of groups."""
    inputs, outputs = spec.in_channels // spec.groups, spec.out_channels // spec.groups
    return replace(spec, in_channels=inputs * groups, out_channels=outputs * groups, groups=groups)


# How a parameter, or several that a part may link, is given another value.
_STEPS: tuple[Callable[[ConvSpec, int], ConvSpec], ...] = (
    lambda s, v: replace(s, batch=v),
    lambda s, v: replace(s, in_channels=v * s.groups),
    lambda s, v: replace(s, out_channels=v * s.groups),
    lambda s, v: replace(s, in_channels=v, out_channels=v, groups=v),
    _in_groups,
    lambda s, v: replace(s, input_size=(v, v)),
    lambda s, v: replace(s, input_size=(v, s.input_size[1])),
    lambda s, v: replace(s, input_size=(s.input_size[0], v)),
    lambda s, v: replace(s, kernel_size=(v, v)),
    lambda s, v: replace(s, kernel_size=(v, s.kernel_size[1])),
    lambda s, v: replace(s, kernel_size=(s.kernel_size[0], v)),
    lambda s, v: replace(s, stride=(v, v)),
    lambda s, v: replace(s, stride=(v, s.stride[1])),
    lambda s, v: replace(s, stride=(s.stride[0], v)),
    lambda s, v: replace(s, dilation=(v, v)),
    lambda s, v: replace(s, dilation=(v, s.dilation[1])),
    lambda s, v: replace(s, dilation=(s.dilation[0], v)),
    lambda s, v: replace(s, padding=(v, v, v, v)),
    lambda s, v: replace(s, padding=(v, v, *s.padding[2:])),
    lambda s, v: replace(s, padding=(*s.padding[:2], v, v)),
    lambda s, v: replace(s, padding=(v, *s.padding[1:])),
    lambda s, v: replace(s, padding=(*s.padding[:3], v)),
)  # fmt: skip


def grow(claimed: Sequence[ConvSpec], claims: Callable[[ConvSpec], bool], enough: int) -> list[ConvSpec]:
    """The claimed ones and others that are claimed too, `enough` if they are found; nothing is computed, only asked."""
    draw, found, tried = Draw(5), list(claimed), set(claimed)
    for _ in range(_TRIES * enough):
        if not found or len(found) >= enough:
            break
        spec = draw.one_of(found)
        for _ in range(draw.one_of((1, 1, 2))):
            spec = _stepped(spec, draw) or spec
        if spec not in tried:
            tried.add(spec)
            if spec.batch and is_small(spec) and reads_the_image(spec) and claims(spec):
                found.append(spec)
    return found


def _stepped(spec: ConvSpec, draw: Draw) -> ConvSpec | None:
    try:
        return draw.one_of(_STEPS)(spec, draw.one_of(_VALUES if draw.random() < 0.7 else SIZES))
    except SpecError:
        return None
