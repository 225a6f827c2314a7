"""What each project could be told of its library: facts, a script, what it prints; in docs/upstream-reports.md."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from harness.cli.scoreboard.peers import Fault, Peer
from harness.cli.scoreboard.records import PeerResult, Shown, system_of
from harness.report.readme import Marks
from harness.results.writing import write_atomically

MARKS = Marks("<!-- reports -->\n", "<!-- /reports -->")
PAGE = Path("docs/upstream-reports.md")


def write(root: Path, listed: Sequence[Peer], results: Mapping[str, PeerResult]) -> None:
    """Write the reports into the page. Raises `ResultsError` if it cannot be written, `ValueError` without marks."""
    page = root / PAGE
    text = page.read_text(encoding="utf-8")
    write_atomically(page, MARKS.replaced(text, markdown(root, listed, results)))


def markdown(root: Path, listed: Sequence[Peer], results: Mapping[str, PeerResult]) -> str:
    """One section a fault; a fault whose script has not run here, or does not show, says so in place of its output."""
    parts = [_section(root, peer, fault, results.get(peer.name)) for peer in listed for fault in peer.faults]
    return "\n".join(parts)


def _section(root: Path, peer: Peer, fault: Fault, result: PeerResult | None) -> str:
    shown = next((one for one in result.shown if one.script == fault.script), None) if result else None
    script = (root / fault.repro).read_text(encoding="utf-8").rstrip()
    where = f"[reported]({fault.upstream})" if fault.upstream else f"for {peer.home}/issues"
    return "\n".join([
        f"## {peer.package}: {fault.text}", "",
        f"*{where}; the script is `{fault.repro}`*", "",
        f"**Version.** {peer.package} {fault.confirmed}{_system(result)}.", "",
        f"**Expected.** {fault.expected}", "",
        f"**What happens.** {_happens(shown)}", "",
        "```python", script, "```", "",
    ])  # fmt: skip


def _happens(shown: Shown | None) -> str:
    if shown is None:
        return "The script has not run here yet."
    if not shown.shows:
        return f"It was seen on another processor; on this one the script prints\n\n```text\n{shown.printed}\n```"
    return f"The script prints\n\n```text\n{shown.printed}\n```"


def _system(result: PeerResult | None) -> str:
    """Where the script ran; of a file that is older than that, where the library was timed."""
    if result is None:
        return ""
    where = result.system or (system_of(result.times.machine) if result.times is not None else "")
    return f", {where}" if where else ""
