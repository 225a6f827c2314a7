"""How a run is cut into batches, and what each has to hold, known before any worker answers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache

from conformance.cases.case import RANDOM, Case
from conformance.cases.grids import grid
from conformance.cases.selection import Selection
from conformance.cases.shard import Shard
from conformance.checks.registration import check_of
from conformance.cluster.remote.child import Listed
from conformance.run.plan import FULL_SIZE, RANDOM_CASES, in_part
from conformance.run.unselected import tier_of

_CASES, _GRID, _RANDOM = 1_000, 100_000, 1_000  # of a batch, about: much more work than it is to plan
_LEAST = 2  # batches a worker, if there is as much to do
_A_FEW = 60  # cases, which are not worth another process
_MOST = 20_000  # batches
_PARTS = 8  # of a batch that ends workers
_MOST_ANNOUNCED = 2_000  # cases of a batch that can be announced one by one


@dataclass(frozen=True, slots=True)
class Expected:
    """What a batch must plan: ids of cases, those of them that are optional, how many are counted of each group."""

    ids: tuple[str, ...] = ()  # sorted; a few are there twice, with other data
    optional: frozenset[str] = frozenset()
    counted: Mapping[tuple[str, str, str], int] = field(default_factory=dict)

    @classmethod
    def of(cls, listed: Listed) -> Expected:
        """What a listing says."""
        counted = {(one.check_id, one.op, one.dtype): one.planned for one in listed.counted}
        return cls(tuple(sorted(listed.ids)), frozenset(listed.optional), counted)

    @property
    def total(self) -> int:
        """Cases that belong to the verdict, those that are going to be refused included."""
        return sum(one not in self.optional for one in self.ids) + sum(self.counted.values())

    @property
    def is_small(self) -> bool:
        """Whether each of its cases can be announced before it runs."""
        return len(self.ids) + sum(self.counted.values()) <= _MOST_ANNOUNCED


@dataclass(frozen=True, slots=True)
class Batch:
    """A part of the run of one backend: its number in the run, the place of its target, what it selects and holds."""

    number: int
    target: int
    selection: Selection
    expected: Expected

    def split(self) -> Iterator[tuple[Selection, Expected]]:
        """Smaller parts of the same; nothing of what cannot be split."""
        if self.selection.cases or self.expected.total <= 1:
            return
        for number in range(1, _PARTS + 1):
            part = replace(self.selection, shard=self.selection.shard.part(number, _PARTS))
            expected = _expected(part, self.expected, self.selection.shard)
            if expected.ids or expected.counted:
                yield part, expected


def cut(selection: Selection, whole: Expected, workers: int, before: int = 0) -> Iterator[tuple[Selection, Expected]]:
    """The batches of one backend: parts of its run, the first with all of tier 0, and each layer of full size alone.

    As many parts as `before`, if the run goes on that was cut so.
    """
    full_size = [text for text in whole.ids if tier_of(check_of(Case.parse(text))) == FULL_SIZE]
    apart = set(full_size)
    rest = Expected(tuple(text for text in whole.ids if text not in apart), whole.optional, whole.counted)
    common = replace(selection, tier=min(selection.tier, FULL_SIZE - 1)) if full_size else selection
    parts = 1 if selection.cases else before or _parts(rest, workers)
    for number in range(1, parts + 1):
        part = replace(common, shard=selection.shard.part(number, parts))
        expected = _expected(part, rest, selection.shard) if parts > 1 else rest
        if expected.ids or expected.counted or parts == 1:
            yield part, expected
    for text in full_size:
        yield replace(selection, cases=[Case.parse(text)]), Expected((text,), whole.optional & {text})


def _parts(whole: Expected, workers: int) -> int:
    counted = Counter[str]()
    for (check_id, _, _), planned in whole.counted.items():
        counted[check_id] += planned
    wanted = len(whole.ids) / _CASES + counted[grid.CHECK_ID] / _GRID + counted[RANDOM] / _RANDOM
    least = min(_LEAST * workers, -(-whole.total // _A_FEW))
    return max(1, min(max(round(wanted), least), _MOST))


def _expected(part: Selection, whole: Expected, base: Shard) -> Expected:
    """What a part of `base` holds of what that one holds."""
    ids = tuple(text for text in whole.ids if in_part(_case(text), part))
    counted = {}
    for key, planned in whole.counted.items():
        if key[0] == grid.CHECK_ID:
            size = grid.size(part.shard, part.sweep)
        else:
            size = -(-RANDOM_CASES // part.shard.count)
        counted[key] = min(size, planned)
    return Expected(ids, whole.optional.intersection(ids), {key: size for key, size in counted.items() if size})


@lru_cache(maxsize=100_000)
def _case(text: str) -> Case:
    return Case.parse(text)
