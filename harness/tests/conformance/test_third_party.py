"""The suite from a wheel, in a folder where nothing of the repository lies: what third parties have."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from harness.tests.helpers.house.installed import build, succeed
from harness.tests.helpers.plugins import GOOD, edited

pytestmark = pytest.mark.heavy

_ROOT = Path(__file__).resolve().parents[3]
_ASSIGNED = edited("] += taps[", "] = taps[")  # overlapping windows assigned, not added

_USERS_TESTS = """\
import mine
from conformance.pytest_suite import ConformanceSuite, parametrize_checks


class TestMine(ConformanceSuite):
    backend = "mine.py"
    tier = 0
    dtypes = ["float32"]


class TestAsModule(TestMine):
    backend = mine


@parametrize_checks("mine.py", tier=0, ops=["col2im"], isolate=False)
def test_decorated(check):
    check()
"""


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the packages of the wheel."""
    target = tmp_path_factory.mktemp("target")
    wheel = build(tmp_path_factory.mktemp("build"))
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check"]
    succeed([*pip, "install", "--no-deps", "-q", "--target", str(target), str(wheel)])
    return target


class Elsewhere:
    """An empty folder, and Python there with the wheel's packages before those of this repository."""

    def __init__(self, folder: Path, target: Path) -> None:
        self.folder = folder
        self._env = {k: v for k, v in os.environ.items() if not k.startswith("PYTEST")} | {"PYTHONPATH": str(target)}

    def write(self, name: str, text: str) -> None:
        (self.folder / name).write_text(text, encoding="utf-8")

    def run(self, *arguments: str) -> tuple[int, str]:
        """Exit code and all output of `python ARGUMENTS`."""
        done = subprocess.run([sys.executable, *arguments], cwd=self.folder, env=self._env, text=True,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)  # fmt: skip
        return done.returncode, done.stdout


@pytest.fixture
def elsewhere(installed: Path, tmp_path: Path) -> Elsewhere:
    return Elsewhere(tmp_path, installed)


def test_the_packages_are_those_of_the_wheel(elsewhere: Elsewhere, installed: Path) -> None:
    _, shown = elsewhere.run("-c", "import backends, conformance, harness.cli.main as h\n"
                                   "for m in (backends, conformance, h): print(m.__file__)")  # fmt: skip
    assert [Path(line).is_relative_to(installed) for line in shown.split()] == [True] * 3, shown


def test_the_plug_in_of_the_readme(elsewhere: Elsewhere) -> None:
    (code,) = re.findall(r"```python\n(.*?)```", (_ROOT / "README.md").read_text(encoding="utf-8"), re.S)
    elsewhere.write("mine.py", code)
    exit_code, shown = elsewhere.run("-m", "harness", "check", "./mine.py", "--tier", "0")
    assert exit_code == 0, shown
    assert re.search(r"mine +pass +(\d+) of \1 ", shown)


def test_a_users_test_tree(elsewhere: Elsewhere) -> None:
    elsewhere.write("mine.py", GOOD)
    elsewhere.write("test_mine.py", _USERS_TESTS)
    code, shown = elsewhere.run("-m", "pytest", "-p", "no:cacheprovider", "-v", "test_mine.py")
    assert code == 0, shown
    for test in ("TestMine::test_conformance[values.exact/col2im/float32]", "TestMine::test_nothing_left_out",
                 "TestAsModule::test_conformance[contract.shape/im2col/float32]",
                 "test_decorated[values.real/col2im/float64]"):  # fmt: skip
        assert f"test_mine.py::{test} PASSED" in shown


def test_a_users_test_tree_with_a_fault(elsewhere: Elsewhere) -> None:
    elsewhere.write("mine.py", _ASSIGNED)
    elsewhere.write("test_mine.py", _USERS_TESTS)
    code, shown = elsewhere.run("-m", "pytest", "-p", "no:cacheprovider", "test_mine.py")
    assert code == 1, shown
    for test in ("TestMine::test_conformance[values.exact/col2im/float32]",
                 "TestAsModule::test_conformance[values.exact/col2im/float32]",
                 "test_decorated[values.exact/col2im/float64]"):  # fmt: skip
        assert f"FAILED test_mine.py::{test}" in shown
    assert "FAILED test_mine.py::TestMine::test_conformance[values.exact/im2col" not in shown
    (repro, *_) = re.findall(r"repro: harness (check .*)", shown)
    assert elsewhere.run("-m", "harness", *repro.split())[0] == 1


def test_refused_and_known_to_fail(elsewhere: Elsewhere) -> None:
    refusing = (
        GOOD + "\n\ndef unsupported(op, spec, dtype):\n    return None if dtype == 'float32' else 'single only'\n"
    )
    elsewhere.write("mine.py", refusing.replace("] += taps[", "] = taps["))
    elsewhere.write("test_mine.py", """\
from conformance.pytest_suite import ConformanceSuite

class TestMine(ConformanceSuite):
    backend = "mine.py"
    tier = 0
    ops = "col2im"
    isolate = False
    xfails = {"values.*/col2im/float32/*": "assigned, not added"}

class TestStale(TestMine):
    ops = ()
    xfails = {"values.*/im2col/*": "long mended", "law.nothing": "never was", "values.*/c*": "assigned, not added"}
""")  # fmt: skip
    code, shown = elsewhere.run("-m", "pytest", "-p", "no:cacheprovider", "-rfsx", "test_mine.py")
    assert code == 1, shown
    assert "3 known to fail: assigned, not added" in shown
    assert "cases refused: single only" in shown
    (failed,) = re.findall(r"FAILED (.*)", shown)
    assert "TestStale::test_nothing_left_out" in failed
    assert "'values.*/im2col/*' (line 1) passes in every case" in shown
    assert "'law.nothing' (line 2) matches no case" in shown


def test_pytest_finds_the_suite_and_its_options(elsewhere: Elsewhere) -> None:
    elsewhere.write("mine.py", _ASSIGNED)
    suite = ("-m", "pytest", "-p", "no:cacheprovider", "--pyargs", "conformance", "--backend", "./mine.py")
    code, shown = elsewhere.run(*suite, "--check", "values.exact/*", "--tier", "0")
    assert code == 1, shown
    assert "test_group[mine-values.exact/col2im/float32]" in shown
    assert elsewhere.run(*suite, "--check", "contract.dtype", "--tier", "0")[0] == 0
    assert elsewhere.run("-m", "pytest", "--help")[1].count("--backend") == 0  # nobody else's pytest has our options


def test_the_call_from_a_script(elsewhere: Elsewhere) -> None:
    elsewhere.write("mine.py", GOOD)
    elsewhere.write("script.py", "import conformance, json\n"
                                 "print(json.dumps(conformance.check('mine.py', tier=0).to_json()))\n")  # fmt: skip
    code, shown = elsewhere.run("script.py")
    assert code == 0, shown
    found = json.loads(shown)
    assert (found["verdict"], found["isolated"], found["tier"]) == ("pass", True, 0)
