"""Which cases an option of `harness check` means: those of the run before, the one of a short id."""

from __future__ import annotations

from collections.abc import Sequence

from conformance.cases.case import Case
from conformance.run.again import last_run, short_ids
from harness.cli import terminal
from harness.contract.targets import Target


def failed_before(targets: Sequence[Target]) -> list[Case]:
    """What failed of these; none, which means all of the suite, if nothing is known to have failed: this is said."""
    found = last_run.read().cases(targets)
    if not found:
        names = ", ".join(target.text for target in targets)
        terminal.say(f"{last_run.FOLDER} knows of no failure of {names}: everything is run")
    return found


def meant(pattern: str) -> str:
    """The pattern itself; of a short id, the whole one. Raises `SelectionError` if that means no case, or several."""
    return short_ids.resolve(pattern, last_run.read().ids()) if short_ids.is_short(pattern) else pattern
