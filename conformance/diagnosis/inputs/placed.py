"""What an op that is right on plain arrays gives for the same numbers in other memory, and what it leaves of them.

Each argument in turn lies in every layout that the suite has, the others as usual. Of what comes back wrong it is asked
which way to misread that memory gives just this.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from conformance.diagnosis.conditions.features import features
from conformance.diagnosis.experiment.experiment import Experiment
from conformance.diagnosis.inputs import when
from conformance.diagnosis.inputs.changed import changed_of
from conformance.diagnosis.inputs.claim import Claim
from conformance.diagnosis.inputs.lying import Lies, Lying, common
from conformance.diagnosis.inputs.reading import WAYS, Way
from harness.calls.caller import CallResult, Conditions
from harness.calls.memory_layouts import MEMORY_LAYOUTS, arrange, representable
from harness.contract.protocol import ARGUMENTS, Array
from harness.geometry.spec import ConvSpec, Op
from harness.oracle import by_taps
from harness.oracle.comparing import is_exact

_GEOMETRIES = 2
_ASKED, _CHEAP = 40, 50_000  # geometries, and multiply-adds of each, to see where it is so
_FEWEST = 2  # wrong results that a name rests on
_PLAIN = "Plain arrays give the right result"
_UNNAMED = "memory/misread"


@dataclass(frozen=True, slots=True)
class Placed:
    """A mistake that plain arrays do not show; `says` follows "Your im2col", `why` is how that was seen."""

    id: str
    says: str
    why: str
    mend: str
    spec: ConvSpec
    claim: Claim


class Seen(NamedTuple):
    """A call in which one argument lies in a layout, and what is right: of the numbers that it can hold."""

    spec: ConvSpec
    number: int
    lying: Lying
    arrays: tuple[Array | None, ...]
    right: Array
    outcome: CallResult

    @property
    def is_wrong(self) -> bool:
        """Whether it came to an end with other numbers, or in another shape."""
        return not self.outcome.error and not _same(self.outcome.result, self.right)

    @property
    def is_right(self) -> bool:
        """Whether it gave the right result."""
        return not self.outcome.error and not self.is_wrong


def placed_of(experiment: Experiment) -> list[Placed]:
    """All such mistakes, of what there was time to see. The op must be right on plain arrays."""
    if not is_exact(experiment.caller.numerics, experiment.op, experiment.dtype):
        return []
    changed = changed_of(experiment)
    seen = [one for spec in _telling(experiment) for one in in_layouts(experiment, spec)]
    found = [
        Placed(one.id, one.says, f"{one.why}{_also(seen, one.numbers)}", one.mend, one.spec, one.claim)
        for one in changed
    ]  # fmt: skip
    misread = [_misread(experiment, *one) for one in _by_argument(seen).items() if any(s.is_wrong for s in one[1])]
    told = {number for one in changed for number in one.numbers}
    told |= {one.number for one in misread if one.id != _UNNAMED}  # who reads too far may end the process, too
    refused = [_refused(seen, raised) for number, raised in _by_argument(_raised(seen)).items() if number not in told]
    everywhere = [_where_it_is_so(experiment, one, seen) for one in (*misread, *refused)]
    return [*found, *_joined(experiment, everywhere)]


def _telling(experiment: Experiment) -> list[ConvSpec]:
    """Plain geometries whose inputs have several indices along each axis, or what there is; one is padded."""
    specs = [one.spec for one in experiment.passing() if experiment.right(one.spec).size]
    specs = [
        spec for spec in specs if np.count_nonzero(experiment.right(spec)) * 2 > experiment.right(spec).size
    ] or specs
    several = [
        spec for spec in specs if min(min(shape) for shape in spec.input_shapes(experiment.op) if len(shape) > 1) > 1
    ]
    plain = [spec for spec in several or specs if not any(spec.padding)]
    padded = [spec for spec in several or specs if any(spec.padding)]
    return [*plain[:_GEOMETRIES], *padded[: _GEOMETRIES if not plain else 1]]


def in_layouts(
    experiment: Experiment, spec: ConvSpec, layouts: Sequence[str] = MEMORY_LAYOUTS[1:], only: int | None = None
) -> Iterator[Seen]:
    """Calls with each argument in turn, or that one alone, in each of these layouts, as far as there is time."""
    op, plain = experiment.op, experiment.given(spec).arrays
    for number, a in enumerate(plain):
        if a is None or a.size < 2 or only not in (None, number):
            continue
        for layout in layouts:
            own = a.astype(experiment.dtype)
            arrays = (*plain[:number], representable(a, layout), *plain[number + 1 :])
            outcome = experiment.outcome(spec, plain, Conditions(layout=layout, only=number))
            if outcome is None:
                return
            lying = Lying(layout, arrange(own, layout))
            yield Seen(spec, number, lying, arrays, by_taps.run(op, spec, *arrays), outcome)


def _by_argument(seen: Sequence[Seen]) -> dict[int, list[Seen]]:
    found: dict[int, list[Seen]] = {}
    for one in seen:
        found.setdefault(one.number, []).append(one)
    return found


def _raised(seen: Sequence[Seen]) -> list[Seen]:
    return [one for one in seen if one.outcome.error]


def _same(got: Array | None, want: Array) -> bool:
    return got is not None and np.array_equal(got, want)


# -- wrong numbers -----------------------------------------------------------------------------------------------------


class _Told(NamedTuple):
    """What is said of one argument; the texts may hold {what}, so that several arguments are told together."""

    number: int
    id: str
    says: str
    why: str
    mend: str
    spec: ConvSpec
    claim: Claim


def _misread(experiment: Experiment, number: int, seen: Sequence[Seen]) -> _Told:
    """Without padding first: what is padded is often a copy, whose memory is another."""
    plain = [one for one in seen if not any(one.spec.padding)]
    asked = plain if any(one.is_wrong for one in plain) else seen
    wrong = [one for one in asked if one.is_wrong]
    shown = {one.spec for one in wrong}  # on which geometries it is so, is asked later
    right = [one for one in asked if one.is_right and one.spec in shown]
    counted = f"{_PLAIN}; in {len(wrong)} of {len(wrong) + len(right)} calls with {{what}} elsewhere in memory"
    mend = "Begin with {mend}, which copies only what must be copied, or step by `strides`."
    ways = [(way, count) for way in WAYS if (count := _shown(experiment, way, wrong)) >= _FEWEST]
    if not ways:
        lies = common([one.lying for one in wrong], [one.lying for one in right])
        why = f"{counted} the numbers are wrong; no known way to misread memory gives them."
        says = f"gives wrong numbers where {{what}} {lies.words}"
        return _Told(number, _UNNAMED, says, why, mend, wrong[0].spec, Claim("misread", (number,), lies=lies))
    conditions = [_conditions(experiment, way, wrong, right, seen) for way, _ in ways]
    best = min(range(len(ways)), key=lambda n: len(conditions[n].words))
    (way, count), held = ways[best], conditions[best]
    where = f", where {' and '.join(held.words)}" if held.words else ""
    rest = "; the others have it leave the array" if count < len(wrong) else ""
    why = f"{counted} the numbers are wrong, in {count} of them exactly those that this gives{rest}."
    claim = Claim("misread", (number,), way, held.lies, unpadded=held.unpadded)
    return _Told(number, f"memory/{way.key}{where}", f"{way.says}{where}", why, mend, wrong[0].spec, claim)


class _When(NamedTuple):
    lies: Lies | None
    unpadded: bool

    @property
    def words(self) -> list[str]:
        """To be joined."""
        return [*([f"it {self.lies.words}"] if self.lies else []), *(["there is no padding"] if self.unpadded else [])]


def _conditions(
    experiment: Experiment, way: Way, wrong: Sequence[Seen], right: Sequence[Seen], seen: Sequence[Seen]
) -> _When:
    """When it is made, if not always: by how the argument lies, and not of what is padded."""
    telling = [one for one in right if _would_show(experiment, way, one)]
    lies = common([one.lying for one in wrong], [one.lying for one in telling]) if telling else None
    lying = (one for one in seen if lies is None or lies.holds(one.lying))
    padded = [one for one in lying if any(one.spec.padding) and _would_show(experiment, way, one)]
    unpadded = not any(wrong[0].spec.padding) and 2 * sum(one.is_right for one in padded) > len(padded)
    return _When(lies, unpadded)


def _shown(experiment: Experiment, way: Way, wrong: Sequence[Seen]) -> int:
    """How many of these results the way foretells; 0 if one of them is another than it foretells."""
    made = [(one, foretold(experiment.op, way, one)) for one in wrong]
    if not all(_same(one.outcome.result, result) for one, result in made if result is not None):
        return 0
    return sum(result is not None for _, result in made)


def _would_show(experiment: Experiment, way: Way, one: Seen) -> bool:
    made = foretold(experiment.op, way, one)
    return made is not None and not np.array_equal(made, one.right)


def foretold(op: Op, way: Way, one: Seen) -> Array | None:
    """The result if the argument is read so; None if that reads what is not its own."""
    read = way.read(one.lying.view)
    if read is None:
        return None
    arrays = (*one.arrays[: one.number], read.astype(np.float64), *one.arrays[one.number + 1 :])
    return by_taps.run(op, one.spec, *arrays)


# -- on which geometries --------------------------------------------------------------------------------------------


def _where_it_is_so(experiment: Experiment, told: _Told, seen: Sequence[Seen]) -> _Told:
    """Said with the geometries on which it is so, where it is not so on all, by one layout that shows it."""
    claim, of_it = told.claim, [one for one in seen if one.number == told.number]
    layout = next(one.lying.layout for one in of_it if _is_it(claim, one))
    specs = [spec for spec in _of_all_kinds(experiment) if not (claim.unpadded and any(spec.padding))]
    asked = [one for spec in specs for one in in_layouts(experiment, spec, (layout,), told.number)]
    asked = [one for one in asked if claim.way is None or _would_show(experiment, claim.way, one)]
    so = [_is_it(claim, one) for one in asked]
    if all(so):
        return told
    condition = when.where([one.spec for one in asked], so)
    joint = " and " if ", where " in told.says else ", where "
    says = f"{told.says}, on some geometries" if condition is None else f"{told.says}{joint}{condition}"
    meant = None if condition is None else lambda spec: bool(condition.holds(features([spec]))[0])
    return told._replace(says=says, claim=claim._replace(meant=meant, sometimes=condition is None))


def _of_all_kinds(experiment: Experiment) -> list[ConvSpec]:
    """Geometries that are right, whose inputs have several indices along each axis, plain ones and others."""
    op = experiment.op
    several = [
        one.spec for one in experiment.passing()
        if one.spec.macs <= _CHEAP and experiment.right(one.spec).any()
        and min(min(shape) for shape in one.spec.input_shapes(op)) > 1
    ]  # fmt: skip
    return several[:: max(1, len(several) // _ASKED)]


def _is_it(claim: Claim, one: Seen) -> bool:
    return one.is_wrong if claim.what == "misread" else bool(one.outcome.error)


# -- exceptions --------------------------------------------------------------------------------------------------------


def _refused(seen: Sequence[Seen], raised: Sequence[Seen]) -> _Told:
    number, first = raised[0].number, raised[0]
    right = _beside(seen, raised)
    lies = common([one.lying for one in raised], [one.lying for one in right])
    where, claim = lies.words, Claim("raises", (number,), lies=lies)
    why = f"{_PLAIN}; {len(raised)} of {len(raised) + len(right)} calls with {{what}} elsewhere in memory end so."
    if where == "is read-only":
        says = f"writes into {{what}}, and raises where that is read-only ({first.outcome.error})"
        mend = "Work on a copy, or write into an array of your own: the argument is the caller's."
        return _Told(number, "memory/written to", says, why, mend, first.spec, claim)
    ended = first.outcome.error if first.outcome.died else f"raises {first.outcome.error}"
    mend = "Begin with {mend}: inputs may lie anywhere, and copying is allowed."
    return _Told(number, f"memory/refused: {where}", f"{ended}, where {{what}} {where}", why, mend, first.spec, claim)


def _beside(seen: Sequence[Seen], raised: Sequence[Seen]) -> list[Seen]:
    """Calls on the same geometries, with the same arguments elsewhere, that do not raise."""
    asked = {(one.spec, one.number) for one in raised}
    return [one for one in seen if (one.spec, one.number) in asked and not one.outcome.error]


def _also(seen: Sequence[Seen], numbers: Sequence[int]) -> str:
    """That a changed argument cannot always be changed."""
    raised = [one for one in _raised(seen) if one.number in numbers]
    if not raised:
        return ""
    right = _beside(seen, raised)
    where = common([one.lying for one in raised], [one.lying for one in right]).words
    return f" Where the argument {where}, it raises {raised[0].outcome.error}."


def _joined(experiment: Experiment, told: Sequence[_Told]) -> list[Placed]:
    """The same of several arguments is one mistake."""
    together: dict[str, list[_Told]] = {}
    for one in told:
        together.setdefault(one.says, []).append(one)
    found = []
    for several in together.values():
        first, names = several[0], [ARGUMENTS[experiment.op][one.number] for one in several]
        what, mend = _listed(names), " and ".join(f"`{name} = np.ascontiguousarray({name})`" for name in names)
        says, why, mend = (
            text.replace("{what}", what).replace("{mend}", mend) for text in (first.says, first.why, first.mend)
        )
        claim = first.claim._replace(numbers=tuple(one.number for one in several))
        found.append(Placed(first.id, says, why, mend, first.spec, claim))
    return found


def _listed(names: Sequence[str]) -> str:
    return " and ".join(f"`{name}`" for name in names)
