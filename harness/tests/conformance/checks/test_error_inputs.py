"""Every wrong input is refused by the right exception, which names the argument; and `errors.*` sees who refuses none.

A subclass of the exception fails here: callers tell geometry from arrays by the type alone.
"""

from __future__ import annotations

import re
from collections import Counter
from typing import Any

import numpy as np
import pytest

from conformance.cases.case import Case
from conformance.cases.data import case_data
from conformance.checks import errors
from conformance.checks.outcomes import Failed, Mistrusted
from conformance.checks.registration import CHECKS
from harness.contract.protocol import Array, validate
from harness.geometry.spec import OPS, ConvSpec, Op
from harness.tests.helpers.faults import error_inputs, faulty
from harness.tests.helpers.faults.error_inputs import ACCEPTED, ARRAYS, GEOMETRY, AcceptedInput, ErrorInput
from harness.tests.helpers.suite.asked import asked

_SPEC = ConvSpec.parse("n2c4h5w4_f6kh3kw2_g2")


@pytest.mark.parametrize("row", [*GEOMETRY, *ARRAYS], ids=lambda row: row.id)
def test_a_wrong_input_is_refused_by_name(row: ErrorInput) -> None:
    given = [*row.call.args, *row.call.keywords.values()]
    before = [state(a) for a in given]
    with pytest.raises(Exception) as caught:  # noqa: PT011  # the exact type is judged below
        row.call()
    text = str(caught.value)
    assert type(caught.value) in row.allowed
    assert re.search(rf"(?<!\w){re.escape(row.names)}(?!\w)", text), text
    assert len(text.splitlines()) == 1
    assert [state(a) for a in given] == before
    require_right_calls_to_pass()


@pytest.mark.parametrize("row", ACCEPTED, ids=lambda row: row.id)
def test_an_unusual_input_is_understood(row: AcceptedInput) -> None:
    assert row.call() == row.expected
    assert hash(row.call()) == hash(row.expected)
    assert ConvSpec.parse(str(row.call())) == row.expected  # which np.int64(2) inside would spoil


def test_ids_are_unique() -> None:
    counts = Counter([*(row.id for row in (*GEOMETRY, *ARRAYS)), *(row.id for row in ACCEPTED)])
    assert [id for id, count in counts.items() if count > 1] == []


def test_the_tables_start_from_what_is_right() -> None:
    """Otherwise a row would be refused for another reason than its own."""
    ConvSpec.of(**error_inputs._BASE)
    for op, given in error_inputs._GOOD.items():
        validate(op, error_inputs._SPEC, *given.values())


def state(a: Any) -> Any:
    """All of an argument that a callee might change."""
    if isinstance(a, np.ndarray) and a is not np.ma.masked:
        return type(a), a.dtype, a.shape, a.strides, a.flags.writeable, a.tobytes()
    return a if isinstance(a, int) else repr(a)


def require_right_calls_to_pass() -> None:
    """Nothing that was refused leaves a trace."""
    for op in OPS:
        validate(op, _SPEC, *[np.ones(shape, np.float32) for shape in _SPEC.input_shapes(op)])
    validate("conv2d", _SPEC, np.ones(_SPEC.x_shape, np.int64), np.ones(_SPEC.w_shape, np.int64), None)


class Strict(faulty.Right):
    """Refuses what does not fit."""

    def run(self, op: Op, spec: ConvSpec, *arrays: Array | None) -> Any:
        validate(op, spec, *arrays)
        return super().run(op, spec, *arrays)


class Trusting(faulty.Right):
    """Looks at nothing but the spec."""

    def run(self, op: Op, spec: ConvSpec, *arrays: Array | None) -> Any:
        return np.zeros(spec.output_shape(op)) if not fits(op, spec, arrays) else super().run(op, spec, *arrays)


class Spoiling(faulty.Right):
    """Refuses, but after it has written."""

    def run(self, op: Op, spec: ConvSpec, *arrays: Array | None) -> Any:
        if not fits(op, spec, arrays):
            for a in [a for a in arrays if a is not None]:
                a[...] = 0
            raise ValueError("no")
        return super().run(op, spec, *arrays)


class Confused(faulty.Right):
    """Refuses, and gets the next call wrong."""

    confused = False

    def run(self, op: Op, spec: ConvSpec, *arrays: Array | None) -> Any:
        self.confused, before = not fits(op, spec, arrays), self.confused
        if self.confused:
            raise ValueError("no")
        return super().run(op, spec, *arrays) + (1 if before else 0)


class Exiting(faulty.Right):
    """Ends the process."""

    def run(self, op: Op, spec: ConvSpec, *arrays: Array | None) -> Any:
        if not fits(op, spec, arrays):
            raise SystemExit(1)
        return super().run(op, spec, *arrays)


def fits(op: Op, spec: ConvSpec, arrays: tuple[Array | None, ...]) -> bool:
    try:
        validate(op, spec, *arrays)
    except ValueError:
        return False
    return True


def judge(kind: type[faulty.Right], case: Case) -> str:
    """The diagnosis of one case, "" for a pass, of a backend that claims every dtype."""
    claiming = type(kind.__name__, (kind,), {"unsupported": lambda self, op, spec, dtype: None})
    try:
        subject = asked(faulty.load(claiming), case.spec, [case.op], [case.dtype])
        next(c for c in CHECKS[case.check] if case.op in c.ops).run(subject, case)
    except Failed as failure:
        return str(failure)
    return ""


CASES = [
    case
    for id, parts in CHECKS.items()
    if id.startswith("errors.")
    for check in parts
    for op in check.ops
    for dtype in ("float16", "float32", "float64", "int64")
    for case in check.cases(op, dtype)
]


def test_the_checks_are_optional() -> None:
    mine = {id: parts for id, parts in CHECKS.items() if any(c.run.__module__ == errors.__name__ for c in parts)}
    assert set(mine) == {f"errors.{n}" for n in ("ndim", "channels", "weight", "bias", "positions", "dtype")}
    assert all(check.optional for parts in mine.values() for check in parts)


@pytest.mark.parametrize(
    ("kind", "diagnosis"),
    [
        (Trusting, "accepts silently: "),
        (Spoiling, "changed its arguments on "),
        (Confused, "is wrong in the next call after "),
        (Exiting, "raised SystemExit"),
    ],
)
def test_a_backend_that_mishandles_wrong_arrays_is_seen(kind: type[faulty.Right], diagnosis: str) -> None:
    assert [str(case) for case in CASES if diagnosis not in judge(kind, case)] == []


def test_a_backend_that_refuses_wrong_arrays_passes() -> None:
    assert [text for case in CASES if (text := judge(Strict, case))] == []


def test_all_that_is_accepted_is_listed() -> None:
    text = judge(Trusting, Case("errors.weight", "conv2d", "float32", ConvSpec.parse("n1c2h4w5_f2kh3kw2")))
    assert text == (
        "conv2d accepts silently: argument 1 of shape (2, 2, 2, 3) and float32, "
        "argument 1 of shape (4, 2, 3, 2) and float32, argument 1 of shape (2, 4, 3, 2) and float32"
    )


@pytest.mark.parametrize("option", ["", "/bias=0", "/seed=3"])
@pytest.mark.parametrize("spec", ["n0c2h3w3_f2kh1kw1", "n1c1h1w1_f1kh1kw1"])
def test_square_and_empty_geometries_are_judged_too(spec: str, option: str) -> None:
    for id, op in {(case.check, case.op) for case in CASES}:
        case = Case.parse(f"{id}/{op}/float32/{spec}{option}")
        assert judge(Strict, case) == ""
        assert "accepts silently" in judge(Trusting, case)


def test_nothing_wrong_to_offer_is_no_pass() -> None:
    case = Case("errors.weight", "conv2d", "float32", ConvSpec.parse("n1c1h1w1_f1kh1kw1"))
    right = ("as it should be", case_data.exact_inputs(case))
    with pytest.raises(Mistrusted, match="fits"):
        errors.refuses(asked(faulty.load(Strict), case.spec), case, iter([right]))
