"""Reports of four backends in which every status and verdict occurs and no two numbers are alike."""

from __future__ import annotations

from typing import Any

from conformance.run.records import BackendReport, CheckReport, FailureReport
from harness.contract.status import Status, Verdict

WRONG = FailureReport(
    case="values.exact/im2col/float64/n1c1h2w3_f1kh1kw1",
    status=Status.FAIL,
    text="3 of 6 elements differ",
    pattern="only the last row",
    picture=["..#", "#.#"],
    witnesses="scipy agrees with the definition",
    repro="harness check mine.py --check values.exact/im2col/float64/n1c1h2w3_f1kh1kw1",
    pytest="pytest --pyargs conformance --backend mine.py",
    script="import mine\nassert 1 < 2",
)
ALSO_WRONG = FailureReport(
    case="values.exact/im2col/float64/n2c1h2w3_f1kh1kw1", status=Status.FAIL, text="raised ValueError", repro="again"
)
DOUBTED = FailureReport(case="law.adjoint/im2col/float32/n1c1h1w1_f1kh1kw1", status=Status.MISTRUSTED, text="all zeros")
KNOWN = FailureReport(
    case="values.real/im2col/float64/n1c1h1w1_f1kh1kw1", status=Status.XFAIL, text="off by 2 (known: sums in half)"
)
SLOW = FailureReport(
    case="law.adjoint/im2col/float64/n1c1h1w1_f1kh1kw1", status=Status.NOT_RUN, text="predicted 2 h a call"
)


def a_group(id: str, op: str, dtype: str, status: Status, planned: int, executed: int, **more: Any) -> CheckReport:
    """One check, op and dtype; without refusals and failures unless told."""
    fields: dict[str, Any] = {"id": id, "op": op, "dtype": dtype, "status": status, "planned": planned, **more}
    return CheckReport(executed=executed, **{"reason": "", **fields})


def a_report(backend: str, verdict: Verdict, checks: list[CheckReport], **more: Any) -> BackendReport:
    """One backend; nothing is counted unless told."""
    counts = {status: more.pop(str(status), 0) for status in Status.counted()}
    planned = sum(counts.values()) - counts[Status.UNSUPPORTED]
    fields: dict[str, Any] = dict(
        schema=1, suite_version="2026.14", reason="", planned=planned, executed=planned - counts[Status.NOT_RUN],
        total=sum(counts.values()), seconds=0.0, tier=1, seed=7, isolated=True,
    )  # fmt: skip
    return BackendReport(backend=backend, verdict=verdict, checks=checks, counts=counts, **{**fields, **more})


def mine() -> BackendReport:
    """A failure; every status in one of its groups, two optional groups among them."""
    groups = [
        a_group("values.exact", "im2col", "float32", Status.PASS, 7, 7, seconds=0.25, used=0.5),
        a_group("values.exact", "im2col", "float64", Status.FAIL, 9, 8, seconds=1.5, repro=WRONG.repro,
                failures=[WRONG, ALSO_WRONG]),
        a_group("values.exact", "col2im", "float64", Status.UNSUPPORTED, 0, 0, seconds=0.0,
                reason="4 cases refused: no groups; 2 cases refused: stride"),
        a_group("values.real", "im2col", "float32", Status.PASS, 5, 5, seconds=0.75, used=0.031,
                reason="3 cases refused: stride"),
        a_group("values.real", "im2col", "float64", Status.XFAIL, 6, 6, seconds=2.0, failures=[KNOWN]),
        a_group("law.adjoint", "im2col", "float32", Status.MISTRUSTED, 12, 12, seconds=3.0, failures=[DOUBTED]),
        a_group("law.adjoint", "im2col", "float64", Status.NOT_RUN, 13, 2, seconds=4.0, failures=[SLOW]),
        a_group("contract.dtype", "im2col", "float32", Status.XPASS, 2, 2, seconds=0.125),
        a_group("errors.shapes", "im2col", "float32", Status.FAIL, 3, 3, optional=True, failures=[
            FailureReport(case="errors.shapes/im2col/float32/n1c1h1w1_f1kh1kw1", status=Status.FAIL, text="accepted")
        ]),
        a_group("errors.shapes", "col2im", "float32", Status.PASS, 4, 4, optional=True, seconds=0.0625),
    ]  # fmt: skip
    counts = {"pass": 22, "fail": 3, "unsupported": 9, "xfail": 4, "xpass": 1, "mistrusted": 5, "not_run": 11}
    return a_report("mine", Verdict.FAIL, groups, **counts, seconds=12.34, reason="two things")


def right() -> BackendReport:
    """A pass, with part of it refused, and without an optional check."""
    groups = [
        a_group("values.exact", "im2col", "float32", Status.PASS, 8, 8, seconds=0.5),
        a_group("values.exact", "col2im", "float32", Status.PASS, 6, 6, seconds=0.5, reason="1 cases refused: odd"),
        a_group("law.adjoint", "im2col", "float32", Status.UNSUPPORTED, 0, 0, reason="2 cases refused: odd"),
    ]  # fmt: skip
    return a_report("right", Verdict.PASS, groups, **{"pass": 14, "unsupported": 3}, seconds=2.5)


def cut() -> BackendReport:
    """Incomplete, although none of its groups says so."""
    groups = [a_group("values.exact", "im2col", "float32", Status.PASS, 10, 10, seconds=0.5)]
    return a_report(
        "cut", Verdict.INCOMPLETE, groups, **{"pass": 10}, seconds=0.7, cut="3 were cut", reason="no case of col2im"
    )


def absent() -> BackendReport:
    """Unavailable."""
    return a_report("absent", Verdict.UNAVAILABLE, [], reason="no card", isolated=False)


def all_four() -> list[BackendReport]:
    """A run of four backends."""
    return [mine(), right(), cut(), absent()]
