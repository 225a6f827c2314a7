"""The call that is timed: what is inside the clock, on which inputs, what an error costs, and the probes before it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from harness.contract.protocol import CompleteBackend
from harness.geometry.spec import ConvSpec
from harness.tests.helpers.timing.fake_backend import FakeBackend, Held
from harness.tests.helpers.timing.fake_clock import FakeClock
from harness.timing import timed_call
from harness.timing.clock import seconds
from harness.timing.timed_call import Probe, TimedCall, input_sets, waiting, warm_up

_SPEC = ConvSpec.parse("n2c3h9w8_f4kh3kw2_sh2sw1_pt1")
_SMALL = ConvSpec.parse("n1c2h4w3_f1kh2kw2")


def some_sets(count: int, spec: ConvSpec = _SPEC) -> list[list[Held]]:
    """Sets of inputs of im2col."""
    return [[Held(np.full(spec.x_shape, number, "float32"))] for number in range(count)]


def timed(backend: CompleteBackend, count: int = 1) -> TimedCall:
    """An im2col to be timed, on so many sets."""
    return TimedCall(backend, "im2col", _SPEC, some_sets(count))


def by_device(clock: FakeClock, *times: float) -> dict[str, Any]:
    """A device's clock that makes the call, and gives these times."""
    rest = list(times)

    def device_seconds(call: Any) -> float:
        call()
        return rest.pop(0) if len(rest) > 1 else rest[0]

    return {"seconds": device_seconds}


# -- what is inside the clock --------------------------------------------------------------------------------------


def test_the_result_is_waited_for_inside_the_clock(clock: FakeClock) -> None:
    fake = FakeBackend(clock, lambda op, spec: 0.125, wait=0.25)
    call = timed(fake.complete())
    assert seconds(call) == 0.375
    assert fake.log == ["im2col", "wait"]


def test_the_call_is_of_the_op_and_spec_asked_for(clock: FakeClock) -> None:
    fake = FakeBackend(clock)
    columns = [Held(np.ones(_SPEC.columns_shape, "float32"))]
    call = TimedCall(fake.complete(**by_device(clock, 0.5)), "col2im", _SPEC, [columns])
    assert call().value.shape == _SPEC.x_shape
    call.device_seconds()
    assert fake.calls == [("col2im", _SPEC)] * 2


def test_on_a_devices_clock_the_call_only_launches(clock: FakeClock) -> None:
    fake = FakeBackend(clock, wait=0.25)
    call = timed(fake.complete(**by_device(clock, 0.5, 0.75)))
    assert [call.device_seconds(), call.device_seconds()] == [0.5, 0.75]
    assert fake.log == ["im2col", "im2col"]
    assert call.error == ""


def test_waiting_gives_the_result(clock: FakeClock) -> None:
    fake = FakeBackend(clock)
    (own,) = some_sets(1, _SMALL)
    found = waiting(fake.complete(), "im2col", _SMALL, own)
    assert found.value.shape == (1, 8, 6)
    assert fake.last[0] is own[0]


# -- sets of inputs ------------------------------------------------------------------------------------------------


def test_calls_take_the_sets_in_turn_by_either_clock(clock: FakeClock) -> None:
    fake = FakeBackend(clock)
    call = timed(fake.complete(**by_device(clock, 0.5)), count=3)
    used = []
    for number in range(7):
        (call.device_seconds if number % 2 else call)()
        used.append(int(fake.last[0].value.flat[0]))
    assert used == [0, 1, 2, 0, 1, 2, 0]


def test_without_a_device_clock_there_is_one_set(clock: FakeClock) -> None:
    """The one that was checked."""
    arrays = tuple(np.ones(shape, "float32") for shape in _SPEC.input_shapes("conv2d"))
    own = [Held(a) for a in arrays]
    assert input_sets(FakeBackend(clock).complete(), arrays, own) == [own]


@pytest.mark.parametrize(
    ("cache", "count"),
    [
        (0, 2),  # two at least
        (2, 3),  # as many as exceed the cache
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
    arrays = tuple(np.arange(np.prod(s), dtype="float32").reshape(s) for s in _SPEC.input_shapes("conv2d"))
    size = 4 * (2 * 3 * 9 * 8 + 4 * 3 * 3 * 2 + 4)
    monkeypatch.setattr(timed_call, "_CACHE_BYTES", int(cache * size))
    own = [Held(a) for a in arrays]
    sets = input_sets(FakeBackend(clock).complete(**by_device(clock, 0.5)), arrays, own)
    assert len(sets) == count
    assert sets[0] is own
    for one in sets:
        assert all(np.array_equal(held.value, a) for held, a in zip(one, arrays, strict=True))
    places = [held.value.ctypes.data for one in sets for held in one]
    assert len(set(places)) == 3 * count


def test_sets_of_nothing_are_counted_all_the_same(clock: FakeClock) -> None:
    arrays = (np.ones((0, 3, 9, 8), "float32"),)
    sets = input_sets(FakeBackend(clock).complete(**by_device(clock, 0.5)), arrays, [Held(arrays[0])])
    assert len(sets) == 64


def test_the_cache_that_sets_exceed_is_larger_than_that_of_any_card() -> None:
    assert timed_call._CACHE_BYTES == 256 * 1024 * 1024


# -- errors --------------------------------------------------------------------------------------------------------


def failing(fake: FakeBackend, *errors: BaseException | None) -> None:
    """Let the results of calls raise these in turn."""
    rest = list(errors)

    def spoil(result: np.ndarray) -> np.ndarray:
        error = rest.pop(0)
        if error is not None:
            raise error
        return result

    fake.spoil = spoil


def test_a_call_that_raises_is_not_made_again(clock: FakeClock) -> None:
    fake = FakeBackend(clock)
    failing(fake, None, ValueError("no\nroom"), None)
    call = timed(fake.complete())
    assert call() is not None
    assert [call(), call()] == [None, None]
    assert call.error == "raised ValueError: no room"
    assert len(fake.calls) == 2


def test_the_first_error_is_the_one_that_is_told(clock: FakeClock) -> None:
    """The launch raises, and so the device's clock gives no time, which is an error too."""
    fake = FakeBackend(clock)
    failing(fake, ValueError("too many resources requested for launch"))
    call = timed(fake.complete(**by_device(clock, float("nan"))))
    assert call.device_seconds() == 0.0
    assert call.device_seconds() == 0.0
    assert call.error == "raised ValueError: too many resources requested for launch"
    assert len(fake.calls) == 1


@pytest.mark.parametrize("error", [SystemExit(3), GeneratorExit("x")])
def test_whatever_a_call_raises_costs_only_its_cell(clock: FakeClock, error: BaseException) -> None:
    fake = FakeBackend(clock)
    failing(fake, error)
    call = timed(fake.complete())
    assert call() is None
    assert call.error.startswith(f"raised {type(error).__name__}")


def test_ctrl_c_ends_the_run(clock: FakeClock) -> None:
    fake = FakeBackend(clock)
    failing(fake, KeyboardInterrupt(), KeyboardInterrupt())
    call = timed(fake.complete(**by_device(clock, 0.5)))
    for one in (call, call.device_seconds):
        with pytest.raises(KeyboardInterrupt):
            one()
    assert call.error == ""


def raises_later(call: Any) -> float:
    """A device's clock that finds an error in what was launched."""
    call()
    raise RuntimeError("illegal memory access")


@pytest.mark.parametrize(
    ("device_seconds", "error"),
    [
        (raises_later, "raised RuntimeError: illegal memory access"),
        (lambda call: float("nan"), "raised ValueError: seconds() must give a time above 0, got nan"),
        (lambda call: float("inf"), "raised ValueError: seconds() must give a time above 0, got inf"),
        (lambda call: 0.0, "raised ValueError: seconds() must give a time above 0, got 0.0"),
        (lambda call: -1.5, "raised ValueError: seconds() must give a time above 0, got -1.5"),
        (lambda call: "soon", "raised TypeError: must be real number, not str"),
    ],
)
def test_a_time_that_is_none_is_an_error(clock: FakeClock, device_seconds: Any, error: str) -> None:
    call = timed(FakeBackend(clock).complete(seconds=device_seconds))
    assert call.device_seconds() == 0.0
    assert call.error == error


def test_a_devices_time_is_a_plain_number(clock: FakeClock) -> None:
    took = timed(FakeBackend(clock).complete(seconds=lambda call: np.float32(0.25))).device_seconds()
    assert (type(took), took) == (float, 0.25)


# -- probes --------------------------------------------------------------------------------------------------------


def costs(*durations: float) -> Any:
    """What calls take, in turn."""
    rest = list(durations)
    return lambda op, spec: rest.pop(0)


def test_the_first_call_of_all_is_remembered_and_never_believed(clock: FakeClock) -> None:
    fake = FakeBackend(clock, costs(8.0, 0.25, 4.5), wait=1.0)
    probe = Probe(fake.complete(), "im2col", "float32")
    assert probe(_SMALL) == 1.25  # of the second call; waiting is inside
    assert probe.first == 9.0
    assert probe(_SPEC) == 5.5
    assert probe.first == 9.0
    assert fake.calls == [("im2col", _SMALL), ("im2col", _SMALL), ("im2col", _SPEC)]


@pytest.mark.parametrize(
    ("on_device", "first", "measured", "calls"),
    [
        (False, 5.5, 5.5, 1),  # long: believed at once
        (False, 0.5, 0.0625, 2),  # a compilation for this very shape
        (False, 0.09375, 0.0625, 2),
        (True, 4.0, 0.0625, 2),  # a search for the fastest kernel
        (True, 5.0, 0.0625, 2),
        (True, 5.5, 5.5, 1),  # no search takes as long
    ],
)
def test_a_later_probe_is_made_twice_unless_it_is_long(
    clock: FakeClock, on_device: bool, first: float, measured: float, calls: int
) -> None:
    fake = FakeBackend(clock, costs(1.0, 1.0, first, 0.0625))
    probe = Probe(fake.complete(**by_device(clock, 0.5) if on_device else {}), "im2col", "float32")
    probe(_SMALL)
    assert probe(_SPEC) == measured
    assert len(fake.calls) == 2 + calls


def test_probes_are_made_on_ones_of_the_ops_own_shapes(clock: FakeClock) -> None:
    fake = FakeBackend(clock)
    Probe(fake.complete(), "conv2d", "float64")(_SMALL)
    assert [held.value.shape for held in fake.last] == [(1, 2, 4, 3), (1, 2, 2, 2), (1,)]
    assert all(held.value.dtype == np.float64 and (held.value == 1).all() for held in fake.last)
    assert {op for op, _ in fake.calls} == {"conv2d"}


@pytest.mark.parametrize(
    ("takes", "before", "calls"),
    [
        ((1.0,), 1.0, 1), ((0.75,), 1.0, 1),  # nothing was compiled
        ((0.125, 0.125), 4.0, 2),  # in the call before
        ((4.0, 0.125, 0.125), 0.125, 3),  # in the second call of a shape
        ((2.0, 0.5, 0.125, 0.125), 8.0, 4),
        ((8.0, 2.0, 0.5), 64.0, 2),  # ten seconds are enough
        ((0.5, 0.125) * 9, 2.0, 8),  # it never settles
    ],
)  # fmt: skip
def test_calls_go_on_until_the_compilation_is_behind(
    clock: FakeClock, takes: tuple[float, ...], before: float, calls: int
) -> None:
    assert warm_up(clock.takes(*takes), before, 9.0) == calls
