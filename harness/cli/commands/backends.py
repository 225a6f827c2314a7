"""`harness backends`: what there is, what of it runs here, and why the rest does not."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from typing import Annotated

import typer

from conformance.domain.dtypes import claimed_dtypes
from harness.calls.in_child import InChild
from harness.calls.in_process import InProcess
from harness.cli import terminal
from harness.contract import lowering, registry, targets
from harness.contract.protocol import BackendUnavailable
from harness.contract.status import Verdict
from harness.geometry.spec import OPS, POOL_OPS


@dataclass(frozen=True, slots=True)
class Description:
    """One line of the list; `derived` are the ops that the harness completes, in words."""

    backend: str
    available: bool
    reason: str = ""
    info: dict[str, str] = field(default_factory=dict)
    ops: list[str] = field(default_factory=list)
    native: list[str] = field(default_factory=list)
    derived: str = ""
    dtypes: list[str] = field(default_factory=list)


def backends(as_json: Annotated[bool, typer.Option("--json", help="print JSON")] = False) -> None:
    """Every registered backend: available or why not, device, versions, claimed ops and dtypes."""
    found = [describe(name) for name in targets.names()]
    if as_json:
        print(json.dumps([asdict(one) for one in found], indent=2))
        return
    rows = [
        [b.backend, "available" if b.available else Verdict.UNAVAILABLE, ", ".join(b.dtypes), b.derived,
         b.reason or ", ".join(f"{k} {v}" for k, v in b.info.items())]
        for b in found
    ]  # fmt: skip
    terminal.table("", ("backend", "status", "dtypes", "derived by lowering", "device, versions or reason"), rows)


def describe(name: str) -> Description:
    """Load one backend and ask it; one that is not ours in a child, where it may hang or crash."""
    target = targets.resolve(name)
    caller: InProcess | InChild | None = None
    try:
        with terminal.waiting(f"{name} to load"):
            caller = InProcess(registry.load(target)) if target.is_builtin else InChild(target)
        asked = caller.backend if isinstance(caller, InProcess) else caller
        with terminal.waiting(f"{name} to say what it does not do"):
            dtypes = claimed_dtypes(caller)
        derived = lowering.derivable(asked.native)
        there = [op for op in OPS if op in asked.native or op in derived]
        there += [op for op in POOL_OPS if op in asked.native]
        return Description(
            name, True, info=asked.info, ops=[*there], native=sorted(asked.native), derived=", ".join(derived),
            dtypes=dtypes,
        )  # fmt: skip
    except (BackendUnavailable, targets.RegistryError) as reason:
        return Description(name, False, str(reason))
    finally:
        if isinstance(caller, InChild):
            caller.close()
