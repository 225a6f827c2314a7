"""One fault, diagnosed: what is said of it, whether that is so, and what is said if its own models are not known."""

from __future__ import annotations

import time
from collections.abc import Iterator

from conformance.cases.case import Case
from conformance.diagnosis.diagnose import Found, findings, known
from conformance.diagnosis.experiment.experiment import Experiment
from conformance.power.diagnosed.comparing import Compared, Unseen, compared
from conformance.power.fault import Fault, Implementation, load
from conformance.power.records import Diagnosed
from conformance.power.where.conditions import ALWAYS

_SECONDS = 20.0  # that the calls may take: other work on the machine must not change what is said
_PREFERRED = ("float64", "float32")


def diagnosed(fault: Fault, case: str = "") -> Diagnosed | None:
    """The first cause that is told, and what it is worth; None if the diagnosis sees nothing wrong.

    `case` is one that shows the fault: its dtype is asked about too, if another one shows nothing.
    """
    for dtype in _dtypes(fault, case):
        start = time.monotonic()
        experiment, several = _found(fault, dtype, without=frozenset())
        seconds = time.monotonic() - start
        if several:
            return _judged(fault, dtype, experiment, several[0], seconds)
    return None


def _dtypes(fault: Fault, case: str) -> Iterator[str]:
    preferred = next((name for name in _PREFERRED if name in fault.dtypes), fault.dtypes[0])
    yield preferred
    if case and (shown := Case.parse(case).dtype) != preferred:
        yield shown


def _judged(fault: Fault, dtype: str, experiment: Experiment, first: Found, seconds: float) -> Diagnosed:
    unseen = Unseen(fault, dtype)
    judged = compared(unseen, first, list(experiment.observed))
    own = frozenset(model.id for model in unseen.own_models(known(fault.op)))
    other, told = None, ""
    if own:
        blind, left = _found(fault, dtype, own)
        if left:
            other, told = compared(unseen, left[0], list(blind.observed)), left[0].cause.says
    return Diagnosed(
        kind=first.cause.kind, id=first.cause.id, says=first.cause.says, why=first.cause.why, truth=judged.truth,
        condition=judged.condition, always=fault.condition == ALWAYS, seconds=round(seconds, 3),
        calls=experiment.calls, known=len(own), blind=_word(other), blind_says=told,
    )  # fmt: skip


def _word(judged: Compared | None) -> str:
    return "" if judged is None else judged.truth


def _found(fault: Fault, dtype: str, without: frozenset[str]) -> tuple[Experiment, list[Found]]:
    experiment = Experiment(load(Implementation(fault)), fault.op, dtype, seconds=_SECONDS)
    return experiment, findings(experiment, [model for model in known(fault.op) if model.id not in without])
