"""Who is the odd one out: the oracle, a library, or the backend? A vote, and a run that looks for false alarms.

Surprising fact: the backend has no vote on what is right. Oracle and libraries judge, and only if two of them agree
and outnumber the others. `python -m conformance.diagnosis.witnesses` asks every installed library about every geometry.
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np

from conformance.cases.specs import ALL
from conformance.diagnosis import libraries
from harness.contract.protocol import Array
from harness.geometry.spec import OPS, ConvSpec, Op, SpecError
from harness.oracle import by_taps, data
from harness.oracle.comparing import mismatch

ORACLE, BACKEND = "the oracle", "the backend"


@dataclass(frozen=True, slots=True)
class Vote:
    """What one party says; `value` is None and `note` says why where it says nothing."""

    name: str
    value: Array | None
    agrees_with_oracle: bool
    note: str = ""


def available() -> dict[str, str]:
    """Every library that can be a witness, with its version or the reason why it is missing."""
    return {name: libraries.missing(name) or libraries.version(name) for name in libraries.COMPUTE}


def at_hand() -> list[str]:
    """The installed libraries that cost nothing to ask: loaded already, or quick to load."""
    return [name for name in installed() if name in sys.modules or name == "scipy"]


def installed() -> list[str]:
    """The libraries that can be asked here."""
    return [name for name in libraries.COMPUTE if not libraries.missing(name)]


def vote(
    op: Op, spec: ConvSpec, arrays: libraries.Arrays, got: Array | None = None, names: Sequence[str] | None = None
) -> list[Vote]:
    """The oracle, the installed libraries (or those named), and the backend's result. For whole-number data only."""
    oracle = by_taps.run(op, spec, *arrays)
    asked = installed() if names is None else names
    votes = [Vote(ORACLE, oracle, True), *(_asked(name, op, spec, arrays, oracle) for name in asked)]
    return votes if got is None else [*votes, _vote(BACKEND, got, oracle)]


def odd_one_out(votes: Sequence[Vote]) -> str:
    """Who agrees and who does not, as one sentence; silent parties are left out."""
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


def _asked(name: str, op: Op, spec: ConvSpec, arrays: libraries.Arrays, oracle: Array) -> Vote:
    """The vote of a library. One that raises is silent: that is its limit, no statement about the value."""
    try:
        return _vote(name, libraries.COMPUTE[name](op, spec, arrays), oracle)
    except libraries.CannotDoIt as reason:
        return Vote(name, None, False, str(reason))
    except Exception as error:
        return Vote(name, None, False, f"raised {type(error).__name__}: {' '.join(str(error).split())[:150]}")


def _vote(name: str, value: Array, oracle: Array) -> Vote:
    if value.shape != oracle.shape:
        return Vote(name, value, False, f"shape {value.shape} instead of {oracle.shape}")
    return Vote(name, value, _equal(value, oracle), str(mismatch(value, oracle) or ""))


def _equal(a: Array | None, b: Array | None) -> bool:
    return a is not None and b is not None and np.array_equal(a, b)


# -- the run ---------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class LibraryCounts:
    """How often one witness agreed, disagreed (where) and said nothing (why)."""

    agree: int = 0
    disagree: list[str] = field(default_factory=list)
    silent: Counter[str] = field(default_factory=Counter)

    def count(self, case: str, one: Vote) -> None:
        """Take one vote down."""
        if one.value is None:
            self.silent[one.note] += 1
        elif one.agrees_with_oracle:
            self.agree += 1
        else:
            self.disagree.append(f"{case}: {one.note}")


def compare(specs: Iterable[ConvSpec], ops: Iterable[Op] = OPS) -> dict[str, LibraryCounts]:
    """Every installed library against the oracle, on whole numbers whose sums float32 holds exactly."""
    tallies, ops = {name: LibraryCounts() for name in installed()}, list(ops)
    for spec in specs:
        for op in ops:
            arrays = data.exact(op, spec, "float32", f"witnesses/{op}/{spec}")
            for one in vote(op, spec, arrays)[1:]:
                tallies[one.name].count(f"{op}/{spec}", one)
    return tallies


def sample(count: int) -> list[ConvSpec]:
    """Small geometries of every kind; number i is the same on every machine and whatever `count` is."""
    return [_drawn(f"witnesses/sample/{i}") for i in range(count)]


def _drawn(seed: str) -> ConvSpec:
    """The first valid geometry of a stream of random ones."""
    pick: Callable[..., list[int]] = data.generator(seed).integers
    while True:
        groups, channels, filters = (int(v) for v in pick(1, 4, size=3))
        pads, sizes = [int(v) for v in pick(0, 4, size=4)], [int(v) for v in pick(1, 9, size=2)]
        (kh, kw, sh, sw), (dh, dw) = ([int(v) for v in pick(1, 5, size=4)], [int(v) for v in pick(1, 4, size=2)])
        try:
            return ConvSpec.of(
                batch=int(pick(1, 4, size=1)[0]), in_channels=groups * channels, out_channels=groups * filters,
                input_size=sizes, kernel_size=(kh, kw), stride=(sh, sw), padding=pads, dilation=(dh, dw), groups=groups,
            )  # fmt: skip
        except SpecError:
            continue


def _table(tallies: dict[str, LibraryCounts]) -> list[str]:
    row = "{:<12} {:<16} {:>8} {:>8} {:>8} {:>8}".format
    lines = [row("witness", "version", "compared", "agree", "disagree", "cannot")]
    for name, text in available().items():
        if name not in tallies:
            lines.append(f"{name:<12} missing: {text}")
            continue
        t = tallies[name]
        bad, silent = len(t.disagree), t.silent.total()
        lines.append(row(name, text, t.agree + bad, t.agree, bad, silent))
    return lines


def main(arguments: Sequence[str] | None = None) -> int:
    """Compare, print a table, the reasons for silence and every disagreement; 1 if there is any, else 0."""
    parser = argparse.ArgumentParser(
        prog="python -m conformance.diagnosis.witnesses", description=__doc__.splitlines()[0]
    )
    parser.add_argument("--tier2-sample", type=int, default=0, metavar="N", help="N small random geometries as well")
    count = parser.parse_args(arguments).tier2_sample
    tallies = compare([*ALL.values(), *sample(count)])
    print(*_table(tallies), sep="\n")
    for name, tally in tallies.items():
        for reason, times in tally.silent.items():
            print(f"{name} cannot, {times} times: {reason}")
        for case in tally.disagree:
            print(f"{name} DISAGREES on {case}")
    return 1 if any(t.disagree for t in tallies.values()) else 0


if __name__ == "__main__":
    sys.exit(main())
