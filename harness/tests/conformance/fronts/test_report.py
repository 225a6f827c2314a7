"""What `conformance.check` gives back: its text, counts and failures, for every verdict; and the options it takes."""

from __future__ import annotations

from html import unescape
from pathlib import Path
from typing import Any

import pytest
from msgspec import structs

import conformance
from conformance import ConformanceError, Report
from conformance.api import Choice, known_failures
from conformance.cases.case import SelectionError
from conformance.reports import page
from conformance.run.records import BackendReport, FailureReport
from conformance.run.xfails import KnownFailure, XfailsError
from harness.contract.status import Grade, Status, Verdict
from harness.geometry.spec import ALL_OPS
from harness.results.writing import ResultsError
from harness.tests.helpers.suite import samples
from harness.tests.helpers.suite.causes import a_cause_report
from harness.tests.helpers.suite.samples import a_group, a_report


def test_a_report_answers_from_its_record() -> None:
    report = Report(samples.mine())
    assert (report.verdict, report.ok) == ("fail", False)
    assert report.counts == {
        "pass": 22, "fail": 3, "unsupported": 9, "xfail": 4, "xpass": 1, "mistrusted": 5, "not_run": 11,
    }  # fmt: skip
    assert (report.to_json()["planned"], report.to_json()["verdict"], len(report.to_json()["checks"])) == (
        46,
        "fail",
        10,
    )
    assert report.to_json() == report.found
    assert report.to_json() is not report.to_json()


@pytest.mark.parametrize(
    ("record", "ok"),
    [(samples.right(), True), (samples.mine(), False), (samples.cut(), False), (samples.absent(), False)],
    ids=["pass", "fail", "incomplete", "unavailable"],
)
def test_only_a_pass_is_ok(record: BackendReport, ok: bool) -> None:
    assert Report(record).ok is ok


def test_what_is_right_raises_nothing() -> None:
    Report(samples.right()).raise_for_status()


@pytest.mark.parametrize("record", [samples.mine(), samples.cut(), samples.absent()])
def test_all_else_raises_what_the_report_says(record: BackendReport) -> None:
    report = Report(record)
    with pytest.raises(ConformanceError) as raised:
        report.raise_for_status()
    assert (raised.value.report, str(raised.value)) == (report, report.text())
    assert isinstance(raised.value, AssertionError)


@pytest.mark.parametrize(("verdict", "bad", "tolerated"), [
    (Verdict.DEVIATES, Grade.FORM, ["values", "safety"]), (Verdict.FAIL, Grade.SAFETY, ["values"]),
    (Verdict.FAIL, Grade.VALUES, []),
])  # fmt: skip
def test_less_may_be_required(verdict: Verdict, bad: Grade, tolerated: list[str]) -> None:
    grades = {grade: Status.FAIL if grade is bad else Status.PASS for grade in Grade}
    report = Report(structs.replace(samples.right(), verdict=verdict, grades=grades))
    for grade in Grade:
        if grade in tolerated:
            report.raise_for_status(require=grade)
        else:
            with pytest.raises(ConformanceError):
                report.raise_for_status(require=grade)
    short = structs.replace(report.record, counts={**report.record.counts, Status.NOT_RUN: 1})
    with pytest.raises(ConformanceError):
        Report(short).raise_for_status(require="values")


def test_what_is_required_is_a_grade_even_of_what_passed() -> None:
    with pytest.raises(ValueError, match="speed"):
        Report(samples.right()).raise_for_status(require="speed")


def test_failures_are_the_bad_ones_of_the_required_checks_each_with_its_command() -> None:
    w, also, doubted = samples.WRONG, samples.ALSO_WRONG, samples.DOUBTED
    assert Report(samples.mine()).failures == [
        f"fail {w.case}: 3 of 6 elements differ\n  repro: {w.repro}",
        f"fail {also.case}: raised ValueError\n  repro: again",
        f"mistrusted {doubted.case}: all zeros\n  repro: ",
    ]


def test_the_text_has_verdict_counts_reason_and_failures() -> None:
    report = Report(samples.mine())
    assert report.text().splitlines()[:2] == [
        "mine: fail, 35 of 46 planned cases executed (22 pass, 3 fail, 9 unsupported, 4 xfail, 1 xpass, 5 mistrusted, "
        "11 not_run)",
        "two things",
    ]
    assert report.text() == "\n".join([*report.text().splitlines()[:2], *report.failures])
    assert Report(samples.right()).text() == "right: pass, 14 of 14 planned cases executed (14 pass, 3 unsupported)"


@pytest.mark.parametrize(("count", "last"), [(5, "  repro: c4"), (6, "and 1 more"), (9, "and 4 more")])
def test_five_failures_are_told_and_how_many_more_there_are(count: int, last: str) -> None:
    failures = [FailureReport(case=f"case{k}", status=Status.FAIL, text="off", repro=f"c{k}") for k in range(count)]
    group = a_group("values.exact", "im2col", "float32", Status.FAIL, 9, 9, failures=failures)
    text = Report(a_report("mine", Verdict.FAIL, [group], fail=9)).text()
    assert text.splitlines()[-1] == last
    assert text.count("fail case") == 5


def test_the_text_has_causes_first_and_what_they_explain_only_there() -> None:
    mine = samples.mine()
    cause = a_cause_report(explains=["values.exact/im2col/float64"])
    report = Report(structs.replace(mine, causes=[cause]))
    told = str(report).splitlines()
    assert told[2:5] == ["mine: one cause of what fails", "", "1. Your im2col ignores the stride."]
    assert samples.WRONG.case not in str(report)
    assert told[-2] == f"mistrusted {samples.DOUBTED.case}: all zeros"
    assert samples.WRONG.case in "".join(report.failures)


def test_a_notebook_shows_the_page_or_the_text_without_jinja(monkeypatch: pytest.MonkeyPatch) -> None:
    report = Report(samples.mine())
    frame = report._repr_html_()
    assert frame.startswith("<iframe ")
    assert unescape(frame.partition('srcdoc="')[2].removesuffix('"></iframe>')) == report.html()

    def missing(*arguments: object) -> str:
        raise ResultsError("the page needs jinja2")

    monkeypatch.setattr(page, "render", missing)
    assert unescape(report._repr_html_()) == f"<pre>{report}</pre>"


def test_html_and_junit_are_of_this_backend() -> None:
    report = Report(samples.right())
    assert '<th scope="row">right</th>' in report.html()
    assert '<testsuite name="right" tests="3" failures="0" errors="0" skipped="1" time="2.500">' in report.junit()
    assert "values.exact" not in repr(report)


# -- options -------------------------------------------------------------------------------------------------------


def test_options_are_those_given() -> None:
    options = Choice(
        tier=3, ops="im2col, col2im,", dtypes=["float64"], check="law.*", xfails={"a.x": "why"}, as_of="2026.11",
        budget=2.5, isolate=False, seed=9,
    ).options()  # fmt: skip
    selection = options.selection
    assert (selection.tier, selection.ops, selection.dtypes) == (3, ["im2col", "col2im"], ["float64"])
    assert (selection.pattern, selection.suite, selection.seed) == ("law.*", "2026.11", 9)
    assert (options.budget, options.isolate, options.known) == (2.5, False, [KnownFailure("a.x", "why", 1)])


def test_without_options_everything_of_tier_1_is_asked() -> None:
    options = Choice().options()
    selection = options.selection
    assert (selection.tier, selection.ops, selection.dtypes, selection.pattern, selection.seed) == (1, [], [], "", 0)
    assert (options.budget, options.isolate, options.known, selection.narrowed) == (float("inf"), True, [], False)


@pytest.mark.parametrize(
    ("choice", "text"),
    [
        ({"tier": 5}, "tier must be among 0, 1, 2, 3, 4, got 5"),
        ({"tier": -1}, "tier must be among 0, 1, 2, 3, 4, got -1"),
        ({"budget": 0}, "budget must be more than 0 seconds, got 0"),
        ({"budget": float("nan")}, "budget must be more than 0 seconds, got nan"),
        ({"ops": ["im2col", "conv3d"]}, f"op must be among {', '.join(ALL_OPS)}, got 'conv3d'"),
        ({"dtypes": "float32,f64"}, "dtype must be among float16, float32, float64, int32, int64, got 'f64'"),
        ({"as_of": "1999.1"}, "--as-of must be among 2026.11, 2026.12, 2026.13, 2026.14, 2026.15, got '1999.1'"),
    ],
)  # fmt: skip
def test_a_wrong_option_is_named(choice: dict[str, Any], text: str) -> None:
    with pytest.raises(SelectionError) as raised:
        Choice(**choice).options()
    assert str(raised.value).startswith(text)


def test_known_failures_are_a_file_or_a_dict(tmp_path: Path) -> None:
    path = tmp_path / "known.txt"
    path.write_text("\nlaw.*  # one\n", encoding="utf-8")
    assert known_failures(None) == []
    assert known_failures(path) == known_failures(str(path)) == [KnownFailure("law.*", "one", 2)]
    assert known_failures({"law.*": "one", "values.*": "two"}) == [
        KnownFailure("law.*", "one", 1), KnownFailure("values.*", "two", 2)
    ]  # fmt: skip
    with pytest.raises(XfailsError, match=r"^known failure 'values\.\*' needs a reason$"):
        known_failures({"law.*": "one", "values.*": "  "})


def test_the_package_has_four_names() -> None:
    assert conformance.__all__ == ["SUITE_VERSION", "ConformanceError", "Report", "check"]
    assert conformance.Report is Report
    with pytest.raises(AttributeError, match="module 'conformance' has no attribute 'nothing'"):
        conformance.nothing  # noqa: B018


def test_a_record_is_not_changed_by_what_is_made_of_it() -> None:
    record = samples.mine()
    before = structs.replace(record)
    Report(record).found["checks"].clear()
    assert record == before
