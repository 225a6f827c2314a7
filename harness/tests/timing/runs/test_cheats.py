"""Backends that want a time which is not theirs get none, and honest ones beside them keep theirs.

One test for each row of docs/threat-model.md, through real children.
"""

from __future__ import annotations

import re
import sys

import pytest

from harness.contract.targets import resolve_all
from harness.geometry.layers import Layer
from harness.geometry.spec import ConvSpec
from harness.results.records import Cell
from harness.tests.helpers.plugins import GOOD, Write
from harness.tests.helpers.timing import cheats
from harness.tests.helpers.timing.cheats import cheat
from harness.timing import run
from harness.timing.plan import Plan

_LAYER = Layer("net:one", ConvSpec.parse("n2c8h20w20_f4kh3kw3_pt1pb1pl1pr1"))
_WRONG = r"a timed call returned a wrong result: .*"
_LINUX = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="processes are watched on Linux alone")


def timed(write: Write, *sources: str, rounds: int = 6) -> list[Cell]:
    """The cells of these plug-ins, beside a built-in backend and the right plug-in, which keep their times."""
    files = [write(f"cheat{number}.py", cheat(source)) for number, source in enumerate(sources)]
    honest = ["numpy_fancy", str(write("honest.py", GOOD))]
    targets = resolve_all([*honest, *map(str, files)])
    plan = Plan("test", [_LAYER], targets, ["im2col"], rounds=rounds)
    found = list(run.measure(plan))
    assert [(cell.backend, cell.status, cell.reason) for cell in found[:2]] == [
        ("numpy_fancy", "ok", ""), ("honest", "ok", "")
    ]  # fmt: skip
    assert all(len(cell.samples) == rounds for cell in found[:2])
    return found[2:]


@pytest.mark.parametrize(
    ("sources", "reason"),
    [
        pytest.param([cheats.BY_IDENTITY, cheats.BY_ADDRESS], _WRONG, id="replay by identity"),
        pytest.param([cheats.BY_SAMPLE], _WRONG, id="memo by sample"),
        pytest.param([cheats.BY_CONTENT], "raised RuntimeError: the same inputs came again", id="memo by content"),
        pytest.param([cheats.LAST_RESULT], _WRONG, id="the last result again"),
        pytest.param([cheats.WHEN_TIMED, cheats.WHEN_LARGE_AND_TIMED], _WRONG, id="wrong when timed"),
        pytest.param([cheats.BY_FRAMES, cheats.FILLED_IN_LATER], _WRONG, id="frames"),
        pytest.param([cheats.BY_ENVIRONMENT], _WRONG, id="environment and argv"),
        pytest.param([cheats.HALF], _WRONG, id="a part of the result"),
        pytest.param([cheats.LOW_PRECISION], _WRONG, id="lower precision"),
        pytest.param([cheats.PATCHED_GATE], r".* sampled elements differ, .*", id="patched gate"),
        pytest.param([cheats.LAZY], r"to_numpy takes .* where a copy takes .*: work is left to it", id="lazy"),
        pytest.param([cheats.BEFOREHAND], r"from_numpy takes .*: work is put into it", id="beforehand"),
        pytest.param([cheats.IN_A_THREAD], r"(a timed call returned a wrong result: .*|\d+ of .*)", id="in a thread"),
        pytest.param([cheats.PATCHED_CLOSURE], "its process says .* a call, our clock says .*", id="patched loop"),
        pytest.param([cheats.CHANGES_INPUTS], r"(after it was timed|a timed call returned).*", id="changes inputs"),
    ],
)
def test_a_cheat_has_no_time(write: Write, sources: list[str], reason: str) -> None:
    for cell in timed(write, *sources):
        assert (cell.status, cell.samples) == ("fail", []), cell
        assert re.fullmatch(reason, cell.reason), cell.reason


@_LINUX
@pytest.mark.parametrize("source", [cheats.PATCHED_CLOCK, cheats.OWN_CLOCK])
def test_another_clock_than_ours_is_not_read(write: Write, source: str) -> None:
    """Its time is what its calls take: a hundredth of a second."""
    (cell,) = timed(write, source)
    assert (cell.status, cell.reason) == ("ok", "")
    assert min(cell.samples) >= 0.01


def test_a_library_that_is_not_named_is_told(write: Write) -> None:
    described: list[object] = []
    path = write("mine.py", cheat(cheats.OTHER_LIBRARY.format(folder=str(write("x", "").parent))))
    plan = Plan("test", [_LAYER], resolve_all([str(path)]), ["im2col"], rounds=3)
    (cell,) = run.measure(plan, described=described.append)
    assert cell.status == "ok"
    assert [facts.unnamed_libraries for facts in described] == [[], ["torch"]]  # type: ignore[attr-defined]
