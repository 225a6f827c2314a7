"""The arithmetic of the report once more, spelled out on the lines of the run files and the words of the page."""

from __future__ import annotations

import csv
import math
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from harness.tests.helpers.runfiles import SPECS
from harness.tests.helpers.suite.html import Element

BASE, NUMPY = "torch_native", "numpy_fancy"
OPS = ("im2col", "conv2d", "conv2d_bias_grad")
PARTS = ("pad", "product", "pad")  # two stages of one name
SPEEDS = {"naive_loops": 90.0, NUMPY: 4.0, "mine": 0.4, "half": 0.3, BASE: 1.0}
Key = tuple[str, ...]
Lines = dict[Key, dict[str, Any]]
_UNITS = {"us": 1e-6, "ms": 1e-3, "s": 1.0, "min": 60.0}


def cells_of(page: Element, name: str) -> dict[tuple[str, str, str], Element]:
    """The cells of a table by the first two of their row and their column; the second is empty if it has a number."""
    heads = [cell.text for cell in page.by_id(name).all("tr")[0].children if cell.tag]
    found = {}
    for row in page.by_id(name).all("tr")[1:]:
        cells = [cell for cell in row.children if cell.tag]
        for head, cell in list(zip(heads, cells, strict=True))[1:]:
            found[cells[0].text, cells[1].text, head] = cell
    return found


def lines_of(out: Path, name: str) -> list[dict[str, str]]:
    """The CSV of a table."""
    with (out / "tables" / f"{name}.csv").open(encoding="utf-8") as file:
        return list(csv.DictReader(file))


def mean(values: list[float]) -> float:
    """Geometric."""
    return math.prod(values) ** (1 / len(values))


def paired(newest: Lines, key: Key, reference: str) -> list[float]:
    """Sample by sample, of the same measurement."""
    mine, theirs = newest[key], newest[key[0], key[1], reference, key[3]]
    assert mine["group"] == theirs["group"]
    return [a / b for a, b in zip(mine["samples"], theirs["samples"], strict=False)][1:]  # the first meets cold caches


def middle(ratios: list[float]) -> float:
    """The median, which of an even number is the geometric mean of the two in the middle."""
    ordered = sorted(ratios)
    return mean([ordered[(len(ordered) - 1) // 2], ordered[len(ordered) // 2]])


def is_factor(text: str, ratio: float) -> bool:
    """Whether words say what a ratio is, to the digits that they have."""
    if text == "same":
        return abs(ratio - 1) <= 0.05
    number, way = re.fullmatch(r"([\d.]+)(?:x| %) (faster|slower)", text).groups()  # type: ignore[union-attr]
    if way != ("faster" if ratio < 1 else "slower"):
        return False
    if "%" in text:
        return abs(float(number) - 100 * abs(ratio - 1)) <= 0.5
    factor = max(ratio, 1 / ratio)
    return abs(float(number) - factor) <= (0.05 if factor < 100 else 0.5) * (1 + 1e-9)


def is_time(text: str, seconds: float) -> bool:
    """Whether a duration of three digits says these seconds."""
    number, unit = text.split()
    return float(number) * _UNITS[unit] == pytest.approx(seconds, rel=0.005)


def layers_of(newest: Lines, op: str, *names: str) -> list[str]:
    """The layers on which all of these were timed, on one thread."""
    return [la for la in SPECS if all(newest[op, la, name, "1"]["samples"] for name in names)]


_BYTES: dict[str, Callable[[float], float]] = {
    "B": lambda n: n, "KiB": lambda n: 1024 * n, "MiB": lambda n: 1024**2 * n,
}  # fmt: skip


def in_bytes(text: str) -> float:
    """A size in words."""
    number, unit = text.split()
    return _BYTES[unit](float(number))


def sizes_of(layer: str) -> tuple[int, ...]:
    """N, C, H, W, F, KH, KW, OH, OW, G; the windows are counted."""
    text = SPECS[layer]

    def of(letters: str, default: int) -> int:
        found = re.search(rf"(?<![a-z]){letters}(\d+)", text) or re.search(rf"_(?:[a-z]+\d+)*{letters}(\d+)", text)
        return int(found[1]) if found else default

    n, c, h, w, f, kh, kw = (of(name, 0) for name in ("n", "c", "h", "w", "f", "kh", "kw"))
    pads = [of(f"p{side}", 0) for side in "tblr"]
    oh = sum(top + kh <= h + pads[0] + pads[1] for top in range(h + pads[0] + pads[1]))
    ow = sum(left + kw <= w + pads[2] + pads[3] for left in range(w + pads[2] + pads[3]))
    return n, c, h, w, f, kh, kw, oh, ow, of("g", 1)
