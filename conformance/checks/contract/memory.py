"""The clauses about memory: whose it is, how it lies, and where it ends.

The ids are `contract.contiguous`, `contract.writeable`, `contract.inputs_untouched`, `contract.no_alias_input`,
`contract.no_alias_previous`, `contract.uninitialised`, `contract.strided_inputs`, `values.strided` and
`contract.bounds`.
"""

from __future__ import annotations

from conformance.cases.case import Case
from conformance.cases.data import case_data
from conformance.cases.specs import DISTINCT, some
from conformance.checks.outcomes import Failed, Refused, arranged_in_words, require_ended, require_form
from conformance.checks.registration import LITTLE, OfDomain, Variant, as_returned, asks
from conformance.checks.under_test import BackendUnderTest
from harness.calls.caller import Conditions, OneCall
from harness.calls.memory_layouts import GUARDED, MEMORY_LAYOUTS
from harness.contract.status import Grade
from harness.geometry.spec import Op
from harness.oracle import by_taps
from harness.oracle.comparing import mismatch

# Where a result could be a view of its input, or a shortcut might hand out memory that it keeps.
_VIEWS = [*some("one_pixel", "pointwise", "kernel_is_image"), DISTINCT[0]]
_RESULTS = 10  # one after the other: some hand out a few buffers in turn
_USUAL = [*DISTINCT[:2], *some("pointwise", "pad_bottom_right")]


@asks(
    "contract.contiguous", OfDomain(_USUAL, every=8, most_work=LITTLE), variants=as_returned, grade=Grade.FORM,
)  # fmt: skip
def contiguous(subject: BackendUnderTest, case: Case) -> None:
    """C-contiguous."""
    outcome = subject.observe(case.op, case.spec, *case_data.exact_inputs(case))
    if not outcome.contiguous:
        raise Failed(f"{case.op} returned strides {outcome.strides} for shape {outcome.shape}, not C-contiguous")


@asks("contract.writeable", _USUAL, variants=as_returned, grade=Grade.FORM)
def writeable(subject: BackendUnderTest, case: Case) -> None:
    """Writeable."""
    if not subject.observe(case.op, case.spec, *case_data.exact_inputs(case)).writeable:
        raise Failed(f"{case.op} returned a read-only array")


@asks(
    "contract.inputs_untouched", [*DISTINCT[:2], *some("pad_symmetric", "pointwise")], variants=as_returned,
    grade=Grade.SAFETY,
)  # fmt: skip
def inputs_untouched(subject: BackendUnderTest, case: Case) -> None:
    """Bytes, shape, strides and flags of every input are what they were."""
    outcome = subject.observe(case.op, case.spec, *case_data.exact_inputs(case))
    if outcome.changed:
        raise Failed(f"{case.op} changed {', '.join(outcome.changed)}")


@asks("contract.no_alias_input", _VIEWS, variants=as_returned, grade=Grade.SAFETY)
def no_alias_input(subject: BackendUnderTest, case: Case) -> None:
    """Fresh memory: none of it belongs to an input."""
    outcome = subject.observe(case.op, case.spec, *case_data.exact_inputs(case))
    inputs = [what for what in outcome.shares if what.startswith("argument")]
    if inputs:
        raise Failed(f"{case.op} returned memory of {', '.join(inputs)}")


@asks("contract.no_alias_previous", _VIEWS, variants=as_returned, grade=Grade.SAFETY)
def no_alias_previous(subject: BackendUnderTest, case: Case) -> None:
    """Fresh memory: not that of one of the eight results before, which further calls leave as they were."""
    arrays = case_data.exact_inputs(case)
    inputs = [[None if a is None else sign * a for a in arrays] for sign in (1, -1) * (_RESULTS // 2)]
    for number, outcome in enumerate(subject.observe_each([OneCall(case.op, case.spec, one) for one in inputs])):
        if "the previous result" in outcome.shares and number:
            raise Failed(f"{case.op} returned the memory of its previous result")
        if 0 < outcome.previous_changed <= number:  # of this case: others may have been made by other cases
            which = "a second call" if number == 1 else f"call {number + 1}"
            raise Failed(f"{which} of {case.op} changed {'the first' if number == 1 else 'an earlier'} result")
        if "an earlier result" in outcome.shares and number > 1:
            raise Failed(f"{case.op} returned the memory of a result of a few calls before")


@asks(
    "contract.uninitialised",
    [*DISTINCT, *some("stride_beyond_kernel", "pad_wider_than_image", "same_stride2")],
    variants=as_returned,
    grade=Grade.SAFETY,
)
def uninitialised(subject: BackendUnderTest, case: Case) -> None:
    """Right too where fresh memory holds garbage: what is never written is never returned."""
    got = subject.run(case.op, case.spec, *case_data.exact_inputs(case), conditions=Conditions(poisoned=True))
    difference = mismatch(got, case_data.exact_expected(case))
    if difference:
        raise Failed(f"{case.op} with all freed memory set to 0xFF: {difference}")


def _layouts(op: Op) -> list[Variant]:
    return [Variant(layout=name) for name in MEMORY_LAYOUTS[1:]]


@asks("contract.strided_inputs", DISTINCT[:1], variants=_layouts, grade=Grade.FORM)
def strided_inputs(subject: BackendUnderTest, case: Case) -> None:
    """No exception for inputs in any order of axes, any steps, read-only, broadcast, mapped from a file, unaligned."""
    for _ in subject.observe_each(_in_layout(case)):
        pass  # an exception is all that is looked for


@asks("values.strided", [*DISTINCT[:1], *some("pointwise")], variants=_layouts)
def strided(subject: BackendUnderTest, case: Case) -> None:
    """Right wherever the inputs lie in memory, all of them or one alone, the others as usual.

    A layout that the backend refuses by an exception is not judged here.
    """
    calls, refused = _in_layout(case), ""
    for one, outcome in zip(calls, subject.outcomes(calls), strict=False):
        where = arranged_in_words(case.op, one.conditions)
        if outcome.error and not outcome.died:
            refused = refused or f"{where}: raised {outcome.error}"
            continue
        require_ended(case.op, outcome)
        got = require_form(case.op, case.spec, case.dtype, outcome)
        values = subject.calls[-1].arrays  # as the layout can hold them
        expected = by_taps.run(case.op, case.spec, *values)
        difference = mismatch(got, expected)
        if difference:
            raise Failed(f"{case.op} on {where}: {difference}")
    if refused:
        raise Refused(refused)


def _in_layout(case: Case) -> list[OneCall]:
    """All arguments in the case's memory layout, then each alone, the others as usual."""
    arrays = case_data.exact_inputs(case)
    which = [None, *range(len(arrays))] if len(arrays) > 1 else [None]
    return [OneCall(case.op, case.spec, arrays, Conditions(layout=case.layout, only=only)) for only in which]


@asks(
    "contract.bounds",
    [*DISTINCT[:2], *some("plain", "stride_not_tiling", "width_33", "pointwise")],
    variants=lambda op: [Variant(layout=name) for name in GUARDED],
    grade=Grade.SAFETY,
)
def bounds(subject: BackendUnderTest, case: Case) -> None:
    """Nothing is read or written before or behind an input: there the next page of memory is out of bounds."""
    subject.observe(case.op, case.spec, *case_data.exact_inputs(case), conditions=Conditions(layout=case.layout))
