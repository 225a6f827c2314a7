"""`harness check`: is it right?"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from math import inf
from pathlib import Path
from typing import Annotated

import typer
from msgspec import structs

from conformance.cases.case import MOST_SEED
from conformance.cases.grids import grid, wide_grid
from conformance.cases.selection import DEFAULT_TIER, TIERS, Selection
from conformance.cases.shard import Shard
from conformance.checks import external
from conformance.cluster.remote.identity import source_of
from conformance.diagnosis.libraries import witnesses
from conformance.reports import junit, page, summary
from conformance.run import plan, versions, xfails
from conformance.run.again import last_run
from conformance.run.records import BackendReport
from conformance.run.suite_run import Options
from harness.calls.limits.seconds import DEADLINE
from harness.cli import check_table, exit_codes, outputs, streams, terminal
from harness.cli.checking import again, watching
from harness.cli.clusters import connecting
from harness.cli.clusters.checking import run_on_cluster
from harness.cli.options import (
    Backends,
    Dtypes,
    JsonFile,
    Ops,
    chosen_dtypes,
    chosen_ops,
    file,
    given,
    seconds,
    threads_here,
    whole,
)  # fmt: skip
from harness.cli.project import settings
from harness.cli.suite_progress import at_most, run_here, run_in_jobs
from harness.contract import targets
from harness.contract.status import Grade
from harness.contract.targets import Target
from harness.geometry.spec import ConvSpec

_DEADLINE = "seconds a call may take, inf for no limit; the first of an op thrice, loading 6 times (30 at least)"


def check(
    names: Backends = None,
    ops: Ops = None,
    dtype: Dtypes = None,
    shape: Annotated[
        list[str] | None, typer.Option(metavar="SPEC", help="geometries instead of the suite's own")
    ] = None,
    pattern: Annotated[
        str | None,
        typer.Option("--check", metavar="GLOB", help="a check, a case id (also a short one), or a pattern of either"),
    ] = None,
    last_failed: Annotated[
        bool, typer.Option("--last-failed", help="only the cases that failed in the run before, in this folder")
    ] = False,
    fail_fast: Annotated[
        bool, typer.Option("--fail-fast", help="end the run at the first failure of what --require asks for")
    ] = False,
    watch: Annotated[bool, typer.Option("--watch", help="again whenever a file of a backend is saved")] = False,
    seed: Annotated[int, typer.Option(parser=whole(0, MOST_SEED), metavar="N", help="other data for every case")] = 0,
    tier: Annotated[
        int,
        typer.Option(
            parser=whole(TIERS[0], TIERS[-1]),
            metavar="0..4",
            help="0 discriminating, 1 standing, 2 exhaustive grid, 3 random search, 4 full-size layers",
        ),
    ] = DEFAULT_TIER,
    budget: Annotated[
        float | None,
        typer.Option(parser=seconds(0.01, inf), metavar="S", help="seconds in all, the most telling cases first"),
    ] = None,
    deadline: Annotated[
        float,
        typer.Option(parser=seconds(0.1, inf), metavar="S", help=_DEADLINE),
    ] = DEADLINE,
    isolate: Annotated[bool, typer.Option(help="call backends that are not built in from a child process")] = True,
    jobs: Annotated[
        int,
        typer.Option(
            parser=whole(1, 2**31 - 1), metavar="N", help="processes that share the cases; no more than cores"
        ),
    ] = 1,
    scheduler: Annotated[
        str | None,
        typer.Option(metavar="ADDRESS", help="share the cases among the workers of a dask scheduler; local:N starts N"),
    ] = None,
    sweep: Annotated[
        int | None,
        typer.Option(
            parser=whole(1, wide_grid.MOST),
            metavar="N",
            help="nothing but the first N of 10^9 geometries",
        ),
    ] = None,
    threads: Annotated[
        int,
        typer.Option(parser=threads_here, metavar="N", help="threads of built-in backends in the grid of tier 2"),
    ] = 1,
    shard: Annotated[str, typer.Option(metavar="I/N", help="only part I of N")] = "1/1",
    known: Annotated[
        Path | None, typer.Option("--xfails", parser=file, metavar="FILE", help="known failures, with reasons")
    ] = None,
    as_of: Annotated[
        str | None, typer.Option(metavar="VERSION", help="only the checks of an older suite version")
    ] = None,
    require: Annotated[
        Grade, typer.Option(help="what has to be right for exit code 0: numbers, also memory, also form")
    ] = Grade.FORM,
    diagnosis: Annotated[
        bool, typer.Option("--diagnose/--no-diagnose", help="look for the cause of what fails, by an experiment")
    ] = True,
    json_file: JsonFile = None,
    junit_file: Annotated[
        Path | None, typer.Option("--junit", parser=file, metavar="FILE", help="also write JUnit XML")
    ] = None,
    html_file: Annotated[
        Path | None, typer.Option("--html", parser=file, metavar="FILE", help="also write an HTML page")
    ] = None,
) -> None:
    """Is it right? Runs the conformance suite; without a name, on those of pyproject.toml, or all registered."""
    ours = settings.read()
    of_project = () if names else ours.backends
    asked, named = targets.resolve_all(names or of_project or targets.names()), bool(names or of_project)
    failures_of_project = None if known else ours.known_failures(asked)
    version_of_project = ours.as_of if as_of is None else ""
    known = known or failures_of_project
    if sweep is not None:
        if pattern or shape or last_failed:
            raise typer.BadParameter("--sweep has geometries of its own; leave out --check, --shape and --last-failed")
        pattern, tier = grid.CHECK_ID, 2
    before = again.failed_before(asked) if last_failed and not watch else ()
    selection = Selection(
        ops=chosen_ops(ops), dtypes=chosen_dtypes(dtype),
        specs=list(dict.fromkeys(ConvSpec.parse(given("--shape", text)) for text in shape or [])),
        pattern=again.meant(given("--check", pattern)), seed=seed, tier=tier, shard=Shard.parse(shard),
        suite=versions.require(given("--as-of", as_of) or version_of_project), cases=before, sweep=sweep or 0,
    )  # fmt: skip
    if fail_fast and jobs > 1:
        raise typer.BadParameter("--fail-fast ends at the first failure of one process; leave out --jobs")
    where = None if scheduler is None else connecting.address(scheduler)
    if where and (fail_fast or jobs > 1):
        raise typer.BadParameter("--scheduler has workers of its own; leave out --jobs and --fail-fast")
    files = outputs.require((json_file, junit_file, html_file), [*outputs.files_of(asked), known])
    if html_file is not None:
        page.require()
    with terminal.waiting(f"known failures {str(known)!r} to be read"):
        exclusions = xfails.read(known) if known else []
    stop_at = require if fail_fast else None
    options = Options(
        selection, inf if budget is None else budget, deadline, isolate, exclusions, threads, diagnosis, stop_at
    )
    ours.tell(backend=of_project, xfails=failures_of_project, as_of=version_of_project)
    if watch:
        watching.watch(asked, sys.argv[1:])
    libraries = witnesses.installed() if html_file else witnesses.at_hand()
    jobs, before_run = at_most(jobs), [source_of(target) for target in asked]
    with streams.kept():
        if where:
            reports, interrupted = run_on_cluster(where, options, asked)
        elif jobs > 1:
            reports, interrupted = run_in_jobs(jobs, options, asked, named, libraries)
        else:
            reports, interrupted = run_here(options, asked, named, libraries)
    reports = _with_sources(reports, asked, before_run, selection)
    last_run.remember(asked, reports, selection)
    with terminal.aside(outputs.takes_stdout(files)):
        check_table.show(reports, _left_out(selection))
    lines = json_file is not None and json_file.suffix == ".jsonl"
    code = outputs.write(
        (
            (json_file, lambda: summary.as_text(reports, lines=lines)),
            (junit_file, lambda: junit.junit(reports)),
            (html_file, lambda: page.render(reports)),
        ),
        exit_codes.of_reports(reports, named, require),
    )
    if interrupted:
        raise KeyboardInterrupt
    raise typer.Exit(code)


def _left_out(selection: Selection) -> list[str]:
    """What was asked for and has no case on this machine."""
    if not plan.may_have_cases(external.ID, selection):
        return []
    return [f"left out: {name}: {why}" for name, why in external.skipped().items()]


def _with_sources(
    reports: Sequence[BackendReport], asked: Sequence[Target], before: Sequence[str], selection: Selection
) -> list[BackendReport]:
    """The reports with what was asked of which sources; of a file that was saved meanwhile nobody knows."""
    told = []
    for one, target, source in zip(reports, asked, before, strict=False):
        if source_of(target) != source:
            terminal.say(f"{target.name}: {target.text} was changed while it was judged; run it again")
            source = ""
        told.append(structs.replace(one, source=source, selection=selection.digest))
    return [*told, *reports[len(told) :]]
