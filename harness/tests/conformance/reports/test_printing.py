"""Whatever a backend says can be written into XML and HTML, and nothing else of a report changes."""

from __future__ import annotations

import pytest
from msgspec import structs

from conformance.reports.printing import printable, printable_text
from conformance.run.records import FailureReport
from harness.contract.status import Status
from harness.tests.helpers.suite import samples


@pytest.mark.parametrize(
    "code", [0x9, 0xA, 0xD, 0x20, 0x7E, 0x7F, 0x85, 0xFC, 0xD7FF, 0xE000, 0xFFFD, 0x10000, 0x1F600, 0x10FFFF]
)
def test_what_xml_allows_stays(code: int) -> None:
    assert printable_text(f"a{chr(code)}b") == f"a{chr(code)}b"


@pytest.mark.parametrize("code", [0x0, 0x8, 0xB, 0xC, 0xE, 0x1F, 0xD800, 0xDFFF, 0xFFFE, 0xFFFF])
def test_what_xml_forbids_is_replaced(code: int) -> None:
    assert printable_text(f"a{chr(code)}b{chr(code)}") == "a\ufffdb\ufffd"


def test_every_text_of_a_report_is_replaced_and_nothing_else() -> None:
    bad = "a\x00b"
    failure = FailureReport(case=bad, status=Status.FAIL, text=bad, picture=["..#", bad], script=bad)
    group = samples.a_group("values.exact", "im2col", "float32", Status.FAIL, 3, 2, reason=bad, failures=[failure])
    report = structs.replace(samples.mine(), backend=bad, reason=bad, checks=[group])
    right = samples.right()
    (clean, same) = printable([report, right])
    assert same == right
    good = "a\ufffdb"
    expected = FailureReport(case=good, status=Status.FAIL, text=good, picture=["..#", good], script=good)
    assert clean == structs.replace(
        report, backend=good, reason=good, checks=[structs.replace(group, reason=good, failures=[expected])]
    )
