"""Calls at the same moment: none begins before every thread has started, and each has arrays of its own."""

from __future__ import annotations

import threading
from typing import Any

import numpy as np
import pytest

from harness.calls.in_process import InProcess
from harness.contract.adapter import complete
from harness.contract.protocol import Array
from harness.geometry.spec import ConvSpec, Op
from harness.tests.helpers.children.calls import calls_of
from harness.tests.helpers.faults.faulty import Right, result

_SPEC = ConvSpec.parse("n2c3h6w7_f4kh3kw2")
_X = np.arange(252, dtype=np.float32).reshape(_SPEC.x_shape)


def caller(kind: type[Right]) -> InProcess:
    """A backend that is called here."""
    return InProcess(complete(kind(), "x", "x"))


def test_no_call_begins_before_every_thread_has_started(monkeypatch: pytest.MonkeyPatch) -> None:
    """The last thread starts late: a call that does not wait for it has long begun by then."""
    said: list[str] = []
    a_call_began = threading.Event()

    class Thread(threading.Thread):
        started = 0

        def start(self) -> None:
            Thread.started += 1
            if Thread.started == 4:
                a_call_began.wait(0.5)
            said.append("start")
            super().start()

    def note(op: Op, spec: ConvSpec, out: Any, arrays: tuple[Array | None, ...]) -> Any:
        said.append("call")
        a_call_began.set()
        return out

    monkeypatch.setattr(threading, "Thread", Thread)
    results = caller(result(note)).together(calls_of("im2col", _SPEC, [[_X]] * 4))
    assert said == ["start"] * 4 + ["call"] * 4
    assert [r.error for r in results] == [""] * 4


def test_each_call_has_its_own_arrays_and_its_own_result() -> None:
    def spoil(op: Op, spec: ConvSpec, out: Any, arrays: tuple[Any, ...]) -> Any:
        arrays[0].fill(-1)
        return out

    given = [[_X * n] for n in (1, 2, 3)]
    results = caller(result(spoil)).together(calls_of("im2col", _SPEC, given))
    assert [r.result.max() for r in results] == [251, 502, 753]
    assert [a.max() for (a,) in given] == [251, 502, 753]


def test_one_that_fails_is_told_in_its_place() -> None:
    def fail(op: Op, spec: ConvSpec, out: Any, arrays: tuple[Any, ...]) -> Any:
        if arrays[0].max() == 502:
            raise SystemExit("no room")
        return out

    results = caller(result(fail)).together(calls_of("im2col", _SPEC, [[_X * n] for n in (1, 2, 3)]))
    assert [r.error.partition(" (")[0] for r in results] == ["", "SystemExit: no room", ""]
    assert results[1].result is None


def test_a_missing_argument_is_missing_in_every_call() -> None:
    x, w = np.ones(_SPEC.x_shape), np.ones(_SPEC.w_shape)
    results = caller(Right).together(calls_of("conv2d", _SPEC, [[x, w, None], [x, w, np.ones(4)]]))
    assert [r.result.max() for r in results] == [18, 19]
