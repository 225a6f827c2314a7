"""All of them, and a backend of one op that has one."""

from __future__ import annotations

from harness.calls.in_process import InProcess
from harness.contract.adapter import complete
from harness.geometry.spec import ConvSpec, Op
from harness.tests.helpers.catalogue import arranging, convolving, gathering, input_grads, other_grads, scattering
from harness.tests.helpers.catalogue.common import Bug

BUGS: dict[str, Bug] = {
    bug.id: bug
    for part in (gathering, arranging, scattering, convolving, input_grads, other_grads)
    for bug in part.BUGS
}


class _OneOp:
    """A plug-in that has no other op."""

    name = "of-the-catalogue"

    def __init__(self, bug: Bug) -> None:
        self.bug = bug
        setattr(self, bug.op, bug.make())

    def unsupported(self, op: Op, spec: ConvSpec, dtype: str) -> str | None:
        """Contract."""
        return "not written" if op != self.bug.op or self.bug.refuses(spec) else None


def caller_of(bug: Bug) -> InProcess:
    """Ready to be called in this process."""
    return InProcess(complete(_OneOp(bug), bug.id, bug.id))
