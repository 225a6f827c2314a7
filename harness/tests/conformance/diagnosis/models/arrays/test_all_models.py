"""Every model is a mistake, right somewhere and wrong elsewhere, with an id of its own and whole words."""

from __future__ import annotations

import re
from collections import Counter
from types import ModuleType

import numpy as np
import pytest

from conformance.diagnosis.about import public_bugs
from conformance.diagnosis.models.arrays import along, arrangements, blocks, counted, groups, orders, sums, terms
from conformance.diagnosis.models.arrays.opened import right
from conformance.diagnosis.models.model import Model
from harness.geometry.spec import OPS, Op
from harness.oracle import by_taps
from harness.tests.helpers.diagnosis.given import given

_FAMILIES = (along, arrangements, blocks, counted, groups, orders, sums, terms)
_SMALL = (
    "n2c6h4w5_f4kh2kw3_sh1sw2_pt1pb0pl1pr2_g2",
    "n3c6h5w7_f9kh3kw2_pt1pl1_g3",
    "n1c1h1w1_f1kh1kw1",
    "n2c3h4w4_f5kh2kw2",
    "n4c4h5w5_f4kh1kw1_g4",
    "n5c7h6w8_f6kh5kw4_pt2",
    "n7c4h3w7_f2kh2kw1_g2",
    "n2c8h3w9_f12kh1kw5_g4",
    "n3c5h7w2_f10kh5kw1_g5",
    "n0c2h3w3_f2kh2kw2",
)
# One axis is long, and its size odd, so that blocks leave a rest.
_LONG = (
    "n1c1h71w71_f1kh1kw1",
    "n1c1h1w1031_f1kh1kw1",
    "n1c1h1031w1_f1kh1kw1",
    "n1c4999h1w1_f1kh1kw1",
    "n1c1h1w1_f4999kh1kw1",
    "n257c1h1w2_f1kh1kw1",
    "n1c257h1w1_f257kh1kw1_g257",
    "n1c1h257w2_f3kh257kw1",
    "n1c1h1w257_f1kh1kw257",
    "n1c1h1w521_f1kh1kw257",
    "n1c1h1025w3_f1kh1kw1",
    "n1c257h1w17_f1kh1kw17",
)
_PUBLIC = re.compile(r"[\w.-]+/[\w.-]+ (PR )?#\d+")


def _of(op: Op, models: list[Model]) -> list[Model]:
    return [model for model in models if op in model.ops]


def _unlike(op: Op, models: list[Model]) -> tuple[list[str], list[str]]:
    """Ids of those that are never right, and of those that are never wrong."""
    never_right, never_wrong = {m.id: m for m in models}, {m.id: m for m in models}
    for line in (*_SMALL, *_LONG):
        call = given(op, line)
        expected = by_taps.run(op, call.spec, *call.arrays)
        for model in {**never_right, **never_wrong}.values():
            result = model.gives(call)
            assert result.shape == expected.shape, model.id
            if np.array_equal(result, expected):
                never_right.pop(model.id, None)
            else:
                never_wrong.pop(model.id, None)
        assert np.array_equal(right(call), expected), "a model wrote to the right result"
    return list(never_right), list(never_wrong)


@pytest.mark.parametrize("family", _FAMILIES, ids=lambda family: family.__name__.rpartition(".")[2])
@pytest.mark.parametrize("op", OPS)
def test_a_model_is_right_somewhere_and_wrong_elsewhere(family: ModuleType, op: Op) -> None:
    models = _of(op, list(family.models()))
    assert _unlike(op, models) == ([], [])


def test_what_is_always_right_would_be_seen() -> None:
    first = next(iter(orders.models()))
    same = Model("none", "is right", "leave it", ("im2col",), right)
    wrong = Model("all", "is 1 too high", "subtract 1", ("conv2d_bias_grad",), lambda call: right(call) + 1)
    assert "im2col" in first.ops
    assert _unlike("im2col", [same, first]) == ([], ["none"])
    assert _unlike("conv2d_bias_grad", [wrong]) == (["all"], [])


def test_ids_are_unique() -> None:
    found = Counter(model.id for family in _FAMILIES for model in family.models())
    assert [name for name, count in found.items() if count > 1] == []
    assert len(found) > 5000


def test_every_op_has_models_of_most_kinds() -> None:
    for op in OPS:
        found = {model.family for family in _FAMILIES for model in family.models() if op in model.ops}
        assert {"along", "blocks", "order"} <= found


def test_words_are_whole() -> None:
    """ "Your im2col" + says: a verb in the third person, no full stop, nothing that was not filled in."""
    bad = []
    for family in _FAMILIES:
        for model in family.models():
            verb = model.says.partition(" ")[0]
            is_verb = verb.islower() and verb.endswith("s")
            is_whole = not re.search(r"[{}]|\.$| {2}", model.says + model.mend) and not model.mend.endswith(".")
            if not (is_verb and is_whole and model.mend and model.ops and model.cost >= 1):
                bad.append((model.id, model.says, model.mend))
    assert bad == []


def test_places_are_public() -> None:
    known = {bug.bug for bug in public_bugs()}
    said = {model.seen for family in _FAMILIES for model in family.models() if model.seen}
    assert len(said) > 10
    assert [seen for seen in said if seen not in known and not _PUBLIC.fullmatch(seen)] == []
