"""`harness diff`: what changed between two documents."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated

import msgspec
import typer

from harness.cli import outputs, terminal
from harness.cli.options import JsonFile, file
from harness.results import words
from harness.results.diff.compare import compare_files
from harness.results.diff.records import Diff, TimeChange

_BEFORE = "what `check --json`, `compare --json` or `bench` wrote before"
_AFTER = "the same kind of file, written later"
_REFUSED, _MISSING = 2, 3
_SHOWN = 20  # lines of a kind; the JSON has all


def diff(
    before: Annotated[Path, typer.Argument(parser=file, metavar="A", help=_BEFORE)],
    after: Annotated[Path, typer.Argument(parser=file, metavar="B", help=_AFTER)],
    json_file: JsonFile = None,
) -> None:
    """What changed? Newly failing, passing, refused; slower and faster. Exit code 1 if anything fails or is slower."""
    files = outputs.require((json_file,), [before, after])
    found = compare_files(before, after)
    with terminal.aside(outputs.takes_stdout(files)):
        for line in lines(found):
            terminal.show(line)
    text = json.dumps(msgspec.to_builtins(found), indent=1) + "\n"
    raise typer.Exit(outputs.write([(json_file, lambda: text)], exit_code(found)))


def exit_code(found: Diff) -> int:
    """1 something fails or is slower, else 2 times could not be compared, else 3 something is no longer judged."""
    if found.newly_failing or found.slower:
        return 1
    if found.times_refused:
        return _REFUSED
    return _MISSING if found.missing else 0


def lines(found: Diff) -> Iterator[str]:
    """What is shown: one line a change, the worst first, then how many there are."""
    yield from (f"note: {note}" for note in found.notes)
    for title, judgements in (
        ("newly failing", found.newly_failing), ("no longer judged", found.missing),
        ("newly refused", found.newly_refused), ("newly passing", found.newly_passing),
    ):  # fmt: skip
        told = [
            f"{title}: {one.where}: {one.before or 'not there'} before, {one.after or 'not there'} now"
            + (f": {one.reason}" if one.reason else "")
            for one in judgements
        ]
        yield from _first(title, told)
    for title, changes in (("slower", found.slower), ("faster", found.faster), ("unclear", found.unclear)):
        yield from _first(title, [f"{title}: {_change(one)}" for one in changes])
    if found.times_refused:
        yield found.times_refused
    yield _in_all(found)


def _first(title: str, told: Sequence[str]) -> Iterator[str]:
    yield from told[:_SHOWN]
    if len(told) > _SHOWN:
        yield f"{title}: {len(told) - _SHOWN} more; --json FILE has all"


def _change(one: TimeChange) -> str:
    where = f"{one.backend} {one.op} {one.dtype} {one.shape}"
    said = f"{words.compared(one.ratio)} than before, {words.interval(one.ratio, one.low, one.high)}"
    seconds = f"{words.duration(one.before)}, now {words.duration(one.after)}"
    against = f", against {one.against}" if one.against else ""
    return f"{where}: {said} ({seconds}{against})" + (f": {one.reason}" if one.reason else "")


def _in_all(found: Diff) -> str:
    counts = (
        (len(found.newly_failing), "newly failing"), (len(found.missing), "no longer judged"),
        (len(found.newly_refused), "newly refused"), (len(found.newly_passing), "newly passing"),
        (len(found.slower), "slower"), (len(found.faster), "faster"), (len(found.unclear), "unclear"),
    )  # fmt: skip
    told = ", ".join(f"{count} {what}" for count, what in counts if count)
    floor = (
        "" if found.floor is None else f" (a change of a time by less than {100 * found.floor:.0f} % counts for none)"
    )
    return (told or "nothing changed") + floor
