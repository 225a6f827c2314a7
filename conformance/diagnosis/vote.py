"""Who is the odd one out: the oracle, a library, or the backend?

Oracle and libraries are witnesses and judge, if two of them agree and outnumber the others. The backend has no vote.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from conformance.diagnosis.libraries import witnesses
from conformance.diagnosis.libraries.common import Arrays, CannotDoIt
from harness.contract.protocol import Array
from harness.geometry.spec import ConvSpec, Op
from harness.oracle import by_taps
from harness.oracle.comparing import mismatch

ORACLE, BACKEND = "the oracle", "the backend"


@dataclass(frozen=True, slots=True)
class Vote:
    """What one witness (or the backend) says; `value` is None and `note` says why where it says nothing."""

    name: str
    value: Array | None
    agrees_with_oracle: bool
    note: str = ""


def cast_votes(
    op: Op, spec: ConvSpec, arrays: Arrays, got: Array | None = None, names: Sequence[str] | None = None
) -> list[Vote]:
    """The oracle, the installed libraries (or those named), and the backend's result. For whole-number data only."""
    oracle = by_taps.run(op, spec, *arrays)
    asked = witnesses.installed() if names is None else names
    votes = [Vote(ORACLE, oracle, True), *(_asked(name, op, spec, arrays, oracle) for name in asked)]
    return votes if got is None else [*votes, _vote(BACKEND, got, oracle)]


def odd_one_out(votes: Sequence[Vote]) -> str:
    """Who agrees and who does not, as one sentence; the silent are left out."""
    camps = _camps([v for v in votes if v.value is not None])
    sizes = [sum(v.name != BACKEND for v in camp) for camp in camps]
    if len(camps) == 1:
        return f"{_listed(camps[0])} agree" if len(camps[0]) > 1 else f"only {_listed(camps[0])} says anything"
    most = max(sizes)
    if most < 2 or sizes.count(most) > 1:
        return f"no majority: {' against '.join(map(_listed, camps))}"
    right = camps.pop(sizes.index(most))
    odd = [v for camp in camps for v in camp]
    return f"{_listed(right)} agree; {_listed(odd)} {'is the odd one out' if len(odd) == 1 else 'are the odd ones out'}"


def _camps(votes: Sequence[Vote]) -> list[list[Vote]]:
    """Votes by value, in the order in which the values first occur."""
    camps: list[list[Vote]] = []
    for one in votes:
        for camp in camps:
            if _equal(one.value, camp[0].value):
                camp.append(one)
                break
        else:
            camps.append([one])
    return camps


def _listed(votes: Sequence[Vote]) -> str:
    *most, last = [v.name for v in votes]
    return f"{', '.join(most)} and {last}" if most else last


def _asked(name: str, op: Op, spec: ConvSpec, arrays: Arrays, oracle: Array) -> Vote:
    """The vote of a library. One that raises is silent: that is its limit, no statement about the value."""
    try:
        return _vote(name, witnesses.COMPUTE[name](op, spec, arrays), oracle)
    except CannotDoIt as reason:
        return Vote(name, None, False, str(reason))
    except Exception as error:
        return Vote(name, None, False, f"raised {type(error).__name__}: {' '.join(str(error).split())[:150]}")


def _vote(name: str, value: Array, oracle: Array) -> Vote:
    if value.shape != oracle.shape:
        return Vote(name, value, False, f"shape {value.shape} instead of {oracle.shape}")
    return Vote(name, value, _equal(value, oracle), str(mismatch(value, oracle) or ""))


def _equal(a: Array | None, b: Array | None) -> bool:
    return a is not None and b is not None and np.array_equal(a, b)
