"""The house: rooms with a dozen files at most, imports that go down the stairs, and no circle anywhere."""

from __future__ import annotations

from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

from harness.tests.helpers.house.floors import FLOORS
from harness.tests.helpers.imports import PRODUCT, ROOT, arrows, room

_MOST_FILES = 12
_DOORS = ("harness", "harness.__main__")


def going_up(found: dict[str, set[str]]) -> Iterator[str]:
    """Imports from a room of one that is above it."""
    for module, others in found.items():
        here = room(module)
        for other in sorted(others):
            there = room(other)
            if here in FLOORS and there in FLOORS and FLOORS.index(there) > FLOORS.index(here):
                if module in _DOORS:
                    continue
                yield f"{module} imports {other}, which is above it"


def circle(found: dict[str, set[str]]) -> list[str]:
    """The modules of an import circle, if there is one."""
    try:
        TopologicalSorter(found).prepare()
    except CycleError as error:
        return list(error.args[1])
    return []


def crowded(folder: Path) -> list[str]:
    """Rooms of a package with more files than anybody remembers; data files count as what they are, one folder."""
    rooms = [folder, *(p for p in folder.rglob("*") if p.is_dir() and "__pycache__" not in p.parts)]
    counts = {r: sum(f.is_file() and f.suffix in (".py", ".j2") for f in r.iterdir()) for r in rooms}
    return [f"{r.relative_to(folder.parent)} has {n} files" for r, n in counts.items() if n > _MOST_FILES]


def test_imports_go_down() -> None:
    assert list(going_up(arrows())) == []


def test_there_is_no_circle() -> None:
    assert circle(arrows()) == []


@pytest.mark.parametrize("package", ["harness", "conformance", "backends"])
def test_no_room_is_crowded(package: str) -> None:
    assert crowded(ROOT / package) == []


def test_every_room_has_a_floor() -> None:
    found = {room(name) for name in PRODUCT if not name.startswith("backends")}
    assert found - {"harness", "harness.benchmarks"} == set(FLOORS)


def test_going_up_is_seen() -> None:
    wrong = {"harness.oracle.gate": {"harness.timing.clock"}, "conformance.cases.case": {"conformance.run.plan"}}
    assert len(list(going_up(wrong))) == 2
    assert list(going_up({"harness.timing.run": {"harness.oracle.gate"}})) == []


def test_a_circle_is_seen() -> None:
    assert set(circle({"a.b": {"a.c"}, "a.c": {"a.d"}, "a.d": {"a.b"}})) == {"a.b", "a.c", "a.d"}


def test_a_crowd_is_seen(tmp_path: Path) -> None:
    for number in range(_MOST_FILES + 1):
        (tmp_path / f"{number}.py").touch()
    assert len(crowded(tmp_path)) == 1
    (tmp_path / "0.py").unlink()
    assert crowded(tmp_path) == []
