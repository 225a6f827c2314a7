"""What machine this is, and what code runs on it.

Surprising fact: OpenBLAS picks its kernel when it is loaded and may pick an older CPU's; which one is recorded.
"""

from __future__ import annotations

import os
import platform
import re
import subprocess
import zlib
from importlib import metadata
from pathlib import Path

from harness.results.run_files import Record

_PACKAGES = ("numpy", "numba", "torch", "cupy", "scipy", "pandas", "asv", "asv_runner")


def project_root() -> Path | None:
    """The git checkout that this code runs from, or None."""
    root = Path(__file__).resolve().parents[2]
    return root if _git(root, "rev-parse", "--show-toplevel") == str(root) else None


def code() -> Record:
    """Commit, whether anything outside results/ differs from it, and a checksum of the difference."""
    root = project_root()
    if root is None:
        return {"commit": "", "dirty": False, "changes": ""}
    elsewhere = ("--", ".", ":!results")
    status = _git(root, "status", "--porcelain", *elsewhere)
    changes = f"{zlib.crc32((status + _git(root, 'diff', 'HEAD', *elsewhere)).encode()):08x}" if status else ""
    return {"commit": _git(root, "rev-parse", "HEAD"), "dirty": bool(status), "changes": changes}


def facts() -> Record:
    """CPU, cores, memory, system, Python, versions, and the code's state. No host name."""
    cpu, cores, threads = cpu_model(), _physical_cores(), os.cpu_count() or 1
    slug = re.sub(r"[^a-z0-9]+", "-", cpu.lower()).strip("-")
    return {
        "name": f"{slug}_{cores}c{threads}t",
        "cpu": cpu,
        "cores": cores,
        "hardware_threads": threads,
        "caches": _caches(),
        "memory_gib": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 1),
        "os": f"{platform.system()} {platform.release()} {platform.machine()}",
        "python": platform.python_version(),
        "versions": {name: version for name in _PACKAGES if (version := _version(name))},
        "code": code(),
    }


def available_memory() -> int:
    """Bytes that can be allocated without swapping, as the kernel estimates them; all of the memory elsewhere."""
    try:
        lines = Path("/proc/meminfo").read_text(encoding="ascii").splitlines()
        return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable:"))
    except (OSError, StopIteration):
        return int(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"))


def cpu_model() -> str:
    """The CPU's name, with family and model numbers where the name alone says little."""
    fields = _cpuinfo()
    name = fields.get("model name", "") or platform.processor() or platform.machine()
    if "cpu family" in fields and "model" in fields:
        return f"{' '.join(name.split())} family {fields['cpu family']} model {fields['model']}"
    return name


def blas() -> list[dict[str, str]]:
    """The BLAS libraries loaded now, and the kernel that each picked."""
    from threadpoolctl import threadpool_info

    return [
        {"library": str(pool["internal_api"]), "version": str(pool.get("version")), "file": Path(pool["filepath"]).name,
         "kernel": str(pool.get("architecture", "unknown")), "threads": str(pool["num_threads"])}
        for pool in threadpool_info() if pool["user_api"] == "blas"
    ]  # fmt: skip


def _git(root: Path, *arguments: str) -> str:
    try:
        result = subprocess.run(["git", "-C", str(root), *arguments], capture_output=True, text=True, check=False)
    except OSError:
        return ""
    return result.stdout.strip() if result.returncode == 0 else ""


def _version(package: str) -> str:
    names = ("cupy-cuda12x", "cupy-cuda13x", "cupy") if package == "cupy" else (package,)
    for name in names:
        try:
            return metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return ""


def _cpuinfo() -> dict[str, str]:
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="utf-8").split("\n\n")[0]
    except OSError:
        return {}
    return {key.strip(): value.strip() for key, _, value in (line.partition(":") for line in text.splitlines())}


def _physical_cores() -> int:
    """Distinct (package, core) pairs; the hardware threads where the system does not say."""
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="utf-8")
    except OSError:
        return os.cpu_count() or 1
    packages = re.findall(r"^physical id\s*: (\d+)", text, re.M)
    cores = re.findall(r"^core id\s*: (\d+)", text, re.M)
    return len(set(zip(packages, cores, strict=False))) or os.cpu_count() or 1


def _caches() -> dict[str, str]:
    found = {}
    for index in sorted(Path("/sys/devices/system/cpu/cpu0/cache").glob("index*")):
        try:
            level, kind, size = ((index / name).read_text().strip() for name in ("level", "type", "size"))
        except OSError:
            continue
        found[f"L{level}{'d' if kind == 'Data' else 'i' if kind == 'Instruction' else ''}"] = size
    return found
