"""`pytest --pyargs conformance`: its options, which tests it makes, and that it does nothing in any other run."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from conformance import conftest, pytest_entry, test_conformance
from harness.contract import targets


class FakeSuite:
    """Remembers how it was opened; its one parameter is called by the prefix."""

    opened: list[tuple[str, dict[str, Any]]]

    def __init__(self, target: str, **choice: Any) -> None:
        if target == "nobody":
            raise ValueError("no backend is called 'nobody'")
        self.target = target
        FakeSuite.opened.append((target, choice))

    def parameters(self, prefix: str) -> list[str]:
        """One."""
        return [f"{prefix}group of {self.target}"]


@pytest.fixture(autouse=True)
def fake(monkeypatch: pytest.MonkeyPatch) -> None:
    """No suite is opened."""
    FakeSuite.opened = []
    monkeypatch.setattr(test_conformance, "Suite", FakeSuite)


def generated(**options: Any) -> list[tuple[str, list[str]]]:
    """What the front makes tests of, with these options."""
    found: list[tuple[str, list[str]]] = []
    config = SimpleNamespace(getoption=lambda name, default: options.get(name.removeprefix("--"), default))
    asked: Any = SimpleNamespace(config=config, parametrize=lambda names, values: found.append((names, values)))
    test_conformance.pytest_generate_tests(asked)
    return found


def test_the_backends_asked_for_are_tested_with_the_options() -> None:
    found = generated(backend=["numpy_fancy", "a=naive_loops"], check="law.*", tier=2)
    assert found == [("group", ["numpy_fancy-group of numpy_fancy", "a-group of a=naive_loops"])]
    choice = {"check": "law.*", "tier": 2}
    assert FakeSuite.opened == [("numpy_fancy", choice), ("a=naive_loops", choice)]


def test_without_options_all_registered_backends_are(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(targets, "names", lambda: ["naive_loops", "numpy_fancy"])
    generated()
    assert FakeSuite.opened == [("naive_loops", {"check": ""}), ("numpy_fancy", {"check": ""})]


def test_a_wrong_option_is_an_error_of_collection() -> None:
    with pytest.raises(pytest.Collector.CollectError, match="no backend is called 'nobody'"):
        generated(backend=["numpy_fancy", "nobody"])


def test_each_test_calls_its_group() -> None:
    called: list[str] = []
    test_conformance.test_group(lambda: called.append("called"))  # type: ignore[arg-type]
    assert called == ["called"]


def test_the_options_of_the_front() -> None:
    taken: dict[str, dict[str, Any]] = {}
    group = SimpleNamespace(addoption=lambda name, **how: taken.update({name: how}))
    parser: Any = SimpleNamespace(getgroup=lambda name, text: group)
    conftest.pytest_addoption(parser)
    assert list(taken) == ["--backend", "--check", "--tier"]
    assert (taken["--backend"]["action"], taken["--backend"]["default"]) == ("append", [])
    assert (taken["--check"]["default"], taken["--tier"]["type"], taken["--tier"]["default"]) == ("", int, 1)


@pytest.mark.parametrize(
    ("arguments", "is_loaded"),
    [
        (["--pyargs", "conformance", "--backend", "x"], True), (["--pyargs", "conformance.test_conformance"], True),
        (["--pyargs", "conformance::test_group"], True), (["conformance"], False),
        (["--pyargs", "mine"], False), ([], False),
    ],
)  # fmt: skip
@pytest.mark.parametrize("has_it", [False, True])
def test_the_conftest_is_loaded_once_and_only_if_the_suite_is_asked_for(
    arguments: list[str], is_loaded: bool, has_it: bool
) -> None:
    registered: list[tuple[object, str]] = []
    manager = SimpleNamespace(
        has_plugin=lambda path: has_it, register=lambda plugin, path: registered.append((plugin, path))
    )
    config: Any = SimpleNamespace(pluginmanager=manager)
    pytest_entry.pytest_load_initial_conftests(config, arguments)
    assert registered == ([(conftest, conftest.__file__)] if is_loaded and not has_it else [])
