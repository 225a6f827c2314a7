"""The wheel in an empty environment: the program, the suite in one's own tests, and a backend from another wheel."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import harness
from backends import BUILTIN
from harness.tests.helpers.house.installed import Environment, build
from harness.tests.helpers.plugins import GOOD

pytestmark = pytest.mark.heavy

_PROJECT = """\
[build-system]
requires = ["setuptools"]
build-backend = "setuptools.build_meta"

[project]
name = "their-package"
version = "1.0"

[project.entry-points."im2col_harness.backends"]
theirs = "their_package.kernels"

[tool.setuptools]
packages = ["their_package"]
"""


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> Environment:
    """The wheel of this repository, and one of another package that registers a backend."""
    made = Environment(tmp_path_factory.mktemp("environment"))
    wheel = build(tmp_path_factory.mktemp("build"))
    theirs = tmp_path_factory.mktemp("theirs")
    (theirs / "their_package").mkdir()
    for name, text in (
        ("pyproject.toml", _PROJECT),
        ("their_package/__init__.py", ""),
        ("their_package/kernels.py", GOOD),
    ):
        (theirs / name).write_text(text, encoding="utf-8")
    for what in (wheel, theirs):
        code, said = made.run(theirs, f"pip install -q '{what}'")
        assert code == 0, said
    return made


def succeeds(environment: Environment, folder: Path, line: str) -> str:
    """The output of a line that has to end well."""
    code, said = environment.run(folder, line)
    assert code == 0, said
    return said


def test_it_is_the_package_of_the_environment(environment: Environment, tmp_path: Path) -> None:
    said = succeeds(
        environment,
        tmp_path,
        "python -c 'import harness, conformance, backends; print(harness, conformance, backends)'",
    )
    assert said.count(str(environment.packages)) == 3
    assert succeeds(environment, tmp_path, "command -v harness").strip() == str(environment.bin / "harness")


def test_the_program(environment: Environment, tmp_path: Path) -> None:
    assert succeeds(environment, tmp_path, "harness --version").strip() == harness.__version__
    listed = succeeds(environment, tmp_path, "harness list backends")
    assert set(BUILTIN) | {"theirs"} <= {line.split()[0] for line in listed.splitlines() if line}
    assert "values.exact" in succeeds(environment, tmp_path, "harness list checks")
    assert "resnet50" in succeeds(environment, tmp_path, "harness list shapes resnet50")
    assert re.search(
        r"numpy_fancy +pass +(\d+) of \1 ", succeeds(environment, tmp_path, "harness check numpy_fancy --tier 0")
    )
    assert "adjoint" in succeeds(environment, tmp_path, "harness explain law.adjoint")
    assert "im2col" in succeeds(environment, tmp_path, "harness explain 3x3 --kernel 2 --html picture.html")
    assert "<html" in (tmp_path / "picture.html").read_text(encoding="utf-8")


@pytest.mark.parametrize("library", ["numpy", "c"])
def test_a_new_plug_in_and_its_tests(environment: Environment, tmp_path: Path, library: str) -> None:
    succeeds(environment, tmp_path, f"harness new mine --library {library}")
    found = succeeds(environment, tmp_path, "harness check ./mine.py --tier 0")
    assert re.search(r"mine +(pass|unavailable) +(\d+) of \2 ", found)
    assert re.search(r"\d+ passed", succeeds(environment, tmp_path, "pytest -q -p no:cacheprovider test_mine.py"))


def test_a_backend_of_another_wheel(environment: Environment, tmp_path: Path) -> None:
    assert re.search(r"theirs +pass +(\d+) of \1 ", succeeds(environment, tmp_path, "harness check theirs --tier 0"))
    (tmp_path / "test_theirs.py").write_text(
        "from conformance.pytest_suite import ConformanceSuite\n\n\n"
        "class TestTheirs(ConformanceSuite):\n    backend = 'theirs'\n    tier = 0\n", encoding="utf-8",
    )  # fmt: skip
    assert re.search(r"\d+ passed", succeeds(environment, tmp_path, "pytest -q -p no:cacheprovider test_theirs.py"))


@pytest.mark.parametrize("start", ["harness", "python -m harness"])
def test_folders_of_our_names_in_the_users_folder_do_no_harm(
    environment: Environment, tmp_path: Path, start: str
) -> None:
    for name in ("backends", "conformance", "harness"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "__init__.py").write_text(f"raise SystemExit('the {name} of the user')\n", encoding="utf-8")
    if start != "harness":  # Python itself takes what lies in the current folder for the module that is asked for
        (tmp_path / "harness" / "__init__.py").unlink()
        (tmp_path / "harness").rmdir()
    said = succeeds(environment, tmp_path, f"{start} check numpy_fancy --tier 0")
    assert re.search(r"numpy_fancy +pass +(\d+) of \1 ", said)
