"""A search for false alarms: every installed library against the oracle, on every geometry of the suite.

`python -m conformance.diagnosis.compare_libraries` prints a table and every disagreement.
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from conformance.cases.specs import ALL
from conformance.diagnosis.libraries import witnesses
from conformance.diagnosis.vote import Vote, cast_votes
from harness.geometry.spec import OPS, ConvSpec, Op, SpecError
from harness.oracle import data


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
    counts, ops = {name: LibraryCounts() for name in witnesses.installed()}, list(ops)
    for spec in specs:
        for op in ops:
            arrays = data.exact(op, spec, "float32", f"witnesses/{op}/{spec}")
            for one in cast_votes(op, spec, arrays)[1:]:
                counts[one.name].count(f"{op}/{spec}", one)
    return counts


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


def _table(counts: dict[str, LibraryCounts]) -> list[str]:
    row = "{:<12} {:<16} {:>8} {:>8} {:>8} {:>8}".format
    lines = [row("witness", "version", "compared", "agree", "disagree", "cannot")]
    for name, text in witnesses.available().items():
        if name not in counts:
            lines.append(f"{name:<12} missing: {text}")
            continue
        t = counts[name]
        bad, silent = len(t.disagree), t.silent.total()
        lines.append(row(name, text, t.agree + bad, t.agree, bad, silent))
    return lines


def main(arguments: Sequence[str] | None = None) -> int:
    """Compare, print a table, the reasons for silence and every disagreement; 1 if there is any, else 0."""
    parser = argparse.ArgumentParser(
        prog="python -m conformance.diagnosis.compare_libraries", description=__doc__.splitlines()[0]
    )
    parser.add_argument("--tier2-sample", type=int, default=0, metavar="N", help="N small random geometries as well")
    count = parser.parse_args(arguments).tier2_sample
    counts = compare([*ALL.values(), *sample(count)])
    print(*_table(counts), sep="\n")
    for name, counted in counts.items():
        for reason, times in counted.silent.items():
            print(f"{name} cannot, {times} times: {reason}")
        for case in counted.disagree:
            print(f"{name} DISAGREES on {case}")
    return 1 if any(t.disagree for t in counts.values()) else 0


if __name__ == "__main__":
    sys.exit(main())
