"""Statuses and verdicts: their order, which is that of judging, their words, their colours, and which are bad."""

from __future__ import annotations

import itertools
from typing import Any

import pytest

from harness.contract.status import CellStatus, Status, Verdict

# Worst first: (value, how it looks, its mark, the beginning of its words).
STATUSES = [
    ("fail", "bold red", "FAIL", "a wrong result, or an error where none was announced"),
    ("xpass", "bold red", "XPASS", "passes although listed as a known failure: remove it from the list"),
    ("mistrusted", "yellow", "mistrusted", "not counted: the expected result could not tell right from wrong"),
    ("not_run", "yellow", "not run", "planned and not executed"),
    ("xfail", "dim", "xfail", "fails as listed in the known failures"),
    ("pass", "green", "pass", "every executed case is right"),
    ("unsupported", "dim", "refused", "the backend says that it does not do this"),
]
VERDICTS = [
    ("fail", "bold red", "failed", "numbers are wrong, or memory is touched that is not its own"),
    ("deviates", "magenta", "deviating", "the numbers are right, their form is not what was asked for"),
    ("incomplete", "yellow", "incomplete", "nothing is wrong, but not all that was planned was executed"),
    ("unavailable", "dim", "unavailable", "it cannot run on this machine"),
    ("pass", "green", "passed", "everything that was planned was executed and is right"),
]
CELLS = [
    ("fail", "bold red", "F", "the result was wrong"),
    ("crashed", "bold red", "C", "the call ended its process"),
    ("hung", "bold red", "H", "the call did not end"),
    ("implausible", "bold red", "!", "measured, and faster than this machine can be"),
    ("over_budget", "yellow", "b", "predicted to take too long"),
    ("no_memory", "yellow", "m", "needs more memory than there is"),
    ("unavailable", "dim", "a", "the backend cannot run on this machine"),
    ("unsupported", "dim", "u", "the backend says that it does not do this"),
    ("ok", "green", "", "measured"),
]
_KINDS: list[tuple[Any, list[tuple[str, str, str, str]]]] = [
    (Status, STATUSES), (Verdict, VERDICTS), (CellStatus, CELLS),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "expected"), _KINDS, ids=["Status", "Verdict", "CellStatus"])
def test_order_words_colours_and_marks(kind: Any, expected: list[tuple[str, str, str, str]]) -> None:
    assert [(m.value, m.colour, m.marker) for m in kind] == [row[:3] for row in expected]
    assert [m.words.partition(" (")[0] for m in kind] == [row[3] for row in expected]
    assert all(f"{m}" == m.value == m for m in kind)


def test_a_word_of_the_json_is_explained_where_people_read_another() -> None:
    assert Status.UNSUPPORTED.words.endswith("(“unsupported” in the JSON)")


@pytest.mark.parametrize(("kind", "expected"), _KINDS, ids=["Status", "Verdict", "CellStatus"])
def test_of_two_the_worse_stands_for_both(kind: Any, expected: list[tuple[str, str, str, str]]) -> None:
    for worse, better in itertools.combinations([row[0] for row in expected], 2):
        for pair in ([worse, better], [better, worse], [better, better, worse]):
            assert kind.worst(kind(value) for value in pair) is kind(worse)
    for value, *_ in expected:
        assert kind.worst([kind(value)]) is kind(value)


def test_the_worst_of_nothing_is_nothing() -> None:
    for kind in (Status, Verdict, CellStatus):
        with pytest.raises(ValueError, match="the worst of nothing is not defined"):
            kind.worst([])


def test_counts_are_told_in_this_order() -> None:
    assert [s.value for s in Status.counted()] == [
        "pass", "fail", "unsupported", "xfail", "xpass", "mistrusted", "not_run",
    ]  # fmt: skip
    assert [v.value for v in Verdict.counted()] == ["pass", "deviates", "fail", "incomplete", "unavailable"]


def test_what_is_bad() -> None:
    assert [status.value for status in Status if status.is_bad] == ["fail", "xpass", "mistrusted"]
    assert [status.value for status in CellStatus if status.is_bad] == ["fail", "crashed", "hung", "implausible"]


@pytest.mark.parametrize("kind", [Status, Verdict, CellStatus])
def test_an_unknown_word_is_none(kind: Any) -> None:
    with pytest.raises(ValueError, match="maybe"):
        kind("maybe")
