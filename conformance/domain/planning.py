"""On which geometries of its own a backend is judged: all on the same, but who does a part on that."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import islice
from typing import NamedTuple

import numpy as np

from conformance.cases.case import Case
from conformance.cases.selection import Selection, matches
from conformance.cases.specs import ALL
from conformance.checks.registration import Check
from conformance.checks.values_domain import DOMAIN
from conformance.domain.dtypes import FLOATS, special
from conformance.domain.part import FEWEST, Claims, Part, part_of, whole_of
from conformance.domain.pool import pool
from harness.calls.caller import Caller
from harness.contract.adapter import NOT_IMPLEMENTED
from harness.geometry.spec import OPS, ConvSpec, Op
from harness.oracle import data

_OF_OTHER_DTYPES = 80  # the most telling ones
_OF_A_CHECK = 3
_OFTEN = 8  # who raises when asked about so many geometries always does: thousands more would take minutes in a child
Parts = Mapping[Op, Mapping[str, Part]]


def parts(caller: Caller, dtypes: Sequence[str], ops: Sequence[Op]) -> Parts:
    """Of each op the part that is done, by dtype, that in which most is claimed first.

    It is the whole where nothing is refused that all are asked on. Who always raises when asked has no part: that is
    told where the check's own cases are planned.
    """
    found: dict[Op, dict[str, Part]] = {}
    for op in ops or OPS:
        for dtype in _most_claimed_first(caller, op, [one for one in dtypes if _can_be_asked(caller, op, one)]):
            part = _part(caller, op, dtype, found.get(op, {}))
            if part is None:  # it is not there
                break
            if part.known:
                found.setdefault(op, {})[dtype] = part
    return found


def _can_be_asked(caller: Caller, op: Op, dtype: str) -> bool:
    return not all(answer(caller, op, spec, dtype).raised for spec in whole_of(op).specs[:_OFTEN])


def _most_claimed_first(caller: Caller, op: Op, dtypes: Sequence[str]) -> list[str]:
    """And where as much is, float32 or float64 first: numbers of few digits tell less."""
    everything = whole_of(op).specs
    if len(dtypes) < 2 or answer(caller, op, everything[0], dtypes[0]).reason == NOT_IMPLEMENTED:
        return list(dtypes)

    def refused(dtype: str) -> int:
        caller.ask_ahead(op, everything, dtype)
        return sum(not answer(caller, op, spec, dtype).claims for spec in everything)

    return sorted(dtypes, key=lambda dtype: (refused(dtype), dtype not in FLOATS))


def cases(asked: Iterable[Check], found: Parts, caller: Caller, selection: Selection) -> Iterator[Case]:
    """Every chosen geometry on its numbers, some for a check that asks for them, three for one that would have none."""
    for op, by_dtype in found.items():
        for dtype, part in by_dtype.items():
            for check in asked:
                if not check.optional and op in check.ops and np.dtype(dtype).kind in check.kinds:
                    is_asked_more = dtype == next(iter(by_dtype)) and op in caller.native
                    specs = _geometries(check, op, dtype, part, caller, is_asked_more)
                    every = check.cases(op, dtype, specs, selection.seed, takes_bias=caller.takes_bias)
                    yield from (case for case in every if matches(selection.pattern, case))


def _geometries(check: Check, op: Op, dtype: str, part: Part, caller: Caller, more: bool) -> Sequence[ConvSpec]:
    """What is asked beyond the check's own geometries; `more` is for an op of its own, in its main dtype."""
    if check.id == DOMAIN:
        return part.specs
    if not check.standing:
        return []
    further, claims = check.of_domain, _claims(caller, op, dtype)
    if further and more:
        fit = _fitting(check, op, dtype, part, claims)
        found = [spec for spec in fit if spec.macs <= further.most_work][:: further.every]
        if found:
            return found
    if any(map(claims, check.specs(op))):
        return []
    return list(islice(_fitting(check, op, dtype, part, claims), _OF_A_CHECK))


def _fitting(check: Check, op: Op, dtype: str, part: Part, claims: Claims) -> Iterator[ConvSpec]:
    """The chosen geometries that the check can judge, in whole numbers; made to have no images, if it asks for that."""
    specs: Iterable[ConvSpec] = part.choice.specs
    if check.of_domain and check.of_domain.without_images:
        own = set(check.specs(op))
        twins = dict.fromkeys(replace(spec, batch=0) for spec in specs)
        specs = (spec for spec in twins if spec not in own and claims(spec))
    return (spec for spec in specs if check.fits(op, spec) and data.can_be_exact(op, spec, dtype))


def _part(caller: Caller, op: Op, dtype: str, before: Mapping[str, Part]) -> Part | None:
    """What is done of an op in a dtype, `before` what is in others. None: there is no such op."""
    claims = _claims(caller, op, dtype)
    if before:
        return _of_further_dtype(caller, op, dtype, *next(iter(before.items()))).cut(_OF_OTHER_DTYPES)
    everything = whole_of(op).specs
    if answer(caller, op, everything[0], dtype).reason == NOT_IMPLEMENTED:
        return None
    caller.ask_ahead(op, everything, dtype)
    if all(map(claims, everything)):
        return whole_of(op)
    return _asked(caller, op, dtype, claims)


def _of_further_dtype(caller: Caller, op: Op, dtype: str, main: str, part: Part) -> Part:
    """The same part as in the main dtype if the same is claimed: looking for another takes long."""
    claims, claimed_in_main = _claims(caller, op, dtype), _claims(caller, op, main)
    known = part.specs if part.is_whole else [*pool(), *ALL.values()]
    caller.ask_ahead(op, known, dtype)
    if all(claims(spec) == claimed_in_main(spec) for spec in known):
        return part
    caller.ask_ahead(op, [*pool(), *ALL.values()], dtype)
    if not any(map(claims, [*pool(), *ALL.values(), *special()])):
        return part._replace(known=0)
    return _asked(caller, op, dtype, claims)


def _claims(caller: Caller, op: Op, dtype: str) -> Claims:
    return lambda spec: answer(caller, op, spec, dtype).claims


def _asked(caller: Caller, op: Op, dtype: str, claims: Claims) -> Part:
    """What is claimed of the pool and of the suite's own geometries; if that is too little, of special ones too."""
    caller.ask_ahead(op, [*pool(), *ALL.values()], dtype)
    found = part_of(claims, list(ALL.values()))
    return found if found.known >= FEWEST else part_of(claims, [*ALL.values(), *special()])


class Answer(NamedTuple):
    """Why a backend refuses a geometry, None if it does not; or that asking raised: told where it is planned."""

    reason: str | None
    raised: bool = False

    @property
    def claims(self) -> bool:
        """Whether the backend says that it does the geometry."""
        return self.reason is None and not self.raised


def answer(caller: Caller, op: Op, spec: ConvSpec, dtype: str) -> Answer:
    """What the backend answers, whatever becomes of asking."""
    try:
        return Answer(caller.unsupported(op, spec, dtype))
    except (Exception, SystemExit):
        return Answer(None, raised=True)
