"""All faults: every change of every op, each also only under a condition; those retold; and random ones, by seed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from random import Random
from typing import TypeVar

from conformance.domain.pool import Draw
from conformance.power.fault import EVERY, FLOATS, Fault
from conformance.power.kinds import indices, memory, numbers, parameters, special, state
from conformance.power.kinds.retold import retold
from conformance.power.right.ops import Change
from conformance.power.where.conditions import ALWAYS, Condition, On, drawn, ladder
from harness.contract.protocol import ARGUMENTS
from harness.geometry.spec import OPS, Op

RANDOM = 200  # faults of each number of joined conditions
_JOINED = {1: "random.one", 2: "random.two", 3: "random.three"}
_NOT_READ: dict[Op, frozenset[str]] = {
    "im2col": frozenset({"F", "F/G", "G", "C/G", "depthwise"}),
    "col2im": frozenset({"F", "F/G", "G", "C/G", "depthwise"}),
    "conv2d_bias_grad": frozenset({"C", "C/G", "KH", "KW", "SH", "SW", "DH", "DW", "pt", "pb", "pl", "pr", "H", "W",
                                   "K", "taps", "RH", "RW", "rows left over",
                                   "columns left over", "depthwise", "columns"}),
}  # fmt: skip
_IDLE: dict[tuple[str, ...], tuple[Op, ...]] = {
    ("key without the filters", "key without groups"): ("im2col", "col2im"),
    ("key without the channels",): ("conv2d_bias_grad",),
}
_HARD_TO_MISS = ("misses the last", "misses the first", "is one too far", "goes backwards", "has the first for all")
_Value = TypeVar("_Value")


def faults(seed: int = 0) -> list[Fault]:
    """Every one once, in an order that does not change; `seed` draws the random ones."""
    found = [*_always(), *_conditioned(), *_on_calls(), *_retold(), *_random(seed)]
    return list({(fault.kind, str(fault)): fault for fault in found}.values())


def sample(of: Sequence[Fault], size: int, seed: int) -> list[Fault]:
    """So many, drawn by seed, in their order."""
    draw = Random(seed)
    places = sorted(range(len(of)), key=lambda _: draw.random())[:size]  # `random()` alone is the same in every Python
    return [of[place] for place in sorted(places)]


def _always() -> Iterator[Fault]:
    for op in OPS:
        yield from (Fault("parameter", op, change) for change in parameters.changes(op))
        yield from (Fault("index", op, change) for change in indices.changes(op))
        yield from (Fault("index.tail", op, change) for change in indices.tails(op))
        yield from (Fault("precision", op, change, ALWAYS, EVERY) for change in numbers.PRECISION)
        yield from (Fault("data", op, change) for change in _possible(op, numbers.DATA))
        yield from (Fault("state.cache", op, change) for change in _possible(op, state.caches()))
        yield from (Fault("state.calls", op, change) for change in state.calls())
        arguments = len(ARGUMENTS[op])
        yield from (Fault("memory.strides", op, change) for change in memory.strides(arguments))
        yield from (Fault("memory.sharing", op, change) for change in memory.sharing(arguments))


def _conditioned() -> Iterator[Fault]:
    """Each condition of the ladder with a change of an index and one of a parameter, in turn."""
    for op in OPS:
        by_index = [change for change in indices.changes(op) if change.what.endswith(_HARD_TO_MISS)]
        by_number = list(parameters.changes(op))
        conditions = [Condition((on,)) for on in ladder() if _is_read(op, on)]
        for number, condition in enumerate(conditions):
            yield Fault("index.where", op, _in_turn(by_index, number), condition)
            if by_number:
                yield Fault("parameter.where", op, _in_turn(by_number, number), condition)
        for number, change in enumerate(_possible(op, (*numbers.PRECISION, *numbers.DATA))):
            kind, dtypes = ("precision.where", EVERY) if change in numbers.PRECISION else ("data.where", FLOATS)
            yield Fault(kind, op, change, _in_turn(conditions, number), dtypes)
        for number, change in enumerate(_possible(op, (*state.caches(), *state.calls()))):
            yield Fault("state.where", op, change, _in_turn(conditions, number))
        arguments = len(ARGUMENTS[op])
        for number, change in enumerate((*memory.strides(arguments), *memory.sharing(arguments))):
            if number % 3 == 0:
                yield Fault("memory.where", op, change, _in_turn(conditions, number))


def _on_calls() -> Iterator[Fault]:
    """A plain change, only in a dtype, at a call, on some data."""
    for op in OPS:
        plain = [change for change in indices.changes(op) if change.what.endswith(_HARD_TO_MISS)]
        for kind, conditions, dtypes in (
            ("dtype", special.DTYPES, EVERY), ("state.number", special.NUMBERS, FLOATS),
            ("data.only", special.data(len(ARGUMENTS[op])), FLOATS),
        ):  # fmt: skip
            for number, when in enumerate(conditions):
                yield Fault(kind, op, _in_turn(plain, number), Condition((), (when,)), dtypes)


def _retold() -> Iterator[Fault]:
    for ops, change, condition in retold():
        for op in ops:
            if all(_is_read(op, on) for on in condition.geometry):
                dtypes = EVERY if change.sums else FLOATS
                yield Fault("retold", op, change, condition, dtypes)


def _random(seed: int) -> Iterator[Fault]:
    """Any op, any change, and conditions that nobody chose."""
    draw = Draw(seed)
    every = {op: [*parameters.changes(op), *indices.changes(op), *indices.tails(op)] for op in OPS}
    for count, kind in _JOINED.items():
        for _ in range(RANDOM):
            op = draw.one_of(OPS)
            change, condition = draw.one_of(every[op]), drawn(draw, count)
            while not all(_is_read(op, on) for on in condition.geometry):
                condition = drawn(draw, count)
            yield Fault(kind, op, change, condition)


def _possible(op: Op, changes: Iterable[Change]) -> list[Change]:
    """Without those of a second argument where there is none, and of a key without what the op does not read."""
    never = [word for words, ops in _IDLE.items() if op in ops for word in words]
    return [change for change in changes if not change.what.endswith(tuple(never)) and not (
        len(ARGUMENTS[op]) == 1 and change.what.startswith("the second argument")
    )]  # fmt: skip


def _is_read(op: Op, on: On) -> bool:
    """Whether an op has to do with what a condition speaks of."""
    return not {on.name, on.value} & _NOT_READ.get(op, frozenset())


def _in_turn(values: Sequence[_Value], number: int) -> _Value:
    """Another one each time, and not along with the order of the conditions."""
    return values[number * 7 % len(values)]
