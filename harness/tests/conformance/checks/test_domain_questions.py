"""What is asked on a geometry of the domain, and that no call of any check goes uncompared."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from conformance.cases.case import Case
from conformance.cases.selection import Selection
from conformance.domain.part import whole
from conformance.run import engine
from conformance.run.plan import plan
from conformance.run.results import BackendResult, CaseResult
from harness.contract.protocol import Array
from harness.contract.status import Grade, Status
from harness.geometry.spec import ConvSpec, Op
from harness.tests.helpers.faults.clauses import judged, told
from harness.tests.helpers.faults.faulty import Right, inputs, load, result

_PLAIN = "n2c3h6w7_f4kh3kw2"


def on_the_domain(kind: type[Right], op: Op = "conv2d") -> BackendResult:
    """Every case of the domain in one op, and in two dtypes."""
    caller = load(kind)
    return engine.run(caller, plan(caller, Selection(ops=[op], pattern="values.domain")))


def failures(found: BackendResult) -> list[str]:
    """What is told of those that fail."""
    return [one.detail for one in found.cases if one.status is Status.FAIL]


def test_a_right_one_passes_all() -> None:
    found = on_the_domain(Right)
    assert (failures(found), len(found.cases)) == ([], len(whole().specs) + 80)


def test_a_layout_that_is_refused_by_an_exception_is_not_judged() -> None:
    def refuse(op: Op, spec: ConvSpec, arrays: tuple[Any, ...]) -> tuple[Any, ...]:
        if not all(a is None or a.flags.c_contiguous for a in arrays):
            raise ValueError("order C alone")
        return arrays

    assert failures(on_the_domain(inputs(refuse))) == []


def _refusing(where: Callable[[ConvSpec], bool]) -> type[Right]:
    """Nothing but C order is taken on these geometries."""

    def refuse(op: Op, spec: ConvSpec, arrays: tuple[Any, ...]) -> tuple[Any, ...]:
        if where(spec) and not all(a is None or a.flags.c_contiguous for a in arrays):
            raise ValueError("order C alone")
        return arrays

    return inputs(refuse)


def test_a_layout_that_is_refused_here_and_there_is_a_matter_of_form_told_with_the_geometry() -> None:
    found = on_the_domain(_refusing(lambda spec: spec.kernel_size[1] > 4))
    bad = [one for one in found.cases if one.status is Status.FAIL]
    assert len(bad) > 5
    assert all(one.case.spec.kernel_size[1] > 4 for one in bad)
    assert all(re.match(r"on \S+ \w+: conv2d raised ValueError: order C alone", one.detail) for one in bad)
    assert (found.verdict, {group.grade for group in found.groups()}) == ("deviates", {Grade.FORM})
    assert all(one.calls[-1].outcome.error for one in bad if one.calls)  # the call that is explained


def test_who_does_not_do_what_layouts_are_asked_on_is_told_all_the_same() -> None:
    class Part(_refusing(lambda spec: True)):  # type: ignore[misc]
        def unsupported(self, op: Op, spec: ConvSpec, dtype: str) -> str | None:
            """Several groups alone, but not those of tier 0."""
            return None if dtype == "float32" and spec.groups == 4 else "no"

    assert on_the_domain(Part).verdict == "deviates"


def test_what_is_asked_in_a_layout_that_is_refused_is_asked_again_in_order() -> None:
    """So that who refuses layouts is judged on the same data: here where a result has a single term."""

    class Refuses(Right):
        def run(self, op: Op, spec: ConvSpec, *arrays: Array | None) -> Any:
            if not all(a is None or (a.flags.carray and a.flags.owndata) for a in arrays):
                raise ValueError("arrays as NumPy makes them alone")
            out = super().run(op, spec, *arrays)
            weights = arrays[1]
            assert weights is not None
            is_single = spec.taps > 1 and np.count_nonzero(weights) == spec.out_channels
            return out + 1 if is_single else out

    said = failures(on_the_domain(Refuses))
    assert len(said) > 60  # of 420 and 80, a third of which are asked so
    assert all("elements differ" in text for text in said)


def test_strides_of_one_argument_that_are_not_looked_at_are_seen() -> None:
    def misread(op: Op, spec: ConvSpec, arrays: tuple[Any, ...]) -> tuple[Any, ...]:
        w = np.array(arrays[1]) if arrays[1].flags.c_contiguous else np.zeros_like(arrays[1], order="C")
        return (arrays[0], w, *arrays[2:])

    said = failures(on_the_domain(inputs(misread)))
    assert said
    assert any(re.match(r"on \w+ w: ", text) for text in said)


def test_memory_is_looked_at_on_every_geometry() -> None:
    """An input that is changed where a kernel is wide, and a result that is one of before."""

    class Reuses(Right):
        kept: Any = None

        def run(self, op: Op, spec: ConvSpec, *arrays: Array | None) -> Any:
            out = super().run(op, spec, *arrays)
            if spec.kernel_size[1] <= 8 or not out.size:
                return out
            if self.kept is None or self.kept.shape != out.shape:
                self.kept = out.copy()
            np.copyto(self.kept, out)
            return self.kept

    def changes(op: Op, spec: ConvSpec, out: Any, arrays: tuple[Any, ...]) -> Any:
        if spec.kernel_size[1] > 8 and arrays[0].flags.writeable:
            arrays[0].reshape(-1)[:1] += 1
        return out

    for kind, text in (
        (result(changes), "conv2d changed the bytes of argument 0"),
        (Reuses, "conv2d returned memory of the previous result"),
    ):
        found = on_the_domain(kind)
        assert any(said.endswith(text) for said in failures(found))
        assert found.grades[Grade.SAFETY] is Status.FAIL
        assert Grade.VALUES not in found.grades or found.grades[Grade.VALUES] is Status.PASS


def test_a_cache_that_lacks_strides_and_pads_is_seen_beyond_the_usual_sizes() -> None:
    class Confuses(Right):
        def __init__(self) -> None:
            self.seen: dict[object, ConvSpec] = {}

        def run(self, op: Op, spec: ConvSpec, *arrays: Array | None) -> Any:
            if spec.input_size[1] < 16:
                return super().run(op, spec, *arrays)
            key = (spec.x_shape, spec.w_shape, spec.output_size)
            return super().run(op, self.seen.setdefault(key, spec), *arrays)

    assert failures(on_the_domain(Confuses, "im2col"))


def test_a_failure_on_a_neighbour_names_it() -> None:
    """It is another geometry than that of the case."""
    own = set(whole().specs)
    said = failures(on_the_domain(result(lambda op, s, out, a: out if s in own else out + 1)))
    assert said
    assert all(text.startswith("on n") and ", after a call on n" in text and ": " in text for text in said)

    def refuse(op: Op, spec: ConvSpec, arrays: tuple[Any, ...]) -> tuple[Any, ...]:
        if spec not in own:
            raise ValueError("not this one")
        return arrays

    assert all(text.startswith("on n") and "not this one" in text for text in failures(on_the_domain(inputs(refuse))))


@pytest.mark.parametrize("check", ["type", "shape", "dtype", "contiguous", "writeable", "inputs_untouched",
                                   "no_alias_input", "no_alias_previous", "strided_inputs", "bounds"])  # fmt: skip
def test_a_wrong_number_fails_whatever_is_looked_at(check: str) -> None:
    """As a matter of numbers, not of form."""
    spec = {"no_alias_input": "n1c1h1w1_f1kh1kw1", "no_alias_previous": "n1c1h1w1_f1kh1kw1"}.get(check, _PLAIN)
    layout = {"strided_inputs": "/layout=F", "bounds": "/layout=guard_before"}.get(check, "")
    case = f"contract.{check}/im2col/float32/{spec}{layout}"
    assert told(Right, case) == ("pass", "")
    found = judged(result(lambda op, s, out, a: out + (np.arange(out.size) == 0).reshape(out.shape)), case)
    assert found.status is Status.PASS
    assert found.wrong_numbers.startswith("im2col is as asked, but its numbers are wrong: 1 of ")
    whole = BackendResult(
        "mine", narrowed=True, cases=[found, CaseResult(Case.parse(f"values.exact/col2im/float32/{spec}"))]
    )
    whole.cases[1].status = Status.FAIL  # of another op
    whole.charge_numbers()
    assert (found.status, found.own_grade, found.detail) == (Status.FAIL, Grade.VALUES, found.wrong_numbers)


def test_where_a_check_of_values_says_it_no_other_does() -> None:
    found = judged(result(lambda op, s, out, a: out + 1), f"contract.type/im2col/float32/{_PLAIN}")
    failed = CaseResult(Case.parse(f"values.exact/im2col/float32/{_PLAIN}"), Status.FAIL)
    BackendResult("mine", narrowed=True, cases=[found, failed]).charge_numbers()
    assert (found.status, found.detail) == (Status.PASS, "")
