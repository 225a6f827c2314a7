"""The second half of a script: it makes the calls again, and asserts what was not true of the last one.

All earlier calls of the case are made too, since a stale cache is wrong only after them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import NamedTuple

import numpy as np

from conformance.checks.outcomes import RecordedCall
from conformance.diagnosis.script.arrays import MOST_LITERALS, key, literal
from conformance.diagnosis.script.definition import definition
from conformance.diagnosis.where import expected, wrong
from harness.contract.protocol import Array, Numerics

_PLAIN = ["got = [out(f(*[g if g is None else own(lay(g)) for g in x], z)) for f, z, lay, *x in calls]"]
_KEEPING = [
    "args = [[g if g is None else lay(g) for g in x] for _, _, lay, *x in calls]",
    "mine = [[g if g is None else own(g) for g in x] for x in args]",
    "got = [out(c[0](*x, c[1])) for c, x in zip(calls, mine)]",
]
_STATE = (
    "state = [[g if g is None else (g.tobytes(), g.shape, g.strides, g.flags.writeable) for g in map(out, x)]"
    " for x in mine]"
)
_TRYING = [
    "def run(f, z, lay, *x):",
    "    try: return out(f(*[g if g is None else own(lay(g)) for g in x], z))",
    "    except Exception as error: return error",
    "got = [run(*call) for call in calls]",
]
_SHOWN = 'print("got", {0}, sep="\\n"); '
_BOTH_SHOWN = 'print("expected", want, "got", {0}, sep="\\n"); '


class Proof(NamedTuple):
    """Lines that make the calls, and lines that assert what a right backend would have done."""

    making: list[str]
    holding: list[str]


# Of the last call: the longest version first, none if it is innocent.
_Prove = Callable[[Sequence[RecordedCall]], list[Proof]]


def proofs(
    calls: Sequence[RecordedCall], case_id: str, numerics: Numerics
) -> Iterator[tuple[Sequence[RecordedCall], Proof]]:
    """What to call and to check for every fault that the calls show, the gravest first."""
    if "concurrent" in case_id:
        yield from ((calls, proof) for proof in _at_once(calls, numerics))
        return
    ways: list[_Prove] = [
        _no_result, _wrong_arrays_accepted, _wrong_form, partial(_wrong_values, numerics=numerics), _wrong_memory,
        _other_bits,
    ]  # fmt: skip
    for prove in ways:
        for number in range(1, len(calls) + 1):
            yield from ((calls[:number], proof) for proof in prove(calls[:number]))


def _way(calls: Sequence[RecordedCall]) -> list[str]:
    return _PLAIN if all(call.is_valid for call in calls) else _TRYING


def _no_result(calls: Sequence[RecordedCall]) -> list[Proof]:
    """It raised, exited, crashed or hung: the calls alone are enough."""
    outcome, way = calls[-1].outcome, _way(calls)
    if not outcome.error or (not calls[-1].is_valid and not outcome.died):
        return []
    check = ["if isinstance(got[-1], Exception): raise got[-1]"] if way is _TRYING else []
    if outcome.error.startswith("SystemExit"):
        leaving = 'except SystemExit: raise AssertionError("it exited") from None'
        way = ["try:", *(f"    {line}" for line in way), leaving]
    if outcome.died:
        way = ["import faulthandler; faulthandler.dump_traceback_later(60, exit=True)", *way]
    return [Proof(way, check)]


def _wrong_arrays_accepted(calls: Sequence[RecordedCall]) -> list[Proof]:
    """Arrays that do not fit must be refused."""
    if calls[-1].is_valid or calls[-1].outcome.error:
        return []
    return [Proof(_TRYING, ['assert isinstance(got[-1], Exception), "arrays that do not fit are accepted"'])]


def _wrong_form(calls: Sequence[RecordedCall]) -> list[Proof]:
    """Type, shape and dtype."""
    call, outcome, result = calls[-1], calls[-1].outcome, calls[-1].outcome.result
    if outcome.error or not call.is_valid:
        return []
    shape, dtype = call.spec.output_shape(call.op), next(str(a.dtype) for a in call.arrays if a is not None)
    if outcome.kind == "numpy.ndarray" and result is not None and result.shape == shape and str(result.dtype) == dtype:
        return []
    form = "[getattr(got[-1], n, None) for n in ('__class__', 'shape', 'dtype')]"
    return [Proof(_way(calls), [f"form = {form}", f"assert form == [np.ndarray, {shape}, {dtype!r}], form"])]


def _wrong_values(calls: Sequence[RecordedCall], numerics: Numerics) -> list[Proof]:
    """Another result than the definition gives, where no call raised."""
    mask = None if calls[-1].outcome.error else wrong(calls[-1], numerics)
    if mask is None:
        return []
    return [Proof(_way(calls), check) for check in _comparisons(calls[-1], mask, numerics, "got[-1]", calls)]


def _wrong_memory(calls: Sequence[RecordedCall]) -> list[Proof]:
    """Inputs, memory and flags."""
    outcome, way = calls[-1].outcome, _way(calls)
    shared = [who.split()[-1] for who in outcome.shares if who.startswith("argument")]
    if outcome.changed:
        again = _STATE.replace("state = ", "assert state == ") + ', "an input was changed"'
        return [Proof([*_KEEPING[:2], _STATE, _KEEPING[2]], [again])]
    if shared:
        overlap = f"np.may_share_memory(got[-1], args[-1][{shared[0]}])"
        return [Proof(_KEEPING, [f'assert not {overlap}, "the result is memory of an input"'])]
    if outcome.previous_changed and len(calls) > 1:
        make = "    made.append(f(*[g if g is None else own(lay(g)) for g in x], z))"
        way = ["made, kept = [], []", "for f, z, lay, *x in calls:", f"{make}; kept.append(out(made[-1]).tobytes())"]
        return [
            Proof(way, ['assert out(made[-2]).tobytes() == kept[-2], "the call changed the result of the call before"'])
        ]
    if "the previous result" in outcome.shares and len(calls) > 1:
        overlap = "np.may_share_memory(got[-1], got[-2])"
        return [Proof(way, [f'assert not {overlap}, "the result is memory of the one before"'])]
    flag = "c_contiguous" if not outcome.contiguous else "writeable" if not outcome.writeable else ""
    return [Proof(way, [f'assert got[-1].flags.{flag}, "the result is not {flag}"'])] if flag else []


def _other_bits(calls: Sequence[RecordedCall]) -> list[Proof]:
    """The same call twice must give the same bits."""
    made = [(c.op, c.spec, c.conditions.layout, *(None if a is None else key(a) for a in c.arrays)) for c in calls]
    first, result = made.index(made[-1]), calls[-1].outcome.result
    before = calls[first].outcome.result
    if result is None or before is None or result.tobytes() == before.tobytes():
        return []
    return [
        Proof(_way(calls), [f'assert got[-1].tobytes() == got[{first}].tobytes(), "the same call gave other bits"'])
    ]


def _at_once(calls: Sequence[RecordedCall], numerics: Numerics) -> list[Proof]:
    """Calls from several threads; a race is not lost every time, so they are made again and again."""
    way = [
        "from concurrent.futures import ThreadPoolExecutor",
        "one = lambda c: out(c[0](*[g if g is None else own(c[2](g)) for g in c[3:]], c[1]))",
        "for _ in range(50):",
        f"    with ThreadPoolExecutor({len(calls)}) as pool: got = list(pool.map(one, calls))",
    ]
    for number, call in enumerate(calls):
        mask = None if call.outcome.error else wrong(call, numerics)
        if call.outcome.error:
            return [Proof(way, [])]
        if mask is not None:
            *before, check = _comparisons(call, mask, numerics, f"got[{number}]", calls)[-1]
            return [Proof([*before, *way], [f"    assert {check.partition('assert ')[2]}"])]  # without 50 pictures
    return []


def _comparisons(
    call: RecordedCall, mask: Array, numerics: Numerics, got: str, calls: Sequence[RecordedCall]
) -> list[list[str]]:
    """Lines that compare `got` with the definition and show both, then shorter ones that have the values as data."""
    known = expected(call, numerics)
    if known is None or call.outcome.result is None:
        raise ValueError("a call without a right or without any result")
    right, allowed = known
    if allowed is not None:
        over = np.where(mask, np.abs(call.outcome.result.astype(right.dtype) - right) - allowed, -1)
        at = tuple(int(i) for i in np.unravel_index(int(over.argmax()), over.shape))
        one = f"float({got}[{', '.join(map(str, at))}])"
        return [[f"{_SHOWN.format(got)}assert abs({one} - {float(right[at])!r}) <= {float(allowed[at])!r}, {one}"]]
    check = f'assert np.array_equal({got}, want), f"wrong at {{np.argwhere({got} != want)[:3].tolist()}}, ..."'
    check = _BOTH_SHOWN.format(got) + check
    values = [f"want = {literal(right)}", check]
    return [values] if right.size <= MOST_LITERALS else [[*definition(call, calls), check], values]
