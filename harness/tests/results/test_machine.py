"""What machine this is, and what code runs on it: told apart from what merely lies beside it."""

from __future__ import annotations

import platform
import re
import subprocess
import sys
from collections import namedtuple
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import psutil
import pytest
import threadpoolctl

from harness.results import machine
from harness.results.records import Blas, Code


def _git(root: Path, *arguments: str) -> str:
    """Run git in a checkout of its own, with a name for the author."""
    named = ["-c", "user.name=a", "-c", "user.email=a@b"]
    done = subprocess.run(["git", *named, *arguments], cwd=root, capture_output=True, text=True, check=True)
    return done.stdout.strip()


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A checkout with one commit, which the module believes to be in."""
    root = (tmp_path / "checkout").resolve()
    for name in ("harness/results/machine.py", "results/runs/a.jsonl", "README.md"):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text("old\n")
    _git(root, "init", "-q")
    _git(root, "add", ".")
    _git(root, "commit", "-qm", "first")
    monkeypatch.setattr(machine, "__file__", str(root / "harness" / "results" / "machine.py"))
    return root


def test_a_clean_checkout_is_its_commit(checkout: Path) -> None:
    assert machine.project_root() == checkout
    assert machine.code() == Code(commit=_git(checkout, "rev-parse", "HEAD"), dirty=False, changes="")


def test_new_results_leave_it_clean(checkout: Path) -> None:
    (checkout / "results" / "runs" / "a.jsonl").write_text("new\n")
    (checkout / "results" / "b.json").write_text("new\n")
    assert machine.code().dirty is False
    assert machine.code().changes == ""


def test_every_change_elsewhere_has_a_checksum_of_its_own(checkout: Path) -> None:
    commit, seen = _git(checkout, "rev-parse", "HEAD"), set()
    for name, text in (("README.md", "new\n"), ("README.md", "newer\n"), ("harness/more.py", "new\n")):
        (checkout / name).write_text(text)
        found = machine.code()
        assert (found.commit, found.dirty) == (commit, True)
        assert re.fullmatch("[0-9a-f]{8}", found.changes)
        assert machine.code() == found
        seen.add(found.changes)
    assert len(seen) == 3


def test_a_folder_within_another_checkout_is_none(checkout: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As where we are installed into the environment of a project that is under git."""
    inside = checkout / "site" / "harness" / "results"
    inside.mkdir(parents=True)
    monkeypatch.setattr(machine, "__file__", str(inside / "machine.py"))
    assert machine.project_root() is None
    assert machine.code() == Code(commit="", dirty=False, changes="")


def test_without_git_nothing_is_known_of_the_code(checkout: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(checkout))
    assert machine.project_root() is None
    assert machine.code() == Code()


def test_the_facts_are_those_of_the_system(monkeypatch: pytest.MonkeyPatch) -> None:
    """8.26 GiB, four cores with six threads; of CuPy, whichever distribution is there."""
    installed = {"numpy": "2.4.6", "cupy-cuda13x": "14.2", "asv": "0.6.6"}

    def version(name: str) -> str:
        if name not in installed:
            raise metadata.PackageNotFoundError(name)
        return installed[name]

    monkeypatch.setattr(machine, "cpu_model", lambda: "Vendor(R) CPU @ 2.5 GHz! family 6 model 2")
    monkeypatch.setattr(psutil, "cpu_count", lambda logical=True: 6 if logical else 4)
    monkeypatch.setattr(psutil, "virtual_memory", lambda: SimpleNamespace(total=8.26 * 2**30))
    monkeypatch.setattr(platform, "system", lambda: "Linux")
    monkeypatch.setattr(platform, "release", lambda: "6.1")
    monkeypatch.setattr(platform, "machine", lambda: "x86_64")
    monkeypatch.setattr(platform, "python_version", lambda: "3.11.7")
    monkeypatch.setattr(metadata, "version", version)
    monkeypatch.setattr(machine, "code", lambda: Code(commit="abc"))
    monkeypatch.setattr(machine, "_caches", lambda: {"L1d": "32K"})
    found = machine.facts()
    assert (found.name, found.cpu) == (
        "vendor-r-cpu-2-5-ghz-family-6-model-2_4c6t", "Vendor(R) CPU @ 2.5 GHz! family 6 model 2",
    )  # fmt: skip
    assert (found.cores, found.hardware_threads, found.memory_gib) == (4, 6, 8.3)
    assert (found.os, found.python, found.code) == ("Linux 6.1 x86_64", "3.11.7", Code(commit="abc"))
    assert found.versions == {"numpy": "2.4.6", "cupy": "14.2", "asv": "0.6.6"}
    assert found.caches == {"L1d": "32K"}
    monkeypatch.setattr(psutil, "cpu_count", lambda logical=True: 6 if logical else None)
    assert machine.facts().name.endswith("_6c6t")
    monkeypatch.setattr(psutil, "cpu_count", lambda logical=True: None)
    assert machine.facts().name.endswith("_1c1t")


@pytest.fixture
def forgotten() -> Iterator[None]:
    """The name of the CPU is kept for the process; not here."""
    machine.cpu_model.cache_clear()
    yield
    machine.cpu_model.cache_clear()


@pytest.mark.usefixtures("forgotten")
@pytest.mark.parametrize(
    ("found", "name"),
    [
        ({"brand_raw": " AMD  EPYC\n", "family": 26, "model": 2}, "AMD EPYC family 26 model 2"),
        ({"brand_raw": "Apple M3", "family": 6}, "Apple M3"),
        ({"brand_raw": "Apple M3", "model": 6}, "Apple M3"),
        ({"brand_raw": "", "family": 6, "model": 0}, "arm family 6 model 0"),
        ({}, "arm"),
    ],
)
def test_the_cpu_has_a_name_whatever_is_known(
    monkeypatch: pytest.MonkeyPatch, found: dict[str, Any], name: str
) -> None:
    monkeypatch.setitem(sys.modules, "cpuinfo", SimpleNamespace(get_cpu_info=lambda: found))
    monkeypatch.setattr(platform, "processor", lambda: "")
    monkeypatch.setattr(platform, "machine", lambda: "arm")
    assert machine.cpu_model() == name
    monkeypatch.setattr(platform, "processor", lambda: "i386")
    assert machine.cpu_model() == name  # asked once: it takes a second
    machine.cpu_model.cache_clear()
    assert machine.cpu_model() == name.replace("arm", "i386")


def test_caches_are_by_level_and_kind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Index = namedtuple("Index", "level type size")
    levels = [Index("1", "Data", "48K"), Index("1", "Instruction", "32K"), Index("2", "Unified", "2048K")]
    for number, level in enumerate(levels):
        (tmp_path / f"index{number}").mkdir()
        for name, value in level._asdict().items():
            (tmp_path / f"index{number}" / name).write_text(f"{value}\n")
    (tmp_path / "index3").mkdir()  # of which nothing is known
    monkeypatch.setattr(machine, "Path", lambda path: tmp_path)
    assert machine._caches() == {"L1d": "48K", "L1i": "32K", "L2": "2048K"}
    monkeypatch.setattr(machine, "Path", lambda path: tmp_path / "none")
    assert machine._caches() == {}


def test_the_blas_that_are_loaded_are_named_with_their_kernel(monkeypatch: pytest.MonkeyPatch) -> None:
    pools = [
        {"user_api": "openmp", "internal_api": "openmp", "filepath": "/x/libgomp.so", "num_threads": 2},
        {"user_api": "blas", "internal_api": "openblas", "filepath": "/x/y/libopenblas.so", "num_threads": 4,
         "version": "0.3.29", "architecture": "SkylakeX"},
        {"user_api": "blas", "internal_api": "mkl", "filepath": "/z/libmkl_rt.so", "num_threads": 1, "version": None},
    ]  # fmt: skip
    monkeypatch.setattr(threadpoolctl, "threadpool_info", lambda: pools)
    assert machine.blas() == [
        Blas(library="openblas", version="0.3.29", file="libopenblas.so", kernel="SkylakeX", threads="4"),
        Blas(library="mkl", version="None", file="libmkl_rt.so", kernel="unknown", threads="1"),
    ]


@pytest.mark.parametrize(
    ("caches", "size"),
    [
        ({"L1d": "48K", "L2": "2048K", "L3": "32768K"}, 32 * 2**20), ({"L1d": "48K", "L2": "2048K"}, 2 * 2**20),
        ({"L1d": "48K", "L3": "unknown"}, 48 * 2**10), ({}, None),
    ],
)  # fmt: skip
def test_the_last_level_cache_is_the_largest_that_is_told(
    monkeypatch: pytest.MonkeyPatch, caches: dict[str, str], size: int | None
) -> None:
    monkeypatch.setattr(machine, "_caches", lambda: caches)
    assert machine.last_level_cache() == size
