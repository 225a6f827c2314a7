"""`make scoreboard`: look at the libraries of backends/peers/peers.toml, keep what is found, write docs/scoreboard.md.

    python -m harness.cli.scoreboard [PEER...] [--latest] [--again] [--seconds S] [--page]

What is interrupted goes on where it was. Exit code 1 if something is not as listed (a fault that does not show any
more, a failure that nobody knows), else 3 if a library cannot be installed here, else 0.
"""

from __future__ import annotations

from typing import Annotated

import typer

from harness.cli import terminal
from harness.cli.options import seconds as seconds_between
from harness.cli.scoreboard import page, peers, reports, telling
from harness.cli.scoreboard.judging import JudgingError
from harness.cli.scoreboard.looking import Asked, look
from harness.cli.scoreboard.peers import Peer, PeersError
from harness.cli.scoreboard.records import PeerResult
from harness.results.writing import ResultsError

_CALL_IS_WRONG, _INTERRUPTED = 2, 130
_MOST_SECONDS = 1e6


def scoreboard(
    names: Annotated[list[str] | None, typer.Argument(metavar="PEER...", help="only these; else all")] = None,
    latest: Annotated[bool, typer.Option("--latest", help="the newest versions, not those of the list")] = False,
    again: Annotated[bool, typer.Option("--again", help="judge and time again what is done already")] = False,
    seconds: Annotated[
        float, typer.Option(parser=seconds_between(0.0, _MOST_SECONDS), metavar="S", help="to time each; 0: not at all")
    ] = 240.0,
    only_page: Annotated[bool, typer.Option("--page", help="look at none, write the page of what is kept")] = False,
) -> None:
    """Other libraries side by side: installed, judged, timed."""
    try:
        listed = peers.read()
        wanted = peers.chosen(names or [], listed)
    except PeersError as error:
        terminal.say(f"harness: {error}")
        raise typer.Exit(_CALL_IS_WRONG) from error
    asked = Asked(latest, again, seconds)
    found: dict[str, PeerResult] = {}
    broken = []
    try:
        for peer in [] if only_page else wanted:
            try:
                found[peer.name] = look(peer, asked)
            except (JudgingError, ResultsError) as error:
                broken.append(f"{peer.name}: {error}")
                terminal.say(f"harness: {broken[-1]}")
    except KeyboardInterrupt:
        terminal.say("harness: interrupted; the same call goes on from here")
        raise typer.Exit(_INTERRUPTED) from None
    finally:
        results = page.read(asked.root, listed)
        page.write(asked.root, listed, results)
        reports.write(asked.root, listed, results)
    raise typer.Exit(code_of(wanted, found, broken))


def code_of(wanted: list[Peer], found: dict[str, PeerResult], broken: list[str]) -> int:
    """Say what is not as listed, what cannot be had and where the page is; 4 if something broke, 1, 3 or 0."""
    told = [text for peer in wanted if peer.name in found for text in telling.surprises(peer, found[peer.name])]
    missing = [f"{one.package}: {one.reason}" for one in found.values() if one.reason]
    for text in (*told, *missing):
        terminal.say(text)
    terminal.say(f"the page is {page.PAGE}")
    return 4 if broken else 1 if told else 3 if missing else 0


def main() -> None:
    """The program."""
    typer.run(scoreboard)


if __name__ == "__main__":
    main()
