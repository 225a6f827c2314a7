"""Whether what is said of memory is so: on other geometries, with each argument in every memory layout."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from conformance.diagnosis.experiment.experiment import Experiment
from conformance.diagnosis.inputs.claim import Claim
from conformance.diagnosis.inputs.placed import Seen, foretold, in_layouts
from conformance.power.records import Stated, Truth
from harness.geometry.spec import ConvSpec, Op

_GEOMETRIES = 12
_CHEAP = 200_000  # multiply-adds of a geometry


def is_true_of_memory(e: Experiment, claim: Claim, looked_at: Sequence[ConvSpec]) -> tuple[Truth, Stated]:
    """A way to misread, or that an argument is changed, is a name: it has to give every result, wrong ones and right.

    That an argument is refused, or misread nobody knows how, is a condition: it has to hold where that shows, and
    nowhere else. Silent if nothing is wrong on these geometries.
    """
    known = set(looked_at)
    new = [one.spec for one in e.passing() if one.spec not in known and one.spec.macs <= _CHEAP]
    specs = [spec for spec in new if e.right(spec).size and _has_orders(e.op, spec)][:_GEOMETRIES]
    if claim.sometimes:
        return "silent", ""
    if claim.what == "changes":
        return _of_changes(e, claim, specs), ""
    if claim.way is None:
        specs = [spec for spec in new if _shows_all(e.op, spec) and e.right(spec).size][:_GEOMETRIES]
    seen = [one for spec in specs for one in in_layouts(e, spec) if one.number in claim.numbers]
    if claim.way is not None:
        shown = [one.is_wrong for one in seen]
        return _truth(any(shown), all(_is_foretold(e.op, claim, one) for one in seen)), ""
    if not seen:
        return "silent", ""
    told = [one.is_wrong if claim.what == "misread" else bool(one.outcome.error) for one in seen]
    holds = [
        (claim.lies is None or claim.lies.holds(one.lying)) and (claim.meant is None or claim.meant(one.spec))
        for one in seen
    ]  # fmt: skip
    return "silent", "exact" if told == holds else "off"


def _has_orders(op: Op, spec: ConvSpec) -> bool:
    """Whether its inputs have several indices along each axis: along others no layout shows."""
    return min(min(shape) for shape in spec.input_shapes(op)) > 1


def _shows_all(op: Op, spec: ConvSpec) -> bool:
    """Whether every element of its inputs counts, so that a misread array gives another result."""
    return _has_orders(op, spec) and spec.stride == spec.dilation == (1, 1) and not any(spec.padding)


def _of_changes(e: Experiment, claim: Claim, specs: Sequence[ConvSpec]) -> Truth:
    shown = list(_changed(e, claim.numbers, specs))
    meant = [claim.meant is None or claim.meant(spec) for spec in specs]
    return _truth(any(shown), shown == meant)


def _changed(e: Experiment, numbers: Sequence[int], specs: Sequence[ConvSpec]) -> Iterator[bool]:
    for spec in specs:
        outcome = e.outcome(spec, e.given(spec).arrays)
        told = [] if outcome is None else outcome.changed
        yield all(any(text.endswith(f" of argument {number}") for text in told) for number in numbers)


def _is_foretold(op: Op, claim: Claim, one: Seen) -> bool:
    """Where it reads what is not its own, nothing is foretold."""
    assert claim.way is not None
    held = (claim.lies is None or claim.lies.holds(one.lying)) and not (claim.unpadded and any(one.spec.padding))
    held = held and (claim.meant is None or claim.meant(one.spec))
    if not held:
        return one.is_right
    made = foretold(op, claim.way, one)
    return made is None or (one.outcome.result is not None and np.array_equal(one.outcome.result, made))


def _truth(shows: bool, is_so: bool) -> Truth:
    return "wrong" if not is_so else "right" if shows else "silent"
