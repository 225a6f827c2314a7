"""Runs the suite for a command, here or in several processes, and shows how far it is."""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import ExitStack

from conformance.parallel import parent
from conformance.reports import summary
from conformance.reports.causes import of_runs
from conformance.run.records import BackendReport
from conformance.run.suite_run import Options, SuiteRun
from harness.calls.caller import Caller
from harness.calls.limits.threads import usable
from harness.cli import terminal
from harness.cli.terminal import Ticker
from harness.contract.targets import Target


def run_here(
    options: Options, asked: Sequence[Target], named: bool, libraries: Sequence[str] = ()
) -> tuple[list[BackendReport], bool]:
    """Run the suite in this process, with a progress bar: the reports, and whether the user interrupted."""
    start = time.monotonic()
    with SuiteRun(options) as suite_run:
        suite_run.add_all(asked, named, terminal.waiting)
        with Ticker("check", suite_run.planned) as ticker:
            interrupted = suite_run.run_until_interrupted(lambda cases, check_id: ticker.step(check_id, cases))
        try:
            reports = summary.reports(suite_run, libraries)
            if options.diagnose and not interrupted:
                callers = [of_runs.usable_caller(backend) for backend in suite_run.backends]
                reports = diagnosed(reports, asked, callers, options, start)
            return reports, interrupted
        except KeyboardInterrupt:  # what is finished is told; other libraries are not asked about it
            return summary.reports(suite_run), True


def at_most(jobs: int) -> int:
    """No more processes than can run at once; says so if there would be."""
    most = usable()
    if jobs > most:
        terminal.say(f"--jobs {jobs} is capped at {most}, the hardware threads of this machine")
    return min(jobs, most)


def run_in_jobs(
    count: int, options: Options, asked: Sequence[Target], named: bool, libraries: Sequence[str]
) -> tuple[list[BackendReport], bool]:
    """The same in `count` processes, with plain lines: one terminal has no room for several bars."""
    start = time.monotonic()
    tickers: dict[int, Ticker] = {}
    names = ", ".join(target.name for target in asked)
    with ExitStack() as running, ExitStack() as loading:
        loading.enter_context(terminal.waiting(f"{count} processes to load and plan {names}"))

        def progress(one: parent.JobProgress) -> None:
            if one.number not in tickers:
                ticker = Ticker(f"job {one.number} of {count}: check", one.planned, bar=False)
                tickers[one.number] = running.enter_context(ticker)
            if len(tickers) == count:
                loading.close()
            tickers[one.number].step(one.check_id, one.cases)

        reports, interrupted = parent.run(count, options, asked, named, libraries, progress)
    if options.diagnose and not interrupted:
        try:
            reports = diagnosed(reports, asked, [None] * len(asked), options, start)
        except KeyboardInterrupt:
            return reports, True
    return reports, interrupted


def diagnosed(
    reports: Sequence[BackendReport],
    asked: Sequence[Target],
    callers: Sequence[Caller | None],
    options: Options,
    start: float,
) -> list[BackendReport]:
    """The reports with the causes of what failed, in the time that is left of the budget since `start`."""
    end = of_runs.until(start, options.budget)
    return of_runs.diagnosed(reports, asked, callers, options, end, terminal.waiting, terminal.say)
