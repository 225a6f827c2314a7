"""Groups: which channels a filter reads, forward and backward."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import lru_cache, partial

import numpy as np

from conformance.diagnosis.models.arrays.opened import right, run
from conformance.diagnosis.models.model import Given, Model
from harness.contract.protocol import Array
from harness.geometry.spec import ConvSpec, Op

# f (F, 1), j (1, C/G), G, C/G, F/G -> the channel that filter f reads as its j-th; what is none reads nothing.
Reads = Callable[[Array, Array, int, int, int], Array]

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
