"""What the page says: who is right, what is not as listed, how fast each is, and which faults are known."""

from __future__ import annotations

from pathlib import Path

import pytest
from msgspec import structs

from conformance.run.records import BackendReport, CheckReport, DomainReport
from harness.cli.scoreboard import __main__ as program
from harness.cli.scoreboard import looking, page, peers, reports, telling
from harness.cli.scoreboard.judging import JudgingError
from harness.cli.scoreboard.peers import Peer
from harness.cli.scoreboard.records import PeerResult, Shown, Times
from harness.contract.status import CellStatus, Grade, Status, Verdict
from harness.tests.helpers.records import a_cell, a_machine


def check(grade: Grade = Grade.VALUES, status: Status = Status.PASS, **more: object) -> CheckReport:
    """One check of one op."""
    values = {
        "id": "a.check", "grade": grade, "op": "im2col", "dtype": "float32", "status": status, "planned": 3,
        "executed": 3, "reason": "", "repro": "harness check it",
    }  # fmt: skip
    return CheckReport(**{**values, **more})  # type: ignore[arg-type]


def report(*checks: CheckReport, verdict: Verdict = Verdict.PASS, executed: int = 1234) -> BackendReport:
    """A run of tier 1."""
    return BackendReport(
        schema=1, backend="scripted", suite_version="2026.14", verdict=verdict, reason="", planned=1234,
        executed=executed, counts={}, seconds=1.0, checks=list(checks),
        domain=DomainReport(words="im2col alone", geometries=220, pairs_covered=1, pairs=2),
    )  # fmt: skip


def result(shows: bool = True, version: str = "1.0", **more: object) -> PeerResult:
    """A library that has one known fault."""
    values = {
        "peer": "scripted", "package": "numpy", "version": version, "machine": "some-cpu_4c8t",
        "report": report(check()), "shown": [Shown(script="in_columns", shows=shows, printed="strides (4, 8)")],
    }  # fmt: skip
    return PeerResult(**{**values, **more})  # type: ignore[arg-type]


def times(whole: bool = True) -> Times:
    """Six layers, on each of which the library takes twice the time of torch and half that of numba_tiled."""
    cells = []
    for k in range(6):
        seconds = (k + 1) * 1e-3
        for name, factor in (("scripted", 2.0), ("torch_native", 1.0), ("numba_tiled", 4.0)):
            cells.append(
                a_cell(
                    name,
                    [factor * seconds] * 7,
                    group=f"im2col/{k}",
                    layer=f"net:{k}",
                    first_seconds=0.5,
                    resident_bytes=2**20 * int(factor) - 1,
                    peak_bytes=2**20 * int(factor),
                    cpu_ratio=1.9 if name == "scripted" else 1.0,
                )
            )
    cells.append(a_cell("scripted", group="slow", layer="net:slow", status=CellStatus.OVER_BUDGET, reason="slow"))
    return Times(machine=a_machine(), threads=1, allocator="steady", whole=whole, cells=cells)


def test_of_each_grade_it_is_counted_how_many_fail() -> None:
    found = report(
        check(), check(status=Status.FAIL), check(status=Status.XFAIL), check(Grade.FORM, Status.XFAIL),
        check(Grade.FORM, Status.FAIL, optional=True), check(Grade.FORM, Status.UNSUPPORTED, executed=0),
        check(Grade.SAFETY), check(Grade.SAFETY, Status.XPASS),
    )  # fmt: skip
    said = {grade: telling.grade_cell(found, grade) for grade in Grade}
    assert said == {"values": "**1 new**, 1 known of 3", "safety": "**1 new** of 2", "form": "1 known of 1"}


@pytest.mark.parametrize(
    ("checks", "verdict", "said"),
    [
        ([check()], Verdict.PASS, "pass"),
        ([check(Grade.FORM, Status.XFAIL)], Verdict.PASS, "deviates, as known"),
        ([check(Grade.FORM, Status.XFAIL), check(Grade.VALUES, Status.XFAIL)], Verdict.PASS, "fail, as known"),
        ([check(Grade.SAFETY, Status.XFAIL)], Verdict.PASS, "fail, as known"),
        ([check(Grade.VALUES, Status.XFAIL)], Verdict.DEVIATES, "deviates"),
    ],
)
def test_a_known_fault_is_a_fault(checks: list[CheckReport], verdict: Verdict, said: str) -> None:
    assert telling.verdict(report(*checks, verdict=verdict)) == said


def test_what_is_as_listed_is_no_surprise(peer: Peer) -> None:
    assert list(telling.surprises(peer, result())) == []
    assert list(telling.surprises(peer, result(report=report(check(Grade.FORM, Status.XFAIL))))) == []


def test_a_fault_that_is_mended_is_told(peer: Peer) -> None:
    (said,) = telling.surprises(peer, result(shows=False, version="1.1"))
    assert "numpy 1.1: the columns are in another order: does not show any more, it was last seen in 1.0" in said
    assert list(telling.surprises(peer, result(shows=False))) == []  # the same version, on another processor
    ((_, where),) = telling.faults(peer, result(shows=False))
    assert where == "does not show on this processor"


def test_failures_that_nobody_knows_are_told(peer: Peer) -> None:
    checks = [check(status=Status.FAIL), check(status=Status.XPASS), check(status=Status.FAIL, optional=True)]
    found = list(telling.surprises(peer, result(report=report(*checks, verdict=Verdict.FAIL, executed=1000))))
    assert found == [
        "numpy 1.0: 1 check of known failures passes",
        "numpy 1.0: a.check of im2col fails, which is no known failure: harness check it",
        "numpy 1.0: 1,000 of 1,234 cases were run: ",
    ]


def test_ratios_are_medians_over_layers() -> None:
    (speed,) = telling.speeds("scripted", ("torch_native", "numba_tiled"), times())
    assert speed.against == {"torch_native": pytest.approx((2, 2, 2)), "numba_tiled": pytest.approx((0.5, 0.5, 0.5))}
    assert speed.layers == {"torch_native": 6, "numba_tiled": 6}
    assert (speed.first_seconds, speed.bytes["scripted"], speed.threads) == (0.5, 2**21, 1.9)
    assert telling.untimed(times(), "scripted") == "1 time left out (predicted to take too long)"
    wrong = a_cell("scripted", group="wrong", status=CellStatus.FAIL, reason="from_numpy takes 9 ms")
    also_wrong = structs.replace(times(), cells=[wrong, *times().cells, wrong])
    assert telling.untimed(also_wrong, "scripted").startswith(
        "2 times left out (the first: from_numpy takes 9 ms); 1 time"
    )
    assert telling.untimed(times(whole=False), "scripted").endswith("the rest is not timed yet")


def test_the_page_has_a_row_for_each(peer: Peer) -> None:
    others = [structs.replace(peer, name=name, faults=[]) for name in ("blank", "lost")]
    lost = PeerResult(peer="lost", package="numpy", reason="pip cannot install numpy")
    text = page.markdown([peer, *others], {"scripted": result(times=times()), "lost": lost})
    named = "[numpy](https://example.org/scripted)"
    assert f"| {named} 1.0 | `scripted` | im2col alone | pass | 1,234 of 1,234 | 0 of 1 | 0 of 0 | 0 of 0 |" in text
    assert f"| {named} | `blank` | not looked at yet: `make scoreboard` |" in text
    assert f"| {named} | `lost` | pip cannot install numpy | unavailable |" in text
    assert (
        "| `scripted` | im2col | 2.0x slower: 2.00 [2.00, 2.00], 6 | 2.0x faster: 0.500 [0.500, 0.500], 6 | 500 ms | "
        "2.00 MiB (1.00 MiB) |"
    ) in text
    assert "`scripted` uses more than one thread: CPU time is up to 1.9 times the time." in text
    assert (
        "| numpy 1.0 | the columns are in another order | `form` | `docs/repros/in_columns.py` | shows in 1.0 |" in text
    )
    assert not text.startswith("**Not as listed:**")
    assert "| `scripted` | not timed yet |" in page.markdown([peer], {"scripted": result()})


def test_what_is_not_as_listed_stands_on_top(peer: Peer) -> None:
    text = page.markdown([peer], {"scripted": result(shows=False, version="1.1")})
    assert text.startswith(
        "**Not as listed:**\n\n- numpy 1.1: the columns are in another order: does not show any more"
    )


def test_a_report_has_the_script_and_what_it_printed(peer: Peer, tmp_path: Path) -> None:
    text = reports.markdown(tmp_path, [peer], {"scripted": result()})
    assert "## numpy: the columns are in another order\n" in text
    assert "print('strides')" in text
    assert "The script prints\n\n```text\nstrides (4, 8)\n```" in text
    assert "**Expected.** In rows." in text
    assert "has not run here yet" in reports.markdown(tmp_path, [peer], {})
    assert "on this one the script prints" in reports.markdown(tmp_path, [peer], {"scripted": result(shows=False)})


def _called(
    monkeypatch: pytest.MonkeyPatch, root: Path, peer: Peer, found: PeerResult | BaseException, *words: str
) -> object:
    """The exit code of the program, for one library of which that is found."""

    def looked(peer: Peer, asked: looking.Asked) -> PeerResult:
        if isinstance(found, BaseException):
            raise found
        return found

    monkeypatch.setattr(peers, "read", lambda: [peer])
    monkeypatch.setattr(program, "look", looked)
    monkeypatch.setattr(program, "Asked", lambda *given: looking.Asked(root=root))
    monkeypatch.setattr("sys.argv", ["scoreboard", *words])
    for file, marks in ((page.PAGE, page.MARKS), (reports.PAGE, reports.MARKS)):
        (root / file).write_text(f"{marks.begin}{marks.end}")
    with pytest.raises(SystemExit) as ended:
        program.main()
    return ended.value.code


def test_the_exit_code_says_what_is_not_as_listed(
    peer: Peer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    gone = PeerResult(peer="scripted", package="numpy", reason="pip cannot install numpy")
    codes = {
        _called(monkeypatch, tmp_path, peer, result(), "nobody"): "no such peer",
        _called(monkeypatch, tmp_path, peer, result()): "as listed",
        _called(monkeypatch, tmp_path, peer, AssertionError("it was looked at"), "--page"): "as listed",
        _called(monkeypatch, tmp_path, peer, result(shows=False, version="1.1")): "mended",
        _called(monkeypatch, tmp_path, peer, gone): "not to be had",
        _called(monkeypatch, tmp_path, peer, JudgingError("the script is broken")): "broken",
        _called(monkeypatch, tmp_path, peer, KeyboardInterrupt()): "interrupted",
    }
    assert codes == {
        0: "as listed",
        1: "mended",
        3: "not to be had",
        4: "broken",
        130: "interrupted",
        2: "no such peer",
    }
    said = capsys.readouterr().err
    assert "harness: no peer is called 'nobody'; there are scripted" in said
    assert "harness: scripted: the script is broken" in said
    assert "numpy: pip cannot install numpy" in said
    assert "not looked at yet" in (tmp_path / page.PAGE).read_text()  # after the interrupt too: nothing was kept
