"""`harness compare`: what each option does to the plan, its document, and the exit code; the measuring is a fake."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from harness.cli import measuring
from harness.contract.status import CellStatus, Status, Verdict
from harness.geometry.spec import OPS
from harness.results import machine
from harness.results.records import BackendFacts, Ceilings, Cell
from harness.tests.helpers.cli.reports import a_group, a_report
from harness.tests.helpers.cli.running import Run
from harness.tests.helpers.plugins import GOOD, Write
from harness.tests.helpers.records import a_cell, a_machine, some_facts
from harness.timing import run as timing_run
from harness.timing.plan import Plan

_BACKENDS = ("naive_loops", "numpy_fancy", "matlab_loop")
_SPECS = ("n1c2h6w5_f3kh2kw3", "n2c1h5w6_f2kh1kw2")


@dataclass
class FakeTiming:
    """In place of the measuring: it yields a cell for every backend, up to `ends_after`, and remembers the plan."""

    status: dict[tuple[str, str], CellStatus] = field(default_factory=dict)  # by (layer, backend), where it is not ok
    ends_after: int | None = None
    with_: BaseException = field(default_factory=KeyboardInterrupt)
    records: Sequence[BackendFacts | Ceilings] = ()
    plans: list[Plan] = field(default_factory=list)
    shown: list[Cell] = field(default_factory=list)

    def measure(
        self, plan: Plan, progress: Callable[[Cell], None], described: Callable[[Any], None], *more: Any
    ) -> Iterator[Cell]:
        """As `run.measure`. Seconds are 1 for the first layer, 3 for the second, times the backend's number squared.

        The last of the backends is the first again.
        """
        self.plans.append(plan)
        for record in self.records:
            described(record)
        number = 0
        for place, layer in enumerate(plan.layers):
            for op in plan.ops:
                for index, target in enumerate(plan.backends, start=1):
                    if (op, "float32", layer.name, target.name) in plan.left_out:
                        continue
                    if number == self.ends_after:
                        raise self.with_
                    number += 1
                    status = self.status.get((layer.name, target.name), CellStatus.OK)
                    time = (1 + 2 * place) * (1.0 if target is plan.backends[-1] else float(index**2))
                    cell = a_cell(
                        target.name, [time, time, time] if status is CellStatus.OK else None, status=status, op=op,
                        layer=layer.name, spec=str(layer.spec), group=f"{op}/{layer.name}", checked_points=100 - index,
                    )  # fmt: skip
                    progress(cell)
                    yield cell


@pytest.fixture
def timing(monkeypatch: pytest.MonkeyPatch) -> FakeTiming:
    """What measures instead."""
    fake = FakeTiming()
    monkeypatch.setattr(timing_run, "measure", fake.measure)
    monkeypatch.setattr(machine, "facts", a_machine)
    return fake


@pytest.fixture
def layers(write: Write) -> str:
    """A file of two layers."""
    return str(write("layers.txt", "\n".join(_SPECS)))


# -- the plan ------------------------------------------------------------------------------------------------------


def test_a_plain_call_compares_on_the_quick_set(run: Run, timing: FakeTiming) -> None:
    assert run("compare", *_BACKENDS[:2]).code == 0
    plan, *others = timing.plans
    assert others == [plan, plan]
    assert ([t.name for t in plan.backends], plan.shapes, len(plan.layers)) == (
        ["naive_loops", "numpy_fancy", "naive_loops.again"], "quick", 6,
    )  # fmt: skip
    assert (tuple(plan.ops), plan.dtypes, plan.threads, plan.allocator, plan.budget, plan.batch, plan.rounds) == (
        OPS, ("float32",), 1, "steady", 15.0, None, 11,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("words", "name", "value"),
    [
        (["--ops", "conv2d,im2col"], "ops", ["conv2d", "im2col"]),
        (["--dtype", "float64"], "dtypes", ["float64"]),
        (["--pairs", "3"], "rounds", 2),
        (["--pairs", "4"], "rounds", 3),
        (["--pairs", "10000", "--processes", "1"], "rounds", 10_001),
        (["--processes", "5"], "budget", 9.0),
        (["--threads", "2"], "threads", 2),
        (["--allocator", "default"], "allocator", "default"),
        (["--batch", "3"], "batch", 3),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_an_option_reaches_the_plan(run: Run, timing: FakeTiming, words: list[str], name: str, value: object) -> None:
    assert run("compare", *_BACKENDS[:2], "--shapes", _SPECS[0], *words).code == 0
    assert getattr(timing.plans[0], name) == value


def test_conditions_are_shown_and_written(run: Run, timing: FakeTiming, tmp_path: Path) -> None:
    words = ["--threads", "2", "--allocator", "default", "--ops", "im2col", "--json", "out.json"]
    ran = run("compare", *_BACKENDS[:2], "--shapes", _SPECS[0], *words)
    assert ran.lines[0] == "naive_loops, 2 threads, default allocator"
    found = json.loads((tmp_path / "out.json").read_text())
    assert (found["threads"], found["allocator"], found["machine"]["name"]) == (2, "default", "some-cpu_4c8t")


# -- the document --------------------------------------------------------------------------------------------------


def test_the_document_has_a_row_for_each_layer_and_peer(
    run: Run, timing: FakeTiming, layers: str, tmp_path: Path
) -> None:
    moved = 4 * (1 * 2 * 6 * 5 + 2 * 2 * 3 * 5 * 3)  # bytes of x and of columns, of the first layer; 9 s a call
    own = Ceilings(threads=1, allocator="steady", copy_gbs={"cache": 4 * moved / 9e9, "dram": 1.0},
                   copy_bytes={"cache": 2**21, "dram": 2**28}, backend="matlab_loop")  # fmt: skip
    timing.records = [own, some_facts("matlab_loop")]
    ran = run("compare", *_BACKENDS, "--shapes", layers, "--ops", "im2col", "--json", "out.json")
    found = json.loads((tmp_path / "out.json").read_text())
    assert list(found) == ["schema", "machine", "threads", "allocator", "ceilings", "rows", "geomean", "partial",
                           "missing", "noise_floor", "against_itself"]  # fmt: skip
    assert (found["schema"], found["partial"], found["missing"]) == (1, False, [])
    assert [one["backend"] for one in found["ceilings"]] == ["matlab_loop"]
    assert [(r["shape"], r["a"], r["b"], r["a_seconds"], r["b_seconds"], r["pairs"], r["checked_points"])
            for r in found["rows"]] == [
        (_SPECS[0], "naive_loops", "numpy_fancy", 1.0, 4.0, 6, 98),
        (_SPECS[0], "naive_loops", "matlab_loop", 1.0, 9.0, 6, 97),
        (_SPECS[1], "naive_loops", "numpy_fancy", 3.0, 12.0, 6, 98),
        (_SPECS[1], "naive_loops", "matlab_loop", 3.0, 27.0, 6, 97),
    ]  # fmt: skip
    assert [r["ratio"] for r in found["rows"]] == pytest.approx([0.25, 1 / 9, 0.25, 1 / 9])
    assert {(r["verdict"], r["processes"]) for r in found["rows"]} == {("faster", 3)}
    assert found["noise_floor"] == 0.01
    assert [(r["a"], r["b"], r["shape"], r["verdict"]) for r in found["against_itself"]] == [
        ("naive_loops", "naive_loops.again", spec, "same") for spec in _SPECS
    ]
    assert set(found["rows"][0]) == {"op", "dtype", "shape", "spec", "a", "b", "ratio", "low", "high", "pairs",
                                     "a_seconds", "b_seconds", "checked_points", "status", "reason", "a_share",
                                     "a_bound", "b_share", "b_bound", "verdict", "processes"}  # fmt: skip
    assert [(r["a_share"], r["b_share"], r["b_bound"]) for r in found["rows"][:2]] == [
        (None, None, None), (None, pytest.approx(0.25), "memory"),
    ]  # fmt: skip
    assert [(m["op"], m["b"], m["layers"]) for m in found["geomean"]] == [("im2col", "numpy_fancy", 2),
                                                                        ("im2col", "matlab_loop", 2)]  # fmt: skip
    assert (ran.code, ran.err) == (0, "")
    assert "im2col  float32  matlab_loop  9.0x faster     2" in ran.lines


def test_a_document_on_stdout_is_alone_there(run: Run, timing: FakeTiming) -> None:
    ran = run("compare", *_BACKENDS[:2], "--shapes", _SPECS[0], "--ops", "im2col", "--json", "-")
    assert json.loads(ran.out)["rows"][0]["ratio"] == pytest.approx(0.25)
    assert ran.err.startswith("naive_loops, 1 thread, steady allocator")


@pytest.mark.parametrize(
    ("status", "code"),
    [
        ({}, 0),
        ({(_SPECS[0], "numpy_fancy"): CellStatus.UNSUPPORTED}, 0),
        ({(_SPECS[1], "numpy_fancy"): CellStatus.FAIL}, 1),
        ({(_SPECS[1], "naive_loops"): CellStatus.HUNG}, 1),
        ({(_SPECS[0], "numpy_fancy"): CellStatus.UNAVAILABLE}, 3),
        ({(spec, name): CellStatus.OVER_BUDGET for spec in _SPECS for name in _BACKENDS}, 3),
    ],
)
def test_the_cells_are_the_exit_code(
    run: Run, timing: FakeTiming, layers: str, status: dict[tuple[str, str], CellStatus], code: int
) -> None:
    timing.status = status
    assert run("compare", *_BACKENDS[:2], "--shapes", layers).code == code


# -- the end before the end ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("after", "rows", "missing"),
    [
        (0, [], [("im2col", 0), ("col2im", 0), ("im2col", 1), ("col2im", 1)]),
        (3, [("im2col", 0, "numpy_fancy"), ("im2col", 0, "matlab_loop")],
         [("col2im", 0), ("im2col", 1), ("col2im", 1)]),
        (5, [("im2col", 0, "numpy_fancy"), ("im2col", 0, "matlab_loop"), ("col2im", 0, "numpy_fancy")],
         [("col2im", 0), ("im2col", 1), ("col2im", 1)]),
    ],
)  # fmt: skip
def test_an_interrupted_comparison_says_what_it_lacks(
    run: Run, timing: FakeTiming, layers: str, tmp_path: Path, after: int, rows: list[Any], missing: list[Any]
) -> None:
    timing.ends_after = after
    ran = run("compare", *_BACKENDS, "--shapes", layers, "--ops", "im2col,col2im", "--json", "out.json")
    told = f"{len(missing)} of 4 comparisons were not measured\nharness: interrupted\n"
    assert (ran.code, ran.err, bool(ran.out)) == (130, told, bool(rows))
    found = json.loads((tmp_path / "out.json").read_text())
    assert found["partial"] is True
    assert [(r["op"], _SPECS.index(r["spec"]), r["b"]) for r in found["rows"]] == rows
    assert found["missing"] == [
        {"op": op, "dtype": "float32", "shape": _SPECS[n], "spec": _SPECS[n]} for op, n in missing
    ]


def test_of_two_layers_of_one_geometry_each_may_be_missing(
    run: Run, timing: FakeTiming, write: Write, tmp_path: Path
) -> None:
    table = write("two.csv", "suite,layer,N,C,H,W,F,KH,KW,SH,SW,PH,PW,G\n" + "".join(
        f"net,{name},1,2,6,5,3,2,3,1,1,0,0,1\n" for name in ("first", "second")))  # fmt: skip
    timing.ends_after = 3
    run("compare", *_BACKENDS, "--shapes", table, "--ops", "im2col", "--json", "out.json")
    (missing,) = json.loads((tmp_path / "out.json").read_text())["missing"]
    assert (missing["shape"], missing["spec"]) == ("net:second", _SPECS[0])


def test_one_backend_is_too_few(run: Run, timing: FakeTiming) -> None:
    for names in ([], ["numpy_fancy"]):
        assert run("compare", *names) == (2, "", "harness: Invalid value: compare takes at least two backends\n")
    assert timing.plans == []


# -- what is checked before anything is timed ----------------------------------------------------------------------


def test_only_what_is_not_built_in_is_checked_before(
    run: Run, timing: FakeTiming, write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Tier 1, of all ops in the dtypes to be timed; what is wrong has no time, and why stands in its row."""
    write("mine.py", GOOD)
    asked: list[Any] = []
    wrong = a_group(Status.FAIL, diagnosis=["a/case: 3 of 4 differ", "more"])
    reports = iter([
        a_report(checks=[a_group()]),
        a_report(verdict=Verdict.FAIL, checks=[a_group(), wrong, a_group(Status.FAIL, diagnosis=["later"])]),
        a_report(verdict=Verdict.INCOMPLETE, planned=9, executed=7),
    ])  # fmt: skip

    def run_here(options: Any, targets: Any, named: bool) -> Any:
        asked.append((options.selection.tier, list(options.selection.ops), list(options.selection.dtypes),
                      [target.name for target in targets], named))  # fmt: skip
        return [next(reports)], False

    monkeypatch.setattr(measuring, "run_here", run_here)
    words = ["numpy_fancy", "./mine.py", "wrong=mine.py", "half=mine.py", "--ops", "col2im", "--dtype", "float64"]
    run("compare", *words, "--shapes", _SPECS[0])
    assert asked == [(1, [], ["float64"], [name], True) for name in ("mine", "wrong", "half")]
    assert timing.plans[0].barred == {
        "wrong": "not timed, it fails tier 1 of the conformance suite: a/case: 3 of 4 differ",
        "half": "not timed, only 7 of 9 cases of tier 1 were executed",
    }


def test_what_was_not_checked_in_full_is_not_timed(
    run: Run, timing: FakeTiming, write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    write("mine.py", GOOD)
    monkeypatch.setattr(measuring, "run_here", lambda *asked, **more: ([a_report()], True))
    assert run("compare", "./mine.py", "numpy_fancy") == (130, "", "harness: interrupted\n")
    assert timing.plans == []
