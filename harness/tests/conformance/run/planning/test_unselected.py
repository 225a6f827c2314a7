"""A selection that holds no case says which part of the call is wrong; a part of more parts than cases is no fault."""

from __future__ import annotations

from typing import Any

import pytest

from conformance.cases.case import CaseError, SelectionError
from conformance.cases.selection import Selection
from conformance.cases.shard import Shard
from conformance.reports import merging, summary
from conformance.run import plan as planning
from conformance.run import unselected
from conformance.run.records import BackendReport
from conformance.run.suite_run import Options, SuiteRun
from harness.calls.in_process import InProcess
from harness.contract import registry
from harness.contract.status import Verdict
from harness.contract.targets import resolve
from harness.geometry.spec import ALL_OPS, ConvSpec, Op

_SPEC = "n1c2h3w3_f2kh2kw2"
_CALLER = InProcess(registry.load("numpy_fancy"))


def reason(pattern: str = "", **selection: Any) -> str:
    """What is said of a selection, after the words that repeat the call."""
    with pytest.raises(SelectionError) as told:
        planning.plan(_CALLER, Selection(pattern=pattern, **selection))
    said = str(told.value)
    begin = f"no case is selected by {f'--check {pattern!r}' if pattern else 'these options'}: "
    assert said.startswith(begin)
    return said.removeprefix(begin)


@pytest.mark.parametrize(
    ("pattern", "said"),
    [
        ("values.exakt", "no check is called 'values.exakt', did you mean 'values.exact'?"),
        (f"values.exakt/conv2d/float32/{_SPEC}", "no check is called 'values.exakt', did you mean 'values.exact'?"),
        ("values.exakt/*", "no check is called 'values.exakt', did you mean 'values.exact'?"),
        (f"values.exact/con2d/float32/{_SPEC}", f"op must be among {', '.join(ALL_OPS)}, got 'con2d', "
         "did you mean 'conv2d'?"),
        ("values.*/con2d/*", f"op must be among {', '.join(ALL_OPS)}, got 'con2d', did you mean 'conv2d'?"),
        (f"values.exact/conv2d/float31/{_SPEC}", "dtype must be among float16, float32, float64, int32, int64, "
         "got 'float31', did you mean 'float32'?"),
        ("values.exact/conv2d/float32/n1c2h3w3_f2kh2kx2", "spec 'n1c2h3w3_f2kh2kx2' is not of the form "
         "n2c6h11w13_f4kh3kw2[_sh2sw3][_pt1pb2pl3pr0][_dh2dw1][_g2]"),
        ("values.exact/conv2d/float32", "a case id has a geometry too; for all of them write "
         "values.exact/conv2d/float32/*"),
        ("values.exact/conv2d", "a case id has a geometry too; for all of them write values.exact/conv2d/*"),
    ],
)  # fmt: skip
def test_the_part_of_a_case_id_that_is_wrong_is_named(pattern: str, said: str) -> None:
    assert reason(pattern) == said


@pytest.mark.parametrize("seed", ["x", "-1", "1.0", "\u0661", str(2**63)])
def test_a_seed_that_is_none_is_named(seed: str) -> None:
    assert "options are bias=0, seed= a whole number below 2^63" in reason(
        f"values.exact/conv2d/float32/{_SPEC}/seed={seed}"
    )


def test_an_unknown_check_that_is_like_none_lists_them_all() -> None:
    assert reason("zzz").startswith("no check is called 'zzz'; checks are contract.type, contract.shape, ")


@pytest.mark.parametrize(
    ("selection", "said"),
    [
        ({"pattern": "law.stride", "ops": ["col2im"]}, "law.stride judges im2col, conv2d, not col2im"),
        ({"pattern": "values.real", "dtypes": ["int32", "int64"]}, "values.real does not judge int32, int64"),
        ({"pattern": "law.linear", "suite": "2026.11"}, "law.linear is not part of suite 2026.11; leave --as-of out"),
        ({"pattern": "values.grid"}, "values.grid belongs to tier 2; add --tier 2"),
        ({"pattern": "values.grid", "tier": 0}, "values.grid belongs to tier 2; add --tier 2"),
        ({"pattern": "values.random", "tier": 2}, "values.random belongs to tier 3; add --tier 3"),
        ({"pattern": "values.layer", "tier": 3}, "values.layer belongs to tier 4; add --tier 4"),
        ({"pattern": "law.*", "tier": 0},
         "--tier 0 has geometries of its own and a few checks only; leave --tier out for all checks"),
        ({"specs": [ConvSpec.parse(_SPEC)], "tier": 0}, "--tier 0 has geometries of its own and a few checks only; "
         "leave --tier out for all checks on the geometries of --shape"),
        ({"pattern": "values.golden", "specs": [ConvSpec.parse(_SPEC)]},
         f"values.golden has no case on {_SPEC}, as it asks for other geometries"),
    ],
)  # fmt: skip
def test_the_option_that_leaves_everything_out_is_named(selection: dict[str, Any], said: str) -> None:
    assert reason(**selection) == said


@pytest.mark.parametrize("pattern", ["values.exact/max_pool2d/*", "*/avg_*/float32/*"])
def test_pooling_that_is_derived_is_asked_for_by_its_ops(pattern: str) -> None:
    told = "pooling is asked of a backend that has it of its own; of another one --ops asks for it"
    assert reason(pattern) == told
    ops: list[Op] = ["max_pool2d", "avg_pool2d"]
    assert planning.plan(_CALLER, Selection(pattern=pattern, ops=ops)).cases


def test_a_case_beside_the_other_options_is_told() -> None:
    case = f"values.exact/conv2d/float32/{_SPEC}"
    assert reason(case, ops=["im2col"]) == "nothing of it is left by --ops"
    assert reason("values.*/conv2d/*", ops=["im2col"], dtypes=["int64"]) == "nothing of it is left by --ops and --dtype"


def test_a_check_that_does_not_judge_the_op_of_a_case_is_told() -> None:
    with pytest.raises(CaseError, match=r"check 'law\.lowering' does not judge col2im"):
        planning.plan(_CALLER, Selection(pattern=f"law.lowering/col2im/float32/{_SPEC}"))


def test_the_tier_of_a_check() -> None:
    checks = {c.id: c for c in planning._registered()}
    assert [unselected.tier_of(checks[id]) for id in ("values.exact", "values.grid", "values.random", "values.layer",
                                                      "contract.large_index")] == [1, 2, 3, 4, 4]  # fmt: skip


# -- parts ---------------------------------------------------------------------------------------------------------


def report_of(run: bool = True, **selection: Any) -> BackendReport:
    """The report on a right backend."""
    with SuiteRun(Options(Selection(**selection))) as made:
        made.add_all([resolve("numpy_fancy")], True)
        if run:
            made.run()
        return summary.reports(made)[0]


@pytest.mark.parametrize(
    "selection",
    [
        {"tier": 0, "dtypes": ["float32"]},
        {"pattern": f"values.exact/im2col/float32/{_SPEC}"},
        {"pattern": "values.layer", "tier": 4},
    ],
    ids=["tier 0 of one dtype is in one", "one case", "full size is in the first"],
)
def test_a_part_without_cases_is_green_and_says_so(selection: dict[str, Any]) -> None:
    parts = [report_of(run=False, **selection, shard=Shard(k, 3)) for k in (1, 2, 3)]
    empty = [part for part in parts if not part.total]
    assert len(empty) == 2
    for part in empty:
        assert (part.verdict, part.reason) == (Verdict.PASS, "this part has no case, others have")


def test_no_part_of_nothing_is_green() -> None:
    for pattern in ("values.exakt", "values.grid"):
        reason(pattern, shard=Shard(2, 3))
    alone = report_of(pattern="values.layer", tier=4, shard=Shard(1, 3), ops=["conv2d_bias_grad"], dtypes=["int64"])
    assert (alone.verdict, alone.planned) == (Verdict.INCOMPLETE, 0)


def test_each_case_falls_to_one_part_even_by_its_id() -> None:
    case = f"values.exact/im2col/float32/{_SPEC}"
    totals = [planning.plan(_CALLER, Selection(pattern=case, shard=Shard(k, 4))).total for k in (1, 2, 3, 4)]
    assert sorted(totals) == [0, 0, 0, 1]


def test_an_empty_part_leaves_the_whole_as_it_is() -> None:
    full = report_of(tier=0, ops=["im2col"], dtypes=["float64"], shard=Shard(1, 2))
    empty = report_of(tier=0, ops=["im2col"], dtypes=["float64"], shard=Shard(2, 2))
    whole = merging.merge([empty, full])
    assert (whole.verdict, whole.planned, whole.reason) == (Verdict.PASS, full.planned, "")
    assert full.planned > empty.planned == 0


@pytest.mark.parametrize(
    "text", ["\u0661/\u0663", "1/\u00b2", "0/3", "4/3", "1/3/", " 1/3", "1/" + "9" * 5000, "", "/"]
)
def test_a_part_is_two_numbers(text: str) -> None:
    with pytest.raises(SelectionError, match="--shard must be I/N with 1 <= I <= N, as in 1/3, got"):
        Shard.parse(text)
    assert (Shard.parse("3/3"), Shard.parse("1/1").label, Shard.parse("2/3").label) == (Shard(3, 3), "", "2/3")
