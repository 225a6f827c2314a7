"""Runs the suite on a cluster for `harness check --scheduler`, and shows how far it is."""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import ExitStack

from conformance.cluster.running import ClusterRun, Telling
from conformance.run.records import BackendReport
from conformance.run.suite_run import Options
from harness.cli import suite_progress, terminal
from harness.cli.clusters import connecting
from harness.cli.terminal import Ticker
from harness.contract.targets import Target


def run_on_cluster(where: str, options: Options, asked: Sequence[Target]) -> tuple[list[BackendReport], bool]:
    """The reports of all backends, and whether the user interrupted. `where`: as `connecting.address` gives it."""
    start = time.monotonic()
    tickers: list[Ticker] = []
    with connecting.joined(where) as client, ExitStack() as showing:
        telling = Telling(
            terminal.say,
            lambda cases: tickers.append(showing.enter_context(Ticker("check on the cluster", cases))),
            lambda cases, by: tickers[0].step(f"worker {by}", cases),
        )
        run = ClusterRun(client, options, asked, telling)
        interrupted = run.run()
        reports = run.reports()
    if options.diagnose and not interrupted:
        try:
            reports = suite_progress.diagnosed(reports, asked, [None] * len(asked), options, start)
        except KeyboardInterrupt:
            return reports, True
    return reports, interrupted
