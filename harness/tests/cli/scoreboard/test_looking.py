"""A library from its environment to its file: what is done is not done again, and what cannot be done is told."""

from __future__ import annotations

import subprocess
from pathlib import Path

import numpy as np
import pytest
from msgspec import structs

from harness.cli.scoreboard import environments, judging, looking, records
from harness.cli.scoreboard.environments import CannotInstall
from harness.cli.scoreboard.judging import JudgingError
from harness.cli.scoreboard.looking import Asked, look
from harness.cli.scoreboard.peers import Peer
from harness.cli.scoreboard.records import PeerResult
from harness.contract.status import Status, Verdict


def test_an_environment_sees_what_this_one_has(peer: Peer, tmp_path: Path) -> None:
    found = environments.make(peer, tmp_path / "here", tmp_path)
    assert found.version == np.__version__
    asked = "import sys, harness, msgspec; print(sys.prefix)"
    done = subprocess.run([found.python, "-c", asked], capture_output=True, text=True, check=True, cwd="/")
    assert done.stdout.strip() == str(tmp_path / "here/env")
    before = found.python.lstat().st_ctime_ns
    assert environments.make(peer, tmp_path / "here", tmp_path).python.lstat().st_ctime_ns == before
    (tmp_path / "here/installed.json").write_text("{}")  # as an install that was cut off leaves it
    assert environments.make(peer, tmp_path / "here", tmp_path).python.lstat().st_ctime_ns > before


def test_what_cannot_be_installed_is_a_row_with_its_reason(peer: Peer, tmp_path: Path) -> None:
    lost = structs.replace(peer, requires=["nowhere @ file:///nowhere/nowhere-1.0.tar.gz"])
    result = look(lost, Asked(root=tmp_path))
    assert result.reason.startswith("pip cannot install nowhere @ file:///nowhere")
    assert records.read(tmp_path / result.kept) == result
    with pytest.raises(CannotInstall, match="does not say its version"):
        environments.make(structs.replace(peer, package="nowhere"), tmp_path / "here", tmp_path)


def test_a_script_says_whether_its_fault_shows(peer: Peer, tmp_path: Path) -> None:
    environment = environments.make(peer, tmp_path / "here", tmp_path)
    (shown,) = judging.shown(peer, environment, tmp_path)
    assert (shown.shows, shown.printed) == (True, "strides")
    assert "contract.contiguous" in judging.known_failures(peer, [shown], tmp_path)
    (fault,) = peer.faults
    (tmp_path / fault.repro).write_text("print('right')\n")
    (shown,) = judging.shown(peer, environment, tmp_path)
    assert not shown.shows
    assert judging.known_failures(peer, [shown], tmp_path) == ""
    for text in ("import nowhere", "import sys; sys.exit(2)"):
        (tmp_path / fault.repro).write_text(text)
        with pytest.raises(JudgingError, match=r"in_columns.py says neither yes nor no"):
            judging.shown(peer, environment, tmp_path)


@pytest.mark.heavy
def test_a_library_is_judged_once(peer: Peer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = Asked(root=tmp_path, seconds=0)
    first = look(peer, asked)
    report = first.report
    assert report is not None
    assert (report.verdict, report.executed) == (Verdict.PASS, report.planned)
    assert report.counts[Status.XFAIL] > 0
    assert not looking.is_wrong(report)
    assert looking.ops_of(report) == ["im2col"]
    assert records.read(tmp_path / first.kept) == first
    times: list[str] = []

    def judged(*given: object) -> object:
        times.append("judged")
        return report

    monkeypatch.setattr(judging, "judged", judged)
    assert look(peer, asked) == first
    assert times == []
    (tmp_path / peer.plugin).write_text((tmp_path / peer.plugin).read_text() + "# another\n")
    assert look(peer, asked).key != first.key
    assert times == ["judged"]
    look(peer, Asked(root=tmp_path, seconds=0, again=True))
    assert times == ["judged", "judged"]


def test_a_run_without_a_document_is_told(peer: Peer, tmp_path: Path) -> None:
    environment = environments.make(peer, tmp_path / "here", tmp_path)
    (tmp_path / peer.plugin).unlink()
    with pytest.raises(JudgingError, match=r"harness check backends/peers/scripted.py ended with 2"):
        judging.judged(peer, environment, tmp_path, tmp_path, [])


def test_a_file_of_another_kind_is_as_good_as_none(tmp_path: Path) -> None:
    file = tmp_path / "a.json"
    assert records.read(file) is None
    for text in ("", "[]", '{"peer": 1}', '{"schema": 99, "peer": "a", "package": "a"}'):
        file.write_text(text)
        assert records.read(file) is None
    records.write(tmp_path, PeerResult(peer="a", package="b"))
    assert records.read(tmp_path / records.FOLDER / "a.json") == PeerResult(peer="a", package="b")
