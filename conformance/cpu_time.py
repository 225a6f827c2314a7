"""What tier 1 costs: seconds of CPU of the suite itself, and of the child in which the backend is called.

`python -m conformance.cpu_time BACKEND [--dtypes float32,float64] [--ops ..]` prints both. The backend is called in a
child even if it is built in; what its process needs to load is in its time.
"""

from __future__ import annotations

import argparse
import resource
import sys
from collections.abc import Sequence
from typing import NamedTuple

from conformance.cases.selection import Selection
from conformance.run.suite_run import Options, SuiteRun
from harness.calls.in_child import InChild
from harness.contract.protocol import DTYPES, BackendUnavailable
from harness.contract.status import Verdict
from harness.contract.targets import RegistryError, Target, resolve
from harness.geometry.spec import OPS

_FIRST = "float32,float64"


class CpuTime(NamedTuple):
    """Of one run: how many cases ran, what they say, and seconds of CPU here and in the child."""

    executed: int
    verdict: Verdict
    here: float
    child: float


def measure(target: Target, selection: Selection) -> CpuTime:
    """Plan and run. Raises `RegistryError` and `BackendUnavailable`."""
    here, below = _seconds(resource.RUSAGE_SELF), _seconds(resource.RUSAGE_CHILDREN)
    with SuiteRun(Options(selection)) as suite_run:
        suite_run.add_open(target, InChild(target))
        suite_run.run()
        result = suite_run.backends[0].result
    return CpuTime(
        result.executed, result.verdict,
        _seconds(resource.RUSAGE_SELF) - here, _seconds(resource.RUSAGE_CHILDREN) - below,
    )  # fmt: skip


def _seconds(who: int) -> float:
    """Of this process, or of those that it has started and that have ended; in the system too."""
    used = resource.getrusage(who)
    return used.ru_utime + used.ru_stime


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line; 1 if the backend does not pass."""
    parser = argparse.ArgumentParser(prog="python -m conformance.cpu_time", description=__doc__.splitlines()[0])
    parser.add_argument("backend")
    parser.add_argument("--dtypes", default=_FIRST, type=lambda text: text.split(","))
    parser.add_argument("--ops", default=[], type=lambda text: text.split(","))
    asked = parser.parse_args(arguments)
    for option, values, known in (("--dtypes", asked.dtypes, DTYPES), ("--ops", asked.ops, OPS)):
        wrong = [value for value in values if value not in known]
        if wrong:
            parser.error(f"{option} must be among {', '.join(known)}, got {wrong[0]!r}")
    try:
        found = measure(resolve(asked.backend), Selection(ops=asked.ops, dtypes=asked.dtypes))
    except (RegistryError, BackendUnavailable) as error:
        parser.error(str(error))
    print(f"{asked.backend} in {', '.join(asked.dtypes)}: {found.verdict}, {found.executed:,} cases")
    print(f"{found.here:.2f} s of CPU in the suite, {found.child:.2f} s in the child")
    return int(found.verdict is not Verdict.PASS)


if __name__ == "__main__":
    sys.exit(main())
