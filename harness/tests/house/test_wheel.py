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

_LAYER = "n1c3h12w11_f4kh3kw2"
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


def hide(folder: Path, *names: str) -> None:
    """Packages of these names in a folder, which end the process that imports one."""
    for name in names:
        (folder / name).mkdir()
        (folder / name / "__init__.py").write_text(f"raise SystemExit('the {name} of the user')\n", encoding="utf-8")


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


def test_measuring_in_a_folder_that_has_packages_of_our_names(environment: Environment, tmp_path: Path) -> None:
    """All that measures is in processes of its own, which find ours."""
    hide(tmp_path, "backends", "conformance", "harness")
    what = f"--ops im2col --shapes {_LAYER}"
    said = succeeds(environment, tmp_path, f"harness compare numpy_fancy matlab_loop {what} --pairs 2 --processes 1")
    assert "numpy_fancy" in said
    said = succeeds(environment, tmp_path, f"harness bench numpy_fancy matlab_loop {what} --budget 0.05 --results kept")
    assert "measured 2 of 2 cells" in said
    assert f"kept/runs/{re.findall('kept/runs/(.*)', said)[-1]}" == said.splitlines()[-1]
    succeeds(environment, tmp_path, "harness report --results kept --out page")
    assert "numpy_fancy" in (tmp_path / "page" / "index.html").read_text(encoding="utf-8")


@pytest.mark.slow  # what is not built in is checked before it is timed
def test_plug_ins_are_measured(environment: Environment, tmp_path: Path) -> None:
    succeeds(environment, tmp_path, "harness new mine")
    what = f"--ops im2col --shapes {_LAYER}"
    said = succeeds(environment, tmp_path, f"harness compare ./mine.py theirs {what} --pairs 2 --processes 1")
    assert "theirs" in said
    said = succeeds(environment, tmp_path, f"harness bench theirs ./mine.py {what} --budget 0.05 --results kept")
    assert "measured 2 of 2 cells" in said
    succeeds(environment, tmp_path, "harness report --results kept --out page")
    assert "theirs" in (tmp_path / "page" / "index.html").read_text(encoding="utf-8")


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
    hide(tmp_path, "backends", "conformance")
    if start == "harness":  # else Python itself takes what lies in the current folder for the module that is asked for
        hide(tmp_path, "harness")
    said = succeeds(environment, tmp_path, f"{start} check numpy_fancy --tier 0")
    assert re.search(r"numpy_fancy +pass +(\d+) of \1 ", said)
