"""`python -m harness.tests.mutation`: plant a sample of small faults, one at a time, and list those unnoticed.

The faults are planted in a copy of the tree, never in the tree itself.
"""

from __future__ import annotations

from collections import Counter
from contextlib import ExitStack
from pathlib import Path
from typing import Annotated

import typer

from harness.tests.mutation.mutants import Mutant, compiles, drawn, mutants
from harness.tests.mutation.planting import Copy, Outcome, all_tried
from harness.tests.mutation.related import related_tests, sources

ROOT = Path(__file__).resolve().parents[3]


def plant(
    files: Annotated[
        list[Path] | None, typer.Argument(help="source files or folders; default: the whole product")
    ] = None,
    sample: Annotated[int, typer.Option(min=0, help="so many faults, drawn at random; 0: all")] = 100,
    seed: Annotated[int, typer.Option(help="of the sample")] = 0,
    tests: Annotated[list[Path] | None, typer.Option(help="test files or folders instead of those of the room")] = None,
    kind: Annotated[str, typer.Option(help="only faults of this kind, e.g. 'comparison'")] = "",
    at_least: Annotated[float, typer.Option(min=0, max=100, help="fail if fewer per cent are noticed")] = 0.0,
    jobs: Annotated[int, typer.Option(min=1, help="so many faults at a time, each in a copy of its own")] = 1,
    begin: Annotated[int, typer.Option(min=1, help="go on at this fault of the sample")] = 1,
    show: Annotated[bool, typer.Option(help="list the faults and plant none")] = False,
) -> None:
    """Plant faults one at a time and run the tests that concern each."""
    chosen = _chosen(files or [], sample, seed, kind)[begin - 1 :]
    if show:
        for one in chosen:
            print(one.told((ROOT / one.path).read_bytes()))
        raise typer.Exit(0)
    outcomes: Counter[Outcome] = Counter()
    green: set[Path] = set()
    with ExitStack() as stack:
        copies = [stack.enter_context(Copy(ROOT, green)) for _ in range(jobs)]
        stages = [[list(tests)] if tests else related_tests(ROOT, one.path) for one in chosen]
        for number, (one, (outcome, by)) in enumerate(
            zip(chosen, all_tried(chosen, stages, copies), strict=True), begin
        ):
            outcomes[outcome] += 1
            source = (ROOT / one.path).read_bytes()
            text = one.told(source) if outcome is Outcome.UNNOTICED else f"{one.path}:{one.line}: {one.kind} ({by})"
            print(f"[{number}/{begin - 1 + len(chosen)}] {outcome}: {text}", flush=True)
    noticed = outcomes[Outcome.NOTICED] + outcomes[Outcome.HUNG]
    known = noticed + outcomes[Outcome.UNNOTICED]
    rate = 100 * noticed / max(1, known)
    print(f"noticed {noticed} of {known} planted faults ({rate:.1f} %)")
    raise typer.Exit(0 if known == len(chosen) > 0 and rate >= at_least else 1)


def _chosen(files: list[Path], sample: int, seed: int, kind: str) -> list[Mutant]:
    texts = {path: (ROOT / path).read_bytes() for path in sources(ROOT, files)}
    every = [m for path, text in texts.items() for m in mutants(path, text) if kind in ("", m.kind)]
    chosen = drawn(every, sample, seed) if sample else every
    return [m for m in chosen if compiles(m, texts[m.path])]  # as drawn: the first of them are a sample too


if __name__ == "__main__":
    typer.run(plant)
