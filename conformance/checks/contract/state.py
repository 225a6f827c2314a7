"""The clauses about what was called before: `contract.state`, `contract.in_place` and `contract.many_calls`."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

from conformance.cases.case import Case
from conformance.cases.data import case_data
from conformance.cases.neighbours import neighbours
from conformance.cases.specs import DISTINCT, some
from conformance.checks.outcomes import OTHER_RESULT, Failed, Refused
from conformance.checks.registration import asks
from conformance.checks.under_test import BackendUnderTest
from harness.calls.caller import Conditions, OneCall
from harness.contract.protocol import ARGUMENTS, Array
from harness.geometry.spec import ConvSpec
from harness.oracle import by_taps, data
from harness.oracle.bounding import as_settled
from harness.oracle.comparing import mismatch

_TIMES = 1_100  # calls: some change their way after the first, the hundredth or the thousandth
_IN_TURN = 5  # sets of inputs
_Expected = tuple[str, OneCall, Array]


@asks("contract.state", [DISTINCT[1], *some("neighbours_grouped", "neighbours_dilated", "neighbours_square")])
def state(subject: BackendUnderTest, case: Case) -> None:
    """Right whatever was called before: a neighbour that differs in one parameter, then the same again (stale caches).

    Where the shapes of both agree, both are given the same bytes.
    """
    related = _claimed(subject, case, [*_same_shapes(case.spec), *neighbours(case.spec)])
    if not related:
        raise Refused("no geometry beside it")
    own = ("at first: ", *_asked(subject, case, case.spec))
    asked: list[_Expected] = [own]
    for name, spec in related:
        asked.append((f"{name}: ", *_asked(subject, case, spec)))
        asked.append((f"after a call with {name}: ", *own[1:]))
    _judge(subject, case, asked)


def _claimed(
    subject: BackendUnderTest, case: Case, others: Sequence[tuple[str, ConvSpec]]
) -> list[tuple[str, ConvSpec]]:
    subject.backend.ask_ahead(case.op, [spec for _, spec in others], case.dtype)
    return [
        (name, spec)
        for name, spec in others
        if subject.refusal(case.op, spec, case.dtype) is None and data.can_be_exact(case.op, spec, case.dtype)
    ]


def _asked(subject: BackendUnderTest, case: Case, spec: ConvSpec) -> tuple[OneCall, Array]:
    """On the bytes of the case itself where these fit."""
    if spec.input_shapes(case.op) == case.spec.input_shapes(case.op):
        arrays = case_data.exact_inputs(case)
        return OneCall(case.op, spec, arrays), as_settled(case.op, spec, *arrays)
    other = replace(case, spec=spec)
    return OneCall(case.op, spec, case_data.exact_inputs(other)), case_data.exact_expected(other)


def _same_shapes(spec: ConvSpec) -> list[tuple[str, ConvSpec]]:
    """Geometries whose x and w have the same shapes, and as much as can be different otherwise."""
    (h, w), (kh, kw) = spec.input_size, spec.kernel_size
    if kh > h or kw > w:
        return []
    plain = replace(spec, stride=(1, 1), padding=(0, 0, 0, 0), dilation=(1, 1))
    return [
        ("stride 1, no padding, no dilation", plain),
        ("stride 2", replace(plain, stride=(2, 2))),
        ("padding at the top and on the right", replace(plain, padding=(kh, 0, 0, kw))),
        ("padding at the bottom and on the left", replace(plain, padding=(0, kh, kw, 0))),
        ("dilation", replace(plain, dilation=(1, min(2, w // kw)))),
    ]


@asks("contract.in_place", [DISTINCT[0], *some("plain")])
def in_place(subject: BackendUnderTest, case: Case) -> None:
    """Right after the owner has changed an array in place: the same object, other values (a training step)."""
    arrays = [None if a is None else a.copy() for a in case_data.exact_inputs(case)]
    same = Conditions(in_place=True)
    asked = [("at first: ", OneCall(case.op, case.spec, list(arrays), same), by_taps.run(case.op, case.spec, *arrays))]
    for k, name in enumerate(ARGUMENTS[case.op]):
        for how, change in _CHANGES.items():
            a = arrays[k]
            if a is not None:
                arrays[k] = change(a)
                call = OneCall(case.op, case.spec, list(arrays), same)
                asked.append((f"{name} {how} in place: ", call, by_taps.run(case.op, case.spec, *arrays)))
    _judge(subject, case, asked)


def _inner_exchanged(a: Array) -> Array:
    """The second element and the last but one change places: the ends, and the sum, stay."""
    flat = a.reshape(a.size).copy()
    if a.size > 3:
        flat[[1, -2]] = flat[[-2, 1]]
    return flat.reshape(a.shape)


_CHANGES: dict[str, Callable[[Array], Array]] = {
    "reversed": lambda a: a.reshape(a.size)[::-1].reshape(a.shape).copy(),
    "negated": lambda a: -a,
    "with two inner elements exchanged": _inner_exchanged,
}


@asks("contract.many_calls", some("tiny"))
def many_calls(subject: BackendUnderTest, case: Case) -> None:
    """More than a thousand calls, on five sets of inputs in turn: each set gives the same every time."""
    cases = [replace(case, seed=case.seed + number) for number in range(_IN_TURN)]
    calls = [OneCall(case.op, case.spec, case_data.exact_inputs(one)) for one in cases]
    expected = [case_data.exact_expected(one) for one in cases]
    results = subject.repeat(calls, _TIMES)
    for number, (got, right) in enumerate(zip(results, expected, strict=True)):
        difference = mismatch(got, right)
        time = subject.calls[number].outcome.differs
        if difference or time:
            said = difference or OTHER_RESULT
            raise Failed(f"{case.op}, call {time or number + 1} of {_TIMES:,}: {said}")


def _judge(subject: BackendUnderTest, case: Case, asked: Sequence[_Expected]) -> None:
    results: Iterator[Array] = subject.each([call for _, call, _ in asked])
    for got, (when, call, expected) in zip(results, asked, strict=True):
        difference = mismatch(got, expected)
        if difference:
            raise Failed(f"{case.op} on {call.spec}, {when}{difference}")
