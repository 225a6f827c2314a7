"""Draws `docs/architecture.svg`, the house from the ground up, from the imports of today.

    python docs/draw_architecture.py

A room is a box on its floor. Its line runs to the left, over the rooms below it; a number on the line, straight above a
room, counts the imports of that room, file to file. So an import can be drawn only if it goes down.
"""

from __future__ import annotations

import ast
import json
import textwrap
from collections import Counter
from collections.abc import Iterator
from html import escape
from pathlib import Path

from harness.tests.helpers.house.floors import FLOORS
from harness.tests.helpers.imports import FILES, PRODUCT, arrows, room

PICTURE = Path(__file__).with_suffix("").with_name("architecture.svg")
TELLING, DOOR, BACKENDS, FRONTS, CLI = "harness.telling", "harness", "backends", "conformance", "harness.cli"
_TITLES = {DOOR: "the door", BACKENDS: "backends", FRONTS: "the fronts", CLI: "cli"}
_IDEAS = {
    DOOR: "The public names: all that a backend may import of us.",
    FRONTS: "The suite as a call (api) and as a class for pytest (pytest_suite).",
}
_NOT_DRAWN = ("harness.benchmarks",)  # the asv suite: nobody imports it
_COLOURS = {"harness": "#2f6690", "backends": "#b5651d", "conformance": "#3a7d44", CLI: "#6b4c9a", DOOR: "#2f6690"}

_WIDTH, _STEP, _FLOOR, _LEFT, _TOP = 1340, 45, 56, 30, 92  # pixels
_BOX = (150, 38)
_MOST_LETTERS, _LETTER = 66, 6.6  # of a line of a room's idea, and their width


def floors() -> list[str]:
    """Every room from the ground up, and the one file below them; the backends stand on the door of the contract."""
    below = FLOORS.index("harness.contract") + 1
    return [TELLING, *FLOORS[:below], DOOR, BACKENDS, *FLOORS[below:]]


def floor_of(module: str) -> str:
    """The room in which a module is drawn."""
    if module == "harness.__main__":
        return CLI
    if module == TELLING:
        return TELLING
    return BACKENDS if module.split(".", maxsplit=1)[0] == BACKENDS else room(module)


def data() -> dict[str, dict[str, int]]:
    """Files of every room, and for `importer -> imported` how often a file of one imports a file of the other."""
    files = Counter(floor_of(module) for module in PRODUCT)
    found: Counter[str] = Counter()
    for module, others in arrows().items():
        here = floor_of(module)
        for other in others:
            there = floor_of(other)
            asks_the_version = other in (DOOR, FRONTS) and here != BACKENDS
            if here != there and not asks_the_version and here not in _NOT_DRAWN:
                found[f"{here} -> {there}"] += 1
    return {
        "files": {name: files[name] for name in floors()},
        "imports": {arrow: found[arrow] for arrow in sorted(found)},
    }


def draw(known: dict[str, dict[str, int]]) -> str:
    """The picture as SVG, with `known` inside it as JSON."""
    rooms = floors()
    height = _TOP + len(rooms) * _FLOOR + 46
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" role="img" '
        'aria-label="The rooms of the house on their floors, and the imports between them" '
        'font-family="Inter, Segoe UI, Roboto, Helvetica, Arial, DejaVu Sans, sans-serif">',
        f"<metadata>{escape(json.dumps(known, sort_keys=True))}</metadata>",
        f'<rect width="{_WIDTH}" height="{height}" rx="10" fill="#fcfbf8"/>',
        _text(_LEFT, 40, "The house, from the ground up", 22, weight=600),
        _text(
            _LEFT,
            64,
            "A number on a room's line counts what it imports, file to file, from the room straight below.",
            13,
        ),
        *_bands(rooms),
    ]
    upward = []
    for arrow, count in known["imports"].items():
        here, there = arrow.split(" -> ")
        if rooms.index(there) > rooms.index(here):
            upward.append(f"{arrow} ({count})")
    parts += _lines(rooms, known["imports"])
    parts += [part for name in rooms for part in _room(rooms, name, known["files"][name])]
    note = "The registry in contract finds a backend by its name, when it is asked for: no import leads there."
    parts.append(_text(_LEFT, height - 20, note, 12, colour="#6d6a63"))
    if upward:
        parts.append(_text(_WIDTH - 30, 40, f"against the floors: {', '.join(upward)}", 12, "#b3261e", anchor="end"))
    return "\n".join([*parts, "</svg>", ""])


def _place(rooms: list[str], name: str) -> tuple[int, int]:
    """Left and top of a room's box."""
    number = rooms.index(name)
    return _LEFT + number * _STEP, _TOP + (len(rooms) - 1 - number) * _FLOOR + (_FLOOR - _BOX[1]) // 2


def _bands(rooms: list[str]) -> Iterator[str]:
    for number, name in enumerate(reversed(rooms)):
        y = _TOP + number * _FLOOR
        yield (
            f'<rect x="{_LEFT - 14}" y="{y}" width="{_WIDTH - 2 * (_LEFT - 14)}" height="{_FLOOR}" '
            f'fill="{_colour(name)}" fill-opacity="{0.05 if number % 2 else 0.09}"/>'
        )


def _lines(rooms: list[str], imports: dict[str, int]) -> Iterator[str]:
    """Under the numbers: from every importer to the left, and down to every room that is imported."""
    down = {pair: n for pair, n in imports.items() if _is_down(rooms, pair)}
    ends = [pair.split(" -> ") for pair in down]
    for name in rooms:
        x, y = _place(rooms, name)
        mine = [_place(rooms, there)[0] + _STEP // 2 for here, there in ends if here == name]
        if mine:
            yield _path(f"M{x} {y + _BOX[1] // 2}H{min(mine)}", _colour(name), 0.55)
        above = [_place(rooms, here)[1] + _BOX[1] // 2 for here, there in ends if there == name]
        if above:
            at = x + _STEP // 2
            yield _path(f"M{at} {min(above)}V{y - 7}", "#8b877e", 0.55)
            yield f'<path d="M{at - 4} {y - 8}h8l-4 7z" fill="#8b877e"/>'
    for pair, count in down.items():
        here, there = pair.split(" -> ")
        x, y = _place(rooms, there)[0] + _STEP // 2, _place(rooms, here)[1] + _BOX[1] // 2
        yield f'<circle cx="{x}" cy="{y}" r="11" fill="#fcfbf8" stroke="{_colour(here)}" stroke-width="1.4"/>'
        yield _text(x, y + 4, str(count), 11.5, _colour(here), anchor="middle", weight=600)


def _room(rooms: list[str], name: str, files: int) -> Iterator[str]:
    x, y = _place(rooms, name)
    package, _, title = name.rpartition(".")
    yield f'<rect x="{x}" y="{y}" width="{_BOX[0]}" height="{_BOX[1]}" rx="6" fill="{_colour(name)}"/>'
    yield _text(x + 12, y + 17, _TITLES.get(name, title), 15, "#ffffff", weight=600)
    below = package or name
    yield _text(x + 12, y + 31, f"{below} · {files} file{'' if files == 1 else 's'}", 10.5, "#ffffffcc")
    room_for = int((_WIDTH - x - _BOX[0] - 36) / _LETTER)
    lines = textwrap.wrap(_idea(name), min(_MOST_LETTERS, room_for))
    for number, line in enumerate(lines):
        yield _text(x + _BOX[0] + 12, y + 31 - 8 * len(lines) + 16 * number, line, 12, "#3b3934")


def _idea(name: str) -> str:
    """The first sentence of the room's own docstring."""
    if name in _IDEAS:
        return _IDEAS[name]
    text = ast.get_docstring(ast.parse(FILES[name].read_text(encoding="utf-8"))) or ""
    return " ".join(text.split("\n\n")[0].split()).split(". ")[0]


def _is_down(rooms: list[str], pair: str) -> bool:
    here, there = pair.split(" -> ")
    return rooms.index(there) < rooms.index(here)


def _colour(name: str) -> str:
    return _COLOURS.get(name, _COLOURS[name.split(".", maxsplit=1)[0]])


def _path(shape: str, colour: str, opacity: float) -> str:
    return f'<path d="{shape}" fill="none" stroke="{colour}" stroke-opacity="{opacity}" stroke-width="1.5"/>'


def _text(
    x: float, y: float, text: str, size: float, colour: str = "#3b3934", *, anchor: str = "start", weight: int = 400
) -> str:
    return (
        f'<text x="{x}" y="{y}" font-size="{size}" fill="{colour}" text-anchor="{anchor}" '
        f'font-weight="{weight}">{escape(text)}</text>'
    )


if __name__ == "__main__":
    PICTURE.write_text(draw(data()), encoding="utf-8")
    print(PICTURE)
