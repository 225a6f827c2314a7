"""One process of a run that several share: it opens, plans and runs its part, and answers with progress and reports.

`parent` starts it.
"""

from __future__ import annotations

import pickle
import time
from collections.abc import Sequence

from msgspec import Struct

from conformance.cases.case import SelectionError
from conformance.parallel import answering
from conformance.parallel.answering import Broken, Tell, encodable
from conformance.parallel.known import Heard, PartReport
from conformance.reports import summary
from conformance.run.suite_run import SuiteRun
from harness.contract.targets import RegistryError, Target

_TELL_EVERY = 0.2  # seconds


class Work(Struct, frozen=True, tag_field="kind", tag=True):
    """What to run. `options` are pickled `Options`: JSON has no endless budget."""

    options: bytes
    targets: list[Target]
    named: bool  # whether the user named the targets
    libraries: list[str]  # asked about failures


class Planned(Struct, frozen=True, tag_field="kind", tag=True):
    """How many cases this process will run."""

    cases: int


class Step(Struct, frozen=True, tag_field="kind", tag=True):
    """How many cases more are done, and of which check the last one is."""

    cases: int
    check_id: str


class Finished(Struct, frozen=True, tag_field="kind", tag=True):
    """What is finished. `reports` is a pickled list of `PartReport`: JSON cannot hold all that backends say."""

    reports: bytes
    interrupted: bool


class WrongCall(Struct, frozen=True, tag_field="kind", tag=True):
    """The user asked for something that there is not: nothing was run."""

    text: str


Replies = Planned | Step | Finished | WrongCall | Broken


class _Steps:
    """Counts finished cases, and tells the parent a few times a second, and of the last ones."""

    def __init__(self, tell: Tell) -> None:
        self._tell, self._cases, self._check_id, self._last = tell, 0, "", time.monotonic()

    def add(self, cases: int, check_id: str) -> None:
        self._cases, self._check_id = self._cases + cases, check_id
        if time.monotonic() - self._last >= _TELL_EVERY:
            self.tell()

    def tell(self) -> None:
        told, self._cases, self._last = self._cases, 0, time.monotonic()
        if told:
            self._tell(Step(told, self._check_id))


def answer(work: Work, tell: Tell) -> Struct:
    """Run the part; what became of it, whatever happens. Ctrl-C keeps what is finished."""
    try:
        with SuiteRun(pickle.loads(work.options)) as suite_run:
            suite_run.add_all(work.targets, work.named)
            tell(Planned(suite_run.planned))
            steps = _Steps(tell)
            interrupted = suite_run.run_until_interrupted(steps.add)
            steps.tell()
            return Finished(pickle.dumps(_reports(suite_run, work.libraries)), interrupted)
    except (SelectionError, RegistryError) as error:
        return WrongCall(encodable(str(error)))
    except KeyboardInterrupt:
        return Finished(pickle.dumps([]), True)
    except Exception:
        return Broken.now()


def _reports(suite_run: SuiteRun, libraries: Sequence[str]) -> list[PartReport]:
    known = suite_run.options.known
    heard = (Heard.of(backend.result, known) for backend in suite_run.backends)
    return list(map(PartReport, summary.reports(suite_run, libraries), heard))


if __name__ == "__main__":
    answering.once(Work, answer)
