"""The dtypes that a backend claims: two at least, more if it looks at them, all if it says that it does everything."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from conformance.cases.selection import Selection
from conformance.cases.specs import ALL, DISTINCT
from conformance.checks.registration import CHECKS
from conformance.domain import planning
from conformance.domain.dtypes import claimed_dtypes
from conformance.domain.part import whole
from conformance.domain.pool import pool
from conformance.run.plan import plan
from harness.calls.caller import Arrays, CallResult, Conditions
from harness.contract.protocol import DTYPES
from harness.contract.status import Status
from harness.geometry.spec import ConvSpec, Op
from harness.tests.helpers.suite.fakes import FakeCaller, Refusal, right
from harness.tests.helpers.suite.scripted import a_check, only


def _raises_for_others(op: Op, spec: ConvSpec, dtype: str) -> str | None:
    if dtype in ("int32", "float64"):
        raise SystemExit(1)
    if dtype == "float16":
        raise TypeError(dtype)
    return None if dtype in DTYPES else "no"


@pytest.mark.parametrize(
    ("refuses", "dtypes"),
    [
        (lambda op, spec, dtype: None, sorted(DTYPES)),  # who refuses nothing at all says that it does everything
        (lambda op, spec, dtype: "groups" if spec.groups > 2 else None, ["float32", "float64"]),
        (lambda op, spec, dtype: None if dtype in DTYPES else "no", sorted(DTYPES)),
        (lambda op, spec, dtype: "never", ["float32", "float64"]),
        (lambda op, spec, dtype: None if (op, dtype) == ("col2im", "int64") else "no", ["float32", "float64", "int64"]),
        (lambda op, spec, dtype: None if dtype == "float16" else "no", ["float16", "float32", "float64"]),
        (_raises_for_others, ["float32", "float64", "int64"]),
    ],
)
def test_float32_and_float64_are_asked_of_all_the_others_of_those_that_claim_them(
    refuses: Callable[[Op, ConvSpec, str], str | None], dtypes: list[str]
) -> None:
    caller = FakeCaller(refuses=refuses)
    assert sorted(claimed_dtypes(caller)) == dtypes
    assert len(caller.asked) < 10_000


_MOST_ASKED = 1500  # questions for a dtype that is refused everywhere


@pytest.mark.parametrize(
    "takes",
    [
        lambda s: s.in_channels % 8 == s.out_channels % 8 == 0 and s.groups == 1,
        lambda s: s.in_channels % 32 == s.out_channels % 32 == 0 and s.kernel_size == (1, 1),
        lambda s: s.in_channels >= 64 and s.out_channels >= 64,
        lambda s: s.input_size == (28, 28),
        lambda s: s.groups == s.in_channels > 8 and s.kernel_size == (3, 3),
        lambda s: s.batch % 8 == 0 and s.batch > 0 and s.groups == 1,
        lambda s: s.kernel_size == (5, 5) and s.in_channels % 8 == 0,
        lambda s: s.stride == (2, 2) and s.in_channels % 16 == 0,
    ],
)
def test_a_dtype_may_be_claimed_for_few_geometries(takes: Callable[[ConvSpec], bool]) -> None:
    """Of one op. That the others are refused is heard soon."""

    def refuses(op: Op, spec: ConvSpec, dtype: str) -> str | None:
        is_half = dtype == "float16" and op == "conv2d" and takes(spec)
        return None if is_half or dtype == "float32" else "not this one"

    caller = FakeCaller(refuses=refuses)
    assert sorted(claimed_dtypes(caller)) == ["float16", "float32", "float64"]
    assert sum(dtype == "int64" for _, _, dtype in caller.asked) < _MOST_ASKED


def test_what_is_claimed_for_special_geometries_alone_is_judged_on_them() -> None:
    """No geometry of the pool has three times three taps and such channels."""

    def refuses(op: Op, spec: ConvSpec, dtype: str) -> str | None:
        by_eight = spec.groups == 1 and spec.in_channels % 8 == spec.out_channels % 8 == 0
        is_half = dtype == "float16" and spec.kernel_size == (3, 3) and by_eight
        return None if op == "conv2d" and (is_half or dtype == "float32") else "not this one"

    part = planning.parts(FakeCaller(refuses=refuses), ["float32", "float16"], ["conv2d"])["conv2d"]["float16"]
    assert len(part.specs) > 30
    assert all(spec.in_channels % 8 == 0 for spec in part.specs)


def test_who_refuses_nothing_claims_what_it_gives_results_in() -> None:
    """A call that raises, or gives another dtype, was not meant."""

    def answers(op: Op, spec: ConvSpec, arrays: Arrays, conditions: Conditions) -> CallResult:
        made = right(op, spec, arrays, conditions)
        if made.result.dtype == "float16" and op == "col2im":
            return CallResult(error="TypeError: no half")
        if made.result.dtype == "int32":
            made.result = made.result.astype("int64")
        return made

    everything = FakeCaller(refuses=lambda op, spec, dtype: None, answers=answers)
    assert sorted(claimed_dtypes(everything)) == ["float32", "float64", "int64"]
    everything.native.remove("conv2d")
    assert sorted(claimed_dtypes(everything)) == ["float32", "float64"]


_ONE, _TWO = ConvSpec.parse("n1c1h2w2_f1kh1kw1"), ConvSpec.parse("n2c1h3w2_f1kh2kw1")
_FIVE = [ConvSpec.parse(f"n1c1h{5 + n}w3_f1kh2kw2") for n in range(5)]
_IM2COL: tuple[Op, ...] = ("im2col",)


@pytest.mark.parametrize(
    ("refuses", "pattern", "asked"),
    [
        (lambda op, spec, dtype: None, "", {"float32": _FIVE, "float64": [_FIVE[1]]}),
        (lambda op, spec, dtype: None, "law.five/im2col/*", {"float32": _FIVE, "float64": _FIVE}),
        # what is refused is not one of four
        (
            lambda op, spec, dtype: "no" if dtype == "float64" and spec in _FIVE[:2] else None, "",
            {"float32": _FIVE, "float64": [_FIVE[3]]},
        ),
        # of what is claimed there is most in float64
        (
            lambda op, spec, dtype: "no" if dtype == "float32" and spec.batch == 2 else None, "law.five",
            {"float32": [_FIVE[1]], "float64": _FIVE},
        ),
    ],
)  # fmt: skip
def test_a_further_dtype_is_asked_on_every_fourth_case_and_tier_0(
    refuses: Refusal, pattern: str, asked: dict[str, list[ConvSpec]]
) -> None:
    with only(a_check("law.five", _FIVE, ops=_IM2COL), a_check("values.exact", [DISTINCT[2]], ops=_IM2COL)):
        selection = Selection(pattern=pattern, ops=_IM2COL, dtypes=["float32", "float64"])
        cases = [one.case for one in plan(FakeCaller(refuses=refuses), selection).cases]
        found = {dtype: [one.spec for one in cases if (one.check, one.dtype) == ("law.five", dtype)] for dtype in asked}
        assert found == asked
        tier_0 = [one.dtype for one in cases if one.check == "values.exact"]
        assert tier_0 == ([] if pattern else ["float32", "float64"])


def test_what_has_a_single_case_is_not_asked_in_a_further_dtype() -> None:
    with only(a_check("law.x", [_ONE], ops=_IM2COL), a_check("law.y", [_ONE, _TWO], ops=_IM2COL)):
        cases = [one.case for one in plan(FakeCaller(), Selection(ops=_IM2COL, dtypes=["float64", "int32"])).cases]
        assert [(one.check, one.dtype, one.spec) for one in cases] == [
            ("law.x", "float64", _ONE), ("law.y", "float64", _ONE), ("law.y", "float64", _TWO), ("law.y", "int32", _TWO)
        ]  # fmt: skip


def test_whole_numbers_must_be_exact_where_the_geometry_is_ours() -> None:
    """4,099 terms are too many for float16; who asks for the geometry is told so."""
    long = ALL["width_4099"]
    with only(a_check("law.x", [long, _TWO], ops=("conv2d_bias_grad",))):
        for specs, expected in (((), [_TWO]), ([long], [long])):
            asked = Selection(dtypes=["float16"], specs=specs)
            assert [one.case.spec for one in plan(FakeCaller(), asked).cases] == expected


def asked_beyond(check: str, **asked: Any) -> list[ConvSpec]:
    """The geometries of a check that are not its own, of one op."""
    caller = FakeCaller(**asked)
    cases = [one.case for one in plan(caller, Selection(ops=["conv2d"], pattern=check)).cases]
    own = {spec for one in CHECKS[check] for spec in one.specs("conv2d")}
    found = [one for one in cases if one.spec not in own]
    assert {one.dtype for one in found} <= {"float32"}
    return [one.spec for one in found]


def test_forms_are_asked_on_some_of_the_domain_of_an_op_of_its_own() -> None:
    """Without images on every fourth; all in one dtype."""
    empty = asked_beyond("contract.empty_batch")
    chosen = whole().choice.specs
    assert {replace(spec, batch=0) for spec in chosen[::4]} - set(ALL.values()) == set(empty)
    assert len(empty) == len(set(empty)) > 40
    for check in ("contract.nonfinite", "contract.contiguous"):
        found = asked_beyond(check)
        assert 20 < len(found) < 40
        assert {spec for spec in found if spec.batch} <= set(chosen)
        assert max(spec.macs for spec in found) <= 20_000
        assert asked_beyond(check, native=["im2col", "col2im"]) == []
    refuses = lambda op, spec, dtype: None if spec.batch and dtype in DTYPES else "no"  # noqa: E731
    assert asked_beyond("contract.empty_batch", refuses=refuses) == []


def test_a_question_that_raises_in_a_further_dtype_is_a_failure() -> None:
    def raises(op: Op, spec: ConvSpec, dtype: str) -> str | None:
        if dtype == "float64" and spec == _FIVE[0]:
            raise KeyError(dtype)
        return None

    with only(a_check("law.five", _FIVE, ops=_IM2COL)):
        cases = plan(FakeCaller(refuses=raises), Selection(ops=_IM2COL, dtypes=["float32", "float64"])).cases
        assert [one.case.spec for one in cases if one.status is Status.FAIL] == [_FIVE[0]]


def test_no_check_is_left_without_a_case() -> None:
    """Of large images alone there are no little ones; of what is derived, and in a further dtype, some without any."""
    large = asked_beyond(
        "contract.nonfinite",
        refuses=lambda op, spec, dtype: "no" if spec.macs < 30_000 or dtype != "float32" else None,
    )
    assert 0 < len(large) <= 3
    square: Refusal = lambda op, spec, dtype: None if spec.kernel_size == (3, 3) and spec.groups == 1 else "no"  # noqa: E731
    selection = Selection(ops=["conv2d"], dtypes=["float32", "float64"], pattern="contract.empty_batch")
    natives: list[list[Op]] = [["im2col", "col2im"], ["conv2d"]]
    for native in natives:
        cases = [one.case for one in plan(FakeCaller(refuses=square, native=native), selection).cases]
        claimed = [one for one in cases if square(one.op, one.spec, one.dtype) is None]
        assert {one.dtype for one in claimed} == {"float32", "float64"}
        assert all(one.spec.batch == 0 for one in claimed)


_ODD, _EVEN = ([spec for spec in [*pool(), *ALL.values()] if spec.input_size[0] % 2 == rest] for rest in (1, 0))


@pytest.mark.parametrize(
    ("claimed", "known"),
    [
        ({"float32": [], "float64": _EVEN}, {"float64": len(_EVEN)}),
        # more in float64: judged first, and float32 on what it claims itself
        ({"float32": _ODD[:300], "float64": [*pool(), *whole().specs]}, {"float64": 4_000, "float32": 300}),
        # none is part of the other
        ({"float32": _ODD, "float64": _EVEN}, {"float32": len(_ODD), "float64": len(_EVEN)}),
    ],
)
def test_a_dtype_in_which_other_geometries_are_claimed_has_its_own(
    claimed: dict[str, list[ConvSpec]], known: dict[str, int]
) -> None:
    sets = {dtype: set(specs) for dtype, specs in claimed.items()}
    caller = FakeCaller(refuses=lambda op, spec, dtype: None if spec in sets[dtype] else "no")
    (found,) = planning.parts(caller, list(claimed), _IM2COL).values()
    assert list(found) == list(known)
    for number, (dtype, part) in enumerate(found.items()):
        assert set(part.specs) <= sets[dtype]
        assert len(part.choice.specs) <= 80 or number == 0
        assert part.is_whole or abs(part.known - known[dtype]) < 60  # one or the other is grown, or in both lists


@pytest.mark.parametrize("error", [KeyError("lost"), SystemExit(1)])
def test_who_always_raises_is_not_asked_for_ever(error: BaseException) -> None:
    """And its cases say so. One that raises for most geometries has a part all the same."""

    def refuses(op: Op, spec: ConvSpec, dtype: str) -> str | None:
        raise error

    caller = FakeCaller(refuses=refuses)
    result = plan(caller, Selection(ops=["im2col"]))
    assert {one.status for one in result.cases} == {Status.FAIL}
    assert len(caller.asked) < 2 * len(result.cases) + 200

    def mostly(op: Op, spec: ConvSpec, dtype: str) -> str | None:
        if spec.groups > 1:
            raise error
        return None

    found = planning.parts(FakeCaller(refuses=mostly), ["float32"], ["im2col"])["im2col"]["float32"]
    assert found.words == "one group"
