"""`harness faults`: how strong is the suite? It judges thousands of faults, and those that it misses are listed."""

from __future__ import annotations

import json
from collections.abc import Mapping
from math import inf
from typing import Annotated

import msgspec
import typer

from conformance.cases.case import MOST_SEED
from conformance.power import campaign, controls, jobs, summary
from conformance.power.campaign import Asked, Found
from conformance.power.diagnosed import counting
from conformance.power.records import DiagnosedKind, KindReport, PowerReport
from harness.cli import outputs, terminal
from harness.cli.options import JsonFile, given, seconds, whole
from harness.cli.suite_progress import at_most
from harness.results.words import plural

_MOST = 10**6
_TIERS = (0, 1, 3)
_SHOWN = 20  # survivors; the JSON has all
_TIER = "0 discriminating, 1 standing, 3 random search as well"
_JOBS = "processes that share the faults; no more than cores"
_DIAGNOSE = "also diagnose each that is seen, and compare what is said with the fault"
_SEED = "draws the random faults, and the sample"


def _tier(value: object) -> int:
    tier = whole(_TIERS[0], _TIERS[-1])(value)
    if tier not in _TIERS:
        raise typer.BadParameter(f"must be 0, 1 or 3, got {tier}: the grid of tier 2 takes an hour for each fault")
    return tier


def faults(
    kinds: Annotated[str | None, typer.Option(metavar="GLOB", help="only faults of these kinds")] = None,
    sample: Annotated[
        int, typer.Option(parser=whole(0, _MOST), metavar="N", help="so many, drawn at random; 0: all")
    ] = 0,
    seed: Annotated[int, typer.Option(parser=whole(0, MOST_SEED), metavar="N", help=_SEED)] = 0,
    tier: Annotated[int, typer.Option(parser=_tier, metavar="0|1|3", help=_TIER)] = 1,
    count: Annotated[
        int,
        typer.Option(
            "--jobs",
            parser=whole(1, 2**31 - 1),
            metavar="N",
            help=_JOBS,
        ),
    ] = 1,
    diagnose: Annotated[bool, typer.Option("--diagnose", help=_DIAGNOSE)] = False,
    budget: Annotated[
        float | None, typer.Option(parser=seconds(0.01, inf), metavar="S", help="seconds for the faults in all")
    ] = None,
    json_file: JsonFile = None,
) -> None:
    """How strong is the suite? Judges thousands of faulty implementations with it, and lists those that it misses."""
    asked = Asked(given("--kinds", kinds), sample, seed, tier, inf if budget is None else budget, diagnose)
    files = outputs.require((json_file,), [])
    planned = len(campaign.chosen(asked))
    count = at_most(count)
    with terminal.Ticker("faults", planned + len(controls.CONTROLS)) as ticker:
        found = jobs.run(count, asked, ticker.step) if count > 1 else campaign.run(asked, ticker.step)
    report = summary.report(asked, found)
    with terminal.aside(outputs.takes_stdout(files)):
        _show(report)
    code = outputs.write([(json_file, lambda: json.dumps(msgspec.to_builtins(report), indent=1) + "\n")], _code(found))
    if found.interrupted:
        raise KeyboardInterrupt
    raise typer.Exit(code)


def _code(found: Found) -> int:
    """1 if the suite fails what is right, 3 if not all was judged."""
    return 1 if found.controls_failed else 3 if found.is_cut else 0


def _show(report: PowerReport) -> None:
    """The kinds as a table, then the controls, then what survives."""
    rows = [_row(kind, one) for kind, one in report.kinds.items()]
    terminal.table("", ("kind", "faults", "tier 0", "tier 1", "tier 3", "equivalent"), rows)
    able = report.faults - report.equivalent
    terminal.show(
        f"\n{report.killed:,} of {able:,} faults were seen{_share(report.killed, able)}; {report.equivalent:,} more "
        f"are equivalent: nothing that was tried shows them; {report.seconds:.0f} s"
    )
    if report.faults < report.planned:
        terminal.show(f"{report.planned - report.faults:,} of {report.planned:,} faults were not judged")
    if report.controls:
        terminal.show(f"{report.controls_passed} of {plural(report.controls, 'right implementation')} passed")
    for wrong in report.controls_failed:
        terminal.show(f"  wrongly failed: {wrong}")
    if report.diagnosed:
        _show_diagnosed(report.diagnosed, report.killed)
    if report.survivors:
        terminal.show(f"\n{plural(len(report.survivors), 'survivor')}, each with the smallest case that was found:")
    for one in report.survivors[:_SHOWN]:
        terminal.show(f"  {one.kind}: {one.fault}\n    {one.case}")
    if len(report.survivors) > _SHOWN:
        terminal.show(f"  {len(report.survivors) - _SHOWN:,} more survive; --json FILE has all")


def _show_diagnosed(kinds: Mapping[str, DiagnosedKind], killed: int) -> None:
    """Of what was seen: whether the name is right, and the condition, and what is said if the mistake is not known.

    Then of how many faults that the suite sees the diagnosis sees nothing: they are in none of these rows.
    """
    terminal.show("")
    heads = (
        "diagnosed", "seen", "right", "wrong", "silent", "exactly when", "off", "unknown", "wrong", "median", "worst",
    )  # fmt: skip
    rows = [
        [kind, *(f"{n:,}" for n in (one.seen, one.right, one.wrong, one.silent, one.exact, one.off, one.blind,
                                    one.blind_wrong)), f"{one.median:.2f} s", f"{one.worst:.1f} s"]
        for kind, one in kinds.items()
    ]  # fmt: skip
    terminal.table("", heads, rows)
    if unseen := killed - kinds[counting.ALL].seen:
        terminal.show(f"of {unseen:,} of the {killed:,} faults that the suite sees the diagnosis sees nothing")


def _row(kind: str, one: KindReport) -> list[str]:
    able = one.faults - one.equivalent
    seen = [f"{tier / able:.1%}" if tier is not None and able else "" for tier in (one.tier0, one.tier1, one.tier3)]
    return [kind, f"{one.faults:,}", *seen, f"{one.equivalent:,}" if one.equivalent else ""]


def _share(part: int, whole_: int) -> str:
    return f" ({part / whole_:.1%})" if whole_ else ""
