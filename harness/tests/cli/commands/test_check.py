"""`harness check`: what each option does to the run, what is written, and the exit code; the run itself is a fake."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from math import inf
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from msgspec import structs

from conformance.cases.selection import Selection
from conformance.cases.shard import Shard
from conformance.checks import external
from conformance.cluster.remote.identity import source_of
from conformance.diagnosis.libraries import witnesses
from conformance.reports import page, summary
from conformance.run.records import BackendReport
from conformance.run.suite_run import Options
from conformance.run.xfails import KnownFailure
from harness.cli import suite_progress
from harness.cli.commands import check
from harness.contract import targets
from harness.contract.status import Grade, Status, Verdict
from harness.contract.targets import Target
from harness.geometry.spec import ConvSpec
from harness.results.writing import ResultsError
from harness.tests.helpers.cli.reports import a_group, a_report
from harness.tests.helpers.cli.running import Run

_SPECS = ("n1c2h3w4_f2kh2kw3", "n2c1h5w6_f3kh1kw2")


@dataclass
class FakeRun:
    """In place of the suite: answers with `reports`, remembers what it was asked, and does `meanwhile` first."""

    reports: Sequence[BackendReport] = (a_report("right", planned=12, executed=11),)
    interrupted: bool = False
    asked: list[Any] = field(default_factory=list)
    meanwhile: Any = None

    def here(self, *asked: Any) -> tuple[Sequence[BackendReport], bool]:
        """As `run_here`."""
        return self.in_jobs(0, *asked)

    def in_jobs(self, *asked: Any) -> tuple[Sequence[BackendReport], bool]:
        """As `run_in_jobs`; its count is 0 for a run in this process."""
        self.asked = list(asked)
        if self.meanwhile:
            self.meanwhile()
        return self.reports, self.interrupted


@pytest.fixture
def suite(monkeypatch: pytest.MonkeyPatch) -> FakeRun:
    """What runs instead of the suite."""
    fake = FakeRun()
    monkeypatch.setattr(check, "run_here", fake.here)
    monkeypatch.setattr(check, "run_in_jobs", fake.in_jobs)
    monkeypatch.setattr(external, "skipped", dict)
    monkeypatch.setattr(suite_progress, "usable", lambda: 3)
    return fake


# -- options -------------------------------------------------------------------------------------------------------

_DEFAULTS = Options(Selection(), budget=inf, deadline=10.0, isolate=True, known=[], threads=1)


def test_a_plain_call_asks_for_everything(run: Run, suite: FakeRun) -> None:
    assert run("check", "numpy_fancy", "a=naive_loops").code == 0
    count, options, asked, named, libraries = suite.asked
    assert (count, named, libraries) == (0, True, witnesses.at_hand())
    assert asked == [Target("numpy_fancy", "numpy_fancy", "numpy_fancy"),
                     Target("a=naive_loops", "a", "naive_loops", True)]  # fmt: skip
    assert replace(options, selection=_plain(options.selection)) == _DEFAULTS


def test_without_a_name_every_registered_backend_is_asked(
    run: Run, suite: FakeRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(targets, "names", lambda: ["numpy_fancy", "matlab_loop"])
    run("check")
    assert ([target.name for target in suite.asked[2]], suite.asked[3]) == (["numpy_fancy", "matlab_loop"], False)


@pytest.mark.parametrize(
    ("words", "changed"),
    [
        (["--ops", "conv2d,im2col"], {"ops": ["conv2d", "im2col"]}),
        (["--ops", "conv2d", "--ops", " im2col, conv2d,"], {"ops": ["conv2d", "im2col"]}),
        (["--dtype", "float64,int32,float64"], {"dtypes": ["float64", "int32"]}),
        (["--shape", _SPECS[0], "--shape", _SPECS[1], "--shape", _SPECS[0]],
         {"specs": [ConvSpec.parse(text) for text in _SPECS]}),
        (["--check", "law.*"], {"pattern": "law.*"}),
        (["--seed", "7"], {"seed": 7}),
        (["--seed", str(2**63 - 1)], {"seed": 2**63 - 1}),
        (["--tier", "0"], {"tier": 0}),
        (["--tier", "4"], {"tier": 4}),
        (["--shard", "2/5"], {"shard": Shard(2, 5)}),
        (["--as-of", "2026.11"], {"suite": "2026.11"}),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)  # fmt: skip
def test_an_option_of_the_selection_reaches_it(
    run: Run, suite: FakeRun, words: list[str], changed: dict[str, Any]
) -> None:
    assert run("check", "numpy_fancy", *words).code == 0
    assert _plain(suite.asked[1].selection) == replace(Selection(), **changed)


@pytest.mark.parametrize(
    ("words", "changed"),
    [
        (["--budget", "2.5"], {"budget": 2.5}),
        (["--budget", "inf"], {"budget": inf}),
        (["--budget", "1e3"], {"budget": 1000.0}),
        (["--deadline", "0.1"], {"deadline": 0.1}),
        (["--no-isolate"], {"isolate": False}),
        (["--isolate"], {"isolate": True}),
        (["--threads", "2"], {"threads": 2}),
        (["--no-diagnose"], {"diagnose": False}),
        (["--fail-fast"], {"stop_at": Grade.FORM}),
        (["--fail-fast", "--require", "safety"], {"stop_at": Grade.SAFETY}),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_an_option_of_the_run_reaches_it(run: Run, suite: FakeRun, words: list[str], changed: dict[str, Any]) -> None:
    assert run("check", "numpy_fancy", *words).code == 0
    options = suite.asked[1]
    assert replace(options, selection=_plain(options.selection)) == replace(_DEFAULTS, **changed)


def test_one_process_alone_can_end_at_its_first_failure(run: Run, suite: FakeRun) -> None:
    ran = run("check", "numpy_fancy", "--fail-fast", "--jobs", "2")
    said = "harness: Invalid value: --fail-fast ends at the first failure of one process; leave out --jobs\n"
    assert (ran.code, ran.err, suite.asked) == (2, said, [])


def test_known_failures_are_read(run: Run, suite: FakeRun, tmp_path: Path) -> None:
    (tmp_path / "known.txt").write_text("\nlaw.*  # because\n")
    assert run("check", "numpy_fancy", "--xfails", "known.txt").code == 0
    assert suite.asked[1].known == [KnownFailure("law.*", "because", 2)]


@pytest.mark.parametrize(("jobs", "count", "said"), [
    (1, 0, ""), (2, 2, ""), (3, 3, ""),
    (4, 3, "--jobs 4 is capped at 3, the hardware threads of this machine\n"),
])  # fmt: skip
def test_jobs_are_as_many_as_asked_for_and_at_most_the_cores(
    run: Run, suite: FakeRun, jobs: int, count: int, said: str
) -> None:
    assert run("check", "numpy_fancy", "--jobs", jobs).err == said
    assert suite.asked[0] == count


def test_a_page_asks_every_library_about_failures(run: Run, suite: FakeRun, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(witnesses, "installed", lambda: ["all"])
    monkeypatch.setattr(witnesses, "at_hand", lambda: ["few"])
    run("check", "numpy_fancy", "--html", "page.html")
    assert suite.asked[4] == ["all"]
    run("check", "numpy_fancy", "--json", "out.json", "--junit", "out.xml")
    assert suite.asked[4] == ["few"]


# -- what is shown and written -------------------------------------------------------------------------------------


def test_the_table_and_what_this_machine_cannot_check_are_shown(
    run: Run, suite: FakeRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(external, "skipped", lambda: {"external.onnx": "no such package"})
    suite.reports = [a_report("right", planned=12, executed=11), a_report("other")]
    ran = run("check", "numpy_fancy")
    assert ran.lines == [
        "left out: external.onnx: no such package",
        "backend  verdict  executed  cases   time",
        "right    pass     11 of 12  7 pass  1.2 s",
        "other    pass     7 of 7    7 pass  1.2 s",
    ]
    assert (ran.code, ran.err) == (0, "")


@pytest.mark.parametrize(
    ("narrowed", "told"),
    [(["--tier", "0"], False), (["--check", "values.*"], False), (["--check", "*.onnx"], True),
     (["--check", "external.onnx"], True), (["--check", "external.onnx/conv2d/*"], True),
     (["--as-of", "2026.11"], False)],
)  # fmt: skip
def test_what_was_not_asked_for_is_not_missing(
    run: Run, suite: FakeRun, monkeypatch: pytest.MonkeyPatch, narrowed: list[str], told: bool
) -> None:
    monkeypatch.setattr(external, "skipped", lambda: {"external.onnx": "no such package"})
    suite.reports = [a_report("right")]
    assert ("left out: external.onnx: no such package" in run("check", "numpy_fancy", *narrowed).lines) is told


def test_every_document_holds_the_reports(run: Run, suite: FakeRun, tmp_path: Path) -> None:
    suite.reports = [a_report("first", Verdict.FAIL, counts={Status.FAIL: 2}, checks=[a_group(Status.FAIL)]),
                     a_report("second")]  # fmt: skip
    assert run("check", "numpy_fancy", "--json", "new/o.json", "--junit", "o.xml", "--html", "o.html").code == 1
    source = source_of(targets.resolve("numpy_fancy"))
    told = [structs.replace(suite.reports[0], source=source, selection=Selection().digest), suite.reports[1]]
    assert (tmp_path / "new" / "o.json").read_text() == summary.as_text(told, lines=False)
    assert [one["verdict"] for one in json.loads((tmp_path / "new" / "o.json").read_text())] == ["fail", "pass"]
    suites = ElementTree.fromstring((tmp_path / "o.xml").read_text())
    assert [(one.get("name"), one.get("failures")) for one in suites] == [("first", "1"), ("second", "0")]
    page = (tmp_path / "o.html").read_text()
    assert page.index("first") < page.index("second")


def test_a_name_that_ends_in_jsonl_gives_lines(run: Run, suite: FakeRun, tmp_path: Path) -> None:
    suite.reports = [a_report("first", checks=[a_group(), a_group(op="col2im")]), a_report("second")]
    run("check", "numpy_fancy", "--json", "out.jsonl")
    rows = [json.loads(line) for line in (tmp_path / "out.jsonl").read_text().splitlines()]
    assert [(row["kind"], row["backend"], row.get("op")) for row in rows] == [
        ("backend", "first", None), ("check", "first", "im2col"), ("check", "first", "col2im"),
        ("backend", "second", None),
    ]  # fmt: skip


@pytest.mark.parametrize("option", ["--json", "--junit", "--html"])
def test_a_document_on_stdout_is_alone_there(run: Run, suite: FakeRun, option: str) -> None:
    ran = run("check", "numpy_fancy", option, "-")
    assert ran.err.splitlines()[1].split()[:2] == ["right", "pass"]
    assert ran.out.startswith({"--json": "[\n {\n", "--junit": "<?xml", "--html": "<!doctype html>"}[option])
    assert (ran.code, "backend  verdict" in ran.out) == (0, False)


_CODES = {Verdict.PASS: 0, Verdict.FAIL: 1, Verdict.DEVIATES: 1, Verdict.INCOMPLETE: 3, Verdict.UNAVAILABLE: 3}


@pytest.mark.parametrize("verdict", Verdict)
def test_the_verdict_is_the_exit_code(run: Run, suite: FakeRun, verdict: Verdict) -> None:
    suite.reports = [a_report(verdict=verdict)]
    assert run("check", "numpy_fancy").code == _CODES[verdict]


@pytest.mark.parametrize(("least", "code"), [("values", 0), ("safety", 0), ("form", 1)])
def test_less_than_the_form_may_be_required(run: Run, suite: FakeRun, least: str, code: int) -> None:
    grades = {Grade.VALUES: Status.PASS, Grade.SAFETY: Status.PASS, Grade.FORM: Status.FAIL}
    checks = [a_group(Status.FAIL, id="contract.type", grade=Grade.FORM)]
    suite.reports = [a_report(verdict=Verdict.DEVIATES, grades=grades, checks=checks)]
    ran = run("check", "numpy_fancy", "--require", least)
    assert (ran.code, ran.lines[-1].split()[1]) == (code, "deviates")
    assert "mine: deviates a/case: fail" in ran.lines
    assert run("check", "numpy_fancy", "--require", "speed").code == 2


@pytest.mark.parametrize("verdict", Verdict)
def test_a_document_that_cannot_be_written_hides_neither_the_verdict_nor_another_document(
    run: Run, suite: FakeRun, tmp_path: Path, verdict: Verdict
) -> None:
    """A folder stands in the way by the end of the run, as a full disk would."""
    suite.reports, suite.meanwhile = [a_report(verdict=verdict)], (tmp_path / "out.json").mkdir
    ran = run("check", "numpy_fancy", "--json", "out.json", "--junit", "out.xml")
    assert ran.code == (_CODES[verdict] or 2)
    assert ran.out.splitlines()[1].split()[:2] == ["mine", str(verdict)]
    assert ran.err == "harness: 'out.json' cannot be written: Is a directory\n"
    assert (tmp_path / "out.xml").read_text().startswith("<?xml")


@pytest.mark.parametrize("verdict", Verdict)
def test_an_interrupted_run_tells_and_writes_what_is_finished(
    run: Run, suite: FakeRun, tmp_path: Path, verdict: Verdict
) -> None:
    suite.reports, suite.interrupted = [a_report(verdict=verdict, planned=9, executed=4)], True
    ran = run("check", "numpy_fancy", "--json", "out.json")
    assert (ran.code, ran.err) == (130, "harness: interrupted\n")
    assert "4 of 9" in ran.out
    assert json.loads((tmp_path / "out.json").read_text())[0]["executed"] == 4


def _plain(selection: Selection) -> Selection:
    """With `()` for each empty list."""
    return replace(selection, ops=selection.ops or (), dtypes=selection.dtypes or (), specs=selection.specs or ())


def test_a_page_that_cannot_be_made_is_told_before_anything_runs(
    run: Run, suite: FakeRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    def missing() -> None:
        raise ResultsError("the page needs jinja2")

    monkeypatch.setattr(page, "require", missing)
    monkeypatch.setattr(check, "run_here", None)  # a run would be a fault of the harness
    done = run("check", "numpy_fancy", "--html", "o.html")
    assert (done.code, done.err) == (2, "harness: the page needs jinja2\n")
