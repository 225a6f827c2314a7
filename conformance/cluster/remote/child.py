"""The process that runs one batch on a worker: it opens the backend, tells what it plans, runs it, and reports.

`on_worker` starts it. It plans the whole part anew, so what it says of its plan is its own.
"""

from __future__ import annotations

import pickle
import time

from msgspec import Struct

from conformance.cases.case import Case, SelectionError
from conformance.parallel import answering
from conformance.parallel.answering import Broken, Tell, encodable
from conformance.parallel.child import Finished, WrongCall
from conformance.parallel.known import Heard, PartReport
from conformance.reports import summary
from conformance.run.results import BackendResult
from conformance.run.suite_run import SuiteRun
from harness.contract.targets import RegistryError, Target

HEAD_START = 0.01  # seconds for the name of a case to be with the scheduler before the case may end the worker


class Work(Struct, frozen=True, tag_field="kind", tag=True):
    """What to run. `options` are pickled `Options`: JSON has no endless budget."""

    options: bytes
    target: Target
    only_lists: bool = False  # nothing is run
    is_careful: bool = False  # every case is announced before it runs


class Counted(Struct, frozen=True):
    """Cases that have no ids: of one check, op and dtype."""

    check_id: str
    op: str
    dtype: str
    planned: int


class Listed(Struct, frozen=True, tag_field="kind", tag=True):
    """What the part holds: the ids of its cases, which of them are optional, and how many it counts."""

    ids: list[str]
    optional: list[str]
    counted: list[Counted]
    unavailable: str = ""


class Announced(Struct, frozen=True, tag_field="kind", tag=True):
    """This case runs next."""

    case: str


Replies = Listed | Announced | Finished | WrongCall | Broken


def listed(result: BackendResult) -> Listed:
    """The plan of a backend."""
    return Listed(
        [str(one.case) for one in result.cases],
        [str(one.case) for one in result.cases if one.optional],
        [Counted(*one.key, one.planned) for one in result.counted],
        result.unavailable,
    )


def answer(work: Work, tell: Tell) -> Struct | None:
    """Run the batch; what became of it, whatever happens."""

    def announce(case: Case) -> None:
        tell(Announced(str(case)))
        time.sleep(HEAD_START)

    try:
        with SuiteRun(pickle.loads(work.options)) as suite_run:
            if work.is_careful:
                suite_run.before = announce
            suite_run.add(work.target, named=work.only_lists)
            (backend,) = suite_run.backends
            tell(listed(backend.result))
            if work.only_lists:
                return None
            interrupted = suite_run.run_until_interrupted(lambda cases, check_id: None)
            report = summary.backend_report(backend, suite_run.options.selection)
            part = PartReport(report, Heard.of(backend.result, suite_run.options.known))
            return Finished(pickle.dumps(part), interrupted)
    except (SelectionError, RegistryError) as error:
        return WrongCall(encodable(str(error)))
    except KeyboardInterrupt:
        return WrongCall("it was interrupted")
    except Exception:
        return Broken.now()


if __name__ == "__main__":
    answering.once(Work, answer)
