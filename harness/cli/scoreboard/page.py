"""The page: what stands in docs/scoreboard.md between two marks, made of the files in results/scoreboard alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from harness.cli.scoreboard import records, telling
from harness.cli.scoreboard.judging import DTYPE, TIER
from harness.cli.scoreboard.peers import Peer
from harness.cli.scoreboard.records import PeerResult
from harness.cli.scoreboard.timing import AGAINST, SHAPES, THREADS
from harness.contract.status import Grade
from harness.report.readme import Marks
from harness.results import words
from harness.results.intervals import Interval
from harness.results.writing import write_atomically

MARKS = Marks("<!-- scoreboard -->\n", "<!-- /scoreboard -->")
PAGE = Path("docs/scoreboard.md")
_NOT_YET = "not looked at yet: `make scoreboard`"
Results = Mapping[str, PeerResult]


def read(root: Path, listed: Sequence[Peer]) -> dict[str, PeerResult]:
    """What is kept of the peers that are listed."""
    found = {peer.name: records.read(root / records.FOLDER / f"{peer.name}.json") for peer in listed}
    return {name: one for name, one in found.items() if one is not None}


def write(root: Path, listed: Sequence[Peer], results: Results) -> None:
    """Write it into the page. Raises `ResultsError` if that cannot be written, `ValueError` if it has no marks."""
    page = root / PAGE
    text = page.read_text(encoding="utf-8")
    write_atomically(page, MARKS.replaced(text, markdown(listed, results)))


def markdown(listed: Sequence[Peer], results: Results) -> str:
    """What is not as listed, then who is right, how fast each is, and the faults that are known."""
    told = [text for peer in listed if peer.name in results for text in telling.surprises(peer, results[peer.name])]
    parts = ["\n".join(["**Not as listed:**", "", *(f"- {text}" for text in told)])] if told else []
    parts += [_right(listed, results), _fast(listed, results), _wrong(listed, results)]
    return "\n\n".join(["", *parts, ""]).lstrip("\n") if told else "\n\n".join(parts) + "\n"


def _right(listed: Sequence[Peer], results: Results) -> str:
    lines = [
        "## Is it right?", "",
        "| library | plug-in | domain | verdict | executed of planned | `values` | `safety` | `form` |",
        "| --- | --- | --- | --- | ---: | --- | --- | --- |",
    ]  # fmt: skip
    for peer in listed:
        lines.append(_line(*_judged(peer, results.get(peer.name))))
    reports = [one.report for one in results.values() if one.report is not None]
    suites = ", ".join(sorted({one.suite_version for one in reports}))
    machines = ", ".join(sorted({one.machine for one in results.values() if one.machine}))
    told = f"Suite {suites}, tier {TIER}, {DTYPE}, on {machines}. " if reports else ""
    return "\n".join([
        *lines, "",
        f"{told}Of each grade: how many checks of an op fail, of how many that were run. *known*: for a fault that is "
        "listed below.",
    ])  # fmt: skip


def _judged(peer: Peer, result: PeerResult | None) -> list[str]:
    named = f"[{peer.package}]({peer.home})"
    plugin = f"`{peer.name}`"
    if result is None:
        return [named, plugin, _NOT_YET, *[""] * 5]
    report = result.report
    if report is None or result.reason:
        return [f"{named} {result.version}".strip(), plugin, result.reason or _NOT_YET, "unavailable", *[""] * 4]
    domain = report.domain.words if report.domain else "everything"
    counts = f"{report.executed:,} of {report.planned:,}"
    grades = [telling.grade_cell(report, grade) for grade in Grade]
    return [f"{named} {result.version}", plugin, domain, telling.verdict(report), counts, *grades]


def _fast(listed: Sequence[Peer], results: Results) -> str:
    header = ["plug-in", "op", *(f"time / `{name}`" for name in AGAINST), "first call", "memory of a call"]
    lines = ["## How fast is it?", "", _line(*header), _line("---", "---", *["---:"] * (len(header) - 2))]
    notes, machines = [], set()
    for peer in listed:
        result, named = results.get(peer.name), f"`{peer.name}`"
        if result is None or result.reason or result.report is None:
            continue
        if result.times is None:
            lines.append(_line(named, "not timed yet", *[""] * (len(header) - 2)))
            continue
        machines.add(result.times.machine.name)
        found = telling.speeds(peer.name, AGAINST, result.times)
        for k, one in enumerate(found):
            first = "" if one.first_seconds is None else words.duration(one.first_seconds)
            ratios = [_ratio(one.against[name], one.layers[name]) for name in AGAINST]
            lines.append(_line(named if k == 0 else "", one.op, *ratios, first, _memory(one.bytes, peer.name)))
        if not found:
            lines.append(_line(named, "no time", *[""] * (len(header) - 2)))
        busy = [one for one in found if one.threads]
        if busy:
            most = max(one.threads or 0 for one in busy)
            notes.append(f"{named} uses more than one thread: CPU time is up to {most:.1f} times the time.")
        if left := telling.untimed(result.times, peer.name):
            notes.append(f"{named}: {left}.")
    conditions = f"{words.plural(THREADS, 'thread')}, the {SHAPES} set, {DTYPE}, on {', '.join(sorted(machines))}. "
    told = (
        f"{conditions if machines else ''}A ratio is the median over layers, below 1 is faster than the other; in "
        "brackets the interval that holds it at 95 %, then the number of layers. First call and memory: median over "
        f"layers; in brackets the memory of `{AGAINST[0]}`. One that keeps memory of its own for later takes less."
    )
    return "\n".join([*lines, "", told, *([""] if notes else []), *(f"- {note}" for note in notes)])


def _ratio(found: Interval | None, layers: int) -> str:
    if found is None:
        return "no pair"
    return f"{words.compared(found.median)}: {words.interval(*found)}, {layers}"


def _memory(found: Mapping[str, float], peer: str) -> str:
    own, other = found.get(peer), found.get(AGAINST[0])
    if own is None:
        return ""
    return words.size(round(own)) + (f" ({words.size(round(other))})" if other is not None else "")


def _wrong(listed: Sequence[Peer], results: Results) -> str:
    lines = [
        "## What is wrong there", "",
        "| library | what | grade | without the harness | here | reported |", "| --- | --- | --- | --- | --- | --- |",
    ]  # fmt: skip
    for peer in listed:
        for fault, where in telling.faults(peer, results.get(peer.name)):
            reported = f"[yes]({fault.upstream})" if fault.upstream else "not yet"
            seen, script = f"{peer.package} {fault.confirmed}", f"`{fault.repro}`"
            lines.append(_line(seen, fault.text, f"`{fault.grade}`", script, where, reported))
    return "\n".join(lines)


def _line(*cells: str) -> str:
    return f"| {' | '.join(one.replace('|', '/') for one in cells)} |"
