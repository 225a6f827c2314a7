"""One library from pip to its file: what is done already, for this version of all that matters, is not done again."""

from __future__ import annotations

import hashlib
import subprocess
from dataclasses import dataclass
from pathlib import Path

from msgspec import structs

from conformance.cases.suite_version import SUITE_VERSION
from conformance.run.records import BackendReport
from harness.cli import terminal
from harness.cli.scoreboard import environments, judging, records, timing
from harness.cli.scoreboard.environments import CannotInstall, Environment
from harness.cli.scoreboard.peers import ROOT, Peer
from harness.cli.scoreboard.records import PeerResult
from harness.contract.status import Grade, Status, Verdict
from harness.geometry.spec import OPS, Op
from harness.results import machine

CACHE = Path("build/scoreboard")


@dataclass(frozen=True)
class Asked:
    """How libraries are looked at: the newest versions, everything again, and seconds to time each (0: not at all)."""

    latest: bool = False
    again: bool = False
    seconds: float = 240.0
    root: Path = ROOT


def look(peer: Peer, asked: Asked) -> PeerResult:
    """Install, judge and time a peer; each step is kept when it ends. Raises `JudgingError`."""
    folder = asked.root / CACHE / peer.name
    try:
        environment = environments.make(peer, folder, asked.root, asked.latest)
    except CannotInstall as error:
        return _kept(asked.root, PeerResult(peer=peer.name, package=peer.package, reason=str(error)))
    result = _beginning(peer, environment, asked)
    if result.report is None:
        found = judging.shown(peer, environment, asked.root)
        terminal.say(f"{peer.name}: tier {judging.TIER} of the suite, for {peer.package} {environment.version}")
        report = judging.judged(peer, environment, asked.root, folder, found)
        gone = report.reason if report.verdict is Verdict.UNAVAILABLE else ""
        here = machine.facts()
        system = records.system_of(here)
        result = structs.replace(result, shown=found, report=report, reason=gone, machine=here.name, system=system)
        _kept(asked.root, result)
    if asked.seconds and _is_to_be_timed(result):
        result = _kept(asked.root, _timed(result, environment, asked))
    return result


def _beginning(peer: Peer, environment: Environment, asked: Asked) -> PeerResult:
    """What is kept of the same plug-in, version, known failures and suite; else a blank one."""
    texts = [peer.plugin, *(path for fault in peer.faults for path in (fault.repro, fault.known))]
    parts = [environment.version, SUITE_VERSION]
    parts += [p.read_text(encoding="utf-8") for p in (asked.root / text for text in texts) if p.exists()]
    key = hashlib.sha256("\0".join(parts).encode()).hexdigest()[:16]
    blank = PeerResult(peer=peer.name, package=peer.package, key=key, version=environment.version)
    old = None if asked.again else records.read(asked.root / blank.kept)
    return old if old is not None and old.key == key else blank


def _is_to_be_timed(result: PeerResult) -> bool:
    """Not what is timed on this machine already, nor what has wrong numbers that nobody knows of."""
    report, times = result.report, result.times
    if report is None or result.reason or is_wrong(report):
        return False
    return times is None or not times.whole or times.machine.name != machine.facts().name


def is_wrong(report: BackendReport) -> bool:
    """Whether numbers or memory are wrong beyond the known faults, or not all was run: then no time is believed."""
    unknown = any(one.status is Status.FAIL and one.grade is not Grade.FORM for one in report.checks)
    return unknown or report.executed < report.planned


def _timed(result: PeerResult, environment: Environment, asked: Asked) -> PeerResult:
    assert result.report is not None
    runs = asked.root / CACHE / result.peer / f"runs-{result.key}"
    command = [
        str(environment.python), "-m", "harness.cli.scoreboard.timing", result.peer, ",".join(ops_of(result.report)),
        f"{asked.seconds}", str(runs),
    ]  # fmt: skip
    done = subprocess.run(command, cwd=asked.root, check=False)
    if done.returncode:
        raise judging.JudgingError(f"the timing of {result.peer} ended with {done.returncode}, see above")
    return structs.replace(result, times=timing.kept(runs))


def ops_of(report: BackendReport) -> list[Op]:
    """The ops that were judged."""
    executed = {one.op for one in report.checks if one.executed}
    return [op for op in OPS if op in executed]


def _kept(root: Path, result: PeerResult) -> PeerResult:
    records.write(root, result)
    return result
