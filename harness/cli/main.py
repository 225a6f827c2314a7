"""The command line: `harness backends | check | bench | compare | report`. Outermost; nothing imports it.

Exit codes: 2 the call is wrong (one line, before anything runs); 4 the harness itself failed; 1 a backend failed;
3 a backend is incomplete, or was named and is unavailable; 0 otherwise. Ctrl-C keeps what is finished and gives 130.
"""

from __future__ import annotations

import json
import sys
import traceback
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any, get_args

import typer

from conformance.cases.case import CaseError
from conformance.cases.shard import Shard
from conformance.checks import external
from conformance.diagnosis import witnesses
from conformance.reports import junit, page, summary
from conformance.run import engine, versions, xfails
from conformance.run import jobs as several
from conformance.run.plan import DEFAULT_TIER, Selection
from conformance.run.suite_run import Options, SuiteRun
from harness import __version__
from harness.calls.caller import InProcess
from harness.calls.in_child import DEADLINE
from harness.calls.worker import ALLOCATORS
from harness.cli import terminal
from harness.contract import registry
from harness.contract.protocol import DTYPES, BackendUnavailable
from harness.geometry import layers
from harness.geometry.spec import OPS, ConvSpec, Op, SpecError
from harness.results import machine, ratios, run_files
from harness.results.run_files import Record
from harness.timing import asv_bridge, run

app = typer.Typer(add_completion=False, no_args_is_help=True, help=__doc__, pretty_exceptions_enable=False)

# Typer brings its own copy of Click since 0.27; this is the base of its errors in either case.
_ClickException: Any = next(c for c in typer.BadParameter.__mro__ if c.__name__ == "ClickException")
_CALLER_ERRORS = (
    _ClickException, SpecError, CaseError, registry.RegistryError, layers.ShapesError, run_files.ResultsError,
    engine.SelectionError, xfails.XfailsError,
)  # fmt: skip

Backends = Annotated[
    list[str] | None, typer.Argument(metavar="[BACKEND]...", help="a name, file.py[:Attr] or module:Attr")
]
Ops = Annotated[list[str] | None, typer.Option(help=f"ops, comma-separated: {', '.join(OPS)}")]
Dtypes = Annotated[list[str] | None, typer.Option("--dtype", help="dtypes, comma-separated")]
JsonFile = Annotated[Path | None, typer.Option("--json", metavar="FILE", help="also write the result as JSON")]
_SETS = f"layers: {', '.join(layers.set_names())}, a file, or a spec"
ShapeSet = Annotated[str, typer.Option("--shapes", metavar="SET|FILE|SPEC", help=_SETS)]
Batch = Annotated[int | None, typer.Option(min=1, metavar="N", help="images of every layer, instead of its own")]
Threads = Annotated[int, typer.Option(min=1, help="threads of every library")]
Allocator = Annotated[str, typer.Option(help="steady (nobody pays page faults) or default (what users see)")]


def main() -> None:
    """Run the program and exit; all exit codes are decided here or returned by a command."""
    try:
        sys.path.insert(0, "")  # as `python -m harness` has it: module:Attr may lie in the current folder
        code = app(standalone_mode=False)
        if code == _INTERRUPTED:  # Typer has caught the Ctrl-C
            terminal.say("harness: interrupted")
    except _CALLER_ERRORS as error:
        text = error.format_message() if isinstance(error, _ClickException) else str(error)
        if text:  # a bare `harness` has printed its help already
            terminal.say(f"harness: {' '.join(text.split())}")
        code = 2
    except KeyboardInterrupt:
        terminal.say("harness: interrupted")
        code = _INTERRUPTED
    except Exception:
        traceback.print_exc()
        terminal.say("harness: this is a fault of the harness itself, please report it with the lines above")
        code = 4
    sys.exit(code if isinstance(code, int) else 0)


@app.callback(invoke_without_command=True)
def _version(version: Annotated[bool, typer.Option("--version", help="print the version")] = False) -> None:
    if version:
        print(__version__)
        raise typer.Exit(0)


@app.command()
def backends(as_json: Annotated[bool, typer.Option("--json", help="print JSON")] = False) -> None:
    """Every registered backend: available or why not, device, versions, claimed ops and dtypes."""
    found = [_describe(name) for name in registry.names()]
    if as_json:
        print(json.dumps(found, indent=2))
        return
    rows = [
        [b["backend"], "available" if b["available"] else "unavailable", ", ".join(b["dtypes"]), b["derived"],
         b["reason"] or ", ".join(f"{k} {v}" for k, v in b["info"].items())]
        for b in found
    ]  # fmt: skip
    terminal.table("", ("backend", "status", "dtypes", "derived by lowering", "device, versions or reason"), rows)


@app.command()
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
        ops=_ops(ops), dtypes=_dtypes(dtype), specs=[ConvSpec.parse(s) for s in shape or []], check=pattern, seed=seed,
        tier=tier, shard=Shard.parse(shard), suite=versions.require(as_of),
    )  # fmt: skip
    files = [file for file in (json_file, junit_file, html_file) if file]
    for file in files:
        run_files.require_writable(file)
    if len({file.resolve() for file in files}) < len(files):
        raise engine.SelectionError(f"--json, --junit and --html need a file each, got {', '.join(map(str, files))}")
    exclusions = xfails.read(known) if known else []
    options = Options(selection, float("inf") if budget is None else budget, deadline, isolate, exclusions, threads)
    targets = _distinct(names or registry.names())
    if jobs > 1:
        objects, interrupted = several.run(jobs, selection.shard, targets, sys.argv[1:])
    else:
        asked = witnesses.installed() if html_file else witnesses.at_hand()
        objects, interrupted = _check_here(options, targets, bool(names), asked)
    write = run_files.write_atomically
    if json_file:
        write(json_file, summary.as_text(objects, lines=json_file.suffix == ".jsonl"))
    if junit_file:
        write(junit_file, junit.junit(objects))
    if html_file:
        write(html_file, page.page(objects))
    terminal.show_checks(objects, [f"left out: {name}: {why}" for name, why in external.skipped().items()])
    if interrupted:
        raise KeyboardInterrupt
    given = set(names or [])
    raise typer.Exit(
        _verdict_code([(o["verdict"], target in given) for target, o in zip(targets, objects, strict=True)])
    )


def _check_here(
    options: Options, targets: Sequence[str], named: bool, libraries: Sequence[str]
) -> tuple[list[Record], bool]:
    session, interrupted = SuiteRun(options), False
    try:
        for target in targets:
            session.add(target, named)
        with terminal.Ticker("check", session.planned) as ticker:
            try:
                session.run(lambda cases, text: ticker.step(text, cases))
            except KeyboardInterrupt:
                interrupted = True
        return session.objects(libraries), interrupted
    finally:
        session.close()


@app.command("bench")
def bench_command(
    names: Backends = None,
    shape_set: ShapeSet = "quick",
    batch: Batch = None,
    ops: Ops = None,
    dtype: Dtypes = None,
    budget: Annotated[
        float, typer.Option(min=0.01, help="seconds a cell may take; longer ones are skipped, with a prediction")
    ] = run.DEFAULT_BUDGET,
    threads: Threads = 1,
    allocator: Allocator = "steady",
    out: Annotated[Path, typer.Option("--results", metavar="DIR", help="results folder")] = Path("results"),
    asv: Annotated[bool, typer.Option(help="let asv record the run")] = True,
) -> None:
    """How fast is it? Measures every cell, keeps it as it ends, lets asv record the run; continues if interrupted."""
    chosen = _distinct(names or registry.names())
    plan = run.Plan(
        shape_set, layers.read_layers(shape_set, batch), chosen, _ops(ops) or OPS, _dtypes(dtype) or ("float32",),
        threads, _allocator(allocator), budget, batch=batch,
    )  # fmt: skip
    plan = replace(plan, barred=_wrong(plan))
    cells: list[Record] = []
    with terminal.Ticker("bench", plan.cells) as ticker:

        def progress(cell: Record) -> None:
            cells.append(cell)
            ticker.step(f"{cell['layer']} {cell['op']} {cell['backend']}")

        file = run.run(plan, out / "runs", progress)
    counts = {s: sum(c["status"] == s for c in cells) for s in run_files.STATUSES}
    terminal.say(
        f"measured {counts['ok']} of {len(cells)} cells"
        + "".join(f", {n} {s}" for s, n in counts.items() if n and s != "ok")
    )
    for cell in [c for c in cells if c["status"] in ("fail", "crashed", "hung")][:10]:
        terminal.say(f"  {cell['status']}: {cell['backend']} {cell['op']} {cell['layer']}: {cell['reason']}")
    if asv:
        terminal.say(asv_bridge.record(file.path))
    print(file.path)
    raise typer.Exit(_cells_code(cells, names or []))


@app.command()
def compare(
    names: Backends = None,
    shape_set: ShapeSet = "quick",
    batch: Batch = None,
    ops: Ops = None,
    dtype: Dtypes = None,
    pairs: Annotated[
        int, typer.Option(min=1, help="interleaved pairs a layer; fewer for calls that take seconds")
    ] = run.DEFAULT_ROUNDS,
    threads: Threads = 1,
    allocator: Allocator = "steady",
    json_file: JsonFile = None,
) -> None:
    """Backend against backend: the first named against each of the others, in interleaved pairs."""
    if len(names or []) < 2:
        raise typer.BadParameter("compare takes at least two backends")
    chosen = _distinct(names or [])
    plan = run.Plan(
        shape_set, layers.read_layers(shape_set, batch), chosen, _ops(ops) or OPS, _dtypes(dtype) or ("float32",),
        threads, _allocator(allocator), _COMPARE_BUDGET, pairs, batch=batch,
    )  # fmt: skip
    if json_file:
        run_files.require_writable(json_file)
    plan = replace(plan, barred=_wrong(plan))
    cells: list[Record] = []
    described: list[Record] = []
    interrupted = False
    try:
        with terminal.Ticker("compare", plan.cells) as ticker:
            step = lambda cell: ticker.step(f"{cell['layer']} {cell['op']}")  # noqa: E731
            for cell in run.measure(plan, step, described.append):
                cells.append(cell)
    except KeyboardInterrupt:
        interrupted = True
    table = ratios.rows(cells, [registry.known_as(target) for target in chosen], described)
    means = ratios.geomeans(table)
    if json_file:
        document = {
            "schema": ratios.SCHEMA, "machine": machine.facts(), "threads": threads, "allocator": allocator,
            "ceilings": [r for r in described if r["kind"] == "ceilings"], "rows": table, "geomean": means,
        }  # fmt: skip
        run_files.write_atomically(json_file, json.dumps(document, indent=1) + "\n")
    terminal.show_comparison(table, means, f"{threads} thread(s), {allocator} allocator")
    if interrupted:
        raise KeyboardInterrupt
    raise typer.Exit(_cells_code(cells, chosen))


@app.command()
def report(
    out: Annotated[Path, typer.Option(metavar="DIR", help="folder of the report")] = Path("results/report"),
    source: Annotated[Path, typer.Option("--results", metavar="DIR", help="results folder")] = Path("results"),
    machine_name: Annotated[
        str | None,
        typer.Option("--machine", metavar="NAME", help="machine to report on; default: the one measured last"),
    ] = None,
) -> None:
    """Results to one self-contained index.html, with every figure as PNG and every table as CSV and Markdown."""
    from harness.report import write

    print(write(source, out, machine_name))


_COMPARE_BUDGET = 30.0  # seconds a cell
_INTERRUPTED = 130


def _describe(name: str) -> dict[str, Any]:
    try:
        backend = registry.load(name)
    except (BackendUnavailable, registry.RegistryError) as reason:
        return {
            "backend": name,
            "available": False,
            "reason": str(reason),
            "info": {},
            "ops": [],
            "native": [],
            "derived": "",
            "dtypes": [],
        }
    derived = [op for op in OPS if op not in backend.native]
    return {
        "backend": name, "available": True, "reason": "", "info": backend.info, "ops": list(OPS),
        "native": sorted(backend.native), "derived": ", ".join(derived),
        "dtypes": engine.claimed_dtypes(InProcess(backend)),
    }  # fmt: skip


def _verdict_code(verdicts: Sequence[tuple[str, bool]]) -> int:
    """From (verdict, whether the backend was named)."""
    if any(verdict == "fail" for verdict, _ in verdicts):
        return 1
    return (
        3 if any(verdict == "incomplete" or (verdict == "unavailable" and named) for verdict, named in verdicts) else 0
    )


def _cells_code(cells: Sequence[Record], named: Sequence[str]) -> int:
    if any(cell["status"] in ("fail", "crashed", "hung") for cell in cells):
        return 1
    names = {registry.known_as(target) for target in named}
    if not any(cell["status"] == "ok" for cell in cells):  # nothing was measured at all
        return 3
    return 3 if any(cell["status"] == "unavailable" and cell["backend"] in names for cell in cells) else 0


def _wrong(plan: run.Plan) -> dict[str, str]:
    """The backends that are not built in and fail tier 0, in a child, with what failed: they are not timed."""
    wrong = {}
    for target in plan.backends:
        if not registry.is_builtin(target):
            selection = Selection(ops=plan.ops, dtypes=plan.dtypes, tier=0)
            ((found,), _) = _check_here(Options(selection), [target], True, ())
            failed = [c["diagnosis"][0] for c in found["checks"] if c["status"] == "fail"]
            if failed:
                wrong[target] = f"not timed, it fails tier 0 of the conformance suite: {failed[0]}"
    return wrong


def _distinct(targets: Sequence[str]) -> list[str]:
    """The targets, each of which must be known by another name."""
    known: dict[str, str] = {}
    for target in targets:
        name = registry.known_as(target)
        if name in known:
            raise typer.BadParameter(
                f"{known[name]!r} and {target!r} are both known as {name!r}; name each backend once"
            )
        known[name] = target
    return list(targets)


def _words(values: Sequence[str] | None) -> list[str]:
    return [word for value in values or [] for word in value.split(",") if word]


def _ops(values: Sequence[str] | None) -> list[Op]:
    chosen: list[Op] = []
    for word in _words(values):
        if word not in get_args(Op):
            raise typer.BadParameter(f"op must be among {', '.join(OPS)}, got {word!r}")
        chosen.append(word)  # type: ignore[arg-type]
    return chosen


def _dtypes(values: Sequence[str] | None) -> list[str]:
    for word in _words(values):
        if word not in DTYPES:
            raise typer.BadParameter(f"dtype must be among {', '.join(DTYPES)}, got {word!r}")
    return _words(values)


def _allocator(value: str) -> str:
    if value not in ALLOCATORS:
        raise typer.BadParameter(f"allocator must be among {', '.join(ALLOCATORS)}, got {value!r}")
    return value
