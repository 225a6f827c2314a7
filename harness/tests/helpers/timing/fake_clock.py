"""Time that goes on only when a test says so: durations in powers of two add up exactly."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field


@dataclass(slots=True)
class FakeClock:
    """Stands in for `now` and `sleep` of `harness.timing.clock`."""

    time: float = 64.0
    slept: list[float] = field(default_factory=list)

    def now(self) -> float:
        """The time."""
        return self.time

    def sleep(self, seconds: float) -> None:
        """Lets time pass, and remembers how much was slept each time."""
        self.slept.append(seconds)
        self.time += seconds

    def takes(self, *durations: float, log: list[str] | None = None, name: str = "") -> Callable[[], None]:
        """A call that takes these times in turn, and the last one from then on; `log` gets its name each time."""
        rest = list(durations)

        def call() -> None:
            if log is not None:
                log.append(name)
            self.time += rest.pop(0) if len(rest) > 1 else rest[0]

        return call
