"""Times that are not those of the calls: each way to see it, and how much of it an honest backend may show."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest

from harness.contract.status import CellStatus
from harness.results.records import Cell
from harness.tests.helpers.timing.fake_backend import FakeBackend, Held
from harness.tests.helpers.timing.fake_clock import FakeClock
from harness.tests.helpers.timing.groups import LocalChildren, a_group, cells, child_of, no_floors
from harness.timing.calling import loop
from harness.timing.calling import messages as m

# -- our clock and that of its process -----------------------------------------------------------------------------


def with_a_clock_of(clock: FakeClock, share: float) -> LocalChildren:
    """A backend whose calls take 1/64 s, in a process whose clock runs slower."""
    children = child_of(a=FakeBackend(clock, lambda op, spec: 2**-6).complete("a"))
    children.worker_of("a").child.run = loop.make(lambda: clock.time * share)
    return children


@pytest.mark.parametrize(
    ("share", "reason"),
    [(1.0, ""), (0.8, ""), (0.5, "its process says 7.81 ms a call, our clock says 15.6 ms")],
)
def test_a_clock_that_is_slower_than_the_kernels_is_not_believed(clock: FakeClock, share: float, reason: str) -> None:
    children = with_a_clock_of(clock, share)
    watched: Any = children.here.processes
    watched.cpu_seconds = lambda: clock.time
    found = cells(children, a_group("a", threads=1))["a"]
    assert (found.status, found.reason) == (CellStatus.FAIL if reason else CellStatus.OK, reason)
    assert (found.samples == []) == bool(reason)


def test_a_process_that_only_waits_is_not_blamed(clock: FakeClock) -> None:
    """The kernel says that it did nothing meanwhile."""
    children = with_a_clock_of(clock, 0.5)
    watched: Any = children.here.processes
    watched.cpu_seconds = lambda: clock.time / 2
    assert cells(children, a_group("a", threads=1))["a"].status is CellStatus.OK


@pytest.mark.parametrize(
    ("share", "reason"), [(0.5, ""), (0.0, "its process says 1.00 us a call, our clock says 250 ms")]
)
def test_where_the_kernel_does_not_tell_our_clock_does(clock: FakeClock, share: float, reason: str) -> None:
    children = child_of(a=FakeBackend(clock, lambda op, spec: 2**-2).complete("a"))
    ticks = itertools.count()
    children.worker_of("a").child.run = loop.make(lambda: clock.time * share + next(ticks) * 5e-7)
    found = cells(children, a_group("a"))["a"]
    assert (found.status, found.reason) == (CellStatus.FAIL if reason else CellStatus.OK, reason)


def test_what_disturbs_some_blocks_is_no_lie(clock: FakeClock) -> None:
    """The machine is busy with something else, between our question and the answer, in all blocks but one."""
    children, number = child_of(a=FakeBackend(clock).complete("a")), [0]

    def disturb(message: Any) -> None:
        if isinstance(message, m.Block):
            number[0] += 1
            clock.time += 0.0 if number[0] == 3 else 1.0

    children.worker_of("a").instead = disturb
    assert cells(children, a_group("a"))["a"].status is CellStatus.OK


# -- conversions ---------------------------------------------------------------------------------------------------


def converting(clock: FakeClock, to: float, back: float, call: float = 2**-10) -> Any:
    """A backend whose conversions take so long."""
    fake = FakeBackend(clock, lambda op, spec: call)

    def from_numpy(a: np.ndarray) -> Held:
        clock.time += to
        return Held(a)

    def to_numpy(held: Held) -> np.ndarray:
        clock.time += back
        return held.value

    return fake.complete("a", from_numpy=from_numpy, to_numpy=to_numpy)


@pytest.mark.parametrize(
    ("to", "back", "reason"),
    [
        (0.0, 0.0, ""),
        (4e-5, 4e-5, ""),  # a moment
        (2**-12, 2**-12, ""),  # a quarter of the call
        (2**-9, 0.0, "from_numpy takes 1.95 ms where a copy takes 1.00 us: work is put into it"),
        (0.0, 2**-9, "to_numpy takes 1.95 ms where a copy takes 1.00 us: work is left to it"),
    ],
)
def test_conversions_that_take_longer_than_a_copy_do_more(
    clock: FakeClock, monkeypatch: pytest.MonkeyPatch, to: float, back: float, reason: str
) -> None:
    copies_take(clock, monkeypatch, 1e-6)
    found = cells(child_of(a=converting(clock, to, back)), a_group("a"))["a"]
    assert (found.status, found.reason) == (CellStatus.FAIL if reason else CellStatus.OK, reason)


def copies_take(clock: FakeClock, monkeypatch: pytest.MonkeyPatch, seconds: float) -> None:
    """Let a copy of any array take so long, in the eyes of whoever judges conversions."""
    from harness.timing.judging import entry

    monkeypatch.setattr(entry, "copying_seconds", lambda arrays: seconds)


def test_a_conversion_that_takes_as_long_as_some_copies_is_plain(
    clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As one that changes the layout does."""
    copies_take(clock, monkeypatch, 2**-9 / 20)
    assert cells(child_of(a=converting(clock, 0.0, 2**-9)), a_group("a"))["a"].status is CellStatus.OK


def test_what_to_numpy_takes_is_part_of_the_time(clock: FakeClock) -> None:
    found = cells(child_of(a=converting(clock, 0.0, 2**-8, call=2**-6)), a_group("a"))["a"]
    assert found.samples == [2**-6 + 2**-8] * 5


# -- processors ----------------------------------------------------------------------------------------------------


def busy(clock: FakeClock, processors: float) -> LocalChildren:
    """A backend that keeps so many processors busy, whenever time passes."""
    children = child_of(a=FakeBackend(clock).complete("a"))
    watched: Any = children.here.processes
    watched.cpu_seconds = lambda: clock.time * processors
    return children


@pytest.mark.parametrize(
    ("processors", "threads", "reason"),
    [
        (0.4, 1, ""), (1.0, 1, ""), (1.5, 1, ""), (3.0, 3, ""),
        (1.75, 1, "it keeps 1.8 processors busy where --threads allows 1"),
        (4.5, 3, "it keeps 4.5 processors busy where --threads allows 3"),
    ],
)  # fmt: skip
def test_more_processors_than_threads_are_no_time_of_so_many_threads(
    clock: FakeClock, processors: float, threads: int, reason: str
) -> None:
    """Its samples are kept, as evidence."""
    found = cells(busy(clock, processors), a_group("a", threads=threads))["a"]
    assert (found.status, found.reason) == (CellStatus.IMPLAUSIBLE if reason else CellStatus.OK, reason)
    assert (found.cpu_ratio, len(found.samples)) == (processors, 5)


def test_where_the_system_does_not_tell_nothing_is_said(clock: FakeClock) -> None:
    found = cells(child_of(a=FakeBackend(clock).complete("a")), a_group("a"))["a"]
    assert (found.status, found.cpu_ratio) == (CellStatus.OK, None)


# -- what the machine can do ---------------------------------------------------------------------------------------


def test_a_time_that_no_machine_reaches_is_implausible_and_kept_as_evidence(clock: FakeClock) -> None:
    seen: list[Cell] = []
    floors = no_floors()

    def why(cell: Cell, *more: Any) -> str:
        seen.append(cell)
        return "too fast"

    setattr(floors, "why_implausible", why)  # noqa: B010
    found = cells(child_of(a=FakeBackend(clock).complete("a")), a_group("a"), floors)["a"]
    assert (found.status, found.reason, len(found.samples)) == (CellStatus.IMPLAUSIBLE, "too fast", 5)
    assert [cell.samples for cell in seen] == [found.samples]


# -- libraries -----------------------------------------------------------------------------------------------------


def test_libraries_that_a_stranger_has_loaded_and_does_not_name_are_told_once(clock: FakeClock) -> None:
    backend = FakeBackend(clock).complete("a", info={"device": "cpu", "torch": "2.0"})
    children = LocalChildren({"a": backend}, foreign=("a",))
    watched: Any = children.own["a"].processes
    watched.found = ["numba", "torch"]
    for _ in range(2):
        cells(children, a_group("a"))
    assert [facts.unnamed_libraries for facts in children.described if hasattr(facts, "unnamed_libraries")] == [
        ["numba"]
    ]
