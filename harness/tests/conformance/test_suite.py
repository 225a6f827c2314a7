"""The suite itself: it sees every fault by the check meant for it, is never green by omission, and keeps its limits."""

from __future__ import annotations

import sys
from collections.abc import Sequence

import numpy as np
import pytest

from conformance.cases.case import Case, CaseError, SelectionError
from conformance.cases.selection import Selection
from conformance.cases.specs import ALL, DISTINCT, MAX_TOTAL_WORK, MAX_WORK
from conformance.checks import external
from conformance.checks.outcomes import Failed
from conformance.checks.registration import CHECKS, asks
from conformance.domain.dtypes import claimed_dtypes
from conformance.reports import summary
from conformance.run import engine
from conformance.run.plan import plan
from conformance.run.results import BackendResult, CaseResult
from conformance.run.suite_run import BackendRun
from harness.calls.in_process import InProcess
from harness.contract.protocol import DTYPES
from harness.contract.status import Status
from harness.geometry.spec import OPS, ConvSpec, Op
from harness.tests.helpers.faults import faults_laws, faults_tiers, faulty, pools
from harness.tests.helpers.plugins import called
from harness.tests.helpers.suite.asked import asked


def test_the_right_backend_passes() -> None:
    result = engine.run(*_planned(faulty.Right))
    assert result.verdict == "pass", [p for p in result.cases if p.status != "pass"][:3]
    assert result.planned == result.executed == result.counts[Status.PASS] > 1000


@pytest.mark.parametrize("name", faulty.FAULTS)
def test_every_fault_is_first_seen_by_its_check(name: str) -> None:
    kind, intended = faulty.FAULTS[name]
    if intended in external.skipped():
        pytest.skip(external.skipped()[intended])
    assert faulty.first_to_see(kind, [id for id in _MANY if id != intended]) == intended


def test_results_cached_by_identity_are_seen() -> None:
    """By which check depends on where memory is reused."""
    assert engine.run(*_planned(faulty.ById, pattern="contract.*", ops=["im2col"])).verdict == "fail"


# These see much that others are for, as they ask much, or on geometries of the domain.
_MANY = ("values.domain", "values.special", "contract.nonfinite", "contract.contiguous")


def test_every_check_is_the_first_to_see_some_fault() -> None:
    required = {id for id, parts in CHECKS.items() if not parts[0].optional}
    tables = (faulty.FAULTS, faults_laws.FAULTS, faults_tiers.FAULTS, pools.OF_ITS_OWN)
    assert {intended for table in tables for _, intended in table.values()} == required


@pytest.mark.parametrize("name", ["truncated_to_integers", "computed_in_half_precision"])
def test_whole_numbers_alone_would_not_do(name: str) -> None:
    assert engine.run(*_planned(faulty.FAULTS[name][0], pattern="values.exact")).verdict == "pass"


def test_one_tier_0_case_an_op_sees_every_value_fault() -> None:
    """The three all-distinct geometries alone see all faults that change values."""
    for name, (kind, intended) in faulty.FAULTS.items():
        if intended == "values.exact" and name != "cached_by_shape":  # caches need several calls to be wrong
            backend = faulty.load(kind)
            result = engine.run(backend, plan(backend, Selection(pattern=intended, specs=DISTINCT)))
            assert result.verdict == "fail", name


def test_work_stays_within_limits() -> None:
    backend = faulty.load(faulty.Right)
    total: dict[tuple[str, str], int] = {}
    for case_result in plan(backend).cases:
        case = case_result.case
        work = case.spec.work(case.op)
        assert work <= MAX_WORK, case
        total[case.op, case.dtype] = total.get((case.op, case.dtype), 0) + work
    assert max(total.values()) <= MAX_TOTAL_WORK
    assert set(total) == {(op, dtype) for op in OPS for dtype in ("float32", "float64")}


def test_refusals_are_counted_apart_and_what_is_done_is_judged() -> None:
    class NoGroups(faulty.Right):
        def unsupported(self, op: str, spec: ConvSpec, dtype: str) -> str | None:
            return "groups" if spec.groups > 1 else None if dtype == "float32" else f"dtype {dtype}"

    result = engine.run(*_planned(NoGroups, ops=["conv2d"]))
    assert result.counts[Status.UNSUPPORTED] > 0
    assert result.planned == result.executed == result.counts[Status.PASS]
    assert result.planned + result.counts[Status.UNSUPPORTED] == len(result.cases)
    assert (result.verdict, result.omissions()) == ("pass", [])  # although all three of tier 0 are grouped
    report = summary.backend_report(BackendRun(called("x"), result))
    reasons = {c.reason for c in report.checks if c.status is Status.UNSUPPORTED}
    assert any("cases refused: dtype float64" in reason for reason in reasons)


def test_refusing_float64_is_no_omission() -> None:
    class Single(faulty.Right):
        def unsupported(self, op: str, spec: ConvSpec, dtype: str) -> str | None:
            return None if dtype == "float32" else "float32 only"

    assert engine.run(*_planned(Single, pattern="contract.shape")).verdict == "pass"


def test_refusing_everything_is_incomplete() -> None:
    class Nothing(faulty.Right):
        def unsupported(self, op: str, spec: ConvSpec, dtype: str) -> str | None:
            return "not today"

    result = engine.run(*_planned(Nothing))
    assert (result.verdict, result.planned, result.executed) == ("incomplete", 0, 0)


def test_raising_where_not_refused_is_a_failure() -> None:
    class Raises(faulty.Right):
        def run(self, op: str, spec: ConvSpec, *arrays: object) -> object:
            raise NotImplementedError("groups")

    result = engine.run(*_planned(Raises, pattern="values.exact"))
    assert result.counts[Status.FAIL] == result.planned > 0
    assert "raised NotImplementedError: groups" in result.cases[0].detail


def test_a_backend_that_exits_does_not_end_the_run() -> None:
    class Exits(faulty.Right):
        def run(self, op: str, spec: ConvSpec, *arrays: object) -> object:
            sys.exit(0)

    assert engine.run(*_planned(Exits, pattern="contract.dtype")).verdict == "fail"


def test_an_interrupted_run_is_incomplete() -> None:
    backend, result = _planned(faulty.Right)

    def stop(case_result: CaseResult) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        engine.run(backend, result, stop)
    assert (result.executed, result.verdict) == (1, "incomplete")


def test_mistrusted_cases_make_a_run_incomplete() -> None:
    """Windows that lie wholly in padding expect zeros, which a backend of zeros would give as well."""
    blind = ConvSpec.parse("n1c1h1w1_f1kh1kw1_sh9sw9_pt4pb4pl4pr4")
    backend = faulty.load(faulty.Right)
    result = plan(backend, Selection(ops=["im2col"], specs=[blind], pattern="values.exact"))
    assert engine.run(backend, result).verdict == "incomplete"
    assert result.counts[Status.MISTRUSTED] == result.planned == 2


def test_extra_dtypes_are_checked_only_if_claimed() -> None:
    class Integers(faulty.Right):
        def unsupported(self, op: str, spec: ConvSpec, dtype: str) -> str | None:
            return None if dtype in ("float32", "int64") else "no"

    backend = faulty.load(Integers)
    assert claimed_dtypes(backend) == ["float32", "float64", "int64"]
    result = engine.run(backend, plan(backend, Selection(ops=["im2col", "conv2d"], pattern="values.exact")))
    assert result.verdict == "pass"
    assert {one.case.dtype for one in result.cases if one.status is Status.PASS} == {"float32", "int64"}
    assert claimed_dtypes(faulty.load(faulty.Right)) == ["float32", "float64"]
    assert set(DTYPES) > {"int64", "float16"}


def test_case_ids_round_trip_and_rerun_alone() -> None:
    backend = faulty.load(faulty.Right)
    for case_result in plan(backend).cases[::7]:
        text = str(case_result.case)
        assert Case.parse(text) == case_result.case
        assert [p.case for p in plan(backend, Selection(pattern=text)).cases] == [case_result.case]


def test_an_id_outside_the_plan_runs_too() -> None:
    backend = faulty.load(faulty.Right)
    text = "values.exact/conv2d/float32/n1c2h9w8_f3kh4kw2_sh3sw2/bias=0/seed=7"
    result = engine.run(backend, plan(backend, Selection(pattern=text)))
    assert [str(p.case) for p in result.cases] == [text]
    assert result.verdict == "pass"


@pytest.mark.parametrize(
    "text",
    ["values.exact", "a/b/c", "values.exact/conv3d/float32/n1c1h1w1_f1kh1kw1",
     "values.exact/im2col/bfloat16/n1c1h1w1_f1kh1kw1",
     "values.exact/im2col/float32/n1c1h1w1_f1kh1kw1/layout=weird", "values.exact/im2col/float32/n1c1h1w1_f1kh1kw1/x=1"],
)  # fmt: skip
def test_wrong_case_ids_are_refused(text: str) -> None:
    with pytest.raises(CaseError):
        Case.parse(text)


def test_nothing_selected_is_an_error() -> None:
    with pytest.raises(SelectionError, match="no case is selected by --check 'nope'"):
        plan(faulty.load(faulty.Right), Selection(pattern="nope"))


def test_seeds_change_the_data() -> None:
    class Remembers(faulty.Right):
        seen: list[bytes] = []  # noqa: RUF012

        def im2col(self, x: np.ndarray, spec: ConvSpec) -> object:
            self.seen.append(x.tobytes())
            return super().im2col(x, spec)

    for seed in (0, 1, 1):
        backend = faulty.load(Remembers)
        selection = Selection(ops=["im2col"], dtypes=["float32"], pattern="values.exact", specs=DISTINCT[:1], seed=seed)
        engine.run(backend, plan(backend, selection))
    first, second, third = Remembers.seen
    assert first != second
    assert second == third


def test_a_check_is_registered_once_an_op() -> None:
    with pytest.raises(ValueError, match="defined twice for im2col"):
        asks("values.exact", [], ops=["im2col"])(lambda subject, case: None)


def test_geometries_are_valid_distinct_and_named() -> None:
    assert len(set(ALL.values())) == len(ALL)
    for spec in DISTINCT:
        (h, w), (kh, kw) = spec.input_size, spec.kernel_size
        assert spec.batch > 1
        assert spec.groups > 1
        assert (h, kh, spec.output_size[0]) != (w, kw, spec.output_size[1])
        assert spec.stride != spec.stride[::-1] and spec.dilation != spec.dilation[::-1]  # noqa: PT018
        assert spec.padding[0] != spec.padding[1] or spec.padding[2] != spec.padding[3]


def test_the_backend_under_test_never_hands_out_shared_inputs() -> None:
    """A backend that spoils its inputs must not spoil those of the next."""
    spoiler, right = faulty.load(faulty.FAULTS["input_zeroed"][0]), faulty.load(faulty.Right)
    asked = Selection(pattern="[cl]*", ops=["conv2d"], dtypes=["float32"])
    engine.run(spoiler, plan(spoiler, asked))
    assert engine.run(right, plan(right, asked)).verdict == "pass"


def test_the_backend_under_test_reports_form_before_values() -> None:
    spec = DISTINCT[0]
    subject = asked(faulty.load(faulty.FAULTS["extra_axis"][0]), spec)
    with pytest.raises(Failed, match="returned shape"):
        subject.run("im2col", spec, np.ones(spec.x_shape, np.float32))


def _planned(kind: type[faulty.Right], pattern: str = "", ops: Sequence[Op] = ()) -> tuple[InProcess, BackendResult]:
    backend = faulty.load(kind)
    return backend, plan(backend, Selection(pattern=pattern, ops=ops))
