"""The stages of an op, each timed by itself: padding, im2col, product, reordering, as its backend has divided it.

The names are the backend's, the clock is ours. What the last stage gives is judged by the parent like any other result.
"""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median
from typing import Any

from harness.contract.protocol import CompleteBackend
from harness.geometry.spec import ConvSpec, Op
from harness.results.records import StageTime
from harness.timing import clock

_RUNS = 5  # of which the first is not counted
_MOST, _LONGEST_NAME = 16, 40


def measure(backend: CompleteBackend, op: Op, spec: ConvSpec, arrays: Sequence[Any]) -> tuple[list[StageTime], Any]:
    """Medians over some runs, and the result of the last; no times, if the backend does not tell the stages.

    Raises `ValueError` for what are no stages, and whatever they raise.
    """
    stages = [(str(name)[:_LONGEST_NAME], function) for name, function in backend.stages(op, spec)]
    if len(stages) > _MOST:
        raise ValueError(f"stages() must give at most {_MOST} stages, got {len(stages)}")
    if not stages:
        return [], None
    runs: list[list[float]] = []
    made: Any = None
    with clock.uncollected():
        for _ in range(_RUNS):
            made = None  # its memory is the next one's, as in calls
            took, made = _run(stages, arrays)
            runs.append(took)
    times = zip(*runs[1:], strict=True)
    found = [StageTime(name=name, seconds=median(of_stage)) for (name, _), of_stage in zip(stages, times, strict=True)]
    return found, made


def _run(stages: Sequence[tuple[str, Any]], arrays: Sequence[Any]) -> tuple[list[float], Any]:
    """Seconds of each stage, one after the other, and what the last has given."""
    given, took = tuple(arrays), []
    made: Any = None
    for number, (name, function) in enumerate(stages):
        start = clock.now()
        made = function(*given)
        took.append(max(clock.now() - start, 1e-12))
        if number + 1 < len(stages) and not isinstance(made, tuple):
            raise ValueError(
                f"the stage {name!r} must give a tuple, the arguments of the next, got {type(made).__name__}"
            )
        given = made if number + 1 < len(stages) else ()
    return took, made
