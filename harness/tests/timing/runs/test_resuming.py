"""A run that was interrupted goes on where it was: nothing is asked, told or shown twice, and samples still pair."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from harness.geometry.layers import Layer
from harness.geometry.spec import ConvSpec
from harness.results.records import BackendFacts, Ceilings, Cell, RunEnd, RunHeader
from harness.results.run_files import RunFile, open_run
from harness.tests.helpers.records import a_machine
from harness.tests.helpers.timing.fake_worker import Answer, FakeChildren, as_usual
from harness.tests.helpers.timing.runs import Begin, a_target
from harness.timing import run
from harness.timing.calling import messages as m
from harness.timing.plan import Plan

pytestmark = pytest.mark.heavy

_TEXTS = ("n2c3h9w8_f4kh3kw2", "n1c2h6w7_f2kh2kw2", "n1c1h5w4_f1kh2kw2")
_PLAN = Plan(
    "test", [Layer(f"net:{i}", ConvSpec.parse(text)) for i, text in enumerate(_TEXTS)], [a_target("a"), a_target("b")],
    ["im2col"], rounds=3,
)  # fmt: skip


@pytest.fixture
def children(begin: Begin) -> FakeChildren:
    """Children that tell by the time of a call which of those that load backends they are; `b` has a device."""
    children = begin()

    def script(number: int, message: Any) -> list[Answer] | None:
        if isinstance(message, m.Load):
            loading = list(dict.fromkeys([*(n for n, _ in children.loaded), number]))
            children.seconds[message.target.name] = len(loading) / 16
        if isinstance(message, m.MeasureDevice) and message.backend == "b":
            return [Ceilings(threads=1, allocator="steady", backend="b", device="card")]
        return None

    children.script = script
    return children


def told(cells: list[Cell]) -> list[tuple[str, str, int]]:
    """Layer, backend, and which child measured it."""
    return [(cell.layer, cell.backend, int(cell.samples[0] * 16)) for cell in cells]


def asked(children: FakeChildren) -> list[tuple[str, str]]:
    """Layer and backend of each cell that a child was asked for, in order."""
    names = {str(layer.spec): layer.name for layer in _PLAN.layers}
    return [(names[message.spec], message.backend) for message in children.of_kind(m.Predict)]


def interrupted(folder: Path, after: int) -> list[Cell]:
    """Run the plan until so many cells were shown; they are returned."""
    shown: list[Cell] = []

    def progress(cell: Cell) -> None:
        shown.append(cell)
        if len(shown) == after:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run.run(_PLAN, folder, progress)
    return shown


def finished(folder: Path) -> tuple[list[Cell], RunFile]:
    """Run it to its end: the cells shown, and the file."""
    shown: list[Cell] = []
    return shown, run.run(_PLAN, folder, shown.append)


def kept(file: RunFile, kind: Callable[..., Any]) -> list[Any]:
    """The records of one kind."""
    return [record for record in file.records() if type(record) is kind]


def test_what_was_finished_is_not_asked_told_or_shown_again(children: FakeChildren, tmp_path: Path) -> None:
    assert told(interrupted(tmp_path, after=2)) == [("net:0", "a", 1), ("net:0", "b", 1)]
    assert len(children.closed) == len(children.started)
    shown, file = finished(tmp_path)
    assert told(shown) == [(f"net:{layer}", name, 2 if layer else 1) for layer in range(3) for name in "ab"]
    assert told(kept(file, Cell)) == told(shown)
    assert asked(children) == [(f"net:{layer}", name) for layer in range(3) for name in "ab"]
    assert [facts.backend for facts in kept(file, BackendFacts)] == ["a", "b"]
    assert [found.backend for found in kept(file, Ceilings)] == ["", "b"]
    assert len(children.of_kind(m.MeasureCpu)) == 1
    assert [one.backend for one in children.of_kind(m.MeasureDevice)] == [
        "a",
        "b",
        "a",
    ]  # who had none may have one now
    assert (len(kept(file, RunHeader)), len(kept(file, RunEnd))) == (1, 1)
    assert len(list(tmp_path.glob("*/*"))) == 1


def test_the_limits_of_the_cpu_alone_are_not_measured_again(children: FakeChildren, tmp_path: Path) -> None:
    """Where no backend has a device of its own."""
    children.script = as_usual
    interrupted(tmp_path, after=2)
    _, file = finished(tmp_path)
    assert [found.backend for found in kept(file, Ceilings)] == [""]
    assert len(children.of_kind(m.MeasureCpu)) == 1


def test_a_group_that_was_cut_is_measured_as_a_whole(children: FakeChildren, tmp_path: Path) -> None:
    """Or its samples would not pair; what had been shown of it is not shown again."""
    assert told(interrupted(tmp_path, after=3))[2:] == [("net:1", "a", 1)]
    shown, file = finished(tmp_path)
    assert asked(children)[4:6] == [("net:1", "a"), ("net:1", "b")]
    assert told(kept(file, Cell))[2:5] == [("net:1", "a", 1), ("net:1", "a", 2), ("net:1", "b", 2)]
    assert told(shown) == [
        ("net:0", "a", 1), ("net:0", "b", 1), ("net:1", "a", 1), ("net:1", "b", 2), ("net:2", "a", 2), ("net:2", "b", 2)
    ]  # fmt: skip


def test_a_cell_that_was_measured_twice_is_shown_once(children: FakeChildren, tmp_path: Path) -> None:
    """The newer one, which pairs."""
    interrupted(tmp_path, after=3)
    interrupted(tmp_path, after=5)
    shown, file = finished(tmp_path)
    assert told(shown)[:4] == [("net:0", "a", 1), ("net:0", "b", 1), ("net:1", "a", 2), ("net:1", "b", 2)]
    assert len(shown) == _PLAN.cells
    assert len(kept(file, Cell)) == _PLAN.cells + 2


def test_a_run_of_which_only_the_end_is_missing_starts_no_child(children: FakeChildren, tmp_path: Path) -> None:
    interrupted(tmp_path, after=6)
    before = len(children.started)
    shown, file = finished(tmp_path)
    assert (len(shown), len(children.started)) == (6, before)
    assert isinstance(file.records()[-1], RunEnd)


def test_a_line_that_was_cut_off_is_measured_again(children: FakeChildren, tmp_path: Path) -> None:
    interrupted(tmp_path, after=4)
    (path,) = tmp_path.glob("*/*.jsonl")
    whole = path.read_text()
    path.write_text(whole[:-20])
    shown, file = finished(tmp_path)
    assert file.path == path
    assert told(shown)[2:4] == [("net:1", "a", 1), ("net:1", "b", 2)]


def test_what_a_run_was_interrupted_before_is_done_by_the_next(
    children: FakeChildren, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Here while the limits of the CPU were measured."""
    script = children.script

    def impatient(number: int, message: Any) -> list[Answer] | None:
        return [KeyboardInterrupt()] if isinstance(message, m.MeasureCpu) else script(number, message)

    children.script = impatient
    with pytest.raises(KeyboardInterrupt):
        run.run(_PLAN, tmp_path)
    children.script = script
    _, file = finished(tmp_path)
    assert [found.backend for found in kept(file, Ceilings)] == ["", "b"]
    assert [facts.backend for facts in kept(file, BackendFacts)] == ["a", "b"]


def test_a_finished_run_is_begun_anew(children: FakeChildren, tmp_path: Path) -> None:
    _, first = finished(tmp_path)
    shown, second = finished(tmp_path)
    assert first.path != second.path
    assert {session for *_, session in told(shown)} == {2}
    assert len(asked(children)) == 12


def test_of_several_unfinished_runs_the_newest_goes_on(tmp_path: Path) -> None:
    """Others, finished, damaged or of another plan, are passed over, wherever they stand."""
    home = tmp_path / "some-cpu_4c8t"
    begun = open_run(tmp_path, _PLAN.record(), a_machine()).path
    text = begun.read_text()
    begun.unlink()
    for name in ("20300101T000000-a", "20300103T000000-a", "20300102T000000-a"):
        (home / f"{name}.jsonl").write_text(text)
    (home / "20300104T000000-a.jsonl").write_text(text + '{"kind": "end", "run": "x"}\n')
    (home / "20300105T000000-a.jsonl").write_bytes(b"\xff\xfe\n")
    (home / "20300106T000000-a.jsonl").write_text("")
    (home / "20300107T000000-a.jsonl").write_text("word\n" + text)
    assert open_run(tmp_path, _PLAN.record(), a_machine()).path.stem == "20300103T000000-a"
