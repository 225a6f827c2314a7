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

pytestmark = pytest.mark.heavy

_LAYER = Layer("net:one", ConvSpec.parse("n2c8h20w20_f4kh3kw3_pt1pb1pl1pr1"))
_WRONG = r"a timed call returned a wrong result: .*"
_EARLY = r"(a timed call returned a wrong result: )?(\d+ of|at) .*"  # where a cheat begins before it is timed
# What each is, and why it has no time; in batches, as a run takes seconds.
_BATCHES = {
    "results of other inputs": [
        (cheats.BY_IDENTITY, _WRONG),
        (cheats.BY_ADDRESS, _WRONG),
        (cheats.BY_SAMPLE, _WRONG),
        (cheats.BY_CONTENT, r"raised RuntimeError: the same inputs came again"),
        (cheats.LAST_RESULT, _WRONG),
    ],
    "other results when timed": [
        (cheats.WHEN_LARGE_AND_TIMED, _WRONG),
        (cheats.AFTER_SOME_CALLS, _EARLY),
        (cheats.BY_FRAMES, _WRONG),
        (cheats.FILLED_IN_LATER, _WRONG),
        (cheats.BY_ENVIRONMENT, _WRONG),
        (cheats.HALF, _WRONG),
        (cheats.LOW_PRECISION, _WRONG),
    ],
    "the harness and the clock": [
        (cheats.PATCHED_GATE, r".* sampled elements differ, .*"),
        (cheats.PATCHED_CLOSURE, r"its process says .* a call, our clock says .*"),
        (cheats.LAZY, r"to_numpy takes .* where a copy takes .*: work is left to it"),
        (cheats.BEFOREHAND, r"from_numpy takes .* where a copy takes .*: work is put into it"),
        (cheats.IN_A_THREAD, _EARLY),
        (cheats.CHANGES_INPUTS, r"(after it was timed|a timed call returned).*"),
    ],
}
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


@pytest.mark.parametrize("batch", _BATCHES)
def test_a_cheat_has_no_time(write: Write, batch: str) -> None:
    found = timed(write, *(source for source, _ in _BATCHES[batch]))
    for cell, (source, reason) in zip(found, _BATCHES[batch], strict=True):
        assert (cell.status, cell.samples) == ("fail", []), source
        assert re.fullmatch(reason, cell.reason), f"{cell.reason}\n{source}"


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
