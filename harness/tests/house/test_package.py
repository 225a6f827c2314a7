"""The package as it is installed: one version, and types that the users' own type checkers can read."""

from __future__ import annotations

import ast
import importlib
import re
import tomllib

import pytest

import harness
from harness.tests.helpers.imports import FILES, PACKAGES, ROOT

_PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


def assignments(source: str, name: str) -> list[str]:
    """The literals that a module assigns to a name, at any depth."""
    return [
        str(node.value.value)
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Assign)
        and isinstance(node.value, ast.Constant)
        and any(isinstance(target, ast.Name) and target.id == name for target in node.targets)
    ]


def test_the_version_stands_in_one_place() -> None:
    assert _PROJECT["project"]["dynamic"] == ["version"]
    assert "version" not in _PROJECT["project"]
    assert _PROJECT["tool"]["setuptools"]["dynamic"]["version"] == {"attr": "harness.__version__"}
    found = {name: assignments(path.read_text(encoding="utf-8"), "__version__") for name, path in FILES.items()}
    ours = {name: values for name, values in found.items() if values and "fake_cupy" not in name}
    assert ours == {"harness": [harness.__version__]}


def test_the_citation_is_of_this_version() -> None:
    yaml = pytest.importorskip("yaml", reason="PyYAML is not installed")
    cited = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    assert {"cff-version", "message", "title", "authors"} <= cited.keys()  # what the format demands
    assert cited["version"] == harness.__version__
    assert cited["title"] == _PROJECT["project"]["name"]
    assert cited["license"] == _PROJECT["project"]["license"]


def test_setuptools_finds_the_version() -> None:
    expand = pytest.importorskip("setuptools.config.expand", reason="setuptools is not installed")
    assert expand.read_attr("harness.__version__", root_dir=str(ROOT)) == harness.__version__


def test_the_oldest_versions_are_the_lower_bounds() -> None:
    """Of what the base install and the extras `numba` and `report` ask for: CI installs these."""
    project = _PROJECT["project"]
    extras = project["optional-dependencies"]
    lines = [*project["dependencies"], *extras["numba"], *extras["report"]]
    wanted: dict[str, str] = dict(line.split(">=") for line in lines)
    text = (ROOT / "constraints-oldest.txt").read_text(encoding="utf-8")
    oldest = dict(re.findall(r"^([\w-]+)==([\d.]+)$", text, re.M))
    assert {name: parts(version) for name, version in oldest.items()} == {
        name: parts(version) for name, version in wanted.items()
    }


def parts(version: str) -> list[int]:
    """A version as numbers: 3.1 and 3.1.0 are one.

    >>> parts("3.10.0"), parts("10")
    ([3, 10, 0], [10, 0, 0])
    """
    found = [int(part) for part in version.split(".")]
    return found + [0] * (3 - len(found))


@pytest.mark.parametrize("package", PACKAGES)
def test_type_checkers_are_told_that_there_are_types(package: str) -> None:
    marker = ROOT / package / "py.typed"
    assert marker.is_file()
    assert "py.typed" in _PROJECT["tool"]["setuptools"]["package-data"][package]
    assert importlib.import_module(package).__file__ == str(ROOT / package / "__init__.py")


def test_mypy_looks_at_all_packages() -> None:
    assert sorted(_PROJECT["tool"]["mypy"]["packages"]) == sorted(PACKAGES)
    assert _PROJECT["tool"]["mypy"]["strict"] is True


def test_another_version_would_be_seen() -> None:
    assert assignments("if True:\n    __version__ = '2'", "__version__") == ["2"]
