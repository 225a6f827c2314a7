"""The suite as a call, `conformance.check`: its report, its errors, and the page that describes it."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

import conformance
from conformance import ConformanceError, Report
from conformance.cases.case import SelectionError
from conformance.checks.registration import CHECKS
from conformance.run.xfails import XfailsError
from harness.contract.adapter import AdapterError
from harness.contract.protocol import BackendUnavailable
from harness.contract.registry import RegistryError
from harness.geometry.spec import ConvSpec
from harness.tests.helpers.faults import faults_laws, faults_tiers, faulty
from harness.tests.helpers.faults.faulty import Right
from harness.tests.helpers.plugins import edited

_PAGE = Path(__file__).resolve().parents[3] / "conformance" / "README.md"


class Wrong(Right):
    """Its bias gradient is off by one."""

    def conv2d_bias_grad(self, dy: object, spec: ConvSpec) -> object:
        """Contract."""
        return super().conv2d_bias_grad(dy, spec) + 1  # type: ignore[arg-type]


class NoDevice(Right):
    """Not to be had here."""

    def __init__(self) -> None:
        raise BackendUnavailable("no such device")


def test_a_right_class_passes() -> None:
    report = conformance.check(Right, tier=0)
    report.raise_for_status()
    assert (report.verdict, report.ok, report.failures) == ("pass", True, [])
    assert report.counts["pass"] == report.to_json()["executed"] > 0
    assert report.to_json()["backend"] == "right"
    assert "right" in report.html()
    assert 'failures="0"' in report.junit()


def test_a_wrong_object_is_told_with_its_repro() -> None:
    report = conformance.check(Wrong(), tier=0, ops="conv2d_bias_grad", dtypes="float32", check="values.exact")
    assert report.verdict == "fail"
    assert report.failures[0].startswith("fail values.exact/conv2d_bias_grad/float32/")
    assert "repro: conformance.check(wrong, check='values.exact/" in report.failures[0]  # no shell can name an object
    with pytest.raises(ConformanceError, match=r"(?s)wrong: fail, 3 of 3 .*values\.exact/conv2d_bias_grad") as caught:
        report.raise_for_status()
    assert caught.value.report is report


def test_a_class_is_named_as_a_shell_could_name_it() -> None:
    report = conformance.check(Wrong, tier=0, ops="conv2d_bias_grad", check="values.exact")
    group = next(group for group in report.to_json()["checks"] if group["status"] == "fail")
    assert group["repro"].startswith("harness check harness.tests.conformance.test_api:Wrong --check values.exact/")


def test_too_little_is_no_pass() -> None:
    report = conformance.check(Right, budget=1e-9)
    assert report.verdict == "incomplete"
    with pytest.raises(ConformanceError, match=r"(?s)incomplete, 0 of .*budget"):
        report.raise_for_status()


def test_unavailable_is_no_pass() -> None:
    report = conformance.check(NoDevice)
    with pytest.raises(ConformanceError, match=r"(?s)unavailable.*no such device"):
        report.raise_for_status()


def test_known_failures(tmp_path: Path) -> None:
    known = {"*/conv2d_bias_grad/*": "off by one"}
    assert conformance.check(Wrong, tier=0, xfails=known).counts["xfail"] > 0
    file = tmp_path / "known.txt"
    file.write_text("values.exact/col2im/*  # was wrong once\n")
    assert conformance.check(Right, tier=0, xfails=file).counts["xpass"] > 0
    with pytest.raises(XfailsError, match="needs a reason"):
        conformance.check(Right, xfails={"values.exact": ""})


def test_an_older_suite_has_fewer_checks() -> None:
    ids = [
        {group["id"] for group in conformance.check(Right, ops="im2col", as_of=version).to_json()["checks"]}
        for version in ("2026.11", "")
    ]
    assert ids[0] < ids[1]


@pytest.mark.parametrize(
    ("backend", "choice", "error"),
    [(Right, {"tier": 9}, SelectionError), (Right, {"ops": ["conv3d"]}, SelectionError),
     (Right, {"dtypes": "f32"}, SelectionError), (Right, {"as_of": "1999.1"}, SelectionError),
     (Right, {"check": "nope"}, SelectionError), ("nobody", {}, RegistryError), (object(), {}, AdapterError)],
)  # fmt: skip
def test_wrong_calls_are_refused(backend: object, choice: dict, error: type[Exception]) -> None:
    with pytest.raises(error):
        conformance.check(backend, **choice)


def test_the_package_loads_nothing_by_itself() -> None:
    code = "import sys, conformance; print(*sorted({m.partition('.')[0] for m in sys.modules} & {'numpy', 'harness'}))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "\n"


def test_the_function_and_the_module_of_one_name() -> None:
    assert CHECKS  # of the module, imported above by that name
    assert conformance.check(Right, tier=0, check="contract.shape").ok
    with pytest.raises(AttributeError):
        conformance.nothing  # noqa: B018


def test_report_is_what_the_command_writes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.py").write_text(edited("] += taps[", "] = taps["))
    command = [sys.executable, "-m", "harness", "check", "mine.py", "--tier", "0", "--no-isolate", "--json", "out.json"]
    assert subprocess.run(command, capture_output=True, check=False).returncode == 1
    (written,) = json.loads((tmp_path / "out.json").read_text())
    report = conformance.check("mine.py", tier=0, isolate=False)
    assert isinstance(report, Report)
    assert _steady(json.loads(json.dumps(report.to_json()))) == _steady(written)


def _steady(value: object) -> object:
    """Without times, and without witnesses: which libraries are asked depends on those that are loaded already."""
    if isinstance(value, dict):
        return {key: _steady(item) for key, item in value.items() if key not in ("seconds", "witnesses")}
    return [_steady(item) for item in value] if isinstance(value, list) else value


def test_the_page_lists_every_check_and_counts_right() -> None:
    page = _PAGE.read_text(encoding="utf-8")
    assert len(page.splitlines()) <= 200
    assert set(re.findall(r"`((?:values|law|contract|external|errors)\.\w+)`", page)) == set(CHECKS)
    faults = sum(len(table) for table in (faulty.FAULTS, faults_laws.FAULTS, faults_tiers.FAULTS))
    assert f"{faults} of {faults} are seen" in page
    _, table = page.split("| feature | ours | others |")
    ours = re.findall(r"^\| [^|]+ \| (yes|part|no)\b", table, re.M)
    assert len(ours) == 60
    assert f" {ours.count('yes') + ours.count('part') / 2:g} of 60" in page
