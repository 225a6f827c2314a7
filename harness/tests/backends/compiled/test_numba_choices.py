"""Which way `numba_tiled` chooses on the machines that were measured, and how good that was there.

A plan follows from the registers and the caches, and nothing is compiled to make one: so the choices of every machine
of results/ways are made anew on any other.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.heavy

pytest.importorskip("numba")

from harness.tests.helpers.compiled.child import child  # noqa: E402
from harness.tests.helpers.imports import ROOT  # noqa: E402

FILES = sorted((ROOT / "results" / "ways").glob("*.json"))
_PRETENDED = {
    16: {"NUMBA_CPU_NAME": "haswell", "NUMBA_CPU_FEATURES": "+avx,+avx2,+fma,+sse2"},
    32: {"NUMBA_CPU_NAME": "skylake-avx512", "NUMBA_CPU_FEATURES": "+avx,+avx2,+fma,+sse2,+avx512f"},
}
_CHOOSE = """
import sys
from backends.numba_tiled.ops import conv2d, input_grad
from backends.numba_tiled.product.divide import way_of
from backends.numba_tiled.simd.registers import REGISTERS
from harness import ConvSpec

print(REGISTERS)
for row in sys.argv[1:]:
    op, spec = row.split()
    print(way_of((conv2d if op == "conv2d" else input_grad).plan(ConvSpec.parse(spec), 4, 1)[0].work))
"""


def choices(measured: dict[str, Any], **other: str) -> list[str]:
    """The way of every row, as with the registers and the caches of that machine."""
    caches = {"NUMBA_TILED_L1D": str(measured["l1"]), "NUMBA_TILED_L2": str(measured["l2"])}
    rows = [f"{row['op']} {row['spec']}" for row in measured["rows"]]
    done = child(_CHOOSE, *rows, **_PRETENDED[measured["registers"]], **{**caches, **other})
    registers, *found = done.stdout.split()
    assert int(registers) == measured["registers"], done.stderr
    return found


@pytest.fixture(params=FILES, ids=lambda path: path.stem)
def measured(request: pytest.FixtureRequest) -> dict[str, Any]:
    """What one machine measured."""
    path: Path = request.param
    found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return found


def share(measured: dict[str, Any], chosen: Callable[[dict[str, Any]], str]) -> float:
    """Of the rows: where the choice takes at most a tenth more than the best way."""
    good = [r["seconds"][chosen(r)] <= 1.1 * min(r["seconds"].values()) for r in measured["rows"]]
    return good.count(True) / len(good)


def _if_it_can(way: str, row: dict[str, Any]) -> str:
    """The way, where a layer can go it."""
    return way if way in row["seconds"] else str(row["chosen"])


def test_some_machine_was_measured() -> None:
    assert FILES


def test_the_choices_are_those_of_the_machine(measured: dict[str, Any]) -> None:
    """Who changes the cost of a way measures anew: `make ways`."""
    assert choices(measured) == [row["chosen"] for row in measured["rows"]]


def test_the_choice_is_within_a_tenth_of_the_best_on_nine_layers_of_ten(measured: dict[str, Any]) -> None:
    assert len(measured["rows"]) >= 50
    assert share(measured, lambda row: row["chosen"]) >= 0.9


def test_no_one_way_would_do(measured: dict[str, Any]) -> None:
    """What is asked for is asked of a choice."""
    for way in ("direct", "packed", "transposed", "by_rows"):
        always = partial(_if_it_can, way)
        assert share(measured, always) < 0.9, way


def test_the_caches_have_a_say() -> None:
    """With planes that leave the L2 cache an image is laid out in more bands."""
    source = (
        "from backends.numba_tiled.ops import conv2d; from harness import ConvSpec\n"
        "print(conv2d.plan(ConvSpec.parse('n1c64h112w112_f64kh3kw3_pt1pb1pl1pr1'), 4, 1)[0].work.bands)"
    )
    bands = [int(child(source, NUMBA_TILED_L2=size).stdout) for size in ("256K", "1M")]
    assert bands[0] > bands[1]
