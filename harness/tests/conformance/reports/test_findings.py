"""What is wrong, on top of the page and not behind a click; and a page that stays small whatever fails."""

from __future__ import annotations

import pytest
from msgspec import structs

from conformance.reports import page as pages
from conformance.reports.findings import findings
from conformance.reports.page import render
from conformance.run.records import BackendReport, CheckReport, FailureReport, PlaneReport
from harness.contract.status import Grade, Status, Verdict
from harness.tests.helpers.suite import samples
from harness.tests.helpers.suite.causes import a_cause_report
from harness.tests.helpers.suite.html import Element, read
from harness.tests.helpers.suite.samples import a_group, a_report

_OPS = ("im2col", "col2im", "conv2d", "conv2d_input_grad", "conv2d_weight_grad", "conv2d_bias_grad")


def _failure(number: int, pattern: str = "", script: str = "") -> FailureReport:
    return FailureReport(
        case=f"values.exact/im2col/float32/n{number}", status=Status.FAIL, text=f"{number} of 9 elements differ",
        pattern=pattern, picture=["#" * 40] * 40, repro=f"again {number}", pytest="pytest", script=script,
    )  # fmt: skip


def _group(check: str, *failures: FailureReport, op: str = "im2col", grade: Grade = Grade.VALUES) -> CheckReport:
    return a_group(check, op, "float32", Status.FAIL, 9, 9, grade=grade, failures=list(failures))


def _report(*groups: CheckReport, name: str = "mine") -> BackendReport:
    return a_report(name, Verdict.FAIL, list(groups))


def test_failures_that_look_alike_are_one_finding() -> None:
    report = _report(
        _group("values.exact", _failure(1, "only the last row"), _failure(2, "only the tail")),
        _group("law.adjoint", _failure(3, "only the last row"), op="col2im"),
        _group("law.linear", _failure(4), _failure(5)),
    )
    found = findings(report)
    assert [(f.headline, f.failure.case[-2:], len(f.groups)) for f in found] == [
        ("only the last row", "n1", 2), ("only the tail", "n2", 1), ("4 of 9 elements differ", "n4", 1),
    ]  # fmt: skip
    assert found[0].where == "im2col, col2im; float32; seen by values.exact, law.adjoint"


def test_numbers_come_before_memory_and_form_and_what_is_optional_last() -> None:
    optional = a_group("errors.shapes", "im2col", "float32", Status.FAIL, 1, 1, optional=True, failures=[_failure(1)])
    never = FailureReport(case="c", status=Status.FAIL, text="mine was not run: no room")
    report = _report(
        optional, _group("contract.type", _failure(2), grade=Grade.FORM), _group("values.late", never),
        _group("contract.owned", _failure(3), grade=Grade.SAFETY), _group("values.exact", _failure(4)),
    )  # fmt: skip
    found = findings(report)
    assert [f.groups[0].id for f in found] == [
        "values.exact", "contract.owned", "contract.type", "values.late", "errors.shapes"
    ]  # fmt: skip
    assert [f.look for f in found] == ["fail", "fail", "deviates", "fail", "fail"]
    assert found[-1].where.endswith("seen by errors.shapes; optional, not part of the verdict")


def test_what_is_right_doubted_or_not_run_is_no_finding() -> None:
    assert [f.failure.status for f in findings(samples.mine())] == [Status.FAIL, Status.FAIL, Status.FAIL]
    assert findings(samples.right()) == []


def _shown(page: Element) -> list[str]:
    return [one.one("h3").text for one in page.all("article", "finding")]


def test_the_diagnosis_stands_above_the_checks_and_behind_no_click() -> None:
    page = read(render(samples.all_four()))
    main = [child for child in page.one("main").children if child.tag]
    titles = [child.text for child in main if child.tag == "h2"]
    assert titles[:3] == ["Verdicts", "What is wrong with mine", "Checks"]
    first = page.all("article", "finding")[0]
    assert first in main
    assert first.one("h3").text == "only the last row"
    assert [one.text for one in first.all("p")][:2] == ["3 of 6 elements differ", "scipy agrees with the definition"]
    assert first.all("pre")[0].raw == samples.WRONG.repro
    assert first.one("svg").attributes["aria-label"] == "3 of 6 elements of this plane are wrong"


@pytest.mark.parametrize(("backends", "shown"), [(1, 5), (2, 4)])
def test_a_few_findings_stand_for_all(backends: int, shown: int) -> None:
    groups = [_group(f"values.c{number}", _failure(number, f"pattern {number}")) for number in range(7)]
    page = read(render([_report(*groups, name=f"b{number}") for number in range(backends)]))
    assert len(_shown(page)) == shown
    left = 7 - shown // backends
    notes = [one.text for one in page.all("p", "note")]
    assert notes.count(f"And {left} more kinds of failures: follow the red cells below.") == backends


def test_a_backend_that_fails_everything_is_far_below_a_megabyte() -> None:
    """43 checks, 6 ops, 3 failures each with a script of 20 kB: 15 MB if all were there."""
    groups = [
        _group(f"values.c{check}", *(_failure(n, f"p{n}", "x = 1\n" * 3400) for n in range(3)), op=op)
        for check in range(43) for op in _OPS
    ]  # fmt: skip
    plane = PlaneReport(title="got", cells=[["-123.45"] * 12] * 12, marks=["#.o." * 3] * 12)
    causes = [
        a_cause_report(says=f"It is wrong in way {n}.", planes=[plane] * 4, failure=_failure(n, "", "x = 1\n" * 3400))
        for n in range(40)
    ]
    text = render([structs.replace(_report(*groups), causes=causes)])
    assert len(text) < 1_000_000
    assert "The numbers are in the JSON: this page would be too large with all of them." in text
    page = read(text)
    panel = page.by_id("matrix-0-0")
    assert len(panel.all("details", "failure")) == 6
    assert "And 12 more, which the JSON has." in [one.text for one in panel.all("p", "note")]


def test_causes_come_before_the_failures_that_they_do_not_explain() -> None:
    explained, other = _group("values.exact", _failure(1)), _group("values.exact", _failure(2), op="col2im")
    planes = [
        PlaneReport(title="expected, image 0", cells=[["1", "20"]], marks=[".#"]),
        PlaneReport(title="x", cells=[["3", "4", "5", "6"]], marks=["-o@."]),
    ]
    cause = a_cause_report(
        explains=[explained.key],
        cases=4,
        derived=["conv2d"],
        same=["col2im"],
        planes=planes,
        failure=_failure(3, "", "import x"),
    )
    page = read(render([structs.replace(_report(explained, other), causes=[cause])]))
    first, second = page.all("article", "finding")
    assert first.all("h3")[0].text == "Your im2col ignores the stride."
    said = [one.text for one in first.all("p")]
    assert said[:5] == [
        f"How we know: {cause.why}", f"What to change: {cause.mend}", "The same mistake: col2im.",
        "Derived from it, and wrong for that reason: conv2d.",
        f"4 cases fail, all for this reason (in float32). The plainest geometry that fails: {cause.plainest}.",
    ]  # fmt: skip
    shown = first.all("figure", "plane")
    assert [(one.one("figcaption").text, one.one("pre").raw) for one in shown] == [
        ("expected, image 0", "  1  20 \n"), ("x", " 3  4  5  6 \n"),
    ]  # fmt: skip
    assert [(b.classes, b.text) for one in shown for b in one.all("b")] == [
        (["wrong"], "20"), (["padding"], "3"), (["read"], "4"), (["one"], "5"),
    ]  # fmt: skip
    assert "again 3" in first.text
    assert "import x" in first.text
    assert second.all("h3")[0].text == "2 of 9 elements differ"
    assert "Beside that, failures that it does not explain" in page.text


def test_an_exception_does_not_look_like_wrong_numbers() -> None:
    raised = structs.replace(_failure(1), text="im2col raised IndexError: 5", look="exception")
    page = read(render([_report(_group("values.exact", raised), _group("law.linear", _failure(2)))]))
    first, second = page.all("article", "finding")
    assert (first.classes, second.classes) == (["finding", "fail", "exception"], ["finding", "fail"])
    assert first.all("h3")[0].text == "No result: im2col raised IndexError: 5"
    assert [one.classes for one in page.all("details", "failure")] == [["failure", "exception"], ["failure"]]


def test_scripts_take_the_room_that_there_is_and_the_first_come_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pages, "_MOST_SCRIPTS", 25)
    groups = [
        _group(f"values.c{n}", _failure(n, f"p{n}", script)) for n, script in enumerate(["a" * 20, "b" * 9, "c" * 5])
    ]
    page = read(render([_report(*groups)]))
    found = [[pre.raw for pre in one.all("pre")][1:] for one in page.all("article", "finding")]
    assert found == [["a" * 20], [], ["c" * 5]]
    assert "The standalone script is in the JSON" in page.all("article", "finding")[1].text
