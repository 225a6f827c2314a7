"""Runs a command of somebody else's to its end, under a guardian: what it starts does not outlive it, or us."""

from __future__ import annotations

import signal
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from harness.calls import guardian

_LAST_WORDS = 10.0  # seconds to end well after a Ctrl-C


def run(words: Sequence[str], folder: Path, env: Mapping[str, str]) -> tuple[int, str]:
    """Exit code (below 0: the signal that ended it), and all that it printed. Ctrl-C goes on to it first."""
    with subprocess.Popen(
        guardian.command(words, asked=False), cwd=folder, env=dict(env), start_new_session=True, text=True,
        errors="replace", stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    ) as process:  # fmt: skip
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            text = process.stdout.read()
        except BaseException:
            process.send_signal(signal.SIGINT)
            try:
                process.wait(_LAST_WORDS)
            except subprocess.TimeoutExpired:
                process.stdin.close()  # the guardian ends it
            raise
        return process.wait(), text
