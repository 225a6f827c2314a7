"""A backend given as a target, an object, a class or a module: what it is called, and how a shell could name it."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from conformance import opening
from conformance.cases.selection import Selection
from conformance.run.suite_run import Options
from harness.contract.adapter import AdapterError
from harness.contract.protocol import BackendUnavailable
from harness.contract.targets import Target
from harness.geometry.spec import ConvSpec
from harness.tests.helpers.faults.faulty import Right
from harness.tests.helpers.suite.scripted import a_check, only

_ME = "harness.tests.conformance.fronts.test_opening"


class Mine(Right):
    """A backend with a name of its own."""

    name = "my_own"


class NoDevice(Right):
    """Not to be had here."""

    def __init__(self) -> None:
        raise BackendUnavailable("no such device")


class NoLibrary(Right):
    """Needs what is not installed."""

    def __init__(self) -> None:
        raise ImportError("no module named cuda")


class Foreign(Right):
    """Unavailable in the words of somebody who does not import us."""

    def __init__(self) -> None:
        raise type("BackendUnavailable", (RuntimeError,), {})("no driver")


class Broken(Right):
    """Cannot be made, and that is its fault."""

    def __init__(self) -> None:
        raise ZeroDivisionError("in the constructor")


LIVE = Mine()
OPTIONS = Options(Selection())


@pytest.fixture(autouse=True)
def one_check() -> Iterator[None]:
    """One case in place of all."""
    with only(a_check("a.x", [ConvSpec.parse("n1c1h1w1_f1kh1kw1")], ops=["im2col"])):
        yield


def target_of(backend: Any) -> Target:
    """What is opened, as a target."""
    (run,) = opening.opened(backend, OPTIONS).backends
    return run.target


@pytest.mark.parametrize("text", ["numpy_fancy", Path("numpy_fancy")])
def test_a_text_or_a_path_is_a_target(text: object) -> None:
    assert target_of(text) == Target("numpy_fancy", "numpy_fancy", "numpy_fancy")


@pytest.mark.parametrize(
    ("backend", "name", "place"),
    [(Right, "right", "harness.tests.helpers.faults.faulty:Right"), (Mine, "my_own", f"{_ME}:Mine"),
     (LIVE, "my_own", f"{_ME}:LIVE"), (Right(), "right", "")],
    ids=["class", "named class", "global object", "object"],
)  # fmt: skip
def test_a_class_or_an_object_has_a_name_and_a_class_a_place(backend: Any, name: str, place: str) -> None:
    assert target_of(backend) == Target(place, name, place)


@pytest.fixture
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """A module in a file below here, with a class in it, that is no package's."""
    made = ModuleType("some_module")
    made.__file__ = str(tmp_path / "deep" / "some_module.py")
    made.__package__ = ""
    made.im2col, made.col2im = Right().im2col, Right().col2im  # type: ignore[attr-defined]
    made.Kind = type("Kind", (Right,), {"__module__": "some_module"})  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "some_module", made)
    monkeypatch.chdir(tmp_path)
    return made


def test_a_module_is_named_by_its_file(module: ModuleType) -> None:
    assert target_of(module) == Target("deep/some_module.py", "some_module", "deep/some_module.py")
    assert target_of(module.Kind) == Target("deep/some_module.py:Kind", "kind", "deep/some_module.py:Kind")


def test_a_class_of_a_package_is_named_by_its_module(module: ModuleType) -> None:
    module.__package__ = "some"
    assert opening.address(module.Kind) == "some_module:Kind"


def test_what_is_no_global_or_has_no_file_has_no_place(module: ModuleType) -> None:
    kind = module.Kind
    del module.Kind
    assert opening.address(kind) == ""
    module.__file__ = None
    assert opening.address(module) == ""
    assert opening.address(SimpleNamespace()) == ""


def test_a_path_is_relative_if_it_is_below(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert opening.shortest(str(tmp_path / "a" / "b.py")) == "a/b.py"
    (tmp_path / "inside").mkdir()
    monkeypatch.chdir(tmp_path / "inside")
    assert opening.shortest(str(tmp_path / "b.py")) == str((tmp_path / "b.py").resolve())


@pytest.mark.parametrize(("name", "called"), [("Has Blanks", "kind"), ("UPPER", "kind"), (7, "kind"), ("ok_9", "ok_9")])
def test_a_name_that_the_contract_does_not_allow_is_that_of_the_class(name: object, called: str) -> None:
    assert target_of(type("Kind", (Right,), {"name": name})()).name == called


@pytest.mark.parametrize(
    ("kind", "reason"), [(NoDevice, "no such device"), (NoLibrary, "no module named cuda"), (Foreign, "no driver")]
)
def test_a_backend_that_is_not_to_be_had_here_is_unavailable(kind: type[Right], reason: str) -> None:
    (run,) = opening.opened(kind, OPTIONS).backends
    assert (run.result.unavailable, run.caller, run.target.text) == (reason, None, f"{_ME}:{kind.__name__}")


def test_a_backend_that_cannot_be_made_and_what_is_none_are_errors() -> None:
    with pytest.raises(ZeroDivisionError):
        opening.opened(Broken, OPTIONS)
    with pytest.raises(AdapterError):
        opening.opened(object(), OPTIONS)


def test_a_live_object_is_called_in_this_process() -> None:
    (run,) = opening.opened(LIVE, OPTIONS).backends
    assert (run.is_isolated, run.result.planned) == (False, 1)
