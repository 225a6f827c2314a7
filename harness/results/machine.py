"""What machine this is, and what code runs on it.

OpenBLAS picks its kernel when it is loaded and may pick that of an older CPU; which one it picked is recorded.
"""

from __future__ import annotations

import platform
import re
import subprocess
import zlib
from functools import cache
from importlib import metadata
from pathlib import Path

import psutil

from harness.results.records import Blas, Code, Machine

_PACKAGES = ("numpy", "numba", "torch", "cupy", "scipy", "pandas", "asv", "asv_runner")


def project_root() -> Path | None:
    """The git checkout that this code runs from, or None."""
    root = Path(__file__).resolve().parents[2]
    return root if git_text(root, "rev-parse", "--show-toplevel") == str(root) else None


def code() -> Code:
    """Commit, whether anything outside results/ differs from it, and a checksum of the difference."""
    root = project_root()
    if root is None:
        return Code()
    elsewhere = ("--", ".", ":!results")
    status = git_text(root, "status", "--porcelain", *elsewhere)
    changes = f"{zlib.crc32((status + git_text(root, 'diff', 'HEAD', *elsewhere)).encode()):08x}" if status else ""
    return Code(commit=git_text(root, "rev-parse", "HEAD"), dirty=bool(status), changes=changes)


def facts() -> Machine:
    """CPU, cores, memory, system, Python, versions, and the code's state. No host name."""
    cpu, threads = cpu_model(), psutil.cpu_count() or 1
    cores = psutil.cpu_count(logical=False) or threads
    slug = re.sub(r"[^a-z0-9]+", "-", cpu.lower()).strip("-")
    return Machine(
        name=f"{slug}_{cores}c{threads}t", cpu=cpu, cores=cores, hardware_threads=threads, caches=_caches(),
        memory_gib=round(psutil.virtual_memory().total / 2**30, 1),
        os=f"{platform.system()} {platform.release()} {platform.machine()}", python=platform.python_version(),
        versions={name: version for name in _PACKAGES if (version := _version(name))}, code=code(),
    )  # fmt: skip


@cache
def cpu_model() -> str:
    """The CPU's name, with family and model numbers, as the name alone may say little. Takes a second, once."""
    import cpuinfo

    found = cpuinfo.get_cpu_info()
    name = " ".join(str(found.get("brand_raw") or platform.processor() or platform.machine()).split())
    if "family" in found and "model" in found:
        return f"{name} family {found['family']} model {found['model']}"
    return name


def blas() -> list[Blas]:
    """The BLAS libraries loaded now, and the kernel that each picked."""
    from threadpoolctl import threadpool_info

    return [
        Blas(
            library=str(pool["internal_api"]), version=str(pool.get("version")), file=Path(pool["filepath"]).name,
            kernel=str(pool.get("architecture", "unknown")), threads=str(pool["num_threads"]),
        )
        for pool in threadpool_info() if pool["user_api"] == "blas"
    ]  # fmt: skip


def last_level_cache() -> int | None:
    """Bytes of the largest cache that a core can use, alone or with others; None where the system does not tell."""
    sizes = [int(size.removesuffix("K")) * 1024 for size in _caches().values() if re.fullmatch(r"\d+K", size)]
    return max(sizes, default=None)


def git(root: Path, *arguments: str) -> bytes:
    """What git says in a folder; nothing if it fails, or is not there."""
    try:
        done = subprocess.run(["git", "-C", str(root), *arguments], capture_output=True, check=False)
    except OSError:
        return b""
    return done.stdout if done.returncode == 0 else b""


def git_text(root: Path, *arguments: str) -> str:
    """The same as a text, without blanks around it."""
    return git(root, *arguments).decode(errors="replace").strip()


def _version(package: str) -> str:
    names = ("cupy-cuda12x", "cupy-cuda13x", "cupy") if package == "cupy" else (package,)
    for name in names:
        try:
            return metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return ""


def _caches() -> dict[str, str]:
    """Size of each level, as Linux tells it; empty elsewhere."""
    found = {}
    for index in sorted(Path("/sys/devices/system/cpu/cpu0/cache").glob("index*")):
        try:
            level, kind, size = ((index / name).read_text().strip() for name in ("level", "type", "size"))
        except OSError:
            continue
        found[f"L{level}{'d' if kind == 'Data' else 'i' if kind == 'Instruction' else ''}"] = size
    return found
