"""Two mistakes at once: one formula of the index in the height, another in the width."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import lru_cache, partial

import numpy as np

from conformance.diagnosis.experiment.experiment import Experiment
from conformance.diagnosis.experiment.observed import Kind, digest
from conformance.diagnosis.models.index import borders, loops, padding, parameters
from conformance.diagnosis.models.index.formula import AXES, SCATTERING, WINDOWED, Formula, Words, added_once
from conformance.diagnosis.models.model import Given, Model
from conformance.diagnosis.models.tables import Axis, Fold, axes, run, scatter, table
from conformance.diagnosis.naming.names import HANDY
from harness.contract.protocol import Array
from harness.geometry.spec import ConvSpec, Op

_TOGETHER, _ONCE = 1.0, 0.3  # what two cost more than one, and what adding once costs
_TOLD = 12  # failing geometries, the plainest, of which the largest is tried
_LOOKED_AT, _FEWEST = 40, 3  # failing geometries, and those on which each half of a pair has to show
_HEIGHT, _WIDTH = (next(words for words in AXES if words.id == axis) for axis in ("height", "width"))
FORMULAS: tuple[Formula, ...] = (
    *parameters.FORMULAS, *padding.FORMULAS, *borders.FORMULAS, *loops.FORMULAS,
)  # fmt: skip


def fitting(experiment: Experiment) -> list[Model]:
    """Those that give one failing result, the largest of the plain ones: few of thousands, to be tried on the rest."""
    failing = [one for one in experiment.failing() if one.kind is Kind.VALUE]
    handy = [one for one in failing[:_TOLD] if max(one.spec.macs, experiment.right(one.spec).size) <= HANDY]
    if not handy or experiment.op not in WINDOWED:
        return []
    one = max(handy, key=lambda one: experiment.right(one.spec).size)
    given, found = experiment.given(one.spec), list[Model]()
    shown = [one.spec for one in failing[:_LOOKED_AT]]
    rows, columns = (_classes(one.spec, axis, [f for f in FORMULAS if _shows(f, axis, shown)]) for axis in (0, 1))
    for fold in _folds(experiment.op):
        for high, wide in ((high, wide) for high in rows for wide in columns):
            if digest(run(given, *_tables(one.spec, high[0], wide[0]), fold)) == one.digest:
                found += _models(experiment.op, high, wide, fold)
    return found


def _folds(op: Op) -> tuple[Fold, ...]:
    return (scatter, added_once) if op in SCATTERING else (scatter,)


def _shows(formula: Formula, axis: int, specs: Sequence[ConvSpec]) -> bool:
    """Whether it is a mistake on some of these: one half of a pair must not be nothing."""
    count = 0
    for spec in specs:
        own, other = axes(spec)[axis], axes(spec)[1 - axis]
        count += not np.array_equal(_changed(formula, own, other), table(own))
        if count == _FEWEST:
            return True
    return False


def _classes(spec: ConvSpec, axis: int, formulas: Sequence[Formula]) -> list[list[Formula]]:
    """The formulas that give one table here, together."""
    own, other = axes(spec)[axis], axes(spec)[1 - axis]
    found: dict[bytes, list[Formula]] = {}
    for formula in formulas:
        found.setdefault(_changed(formula, own, other).tobytes(), []).append(formula)
    return list(found.values())


def _models(op: Op, rows: list[Formula], columns: list[Formula], fold: Fold) -> Iterator[Model]:
    for high, wide in ((high, wide) for high in rows for wide in columns):
        if high is wide or (fold is added_once and not (high.repeats or wide.repeats)):
            continue
        says = f"{_said(high.says, _HEIGHT)}, and {_said(wide.says, _WIDTH)}"
        mends = dict.fromkeys((_said(high.mend, _HEIGHT), _said(wide.mend, _WIDTH)))
        key, cost = f"pair/{high.key} + {wide.key}", high.cost + wide.cost + _TOGETHER
        if fold is added_once:
            key, says, cost = f"{key}, added once", f"{says}, and adds each pixel once a tap", cost + _ONCE
        yield Model(key, says, "; ".join(mends), (op,), partial(_gives, high, wide, fold), cost, high.seen or wide.seen)


def _gives(high: Formula, wide: Formula, fold: Fold, given: Given) -> Array:
    return run(given, *_tables(given.spec, high, wide), fold)


def _tables(spec: ConvSpec, high: Formula, wide: Formula) -> tuple[Array, Array]:
    height, width = axes(spec)
    return _changed(high, height, width), _changed(wide, width, height)


@lru_cache(maxsize=1 << 12)
def _changed(formula: Formula, axis: Axis, other: Axis) -> Array:
    return np.asarray(formula.change(axis, other))


def _said(text: str, words: Words) -> str:
    return text.format(**{name: getattr(words, name) for name in Words.__slots__})
