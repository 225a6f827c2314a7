"""What tiers 2 to 4 add to a plan: counts of grid and search, layers that this machine has the memory for."""

from __future__ import annotations

import pytest

from conformance.cases import full_size
from conformance.cases.selection import Selection
from conformance.cases.shard import Shard
from conformance.domain.choice import Choice
from conformance.domain.part import Part
from conformance.run import plan as plan_module
from conformance.run.plan import plan_full_size, plan_grid, plan_higher_tiers, plan_random
from conformance.run.results import BackendResult
from harness.contract.status import Status
from harness.geometry.layers import Layer
from harness.geometry.spec import OPS, ConvSpec, Op
from harness.tests.helpers.suite.fakes import FakeCaller

_SMALL, _LARGE = ConvSpec.parse("n1c2h4w4_f2kh3kw3"), ConvSpec.parse("n1c1h5w4_f1kh3kw3")
_LAYERS = [Layer("net:a", ConvSpec.parse("n1c1h4w4_f1kh3kw3")), Layer("net:b", _SMALL)]
_GIB = 2**30


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two small layers, small results in place of large ones, and a machine with 8 GiB free."""
    monkeypatch.setattr(full_size, "read_layers", lambda name: _LAYERS if name == "core" else [])
    monkeypatch.setattr(full_size, "LARGE_SPEC", _LARGE)
    monkeypatch.setattr(plan_module, "available", lambda: 8 * _GIB)


def added(caller: FakeCaller | None = None, **selection: object) -> BackendResult:
    """What the higher tiers add to an empty plan."""
    result = BackendResult("fake", True)
    plan_higher_tiers(caller or FakeCaller(), result, Selection(**selection))  # type: ignore[arg-type]
    return result


def counted(result: BackendResult) -> dict[str, int]:
    """How many cases of each group are planned; all of them wait."""
    assert all(one.counts == {Status.NOT_RUN: one.planned} for one in result.counted)
    return {str(one.key): one.planned for one in result.counted}


def test_tier_1_adds_nothing() -> None:
    result = added(tier=1)
    assert (result.counted, result.cases) == ([], [])


def test_tier_2_adds_the_whole_grid_for_every_op_in_float32() -> None:
    result = added(tier=2)
    assert counted(result) == {f"values.grid/{op}/float32": 352_836 for op in OPS}
    assert result.cases == []


@pytest.mark.parametrize(
    ("claimed", "dtype"), [(["float64"], "float64"), (["float64", "float32"], "float32"), (["int32"], "float32")]
)
def test_a_backend_that_does_float64_alone_has_grid_and_layers_in_float64(claimed: list[str], dtype: str) -> None:
    """In float32 it was refused everywhere, and so never judged by them. Who does both or neither has float32."""
    claims = FakeCaller(refuses=lambda op, spec, d: None if d in claimed else "no")
    assert counted(added(claims, tier=2, ops=["im2col"])) == {f"values.grid/im2col/{dtype}": 352_836}
    layers = added(claims, tier=4, ops=["im2col"], pattern="values.layer")
    assert {case_result.case.dtype for case_result in layers.cases} == {dtype}


def test_a_narrow_backend_has_the_grid_in_the_dtype_of_its_part() -> None:
    """It refuses the few geometries on which all are asked whether they do a dtype."""
    result = BackendResult("fake", True)
    result.parts["im2col", "float64"] = Part("5x5 kernels", 40, Choice([], 0, 0), [])
    plan_higher_tiers(FakeCaller(refuses=lambda op, spec, dtype: "5x5 only"), result, Selection(tier=2, ops=["im2col"]))
    assert counted(result) == {"values.grid/im2col/float64": 352_836}


def test_tier_3_adds_a_thousand_random_cases_for_every_op_and_dtype_claimed() -> None:
    claims = FakeCaller(refuses=lambda op, spec, dtype: None if dtype in ("float32", "int32") else "no")
    found = counted(added(claims, tier=3, ops=["col2im", "im2col"]))
    assert found == {
        "values.grid/col2im/float32": 352_836, "values.grid/im2col/float32": 352_836,
        "values.random/col2im/float32": 1000, "values.random/col2im/float64": 1000, "values.random/col2im/int32": 1000,
        "values.random/im2col/float32": 1000, "values.random/im2col/float64": 1000, "values.random/im2col/int32": 1000,
    }  # fmt: skip


def test_dtypes_asked_for_are_those_of_grid_and_search() -> None:
    found = counted(added(tier=3, ops=["im2col"], dtypes=["float64", "int32"]))
    assert found == {
        "values.grid/im2col/float64": 352_836, "values.grid/im2col/int32": 352_836,
        "values.random/im2col/float64": 1000, "values.random/im2col/int32": 1000,
    }  # fmt: skip


@pytest.mark.usefixtures("small_grid")
def test_a_part_has_its_share_of_grid_and_search() -> None:
    """The grid by a hash of its settings; random cases are a thousand in all, rounded up."""
    parts = [counted(added(tier=3, ops=["im2col"], dtypes=["float32"], shard=Shard(k, 3))) for k in (1, 2, 3)]
    assert [part["values.random/im2col/float32"] for part in parts] == [334, 334, 334]
    assert [part["values.grid/im2col/float32"] for part in parts] == [15, 20, 14]


@pytest.mark.parametrize(
    ("pattern", "checks"),
    [
        ("values.grid", {"values.grid"}), ("values.random/im2col/*", {"values.random"}),
        ("values.*", {"values.grid", "values.random", "values.layer"}), ("contract.*", {"contract.large_index"}),
        ("law.*", set()), ("", {"values.grid", "values.random", "values.layer", "contract.large_index"}),
    ],
)  # fmt: skip
def test_a_pattern_plans_the_checks_that_it_means(pattern: str, checks: set[str]) -> None:
    result = added(tier=4, ops=["im2col"], dtypes=["float32"], pattern=pattern)
    assert {one.key.check_id for one in result.counted} | {one.case.check for one in result.cases} == checks


def test_geometries_of_the_user_leave_the_higher_tiers_out() -> None:
    result = added(tier=4, specs=[_SMALL])
    assert (result.counted, result.cases) == ([], [])


def test_tier_4_adds_every_layer_and_the_large_results() -> None:
    result = added(tier=4, ops=["conv2d", "im2col"], dtypes=["float64", "float32"])
    a, b = (layer.spec for layer in _LAYERS)
    assert [str(one.case) for one in result.cases] == [
        *[f"values.layer/{op}/{dtype}/{spec}" for spec in (a, b) for op in ("conv2d", "im2col")
          for dtype in ("float64", "float32")],
        f"contract.large_index/im2col/float64/{_LARGE}", f"contract.large_index/im2col/float32/{_LARGE}",
    ]  # fmt: skip
    assert {one.status for one in result.cases} == {Status.NOT_RUN}
    assert result.notes == []


def test_tier_4_is_of_all_ops_in_float32_if_nothing_is_asked_for() -> None:
    found = [one.case for one in added(tier=4).cases]
    assert [(case.op, case.dtype) for case in found if case.check == "values.layer"] == [
        (op, "float32") for op in OPS
    ] * 2
    assert [case.op for case in found if case.check == "contract.large_index"] == ["im2col", "col2im"]


@pytest.mark.usefixtures("small_grid")
def test_the_first_part_alone_has_the_full_size_layers() -> None:
    assert [len(added(tier=4, ops=["im2col"], shard=Shard(k, 2000)).cases) for k in (1, 2)] == [3, 0]
    assert added(tier=3, ops=["im2col"], pattern="values.layer").cases == []


def test_refused_layers_are_planned_with_their_reason_and_asked_once() -> None:
    def one_channel(op: Op, spec: ConvSpec, dtype: str) -> str | None:
        return f"{spec.in_channels} channels of {dtype}" if spec.in_channels > 1 and op == "im2col" else None

    result = BackendResult("fake", True)
    caller = FakeCaller(refuses=one_channel)
    plan_full_size(caller, result, Selection(ops=["im2col"], pattern="values.layer"))
    assert [(one.case.spec, one.status, one.detail) for one in result.cases] == [
        (_LAYERS[0].spec, Status.NOT_RUN, ""), (_SMALL, Status.UNSUPPORTED, "2 channels of float32")
    ]  # fmt: skip
    assert caller.asked == [("im2col", str(layer.spec), "float32") for layer in _LAYERS]


def test_what_the_machine_has_no_memory_for_is_noted_and_not_planned(monkeypatch: pytest.MonkeyPatch) -> None:
    needs = {_LAYERS[0].spec: 8.0, _SMALL: 12.6, _LARGE: 8.01}
    monkeypatch.setattr(full_size, "bytes_needed", lambda case: needs[case.spec] * _GIB)
    result = added(tier=4, ops=["im2col"])
    assert [str(one.case) for one in result.cases] == [f"values.layer/im2col/float32/{_LAYERS[0].spec}"]
    assert result.notes == [
        f"values.layer/im2col/float32/{_SMALL} was left out: it needs 12.6 GiB of 8 GiB free memory",
        f"contract.large_index/im2col/float32/{_LARGE} was left out: it needs 8.01 GiB of 8 GiB free memory",
    ]


@pytest.mark.usefixtures("small_grid")
def test_a_plan_of_grid_or_search_can_be_made_alone() -> None:
    result = BackendResult("fake", True)
    plan_grid(result, ["col2im"], ["float64"], Shard(2, 3))
    plan_random(result, ["im2col"], ["float32"], 30)
    plan_random(result, (), ["int64"])
    assert counted(result) == {
        "values.grid/col2im/float64": 20, "values.random/im2col/float32": 30,
        **{f"values.random/{op}/int64": 1000 for op in OPS},
    }  # fmt: skip
