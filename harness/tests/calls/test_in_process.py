"""A backend called in this process: on copies, under the conditions asked for, several at once, or on its own data."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import contextmanager
from typing import Any

import numpy as np
import pytest

from harness.calls import in_process
from harness.calls.caller import Conditions
from harness.calls.in_process import InProcess
from harness.contract.adapter import complete
from harness.contract.protocol import Array
from harness.geometry.spec import ConvSpec
from harness.oracle import by_taps, data
from harness.tests.helpers.children.calls import calls_of
from harness.tests.helpers.faults.faulty import Right

_SPEC = ConvSpec.parse("n2c3h6w7_f4kh3kw2")
_X = data.exact("im2col", _SPEC, "float32", "x")[0]


def caller(im2col: Callable[[Array, ConvSpec], Any], **members: Any) -> InProcess:
    """A backend with this im2col."""
    return InProcess(complete(type("Mine", (Right,), {"im2col": staticmethod(im2col), **members})(), "mine", "mine"))


def right(x: Array, spec: ConvSpec) -> Array:
    """What is expected."""
    return by_taps.run("im2col", spec, x).astype(x.dtype)


def noting(calls: list[Any], what: Callable[[Array], object] = lambda x: "call") -> InProcess:
    """A right backend that adds a line for each call."""

    def im2col(x: Array, spec: ConvSpec) -> Array:
        calls.append(what(x))
        return right(x, spec)

    return caller(im2col)


def test_a_call_gets_copies_in_the_layout_asked_for() -> None:
    seen: list[Array] = []
    backend = noting(seen, lambda x: x)
    for layout, strides in (("C", (504, 168, 28, 4)), ("F", (4, 8, 24, 144)), ("reversed", None)):
        found = backend.call("im2col", _SPEC, [_X], Conditions(layout))
        assert found.error == ""
        assert np.array_equal(found.result, right(_X, _SPEC))
        assert not np.may_share_memory(seen[-1], _X)
        assert strides is None or seen[-1].strides == strides
    assert all(stride < 0 for stride in seen[-1].strides)


def test_it_is_known_by_what_the_backend_says_of_itself() -> None:
    backend = caller(right, numerics="fft", unsupported=staticmethod(lambda op, spec, dtype: f"no {op} in {dtype}"))
    assert (backend.name, backend.numerics) == ("mine", "fft")
    assert backend.unsupported("col2im", _SPEC, "int32") == "no col2im in int32"


def test_memory_is_poisoned_only_where_asked_and_before_the_call(monkeypatch: pytest.MonkeyPatch) -> None:
    order: list[str] = []
    monkeypatch.setattr(
        "harness.calls.seeing.poison", lambda op, spec, given: order.append(f"poison {op} {len(given)}")
    )
    backend = noting(order)
    backend.call("im2col", _SPEC, [_X])
    backend.call("im2col", _SPEC, [_X], Conditions(poisoned=True))
    assert order == ["call", "poison im2col 1", "call"]


def test_threads_are_limited_only_during_the_call(monkeypatch: pytest.MonkeyPatch) -> None:
    order: list[str] = []

    @contextmanager
    def limit(threads: int) -> Any:
        order.append(f"{threads}")
        yield
        order.append("over")

    monkeypatch.setattr(in_process, "thread_limit", limit)
    backend = noting(order)
    backend.call("im2col", _SPEC, [_X], Conditions(threads=3))
    assert order == ["3", "call", "over"]


def test_calls_together_are_at_the_same_time_and_each_has_its_own_arrays() -> None:
    """Each waits within the call for all the others, which would be in vain if they came one after the other."""
    meeting = threading.Barrier(4)
    threads: set[int] = set()

    def im2col(x: Array, spec: ConvSpec) -> Array:
        threads.add(threading.get_ident())
        meeting.wait(60)
        return right(x, spec)

    several = [[_X * (n + 1)] for n in range(4)]
    found = caller(im2col).together(calls_of("im2col", _SPEC, several))
    assert [one.error for one in found] == [""] * 4
    assert len(threads | {threading.get_ident()}) == 5
    for n, one in enumerate(found):
        assert np.array_equal(one.result, (n + 1) * right(_X, _SPEC))


def test_calls_together_start_when_all_are_ready(monkeypatch: pytest.MonkeyPatch) -> None:
    """No call begins before every thread has come as far."""
    arrived: list[int] = []
    started: list[str] = []

    class Barrier(threading.Barrier):
        def wait(self, timeout: float | None = None) -> int:
            arrived.append(len(started))
            return super().wait(timeout)

    monkeypatch.setattr("threading.Barrier", Barrier)
    noting(started).together(calls_of("im2col", _SPEC, [[_X]] * 3))
    assert arrived == [0, 0, 0]
    assert len(started) == 3


def test_one_of_several_that_raises_costs_itself() -> None:
    def im2col(x: Array, spec: ConvSpec) -> Array:
        if x[0, 0, 0, 0] == 99:
            raise SystemExit(3)
        return right(x, spec)

    odd = _X.copy()
    odd[0, 0, 0, 0] = 99
    found = caller(im2col).together(calls_of("im2col", _SPEC, [[_X], [odd], [_X]]))
    assert [one.error.partition(" (")[0] for one in found] == ["", "SystemExit: 3", ""]


def test_a_sample_is_of_the_result_on_data_made_here() -> None:
    points = [(0, 0, 0), (1, 17, 23), (0, 5, 3)]
    found = caller(right).sample("im2col", _SPEC, "float64", "seed", points)
    (x,) = data.pooled("im2col", _SPEC, "float64", "seed")
    whole = by_taps.run("im2col", _SPEC, x)
    assert found.shape == (2, 18, 24)
    assert found.result.tolist() == [whole[point] for point in points]
    assert found.result.dtype == np.float64


def test_a_sample_of_what_is_no_result_is_described() -> None:
    assert caller(lambda x, spec: None).sample("im2col", _SPEC, "float32", "s", [(0, 0, 0)]).kind == "builtins.NoneType"
    flat = caller(lambda x, spec: right(x, spec).ravel()).sample("im2col", _SPEC, "float32", "s", [(0, 0, 0)])
    assert flat.shape == (_SPEC.columns_shape[0] * _SPEC.columns_shape[1] * _SPEC.columns_shape[2],)

    def raises(x: Array, spec: ConvSpec) -> Array:
        raise MemoryError("all of it")

    assert caller(raises).sample("im2col", _SPEC, "float32", "s", [(0, 0, 0)]).error.startswith("MemoryError: all")


def test_what_raised_may_have_changed_its_inputs() -> None:
    def im2col(x: Array, spec: ConvSpec) -> Array:
        x[...] = 0
        raise ValueError("after all")

    found = caller(im2col).call("im2col", _SPEC, [_X])
    assert found.error.startswith("ValueError: after all")
    assert found.changed == ["the bytes of argument 0"]
    assert not found.died


def test_a_result_in_the_memory_of_an_argument_is_seen_by_its_number() -> None:
    class Views(Right):
        def conv2d(self, x: Array, w: Array, b: Array | None, spec: ConvSpec) -> Array:
            return w

    arrays = data.exact("conv2d", _SPEC, "float32", "x")
    backend = InProcess(complete(Views(), "mine", "mine"))
    assert backend.call("conv2d", _SPEC, arrays).shares == ["argument 1"]
    assert backend.call("conv2d", _SPEC, arrays).shares == ["argument 1"]  # another copy: not that of the call before


def test_ctrl_c_is_no_error_of_the_backend() -> None:
    def im2col(x: Array, spec: ConvSpec) -> Array:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        caller(im2col).call("im2col", _SPEC, [_X])


def test_conversions_are_part_of_the_call() -> None:
    """The backend's own arrays are made of the given ones, and its result is brought back."""

    class Device:
        def __init__(self, host: Array) -> None:
            self.host = host

    members = {
        "from_numpy": staticmethod(lambda a: Device(a.copy())),
        "to_numpy": staticmethod(lambda a: a.host),
        "synchronize": staticmethod(lambda a: None),
    }

    def im2col(x: Any, spec: ConvSpec) -> Device:
        return Device(right(x.host, spec))

    backend = caller(im2col, **members)
    found = backend.call("im2col", _SPEC, [_X])
    assert (found.error, found.kind, found.shares) == ("", "numpy.ndarray", [])
    assert np.array_equal(found.result, right(_X, _SPEC))
    points = [(0, 1, 2)]
    assert backend.sample("im2col", _SPEC, "float32", "s", points).error == ""
