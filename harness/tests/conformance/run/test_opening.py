"""How the backends of a run are opened: here or in a child, said while it lasts, unavailable or none; and ended."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import groupby
from typing import Any

import pytest

from conformance.cases.case import SelectionError
from conformance.cases.selection import Selection
from conformance.run import plan as planning
from conformance.run import suite_run
from conformance.run.suite_run import Options, SuiteRun
from conformance.run.xfails import KnownFailure
from harness.calls.in_child import Program
from harness.contract import registry
from harness.contract.protocol import BackendUnavailable
from harness.contract.status import Verdict
from harness.contract.targets import RegistryError, Target
from harness.geometry.spec import ConvSpec, Op
from harness.tests.helpers.suite.fakes import FakeCaller
from harness.tests.helpers.suite.opened import FakeChild, FakeHere
from harness.tests.helpers.suite.runs import a_run, of
from harness.tests.helpers.suite.scripted import a_check, only

_SPECS = [ConvSpec.parse(f"n{n}c1h2w2_f1kh1kw1") for n in (1, 2, 3)]
_BUILTIN = Target("numpy_fancy", "numpy_fancy", "numpy_fancy")
_MINE = Target("mine.py", "mine", "mine.py")


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Two checks in place of all, and no backend is really opened."""
    monkeypatch.setattr(suite_run, "InChild", FakeChild)
    monkeypatch.setattr(suite_run, "InProcess", FakeHere)
    monkeypatch.setattr(registry, "load", lambda target: f"loaded {target.name}")
    monkeypatch.setattr(suite_run, "available", lambda: 77)
    monkeypatch.setattr(planning, "available", lambda: 0)
    monkeypatch.setattr(FakeChild, "closed", [])
    with only(a_check("a.x", _SPECS), a_check("a.y", _SPECS[:1])):
        yield


@pytest.mark.parametrize(
    ("target", "tier", "isolate", "child"),
    [
        (_BUILTIN, 1, True, None), (_BUILTIN, 3, True, None), (_BUILTIN, 4, True, (30.0, 77)),
        (_BUILTIN, 4, False, None), (_MINE, 1, True, (30.0, 2 * 2**30)), (_MINE, 3, True, (30.0, 2 * 2**30)),
        (_MINE, 4, True, (30.0, 77)), (_MINE, 1, False, None), (_MINE, 4, False, None),
    ],
)  # fmt: skip
def test_where_a_backend_is_called(target: Target, tier: int, isolate: bool, child: tuple[float, int] | None) -> None:
    """Built-in ones here up to tier 3, all others in a child; tier 4 may use the memory that there is."""
    program = Program("a.module", {"OF": "its own"})
    made = SuiteRun(Options(of(tier), deadline=30.0, isolate=isolate, program=program))
    made.add(target)
    (backend,) = made.backends
    assert backend.is_isolated is (child is not None)
    if isinstance(backend.caller, FakeChild):
        assert backend.caller.opened == (target, *(child or ()))
        assert backend.caller.program is program
    else:
        assert backend.caller is not None
        assert backend.caller.name == f"loaded {target.name}"


def test_backends_are_planned_in_the_order_given() -> None:
    made = SuiteRun(Options(of()))
    made.add_all([_MINE, _BUILTIN], named=True)
    assert [backend.target for backend in made.backends] == [_MINE, _BUILTIN]
    assert [backend.result.backend for backend in made.backends] == ["mine", "loaded numpy_fancy"]
    assert [backend.result.planned for backend in made.backends] == [4, 4]
    assert made.planned == 8


def test_what_may_take_long_is_said_while_it_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    events: list[str] = []

    @contextmanager
    def waiting(text: str) -> Iterator[None]:
        events.append(text)
        yield
        events.append("done")

    class Told(FakeChild):
        def __init__(self, *arguments: Any) -> None:
            events.append("opened")
            super().__init__(*arguments)

        def unsupported(self, op: Op, spec: ConvSpec, dtype: str) -> str | None:
            events.append("asked")
            return None

    monkeypatch.setattr(suite_run, "InChild", Told)
    SuiteRun(Options(of(pattern="a.y"), deadline=20.0)).add_all([_MINE], True, waiting)
    assert [event for event, _ in groupby(events)] == [
        "mine to load, 120 s (6 times the deadline of a call, 30 s at least) at most", "opened", "done",
        "mine to say what it does not do", "asked", "done",
    ]  # fmt: skip


def _raises(error: Exception) -> Callable[..., Any]:
    def load(*arguments: object) -> Any:
        raise error

    return load


@pytest.mark.parametrize("named", [True, False])
def test_an_unavailable_backend_is_one_of_the_results(named: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "load", _raises(BackendUnavailable("no card")))
    made = SuiteRun(Options(of()))
    made.add_all([_BUILTIN], named)
    (backend,) = made.backends
    assert (backend.result.backend, backend.result.unavailable, backend.caller) == ("numpy_fancy", "no card", None)
    assert (backend.result.narrowed, backend.result.verdict, backend.is_isolated) == (True, "unavailable", False)
    made.run()
    made.close()
    assert backend.result.verdict is Verdict.UNAVAILABLE
    assert made.planned == 0


def test_no_backend_is_an_error_if_it_was_named_and_a_result_if_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(suite_run, "InChild", _raises(RegistryError("is none")))
    with pytest.raises(RegistryError, match="is none"):
        SuiteRun(Options(Selection())).add(_MINE)
    made = SuiteRun(Options(Selection()))
    made.add(_MINE, named=False)
    assert (made.backends[0].result.unavailable, made.backends[0].result.narrowed) == ("is none", False)


def test_a_wrong_selection_leaves_no_child() -> None:
    made = SuiteRun(Options(of(pattern="nope")))
    with pytest.raises(SelectionError):
        made.add(_MINE)
    assert [child.name for child in FakeChild.closed] == ["mine"]
    assert made.backends == []


def test_the_end_of_a_run_ends_its_children() -> None:
    with SuiteRun(Options(of())) as made:
        made.add_all([_MINE, _BUILTIN, Target("other.py", "other", "other.py")], named=True)
        assert FakeChild.closed == []
    assert [child.name for child in FakeChild.closed] == ["mine", "other"]


def test_known_failures_are_marked_in_the_plan() -> None:
    made = a_run(FakeCaller(), options=Options(of(), known=[KnownFailure("a.y", "ours", 1)]))
    (backend,) = made.backends
    assert [case.known_reason for case in backend.result.cases] == ["", "", "", "ours"]
