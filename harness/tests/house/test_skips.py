"""Skips are counted, and a group that is skipped wholly must lack what it says it lacks."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from harness.tests.helpers.house.skips import Skips, group_of, is_missing


def _skips() -> Skips:
    return Skips(missing=lambda name: name == "cupy")


@pytest.mark.parametrize(
    ("reason", "holds"),
    [
        ("No module named 'cupy'", True),
        ("cupy_kernels is unavailable: No module named 'cupy'", True),
        ("could not import 'cupy': No module named 'cupy'", True),
        ("cupy is not installed", True),
        ("No module named 'torch'", False),  # it is installed: something else is wrong
        ("torch is not installed", False),
        ("the package nvidia-cuda-nvrtc is missing", False),
        ("cupy_kernels is unavailable: no CUDA device", True),
        ("torch_native_cuda is unavailable: torch 2.13.0+cpu is built without CUDA", True),
        ("this CPU has no AVX2", True),
        ("octave_loop is unavailable: no-such-program is not on PATH: apt-get install it", True),
        ("octave_loop is unavailable: sh is not on PATH: apt-get install it", False),
        ("not today", False),
        ("", False),
    ],
)
def test_a_reason_holds_if_what_it_says_is_missing_is_missing(reason: str, holds: bool) -> None:
    assert _skips().holds(reason) is holds


def test_a_group_is_unexplained_only_if_nothing_of_it_ran() -> None:
    skips = _skips()
    skips.saw("a.py::test_1", "not today")
    skips.saw("a.py::test_2", None)
    skips.saw("b.py::test_1", "not today")
    skips.saw("b.py::test_2", "not today")
    skips.saw("c.py", "No module named 'cupy'")
    skips.saw("d.py::test_1", "")
    assert skips.unexplained() == [
        "b.py: all 2 were skipped: not today", "d.py: all 1 were skipped: no reason was given",
    ]  # fmt: skip
    assert skips.reasons == {"not today": 3, "No module named 'cupy'": 1, "": 1}


def test_one_reason_that_does_not_hold_is_enough() -> None:
    skips = _skips()
    skips.saw("a.py::test_1", "No module named 'cupy'")
    skips.saw("a.py::test_2", "not today")
    assert skips.unexplained() == ["a.py: all 2 were skipped: not today"]


def test_the_conformance_suite_is_a_group_for_each_backend() -> None:
    assert group_of("conformance/test_conformance.py::test_check[numpy_fancy-values.exact-im2col-float32]") == (
        "conformance/test_conformance.py[numpy_fancy]"
    )
    assert group_of("harness/tests/oracle/test_oracles.py::test_it[numpy_fancy-1]") == (
        "harness/tests/oracle/test_oracles.py"
    )


def test_what_is_missing_is_looked_for_under_its_module_name() -> None:
    assert is_missing("no_such_package_anywhere")
    assert not is_missing("numpy")
    assert is_missing("mkdocs-material") is is_missing("material")


@pytest.mark.parametrize(("body", "code"), [("pytest.skip('not today')", 1), ("pass", 0)])
def test_a_run_with_a_group_skipped_for_nothing_is_red(tmp_path: Path, body: str, code: int) -> None:
    (tmp_path / "conftest.py").write_text(
        "from harness.tests.helpers.house.skips import Skips\n"
        "def pytest_configure(config): config.pluginmanager.register(Skips())\n"
    )
    (tmp_path / "test_one.py").write_text(f"import pytest\ndef test_a(): {body}\n")
    (tmp_path / "test_two.py").write_text("def test_b(): pass\n")
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", f"--rootdir={tmp_path}", str(tmp_path)],
        check=False, text=True, capture_output=True, timeout=300,
    )  # fmt: skip
    assert done.returncode == code, done.stdout
    assert ("a whole group was skipped: test_one.py: all 1 were skipped: not today" in done.stdout) is bool(code)
