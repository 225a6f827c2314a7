"""A library that is missing makes a plug-in unavailable; a mistake in its own code is an error that tells the line."""

from __future__ import annotations

import importlib.metadata
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest

from harness import BackendUnavailable, RegistryError, load
from harness.contract import plugin_files, targets
from harness.tests.helpers.plugins import GOOD, Write
from harness.tests.helpers.program import assert_one_line, harness, stored

Load = Callable[[object], tuple[str, str]]


@pytest.fixture(autouse=True)
def forgotten(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    """What a test imports, searches and remembers is forgotten after it; its folder is the current one."""
    modules, path, folders = dict(sys.modules), list(sys.path), list(plugin_files._folders)
    monkeypatch.chdir(tmp_path)
    yield
    for name in set(sys.modules) - set(modules):
        del sys.modules[name]
    sys.path[:], plugin_files._folders[:] = path, folders


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of installed packages."""
    folder = tmp_path / "environment" / "site-packages"
    folder.mkdir(parents=True)
    monkeypatch.syspath_prepend(str(folder))
    return folder


def package(folder: Path, name: str, **files: str) -> None:
    """A package of these modules; `init` is its first."""
    (folder / name).mkdir()
    for stem, text in {"init": "", **files}.items():
        (folder / name / f"{'__init__' if stem == 'init' else stem}.py").write_text(text, encoding="utf-8")


def said(target: object) -> tuple[str, str]:
    """The class of the error that loading gives, and its text."""
    with pytest.raises((BackendUnavailable, RegistryError)) as caught:
        load(str(target))
    return type(caught.value).__name__, str(caught.value)


def unavailable(reason: str) -> tuple[str, str]:
    return "BackendUnavailable", reason


def mistake(target: object, error: str) -> tuple[str, str]:
    return "RegistryError", f"backend {str(target)!r} cannot be imported: {error}"


# -- a library ---------------------------------------------------------------------------------------------------------


def test_a_library_that_is_not_installed(write: Write) -> None:
    path = write("mine.py", f"import a_library_not_installed\n{GOOD}")
    assert said(path) == unavailable("No module named 'a_library_not_installed' (mine.py, line 1)")


def test_a_part_of_a_library_that_this_version_lacks(write: Write, installed: Path) -> None:
    package(installed, "alibrary")
    assert said(write("mine.py", f"\nfrom alibrary import newer\n{GOOD}")) == unavailable(
        f"cannot import name 'newer' from 'alibrary' ({installed}/alibrary/__init__.py) (mine.py, line 2)"
    )
    assert said(write("part.py", f"import alibrary.newer\n{GOOD}")) == unavailable(
        "No module named 'alibrary.newer' (part.py, line 1)"
    )


@pytest.mark.parametrize(
    ("inside", "reason"),
    [
        ("import a_dependency_not_installed", "No module named 'a_dependency_not_installed' (mine.py, line 1)"),
        ("from typing import NotYet", "cannot import name 'NotYet' from 'typing' ("),
        ("raise ImportError('libcuda.so.1 is missing')", "libcuda.so.1 is missing"),
    ],
)
def test_a_library_that_cannot_be_imported(write: Write, installed: Path, inside: str, reason: str) -> None:
    """For want of its own dependency, of a newer Python, or of what it says itself."""
    package(installed, "alibrary", init=f"from alibrary import core\n{inside}\n", core="")
    kind, text = said(write("mine.py", f"import alibrary\n{GOOD}"))
    assert kind == "BackendUnavailable"
    assert text.startswith(reason)


def test_what_lies_beside_may_need_the_library(write: Write) -> None:
    write("helper.py", "X = 1\n\nimport a_library_not_installed\n")
    path = write("mine.py", f"import helper\n{GOOD}")
    assert said(path) == unavailable("No module named 'a_library_not_installed' (helper.py, line 3)")


def test_it_may_be_asked_for_by_a_call(write: Write) -> None:
    path = write("mine.py", f"import importlib\nimportlib.import_module('a_library_not_installed')\n{GOOD}")
    assert said(path) == unavailable("No module named 'a_library_not_installed' (mine.py, line 2)")


def test_an_import_error_without_a_module_is_meant(write: Write) -> None:
    path = write("mine.py", f"raise ImportError('needs a card of 2026')\n{GOOD}")
    assert said(path) == unavailable("needs a card of 2026")


def test_what_is_nearly_the_name_of_a_module_is_asked_for(write: Write) -> None:
    write("helper.py", "")
    for wrong, right in (("nunpy", "numpy"), ("helpr", "helper"), ("dataclases", "dataclasses")):
        kind, text = said(write("mine.py", f"import {wrong}\n{GOOD}"))
        assert (kind, text) == unavailable(f"No module named '{wrong}', did you mean '{right}'? (mine.py, line 1)")


# -- one's own code ----------------------------------------------------------------------------------------------------


def test_a_name_that_a_module_beside_does_not_have(write: Write) -> None:
    helper = write("helper.py", "def compute(): ...\n")
    path = write("mine.py", f"X = 1\nfrom helper import compuet\n{GOOD}")
    error = f"ImportError: cannot import name 'compuet' from 'helper' ({helper}) (mine.py, line 2)"
    assert said(path) == mistake(path, error)


def test_a_module_that_a_package_beside_does_not_have(write: Write, tmp_path: Path) -> None:
    package(tmp_path, "kernels", init="import kernels.fats\n", fast="")
    path = write("mine.py", f"import kernels\n{GOOD}")
    assert said(path) == mistake(path, "ModuleNotFoundError: No module named 'kernels.fats' (__init__.py, line 1)")


def test_what_lies_in_the_current_folder_is_ones_own_too(
    write: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(str(tmp_path))
    write("helper.py", "")
    (tmp_path / "tools").mkdir()
    path = tmp_path / "tools" / "mine.py"
    path.write_text(f"from helper import compute\n{GOOD}", encoding="utf-8")
    kind, text = said(path)
    assert kind == "RegistryError"
    assert text.endswith("(mine.py, line 1)")


@pytest.mark.parametrize(
    ("line", "error"),
    [
        ("from math import sqroot", "ImportError: cannot import name 'sqroot' from 'math'"),
        ("import os.paths", "ModuleNotFoundError: No module named 'os.paths'; 'os' is not a package"),
        ("from harness import ConvSpek", "ImportError: cannot import name 'ConvSpek' from 'harness'"),
        ("from . import helper", "ImportError: attempted relative import with no known parent package"),
    ],
)
def test_what_python_and_the_harness_do_not_have(write: Write, line: str, error: str) -> None:
    path = write("mine.py", f"\n\n{line}\n{GOOD}")
    kind, text = said(path)
    assert kind == "RegistryError"
    assert text.startswith(f"backend '{path}' cannot be imported: {error}")
    assert text.endswith("(mine.py, line 3)")


def test_a_file_that_hides_a_module_of_python(write: Write, installed: Path) -> None:
    """The library fails, but it is the user who has to rename a file."""
    package(installed, "alibrary", init="from colorsys import rgb_to_hsv\n")
    sys.modules.pop("colorsys", None)
    helper = write("colorsys.py", "")
    kind, text = said(write("mine.py", f"import alibrary\n{GOOD}"))
    assert kind == "RegistryError"
    assert f"cannot import name 'rgb_to_hsv' from 'colorsys' ({helper}" in text
    assert text.endswith("(mine.py, line 1)")


def test_a_factory_is_judged_alike(write: Write) -> None:
    write("helper.py", "")
    path = write(
        "mine.py", "def make():\n    import a_library_not_installed\n\n\ndef broken():\n    import helper.core\n"
    )
    assert said(f"{path}:make") == unavailable("No module named 'a_library_not_installed' (mine.py, line 2)")
    kind, text = said(f"{path}:broken")
    assert kind == "RegistryError"
    assert "cannot be made: ModuleNotFoundError: No module named 'helper.core'" in text
    assert text.endswith("(mine.py, line 6)")


# -- modules and entry points ------------------------------------------------------------------------------------------


@pytest.fixture
def registered(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pretend that a package registered `theirs`."""
    entry = SimpleNamespace(name="theirs", value="theirpackage.kernels", dist=SimpleNamespace(name="their-package"))
    monkeypatch.setattr(importlib.metadata, "entry_points", lambda *, group: [entry])
    monkeypatch.setattr(targets, "_installed", targets._installed.__wrapped__)


@pytest.mark.usefixtures("registered")
@pytest.mark.parametrize("target", ["theirs", "theirpackage.kernels:Mine"])
def test_a_package(installed: Path, target: str) -> None:
    """Its own modules are its own, though they are installed like those of a library."""
    package(installed, "theirpackage", kernels="import a_library_not_installed\n")
    assert said(target) == unavailable("No module named 'a_library_not_installed' (kernels.py, line 1)")
    (installed / "theirpackage" / "kernels.py").write_text("X = 1\nfrom theirpackage import nothing\n")
    kind, text = said(target)
    assert kind == "RegistryError"
    assert text.endswith("(kernels.py, line 2)")


def test_a_built_in_backend_says_what_is_missing_and_no_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "backends.numba_loops", raising=False)
    monkeypatch.setitem(sys.modules, "numba", None)
    assert said("numba_loops") == unavailable("import of numba halted; None in sys.modules")


# -- the program -------------------------------------------------------------------------------------------------------


def test_the_program_judges_the_others_and_exits_with_3(write: Write, tmp_path: Path) -> None:
    write("mine.py", f"import a_library_not_installed\n{GOOD}")
    write("good.py", GOOD)
    done = harness(tmp_path, "check", "mine.py", "good.py", "--tier", "0", "--ops", "im2col", "--json", "found.json")
    assert done.returncode == 3
    first, second = stored(tmp_path / "found.json")
    assert (first["verdict"], second["verdict"]) == ("unavailable", "pass")
    assert first["reason"] == "No module named 'a_library_not_installed' (mine.py, line 1)"


def test_the_program_calls_a_mistake_a_wrong_call(write: Write, tmp_path: Path) -> None:
    write("helper.py", "")
    write("mine.py", f"from helper import compute\n{GOOD}")
    assert_one_line(harness(tmp_path, "check", "mine.py", "--tier", "0"), "cannot import name 'compute'", "line 1")
