"""A layer that needs more memory than there is: a cell that says so, and the other layers are measured."""

from __future__ import annotations

import pytest

from harness.calls.limits import memory
from harness.contract.status import CellStatus
from harness.geometry.spec import ConvSpec
from harness.tests.helpers.timing.fake_backend import FakeBackend
from harness.tests.helpers.timing.fake_clock import FakeClock
from harness.tests.helpers.timing.groups import a_group, cells, child_of
from harness.timing.judging import expected as the_expected
from harness.timing.judging import inputs as the_inputs

_GIB = 2**30
_HUGE = "n1c1h100000w100000_f1kh3kw3"


def test_what_needs_more_memory_than_there_is_is_not_made(clock: FakeClock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "available", lambda: 3 * _GIB)
    fake = FakeBackend(clock)
    children = child_of(a=fake.complete("a"))
    children.missing["b"] = "no card"
    found = cells(children, a_group("a", "b", spec=ConvSpec.parse(_HUGE)))
    needed = memory.timed("im2col", ConvSpec.parse(_HUGE), "float32")
    text = f"it needs {needed / _GIB:,.0f} GiB of 3 GiB free memory"
    assert (found["a"].status, found["a"].reason) == (CellStatus.NO_MEMORY, text)
    assert (found["b"].status, found["b"].reason) == (CellStatus.UNAVAILABLE, "no card")
    assert fake.calls == []
    (cell,) = cells(children, a_group("a")).values()
    assert cell.status is CellStatus.OK


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("make", "there is not enough memory for its inputs: 9 GiB"),
        ("Gate", "there is not enough memory to judge it: 9 GiB"),
    ],
)  # fmt: skip
def test_memory_that_runs_out_is_told(name: str, text: str, clock: FakeClock, monkeypatch: pytest.MonkeyPatch) -> None:
    def none_left(*of: object) -> None:
        raise MemoryError("9 GiB")

    monkeypatch.setattr(the_expected if name == "Gate" else the_inputs, name, none_left)
    (cell,) = cells(child_of(a=FakeBackend(clock).complete("a")), a_group("a")).values()
    assert (cell.status, cell.reason) == (CellStatus.NO_MEMORY, text)


def test_a_backend_that_runs_out_of_all_memory_is_not_wrong(clock: FakeClock) -> None:
    def raises(error: Exception) -> FakeBackend:
        def cost(op: object, spec: object) -> float:
            raise error

        return FakeBackend(clock, cost)

    for error, status in ((MemoryError("9 GiB"), CellStatus.NO_MEMORY), (ValueError("MemoryError"), CellStatus.FAIL)):
        (cell,) = cells(child_of(a=raises(error).complete("a")), a_group("a")).values()
        assert cell.status is status
        assert "raised" in cell.reason
