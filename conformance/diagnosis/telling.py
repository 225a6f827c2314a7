"""Puts what was found into sentences: what the mistake is, how we know, what to change."""

from __future__ import annotations

import re
from dataclasses import replace

from conformance.diagnosis.cause import Cause
from conformance.diagnosis.conditions.foretell import Condition
from conformance.diagnosis.experiment import plan
from conformance.diagnosis.experiment.experiment import Experiment
from conformance.diagnosis.experiment.observed import Kind, Observed
from conformance.diagnosis.inputs.placed import Placed
from conformance.diagnosis.naming.later_calls import Later
from conformance.diagnosis.naming.names import Name
from conformance.diagnosis.naming.probes import Probed
from conformance.diagnosis.naming.shapes import Shown
from conformance.diagnosis.unwritten import Unwritten
from harness.geometry.spec import ConvSpec
from harness.results.words import plural

_LONGEST = 160  # characters of what an exception said
# Words of the field that a first reader may not know, as they are found in sentences, and what they mean.
_EXPLAINED = (
    (re.compile(r"\btaps?\b"), "A tap is one element of the kernel."),
    (re.compile(r"\bL\b"), "L is the number of window positions, OH*OW."),
)
_CODE = re.compile(r"`[^`]*`")
_OVER_SHAPES = ("broadcast", "out of bounds", "out of range", "cannot reshape", "mismatch in its core dimension")
_OF_CRASHES = (
    ("truth value of an array", "Ask `if b is not None`: an array of several numbers is neither true nor false."),
    ("cannot be interpreted as an integer", "Use `//` for sizes and indices: `/` gives a float."),
    ("slice indices must be integers", "Use `//` for sizes and indices: `/` gives a float."),
    ("only integers, slices", "Use `//` for sizes and indices: `/` gives a float."),
    ("returns builtins.NoneType", "Return the result in every branch."),
    ("cannot reshape", "What is reshaped has not as many elements as the shape has: print both shapes in that line."),
    ("negative dimensions", "Compute sizes from the spec: `spec.output_size` is never negative."),
)  # fmt: skip


def of_name(experiment: Experiment, name: Name) -> Cause:
    """A mistake by its name."""
    model, condition = name.model, name.condition
    if condition is not None:
        why = (
            f"All {_geometries(condition.failing)} with this fail, with exactly the numbers that the mistake gives; "
            f"{name.passing} without it pass, on which it would show; {condition.unseen} of them "
            "were predicted before they were called."
        )
    elif name.passing:
        why = (
            f"All {_geometries(name.failing)} on which this shows fail, with exactly its numbers; all "
            f"{_others(name.passing)}; {name.foretold} of them were predicted before they were called."
        )
    else:
        why = (
            f"All {_geometries(name.failing)} fail, with exactly the numbers that this gives; "
            f"{name.foretold} of them were predicted before they were called."
        )
    says = _says(experiment, model.says, condition)
    return _cause(experiment, "name", model.id, says, why, sentence(model.mend), model.seen)


def of_number(experiment: Experiment, number: Probed) -> Cause:
    """Rounding, clipping, accumulators."""
    model = number.model
    return _cause(
        experiment, "numbers", model.id, _says(experiment, model.says), number.why, sentence(model.mend), model.seen
    )


def of_shape(experiment: Experiment, shown: Shown) -> Cause:
    """A formula of a size, or an order of axes."""
    hint, condition = shown.hint, shown.condition
    given = _first(experiment)
    example = f"{given.spec} gives {given.shape}, and {given.spec.output_shape(experiment.op)} is right"
    if condition is not None:
        why = (
            f"All {condition.failing} geometries with this have the shape that follows; {shown.passing} without it are "
            f"right; {condition.unseen} of them were predicted before they were called. {example}."
        )
    else:
        why = (
            f"All {plural(shown.failing, 'wrong shape')} are those that this gives"
            f"{_right_beside(shown.passing)}. {example}."
        )
    return _cause(experiment, "shape", hint.id, _says(experiment, hint.says, condition), why, sentence(hint.mend), "")


def _right_beside(passing: int) -> str:
    return f", and the {_geometries(passing)} on which it gives the right one are right" if passing else ""


def of_later(experiment: Experiment, later: Later) -> Cause:
    """What goes wrong on a later call."""
    says = _says(experiment, later.says)
    return _cause(experiment, "later call", later.id, says, later.why, sentence(later.mend), "", later.spec)


def of_placed(experiment: Experiment, placed: Placed) -> Cause:
    """What plain arrays do not show: how inputs are read that lie otherwise, and that they are changed."""
    says = _says(experiment, placed.says)
    return _cause(experiment, "memory", placed.id, says, placed.why, placed.mend, "", placed.spec)


def of_unwritten(experiment: Experiment, unwritten: Unwritten) -> Cause:
    """Memory that nobody has written is returned."""
    which = f": {unwritten.where.removeprefix('only ')}" if unwritten.where else ""
    says = _says(experiment, f"returns memory that it has never written{which}")
    why = (
        f"With freed memory full of NaN, NaN comes back on {unwritten.seen} of {_geometries(unwritten.asked)} that "
        "fail; the data hold none."
    )
    mend = "Begin with `np.zeros`, not `np.empty`, or write every element."
    return _cause(experiment, "name", "memory/unwritten", says, why, mend, "", unwritten.spec)


def of_condition(experiment: Experiment, condition: Condition, where: str) -> Cause:
    """Exactly when it fails, and no more than that."""
    plainest: dict[Kind, Observed] = {}  # of each way to fail
    for one in experiment.failing():
        if one.kind is not None:
            plainest.setdefault(one.kind, one)
    # What fails in another way is on neither side of the condition: then it says nothing of all geometries.
    alone = all(one.kind is None or one.kind in plainest for one in experiment.observed.values())
    ways = " or ".join(_fails(plainest[kind]) for kind in Kind if kind in plainest)
    held = [one for one in experiment.passing() if condition.holds(one.spec)]
    left_out = sum(experiment.right(one.spec).size > 0 for one in held)  # for what windows read: see `condition_of`
    says = f"Your {experiment.op} {ways} {'if and only if' if alone and not left_out else 'where'} {condition.text}."
    why = (
        f"All {condition.failing} geometries with this fail, all {_others(condition.passing)}; {condition.unseen} "
        f"of them were predicted before they were called."
    )
    if not alone:
        why += " Geometries that fail in another way are left out of this."
    if left_out:
        why += (
            f" Left out of this: {_geometries(left_out)} where it holds and nothing is wrong, as some window reads "
            "padding alone, or there is no image, which hides most mistakes."
        )
    kind, mend = "condition", _declared(condition)
    if set(plainest) == {Kind.CRASH}:
        kind, mend = "crash", _mend_of(plainest[Kind.CRASH]) or mend
    elif set(plainest) == {Kind.SHAPE}:
        shape = plainest[Kind.SHAPE]
        kind = "shape"
        why += f" {shape.spec} gives {shape.shape}, and {shape.spec.output_shape(experiment.op)} is right."
    else:
        why += f" {where}No known mistake gives these numbers."
    return _cause(experiment, kind, "", says, why, mend, "")


def _fails(one: Observed) -> str:
    """How the op fails, in a clause."""
    return {Kind.VALUE: "gives wrong numbers", Kind.SHAPE: "returns a wrong shape"}.get(one.kind) or said_by(one)  # type: ignore[arg-type]


def _declared(condition: Condition) -> str:
    """How to declare it; nothing of what holds on most geometries, which is no limit."""
    held = sum(map(condition.holds, plan.first()))
    if 2 * held > len(plan.first()):
        return ""
    look = "Look at the lines that treat these geometries in their own way"
    return f"{look}; if this is a limit and not a fault, declare it in `unsupported`: `{condition.declare}`."


def of_place(experiment: Experiment, where: str) -> Cause:
    """That it fails, and where."""
    failing, first = experiment.failing(), _first(experiment)
    of_all = f"{len(failing)} of {_geometries(len(failing) + len(experiment.passing()))}"
    stopped = f" The time was up after {experiment.calls} calls." if experiment.exhausted else ""
    if first.error.startswith("hung"):
        stopped = " After a call that hangs no other one is made."
    if first.kind is Kind.CRASH:
        says = f"Your {experiment.op} {said_by(first)}, on {of_all}."
        why = f"The plainest is {first.spec}.{stopped}"
        return _cause(experiment, "crash", "", says, why, _mend_of(first), "")
    if first.kind is Kind.SHAPE:
        says = f"Your {experiment.op} returns a wrong shape on {of_all}."
        why = f"{first.spec} gives {first.shape}, and {first.spec.output_shape(experiment.op)} is right.{stopped}"
        return _cause(experiment, "shape", "", says, why, "", "")
    says = f"Your {experiment.op} gives wrong numbers on {of_all}."
    why = f"{where}No known mistake gives these numbers.{stopped}"
    return _cause(experiment, "located", "", says, why, "", "")


def is_of_shapes(crash: Cause) -> bool:
    """Whether NumPy raised it over arrays that do not fit, not the author over what is not done."""
    return any(part in crash.says for part in _OVER_SHAPES)


def with_a_crash(named: Cause, first: Observed) -> Cause:
    """A named mistake, and how other calls of the op end; not when: some of those give the wrong numbers instead."""
    ends = f"Elsewhere, as on {first.spec}, it {said_by(first)}."
    return replace(named, why=f"{named.why} {ends} That may come of the same mistake: mend it first.")


def after_a_name(cause: Cause) -> Cause:
    """What has no name of its own, beside a mistake of the same op that has one."""
    return replace(cause, mend=f"Mend the mistake above first: this may come of it. {cause.mend}".rstrip())


def sentence(text: str) -> str:
    """With a capital and a full stop."""
    text = text.strip()
    if not text:
        return ""
    return f"{text[0].upper()}{text[1:]}" + ("" if text.endswith((".", "!", "?")) else ".")


def said_by(crash: Observed) -> str:
    """What was raised, or how its process ended, in a line that is not too long."""
    text = crash.error
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}..."


def _others(count: int) -> str:
    return f"{count} others pass" if count > 1 else "others, one, pass"


def _geometries(count: int) -> str:
    return plural(count, "geometry", "geometries")


def _mend_of(crash: Observed) -> str:
    return next((mend for part, mend in _OF_CRASHES if part in crash.error), "")


def _says(experiment: Experiment, says: str, condition: Condition | None = None) -> str:
    if condition is None:
        return f"Your {experiment.op} {says}."
    joint = "; this is so only where" if " where " in says else ", where"
    return f"Your {experiment.op} {says}{joint} {condition.text}."


def _first(experiment: Experiment) -> Observed:
    """The plainest failing one."""
    return experiment.failing()[0]


def _cause(
    experiment: Experiment, kind: str, name: str, says: str, why: str, mend: str, seen: str,
    spec: ConvSpec | None = None,
) -> Cause:  # fmt: skip
    failing, passing = experiment.failing(), experiment.passing()
    words = _CODE.sub("", f"{says} {mend}")
    why = " ".join((why.rstrip(), *(text for word, text in _EXPLAINED if word.search(words))))
    plainest = failing[0].spec if failing and spec is None else spec if spec is not None else passing[0].spec
    return Cause(
        op=experiment.op, dtype=experiment.dtype, kind=kind, id=name, says=says, why=why, mend=mend, seen=seen,
        failing=len(failing), passing=len(passing), calls=experiment.calls, plainest=plainest,
    )  # fmt: skip
