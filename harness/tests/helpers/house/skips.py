"""Counts what our own tests skip, and fails a run in which a whole group was skipped for no reason that holds.

A group is a test file, or of the conformance suite one backend. A reason holds if what it says is missing is not there.
"""

from __future__ import annotations

import importlib.util
import re
import shutil
from collections import Counter, defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field

import pytest

# What a reason says is missing; the group is the name of a package.
_MISSING_PACKAGE = re.compile(
    r"No module named '([\w.]+)'|could not import '([\w.]+)'|(?:the package )?([\w-]+) is (?:not installed|missing)"
)
_MISSING_PROGRAM = re.compile(r"([\w-]+) is not on PATH")
# Reasons that speak of the machine and not of a package.
_OF_THE_MACHINE = ("no CUDA device", "is built without CUDA", "not in a git checkout", "this CPU has no AVX2")
_MODULES = {"cupy": "cupy", "mkdocs-material": "material", "pyyaml": "yaml"}


def is_missing(name: str) -> bool:
    """Whether a package cannot be imported here."""
    module = _MODULES.get(name.lower(), name.partition(".")[0].replace("-", "_"))
    return importlib.util.find_spec(module) is None


def group_of(nodeid: str) -> str:
    """The file of a test; with the backend, where the conformance suite runs on several."""
    file, _, rest = nodeid.partition("::")
    backend = re.search(r"\[(\w+)-", rest)
    return f"{file}[{backend[1]}]" if file.startswith("conformance/") and backend else file


@dataclass(eq=False)
class Skips:
    """A plugin of pytest for our own runs: register an instance."""

    missing: Callable[[str], bool] = is_missing
    reasons: Counter[str] = field(default_factory=Counter)
    _ran: Counter[str] = field(default_factory=Counter)
    _skipped: defaultdict[str, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))

    def saw(self, nodeid: str, reason: str | None) -> None:
        """One test or file: why it was skipped, or None if it ran."""
        group = group_of(nodeid)
        if reason is None:
            self._ran[group] += 1
        else:
            self.reasons[reason] += 1
            self._skipped[group][reason] += 1

    def holds(self, reason: str) -> bool:
        """Whether a reason is given, and what it says is missing is missing."""
        found = _MISSING_PACKAGE.search(reason)
        if found:
            return self.missing(next(name for name in found.groups() if name))
        program = _MISSING_PROGRAM.search(reason)
        if program:
            return shutil.which(program[1]) is None
        return any(text in reason for text in _OF_THE_MACHINE)

    def unexplained(self) -> list[str]:
        """The groups of which nothing ran for a reason that does not hold, each as a line."""
        return [
            f"{group}: all {sum(reasons.values())} were skipped: {reason or 'no reason was given'}"
            for group, reasons in sorted(self._skipped.items())
            if not self._ran[group]
            for reason in reasons
            if not self.holds(reason)
        ]

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Pytest tells what became of a test."""
        if report.skipped and not hasattr(report, "wasxfail"):
            self.saw(report.nodeid, _reason(report))
        elif report.when == "call":
            self.saw(report.nodeid, None)

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        """Pytest tells what became of a file: one that lacks its library is skipped as a whole."""
        if report.skipped:
            self.saw(report.nodeid, _reason(report))

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """A run with an unexplained group is not green."""
        if self.unexplained() and session.exitstatus == pytest.ExitCode.OK:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """What was skipped, by reason, and what must not have been."""
        for reason, count in self.reasons.most_common():
            terminalreporter.write_line(f"skipped {count}: {reason}")
        for line in self.unexplained():
            terminalreporter.write_line(f"FAILED, a whole group was skipped: {line}", red=True)


def _reason(report: pytest.TestReport | pytest.CollectReport) -> str:
    text = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
    return text.removeprefix("Skipped: ").removeprefix("Skipped").strip()
