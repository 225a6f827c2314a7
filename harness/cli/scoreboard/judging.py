"""Whether a library is right: the scripts of its known faults, then tier 1 with these faults as known failures."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from pathlib import Path

import msgspec

from conformance.run.records import BackendReport
from harness.cli import terminal
from harness.cli.scoreboard.environments import Environment
from harness.cli.scoreboard.peers import Fault, Peer
from harness.cli.scoreboard.records import Shown

DTYPE, TIER = "float32", 1
_ENOUGH = 600.0  # seconds for a script that takes one
_DEADLINE = 60.0  # seconds of a call, as some compile in it
_SHOWS, _SHOWS_NOT = 1, 0
_JUDGED = (0, 1, 3)  # exit codes of `harness check` that come with a document


class JudgingError(RuntimeError):
    """A script or a run of the suite that ended in a way that says nothing; the text says how."""


def shown(peer: Peer, environment: Environment, root: Path) -> list[Shown]:
    """Run the scripts of all known faults of a peer. Raises `JudgingError` for one that fails in another way."""
    return [_shown(fault, environment, root) for fault in peer.faults]


def _shown(fault: Fault, environment: Environment, root: Path) -> Shown:
    with terminal.waiting(f"{fault.repro}"):
        command = [environment.python, root / fault.repro]
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=_ENOUGH)
    if done.returncode not in (_SHOWS, _SHOWS_NOT) or (done.returncode and "Traceback" in done.stderr):
        last = (done.stderr.strip().splitlines() or [""])[-1]
        raise JudgingError(f"{fault.repro} says neither yes nor no, it ended with {done.returncode}: {last}")
    return Shown(script=fault.script, shows=done.returncode == _SHOWS, printed=done.stdout.strip())


def known_failures(peer: Peer, found: Sequence[Shown], root: Path) -> str:
    """The known failures of the faults that show here, as `--xfails` reads them."""
    here = {one.script for one in found if one.shows}
    files = [root / fault.known for fault in peer.faults if fault.script in here]
    return "".join(path.read_text(encoding="utf-8") for path in files if path.exists())


def judged(peer: Peer, environment: Environment, root: Path, folder: Path, found: Sequence[Shown]) -> BackendReport:
    """Run tier 1 on a peer in its environment; what is said goes to this terminal. Raises `JudgingError`."""
    xfails, document = folder / "xfails.txt", folder / "check.json"
    xfails.write_text(known_failures(peer, found, root), encoding="utf-8")
    document.unlink(missing_ok=True)
    command = [
        str(environment.python), "-m", "harness", "check", str(peer.plugin), "--dtype", DTYPE, "--tier", str(TIER),
        "--deadline", f"{_DEADLINE}", "--no-diagnose", "--xfails", str(xfails), "--json", str(document),
    ]  # fmt: skip
    done = subprocess.run(command, cwd=root, stdout=subprocess.DEVNULL, check=False)
    if done.returncode not in _JUDGED or not document.exists():
        raise JudgingError(f"harness check {peer.plugin} ended with {done.returncode}, see above")
    (report,) = msgspec.json.decode(document.read_bytes(), type=list[BackendReport])
    return report
