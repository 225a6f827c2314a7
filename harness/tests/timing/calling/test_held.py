"""The sets that a child holds, and a backend's own arrays of them: how many, whose memory, what follows a change."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from harness.geometry.spec import ConvSpec
from harness.tests.helpers.timing.fake_backend import FakeBackend, Held
from harness.tests.helpers.timing.fake_clock import FakeClock
from harness.timing.calling import held as the_held
from harness.timing.calling.held import Held as HeldSets
from harness.timing.calling.held import OwnSets, digest

_SPEC = ConvSpec.parse("n2c3h9w8_f4kh3kw2_sh2sw1_pt1")
_SIZE = 4 * (2 * 3 * 9 * 8 + 4 * 3 * 3 * 2 + 4)


def some_sets(count: int = 3) -> HeldSets:
    """Sets of inputs of conv2d; the values tell set and argument."""
    shapes = _SPEC.input_shapes("conv2d")
    sets = [[np.full(s, 10 * n + a, "float32") for a, s in enumerate(shapes)] for n in range(count)]
    return HeldSets("conv2d", _SPEC, sets)


def copying(fake: FakeBackend, **more: Any) -> Any:
    """A backend whose arrays are copies of the host's."""
    return fake.complete(from_numpy=lambda a: Held(a.copy()), **more)


def test_changes_are_made_in_order_and_negations_before_them() -> None:
    held = some_sets()
    rows = [np.array(column) for column in ([2, 2, 0], [1, 1, 2], [5, 5, 3], [7.0, 8.0, 9.0])]
    held.change([(2, 1), (1, 0)], rows)
    assert held.flat[2][1][4:7].tolist() == [-21, 8, -21]
    assert set(held.flat[1][0].tolist()) == {-10}
    assert held.flat[0][2].tolist() == [2, 2, 2, 9]
    assert held.sets[0][2].tolist() == [2, 2, 2, 9]


def test_digests_tell_whether_any_element_has_changed() -> None:
    held = some_sets()
    before = held.digests(1)
    assert before == [digest(a) for a in some_sets().sets[1]]
    held.flat[1][1][71] += 1
    after = held.digests(1)
    assert [one == other for one, other in zip(before, after, strict=True)] == [True, False, True]
    assert digest(np.zeros((0, 3))) == 0


def test_arrays_that_share_the_hosts_memory_are_seen_to(clock: FakeClock) -> None:
    """Also where they are objects of the backend's own; and nothing is changed by looking."""
    fake, held = FakeBackend(clock), some_sets()
    plain = fake.complete(from_numpy=lambda a: a, to_numpy=lambda a: a)
    for backend, shares in ((fake.complete(), True), (plain, True), (copying(fake), False)):
        own = OwnSets(backend, held, by_device=False)
        assert (own.shares, own.lot().renew is None, len(own.sets)) == (shares, shares, 3)
        assert held.digests(0) == some_sets().digests(0)


def test_what_does_not_share_memory_is_made_anew(clock: FakeClock) -> None:
    held = some_sets()
    own = OwnSets(copying(FakeBackend(clock)), held, by_device=False)
    held.flat[1][2][0] = 99
    renew = own.lot().renew
    assert renew is not None
    assert (own.sets[1][2].value[0], renew(1, 2).value[0]) == (12, 99)
    own.follow([])
    assert own.sets[1][2].value[0] == 99


def test_what_shares_memory_stays_the_same_object(clock: FakeClock) -> None:
    own = OwnSets(FakeBackend(clock).complete(), some_sets(), by_device=False)
    before = own.sets[0][0]
    own.follow([])
    assert own.sets[0][0] is before


def test_the_least_time_that_a_set_takes_to_make_is_known(clock: FakeClock) -> None:
    costs = [1.0, 0.0, 0.0, 0.25, 0.0, 0.0, 0.5, 0.0, 0.0]

    def from_numpy(a: np.ndarray) -> Held:
        clock.time += costs.pop(0) if costs else 0.0
        return Held(a)

    assert OwnSets(FakeBackend(clock).complete(from_numpy=from_numpy), some_sets(), by_device=False).seconds == 0.25


# -- devices -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("cache", "count"),
    [
        (0, 3),  # as many as are held, at least
        (3, 4),  # as many as exceed the cache
        (2.5, 3),
        (62.9, 63),
        (63, 64),
        (1000, 64),  # 64 at most
    ],
)
def test_a_devices_clock_has_as_many_sets_as_exceed_its_cache(
    clock: FakeClock, monkeypatch: pytest.MonkeyPatch, cache: float, count: int
) -> None:
    """`cache` is in sizes of one set, of all arguments together; every set lies in memory of its own."""
    monkeypatch.setattr(the_held, "_CACHE_BYTES", int(cache * _SIZE))
    held = some_sets()
    own = OwnSets(FakeBackend(clock).complete(seconds=lambda call: 0.5), held, by_device=True)
    assert len(own.sets) == count
    for number, one in enumerate(own.sets):
        assert all(np.array_equal(mine.value, a) for mine, a in zip(one, held.sets[number % 3], strict=True))
    places = [mine.value.ctypes.data for one in own.sets for mine in one]
    assert len({*places, *(a.ctypes.data for one in held.sets for a in one)}) == 3 * count + 9
    assert own.lot().seconds is not None


def test_sets_of_a_device_are_made_anew_as_they_are_asked_for(clock: FakeClock) -> None:
    held = some_sets()
    own = OwnSets(FakeBackend(clock).complete(seconds=lambda call: 0.5), held, by_device=True)
    held.flat[1][2][0] = 99
    own.follow([4])
    assert [own.sets[number][2].value[0] for number in (1, 4, 7)] == [12, 99, 12]


def test_the_cache_that_sets_exceed_is_larger_than_that_of_any_card() -> None:
    assert the_held._CACHE_BYTES == 256 * 1024 * 1024
