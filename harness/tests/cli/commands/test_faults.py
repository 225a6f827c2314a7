"""`harness faults`: what it shows and writes, its exit codes, and calls that are wrong."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from conformance.power import campaign, controls, jobs
from conformance.power.fault import Fault
from conformance.power.records import Diagnosed, FaultReport
from harness.cli.commands import faults
from harness.tests.helpers.cli.running import Run
from harness.tests.helpers.house.pages import page_named
from harness.tests.helpers.program import stored

_FEW = ("faults", "--kinds", "index", "--sample", "3")


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> list[FaultReport]:
    """Controls that pass at once, and one fault of each sort in turn, as they are returned."""
    given = [
        FaultReport(fault="im2col: a", kind="index", op="im2col", killed_by="values.exact", tier=0, case="c"),
        FaultReport(fault="im2col: b", kind="index", op="im2col", witness="values.exact/im2col/float32/s", work=4),
        FaultReport(fault="im2col: c", kind="index", op="im2col", equivalent="the same on all"),
    ]
    made: list[FaultReport] = []

    def judge(fault: Fault, tier: int) -> FaultReport:
        made.append(given[len(made)])
        return made[-1]

    monkeypatch.setattr(campaign, "judge", judge)
    monkeypatch.setattr(controls, "verdict", lambda control: "")
    return made


def test_kinds_and_survivors_are_shown(run: Run, quick: list[FaultReport]) -> None:
    ran = run(*_FEW)
    assert (ran.code, ran.err) == (0, "")
    text = re.sub(r"; \d+ s$", "", ran.out.rstrip(), flags=re.M)
    assert [" ".join(line.split()) for line in text.splitlines()] == [
        "kind faults tier 0 tier 1 tier 3 equivalent",
        "index 3 50.0% 50.0% 1",
        "",
        "1 of 2 faults were seen (50.0%); 1 more are equivalent: nothing that was tried shows them",
        f"{len(controls.CONTROLS)} of {len(controls.CONTROLS)} right implementations passed",
        "",
        "1 survivor, each with the smallest case that was found:",
        "index: im2col: b",
        "values.exact/im2col/float32/s",
    ]


def test_what_the_diagnosis_does_not_see_is_counted(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = FaultReport(fault="im2col: a", kind="index", op="im2col", killed_by="values.exact", tier=0, case="c")
    said = Diagnosed(
        kind="name", id="i", says="s", why="w", truth="right", condition="", always=True, seconds=0.5, calls=9, known=1,
        blind="silent", blind_says="",
    )  # fmt: skip
    several = iter([said, None, said])
    monkeypatch.setattr(campaign, "judge", lambda fault, tier: seen)
    monkeypatch.setattr(campaign, "diagnosed", lambda fault, case: next(several))
    monkeypatch.setattr(controls, "verdict", lambda control: "")
    lines = [" ".join(line.split()) for line in run(*_FEW, "--diagnose").out.splitlines()]
    assert "index 2 2 0 0 0 0 2 0 0.50 s 0.5 s" in lines
    assert "of 1 of the 3 faults that the suite sees the diagnosis sees nothing" in lines


def test_every_key_of_the_json_is_explained(run: Run, quick: list[FaultReport], tmp_path: Path) -> None:
    assert run(*_FEW, "--json", "out.json").code == 0
    found = stored(tmp_path / "out.json")
    text = page_named("reading-a-report.md").partition("## `harness faults --json`")[2].partition("\n## ")[0]
    whole, _, rest = text.partition("Each of `survivors`")
    survivor, _, rest = rest.partition("Each of `kinds`")
    kind, _, row = rest.partition("Each of `matrix`")
    assert [_keys(part) for part in (whole, survivor, kind, row)] == [
        found.keys(), found["survivors"][0].keys(), found["kinds"]["index"].keys(), found["matrix"][0].keys(),
    ]  # fmt: skip
    assert {"schema", "suite_version", "faults", "killed", "equivalent", "survivors", "controls_passed", "kinds",
            "matrix"} <= found.keys()  # fmt: skip
    assert (found["schema"], found["faults"], found["killed"], found["equivalent"]) == (1, 3, 1, 1)


def _keys(text: str) -> set[str]:
    """The words in the first column of the table."""
    return {word for row in re.findall(r"^\| (`.*?) \|", text, re.M) for word in re.findall(r"`(\w+)`", row)}


def test_the_json_goes_to_stdout_and_the_table_aside(run: Run, quick: list[FaultReport]) -> None:
    ran = run(*_FEW, "--json", "-")
    assert json.loads(ran.out)["faults"] == 3
    assert "right implementations passed" in ran.err


def test_a_right_implementation_that_fails_is_a_failure_of_the_suite(
    run: Run, quick: list[FaultReport], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(controls, "verdict", lambda control: "fail: x" * (control.name == "one group"))
    ran = run(*_FEW)
    assert ran.code == 1
    assert "  wrongly failed: one group: fail: x" in ran.lines


def test_a_budget_that_ends_is_incomplete(run: Run, quick: list[FaultReport], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(campaign, "judged", lambda faults, asked, start: iter(()))
    ran = run(*_FEW, "--budget", "5")
    assert ran.code == 3
    assert "3 of 3 faults were not judged" in ran.lines


def test_ctrl_c_writes_what_is_finished(
    run: Run, quick: list[FaultReport], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    real = campaign.judge

    def interrupted(fault: Fault, tier: int) -> FaultReport:
        if len(quick) == 2:
            raise KeyboardInterrupt
        return real(fault, tier)

    monkeypatch.setattr(campaign, "judge", interrupted)
    ran = run(*_FEW, "--json", "out.json")
    assert (ran.code, ran.err) == (130, "harness: interrupted\n")
    found = stored(tmp_path / "out.json")
    assert (found["planned"], found["faults"], len(found["matrix"])) == (3, 2, 2)


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--kinds", "indx"], "no kind of fault matches 'indx'; kinds are parameter, index,"),
        (["--kinds", " "], "'--kinds': is empty; leave the option out for everything"),
        (["--tier", "2"], "must be 0, 1 or 3, got 2: the grid of tier 2 takes an hour for each fault"),
        (["--tier", "4"], "must be a whole number from 0 to 3, got '4'"),
        (["--sample", "-1"], "must be a whole number from 0 to 1000000, got '-1'"),
        (["--budget", "0"], "must be a number of seconds, at least 0.01, got '0'"),
        (["--json", "."], "'.'"),
    ],
)
def test_a_wrong_call_is_told_before_anything_runs(
    run: Run, quick: list[FaultReport], words: list[str], told: str
) -> None:
    ran = run("faults", *words)
    assert (ran.code, ran.out, len(ran.err.splitlines())) == (2, "", 1)
    assert told in ran.err
    assert quick == []


def test_more_than_one_process_is_asked_for_by_name(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[object] = []

    def shared(count: int, what: campaign.Asked, progress: object) -> campaign.Found:
        asked.extend((count, what))
        return campaign.Found(0, controls=len(controls.CONTROLS))

    monkeypatch.setattr(jobs, "run", shared)
    monkeypatch.setattr(faults, "at_most", lambda count: count)
    assert run(*_FEW, "--jobs", "3", "--seed", "5", "--tier", "0").code == 0
    assert asked == [3, campaign.Asked("index", 3, 5, 0)]
