"""A conformance run as JUnit XML, for the test panels of CI systems: one testcase a check, op and dtype.

A run is never green by omission: where nothing failed and the verdict is still no pass, a testcase `verdict` says so.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from xml.etree import ElementTree as ET

from conformance.reports.causes import in_words
from conformance.reports.printing import printable
from conformance.run.records import BackendReport, CheckReport, FailureReport
from harness.contract.status import Status, Verdict

_ELEMENTS = {
    Status.FAIL: "failure", Status.XPASS: "failure", Status.MISTRUSTED: "error", Status.NOT_RUN: "error",
    Status.XFAIL: "skipped", Status.UNSUPPORTED: "skipped",
}  # fmt: skip
_NOT_PASSED = {
    Verdict.UNAVAILABLE: "skipped",
    Verdict.FAIL: "failure",
    Verdict.DEVIATES: "failure",
    Verdict.INCOMPLETE: "error",
}
_PROPERTIES = ("suite_version", "verdict", "tier", "seed", "isolated", "cut", "planned", "executed")


def junit(reports: Sequence[BackendReport]) -> str:
    """The XML of the reports of a run."""
    root = ET.Element("testsuites", name="im2col-harness conformance")
    for report in printable(reports):
        root.append(_suite(report))
    _count(root, sum(float(suite.get("time", 0)) for suite in root))
    ET.indent(root)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ET.tostring(root, encoding="unicode") + "\n"


def _suite(report: BackendReport) -> ET.Element:
    suite = ET.Element("testsuite", name=report.backend)
    properties = ET.SubElement(suite, "properties")
    for name in _PROPERTIES:
        value = getattr(report, name)
        if value is not None:
            ET.SubElement(properties, "property", name=name, value=str(value))
    suite.extend(_testcase(report.backend, check_report) for check_report in report.checks)
    is_red = any(element.tag in ("failure", "error") for element in suite.iter())
    if not is_red and report.verdict is not Verdict.PASS:
        suite.append(_verdict(report))
    if report.causes:
        ET.SubElement(suite, "system-out").text = "\n".join(in_words.lines(report))
    _count(suite, report.seconds)
    return suite


def _testcase(backend: str, found: CheckReport) -> ET.Element:
    family, name = found.id.partition(".")[0], f"{found.id}/{found.op}/{found.dtype}"
    case = ET.Element("testcase", classname=f"{backend}.{family}", name=name, time=f"{found.seconds or 0:.3f}")
    status, shown = found.status, found.shown_failures
    if status in _ELEMENTS:
        element = _ELEMENTS[status]
        first = shown[0].text if shown and status is not Status.UNSUPPORTED else ""
        message = first or found.reason or str(status)
        if found.optional and element != "skipped":
            element, message = "skipped", f"optional, never part of the verdict: {status}: {message}"
        text = "\n\n".join("\n".join(_lines(failure)) for failure in shown)
        ET.SubElement(case, element, message=message, type=str(status)).text = text or found.reason
    elif found.reason:
        ET.SubElement(case, "system-out").text = found.reason
    return case


def _lines(failure: FailureReport) -> Iterator[str]:
    if failure.case and failure.case not in failure.text:
        yield failure.case
    yield from (text for text in (failure.text, failure.pattern, failure.witnesses) if text)
    commands = {"repro": failure.repro, "pytest": failure.pytest}
    yield from (f"{name}: {command}" for name, command in commands.items() if command)


def _verdict(report: BackendReport) -> ET.Element:
    """The testcase of a backend that is no pass although no testcase says so."""
    reason = "; ".join(text for text in (report.reason, report.cut) if text) or "nothing was executed"
    case = ET.Element("testcase", classname=f"{report.backend}.verdict", name="verdict", time="0.000")
    kind = str(report.verdict)
    ET.SubElement(case, _NOT_PASSED[report.verdict], message=f"{kind}: {reason}", type=kind).text = reason
    return case


def _count(element: ET.Element, seconds: float) -> None:
    element.set("tests", str(len(list(element.iter("testcase")))))
    for name, child in (("failures", "failure"), ("errors", "error"), ("skipped", "skipped")):
        element.set(name, str(len(list(element.iter(child)))))
    element.set("time", f"{seconds:.3f}")
