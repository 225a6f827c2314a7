"""Plans of two small layers, and scripts by which a child answers otherwise than well."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from harness.calls.worker import WorkerDied
from harness.geometry.layers import Layer
from harness.geometry.spec import ConvSpec
from harness.tests.helpers.plugins import called
from harness.tests.helpers.timing.fake_worker import Answer, Children, Script, answers
from harness.timing import run
from harness.timing.child import MeasureGroup
from harness.timing.plan import Plan

LAYERS = [Layer(f"net:{i}", ConvSpec.parse(text)) for i, text in enumerate(("n2c3h9w8_f4kh3kw2", "n1c2h6w7_f2kh2kw2"))]
NO_ANSWER = WorkerDied("no answer within 9 s", hung=True)
KILLED = WorkerDied("killed by SIGSEGV", hung=False)


def a_plan(*names: str, **changed: Any) -> Plan:
    """One op on two layers, under conditions that are nobody's default."""
    fields: dict[str, Any] = dict(
        shapes="test", layers=LAYERS, backends=[called(name) for name in names], ops=["im2col"], threads=3,
        allocator="default", budget=1.5, rounds=5,
    )  # fmt: skip
    return Plan(**{**fields, **changed})


Begin = Callable[..., Children]


def instead(when: Callable[[Any], bool], *said: Answer) -> Script:
    """The script in which all goes well, but for a message that is answered otherwise."""

    def script(message: Any) -> Iterator[Answer]:
        yield from (iter(said) if when(message) else answers(message))

    return script


def is_first_layer(message: Any) -> bool:
    """Whether it is the group of the first layer."""
    return isinstance(message, MeasureGroup) and message.group.layer == "net:0"


def cells(plan: Plan) -> list[tuple[str, str, str, str]]:
    """What becomes of every cell."""
    return [(cell.layer, cell.backend, str(cell.status), cell.reason) for cell in run.measure(plan)]
