"""What is counted of diagnoses: by kind, of faults without a condition, of those with one, and of all."""

from __future__ import annotations

from conformance.power.diagnosed.counting import kinds
from conformance.power.records import Diagnosed, DiagnosedKind, FaultReport, Stated, Truth


def _row(
    kind: str, truth: Truth, condition: Stated = "", *, always: bool = True, known: int = 0, blind: str = "",
    seconds: float = 1.0,
) -> FaultReport:  # fmt: skip
    made = Diagnosed(
        kind="name", id="", says="", why="", truth=truth, condition=condition, always=always, seconds=seconds, calls=9,
        known=known, blind=blind, blind_says="",
    )  # fmt: skip
    return FaultReport(fault="im2col: it", kind=kind, op="im2col", diagnosis=made)


_ROWS = [
    _row("index", "right", known=2, blind="silent"),
    _row("index", "wrong", known=1, blind="wrong", seconds=3.0),
    _row("index.where", "right", "exact", always=False, known=1, blind="right", seconds=5.0),
    _row("index.where", "silent", "off", always=False, blind="wrong", seconds=9.0),
    FaultReport(fault="im2col: not seen", kind="index", op="im2col"),
]


def test_each_is_counted_where_it_belongs() -> None:
    assert kinds(_ROWS)["all"] == DiagnosedKind(
        seen=4, right=2, wrong=1, silent=1, exact=1, off=1, blind=3, blind_right=1, blind_wrong=1, median=4.0, worst=9.0
    )


def test_by_kind_and_by_whether_the_fault_has_a_condition() -> None:
    found = kinds(_ROWS)
    assert list(found) == ["index", "index.where", "unconditional", "conditional", "all"]
    assert found["unconditional"] == found["index"]
    assert (found["index"].seen, found["index"].right, found["index"].wrong) == (2, 1, 1)
    assert (found["conditional"].exact, found["conditional"].off, found["conditional"].worst) == (1, 1, 9.0)


def test_what_was_not_asked_is_not_counted() -> None:
    assert kinds(_ROWS[-1:]) == {}
    assert "conditional" not in kinds(_ROWS[:2])
