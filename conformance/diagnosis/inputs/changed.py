"""Whether an op leaves its inputs as they were: what it changes of them, and on which geometries."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from conformance.diagnosis.cause import CHANGED
from conformance.diagnosis.conditions.features import features
from conformance.diagnosis.experiment.experiment import Experiment
from conformance.diagnosis.inputs import when
from conformance.diagnosis.inputs.claim import Claim
from harness.contract.protocol import ARGUMENTS
from harness.geometry.spec import ConvSpec

_ASKED = 60  # geometries that are right, the plainest
_COPY = "Work on a copy: `{0} *= 2` and `{0}[..] = ..` write into the caller's array, `{0} = {0} * 2` does not."
_FORM = "Make a new array of it: `{0}.shape = ..` and `{0}.resize(..)` change the caller's, `{0}.reshape(..)` does not."


class Changed(NamedTuple):
    """As `Placed`."""

    id: str
    says: str
    why: str
    mend: str
    spec: ConvSpec
    claim: Claim

    @property
    def numbers(self) -> tuple[int, ...]:
        """Of the arguments."""
        return self.claim.numbers


def changed_of(experiment: Experiment) -> list[Changed]:
    """One for each argument that is changed by plain calls that give the right result."""
    specs = [one.spec for one in experiment.passing() if experiment.right(one.spec).size][:_ASKED]
    found: dict[int, dict[ConvSpec, list[str]]] = {}
    asked: list[ConvSpec] = []
    for spec in specs:
        outcome = experiment.outcome(spec, experiment.given(spec).arrays)
        if outcome is None:
            break
        asked.append(spec)
        for text in outcome.changed:  # "the bytes of argument 0"
            word, number = text.removeprefix("the ").split(" of argument ")
            found.setdefault(int(number), {}).setdefault(spec, []).append(word)
    return [_told(experiment, number, words, asked) for number, words in found.items()]


def _told(experiment: Experiment, number: int, words: dict[ConvSpec, list[str]], asked: Sequence[ConvSpec]) -> Changed:
    name, spec = ARGUMENTS[experiment.op][number], next(iter(words))
    what = words[spec][0]
    condition = when.where(asked, [spec in words for spec in asked])
    where = "" if condition is None else f", where {condition}"
    often = "each" if len(words) == len(asked) else f"{len(words)}"
    says = (
        f"changes its argument `{name}` in place" if what == "bytes" else f"changes the {what} of its argument `{name}`"
    )
    why = (
        f"After {often} of {len(asked)} calls on plain geometries the {what} of `{name}` "
        f"{'were' if what in ('bytes', 'strides') else 'was'} not as before; {spec} is one."
    )
    mend = (_COPY if what == "bytes" else _FORM).format(name)
    meant = None if condition is None else lambda one: bool(condition.holds(features([one]))[0])
    return Changed(
        f"{CHANGED}{what} of {name}", f"{says}{where}", why, mend, spec, Claim("changes", (number,), meant=meant)
    )
