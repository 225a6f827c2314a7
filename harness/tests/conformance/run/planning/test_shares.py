"""One part of a run that several processes or machines share: what others have is neither missing nor refused."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import pytest

from conformance.cases.case import Case
from conformance.cases.selection import Selection
from conformance.cases.shard import Shard
from conformance.domain.part import FEWEST, part_of
from conformance.domain.pool import pool
from conformance.parallel.known import Heard, charged
from conformance.reports import domain, summary
from conformance.reports.merging import merge
from conformance.run import xfails
from conformance.run.plan import plan
from conformance.run.records import BackendReport
from conformance.run.results import BackendResult, CaseResult
from conformance.run.suite_run import Options, SuiteRun
from conformance.run.xfails import KnownFailure
from harness.calls.caller import Caller
from harness.contract.status import Status, Verdict
from harness.geometry.spec import OPS, ConvSpec, Op
from harness.tests.helpers.faults.faulty import Right, load
from harness.tests.helpers.plugins import called

_PART = {str(spec) for spec in [s for s in pool() if s.groups == 1 and s.macs < 2000][: FEWEST + 8]}
Claims = Callable[[Op, ConvSpec, str], bool]


def narrow(op: Op, spec: ConvSpec, dtype: str) -> bool:
    """One op, on 38 geometries."""
    return op == "im2col" and dtype == "float32" and str(spec) in _PART


def backend(claims: Claims, wrong_on: ConvSpec | None = None) -> Caller:
    """The oracle, of what it claims alone; one too many in one element, where told."""

    class Part(Right):
        def unsupported(self, op: Op, spec: ConvSpec, dtype: str) -> str | None:
            """In words."""
            return None if claims(op, spec, dtype) else "not this one"

        def run(self, op: Op, spec: ConvSpec, *arrays: Any) -> Any:
            out = super().run(op, spec, *arrays)
            if spec == wrong_on:
                out.flat[-1] += 1
            return out

    return load(Part)


def run(caller: Caller, shard: Shard, known: Sequence[KnownFailure] = (), **selection: Any) -> SuiteRun:
    """One part of a run, to its end."""
    made = SuiteRun(Options(Selection(shard=shard, **selection), known=known))
    made.add_open(called("fake"), caller)
    made.run()
    return made


def shared(
    count: int, caller: Caller, known: Sequence[KnownFailure] = (), **selection: Any
) -> tuple[BackendReport, list[BackendReport]]:
    """The report of all parts together, and that of each."""
    parts = [run(caller, Shard(k, count), known, **selection) for k in range(1, count + 1)]
    reports = [summary.reports(part)[0] for part in parts]
    return charged(merge(reports), [Heard.of(p.backends[0].result, known) for p in parts], called("fake")), reports


@pytest.mark.heavy
def test_a_narrow_part_passes_in_every_share() -> None:
    """Alone none of three has the geometries that are needed, nor hears of all ops."""
    count = 3
    whole = summary.reports(run(backend(narrow), Shard()))[0]
    merged, parts = shared(count, backend(narrow))
    assert (whole.verdict, whole.reason) == (Verdict.PASS, "")
    assert [(part.verdict, part.reason) for part in (*parts, merged)] == [(Verdict.PASS, "")] * (count + 1)
    assert whole.domain is not None
    assert whole.domain.words.endswith("float32; nothing of " + ", ".join(op for op in OPS if op != "im2col"))
    assert [part.domain for part in (*parts, merged)] == [whole.domain] * (count + 1)
    assert (merged.executed, merged.planned, merged.counts) == (whole.executed, whole.planned, whole.counts)


def test_what_others_do_is_no_refusal_of_this_share() -> None:
    """Its own cases of an op, or of a dtype, may all be refused."""
    spec = ConvSpec.parse("n1c1h5w5_f1kh3kw3")
    result = BackendResult("fake", True, parts={("im2col", "float32"): part_of(lambda spec: False)})
    here: list[tuple[Op, Status]] = [
        ("im2col", Status.PASS),
        ("col2im", Status.UNSUPPORTED),
        ("conv2d", Status.UNSUPPORTED),
    ]
    others: list[tuple[Op, str]] = [("col2im", "float64"), ("conv2d", "float32"), ("conv2d_bias_grad", "int64")]
    for op, status in here:
        result.cases.append(CaseResult(Case("values.exact", op, "float32", spec), status))
    for op, dtype in others:
        result.elsewhere.add(Case("values.exact", op, dtype, spec), lambda case: case.op == "col2im")
    told = domain.report(result)
    assert told is not None
    assert told.words.endswith("; float32, float64; nothing of conv2d, conv2d_bias_grad")


def test_too_little_is_too_little_in_the_first_share_too() -> None:
    few = sorted(_PART)[:6]
    part = backend(lambda op, spec, dtype: dtype == "float32" and op == "im2col" and str(spec) in few)
    told = "im2col in float32 is claimed for 6 geometries that we know of, 30 are needed"
    assert plan(part, Selection(shard=Shard(1, 3))).omissions() == [told]
    nothing = plan(backend(lambda op, spec, dtype: False), Selection(shard=Shard(1, 3)))
    assert (nothing.verdict, nothing.omissions()) == (Verdict.INCOMPLETE, ["nothing is claimed"])


# -- known failures ----------------------------------------------------------------------------------------------------

_ASKED: dict[str, Any] = {"ops": ["im2col"], "dtypes": ["float32"], "pattern": "law.padding"}


def _every(op: Op, spec: ConvSpec, dtype: str) -> bool:
    return dtype in ("float32", "float64")


def a_case_of(part: int) -> Case:
    """One that part of two parts has."""
    found = (one.case for one in plan(backend(_every), Selection(**_ASKED)).cases)
    return next(case for case in found if Shard(part, 2).holds(str(case)))


@pytest.mark.parametrize("part", [1, 2])
@pytest.mark.parametrize("is_exact", [True, False])
def test_a_known_failure_may_lie_in_any_share(part: int, is_exact: bool) -> None:
    case = a_case_of(part)
    known = [KnownFailure(str(case) if is_exact else "law.padding", "because", 1)]
    merged, parts = shared(2, backend(_every, case.spec), known, **_ASKED)
    assert [report.counts[Status.XPASS] for report in parts] == [0, 0]
    assert (merged.verdict, merged.counts[Status.XFAIL], merged.counts[Status.XPASS]) == (Verdict.PASS, 1, 0)
    assert merged.counts[Status.PASS] == merged.executed - 1 > 1


@pytest.mark.parametrize("pattern", ["law.padding", "law.padding/im2col/*"])
def test_a_pattern_that_fails_in_no_share_is_as_loud_as_in_one(pattern: str) -> None:
    known = [KnownFailure(pattern, "because", 1)]
    whole = summary.reports(run(backend(_every), Shard(), known, **_ASKED))[0]
    merged, parts = shared(2, backend(_every), known, **_ASKED)
    assert {report.verdict for report in parts} == {Verdict.PASS}  # no part can tell
    assert (merged.verdict, merged.counts, merged.grades) == (whole.verdict, whole.counts, whole.grades)
    assert (merged.verdict, merged.counts[Status.XPASS]) == (Verdict.FAIL, whole.executed)
    (ours,), (theirs,) = merged.checks, whole.checks
    assert (ours.status, len(ours.failures), len(ours.diagnosis)) == (theirs.status, 3, 3)
    assert {one.text for one in ours.failures} == {one.text for one in theirs.failures}
    assert ours.repro in {f"harness check fake --check {one.case}" for one in ours.failures}


def test_the_first_share_tells_what_matches_no_case_of_any() -> None:
    lines = [KnownFailure(str(a_case_of(2)), "because", 1), KnownFailure("law.padding/im2col/int8/*", "because", 2)]
    result = plan(backend(_one_op), Selection(shard=Shard(1, 2)))
    xfails.settle(result, lines, Selection(shard=Shard(1, 2)))
    assert result.stale == ["known failure 'law.padding/im2col/int8/*' (line 2) matches no case"]


# -- known failures that are asked for although the plan has left them out ---------------------------------------------


def planned(*lines: str, wrong_on: ConvSpec | None = None, **selection: Any) -> SuiteRun:
    """With these lines, not run."""
    made = SuiteRun(Options(Selection(**selection), known=[KnownFailure(t, "because", k) for k, t in enumerate(lines)]))
    made.add_open(called("fake"), backend(_one_op, wrong_on))
    return made


def _one_op(op: Op, spec: ConvSpec, dtype: str) -> bool:
    return op == "im2col" and dtype in ("float32", "float64")


def left_out() -> Case:
    """A case in float32 whose like in float64 is not asked, as a further dtype has fewer."""
    cases = {one.case for one in plan(backend(_one_op)).cases if one.status is Status.NOT_RUN}
    others = (replace(case, dtype="float64") for case in sorted(cases, key=str) if case.check == "values.exact")
    return next(case for case in others if case not in cases)


@pytest.mark.parametrize(("wrong", "status"), [(True, Status.XFAIL), (False, Status.XPASS)])
def test_a_known_failure_is_asked_for_in_a_further_dtype_that_has_fewer_cases(wrong: bool, status: Status) -> None:
    case = left_out()
    made = planned(str(case), wrong_on=case.spec if wrong else None, pattern="values.exact")
    made.run()
    assert [one.status for one in made.backends[0].result.cases if one.case == case] == [status]


@pytest.mark.parametrize(
    ("lines", "selection"),
    [
        (["contract.shape/im2col/float32/n1c1h2w2_f1kh1kw1", "law.*", "values.exact/*/n9c9*"], {"tier": 0}),
        (["values.grid/im2col/*", "values.layer", "errors.ndim/im2col/*"], {}),
        (["values.special/im2col/*"], {"suite": "2026.13"}),
    ],
)
def test_what_this_run_does_not_ask_for_is_not_stale(lines: list[str], selection: dict[str, Any]) -> None:
    """A lower tier, an optional check, an older suite: that a case is gone another run will tell."""
    made = planned(*lines, **selection)
    result = made.backends[0].result
    xfails.settle(result, made.options.known, made.options.selection)
    assert result.stale == []
    assert not [one for one in result.cases if one.known_reason]


def test_what_no_run_asks_for_is_stale() -> None:
    exact = str(left_out())
    made = planned(exact, exact.replace("values.exact", "values.exacter"), exact.replace("float64", "int32"), "gone.*")
    result = made.backends[0].result
    xfails.settle(result, made.options.known, made.options.selection)
    assert [told.partition("(")[2] for told in result.stale] == [f"line {k}) matches no case" for k in (1, 2, 3)]
