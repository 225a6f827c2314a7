"""The JUnit XML of a run in which every status occurs: each attribute and each text, as written down here by hand."""

from __future__ import annotations

import xml.etree.ElementTree as ET

import pytest
from msgspec import structs

from conformance.reports.junit import junit
from conformance.run.records import BackendReport, FailureReport
from harness.contract.status import Status, Verdict
from harness.tests.helpers.suite import samples
from harness.tests.helpers.suite.causes import a_cause_report

Seen = list[tuple[str, str, str, str, str, str, str]]  # classname, name, time, element, message, type, text


def read(*reports: BackendReport) -> ET.Element:
    """The XML, read again."""
    return ET.fromstring(junit(reports).encode())


def cases_of(suite: ET.Element) -> Seen:
    """Every testcase with the element that says what became of it; a passed one may have an output."""
    seen: Seen = []
    for case in suite.iter("testcase"):
        told = [(one.tag, one.get("message", ""), one.get("type", ""), one.text or "") for one in case] or [("",) * 4]
        assert len(told) == 1
        assert set(case.keys()) == {"classname", "name", "time"}
        seen.append((case.attrib["classname"], case.attrib["name"], case.attrib["time"], *told[0]))
    return seen


def test_a_run_of_four_backends_is_counted() -> None:
    root = read(*samples.all_four())
    assert (root.tag, root.attrib) == ("testsuites", {
        "name": "im2col-harness conformance", "tests": "16", "failures": "2", "errors": "3", "skipped": "5",
        "time": "15.540",
    })  # fmt: skip
    counts = ("name", "tests", "failures", "errors", "skipped", "time")
    assert [(suite.tag, suite.attrib) for suite in root] == [
        ("testsuite", dict(zip(counts, words.split(), strict=True)))
        for words in ("mine 10 2 2 3 12.340", "right 3 0 0 1 2.500", "cut 2 0 1 0 0.700", "absent 1 0 0 1 0.000")
    ]


def test_causes_are_the_output_of_the_whole_suite() -> None:
    (suite,) = read(structs.replace(samples.mine(), causes=[a_cause_report()]))
    assert [one.tag for one in suite].count("system-out") == 1
    assert suite.findtext("system-out", "").startswith(
        "mine: one cause of what fails\n\n1. Your im2col ignores the stride."
    )


def test_every_group_is_a_testcase_with_what_became_of_it() -> None:
    (suite,) = read(samples.mine())
    w, also = samples.WRONG, samples.ALSO_WRONG
    wrong = "\n".join([
        w.case, "3 of 6 elements differ", "only the last row", "scipy agrees with the definition", f"repro: {w.repro}",
        f"pytest: {w.pytest}", "", also.case, "raised ValueError", "repro: again",
    ])  # fmt: skip
    assert cases_of(suite) == [
        ("mine.values", "values.exact/im2col/float32", "0.250", "", "", "", ""),
        ("mine.values", "values.exact/im2col/float64", "1.500", "failure", "3 of 6 elements differ", "fail", wrong),
        ("mine.values", "values.exact/col2im/float64", "0.000", "skipped",
         "4 cases refused: no groups; 2 cases refused: stride", "unsupported",
         "4 cases refused: no groups; 2 cases refused: stride"),
        ("mine.values", "values.real/im2col/float32", "0.750", "system-out", "", "", "3 cases refused: stride"),
        ("mine.values", "values.real/im2col/float64", "2.000", "skipped", "off by 2 (known: sums in half)", "xfail",
         f"{samples.KNOWN.case}\noff by 2 (known: sums in half)"),
        ("mine.law", "law.adjoint/im2col/float32", "3.000", "error", "all zeros", "mistrusted",
         f"{samples.DOUBTED.case}\nall zeros"),
        ("mine.law", "law.adjoint/im2col/float64", "4.000", "error", "predicted 2 h a call", "not_run",
         f"{samples.SLOW.case}\npredicted 2 h a call"),
        ("mine.contract", "contract.dtype/im2col/float32", "0.125", "failure", "xpass", "xpass", ""),
        ("mine.errors", "errors.shapes/im2col/float32", "0.000", "skipped",
         "optional, never part of the verdict: fail: accepted", "fail",
         "errors.shapes/im2col/float32/n1c1h1w1_f1kh1kw1\naccepted"),
        ("mine.errors", "errors.shapes/col2im/float32", "0.062", "", "", "", ""),
    ]  # fmt: skip


def properties(report: BackendReport) -> dict[str, str]:
    """What is said of a backend as a whole."""
    (suite,) = read(report)
    (found,) = suite.iter("properties")
    assert suite[0] is found
    assert {one.tag for one in found} == {"property"}
    return {one.attrib["name"]: one.attrib["value"] for one in found}


def test_a_backend_has_its_properties() -> None:
    assert properties(samples.mine()) == {
        "suite_version": "2026.14", "verdict": "fail", "tier": "1", "seed": "7", "isolated": "True", "cut": "",
        "planned": "46", "executed": "35",
    }  # fmt: skip
    assert properties(samples.cut())["cut"] == "3 were cut"


def test_what_an_older_file_does_not_know_is_left_out() -> None:
    older = structs.replace(samples.right(), tier=None, seed=None, isolated=None)
    assert set(properties(older)) == {"suite_version", "verdict", "cut", "planned", "executed"}


# -- never green by omission -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("report", "expected"),
    [
        (samples.cut(), ("cut.verdict", "verdict", "0.000", "error", "incomplete: no case of col2im; 3 were cut",
                         "incomplete", "no case of col2im; 3 were cut")),
        (samples.absent(), ("absent.verdict", "verdict", "0.000", "skipped", "unavailable: no card", "unavailable",
                            "no card")),
        (samples.a_report("odd", Verdict.INCOMPLETE, []),
         ("odd.verdict", "verdict", "0.000", "error", "incomplete: nothing was executed", "incomplete",
          "nothing was executed")),
        (samples.a_report("odd", Verdict.FAIL, []),
         ("odd.verdict", "verdict", "0.000", "failure", "fail: nothing was executed", "fail", "nothing was executed")),
    ],
    ids=["incomplete", "unavailable", "without a reason", "failed"],
)  # fmt: skip
def test_a_backend_that_is_no_pass_although_no_group_says_so_has_a_testcase_more(
    report: BackendReport, expected: tuple[str, ...]
) -> None:
    (suite,) = read(report)
    assert cases_of(suite)[-1] == expected


@pytest.mark.parametrize("status", [Status.FAIL, Status.XPASS, Status.MISTRUSTED, Status.NOT_RUN])
def test_a_group_that_is_red_says_it_all(status: Status) -> None:
    groups = [samples.a_group("values.exact", "im2col", "float32", status, 1, 1)]
    (suite,) = read(samples.a_report("odd", Verdict.INCOMPLETE, groups))
    assert [seen[1] for seen in cases_of(suite)] == ["values.exact/im2col/float32"]


@pytest.mark.parametrize("status", [Status.XFAIL, Status.UNSUPPORTED, Status.PASS])
def test_a_group_that_is_skipped_or_passed_does_not(status: Status) -> None:
    groups = [samples.a_group("values.exact", "im2col", "float32", status, 1, 1)]
    (suite,) = read(samples.a_report("odd", Verdict.INCOMPLETE, groups))
    assert [seen[1] for seen in cases_of(suite)] == ["values.exact/im2col/float32", "verdict"]


def test_a_red_optional_group_does_not_say_that_a_run_is_incomplete() -> None:
    groups = [samples.a_group("errors.x", "im2col", "float32", Status.FAIL, 1, 1, optional=True)]
    (suite,) = read(samples.a_report("odd", Verdict.INCOMPLETE, groups))
    assert [seen[3] for seen in cases_of(suite)] == ["skipped", "error"]


def test_an_optional_group_that_is_skipped_keeps_its_message() -> None:
    groups = [
        samples.a_group("errors.x", "im2col", "float32", Status.UNSUPPORTED, 0, 0, optional=True, reason="refused")
    ]
    (suite,) = read(samples.a_report("odd", Verdict.PASS, groups))
    assert cases_of(suite)[0][3:6] == ("skipped", "refused", "unsupported")


# -- texts -----------------------------------------------------------------------------------------------------------


def test_the_case_is_not_said_twice() -> None:
    case = "values.exact/im2col/float32/n1c1h1w1_f1kh1kw1"
    failures = [FailureReport(case=case, status=Status.FAIL, text=f"{case}: wrong")]
    groups = [samples.a_group("values.exact", "im2col", "float32", Status.FAIL, 1, 1, failures=failures)]
    (suite,) = read(samples.a_report("odd", Verdict.FAIL, groups))
    assert cases_of(suite)[0][6] == f"{case}: wrong"


def test_a_refusal_is_the_message_even_if_a_case_failed_to_run() -> None:
    failures = [FailureReport(case="a", status=Status.NOT_RUN, text="slow")]
    groups = [
        samples.a_group(
            "values.exact", "im2col", "float32", Status.UNSUPPORTED, 0, 0, failures=failures, reason="refused"
        )
    ]
    (suite,) = read(samples.a_report("odd", Verdict.PASS, groups))
    assert cases_of(suite)[0][4] == "refused"


def test_an_older_file_has_its_diagnoses() -> None:
    older = samples.a_group(
        "values.exact", "im2col", "float32", Status.FAIL, 1, 1, diagnosis=["case one: off", "case two: off"],
        repro="harness check x",
    )  # fmt: skip
    (suite,) = read(samples.a_report("odd", Verdict.FAIL, [older]))
    assert cases_of(suite)[0][2:] == (
        "0.000", "failure", "case one: off", "fail", "case one: off\nrepro: harness check x\n\ncase two: off",
    )  # fmt: skip


def test_texts_of_backends_are_texts() -> None:
    evil = "<script>alert(1)</script> & ]]> \x00\x1b\ud800 \"'"
    groups = [
        samples.a_group("values.exact", "im2col", "float32", Status.UNSUPPORTED, 0, 0, reason=evil),
    ]
    (suite,) = read(samples.a_report(evil, Verdict.PASS, groups))
    told = "<script>alert(1)</script> & ]]> \ufffd\ufffd\ufffd \"'"
    assert suite.attrib["name"] == told
    assert cases_of(suite)[0] == (
        f"{told}.values", "values.exact/im2col/float32", "0.000", "skipped", told, "unsupported", told,
    )  # fmt: skip


def test_no_reports_are_no_tests() -> None:
    root = read()
    assert root.attrib == {
        "name": "im2col-harness conformance", "tests": "0", "failures": "0", "errors": "0", "skipped": "0",
        "time": "0.000",
    }  # fmt: skip
    assert junit([]).startswith('<?xml version="1.0" encoding="UTF-8"?>\n<testsuites ')
