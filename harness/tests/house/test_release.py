"""A tag is released only if version, citation and changelog say the same; what is built is the same both ways."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from pathlib import Path

import pytest

import harness
from harness.tests.helpers.house.installed import build, build_sdist
from harness.tests.helpers.imports import PACKAGES, ROOT

_SCRIPT = ".github/scripts/release_notes.py"
_VERSION = harness.__version__
_CHANGELOG = f"""\
# Changelog

## [Unreleased]

## [{_VERSION}] - 2026-12-01

### Added
- All of it.

## [0.0.9] - 2026-01-01
- x
"""
# What a wheel does not need: read beside the checkout only.
_NOT_IN_A_WHEEL = {"conformance/README.md"}


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A copy of the files that say a version, with a changelog that releases it."""
    for name in (_SCRIPT, "harness/__init__.py", "CITATION.cff"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, tmp_path / name)
    (tmp_path / "CHANGELOG.md").write_text(_CHANGELOG, encoding="utf-8")
    return tmp_path


def notes(project: Path, *tag: str) -> tuple[int, str, str]:
    """Exit code and what is printed."""
    command = [sys.executable, str(project / _SCRIPT), *tag]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=600)
    return done.returncode, done.stdout, done.stderr


def change(path: Path, old: str, new: str) -> None:
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")


def test_the_notes_are_the_section_of_the_version(project: Path) -> None:
    assert notes(project, f"v{_VERSION}") == (0, "### Added\n- All of it.\n", "")


@pytest.mark.parametrize("tag", [_VERSION, "v1", "v", "vx.y", f"v{_VERSION}-dirty", "main"])
def test_what_is_no_version_is_no_release(project: Path, tag: str) -> None:
    said = f"release: a tag is v and a version, as in v0.1.0, got {tag!r}\n"
    assert notes(project, tag) == (1, "", said)


def test_without_a_tag_it_says_what_it_wants(project: Path) -> None:
    assert notes(project) == (2, "", "release: give the tag, as in v0.1.0\n")


@pytest.mark.parametrize(
    ("file", "old", "new", "said"),
    [
        ("harness/__init__.py", f'"{_VERSION}"', '"9.9.9"',
         f"the tag says {_VERSION}, harness/__init__.py says 9.9.9"),
        ("harness/__init__.py", "__version__", "_version",
         f"the tag says {_VERSION}, harness/__init__.py says nothing"),
        ("CITATION.cff", f"version: {_VERSION}", "version: 9.9.9", f"the tag says {_VERSION}, CITATION.cff says 9.9.9"),
        ("CHANGELOG.md", f"[{_VERSION}]", "[9.9.9]",
         f"CHANGELOG.md must have one section [{_VERSION}], it has Unreleased, 9.9.9, 0.0.9"),
        ("CHANGELOG.md", "[0.0.9]", f"[{_VERSION}]",
         f"CHANGELOG.md must have one section [{_VERSION}], it has Unreleased, {_VERSION}, {_VERSION}"),
        ("CHANGELOG.md", " - 2026-12-01", "",
         f"CHANGELOG.md: [{_VERSION}] must be followed by its date, as in [{_VERSION}] - 2026-01-31"),
        ("CHANGELOG.md", "### Added\n- All of it.\n", "", f"CHANGELOG.md says nothing of [{_VERSION}]"),
        ("CHANGELOG.md", "[0.0.9] - 2026-01-01", "[Unreleased]",
         f"CHANGELOG.md: [{_VERSION}] must stand below [Unreleased]"),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_told(project: Path, file: str, old: str, new: str, said: str) -> None:
    change(project / file, old, new)
    assert notes(project, f"v{_VERSION}") == (1, "", f"release: {said}\n")


def test_the_workflow_runs_it_and_every_step_waits_for_the_one_before() -> None:
    yaml = pytest.importorskip("yaml", reason="PyYAML is not installed")
    jobs = yaml.safe_load((ROOT / ".github/workflows/release.yml").read_text(encoding="utf-8"))["jobs"]
    lines = [step.get("run", "") for step in jobs["build"]["steps"]]
    assert any(line.startswith(f"python {_SCRIPT} ") for line in lines)
    assert {name: job.get("needs") for name, job in jobs.items()} == {
        "build": None, "empty": "build", "publish": "empty", "attach": "publish",
    }  # fmt: skip
    assert not any("checkout" in step.get("uses", "") for step in jobs["empty"]["steps"])


# -- what is built -----------------------------------------------------------------------------------------------------


def contents(wheel: Path) -> dict[str, int]:
    """The files of a wheel and the checksums of what is in them."""
    with zipfile.ZipFile(wheel) as opened:
        return {one.filename: one.CRC for one in opened.infolist()}


@pytest.mark.heavy
def test_nothing_is_missing_and_the_sdist_builds_the_same(tmp_path: Path) -> None:
    found = contents(build(tmp_path / "direct"))
    ours = {
        path.relative_to(ROOT).as_posix()
        for package in PACKAGES
        for path in (ROOT / package).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    wanted = {name for name in ours if not name.startswith("harness/tests/")} - _NOT_IN_A_WHEEL
    assert wanted - found.keys() == set()
    assert {name for name in found.keys() - wanted if ".dist-info/" not in name} == set()

    sdist = build_sdist(tmp_path / "sdist")
    with tarfile.open(sdist) as opened:
        opened.extractall(tmp_path / "unpacked", filter="data")
    (source,) = (tmp_path / "unpacked").iterdir()
    there = {path.relative_to(source).as_posix() for path in source.rglob("*") if path.is_file()}
    assert ours - there == set()
    assert {"CHANGELOG.md", "CITATION.cff", "Makefile", "constraints.txt", "docs/index.md"} - there == set()
    assert contents(build(tmp_path / "again", source)) == found


def test_the_list_of_what_a_wheel_lacks_is_not_stale() -> None:
    assert [name for name in _NOT_IN_A_WHEEL if not (ROOT / name).is_file()] == []
    found = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["setuptools"]
    assert found["include-package-data"] is False  # else MANIFEST.in, which is for the sdist, would change the wheel
