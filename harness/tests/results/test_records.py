"""Typed records read what is committed, in full, and write what they read."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest

from harness.contract.status import CellStatus, Status, Verdict
from harness.results.records import Comparison, Line
from harness.tests.helpers.imports import ROOT

_RUNS = sorted((ROOT / "results" / "runs").rglob("*.jsonl"))
_COMPARISONS = sorted((ROOT / "results" / "goals").glob("*/*.json"))


def holds(new: Any, old: Any) -> bool:
    """Whether everything of `old` is in `new`, which may have more fields, at any depth."""
    if isinstance(old, dict):
        return old.keys() <= new.keys() and all(holds(new[key], old[key]) for key in old)
    return bool(new == old)


def test_there_is_something_to_read() -> None:
    assert _RUNS
    assert _COMPARISONS


@pytest.mark.parametrize("path", _RUNS, ids=lambda path: path.stem)
def test_a_committed_run_file_is_read_and_written_alike(path: Path) -> None:
    for text in path.read_text(encoding="utf-8").splitlines():
        record = msgspec.json.decode(text, type=Line)
        again = json.loads(msgspec.json.encode(record))
        assert holds(again, json.loads(text))


@pytest.mark.parametrize("path", _COMPARISONS, ids=lambda path: path.stem)
def test_a_committed_comparison_is_read_and_written_alike(path: Path) -> None:
    found = msgspec.json.decode(path.read_bytes(), type=Comparison)
    again, before = json.loads(msgspec.json.encode(found)), json.loads(path.read_text(encoding="utf-8"))
    assert all(holds(new, old) for new, old in zip(again["rows"], before["rows"], strict=True))
    assert holds(again, {name: value for name, value in before.items() if name not in ("rows", "ceilings")})


def test_a_foreign_line_is_named_by_its_field() -> None:
    with pytest.raises(msgspec.ValidationError, match=r"threads"):
        msgspec.json.decode('{"kind": "ceilings", "threads": "two", "allocator": "steady"}', type=Line)


def test_the_worst_stands_for_all() -> None:
    assert Status.worst([Status.PASS, Status.XFAIL, Status.UNSUPPORTED]) is Status.XFAIL
    assert Verdict.worst([Verdict.PASS, Verdict.UNAVAILABLE]) is Verdict.UNAVAILABLE
    assert CellStatus.worst([CellStatus.OK, CellStatus.HUNG]) is CellStatus.HUNG
    with pytest.raises(ValueError, match="worst of nothing"):
        Status.worst([])


@pytest.mark.parametrize("kind", [Status, Verdict, CellStatus])
def test_every_member_has_words_and_a_colour(kind: type[Status] | type[Verdict] | type[CellStatus]) -> None:
    for member in kind:
        assert member.words
        assert member.colour
    markers = [m.marker for m in kind]
    assert len(set(markers)) == len(markers)
