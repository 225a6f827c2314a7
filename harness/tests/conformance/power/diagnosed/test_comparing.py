"""What is said of a fault is judged by what the fault does on other geometries: right names and wrong ones, planted."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from functools import cache, partial
from typing import Any

import numpy as np
import pytest

from conformance.diagnosis.cause import Cause
from conformance.diagnosis.conditions.foretell import Condition as Stated
from conformance.diagnosis.diagnose import Found, known
from conformance.diagnosis.experiment.observed import Kind
from conformance.diagnosis.models import tables
from conformance.diagnosis.models.model import Given, Model
from conformance.diagnosis.naming.shapes import Hint
from conformance.power.diagnosed.comparing import Compared, Unseen, compared
from conformance.power.fault import Fault
from conformance.power.kinds import indices, parameters, state
from conformance.power.records import Stated as Verdict
from conformance.power.records import Truth
from conformance.power.right.ops import Call, Change
from conformance.power.where.conditions import ALWAYS, Condition, On
from harness.contract.protocol import Array
from harness.geometry.spec import ConvSpec

_FIRST = ConvSpec.parse("n1c1h3w3_f1kh1kw1")


def _change(what: str, of: Iterable[Change]) -> Change:
    return next(change for change in of if change.what == what)


_STRIDE = _change("stride_w of the other axis in the indices", parameters.changes("im2col"))
_DEEP = Condition((On("C", ">", 4),))
_LATE = _change("the result of the call before", state.calls())


@cache
def _unseen(change: Change, condition: Condition = ALWAYS) -> Unseen:
    return Unseen(Fault("planted", "im2col", change, condition), "float64")


def _cause(kind: str, name: str = "") -> Cause:
    return Cause(
        op="im2col", dtype="float64", kind=kind, id=name, says="", why="", mend="", seen="", failing=9, passing=9,
        calls=18, plainest=_FIRST,
    )  # fmt: skip


def _stated(holds: Callable[[ConvSpec], bool]) -> Stated:
    return Stated("", 1.0, holds, 9, 9, 9, "")


def _deeper_than(limit: int) -> Stated:
    return _stated(lambda spec: spec.in_channels > limit)


def _own(unseen: Unseen) -> Model:
    return unseen.own_models(known("im2col"))[0]


def _judged(unseen: Unseen, **found: Any) -> Compared:
    return compared(unseen, Found(_cause("name"), **found), ())


# -- names ------------------------------------------------------------------------------------------------------------


def test_the_models_of_a_fault_are_those_of_its_mistake() -> None:
    found = _unseen(_STRIDE).own_models(known("im2col"))
    assert "index/stride of the other axis/width" in {model.id for model in found}
    assert len(found) < 4


def test_a_right_name_is_right() -> None:
    assert _judged(_unseen(_STRIDE), model=_own(_unseen(_STRIDE))) == Compared("right")


def test_every_other_name_is_wrong() -> None:
    unseen = _unseen(_STRIDE)
    own = {model.id for model in unseen.own_models(known("im2col"))}
    others = [model for model in known("im2col") if model.id not in own][::100]
    assert len(others) > 20
    assert {_judged(unseen, model=model).truth for model in others} == {"wrong"}


def test_a_name_of_what_is_right_elsewhere_is_wrong() -> None:
    """It gives all that fails, but is said without the condition."""
    unseen = _unseen(_STRIDE, _DEEP)
    assert _judged(unseen, model=_own(unseen)) == Compared("wrong")


def test_no_name_is_silent() -> None:
    assert _judged(_unseen(_STRIDE)) == Compared("silent")


def test_a_name_that_cannot_be_compared_is_not_right() -> None:
    unseen = _unseen(_STRIDE)
    failing = [one.spec for one in unseen.shows()]
    assert compared(unseen, Found(_cause("name"), model=_own(unseen)), failing) == Compared("silent")


# -- conditions -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("limit", "stated"), [(3, "off"), (4, "exact"), (5, "off")])
def test_a_condition_that_is_off_by_one_is_off(limit: int, stated: Verdict) -> None:
    unseen = _unseen(_STRIDE, _DEEP)
    assert _judged(unseen, model=_own(unseen), condition=_deeper_than(limit)) == Compared("right", stated)


@pytest.mark.parametrize(("limit", "stated"), [(3, "off"), (4, "exact"), (5, "off")])
def test_a_condition_without_a_name_too(limit: int, stated: Verdict) -> None:
    unseen = _unseen(Change("one more", result=lambda call, out: out + 1), _DEEP)
    assert _judged(unseen, condition=_deeper_than(limit)) == Compared("silent", stated)


def test_a_wrong_name_under_a_right_condition_is_wrong() -> None:
    unseen = _unseen(_STRIDE, _DEEP)
    own = {model.id for model in unseen.own_models(known("im2col"))}
    other = next(model for model in known("im2col") if "stride" in model.id and model.id not in own)
    assert _judged(unseen, model=other, condition=_deeper_than(4)).truth == "wrong"


# -- shapes and crashes -----------------------------------------------------------------------------------------------


def _cut(call: Call, out: Array) -> Array:
    """One position less, where the stride of the width is more than 1."""
    return out[..., :-1] if call.spec.stride[1] > 1 else out


def _hint(positions: int) -> Hint:
    return Hint("shape/less", "gives less", "", lambda s: (*s.columns_shape[:2], s.positions - positions))


def test_what_is_said_of_a_shape_is_judged_by_shapes() -> None:
    unseen, condition = _unseen(Change("cut", result=_cut)), _stated(lambda spec: spec.stride[1] > 1)
    assert _judged(unseen, hint=_hint(1), condition=condition, focus=Kind.SHAPE) == Compared("right", "exact")
    assert _judged(unseen, hint=_hint(2), condition=condition, focus=Kind.SHAPE) == Compared("wrong", "exact")
    assert _judged(unseen, hint=_hint(1), focus=Kind.SHAPE) == Compared("wrong")
    wide = _stated(lambda spec: spec.stride[1] > 2)
    assert _judged(unseen, hint=_hint(1), condition=wide, focus=Kind.SHAPE) == Compared("right", "off")


def test_what_fails_in_another_way_says_nothing() -> None:
    """Wrong values with two channels and more, a crash where the batch is more than 1."""

    def spoilt(call: Call, out: Array) -> Array:
        if call.spec.batch > 1:
            raise ValueError("only one image")
        return out + (call.spec.in_channels > 1)

    unseen = _unseen(Change("spoilt", result=spoilt))
    value, crash = _deeper_than(1), _stated(lambda spec: spec.batch > 1)
    assert _judged(unseen, condition=value, focus=Kind.VALUE).condition == "exact"
    assert _judged(unseen, condition=_deeper_than(2), focus=Kind.VALUE).condition == "off"
    assert compared(unseen, Found(_cause("crash"), condition=crash, focus=Kind.CRASH), ()).condition == "exact"
    assert compared(unseen, Found(_cause("crash"), condition=value, focus=Kind.CRASH), ()).condition == "off"


# -- calls and numbers ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("name", "truth"), [("later/result before", "right"), ("later/sum not reset", "wrong")])
def test_what_is_said_to_be_kept_is_looked_at_on_other_geometries(name: str, truth: Truth) -> None:
    assert compared(_unseen(_LATE), Found(_cause("later call", name)), ()) == Compared(truth)


def test_what_is_wrong_without_earlier_calls_is_no_cache() -> None:
    spec = ConvSpec.parse("n1c3h5w5_f1kh2kw2_sh1sw2")
    found = Found(replace(_cause("later call", "later/cache without sw"), plainest=spec))
    assert compared(_unseen(_STRIDE), found, ()) == Compared("wrong")


def _model(of: Callable[[Array], Array]) -> Model:
    return Model("number/it", "", "", ("im2col",), partial(_of_right, of))


def _of_right(of: Callable[[Array], Array], given: Given) -> Array:
    return of(tables.run(given))


def test_what_is_said_of_numbers_is_judged_on_numbers() -> None:
    half = Change("half", result=lambda call, out: out.astype(np.float16).astype(out.dtype))
    with np.errstate(over="ignore"):
        unseen, cause = _unseen(half), _cause("numbers", "number/it")
        right, other = _model(lambda a: a.astype(np.float16).astype(float)), _model(np.rint)
        assert compared(unseen, Found(cause, right), ()) == Compared("right")
        assert compared(unseen, Found(cause, other), ()) == Compared("wrong")
        assert compared(_unseen(Change("nothing")), Found(cause, _model(lambda a: a)), ()) == Compared("silent")


def test_nan_and_infinities_are_among_the_numbers() -> None:
    zero = Change("zero", result=lambda call, out: np.where(np.isnan(out), 0, out))
    unseen, cause = _unseen(zero), _cause("numbers", "number/it")
    assert compared(unseen, Found(cause, _model(lambda a: np.where(np.isnan(a), 0, a))), ()) == Compared("right")
    assert compared(unseen, Found(cause, _model(lambda a: np.where(np.isnan(a), 1, a))), ()) == Compared("wrong")
    assert compared(unseen, Found(cause, _model(lambda a: a)), ()) == Compared("silent")  # it does not speak of them


def test_the_geometries_lie_about_the_condition_of_the_fault() -> None:
    """Of a rare one too: so that a name under it can be compared, and a limit that is off by one is seen."""
    rare = Condition((On("W", "=", 23), On("KH", "=", 5)))
    last = _change("out_row misses the last", indices.changes("im2col"))
    assert len(_unseen(last, rare).shows()) > 30
