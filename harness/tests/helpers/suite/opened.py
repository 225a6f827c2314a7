"""Stand-ins for backends that a run opens itself: in a child of its own, or in this process."""

from __future__ import annotations

from typing import ClassVar

from harness.calls.in_child import Program
from harness.contract.targets import Target
from harness.tests.helpers.suite.fakes import FakeCaller


class FakeChild(FakeCaller):
    """A backend in a child of its own, with how it was opened, and which of them were ended."""

    closed: ClassVar[list[FakeChild]] = []

    def __init__(self, target: Target, deadline: float, memory: int, program: Program) -> None:
        super().__init__(target.name)
        self.opened, self.program = (target, deadline, memory), program

    def close(self) -> None:
        """Noted."""
        FakeChild.closed.append(self)


class FakeHere(FakeCaller):
    """A backend in this process."""

    def __init__(self, loaded: object) -> None:
        super().__init__(str(loaded))
