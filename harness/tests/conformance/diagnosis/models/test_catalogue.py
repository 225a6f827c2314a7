"""Every model is a mistake: right on some small geometry, wrong on another; its sentences are sentences."""

from __future__ import annotations

import csv
import re
from collections import Counter
from functools import cache
from importlib.resources import files

import numpy as np
import pytest

from conformance.diagnosis.experiment.observed import Digest, digest
from conformance.diagnosis.models import catalogue
from conformance.diagnosis.models.model import Given, Model
from conformance.diagnosis.models.tables import right, run
from harness.geometry.spec import OPS, ConvSpec, Op
from harness.oracle import by_taps

_GEOMETRIES = [
    ConvSpec.parse(text)
    for text in (
        "n1c1h1w1_f1kh1kw1", "n1c1h4w4_f1kh2kw2", "n2c4h7w8_f6kh3kw2_sh2sw3_pt1pb0pl1pr2_dh1dw2_g2",
        "n3c2h9w6_f4kh3kw3_sh2sw1_pt1pb1pl1pr1_g2", "n1c2h1w5_f2kh1kw3_sh1sw2_pt0pb0pl1pr3",
        "n2c1h5w1_f2kh2kw1_pt2pb1pl0pr0", "n0c2h4w5_f3kh2kw3", "n2c3h6w9_f3kh4kw2_sh3sw2_pt2pb3pl0pr1_dh2dw1",
        "n1c2h12w40_f3kh3kw3_pt1pb1pl1pr1", "n1c1h40w12_f1kh5kw3_dh1dw2", "n2c2h3w3_f2kh5kw4_pt3pb4pl4pr2",
        "n1c2h20w20_f2kh18kw9_pt1pb0pl2pr0", "n1c2h20w20_f2kh5kw17", "n1c1h2w2_f1kh1kw1_sh2sw2",
        "n1c1h1w1_f1kh1kw1_pt1pb1pl1pr1", "n2c2h4w4_f4kh1kw1_sh3sw2_pt1pb2pl2pr1", "n1c1h6w6_f1kh2kw2_sh2sw2",
        "n1c3h5w5_f3kh3kw3_pt2pb2pl2pr2_dh2dw2_g3", "n1c1h3w4_f3kh1kw2_pt0pb2pl0pr3", "n1c1h5w5_f1kh2kw2_pt3pb1pl1pr4",
        "n1c1h8w8_f1kh1kw1_sh4sw4", "n1c1h66w3_f1kh1kw1", "n1c1h3w70_f1kh1kw1", "n1c1h3w3_f3kh1kw1",
        "n1c1h9w9_f1kh3kw3_sh3sw3_pt2pb2pl2pr2_dh3dw3", "n1c1h4w4_f1kh3kw3_sh4sw4_pt4pb0pl0pr4",
        "n1c1h7w8_f1kh1kw1_dh3dw4", "n1c1h5w9_f1kh1kw1_sh4sw4", "n1c1h33w33_f1kh1kw1",
        "n1c70h3w3_f2kh2kw2", "n2c70h3w2_f2kh2kw1", "n1c1h258w256_f1kh1kw1",
    )
]  # fmt: skip
_SMALL, _LARGE = 1_000, 100_000  # factors of a product, and numbers that are copied or added


@cache
def calls(op: Op) -> tuple[tuple[Given, Digest], ...]:
    """Of one op on every geometry, and what is right; conv2d without a bias at times. Nothing can be written to."""
    draw = np.random.default_rng(5)
    found = []
    for number, spec in enumerate(_GEOMETRIES):
        arrays = []
        for shape in spec.input_shapes(op):
            most = _SMALL if op.startswith("conv2d") and op != "conv2d_bias_grad" else _LARGE
            a = (draw.integers(1, most, shape) * draw.choice([-1, 1], shape)).astype(float)
            a.flags.writeable = False
            arrays.append(a)
        given = Given(op, spec, (*arrays[:2], None) if op == "conv2d" and number % 4 == 1 else tuple(arrays))
        found.append((given, digest(right(given))))
    return tuple(found)


def own(op: Op) -> list[Model]:
    """The models that are written one by one, not those of every axis of every array."""
    return [model for model in catalogue.of(op) if model.family in _FAMILIES]


_FAMILIES = (
    "index", "border", "loop", "flat", "misread", "size", "field", "crop", "folding", "bias", "bias gradient", "factor",
    "number", "taps", "rows apart", "narrow",
)  # fmt: skip


@pytest.mark.parametrize("op", OPS)
def test_the_right_tables_are_right(op: Op) -> None:
    for given, _ in calls(op):
        expected = by_taps.run(op, given.spec, *given.arrays)
        assert np.array_equal(run(given), expected), str(given.spec)


@pytest.mark.parametrize("op", OPS)
def test_every_model_is_wrong_somewhere(op: Op) -> None:
    never = [model.id for model in own(op) if all(digest(model.gives(given)) == good for given, good in calls(op))]
    assert never == []


@pytest.mark.parametrize("op", OPS)
def test_every_model_is_right_somewhere(op: Op) -> None:
    """Those that are wrong on every call are wrong in the shape, or so that even one pixel shows it."""
    always = [model.id for model in own(op) if all(digest(model.gives(given)) != good for given, good in calls(op))]
    assert {id for id in always if not id.startswith(_PLAIN_TO_SEE)} == set()


_PLAIN_TO_SEE = (
    "size/one too few", "size/one too many", "misread/one more/size", "crop/one short", "crop/one late",
    "crop/images and channels, unguarded", "bias gradient/", "field/size doubled", "field/before one more",
)  # fmt: skip


def test_families_are_all_there() -> None:
    found = Counter(model.family for model in catalogue.every())
    assert found.keys() >= set(_FAMILIES)
    assert min(found[family] for family in _FAMILIES) >= 8


def test_ids_are_unique() -> None:
    found = Counter(model.id for model in catalogue.every())
    assert [id for id, count in found.items() if count > 1] == []


@pytest.mark.parametrize("op", OPS)
def test_the_plainest_come_first(op: Op) -> None:
    costs = [model.cost for model in catalogue.of(op)]
    assert costs == sorted(costs)
    assert len(costs) == sum(op in model.ops for model in catalogue.every())


def test_sentences_are_sentences() -> None:
    """ "Your im2col" and a verb in the third person; an instruction; nothing of a template is left."""
    for op in OPS:
        for model in own(op):
            assert re.match(r"(never )?[a-z]+s\b", model.says), model.says
            assert not model.says.endswith((".", ":", ",", " ")), model.says
            assert model.mend, model.id
            assert not model.mend.endswith((".", ":", ",", " ")), model.mend
            for text in (model.says, model.mend):
                assert not re.search(r"\{[a-z]+\}", text), text
                assert "  " not in text, text


def test_what_was_seen_in_public_can_be_found() -> None:
    """A row of the table of public bugs, or a repository with a number."""
    rows = list(csv.DictReader((files("conformance.checks") / "public_bugs.csv").open()))
    known = {row["bug"] for row in rows} | {row["source"] for row in rows}
    for op in OPS:
        for model in own(op):
            assert not model.seen or model.seen in known or re.search(r"\S+/\S+ (PR )?#\d+", model.seen), model.seen


def test_a_geometry_with_equal_axes_hides_what_exchanges_them() -> None:
    """A passing case counts against a model only where the model differs from the right result."""
    exchange = next(model for model in catalogue.of("im2col") if model.id == "index/stride of the other axis/both")
    differs = {str(given.spec): digest(exchange.gives(given)) != good for given, good in calls("im2col")}
    assert differs["n2c4h7w8_f6kh3kw2_sh2sw3_pt1pb0pl1pr2_dh1dw2_g2"]
    assert not differs["n1c1h6w6_f1kh2kw2_sh2sw2"]
