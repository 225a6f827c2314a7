"""The suite itself: it sees every fault by the check meant for it, is never green by omission, and keeps its limits."""

from __future__ import annotations

import sys
import time

import numpy as np
import pytest

from conformance.cases.case import Case, CaseError
from conformance.cases.specs import ALL, DISTINCT, MAX_TOTAL_WORK, MAX_WORK
from conformance.checks import external
from conformance.checks.registration import CHECKS, asks
from conformance.checks.under_test import BackendUnderTest, Failed
from conformance.reports import summary
from conformance.run import engine
from conformance.run.outcome import BackendResult, CaseResult
from harness.calls.in_process import InProcess
from harness.contract import registry
from harness.contract.protocol import DTYPES
from harness.geometry.spec import OPS, ConvSpec
from harness.tests.helpers import faults_laws, faults_tiers, faulty
from harness.tests.helpers.plugins import called


def test_the_right_backend_passes() -> None:
    outcome = engine.run(*_planned(faulty.Right))
    assert outcome.verdict == "pass", [p for p in outcome.cases if p.status != "pass"][:3]
    assert outcome.planned == outcome.executed == outcome.counts["pass"] > 1000


@pytest.mark.parametrize("name", faulty.FAULTS)
def test_every_fault_is_first_seen_by_its_check(name: str) -> None:
    kind, intended = faulty.FAULTS[name]
    if intended in external.skipped():
        pytest.skip(external.skipped()[intended])
    outcome = engine.run(*_planned(kind))
    assert faulty.first_to_see(outcome) == intended
    assert outcome.verdict == "fail"


def test_results_cached_by_identity_are_seen() -> None:
    """By which check depends on where memory is reused."""
    assert engine.run(*_planned(faulty.ById)).verdict == "fail"


def test_every_check_is_the_first_to_see_some_fault() -> None:
    required = {id for id, parts in CHECKS.items() if not parts[0].optional}
    tables = (faulty.FAULTS, faults_laws.FAULTS, faults_tiers.FAULTS)
    assert {intended for table in tables for _, intended in table.values()} == required


@pytest.mark.parametrize("name", ["truncated_to_integers", "computed_in_half_precision"])
def test_whole_numbers_alone_would_not_do(name: str) -> None:
    assert engine.run(*_planned(faulty.FAULTS[name][0], check="values.exact")).verdict == "pass"


def test_one_tier_0_case_an_op_sees_every_value_fault() -> None:
    """The three all-distinct geometries alone see all faults that change values."""
    for name, (kind, intended) in faulty.FAULTS.items():
        if intended == "values.exact" and name != "cached_by_shape":  # caches need several calls to be wrong
            backend = faulty.load(kind)
            outcome = engine.run(backend, engine.plan(backend, engine.Selection(check=intended, specs=DISTINCT)))
            assert outcome.verdict == "fail", name


def test_work_stays_within_limits() -> None:
    backend = faulty.load(faulty.Right)
    total: dict[tuple[str, str], int] = {}
    for planned in engine.plan(backend).cases:
        case = planned.case
        work = case.spec.work(case.op)
        assert work <= MAX_WORK, case
        total[case.op, case.dtype] = total.get((case.op, case.dtype), 0) + work
    assert max(total.values()) <= MAX_TOTAL_WORK
    assert set(total) == {(op, dtype) for op in OPS for dtype in ("float32", "float64")}


@pytest.mark.parametrize(("name", "limit"), [("numpy_fancy", 2.0), ("naive_loops", 25.0)])
def test_time_stays_within_limits(name: str, limit: float) -> None:
    backend = InProcess(registry.load(name))
    best = min(engine.run(backend, engine.plan(backend)).seconds for _ in range(2 if limit < 5 else 1))
    assert best < limit


def test_refusals_are_counted_apart_and_are_no_pass() -> None:
    class NoGroups(faulty.Right):
        def unsupported(self, op: str, spec: ConvSpec, dtype: str) -> str | None:
            return "groups" if spec.groups > 1 else None if dtype == "float32" else f"dtype {dtype}"

    outcome = engine.run(*_planned(NoGroups))
    assert outcome.counts["unsupported"] > 0
    assert outcome.planned == outcome.executed == outcome.counts["pass"]
    assert outcome.planned + outcome.counts["unsupported"] == len(outcome.cases)
    assert outcome.verdict == "incomplete"  # all three discriminating geometries are grouped, so none was executed
    assert any("im2col in float32" in text for text in outcome.omissions())
    reasons = {c["reason"] for c in summary.to_json(outcome, called("x"))["checks"] if c["status"] == "unsupported"}
    assert any("cases refused: dtype float64" in reason for reason in reasons)


def test_refusing_float64_is_no_omission() -> None:
    class Single(faulty.Right):
        def unsupported(self, op: str, spec: ConvSpec, dtype: str) -> str | None:
            return None if dtype == "float32" else "float32 only"

    assert engine.run(*_planned(Single)).verdict == "pass"


def test_refusing_everything_is_incomplete() -> None:
    class Nothing(faulty.Right):
        def unsupported(self, op: str, spec: ConvSpec, dtype: str) -> str | None:
            return "not today"

    outcome = engine.run(*_planned(Nothing))
    assert (outcome.verdict, outcome.planned, outcome.executed) == ("incomplete", 0, 0)


def test_raising_where_not_refused_is_a_failure() -> None:
    class Raises(faulty.Right):
        def run(self, op: str, spec: ConvSpec, *arrays: object) -> object:
            raise NotImplementedError("groups")

    outcome = engine.run(*_planned(Raises, check="values.exact"))
    assert outcome.counts["fail"] == outcome.planned > 0
    assert "raised NotImplementedError: groups" in outcome.cases[0].detail


def test_a_backend_that_exits_does_not_end_the_run() -> None:
    class Exits(faulty.Right):
        def run(self, op: str, spec: ConvSpec, *arrays: object) -> object:
            sys.exit(0)

    assert engine.run(*_planned(Exits, check="contract.dtype")).verdict == "fail"


def test_an_interrupted_run_is_incomplete() -> None:
    backend, outcome = _planned(faulty.Right)

    def stop(planned: CaseResult) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        engine.run(backend, outcome, stop)
    assert (outcome.executed, outcome.verdict) == (1, "incomplete")


def test_mistrusted_cases_make_a_run_incomplete() -> None:
    """Windows that lie wholly in padding expect zeros, which a backend of zeros would give as well."""
    blind = ConvSpec.parse("n1c1h1w1_f1kh1kw1_sh9sw9_pt4pb4pl4pr4")
    backend = faulty.load(faulty.Right)
    plan = engine.plan(backend, engine.Selection(ops=["im2col"], specs=[blind], check="values.exact"))
    assert engine.run(backend, plan).verdict == "incomplete"
    assert plan.counts["mistrusted"] == plan.planned == 2


def test_extra_dtypes_are_checked_only_if_claimed() -> None:
    class Integers(faulty.Right):
        def unsupported(self, op: str, spec: ConvSpec, dtype: str) -> str | None:
            return None if dtype in ("float32", "int64") else "no"

    backend = faulty.load(Integers)
    assert engine.claimed_dtypes(backend) == ["float32", "float64", "int64"]
    assert engine.run(backend, engine.plan(backend)).verdict == "pass"
    assert engine.claimed_dtypes(faulty.load(faulty.Right)) == ["float32", "float64"]
    assert set(DTYPES) > {"int64", "float16"}


def test_case_ids_round_trip_and_rerun_alone() -> None:
    backend = faulty.load(faulty.Right)
    for planned in engine.plan(backend).cases[::7]:
        text = str(planned.case)
        assert Case.parse(text) == planned.case
        assert [p.case for p in engine.plan(backend, engine.Selection(check=text)).cases] == [planned.case]


def test_an_id_outside_the_plan_runs_too() -> None:
    backend = faulty.load(faulty.Right)
    text = "values.exact/conv2d/float32/n1c2h9w8_f3kh4kw2_sh3sw2/bias=0/seed=7"
    outcome = engine.run(backend, engine.plan(backend, engine.Selection(check=text)))
    assert [str(p.case) for p in outcome.cases] == [text]
    assert outcome.verdict == "pass"


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
    with pytest.raises(engine.SelectionError, match="no case is selected by --check 'nope'"):
        engine.plan(faulty.load(faulty.Right), engine.Selection(check="nope"))


def test_seeds_change_the_data() -> None:
    class Remembers(faulty.Right):
        seen: list[bytes] = []  # noqa: RUF012

        def im2col(self, x: np.ndarray, spec: ConvSpec) -> object:
            self.seen.append(x.tobytes())
            return super().im2col(x, spec)

    for seed in (0, 1, 1):
        backend = faulty.load(Remembers)
        selection = engine.Selection(
            ops=["im2col"], dtypes=["float32"], check="values.exact", specs=DISTINCT[:1], seed=seed
        )
        engine.run(backend, engine.plan(backend, selection))
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


def test_the_subject_never_hands_out_shared_inputs() -> None:
    """A backend that spoils its inputs must not spoil those of the next."""
    spoiler, right = faulty.load(faulty.FAULTS["input_zeroed"][0]), faulty.load(faulty.Right)
    engine.run(spoiler, engine.plan(spoiler, engine.Selection(check="contract.*")))
    assert engine.run(right, engine.plan(right, engine.Selection(check="contract.*"))).verdict == "pass"


def test_the_subject_reports_form_before_values() -> None:
    subject = BackendUnderTest(faulty.load(faulty.FAULTS["extra_axis"][0]))
    spec = DISTINCT[0]
    with pytest.raises(Failed, match="returned shape"):
        subject.run("im2col", spec, np.ones(spec.x_shape, np.float32))


def test_a_hundred_cases_take_no_time() -> None:
    """The suite's own cost, on the fastest backend, is what limits how often people run it."""
    backend = faulty.load(faulty.Right)
    start = time.monotonic()
    engine.plan(backend)
    assert time.monotonic() - start < 1.0


def _planned(kind: type[faulty.Right], check: str = "") -> tuple[InProcess, BackendResult]:
    backend = faulty.load(kind)
    return backend, engine.plan(backend, engine.Selection(check=check))
