"""An environment for each library: what it needs is its own, and the harness, torch and Numba are seen through it.

So two libraries never have to agree on a version, and what all of them are compared with is installed once.
"""

from __future__ import annotations

import json
import subprocess
import sys
import sysconfig
import venv
from pathlib import Path
from typing import NamedTuple

from harness.cli import terminal
from harness.cli.scoreboard.peers import Peer
from harness.telling import one_line

_OURS = "im2col_harness_base.pth"


class CannotInstall(RuntimeError):
    """A library that cannot be installed here; the text says why."""


class Environment(NamedTuple):
    """Where a library is installed."""

    python: Path
    version: str  # of the library


def make(peer: Peer, folder: Path, root: Path, latest: bool = False) -> Environment:
    """Install a peer into `folder`, unless it is there already. Raises `CannotInstall`."""
    home, stamp = folder / "env", folder / "installed.json"
    wanted = {"python": sys.version, "base": sysconfig.get_path("purelib"), "wanted": peer.wanted(latest)}
    python = home / "bin" / "python"
    if latest or not python.exists() or _read(stamp) != wanted:
        folder.mkdir(parents=True, exist_ok=True)
        stamp.unlink(missing_ok=True)
        with terminal.waiting(f"pip to install {peer.package}"):
            venv.create(home, clear=True, symlinks=True)
            _let_through(home, root)
            _install(python, peer.wanted(latest), latest)
        stamp.write_text(json.dumps(wanted), encoding="utf-8")
    return Environment(python, _version(python, peer.package))


def _let_through(home: Path, root: Path) -> None:
    """Let the environment see the checkout and this environment, after all that is its own.

    What is installed to be edited is found by files of that folder that are obeyed only if it is a site of packages.
    """
    (site,) = home.glob("lib/python*/site-packages")
    base = f"import site; site.addsitedir({sysconfig.get_path('purelib')!r})"
    (site / _OURS).write_text(f"{root}\n{base}\n", encoding="utf-8")


def _install(python: Path, wanted: list[str], latest: bool) -> None:
    if not wanted:
        return
    command = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--python", str(python), "install", "-q"]
    done = subprocess.run([*command, *(["--upgrade"] * latest), *wanted], capture_output=True, text=True, check=False)
    if done.returncode:
        errors = [line for line in done.stderr.splitlines() if line.startswith("ERROR:")] or done.stderr.splitlines()
        said = errors[-1] if errors else f"pip ended with {done.returncode}"
        raise CannotInstall(f"pip cannot install {', '.join(wanted)}: {one_line(said.removeprefix('ERROR: '))}")


def _version(python: Path, library: str) -> str:
    asked = f"from importlib.metadata import version; print(version({library!r}))"
    done = subprocess.run([str(python), "-c", asked], capture_output=True, text=True, check=False)
    if done.returncode:
        raise CannotInstall(f"{library} is installed, and does not say its version: {one_line(done.stderr)}")
    return done.stdout.strip()


def _read(stamp: Path) -> object:
    try:
        return json.loads(stamp.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
