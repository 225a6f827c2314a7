"""Which tests a source file is held by: those that speak of it, those of its folder, then the rest of its room's."""

from __future__ import annotations

import re
from pathlib import Path

_TESTS = Path("harness/tests")
_PACKAGES = ("harness", "conformance", "backends")
# Kernels: what is planted there often shows as time alone, and costs minutes of compiling.
_KERNELS = (Path("backends/numba_tiled"), Path("backends/cupy_kernels"))


def sources(root: Path, given: list[Path]) -> list[Path]:
    """Python files of the product under the given files and folders, from the root: no tests.

    Without any given, the whole product but for the kernels.
    """
    found: list[Path] = []
    for place in given or [Path(package) for package in _PACKAGES]:
        here = root / place
        found += [here] if here.is_file() else sorted(here.rglob("*.py"))
    inside = [path.relative_to(root) for path in found]
    left_out = [_TESTS, Path("harness/benchmarks"), *(() if given else _KERNELS)]
    return [p for p in inside if not p.name.startswith("test_") and not any(f in p.parents for f in left_out)]


def related_tests(root: Path, source: Path) -> list[list[Path]]:
    """Test files in stages, the most telling first; a stage that fails makes the later ones needless."""
    room = _room(source)
    everything = sorted((root / _TESTS).rglob("test_*.py"))
    module = re.escape(".".join(source.with_suffix("").parts).removesuffix(".__init__"))
    parent, stem = re.escape(".".join(source.parts[:-1])), re.escape(source.stem)
    speaks = re.compile(rf"\b{module}\b|from {parent} import (\(\s*)?[^)\n]*\b{stem}\b")
    inside = {p for p in everything if room in p.relative_to(root).parents}
    first = {p for p in everything if speaks.search(p.read_text(encoding="utf-8")) and "house" not in p.parts}
    near = {p for p in inside if source.parent.name in p.relative_to(root).parts[3:-1]}
    stages = [first & inside, near - first, inside - first - near, first - inside]
    return [[p.relative_to(root) for p in sorted(stage)] for stage in stages if stage]


def _room(source: Path) -> Path:
    """The folder of tests that a source belongs to."""
    if source.parts[0] == "harness":
        return _TESTS / (source.parts[1] if len(source.parts) > 2 else "house")
    return _TESTS / source.parts[0]
