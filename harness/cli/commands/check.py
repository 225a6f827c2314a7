"""`harness check`: is it right?"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from conformance.cases.case import SelectionError
from conformance.cases.shard import Shard
from conformance.checks import external
from conformance.diagnosis.libraries import witnesses
from conformance.reports import junit, page, summary
from conformance.run import jobs as several
from conformance.run import versions, xfails
from conformance.run.plan import DEFAULT_TIER, Selection
from conformance.run.suite_run import Options, SuiteRun
from harness.calls.in_child import DEADLINE
from harness.cli import exit_codes, terminal
from harness.cli.options import Backends, Dtypes, JsonFile, Ops, chosen_dtypes, chosen_ops
from harness.contract import targets
from harness.contract.targets import Target
from harness.geometry.spec import ConvSpec
from harness.results.writing import require_writable, write_atomically


def check(
    names: Backends = None,
    ops: Ops = None,
    dtype: Dtypes = None,
    shape: Annotated[
        list[str] | None, typer.Option(metavar="SPEC", help="geometries instead of the suite's own")
    ] = None,
    pattern: Annotated[
        str, typer.Option("--check", metavar="GLOB", help="a check, a case id, or a pattern of either")
    ] = "",
    seed: Annotated[int, typer.Option(min=0, help="other data for every case")] = 0,
    tier: Annotated[
        int,
        typer.Option(
            min=0, max=4, help="0 discriminating, 1 standing, 2 exhaustive grid, 3 random search, 4 full-size layers"
        ),
    ] = DEFAULT_TIER,
    budget: Annotated[float | None, typer.Option(min=0.01, help="seconds in all, the most telling cases first")] = None,
    deadline: Annotated[
        float, typer.Option(min=0.1, help="seconds a call may take; the first of an op thrice")
    ] = DEADLINE,
    isolate: Annotated[bool, typer.Option(help="call backends that are not built in from a child process")] = True,
    jobs: Annotated[int, typer.Option(min=1, help="processes that share the cases")] = 1,
    threads: Annotated[int, typer.Option(min=1, help="threads of built-in backends in the grid of tier 2")] = 1,
    shard: Annotated[str, typer.Option(metavar="I/N", help="only part I of N")] = "1/1",
    known: Annotated[Path | None, typer.Option("--xfails", metavar="FILE", help="known failures, with reasons")] = None,
    as_of: Annotated[str, typer.Option(metavar="VERSION", help="only the checks of an older suite version")] = "",
    json_file: JsonFile = None,
    junit_file: Annotated[Path | None, typer.Option("--junit", metavar="FILE", help="also write JUnit XML")] = None,
    html_file: Annotated[Path | None, typer.Option("--html", metavar="FILE", help="also write an HTML page")] = None,
) -> None:
    """Is it right? Runs the conformance suite; without a name, on every registered backend."""
    selection = Selection(
        ops=chosen_ops(ops), dtypes=chosen_dtypes(dtype), specs=[ConvSpec.parse(s) for s in shape or []],
        check=pattern, seed=seed, tier=tier, shard=Shard.parse(shard), suite=versions.require(as_of),
    )  # fmt: skip
    files = [file for file in (json_file, junit_file, html_file) if file]
    for file in files:
        require_writable(file)
    if len({file.resolve() for file in files}) < len(files):
        raise SelectionError(f"--json, --junit and --html need a file each, got {', '.join(map(str, files))}")
    exclusions = xfails.read(known) if known else []
    options = Options(selection, float("inf") if budget is None else budget, deadline, isolate, exclusions, threads)
    asked = targets.resolve_all(names or targets.names())
    if jobs > 1:
        objects, interrupted = several.run(jobs, selection.shard, asked, sys.argv[1:])
    else:
        libraries = witnesses.installed() if html_file else witnesses.at_hand()
        objects, interrupted = check_here(options, asked, bool(names), libraries)
    if json_file:
        write_atomically(json_file, summary.as_text(objects, lines=json_file.suffix == ".jsonl"))
    if junit_file:
        write_atomically(junit_file, junit.junit(objects))
    if html_file:
        write_atomically(html_file, page.page(objects))
    terminal.show_checks(objects, [f"left out: {name}: {why}" for name, why in external.skipped().items()])
    if interrupted:
        raise KeyboardInterrupt
    raise typer.Exit(exit_codes.of_verdicts((o["verdict"], bool(names)) for o in objects))


def check_here(
    options: Options, asked: Sequence[Target], named: bool, libraries: Sequence[str]
) -> tuple[list[dict[str, Any]], bool]:
    """Run the suite in this process, with a progress bar: the objects, and whether the user interrupted."""
    session, interrupted = SuiteRun(options), False
    try:
        for target in asked:
            session.add(target, named)
        with terminal.Ticker("check", session.planned) as ticker:
            try:
                session.run(lambda cases, text: ticker.step(text, cases))
            except KeyboardInterrupt:
                interrupted = True
        return session.objects(libraries), interrupted
    finally:
        session.close()
