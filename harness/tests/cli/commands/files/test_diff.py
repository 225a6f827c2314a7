"""`harness diff`: what is shown, the document, and the exit code."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from harness.contract.status import CellStatus, Status
from harness.tests.helpers.cli.reports import a_group
from harness.tests.helpers.cli.running import Run
from harness.tests.helpers.comparisons import a_comparison_row, checks, write_checks, write_comparison

_FAIL = a_group(Status.FAIL, diagnosis=["a/case: 3 of 4 differ"])


def test_changes_of_the_suite_are_a_line_each(run: Run, tmp_path: Path) -> None:
    write_checks(tmp_path / "a.json", [a_group(), *checks(b=Status.FAIL, c=Status.PASS, d=Status.PASS)])
    write_checks(tmp_path / "b.json", [_FAIL, *checks(b=Status.PASS, c=Status.UNSUPPORTED)])
    ran = run("diff", "a.json", "b.json")
    assert (ran.code, ran.err) == (1, "")
    assert ran.lines == [
        "newly failing: mine values.exact im2col float32: pass before, fail now: a/case: 3 of 4 differ",
        "no longer judged: mine d im2col float32: pass before, not there now: there is no such result any more",
        "newly refused: mine c im2col float32: pass before, unsupported now",
        "newly passing: mine b im2col float32: fail before, pass now",
        "1 newly failing, 1 no longer judged, 1 newly refused, 1 newly passing",
    ]


def test_changes_of_times_are_a_line_each(run: Run, tmp_path: Path) -> None:
    write_comparison(tmp_path / "a.json", a_comparison_row(0.001, 0.002), a_comparison_row(shape="net:large"))
    write_comparison(tmp_path / "b.json", a_comparison_row(0.0015, 0.002), a_comparison_row(0.5, shape="net:large"))
    ran = run("diff", "a.json", "b.json")
    assert ran.code == 1
    assert ran.lines == [
        "slower: mine conv2d float32 net:small: 1.5x slower than before, 1.50 [1.47, 1.53] (1.00 ms, now 1.50 ms, "
        "against numpy_fancy)",
        "faster: mine conv2d float32 net:large: 2.0x faster than before, 0.500 [0.490, 0.510] (1.00 s, now 500 ms, "
        "against numpy_fancy)",
        "1 slower, 1 faster (a change of a time by less than 5 % counts for none)",
    ]


def test_of_many_changes_the_first_are_shown(run: Run, tmp_path: Path) -> None:
    names = [f"c{number}" for number in range(23)]
    write_checks(tmp_path / "a.json", checks(**dict.fromkeys(names, Status.PASS)))
    write_checks(tmp_path / "b.json", checks(**dict.fromkeys(names, Status.FAIL)))
    lines = run("diff", "a.json", "b.json").lines
    assert lines[19].startswith("newly failing: mine c19 ")
    assert lines[20:] == ["newly failing: 3 more; --json FILE has all", "23 newly failing"]


def test_the_document_has_all_of_it(run: Run, tmp_path: Path) -> None:
    write_comparison(tmp_path / "a.json", a_comparison_row(), a_comparison_row(shape="net:large"))
    lost = a_comparison_row(None, shape="net:large", status=CellStatus.FAIL, reason="mine: wrong")
    write_comparison(tmp_path / "b.json", a_comparison_row(0.5), lost)
    assert run("diff", "a.json", "b.json", "--json", "out.json").code == 1
    found = json.loads((tmp_path / "out.json").read_text())
    assert list(found) == ["schema", "before", "after", "newly_failing", "newly_passing", "newly_refused", "missing",
                           "slower", "faster", "unclear", "floor", "times_refused", "notes"]  # fmt: skip
    (failing,), (faster,) = found["newly_failing"], found["faster"]
    assert list(failing) == ["backend", "check", "op", "dtype", "shape", "spec", "before", "after", "reason", "repro"]
    assert list(faster) == ["backend", "against", "op", "dtype", "shape", "spec", "before", "after", "ratio", "low",
                            "high", "reason"]  # fmt: skip
    assert (found["schema"], found["before"], found["after"], found["floor"]) == (1, "a.json", "b.json", 0.05)
    ran = run("diff", "a.json", "b.json", "--json", "-")
    assert json.loads(ran.out) == found
    assert ran.err.startswith("newly failing: mine conv2d")


_SAME = [a_comparison_row()]


@pytest.mark.parametrize(
    ("after", "changed", "code"),
    [
        (_SAME, {}, 0),
        ([a_comparison_row(0.5)], {}, 0),
        ([a_comparison_row(2.0)], {}, 1),
        ([a_comparison_row(2.0)], {"threads": 2}, 2),
        ([a_comparison_row(None, status=CellStatus.HUNG, reason="mine: no answer")], {"threads": 2}, 1),
        ([a_comparison_row(None, status=CellStatus.UNSUPPORTED, reason="mine: groups")], {}, 0),
        ([a_comparison_row(None, status=CellStatus.UNAVAILABLE, reason="mine: no card")], {}, 3),
        ([], {}, 3),
    ],
)
def test_the_exit_code_says_what_changed(
    run: Run, tmp_path: Path, after: list[Any], changed: dict[str, Any], code: int
) -> None:
    write_comparison(tmp_path / "a.json", *_SAME)
    write_comparison(tmp_path / "b.json", *after, **changed)
    assert run("diff", "a.json", "b.json").code == code


def test_what_cannot_be_compared_is_one_line(run: Run, tmp_path: Path) -> None:
    write_comparison(tmp_path / "a.json", *_SAME)
    write_checks(tmp_path / "b.json", [a_group()])
    for words in (("a.json", "b.json"), ("a.json", "gone.json"), ("a.json",), ("a.json", "a.json", "--json", "a.json")):
        ran = run("diff", *words)
        assert (ran.code, ran.out, ran.err.count("\n")) == (2, "", 1)
        assert ran.err.startswith("harness: ")


def test_nothing_is_said_of_nothing(run: Run, tmp_path: Path) -> None:
    write_checks(tmp_path / "a.json", [a_group()])
    assert run("diff", "a.json", "a.json") == (0, "nothing changed\n", "")
