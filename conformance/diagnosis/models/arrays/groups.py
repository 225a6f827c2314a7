"""Groups: which channels a filter reads, forward and backward."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import lru_cache, partial

import numpy as np

from conformance.diagnosis.models.arrays.opened import ARGUMENTS, OF_ARGUMENT, Kind, right, run
from conformance.diagnosis.models.model import Given, Model
from harness.contract.protocol import Array
from harness.geometry.spec import ConvSpec, Op

# f (F, 1), j (1, C/G), G, C/G, F/G -> the channel that filter f reads as its j-th; what is none reads nothing.
Reads = Callable[[Array, Array, int, int, int], Array]

# c (C,), G, C/G, F/G -> a group, or a channel of one, for each; what is none reads nothing.
_OfChannel = Callable[[Array, int, int, int], Array]

_OPS: tuple[Op, ...] = ("conv2d", "conv2d_input_grad", "conv2d_weight_grad")


def models() -> Iterator[Model]:
    """All of them."""
    for name, (says, mend, cost, seen, reads) in _READS.items():
        yield Model(f"groups/{name}", says, mend, _OPS, partial(by_channels, reads), cost, seen)
    yield Model(
        id="groups/all groups",
        says="ignores the groups: every filter reaches the channels of all groups, with the same weights in each",
        mend="filter f reads the channels from f // (F // G) * (C // G) on, C // G of them, and no others",
        ops=_OPS,
        gives=_by_all_groups,
        cost=1.2,
        seen="dx-groups-treated-dense",
    )
    yield from _started_by_channels()
    for name, (says, group, local) in _OF_CHANNEL.items():
        yield Model(
            f"groups/group of a channel {name}", says, _CHANNEL_MEND, ("conv2d_input_grad",),
            partial(_by_result, group, local), 1.4,
        )  # fmt: skip


def _started_by_channels() -> Iterator[Model]:
    """Slices of filters that begin at g * (C // G); each holds F // G, or as many as are left."""
    for kinds, ops in _STARTED.items():
        yield Model(
            f"groups/filters start by channels/{' and '.join(kinds)}",
            f"starts the filters of group g at g * (C // G) in {' and '.join(OF_ARGUMENT[kind] for kind in kinds)}",
            "filters of group g start at g * (F // G)",
            ops,
            partial(_started, kinds),
            1.4,
        )


def _started(kinds: tuple[Kind, ...], given: Given) -> Array:
    """What lies beyond the last filter adds nothing."""
    spec, arrays = given.spec, list(given.arrays)
    if spec.groups == 1:
        return right(given)
    f, filters = spec.out_channels, spec.out_channels // spec.groups
    number = np.arange(f)
    wanted = number // filters * (spec.in_channels // spec.groups) + number % filters
    for kind in kinds:
        place, axis = ARGUMENTS[given.op].index(kind), 0 if kind == "kernel" else 1
        a = arrays[place]
        assert a is not None
        there = (wanted < f).reshape([f if other == axis else 1 for other in range(a.ndim)])
        arrays[place] = np.take(a, np.minimum(wanted, f - 1), axis) * there
    return run(Given(given.op, spec, tuple(arrays)))


def _by_result(group: _OfChannel, local: _OfChannel, given: Given) -> Array:
    """The gradient of x where channel c takes the filters of one group, and of these one channel; or nothing."""
    spec = given.spec
    if spec.groups == 1:
        return right(given)
    g, f, c = spec.groups, spec.out_channels, spec.in_channels
    channels, filters = c // g, f // g
    number = np.arange(c)
    groups, locals_ = group(number, g, channels, filters), local(number, g, channels, filters)
    taken = np.take(_kernel(given), np.minimum(locals_, channels - 1), axis=1)
    reads = (np.arange(f)[:, None] // filters == groups) & (locals_ < channels)
    return _dense(given, (given.arrays[0], taken * reads[:, :, None, None], *given.arrays[2:]))


def by_channels(reads: Reads, given: Given, *, alone: bool = False) -> Array:
    """The op where filters read these channels: a dense one, its kernel spread over all channels, or gathered.

    With one group it is right, unless `alone`.
    """
    op, spec, arrays = given
    if spec.groups == 1 and not alone:
        return right(given)
    g, f, c = spec.groups, spec.out_channels, spec.in_channels
    filters = np.arange(f)[:, None]
    read = np.asarray(reads(filters, np.arange(c // g)[None], g, c // g, f // g))
    channel = np.broadcast_to(np.where((read >= 0) & (read < c), read, c), (f, c // g))
    beyond = np.zeros((f, c + 1, *spec.kernel_size))  # with a channel for what reads nothing
    if op == "conv2d_weight_grad":
        beyond[:, :c] = _dense(given, arrays)
        return np.asarray(beyond[filters, channel])
    beyond[filters, channel] = _kernel(given)
    return _dense(given, (arrays[0], beyond[:, :c], *arrays[2:]))


def _by_all_groups(given: Given) -> Array:
    """The sum over all groups, in each of them."""
    spec, arrays = given.spec, given.arrays
    if spec.groups == 1:
        return right(given)
    if given.op == "conv2d_weight_grad":
        f, kernel = spec.out_channels, spec.kernel_size
        return np.asarray(_dense(given, arrays).reshape(f, spec.groups, -1, *kernel).sum(1))
    return _dense(given, (arrays[0], np.tile(_kernel(given), (1, spec.groups, 1, 1)), *arrays[2:]))


def _dense(given: Given, arrays: tuple[Array | None, ...]) -> Array:
    """The right op with one group."""
    return run(Given(given.op, _ungrouped(given.spec), arrays))


@lru_cache(maxsize=512)
def _ungrouped(spec: ConvSpec) -> ConvSpec:
    return replace(spec, groups=1)


def _kernel(given: Given) -> Array:
    w = given.arrays[1]
    assert w is not None
    return w


_CHANNEL_MEND = "channel c is in group c // (C // G), and is its channel c % (C // G)"
_OF_CHANNEL: dict[str, tuple[str, _OfChannel, _OfChannel]] = {
    "by remainder": (
        "takes channel c of its result for channel c % (C // G) of group c % G",
        lambda c, g, channels, filters: c % g,
        lambda c, g, channels, filters: c % channels,
    ),
    "by filters": (
        "finds the group of channel c of its result as c // (F // G)",
        lambda c, g, channels, filters: c // filters,
        lambda c, g, channels, filters: c % channels,
    ),
    "by filters throughout": (
        "finds the group of channel c of its result, and its place in it, with F // G in place of C // G",
        lambda c, g, channels, filters: c // filters,
        lambda c, g, channels, filters: c % filters,
    ),
    "by groups": (
        "finds the group of channel c of its result as c // G",
        lambda c, g, channels, filters: c // g,
        lambda c, g, channels, filters: c % channels,
    ),
}
_STARTED: dict[tuple[Kind, ...], tuple[Op, ...]] = {
    ("kernel",): ("conv2d", "conv2d_input_grad"),
    ("output",): ("conv2d_input_grad", "conv2d_weight_grad"),
    ("output", "kernel"): ("conv2d_input_grad",),
}
_READS: dict[str, tuple[str, str, float, str, Reads]] = {
    "first group for all": (
        "uses the channels of the first group for every group: with one group nothing shows",
        "channels of group g start at g * (C // G)",
        1.2,
        "dx-groups-treated-dense",
        lambda f, j, g, channels, filters: j,
    ),
    "last group for all": (
        "uses the channels of the last group for every group",
        "channels of group g start at g * (C // G)",
        1.4,
        "",
        lambda f, j, g, channels, filters: (g - 1) * channels + j,
    ),
    "interleaved": (
        "takes channel c for a channel of group c % G",
        "a group is a contiguous block: channel c is in group c // (C // G)",
        1.3,
        "",
        lambda f, j, g, channels, filters: j * g + f // filters,
    ),
    "group of a filter by remainder": (
        "takes filter f for a filter of group f % G (the channel multiplier in the wrong place)",
        "filter f is in group f // (F // G): with a multiplier M it is channel c = f // M, copy f % M",
        1.3,
        "",
        lambda f, j, g, channels, filters: f % g * channels + j,
    ),
    "group of a filter by channels": (
        "finds the group of a filter with C/G in place of F/G",
        "filter f is in group f // (F // G)",
        1.4,
        "",
        lambda f, j, g, channels, filters: f // channels * channels + j,
    ),
    "group of a filter by groups": (
        "finds the group of a filter as f // G",
        "filter f is in group f // (F // G)",
        1.4,
        "",
        lambda f, j, g, channels, filters: f // g * channels + j,
    ),
    "start by filters": (
        "starts the channels of group g at g * (F // G)",
        "channels of group g start at g * (C // G)",
        1.4,
        "",
        lambda f, j, g, channels, filters: f // filters * filters + j,
    ),
    "start by group": (
        "starts the channels of group g at g",
        "channels of group g start at g * (C // G)",
        1.4,
        "",
        lambda f, j, g, channels, filters: f // filters + j,
    ),
    "start by filter": (
        "starts the channels of filter f at f",
        "channels of group g start at g * (C // G), for all of its filters",
        1.4,
        "",
        lambda f, j, g, channels, filters: f + j,
    ),
    "groups reversed": (
        "takes the groups of channels in reverse",
        "group 0 has the first channels",
        1.5,
        "",
        lambda f, j, g, channels, filters: (g - 1 - f // filters) * channels + j,
    ),
    "next group": (
        "reads the channels of the next group, the first group's for the last",
        "group g has the channels from g * (C // G) on",
        1.5,
        "",
        lambda f, j, g, channels, filters: (f // filters + 1) % g * channels + j,
    ),
    "group before": (
        "reads the channels of the group before, the last group's for the first",
        "group g has the channels from g * (C // G) on",
        1.5,
        "",
        lambda f, j, g, channels, filters: (f // filters - 1) % g * channels + j,
    ),
    "reversed in groups": (
        "takes the channels inside each group in reverse",
        "keep the channels of a group in order",
        1.5,
        "",
        lambda f, j, g, channels, filters: f // filters * channels + channels - 1 - j,
    ),
    "first group only": (
        "does the first group only: the others add nothing",
        "loop over all G groups",
        1.3,
        "",
        lambda f, j, g, channels, filters: np.where(f < filters, j, -1),
    ),
    "last group only": (
        "keeps the last group only: the others add nothing",
        "loop over all G groups, and add with `+=` where groups meet",
        1.4,
        "",
        lambda f, j, g, channels, filters: np.where(f >= (g - 1) * filters, (g - 1) * channels + j, -1),
    ),
}
