"""The order of statuses and verdicts, and that no list of them leaves one out."""

from __future__ import annotations

import pytest

from harness.contract.status import CellStatus, Status, Verdict


@pytest.mark.parametrize("kind", [Status, Verdict])
def test_every_one_is_counted_once(kind: type[Status] | type[Verdict]) -> None:
    assert sorted(kind.counted()) == sorted(kind)
    assert kind.counted()[0] == "pass"


def test_the_worst_stands_for_all() -> None:
    assert Status.worst([Status.PASS, Status.XFAIL, Status.UNSUPPORTED]) is Status.XFAIL
    assert Status.worst([Status.NOT_RUN, Status.FAIL, Status.XPASS]) is Status.FAIL
    assert Verdict.worst([Verdict.PASS, Verdict.UNAVAILABLE, Verdict.INCOMPLETE]) is Verdict.INCOMPLETE
    with pytest.raises(ValueError, match="worst of nothing"):
        Status.worst([])


def test_what_is_bad() -> None:
    assert [status for status in Status if status.is_bad] == ["fail", "xpass", "mistrusted"]
    assert [status for status in CellStatus if status.is_bad] == ["fail", "crashed", "hung"]


@pytest.mark.parametrize("kind", [Status, Verdict, CellStatus])
def test_each_is_told_apart(kind: type[Status] | type[Verdict] | type[CellStatus]) -> None:
    assert len({status.marker for status in kind}) == len({status.words for status in kind}) == len(kind)
    assert all(f"{status}" == status.value for status in kind)
