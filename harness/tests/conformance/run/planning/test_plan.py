"""What is planned: which cases, in which order, for which part of the run, and which of them are refused."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

import pytest

from conformance.cases.case import Case, SelectionError
from conformance.cases.selection import Selection
from conformance.cases.shard import Shard
from conformance.cases.specs import DISTINCT
from conformance.checks.registration import CHECKS, Check, Variant
from conformance.run.plan import in_tier_0, plan
from conformance.run.results import BackendResult
from harness.contract.status import Status
from harness.geometry.spec import ConvSpec, Op
from harness.tests.helpers.suite.fakes import FakeCaller
from harness.tests.helpers.suite.scripted import a_check, only

_ONE, _TWO = ConvSpec.parse("n1c1h2w2_f1kh1kw1"), ConvSpec.parse("n2c1h3w2_f1kh2kw1")
_WIDE = DISTINCT[2]
_TWO_OPS: tuple[Op, ...] = ("im2col", "col2im")


@pytest.fixture
def checks() -> Iterator[dict[str, Check]]:
    """Four checks in place of all: with and without geometries of tier 0, one optional, one of a higher tier."""
    with only(
        a_check("law.x", [_ONE, _TWO], ops=_TWO_OPS),
        a_check("values.exact", [_TWO, _WIDE], ops=_TWO_OPS),
        replace(a_check("errors.x", [_ONE], ops=_TWO_OPS), optional=True),
        a_check("values.grid", ops=_TWO_OPS),
    ):
        yield {id: several[0] for id, several in CHECKS.items()}


def again(check: Check) -> None:
    """Put a changed check in the place of that of the same id."""
    CHECKS[check.id] = [check]


def ids(**selection: object) -> list[str]:
    """The cases planned in float32, in their order."""
    asked = Selection(**{"dtypes": ["float32"], **selection})  # type: ignore[arg-type]
    return [str(one.case) for one in plan(FakeCaller(), asked).cases]


def planned(caller: FakeCaller, **selection: object) -> BackendResult:
    """A plan in float32."""
    return plan(caller, Selection(**{"dtypes": ["float32"], **selection}))  # type: ignore[arg-type]


def texts(check: str, ops: Sequence[str], *specs: ConvSpec) -> list[str]:
    """Ids of a check in float32, op after op."""
    return [f"{check}/{op}/float32/{spec}" for op in ops for spec in specs]


_WHOLE = [
    f"values.exact/im2col/float32/{_WIDE}", f"values.exact/col2im/float32/{_WIDE}",
    *texts("law.x", _TWO_OPS, _ONE, _TWO), *texts("values.exact", _TWO_OPS, _TWO),
]  # fmt: skip


@pytest.mark.usefixtures("checks")
def test_the_plan_is_in_the_order_of_the_checks_after_tier_0() -> None:
    assert ids() == _WHOLE
    assert ids(tier=0) == _WHOLE[:2]


@pytest.mark.usefixtures("checks")
def test_dtypes_are_those_claimed_or_those_asked_for() -> None:
    claims = FakeCaller(refuses=lambda op, spec, dtype: None if dtype in ("float32", "int64") else "no")
    found = [one.case.dtype for one in plan(claims, Selection(ops=["im2col"], pattern="law.x")).cases]
    assert found == ["float32", "float32", "float64", "int64"]
    asked = plan(claims, Selection(ops=["im2col"], pattern="law.x/*", dtypes=["float16", "float64"])).cases
    assert [one.case.dtype for one in asked] == ["float16", "float16", "float64", "float64"]


@pytest.mark.usefixtures("checks")
@pytest.mark.parametrize(
    ("selection", "expected"),
    [
        ({"ops": ["col2im"]}, [text for text in _WHOLE if "/col2im/" in text]),
        ({"pattern": "law.x"}, _WHOLE[2:6]),
        ({"pattern": "*/col2im/*kh2*"}, [_WHOLE[5], _WHOLE[7]]),
        ({"specs": [_ONE], "pattern": "law.*"}, texts("law.x", _TWO_OPS, _ONE)),
    ],
)
def test_a_selection_narrows_the_plan(selection: dict[str, object], expected: list[str]) -> None:
    result = planned(FakeCaller(), **selection)
    assert sorted(str(one.case) for one in result.cases) == sorted(expected)
    assert result.narrowed


@pytest.mark.usefixtures("checks")
def test_geometries_of_the_user_go_to_every_check_even_one_without_any() -> None:
    other = ConvSpec.parse("n3c1h2w2_f1kh1kw1")
    assert ids(specs=[other], ops=["im2col"]) == [
        f"{check}/im2col/float32/{other}" for check in ("law.x", "values.exact", "values.grid")
    ]


def test_a_check_gets_only_geometries_and_dtypes_that_it_fits(checks: dict[str, Check]) -> None:
    again(replace(checks["law.x"], fits=lambda op, spec: op == "im2col" and spec.batch == 2, kinds="f"))
    found = plan(FakeCaller(), Selection(specs=[_ONE, _TWO], pattern="law.x", dtypes=["int64", "float64"])).cases
    assert [str(one.case) for one in found] == [f"law.x/im2col/float64/{_TWO}"]


def test_variants_and_the_seed_are_in_the_cases(checks: dict[str, Check]) -> None:
    again(replace(checks["law.x"], variants=lambda op: [Variant(), Variant(bias=False, layout="F")]))
    assert ids(pattern="law.x*", ops=["im2col"], specs=[_ONE], seed=7) == [
        f"law.x/im2col/float32/{_ONE}/seed=7", f"law.x/im2col/float32/{_ONE}/bias=0/layout=F/seed=7"
    ]  # fmt: skip


@pytest.mark.usefixtures("checks")
@pytest.mark.parametrize("pattern", ["errors.x", "errors.*", "errors.x/im2col/*"])
def test_an_optional_check_is_planned_if_it_is_named(pattern: str) -> None:
    result = planned(FakeCaller(), pattern=pattern, ops=["im2col"])
    assert [(str(one.case), one.optional) for one in result.cases] == [(f"errors.x/im2col/float32/{_ONE}", True)]


@pytest.mark.usefixtures("checks")
def test_the_others_are_not_optional() -> None:
    assert [one.optional for one in planned(FakeCaller()).cases] == [False] * 8


@pytest.mark.usefixtures("checks")
def test_an_older_suite_has_its_own_checks_alone() -> None:
    """`values.exact` is as old as the suite, `law.x` is new."""
    assert {Case.parse(text).check for text in ids(suite="2026.11")} == {"values.exact"}


# -- parts of a run ------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("checks")
def test_parts_hold_every_case_once_and_the_first_all_of_tier_0() -> None:
    parts = [ids(shard=Shard(index, 3)) for index in (1, 2, 3)]
    assert sorted(text for part in parts for text in part) == sorted(_WHOLE)
    assert parts[0][:2] == _WHOLE[:2]
    assert [len(part) for part in parts] == [5, 1, 2]
    narrowed = [plan(FakeCaller(), Selection(shard=Shard(index, 3))).narrowed for index in (1, 2, 3)]
    assert narrowed == [False, True, True]


@pytest.mark.usefixtures("checks")
def test_where_tier_0_is_all_that_is_asked_each_part_has_its_dtypes() -> None:
    """Two parts of two dtypes have one each, and no case is lost or asked twice."""
    asked = {"tier": 0, "dtypes": ["float32", "float64"]}
    whole = plan(FakeCaller(), Selection(**asked)).cases  # type: ignore[arg-type]
    parts = [plan(FakeCaller(), Selection(shard=Shard(index, 2), **asked)).cases for index in (1, 2)]  # type: ignore[arg-type]
    assert [{one.case.dtype for one in part} for part in parts] == [{"float64"}, {"float32"}]
    assert sorted(str(one.case) for part in parts for one in part) == sorted(str(one.case) for one in whole)
    assert len(whole) == 4


@pytest.mark.usefixtures("checks")
def test_a_part_without_a_case_is_no_error_if_another_has_one() -> None:
    one = {"pattern": "law.x", "ops": ["im2col"], "specs": [_TWO]}
    parts = [planned(FakeCaller(), **one, shard=Shard(index, 2)) for index in (1, 2)]
    assert [len(part.cases) for part in parts] == [0, 1]
    assert [part.is_empty_part for part in parts] == [True, False]
    with pytest.raises(SelectionError):
        ids(pattern="law.x", ops=["conv2d"], shard=Shard(1, 2))


@pytest.mark.usefixtures("checks")
def test_a_single_case_is_in_its_part_alone() -> None:
    text = f"law.x/im2col/float32/{_TWO}"
    assert [ids(pattern=text, shard=Shard(index, 2)) for index in (1, 2)] == [[], [text]]
    assert [ids(pattern=_WHOLE[0], shard=Shard(index, 2)) for index in (1, 2)] == [[_WHOLE[0]], []]


# -- a single case by its id -----------------------------------------------------------------------------------------


@pytest.mark.usefixtures("checks")
def test_an_id_is_planned_alone_whether_or_not_its_geometry_is_in_the_plan() -> None:
    for text in (_WHOLE[3], "law.x/col2im/float32/n9c1h2w2_f1kh1kw1/seed=4"):
        assert ids(pattern=text) == [text]
    assert ids(pattern="values.grid/im2col/float32/n9c1h2w2_f1kh1kw1", tier=0) == [
        "values.grid/im2col/float32/n9c1h2w2_f1kh1kw1"
    ]


@pytest.mark.usefixtures("checks")
@pytest.mark.parametrize(
    "other", [{"specs": [_TWO]}, {"ops": ["im2col"]}, {"dtypes": ["float64"]}], ids=["shape", "ops", "dtype"]
)
def test_an_id_must_agree_with_what_else_is_asked_for(other: dict[str, object]) -> None:
    text = f"law.x/col2im/float32/{_ONE}"
    assert ids(pattern=text, specs=[_ONE], ops=["col2im"]) == [text]
    with pytest.raises(SelectionError, match="no case is selected"):
        ids(pattern=text, **other)


def test_an_id_that_its_check_cannot_judge_is_refused(checks: dict[str, Check]) -> None:
    again(replace(checks["law.x"], fits=lambda op, spec: spec.batch == 2, kinds="f"))
    for text in (f"law.x/im2col/float32/{_ONE}", f"law.x/im2col/int32/{_TWO}"):
        with pytest.raises(SelectionError) as raised:
            ids(pattern=text, dtypes=())
        assert str(raised.value) == f"check 'law.x' cannot judge this geometry and dtype: {text}"
    assert ids(pattern=f"law.x/im2col/float32/{_TWO}") == [f"law.x/im2col/float32/{_TWO}"]


# -- nothing selected ----------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("checks")
@pytest.mark.parametrize(
    ("selection", "text"),
    [
        ({"pattern": "nope"}, "no case is selected by --check 'nope': no check is called 'nope'; checks are law.x, "
                              "values.exact, errors.x, values.grid"),
        ({"ops": ["conv2d"]}, "no case is selected by these options: what it means judges im2col, col2im, not conv2d"),
        ({"pattern": "values.grid", "tier": 1}, "no case is selected by --check 'values.grid': values.grid belongs to "
                                                "tier 2; add --tier 2"),
    ],
)  # fmt: skip
def test_nothing_selected_is_an_error(selection: dict[str, object], text: str) -> None:
    with pytest.raises(SelectionError) as raised:
        ids(**selection)
    assert str(raised.value) == text


@pytest.mark.usefixtures("checks")
@pytest.mark.parametrize(("pattern", "tier"), [("values.grid", 2), ("values.grid/im2col/*", 3), ("values.g*", 4)])
def test_a_check_of_a_higher_tier_has_its_cases_added_later(pattern: str, tier: int) -> None:
    result = planned(FakeCaller(), pattern=pattern, tier=tier)
    assert (result.cases, result.is_empty_part) == ([], False)
    assert planned(FakeCaller(), pattern=pattern, tier=tier, shard=Shard(2, 2)).is_empty_part


# -- what the backend refuses --------------------------------------------------------------------------------------


def _no_columns_back(op: Op, spec: ConvSpec, dtype: str) -> str | None:
    return f"no {op} of {spec.batch}" if op == "col2im" else None


@pytest.mark.usefixtures("checks")
def test_what_is_refused_is_planned_with_the_reason() -> None:
    result = planned(FakeCaller(refuses=_no_columns_back), pattern="law.x")
    assert [(one.status, one.detail) for one in result.cases] == [
        (Status.NOT_RUN, ""), (Status.NOT_RUN, ""), (Status.UNSUPPORTED, "no col2im of 1"),
        (Status.UNSUPPORTED, "no col2im of 2"),
    ]  # fmt: skip
    assert (result.planned, result.total, result.backend) == (2, 4, "fake")


def test_a_check_that_needs_further_ops_asks_for_them(checks: dict[str, Check]) -> None:
    """The op of the case first; the first refusal is the reason and ends the asking."""
    again(replace(checks["law.x"], needs=("col2im", "conv2d")))
    caller = FakeCaller(refuses=_no_columns_back)
    (one,) = planned(caller, pattern="law.x", ops=["im2col"], specs=[_TWO]).cases
    assert (one.status, one.detail) == (Status.UNSUPPORTED, "no col2im of 2")
    assert caller.asked == [("im2col", str(_TWO), "float32"), ("col2im", str(_TWO), "float32")]
    (one,) = planned(FakeCaller(), pattern="law.x", ops=["im2col"], specs=[_TWO]).cases
    assert one.status is Status.NOT_RUN


@pytest.mark.usefixtures("checks")
@pytest.mark.parametrize(("error", "name"), [(ValueError("odd"), "ValueError"), (SystemExit("odd"), "SystemExit")])
def test_a_backend_that_raises_when_asked_has_failed(error: BaseException, name: str) -> None:
    def raises(op: Op, spec: ConvSpec, dtype: str) -> str | None:
        raise error

    (one,) = planned(FakeCaller(refuses=raises), pattern="law.x", ops=["im2col"], specs=[_ONE]).cases
    assert (one.status, one.detail) == (Status.FAIL, f"unsupported('im2col', ..) raised {name}: odd")


@pytest.mark.usefixtures("checks")
def test_ctrl_c_while_a_backend_is_asked_ends_the_plan() -> None:
    def interrupted(op: Op, spec: ConvSpec, dtype: str) -> str | None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        planned(FakeCaller(refuses=interrupted))


# -- which dtypes, which tier ----------------------------------------------------------------------------------------


def test_tier_0_is_five_checks_on_three_geometries() -> None:
    first = ("contract.type", "contract.shape", "contract.dtype", "values.exact", "values.real")
    for check in first:
        assert all(in_tier_0(Case(check, "conv2d", "float64", spec)) for spec in DISTINCT)
        assert not in_tier_0(Case(check, "conv2d", "float64", _ONE))
    assert not in_tier_0(Case("law.adjoint", "conv2d", "float64", DISTINCT[0]))


def test_the_real_plan_of_tier_0() -> None:
    cases = [one.case for one in plan(FakeCaller(), Selection(tier=0)).cases]
    found = {check: sum(case.check == check for case in cases) for check in dict.fromkeys(c.check for c in cases)}
    form, values = 6 * 2, 6 * 2 * 3  # ops, dtypes and geometries
    bias = 2 * 3  # conv2d is asked for its values without one too
    assert found == {
        "contract.type": form, "contract.shape": values, "contract.dtype": form, "values.exact": values + bias,
        "values.real": values + bias,
    }  # fmt: skip
    assert [one.case for one in plan(FakeCaller()).cases[: len(cases)]] == cases


@pytest.mark.parametrize("selection", [{"tier": 0}, {"pattern": "values.*"}])
def test_a_check_that_is_not_meant_has_nobody_ask(checks: dict[str, Check], selection: dict[str, object]) -> None:
    def never(op: Op) -> list[ConvSpec]:
        raise AssertionError

    again(replace(checks["law.x"], specs=never))
    assert {one.case.check for one in planned(FakeCaller(), **selection).cases} == {"values.exact"}
