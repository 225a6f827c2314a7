"""The package as users have it: a wheel, and an empty virtual environment with nothing of the repository on its path.

What the package depends on is not installed anew: the environment sees that of the tests, behind its own.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

from harness.tests.helpers.imports import PACKAGES, ROOT

_MOST = 900  # seconds that a command may take
_PIP = {
    "PIP_NO_DEPS": "1", "PIP_NO_INDEX": "1", "PIP_DISABLE_PIP_VERSION_CHECK": "1", "PIP_IGNORE_INSTALLED": "1",
    "PIP_NO_BUILD_ISOLATION": "0",  # pip reads a 0 here as no isolation
    "PIP_ROOT_USER_ACTION": "ignore",
}  # fmt: skip
_SCRIPTS = ("pip", "pytest")
_NEEDED = ("pyproject.toml", "README.md", "LICENSE")  # by a build of the wheel
_BESIDE = (".ci", ".github", "docs")  # folders that the sdist has, too


def build(folder: Path, source: Path | None = None) -> Path:
    """The wheel, built below `folder` from a copy of the repository, as a build leaves folders behind; or of `source`.

    Skips without setuptools.
    """
    source, out = source or _copy(folder), folder / "wheel"
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check"]
    succeed([*pip, "wheel", "--no-deps", "--no-build-isolation", "-q", "-w", str(out), str(source)])
    (wheel,) = out.glob("*.whl")
    return wheel


def build_sdist(folder: Path) -> Path:
    """The sdist, built below `folder` from a copy. Skips without setuptools."""
    source = _copy(folder, beside=True)
    code = "import sys; from setuptools import build_meta; build_meta.build_sdist(sys.argv[1])"
    succeed([sys.executable, "-c", code, str(folder)], source)
    (sdist,) = folder.glob("*.tar.gz")
    return sdist


def _copy(folder: Path, beside: bool = False) -> Path:
    """What a wheel is made of, below `folder`; `beside`: and the tests, and what lies beside the packages."""
    if importlib.util.find_spec("setuptools") is None:
        pytest.skip("setuptools is not installed, so nothing can be built without the network")
    source = folder / "source"
    ignored = shutil.ignore_patterns("__pycache__", *(() if beside else ("tests",)))
    for name in (*PACKAGES, *(_BESIDE if beside else ())):
        shutil.copytree(ROOT / name, source / name, ignore=ignored)
    for path in ROOT.iterdir():
        if path.is_file() and (beside or path.name in _NEEDED):
            shutil.copy(path, source)
    return source


def succeed(command: list[str], folder: Path | None = None) -> None:
    """Run a command that has to end well, in a folder."""
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


class Environment:
    """A virtual environment, and the programs in it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        succeed([sys.executable, "-m", "venv", "--without-pip", str(folder)])
        self.bin = folder / "bin"
        (self.packages,) = folder.glob("lib/python*/site-packages")
        places = dict.fromkeys(sysconfig.get_path(kind) for kind in ("purelib", "platlib"))
        (self.packages / "of_the_tests.pth").write_text("\n".join(places) + "\n", encoding="utf-8")
        for name in _SCRIPTS:
            script = self.bin / name
            script.write_text(f'#!/bin/sh\nexec "{self.bin}/python" -m {name} "$@"\n', encoding="utf-8")
            script.chmod(0o755)
        own = {k: v for k, v in os.environ.items() if not k.startswith(("PYTEST", "PIP_")) and k != "PYTHONPATH"}
        self._env = {**own, **_PIP, "PATH": f"{self.bin}{os.pathsep}{own['PATH']}", "PYTHONDONTWRITEBYTECODE": "1"}

    def run(self, folder: Path, line: str) -> tuple[int, str]:
        """Exit code and all output of a line as a shell takes it, typed in `folder`."""
        done = subprocess.run(["sh", "-c", line], cwd=folder, env=self._env, text=True, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, check=False, timeout=_MOST)  # fmt: skip
        return done.returncode, done.stdout
