"""Plans of two small layers, and scripts by which a child answers otherwise than well."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from harness.calls.worker import WorkerDied
from harness.contract.targets import Target
from harness.geometry.layers import Layer
from harness.geometry.spec import ConvSpec
from harness.tests.helpers.plugins import called
from harness.tests.helpers.timing.fake_worker import Answer, FakeChildren, Script
from harness.timing import run
from harness.timing.plan import Plan

LAYERS = [Layer(f"net:{i}", ConvSpec.parse(text)) for i, text in enumerate(("n2c3h9w8_f4kh3kw2", "n1c2h6w7_f2kh2kw2"))]
NO_ANSWER = WorkerDied("no answer within 9 s", hung=True)
KILLED = WorkerDied("killed by SIGSEGV", hung=False)
STRANGER = "./"  # names that begin so are not built in


def a_target(name: str) -> Target:
    """A target that need not exist: one of ours, unless its name says that it is a stranger's."""
    return called(name) if name.startswith(STRANGER) else Target(name, name, "numpy_fancy")


def a_plan(*names: str, **changed: Any) -> Plan:
    """One op on two layers, under conditions that are nobody's default."""
    fields: dict[str, Any] = dict(
        shapes="test", layers=LAYERS, backends=[a_target(name) for name in names], ops=["im2col"], threads=3,
        allocator="default", budget=1.5, rounds=5,
    )  # fmt: skip
    return Plan(**{**fields, **changed})


Begin = Callable[..., FakeChildren]


def instead(when: Callable[[Any], bool], *said: Answer, times: int = 10**9) -> Script:
    """The script in which all goes well, but for a message that is answered otherwise, so many times."""
    left = [times]

    def script(number: int, message: Any) -> list[Answer] | None:
        if not left[0] or not when(message):
            return None
        left[0] -= 1
        return list(said)

    return script


def of(kind: type, backend: str = "") -> Callable[[Any], bool]:
    """Whether a message is of a kind, and about a backend."""

    def when(message: Any) -> bool:
        name = message.target.name if hasattr(message, "target") else getattr(message, "backend", "")
        return isinstance(message, kind) and (not backend or name == backend)

    return when


def cells(plan: Plan) -> list[tuple[str, str, str, str]]:
    """What becomes of every cell."""
    return [(cell.layer, cell.backend, str(cell.status), cell.reason) for cell in run.measure(plan)]
