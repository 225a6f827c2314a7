"""The numbers, against the oracle and against what others publish.

The ids are `values.exact`, `values.real`, `values.domain` and `values.golden`.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable
from dataclasses import replace

import numpy as np

from conformance.cases.case import Case
from conformance.cases.data import case_data
from conformance.cases.data.golden import EXAMPLES
from conformance.cases.neighbours import neighbour
from conformance.cases.specs import ALL, DISTINCT, some
from conformance.checks.outcomes import Failed, Mistrusted, require_ended, require_form, require_own_memory
from conformance.checks.registration import Variant, asks
from conformance.checks.under_test import BackendUnderTest
from harness.calls.caller import PLAIN, Conditions, OneCall
from harness.calls.memory_layouts import MEMORY_LAYOUTS
from harness.contract.protocol import ARGUMENTS, Array
from harness.geometry.spec import ConvSpec, Op
from harness.oracle.comparing import Mismatch, mismatch, share_used

DOMAIN = "values.domain"
_LONG_SUMS = some("many_channels", "width_33", "batch_of_7")


def _with_and_without_bias(op: Op) -> list[Variant]:
    return [Variant(), Variant(bias=False)] if op == "conv2d" else [Variant()]


_WITH_IMAGES = [spec for spec in ALL.values() if spec.batch]  # without any, it is a matter of form


@asks("values.exact", _WITH_IMAGES, variants=_with_and_without_bias)
def exact(subject: BackendUnderTest, case: Case) -> None:
    """Whole-number data: equal to the oracle in every element, whatever the order of summation."""
    expected = case_data.exact_expected(case)
    got = subject.run(case.op, case.spec, *case_data.exact_inputs(case))
    if case.spec.batch and not expected.any():  # the gradient of an empty batch is zero by definition
        raise Mistrusted("the expected result is zero everywhere, any result of zeros would pass")
    difference = mismatch(got, expected)
    if difference:
        raise Failed(str(difference))


@asks("values.real", [*DISTINCT, *_LONG_SUMS], kinds="f", variants=_with_and_without_bias)
def real(subject: BackendUnderTest, case: Case) -> None:
    """Real-valued data: within gamma(c*k, u) * S + u * |exact| of the oracle, element by element."""
    expected, allowed = case_data.real_expected(case, subject.backend.numerics)
    got = subject.run(case.op, case.spec, *case_data.real_inputs(case))
    subject.used = share_used(got, expected, allowed)
    difference = mismatch(got, expected, allowed)
    if difference:
        raise Failed(str(difference))


_LITTLE = 20_000  # multiply-adds: such a geometry is asked on several kinds of data
ARRANGED = [name for name in MEMORY_LAYOUTS[1:] if not name.startswith("broadcast")]  # that hold any values
_Asked = tuple[str, OneCall, Callable[[Array], Mismatch | None]]  # in what way, what, and what differs


@asks(DOMAIN, ())
def domain(subject: BackendUnderTest, case: Case) -> None:
    """A geometry of the domain: numbers that fill the dtype are equal. Little ones also, by turns, in other ways.

    Which ones is a matter of the geometry and op: real numbers, a single term in each sum, another memory layout, again
    after a neighbour. Neither an input nor an earlier result may change.
    """
    turn = zlib.crc32(f"{case.op}/{case.spec}".encode())
    case = replace(case, bias=turn % 3 > 0)
    asked = [_filled(subject, case, "wide", PLAIN)]
    if max(case.spec.macs, case.spec.work("im2col")) <= _LITTLE:
        asked += _more(subject, case, turn)
    for outcome, (what, call, judge) in zip(subject.outcomes([call for _, call, _ in asked]), asked, strict=False):
        if call.conditions.layout != "C" and outcome.error and not outcome.died:
            continue  # a layout that is refused by an exception is a matter of form
        try:
            require_ended(case.op, outcome)
            difference = judge(require_form(case.op, call.spec, case.dtype, outcome))
            if difference:
                raise Failed(str(difference))
            require_own_memory(case.op, outcome)
        except Failed as failure:
            raise Failed(f"{what}{failure}", failure.grade) from failure


def _more(subject: BackendUnderTest, case: Case, turn: int) -> list[_Asked]:
    count = len(ARGUMENTS[case.op])
    asked: list[_Asked] = []
    if turn % 2:
        layout, only = ARRANGED[turn // 7 % len(ARRANGED)], turn // 5 % (count + 1)
        asked.append(_filled(subject, case, "wide", Conditions(layout=layout, only=only if only < count else None)))
    other = neighbour(case.spec, turn // 11) if turn % 4 == 0 else None
    if other is not None and subject.refusal(case.op, other, case.dtype) is None:
        _, call, judge = _filled(subject, replace(case, spec=other), "wide", PLAIN)
        asked.append((f"on {other}: ", call, judge))
        _, call, judge = _filled(subject, case, "wide", PLAIN)
        asked.append((f"after a call on {other}: ", call, judge))
    if turn % 3 == 1:
        asked += [_filled(subject, case, str(full), PLAIN) for full in range(min(count, 2))]
    if turn % 3 == 2 and case.dtype.startswith("float"):
        expected, allowed = case_data.real_expected(case, subject.backend.numerics)
        call = OneCall(case.op, case.spec, case_data.real_inputs(case))
        asked.append(("", call, lambda got: mismatch(got, expected, allowed)))
    return asked


def _filled(subject: BackendUnderTest, case: Case, kind: str, conditions: Conditions) -> _Asked:
    expected, allowed = case_data.filled_expected(case, kind, subject.backend.numerics)
    call = OneCall(case.op, case.spec, case_data.filled_inputs(case, kind), conditions)
    where = "" if conditions.only is None else f" for argument {conditions.only}"
    what = "" if conditions.layout == "C" else f"{conditions.layout} inputs{where}: "
    return what, call, lambda got: mismatch(got, expected, allowed)


def _golden_specs(op: Op) -> list[ConvSpec]:
    return [example.spec for example in EXAMPLES if example.op == op]


@asks("values.golden", _golden_specs, fits=lambda op, spec: spec in _golden_specs(op))
def golden(subject: BackendUnderTest, case: Case) -> None:
    """Numbers printed in public articles, typed in by hand."""
    for example in EXAMPLES:
        if (example.op, example.spec) == (case.op, case.spec):
            arrays = [np.array(a, dtype=case.dtype) for a in example.inputs]
            difference = mismatch(
                subject.run(case.op, case.spec, *arrays), np.array(example.expected, dtype=np.float64)
            )
            if difference:
                raise Failed(f"{difference} ({example.origin})")
