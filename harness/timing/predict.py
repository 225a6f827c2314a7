"""Predicts how long a call will take, from calls on smaller geometries of the same kind.

Small calls are mostly overhead, so the probe grows until its own time can be trusted: a call predicted to be too long
is believed only when the probe it was predicted from was itself long.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from harness.geometry.spec import ConvSpec, Op

_FIRST_PROBE = 20_000  # steps of work: milliseconds in plain Python
_GROWTH = 8
_TRUSTED = 0.05  # seconds; beyond this, overhead is a small part of a probe


def predict(op: Op, spec: ConvSpec, time_call: Callable[[ConvSpec], float], budget: float) -> float:
    """Seconds that one call of `op` on `spec` will take, within a factor or so; exact enough to compare with `budget`.

    `time_call` runs the op on a geometry (twice, if the first call compiles) and returns the seconds of the last.
    """
    work = _FIRST_PROBE
    while True:
        probe = shrink(op, spec, work)
        measured = time_call(probe)
        predicted = measured * spec.work(op) / max(probe.work(op), 1)
        if predicted <= budget or measured >= _TRUSTED or probe == spec:
            return predicted
        work *= _GROWTH


def shrink(op: Op, spec: ConvSpec, work: int) -> ConvSpec:
    """A geometry of the same kernel, stride, dilation and padding with at most about `work` steps.

    Halves, in turn, images, then filters and channels (or groups), then window positions, until it fits.
    """
    small = spec
    while small.work(op) > work:
        smaller = _halve(small)
        if smaller is None:
            return small
        small = smaller
    return small


def _halve(spec: ConvSpec) -> ConvSpec | None:
    channels, filters = spec.in_channels // spec.groups, spec.out_channels // spec.groups
    if spec.batch > 1:
        return replace(spec, batch=spec.batch // 2)
    if spec.groups > 1:
        groups = spec.groups // 2
        return replace(spec, groups=groups, in_channels=channels * groups, out_channels=filters * groups)
    if max(channels, filters) > 8:
        return replace(spec, in_channels=max(channels // 2, 1), out_channels=max(filters // 2, 1))
    return _fewer_positions(spec)


def _fewer_positions(spec: ConvSpec) -> ConvSpec | None:
    """Half the output along the longer axis, by a smaller input."""
    oh, ow = spec.output_size
    axis = 0 if oh >= ow else 1
    wanted = max(oh, ow) // 2
    if wanted < 1:
        return None
    pads = sum(spec.padding[2 * axis : 2 * axis + 2])
    size = list(spec.input_size)
    size[axis] = max((wanted - 1) * spec.stride[axis] + spec.reach[axis] - pads, 1)
    smaller = replace(spec, input_size=(size[0], size[1]))
    return smaller if smaller.work("im2col") < spec.work("im2col") else None
