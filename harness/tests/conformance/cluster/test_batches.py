"""How a run is cut into batches, and what follows when a worker ends with one."""

from __future__ import annotations

from collections import Counter

import pytest

from conformance.cases.case import Case
from conformance.cases.grids import grid
from conformance.cases.selection import Selection
from conformance.cases.shard import Shard
from conformance.cluster.batches import Batch, Expected, cut
from conformance.cluster.deaths import History, after_death
from conformance.run.plan import in_part

_IDS = tuple(sorted(f"values.exact/im2col/float32/n1c{c}h3w3_f1kh2kw2" for c in range(1, 301)))
_GRID = (grid.CHECK_ID, "im2col", "float32")


@pytest.mark.parametrize("base", [Shard(), Shard(2, 3)])
def test_the_batches_hold_everything_once(base: Shard) -> None:
    selection = Selection(tier=2, shard=base)
    ids = tuple(one for one in _IDS if in_part(Case.parse(one), selection))
    whole = Expected(ids, frozenset(), {_GRID: grid.size(base)})
    found = list(cut(selection, whole, workers=4))
    assert len(found) >= 8 // base.count
    assert Counter(one for _, expected in found for one in expected.ids) == Counter(ids)
    assert sum(expected.counted[_GRID] for _, expected in found) == grid.size(base)
    assert sum(expected.total for _, expected in found) == whole.total


def test_a_run_that_goes_on_is_cut_as_before() -> None:
    assert len(list(cut(Selection(), Expected(_IDS), 2, before=5))) == 5


def test_each_layer_of_full_size_is_a_batch_of_its_own() -> None:
    layers = [f"values.layer/im2col/float32/n1c{c}h30w30_f1kh2kw2" for c in (1, 2)]
    found = list(cut(Selection(tier=4), Expected((*_IDS[:3], *layers)), 1))
    assert [len(expected.ids) for _, expected in found] == [3, 1, 1]
    assert [str(one.cases[0]) for one, _ in found[1:]] == layers
    assert [one.tier for one, _ in found] == [3, 4, 4]


def test_a_batch_whose_worker_ends_runs_again_with_each_case_announced_then_the_last_one_alone() -> None:
    batch, history = Batch(1, 0, Selection(), Expected(_IDS[:9])), History()
    first = after_death(batch, history, "a", "")
    assert (first.again, history.is_careful) == (True, True)
    second = after_death(batch, history, "b", _IDS[4])
    assert second.alone is not None
    assert (second.suspect, [str(one) for one in second.alone.cases]) == (_IDS[4], [_IDS[4]])
    assert history.ended == ["a", "b"]


def test_a_batch_too_large_for_that_is_split_at_the_second_end() -> None:
    batch, history = Batch(1, 0, Selection(tier=2), Expected((), frozenset(), {_GRID: grid.size()})), History()
    assert after_death(batch, history, "a", "").again
    assert not history.is_careful
    parts = after_death(batch, history, "b", "").parts
    assert sum(expected.counted[_GRID] for _, expected in parts) == grid.size()
    assert len(parts) == 8


def test_a_batch_that_ends_worker_after_worker_is_given_up() -> None:
    batch, history = Batch(1, 0, Selection(cases=[Case.parse(_IDS[0])]), Expected(_IDS[:1])), History()
    for number in range(7):
        assert after_death(batch, history, f"w{number}", "").again
    assert not after_death(batch, history, "w7", "").again
    assert "given up: 8 workers" in history.given_up
