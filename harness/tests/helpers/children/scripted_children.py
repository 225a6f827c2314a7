"""Child processes that answer as a script says, in place of real ones."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest
from msgspec import Struct

from harness.calls import child, in_child
from harness.calls.caller import CallFacts
from harness.calls.in_child import InChild
from harness.contract.targets import Target
from harness.geometry.spec import ConvSpec

SPEC = ConvSpec.parse("n2c3h6w7_f4kh3kw2")
MINE = Target("./mine.py", "mine", "./mine.py")
Answers = list[Any]  # messages with their arrays, or what is raised
Script = Callable[[Any], "Answers | Exception"]


@dataclass(slots=True)
class Children:
    """Stands in for the class `Worker`: one script for all that is asked of any child."""

    script: Script
    module: str = "harness.calls.child"
    started: list[dict[str, str]] = field(default_factory=list)
    asked: list[tuple[Struct, float, int]] = field(default_factory=list)  # what, the deadline, how many arrays
    closed: int = 0

    def __call__(self, module: str, messages: Any, environment: dict[str, str]) -> Children:
        assert (module, messages) == (self.module, child.Replies)
        self.started.append(environment)
        return self

    def request(self, message: Struct, deadline: float, arrays: Any = ()) -> Iterator[tuple[Struct, list[Any]]]:
        self.asked.append((message, deadline, len(arrays)))
        found = self.script(message)
        for one in [found] if isinstance(found, BaseException) else found:
            if isinstance(one, BaseException):
                raise one
            yield one

    def close(self) -> None:
        self.closed += 1

    def of(self, kind: type[Struct]) -> list[Any]:
        """What was asked, of one kind."""
        return [message for message, _, _ in self.asked if isinstance(message, kind)]


def right(message: Any) -> Answers:
    """As a child answers in which all goes well."""
    if isinstance(message, child.Open):
        return [(child.Opened("mine", "winograd", "kept", False, {"device": "abacus"}, ["im2col", "col2im"]), [])]
    if isinstance(message, child.Allow):
        return []
    if isinstance(message, child.Ask):
        return [(child.Refusal("no groups" if message.op == "conv2d" else None), [])]
    if isinstance(message, child.AskAll):
        return [(child.Refusals(["small" if text == str(SPEC) else None for text in message.specs]), [])]
    count = len(message.calls) if isinstance(message, child.Several) else 1
    results: Answers = [
        (child.Results([CallFacts(kind=f"kind {n}", shape=(n,))]), [np.full(1, n)]) for n in range(count)
    ]
    if isinstance(message, child.Several) and message.how != "each":
        facts = [answer.facts[0] for answer, _ in results if isinstance(answer, child.Results)]
        return [(child.Results(facts), [array for _, (array,) in results])]
    return results


def opened(
    monkeypatch: pytest.MonkeyPatch, script: Script = right, deadline: float = 2.0, room: int = 1000
) -> tuple[InChild, Children]:
    """A backend in such children."""
    children = Children(script)
    monkeypatch.setattr(in_child, "Worker", children)
    return InChild(MINE, deadline, room), children


def scripted(**by_kind: Answers | Exception) -> Script:
    """The right answers but for some kinds of request."""
    return lambda message: by_kind.get(type(message).__name__, right(message))
