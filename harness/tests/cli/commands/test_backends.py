"""`harness backends`: what is there, what of it runs here, and why the rest does not."""

from __future__ import annotations

import json

import pytest

from harness.calls.limits import seconds
from harness.contract import targets
from harness.geometry.spec import OPS
from harness.tests.helpers.cli.running import Run
from harness.tests.helpers.plugins import GOOD, PLACES_THAT_HANG, Write

_MORE = """

name = "whole"

def conv2d(x, w, b, spec):
    raise NotImplementedError

def unsupported(op, spec, dtype):
    return None if dtype in ("float32", "float64", "int32") else "no"

def info():
    return {"device": "a card", "version": "7"}
"""


REASON = "No module named 'no_such_library' (card.py, line 1)"  # why the last one cannot be used


@pytest.fixture
def registered(write: Write, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """One of ours, a plug-in, and one that cannot be imported."""
    found = ["numpy_fancy", str(write("whole.py", GOOD + _MORE)), str(write("card.py", "import no_such_library\n"))]
    monkeypatch.setattr(targets, "names", lambda: found)
    return found


def test_the_document_says_what_each_claims(run: Run, registered: list[str]) -> None:
    ran = run("backends", "--json")
    ours, whole, card = json.loads(ran.out)
    assert (ran.code, ran.err) == (0, "")
    assert (ours["backend"], ours["available"], ours["reason"], ours["dtypes"]) == (
        "numpy_fancy", True, "", ["float32", "float64"],
    )  # fmt: skip
    assert (ours["native"], ours["derived"]) == (sorted(OPS), "")
    assert whole == {
        "backend": registered[1], "available": True, "reason": "", "info": {"device": "a card", "version": "7"},
        "ops": list(OPS), "native": ["col2im", "conv2d", "im2col"],
        "derived": "conv2d_input_grad, conv2d_weight_grad, conv2d_bias_grad", "dtypes": ["float32", "float64", "int32"],
    }  # fmt: skip
    assert card == {"backend": registered[2], "available": False, "reason": REASON,
                    "info": {}, "ops": [], "native": [], "derived": "", "dtypes": []}  # fmt: skip


def test_the_table_says_it_in_a_line_each(run: Run, registered: list[str]) -> None:
    ran = run("backends")
    header, ours, whole, card = ran.lines
    assert header.split("  ")[0] == "backend"
    assert [" ".join(line.split()) for line in (whole, card)] == [
        f"{registered[1]} available float32, float64, int32 conv2d_input_grad, conv2d_weight_grad, conv2d_bias_grad "
        "device a card, version 7",
        f"{registered[2]} unavailable {REASON}",
    ]
    assert ours.startswith("numpy_fancy")
    assert (ran.code, ran.err) == (0, "")


def test_the_list_is_the_registry(run: Run) -> None:
    found = {one["backend"]: one for one in json.loads(run("backends", "--json").out)}
    assert list(found) == targets.names()
    assert [name for name, one in found.items() if one["available"] == bool(one["reason"])] == []
    assert {"naive_loops", "numpy_fancy", "matlab_loop"} <= {n for n, one in found.items() if one["available"]}


@pytest.mark.parametrize("place", PLACES_THAT_HANG)
def test_one_that_never_finishes_loading_is_a_line_of_its_own(
    run: Run, registered: list[str], write: Write, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    """The others are listed as ever, those after it too."""
    monkeypatch.setattr(seconds, "_LOADING", 0.01)
    monkeypatch.setattr(seconds, "_LEAST_LOADING", 1.0)
    monkeypatch.setattr(targets, "names", lambda: [str(write("mine.py", PLACES_THAT_HANG[place])), registered[0]])
    mine, ours = json.loads(run("backends", "--json").out)
    assert (mine["available"], ours["available"]) == (False, True)
    assert mine["reason"].endswith(
        "mine.py' cannot be loaded: its import or its info() did not end within 1 s "
        "(0.01 times the deadline of a call, 1 s at least)"
    )
