"""Causes as lines: all that is known, at 80 columns, and nothing of what is not."""

from __future__ import annotations

from conformance.reports.causes.in_words import lines, paragraph
from harness.contract.status import Verdict
from harness.tests.helpers.cli.reports import a_failure, a_report
from harness.tests.helpers.suite.causes import a_cause_report

_SPEC = "n1c1h3w3_f1kh1kw1_sh2sw2"
_ADDRESS = "https://example.org/an/address/that/is/longer/than/a/line/and/must/stay/whole/or/nobody/can/click/it"
_REPRO = f"harness check ./a/path/that/is/long/mine.py --check values.exact/im2col/float32/{_SPEC}"


def test_all_that_is_known() -> None:
    failure = a_failure(case=f"values.exact/im2col/float32/{_SPEC}", picture=["..#", "#.."], repro=_REPRO)
    cause = a_cause_report(
        seen=_ADDRESS,
        dtypes=["float32", "int32"], same=["col2im"], derived=["conv2d", "conv2d_input_grad", "conv2d_weight_grad"],
        explains=["a", "b"], cases=1042, failure=failure, plainest="n1c1h9w9_f1kh1kw1_sh2sw2",
    )  # fmt: skip
    assert list(paragraph(cause, 2)) == [
        "2. Your im2col ignores the stride.",
        "   How we know: All 37 geometries with a stride > 1 fail exactly so, all 65",
        "   others pass.",
        "   What to change: Multiply the window's number by the stride.",
        f"   Seen in public: {_ADDRESS}",
        "   col2im: the same mistake.",
        "   conv2d and its gradients: derived from your im2col and col2im, wrong for",
        "   that reason.",
        "   1,042 cases fail, all for this reason (in float32 and int32).",
        f"   Wrong elements (#) of one plane, on {_SPEC}:",
        "     ..#",
        "     #..",
        f"   repro: {_REPRO}",
    ]


def test_what_is_not_known_takes_no_line() -> None:
    cause = a_cause_report(why="", mend="", explains=[], derived=["conv2d"])
    assert list(paragraph(cause, 1)) == [
        "1. Your im2col ignores the stride.",
        "   conv2d: derived from your im2col, wrong for that reason.",
        "   Seen in float32.",
    ]


def test_a_large_picture_is_left_to_the_page_and_one_element_is_none() -> None:
    for picture in (["#"] * 9, ["#" * 41], ["#"]):
        assert not [line for line in paragraph(a_cause_report(failure=a_failure(picture=picture)), 1) if "#" in line]


def test_one_case_is_told_as_one() -> None:
    (line,) = list(paragraph(a_cause_report(why="", mend="", cases=1), 1))[1:]
    assert line == "   One case fails, for this reason (in float32)."


def test_causes_are_counted_and_numbered() -> None:
    one, other = a_cause_report(), a_cause_report(says="Your col2im overwrites.", why="", mend="")
    assert lines(a_report()) == []
    assert lines(a_report("mine", Verdict.FAIL, causes=[one]))[0] == "mine: one cause of what fails"
    several = lines(a_report("mine", Verdict.FAIL, causes=[one, other]))
    assert several[:3] == ["mine: 2 causes of what fails, the plainest first", "", "1. Your im2col ignores the stride."]
    assert "2. Your col2im overwrites." in several


def test_only_what_cannot_be_broken_is_wider_than_a_terminal() -> None:
    cause = a_cause_report(says="Your im2col " + "reads a wrong pixel, " * 20, mend="Take another one. " * 20)
    assert all(len(line) < 80 for line in paragraph(cause, 1))
