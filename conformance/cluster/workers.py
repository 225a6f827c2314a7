"""The workers of the cluster: who is there, whose harness is ours, and who is not believed any more.

Each is asked who it is before it gets a batch; one that joins later, or is started again, too.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from conformance.cluster.remote.identity import Identity

_PATIENCE = 60.0  # seconds for a worker to say who it is: it imports our packages first
# As text: a worker that cannot find a function of ours by its name ends.
_WHO = "__import__('conformance.cluster.remote.on_worker', fromlist=['x']).identify()"
Say = Callable[[str], None]


class SchedulerLost(Exception):
    """The scheduler has gone."""


@dataclass(slots=True)
class Workers:
    """By address. `named` says who is meant, in messages."""

    client: Any
    ours: Identity
    say: Say
    _there: dict[str, str] = field(default_factory=dict)  # address -> name
    _asked: dict[str, tuple[Any, float]] = field(default_factory=dict)  # address -> future, when
    _trusted: set[str] = field(default_factory=set)
    refused: dict[str, str] = field(default_factory=dict)  # address or name -> why

    def look(self) -> set[str]:
        """Ask the scheduler who is there, and new ones who they are; the addresses that have gone since the last time.

        Raises `SchedulerLost`.
        """
        try:
            found = self.client.scheduler_info(n_workers=-1)["workers"]
        except (OSError, RuntimeError, TimeoutError) as error:
            raise SchedulerLost(f"the scheduler does not answer any more ({error})") from error
        if self.client.status != "running":  # it goes on telling what it knew
            raise SchedulerLost("the scheduler does not answer any more")
        now = {address: _name(address, one) for address, one in found.items() if one["status"] != "closed"}
        gone = set(self._there) - set(now)
        for address in gone:
            self._asked.pop(address, None)
            self._trusted.discard(address)
        for address in set(now) - set(self._there):
            self._ask(address, now[address])
        self._there = now
        for address, (future, since) in list(self._asked.items()):
            self._hear(address, future, since)
        return gone

    @property
    def trusted(self) -> list[str]:
        """Those that may be given a batch."""
        return sorted(self._trusted)

    @property
    def is_asking(self) -> bool:
        """Whether somebody has not said yet who it is."""
        return bool(self._asked)

    def named(self, address: str) -> str:
        """A worker as its user knows it."""
        name = self._there.get(address, "")
        return f"{name} ({address})" if name and name != address else address

    def name(self, address: str) -> str:
        """Its name, which it keeps when it is started again; its address if it has none."""
        return self._there.get(address, address)

    def distrust(self, address: str, why: str) -> None:
        """It gets no batch any more, and this is said once."""
        self._trusted.discard(address)
        name = self.name(address)
        if name not in self.refused:
            self.say(f"worker {self.named(address)} is not believed: {why}")
        self.refused[name] = self.refused[address] = why

    def _ask(self, address: str, name: str) -> None:
        if name in self.refused:
            return
        future = self.client.submit(eval, _WHO, workers=[address], allow_other_workers=False, pure=False)
        self._asked[address] = (future, time.monotonic())

    def _hear(self, address: str, future: Any, since: float) -> None:
        if not future.done():
            if time.monotonic() - since > _PATIENCE:
                del self._asked[address]
                self.distrust(address, f"it has not said within {_PATIENCE:.0f} s which harness it has")
            return
        del self._asked[address]
        if future.status != "finished":
            error = future.exception() if future.status == "error" else future.status
            self.distrust(address, no_harness(error))
            return
        theirs = future.result()
        difference = theirs.difference(self.ours) if isinstance(theirs, Identity) else "it does not say who it is"
        if difference:
            self.distrust(address, difference)
        else:
            self._trusted.add(address)


def no_harness(error: object) -> str:
    """What is said of a worker that cannot take what it is sent."""
    if isinstance(error, ImportError | AttributeError):
        return f"im2col-harness, or this version of it, is not installed there ({error})"
    return f"it cannot run the harness: {type(error).__name__}: {error}"


def _name(address: str, info: Any) -> str:
    name = str(info.get("name", ""))
    return name if name else address
