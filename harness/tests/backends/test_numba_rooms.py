"""The rooms of `numba_tiled`: imports go one way, as its guide says, and the guide names every file."""

from __future__ import annotations

import re
from collections.abc import Iterator
from graphlib import TopologicalSorter

import pytest

from harness.tests.helpers.imports import FILES, arrows

pytestmark = pytest.mark.heavy

_PACKAGE = "backends.numba_tiled"
_GUIDE = (FILES[_PACKAGE].parent / "README.md").read_text(encoding="utf-8")
# A room imports those before it.
ROOMS = ("simd", "launch", "layout", "product", "depthwise", "pooling", "ops", "winograd")
OUTSIDE = {_PACKAGE: ROOMS[:-1], f"{_PACKAGE}.claims": ("simd",)}  # what lies in no room, and the rooms it imports


def room(module: str) -> str:
    """The room of a module of the package; empty for what lies in none."""
    inner = module.removeprefix(_PACKAGE).strip(".").split(".")[0]
    return inner if inner in ROOMS else ""


def complaints(found: dict[str, set[str]]) -> Iterator[str]:
    """Imports of a room above, and of the package's door."""
    for module, others in found.items():
        here = room(module)
        below = ROOMS[: ROOMS.index(here) + 1] if here else OUTSIDE[module]
        for other in sorted(others):
            there = room(other)
            if there not in below and not (other == f"{_PACKAGE}.claims" and here in ("", "winograd")):
                yield f"{module} imports {other}"


def package() -> dict[str, set[str]]:
    """Every module of the package with those of the package that it imports."""
    inside = {name: others for name, others in arrows().items() if name.startswith(_PACKAGE)}
    return {name: {other for other in others if other.startswith(_PACKAGE)} for name, others in inside.items()}


def test_imports_go_down() -> None:
    assert len(package()) > 50
    assert list(complaints(package())) == []


def test_there_is_no_circle() -> None:
    TopologicalSorter(package()).prepare()  # raises CycleError


@pytest.mark.parametrize(
    ("module", "other"),
    [
        ("layout.rows", "product.cost"), ("product.divide", "ops.conv2d"), ("depthwise.bands", "winograd.plan"),
        ("ops.conv2d", "winograd.products"), ("simd.vector", "launch.spread"), ("layout.fill", "claims"),
    ],
)  # fmt: skip
def test_going_up_is_seen(module: str, other: str) -> None:
    up, down = {f"{_PACKAGE}.{module}": {f"{_PACKAGE}.{other}"}}, {f"{_PACKAGE}.{other}": {f"{_PACKAGE}.{module}"}}
    assert len(list(complaints(up))) == 1
    assert other == "claims" or list(complaints(down)) == []


def test_the_door_is_imported_by_nobody() -> None:
    assert len(list(complaints({f"{_PACKAGE}.ops.conv2d": {_PACKAGE}}))) == 1


def test_the_guide_says_the_same_order() -> None:
    (line,) = re.findall(r"^    simd < .*$", _GUIDE, re.M)
    assert tuple(line.split()[::2]) == ROOMS


def test_the_guide_names_every_file() -> None:
    rows = [line for line in _GUIDE.splitlines() if line.startswith("| `")]
    named = {name for line in rows for name in re.findall(r"`([\w/]+)\.py`", line)}
    files = {name.removeprefix(f"{_PACKAGE}.").replace(".", "/") for name in package()}
    files -= {_PACKAGE.replace(".", "/"), _PACKAGE, *ROOMS}
    assert named == files
