"""A conformance run as JUnit XML, for the test panels of CI systems: one testcase a check, op and dtype.

A run is never green by omission: where nothing failed and the verdict is still no pass, a testcase `verdict` says so.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any
from xml.etree import ElementTree as ET

# All that XML 1.0 forbids, lone surrogates included, which no UTF-8 file can hold either.
Record = dict[str, Any]
_FORBIDDEN = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_ELEMENTS = {
    "fail": "failure", "xpass": "failure", "mistrusted": "error", "not_run": "error",
    "xfail": "skipped", "unsupported": "skipped",
}  # fmt: skip
_PROPERTIES = ("suite_version", "verdict", "tier", "seed", "isolated", "cut", "planned", "executed")


def junit(objects: Sequence[Record]) -> str:
    """The XML of the objects of `harness check --json`."""
    root = ET.Element("testsuites", name="im2col-harness conformance")
    for found in printable(list(objects)):
        root.append(_suite(found))
    _count(root, sum(float(suite.get("time", 0)) for suite in root))
    ET.indent(root)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ET.tostring(root, encoding="unicode") + "\n"


def printable(value: Any) -> Any:
    """A JSON value with every character that XML forbids replaced: texts of backends may hold anything."""
    if isinstance(value, str):
        return _FORBIDDEN.sub("\ufffd", value)
    if isinstance(value, dict):
        return {printable(key): printable(item) for key, item in value.items()}
    return [printable(item) for item in value] if isinstance(value, list) else value


def failures(group: Record) -> list[Record]:
    """The failures of a group with all fields; of a file older than `failures`, its diagnoses."""
    empty = {"case": "", "status": group["status"], "pattern": "", "picture": [], "witnesses": "", "repro": "",
             "pytest": "", "script": ""}  # fmt: skip
    if group.get("failures"):
        return [{**empty, "text": "", **failure} for failure in group["failures"]]
    texts = group.get("diagnosis") or ()
    return [{**empty, "text": text, "repro": "" if i else group.get("repro", "")} for i, text in enumerate(texts)]


def _suite(found: Record) -> ET.Element:
    suite = ET.Element("testsuite", name=found["backend"])
    properties = ET.SubElement(suite, "properties")
    for name in _PROPERTIES:
        if name in found:
            ET.SubElement(properties, "property", name=name, value=str(found[name]))
    suite.extend(_testcase(found["backend"], group) for group in found["checks"])
    green = not any(suite.iter("failure")) and not any(suite.iter("error"))
    if green and found["verdict"] != "pass":
        suite.append(_verdict(found))
    _count(suite, found["seconds"])
    return suite


def _testcase(backend: str, group: Record) -> ET.Element:
    family, name = group["id"].partition(".")[0], f"{group['id']}/{group['op']}/{group['dtype']}"
    time = f"{group.get('seconds', 0):.3f}"
    case = ET.Element("testcase", classname=f"{backend}.{family}", name=name, time=time)
    status, shown = group["status"], failures(group)
    if status in _ELEMENTS:
        element = _ELEMENTS[status]
        message = (shown[0]["text"] if shown and status != "unsupported" else "") or group["reason"] or status
        if group.get("optional") and element != "skipped":
            element, message = "skipped", f"optional, never part of the verdict: {status}: {message}"
        text = "\n\n".join("\n".join(_lines(failure)) for failure in shown)
        ET.SubElement(case, element, message=message, type=status).text = text or group["reason"]
    elif group["reason"]:
        ET.SubElement(case, "system-out").text = group["reason"]
    return case


def _lines(failure: Record) -> Iterator[str]:
    if failure["case"] and failure["case"] not in failure["text"]:
        yield failure["case"]
    yield from (failure[key] for key in ("text", "pattern", "witnesses") if failure[key])
    yield from (f"{key}: {failure[key]}" for key in ("repro", "pytest") if failure[key])


def _verdict(found: Record) -> ET.Element:
    """The testcase of a backend that is no pass although no testcase says so."""
    element = {"unavailable": "skipped", "fail": "failure"}.get(found["verdict"], "error")
    reason = "; ".join(text for text in (found["reason"], found.get("cut", "")) if text) or "nothing was executed"
    case = ET.Element("testcase", classname=f"{found['backend']}.verdict", name="verdict", time="0.000")
    ET.SubElement(case, element, message=f"{found['verdict']}: {reason}", type=found["verdict"]).text = reason
    return case


def _count(element: ET.Element, seconds: float) -> None:
    element.set("tests", str(len(list(element.iter("testcase")))))
    for name, child in (("failures", "failure"), ("errors", "error"), ("skipped", "skipped")):
        element.set(name, str(len(list(element.iter(child)))))
    element.set("time", f"{seconds:.3f}")
