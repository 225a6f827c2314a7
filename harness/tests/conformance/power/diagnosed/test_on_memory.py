"""What is said of memory is held to geometries and layouts that no diagnosis has looked at: true and false claims."""

from __future__ import annotations

from functools import cache

import pytest

from conformance.diagnosis.inputs.claim import Claim
from conformance.diagnosis.inputs.lying import Lies
from conformance.diagnosis.inputs.reading import WAYS
from conformance.power.diagnosed.comparing import Unseen
from conformance.power.diagnosed.judging import diagnosed
from conformance.power.diagnosed.on_memory import is_true_of_memory
from conformance.power.fault import Fault
from conformance.power.kinds import memory
from conformance.power.right.ops import NOTHING, Change
from conformance.power.where.conditions import ALWAYS, Condition, On

_TURNED = "argument 0 with negative steps is read with its steps turned"
_CHANGED = "argument 0 is overwritten with zeros"
_BACKWARDS = Lies("has a negative stride", lambda one: min(one.view.strides) < 0)
_ANY = Lies("lies anyhow", lambda one: True)
_WAYS = {way.key: way for way in WAYS}


def _change(what: str) -> Change:
    several = (*memory.strides(1), *memory.sharing(1))
    return next(change for change in several if change.what == what)


@cache
def _unseen(what: str, condition: Condition = ALWAYS) -> Unseen:
    return Unseen(Fault("planted", "im2col", _change(what) if what else NOTHING, condition), "float64")


@pytest.mark.parametrize(
    ("claim", "told"),
    [
        (Claim("misread", (0,), _WAYS["steps forward"]), ("right", "")),
        (Claim("misread", (0,), _WAYS["steps forward"], _BACKWARDS), ("right", "")),
        (Claim("misread", (0,), _WAYS["contiguous"]), ("wrong", "")),
        (Claim("misread", (0,), _WAYS["steps forward"], unpadded=True), ("wrong", "")),
        (Claim("misread", (0,), lies=_BACKWARDS), ("silent", "exact")),
        (Claim("misread", (0,), lies=_ANY), ("silent", "off")),
        (Claim("raises", (0,), lies=_BACKWARDS), ("silent", "off")),
        (Claim("changes", (0,)), ("wrong", "")),
    ],
)
def test_a_claim_of_what_is_misread(claim: Claim, told: tuple[str, str]) -> None:
    assert is_true_of_memory(_unseen(_TURNED).experiment, claim, ()) == told


def test_a_claim_of_what_is_changed() -> None:
    always, deep = _unseen(_CHANGED), _unseen(_CHANGED, Condition((On("C", ">", 2),)))
    wide = Claim("changes", (0,), meant=lambda spec: spec.in_channels > 2)
    assert is_true_of_memory(always.experiment, Claim("changes", (0,)), ()) == ("right", "")
    assert is_true_of_memory(deep.experiment, Claim("changes", (0,)), ()) == ("wrong", "")
    assert is_true_of_memory(deep.experiment, wide, ()) == ("right", "")


def test_what_does_not_show_is_neither_right_nor_wrong() -> None:
    assert is_true_of_memory(_unseen("").experiment, Claim("misread", (0,), _WAYS["zeros"], _NEVER), ()) == (
        "silent",
        "",
    )
    known = [one.spec for one in _unseen(_CHANGED).observed]
    assert is_true_of_memory(_unseen(_CHANGED).experiment, Claim("changes", (0,)), known) == ("silent", "")


_NEVER = Lies("lies nowhere", lambda one: False)


@pytest.mark.parametrize("what", [_TURNED, _CHANGED])
def test_a_fault_of_memory_is_named_and_judged(what: str) -> None:
    found = diagnosed(Fault("memory", "im2col", _change(what)))
    assert found is not None
    assert (found.kind, found.truth) == ("memory", "right")
