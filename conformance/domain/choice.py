"""The few geometries of many that tell the most: greedily, for the work that each costs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from conformance.domain import settings
from harness.calls.limits.threads import thread_limit
from harness.geometry.spec import ConvSpec

_CANDIDATES = 150  # of those left, looked at in each step: nearly as good as all, and ten times as fast
_OVERHEAD = 6_000  # multiply-adds that cost what any call costs
_TAP = 600  # multiply-adds that cost what a tap costs: libraries that work by whole arrays pay for each
_RARE = 40.0  # pairs that a setting is worth which hardly any geometry has; a frequent one is worth `_FREQUENT`
_FREQUENT = 8.0


class Choice(NamedTuple):
    """Geometries, the most telling first, and how many pairs of settings they cover of those that could be."""

    specs: list[ConvSpec]
    pairs_covered: int
    pairs: int


def choose(claimed: Sequence[ConvSpec], most: int, work: int, least: int = 0) -> Choice:
    """At most `most` geometries of at most `work` multiply-adds together, until all settings and pairs are covered.

    Then the cheapest of the others, up to `least`.
    """
    if not claimed:
        return Choice([], 0, 0)
    with thread_limit(1):  # of so small matrices: more would only wait for each other
        return _chosen(claimed, most, work, least)


def _chosen(claimed: Sequence[ConvSpec], most: int, work: int, least: int) -> Choice:
    every, _, principal = settings.table(claimed)
    tells = np.asarray(every.any(axis=0) & ~every.all(axis=0))
    single = np.where(tells, _FREQUENT + _RARE / np.sqrt(np.maximum(every.sum(axis=0), 1)), 0).astype(np.float32)
    alone = every.astype(np.float32)
    has = every[:, :principal][:, tells[:principal]].astype(np.float32)
    together = np.triu(has.T @ has > 0)  # a setting with itself is the setting alone
    todo = together.astype(np.float32)
    effort = np.array([spec.macs for spec in claimed])
    cost = (1 + (effort + _TAP * np.array([spec.taps for spec in claimed])) / _OVERHEAD) ** 0.8
    draw, left = np.random.default_rng(3), np.ones(len(claimed), bool)
    chosen: list[int] = []

    def take(k: int) -> None:
        nonlocal work
        mine = np.flatnonzero(has[k])
        todo[np.ix_(mine, mine)] = 0
        single[every[k]] = 0
        left[k] = False
        work -= int(effort[k])
        chosen.append(k)

    while len(chosen) < most:
        able = np.flatnonzero(left & (effort <= work))
        if not len(able):
            break
        some = able if len(able) <= _CANDIDATES else draw.choice(able, _CANDIDATES, replace=False)
        gain = alone[some] @ single + ((has[some] @ todo) * has[some]).sum(axis=1)
        left[some[gain == 0]] = False
        if gain.any():
            take(int(some[(gain / cost[some]).argmax()]))
    for k in np.argsort(cost, kind="stable"):
        if len(chosen) < least and k not in chosen and effort[k] <= work:
            take(int(k))
    covered = int(together.sum() - todo.sum())
    return Choice([claimed[k] for k in chosen], covered, int(together.sum()))
