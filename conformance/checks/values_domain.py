"""`values.domain`: geometries of what a backend claims, on numbers that fill the dtype, and in other ways by turns."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import NamedTuple

from conformance.cases.case import Case
from conformance.cases.data import case_data
from conformance.cases.neighbours import neighbour
from conformance.cases.specs import DISTINCT, some
from conformance.checks.outcomes import Failed, arranged_in_words, require_ended, require_form, require_own_memory
from conformance.checks.registration import LITTLE, asks
from conformance.checks.under_test import BackendUnderTest
from harness.calls.caller import PLAIN, CallResult, Conditions, OneCall
from harness.calls.memory_layouts import MEMORY_LAYOUTS, representable
from harness.contract.protocol import ARGUMENTS, Array
from harness.contract.status import Grade
from harness.geometry.spec import ConvSpec, Op
from harness.oracle.comparing import Mismatch, mismatch

DOMAIN = "values.domain"
_WHERE_LAYOUTS_ARE_ASKED = [*DISTINCT[:1], *some("plain", "one_pixel")]  # the first that is done
_REPEATING = [name for name in MEMORY_LAYOUTS if name.startswith("broadcast")]  # which cannot hold any values
ARRANGED = [name for name in MEMORY_LAYOUTS[1:] if name not in _REPEATING]


class _Asked(NamedTuple):
    """In what way, what, and what differs."""

    what: str
    call: OneCall
    judge: Callable[[Array], Mismatch | None]


@asks(DOMAIN, ())
def domain(subject: BackendUnderTest, case: Case) -> None:
    """A geometry of the domain: numbers that fill the dtype are equal. Little ones also, by turns, in other ways.

    Which ones is a matter of the geometry and op: real numbers, a single term in each sum, other memory layouts, two
    neighbours, each of which differs from the call before in one parameter. Neither an input nor an earlier result may
    change. A layout that is refused here, and not where `contract.strided_inputs` asks, is a matter of form.
    """
    turn = zlib.crc32(f"{case.op}/{case.spec}".encode())
    case = replace(case, bias=turn % 3 > 0)
    asked, refused = [_filled(subject, case, "wide", PLAIN)], list[_Asked]()
    if max(case.spec.macs, case.spec.work("im2col")) <= LITTLE:
        asked += _more(subject, case, turn)
    for outcome, one in zip(subject.outcomes([one.call for one in asked]), asked, strict=False):
        if one.call.conditions.layout != "C" and outcome.error and not outcome.died:
            refused += [] if _is_refused_elsewhere(subject, case, one.call) else [one]
            (outcome,) = subject.outcomes([one.call._replace(conditions=PLAIN)])
        try:
            _require_right(case, one, outcome)
        except Failed as failure:
            raise Failed(f"{one.what}{failure}", failure.grade) from failure
    for one in refused[:1]:
        (outcome,) = subject.outcomes([one.call])  # once more, as the last call is the one that is explained
        if outcome.error:
            raise Failed(f"{one.what}{case.op} raised {outcome.error}", Grade.FORM)


def _is_refused_elsewhere(subject: BackendUnderTest, case: Case, call: OneCall) -> bool:
    """Whether the memory layout of a call is refused by an exception where every layout is asked: it is told there."""
    for spec in _WHERE_LAYOUTS_ARE_ASKED:
        if subject.refusal(case.op, spec, case.dtype) is None:
            arrays = case_data.exact_inputs(replace(case, spec=spec))
            (there,) = subject.outcomes([OneCall(case.op, spec, arrays, call.conditions)])
            return bool(there.error)
    return False


def _require_right(case: Case, one: _Asked, outcome: CallResult) -> None:
    require_ended(case.op, outcome)
    difference = one.judge(require_form(case.op, one.call.spec, case.dtype, outcome))
    if difference:
        raise Failed(str(difference))
    require_own_memory(case.op, outcome)


def _more(subject: BackendUnderTest, case: Case, turn: int) -> list[_Asked]:
    count = len(ARGUMENTS[case.op])
    asked: list[_Asked] = []
    if turn % 2:
        asked.append(_filled(subject, case, "wide", _arranged([*ARRANGED, *_REPEATING], turn // 7, turn // 5, count)))
    else:
        for before, spec in _neighbours(subject, case, turn):
            _, call, judge = _filled(subject, replace(case, spec=spec), "wide", PLAIN)
            asked.append(_Asked(f"on {spec}, after a call on {before}: ", call, judge))
    if turn % 3 == 1:
        asked += [
            _filled(subject, case, str(full), _arranged(ARRANGED, turn // 13 + 7 * full, turn // 17 + full, count))
            for full in range(min(count, 2))
        ]
    if turn % 3 == 2 and case.dtype.startswith("float"):
        expected, allowed = case_data.real_expected(case, subject.backend.numerics)
        how = _arranged(ARRANGED, turn // 13, turn // 17, count)
        call = OneCall(case.op, case.spec, case_data.real_inputs(case), how)
        asked.append(_Asked(_in_words(case.op, how), call, lambda got: mismatch(got, expected, allowed)))
    return asked


def _neighbours(subject: BackendUnderTest, case: Case, turn: int) -> Iterator[tuple[ConvSpec, ConvSpec]]:
    """A geometry and the one before it, of which it is a neighbour: twice, if they are claimed."""
    before = case.spec
    for number in (turn // 11, turn // 19):
        spec = neighbour(before, number)
        if spec is None or subject.refusal(case.op, spec, case.dtype) is not None:
            return
        yield before, spec
        before = spec


def _arranged(layouts: list[str], which: int, only: int, count: int) -> Conditions:
    """One of the layouts, of all arguments or of one."""
    number = only % (count + 1)
    return Conditions(layout=layouts[which % len(layouts)], only=number if number < count else None)


def _in_words(op: Op, conditions: Conditions) -> str:
    return "" if conditions.layout == "C" else f"on {arranged_in_words(op, conditions)}: "


def _filled(subject: BackendUnderTest, case: Case, kind: str, conditions: Conditions) -> _Asked:
    arrays = case_data.filled_inputs(case, kind)
    if conditions.layout in _REPEATING:
        arrays = tuple(
            a if a is None or conditions.only not in (None, n) else representable(a, conditions.layout)
            for n, a in enumerate(arrays)
        )
        expected, allowed = case_data.expected_of(case, subject.backend.numerics, arrays)
    else:
        expected, allowed = case_data.filled_expected(case, kind, subject.backend.numerics)
    call = OneCall(case.op, case.spec, arrays, conditions)
    return _Asked(_in_words(case.op, conditions), call, lambda got: mismatch(got, expected, allowed))
