"""The suite as a call, `conformance.check`: on a class, an object, an older suite; and its page in the repository."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import conformance
from conformance import ConformanceError
from conformance.cases.case import SelectionError
from conformance.checks.outcomes import Failed
from conformance.checks.registration import CHECKS
from conformance.run import suite_run
from harness.contract.protocol import BackendUnavailable
from harness.contract.registry import RegistryError
from harness.geometry.spec import ConvSpec
from harness.tests.helpers.faults import faults_laws, faults_tiers, faulty
from harness.tests.helpers.faults.faulty import Right
from harness.tests.helpers.plugins import GOOD, Write, edited
from harness.tests.helpers.program import call, stored
from harness.tests.helpers.suite.opened import FakeChild
from harness.tests.helpers.suite.scripted import Script, a_check, only

_PAGE = Path(__file__).resolve().parents[4] / "conformance" / "README.md"
_SPECS = [ConvSpec.parse(f"n{n}c1h2w2_f1kh1kw1") for n in (1, 2)]
_IDS = [f"values.exact/im2col/float32/{spec}" for spec in _SPECS]
_CHOICE: dict[str, Any] = {"ops": "im2col", "dtypes": "float32"}


class NoDevice(Right):
    """Not to be had here."""

    def __init__(self) -> None:
        raise BackendUnavailable("no such device")


@pytest.fixture
def script() -> Iterator[Script]:
    """Two checks in place of all, the second newer than the first suite."""
    made = Script()
    with only(a_check("values.exact", _SPECS, made), a_check("law.linear", _SPECS[:1], made)):
        yield made


@pytest.mark.usefixtures("script")
def test_a_right_class_passes() -> None:
    report = conformance.check(Right, **_CHOICE)
    report.raise_for_status()
    assert (report.verdict, report.ok, report.failures, report.counts["pass"]) == ("pass", True, [], 3)
    assert (report.found["backend"], report.found["isolated"], report.found["tier"]) == ("right", False, 1)


def test_a_class_has_commands_for_a_shell_and_an_object_the_call(script: Script) -> None:
    script.answers = {text: Failed("off") for text in _IDS}
    groups = [conformance.check(one, **_CHOICE).found["checks"][0] for one in (Right, Right())]
    place = "harness.tests.helpers.faults.faulty:Right"
    assert groups[0]["repro"] == f"harness check {place} --check {_IDS[0]}"
    assert groups[0]["failures"][1]["pytest"] == f"pytest --pyargs conformance --backend {place} --check {_IDS[1]}"
    assert groups[1]["repro"] == f"conformance.check(right, check={_IDS[0]!r})"
    told = [(one["repro"], one["pytest"], one["script"]) for one in groups[1]["failures"]]
    assert told == [(f"conformance.check(right, check={text!r})", "", "") for text in _IDS]


def test_a_group_without_a_command_gets_none(script: Script) -> None:
    found = conformance.check(Right(), **_CHOICE).found
    assert [group["repro"] for group in found["checks"]] == ["", ""]


def test_options_reach_the_run(script: Script) -> None:
    script.answers = {_IDS[1]: Failed("off")}
    old = conformance.check(Right, as_of="2026.11", **_CHOICE)
    assert [group["id"] for group in old.found["checks"]] == ["values.exact"]
    known = conformance.check(Right, xfails={_IDS[1]: "known"}, **_CHOICE)
    assert (known.verdict, known.counts["xfail"]) == ("pass", 1)
    seeded = conformance.check(Right, seed=4, check=f"{_IDS[0]}/seed=4", **_CHOICE)
    assert (seeded.found["seed"], seeded.found["planned"]) == (4, 1)
    assert conformance.check(Right, ops=["col2im", "im2col"], dtypes=["float32"]).found["planned"] == 6


@pytest.mark.usefixtures("script")
def test_a_budget_that_is_gone_is_no_pass() -> None:
    report = conformance.check(Right, budget=1e-12, **_CHOICE)
    assert report.verdict == "incomplete"
    with pytest.raises(ConformanceError, match=r"(?s)incomplete, 0 of 3 .*cut by the budget"):
        report.raise_for_status()


@pytest.mark.usefixtures("script")
def test_unavailable_is_no_pass() -> None:
    with pytest.raises(ConformanceError, match=r"(?s)nodevice: unavailable.*no such device"):
        conformance.check(NoDevice).raise_for_status()


@pytest.mark.usefixtures("script")
def test_a_file_is_called_in_a_child_that_ends_with_the_call(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(suite_run, "InChild", FakeChild)
    monkeypatch.setattr(FakeChild, "closed", [])
    report = conformance.check(write("mine.py", GOOD), **_CHOICE)
    assert (report.verdict, report.found["isolated"]) == ("pass", True)
    assert [child.name for child in FakeChild.closed] == ["mine"]


def test_the_call_gives_what_the_command_writes(write: Write, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    write("mine.py", edited("] += taps[", "] = taps["))
    monkeypatch.chdir(tmp_path)
    options = ["--tier", 0, "--no-isolate", "--ops", "col2im", "--dtype", "float32", "--json", "out.json"]
    assert call(monkeypatch, "check", "mine.py", *options) == 1
    (written,) = stored(tmp_path / "out.json")
    found = conformance.check("mine.py", tier=0, isolate=False, ops="col2im", dtypes="float32").found
    assert _steady(found) == _steady(written)
    assert written["counts"]["fail"] == 6  # of whole and of real numbers, on three geometries


def _steady(value: object) -> object:
    """Without times, and without witnesses: which libraries are asked depends on those that are loaded already."""
    if isinstance(value, dict):
        return {key: _steady(item) for key, item in value.items() if key not in ("seconds", "witnesses")}
    return [_steady(item) for item in value] if isinstance(value, list) else value


def test_wrong_calls_are_refused() -> None:
    with pytest.raises(SelectionError, match="no check is called 'nope'"):
        conformance.check(Right, check="nope")
    with pytest.raises(RegistryError):
        conformance.check("nobody")


def test_the_package_loads_nothing_by_itself() -> None:
    code = "import sys, conformance; print(*sorted({m.partition('.')[0] for m in sys.modules} & {'numpy', 'harness'}))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=120)
    assert done.stdout == "\n"


def test_the_page_lists_every_check_and_its_counts_are_those_of_the_tables() -> None:
    page = _PAGE.read_text(encoding="utf-8")
    assert len(page.splitlines()) <= 200
    assert set(re.findall(r"`((?:values|law|contract|external|errors)\.\w+)`", page)) == set(CHECKS)
    faults = sum(len(table) for table in (faulty.FAULTS, faults_laws.FAULTS, faults_tiers.FAULTS))
    assert f"{faults} of {faults} are seen" in page
    _, table = page.split("| feature | ours | others |")
    ours = re.findall(r"^\| [^|]+ \| (yes|part|no)\b", table, re.M)
    assert len(ours) == 60
    assert f" {ours.count('yes') + ours.count('part') / 2:g} of 60" in page
