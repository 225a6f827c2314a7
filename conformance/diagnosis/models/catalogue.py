"""All models of an op, the plainest first."""

from __future__ import annotations

from functools import cache

from conformance.diagnosis.models import bias, folding, numbers
from conformance.diagnosis.models.arrays import along, arrangements, blocks, counted, groups, orders, sums, terms
from conformance.diagnosis.models.index import (
    borders,
    flat,
    loops,
    memory,
    narrow,
    padding,
    parameters,
    pitches,
    rows_apart,
    taps,
)  # fmt: skip
from conformance.diagnosis.models.model import Model
from conformance.diagnosis.models.sizes import counts, crops, fields, misread, pointwise
from harness.geometry.spec import Op

_FAMILIES = (
    parameters, padding, borders, loops, flat, rows_apart, narrow, memory, pitches, taps, misread, counts, fields,
    crops, pointwise, folding, bias, numbers,
)  # fmt: skip
_GENERATED = (orders, along, groups, arrangements, sums, blocks, terms, counted)


@cache
def every() -> tuple[Model, ...]:
    """Of all ops, by family."""
    made = (model for family in _GENERATED for model in family.models())
    return (*(model for family in _FAMILIES for model in family.MODELS), *made)


@cache
def of(op: Op) -> tuple[Model, ...]:
    """Those of one op, by cost: of models that give the same, the first is told."""
    return tuple(sorted((model for model in every() if op in model.ops), key=lambda model: model.cost))
