"""What an op does to numbers that are not small and whole: it rounds, clips or drops them, or sums too coarsely.

First by results that are copies of one number, where any such function is compared exactly; then by sums, which tell
what is done to the inputs from what is done to the result.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from conformance.diagnosis.experiment.experiment import Experiment
from conformance.diagnosis.experiment.observed import Kind
from conformance.diagnosis.models import tables
from conformance.diagnosis.models.model import Given, Model
from conformance.diagnosis.models.numbers import NUMBERS, SPECIAL, Number
from conformance.diagnosis.naming import copies, limits, sums
from conformance.diagnosis.naming.kept_data import Later
from conformance.diagnosis.naming.sums import NEAR, cast
from harness.contract.protocol import ARGUMENTS, Array
from harness.geometry.spec import ConvSpec
from harness.oracle import by_taps

# Ranges of numbers, and how many. Half precision holds the first alone: what overflows to infinity spoils sums with 0.
_MIDDLE = ((0.3, 3, 16), (5, 90, 8), (130, 2000, 8), (4e4, 6e4, 4), (1e-4, 9e-3, 4), (1e-7, 3e-5, 8))
_LARGE = ((7e4, 9e6, 8), (2e7, 9e8, 8), (3e9, 9e9, 8))
_HALVES = (0.5, 1.5, 2.5, 3.5, -0.5, -1.5, -2.5, -3.5)  # which ways to round treat each in their own way
_FEWEST = 2  # numbers that have to be other than they were
_ASKED = 16  # geometries that are called without a bias
_CHEAP = 50_000  # multiply-adds
_MOST = 30  # failing geometries on which it is asked whether they are that


@dataclass(frozen=True, slots=True)
class Probed:
    """What is done to numbers, as a model of the op, and how that was seen."""

    model: Model
    why: str


def number_of(experiment: Experiment) -> Probed | None:
    """What the op does to numbers. None if nothing, or nothing that is known; not asked of dtypes of whole numbers."""
    if experiment.dtype not in NEAR or not experiment.passing():
        return None
    found: dict[int, Number] = {}
    shown = 0
    for carrier in copies.carriers(experiment.op):
        number, count = _of_carrier(experiment, carrier)
        if number is not None:
            found[carrier], shown = number, shown + count
    told = _of_single_numbers(experiment, found, shown) if found else _of_sums(experiment)
    if told is None or not sums.is_so_elsewhere(experiment, told.model) or experiment.exhausted:
        return None
    return told


def _of_single_numbers(experiment: Experiment, found: dict[int, Number], shown: int) -> Probed | None:
    told = _told(experiment, found, shown) or _held(experiment, found)
    if told is None or told.model.id.startswith(sums.SUMS):
        return told
    return told if _is_true_of_whole_numbers(experiment, told.model) else None


def _of_sums(experiment: Experiment) -> Probed | None:
    coarse = sums.accumulator(experiment)
    return None if coarse is None else Probed(*coarse)


def _of_carrier(experiment: Experiment, carrier: int) -> tuple[Number | None, int]:
    """What becomes of the numbers of one argument, and of how many that was seen."""
    kept: list[Array] = []  # that came through as they are
    dtype = experiment.dtype
    plain = copies.copying(experiment, carrier)
    for values, kind, alone in _questions(dtype):
        made = copies.copying(experiment, carrier, alone=True) if alone else plain
        pair = None if made is None else copies.seen(experiment, made, values)
        if pair is None or not pair[0].size:
            continue
        given, got = pair
        with np.errstate(all="ignore"):
            if np.allclose(got, given, rtol=NEAR[dtype], atol=0, equal_nan=True):
                kept.append(given)
                continue
        if (got != given).sum() < _FEWEST:
            return None, 0  # one element is wrong: that fits too much
        fitting = (one for one in _candidates(given, got, kind, dtype) if _fits(one, given, got, kept, dtype))
        return next(fitting, None), len(got)
    return None, 0


def _questions(dtype: str) -> Iterator[tuple[Array, str, bool]]:
    """Numbers, what is asked about them, and whether they may stand in no sum."""
    yield cast(np.append(_reals(_MIDDLE), _HALVES), dtype), "numbers", False
    if dtype != "float16":
        yield cast(_reals(_LARGE), dtype), "numbers", False
    yield cast(_ladder(dtype), dtype), "small", False
    info = np.finfo(np.dtype(dtype))
    tiny, least = float(info.tiny), float(info.smallest_subnormal)
    yield np.array([1.0, tiny / 2, -3.0, -tiny / 4, 2.0, least, 5.0, -least]), "subnormal", False
    yield np.array([1.5, np.nan, 2.0, np.inf, -3.0, -np.inf, 4.0, 5.0]), "special", True


def _reals(ranges: Sequence[tuple[float, float, int]]) -> Array:
    """Of many sizes, with digits to the last bit."""
    rng = np.random.default_rng(5)
    values: Array = np.concatenate([rng.uniform(low, high, count) for low, high, count in ranges])
    return np.asarray(values * rng.choice([-1, 1], values.size))


def _ladder(dtype: str) -> Array:
    """1, 0.1, 0.01, ... as far as numbers are normal."""
    last = {"float16": 4, "float32": 37, "float64": 300}[dtype]
    steps = [*range(min(last, 40) + 1), *range(60, last + 1, 20)]
    return np.array([10.0**-k for k in steps])


def _candidates(given: Array, got: Array, kind: str, dtype: str) -> Iterator[Number]:
    """What could have become of them, the plainest first."""
    if kind == "special":
        yield from SPECIAL
        found = [limits.large_for_infinite(given, got)]
    elif kind == "subnormal":
        yield from (one for one in SPECIAL if one.key == f"subnormal to 0 ({dtype})")
        found = []
    else:
        yield from NUMBERS
        near = 4 * NEAR[dtype]
        found = [limits.clipped(given, got), limits.multiplied(given, got, near), limits.dropped(given, got)]
    yield from (one for one in found if one is not None)


def _fits(number: Number, given: Array, got: Array, kept: Sequence[Array], dtype: str) -> bool:
    with np.errstate(all="ignore"):
        if not np.array_equal(cast(number.of(given), dtype), got, equal_nan=True):
            return False
        return all(np.array_equal(number.of(values), values, equal_nan=True) for values in kept)


def _told(experiment: Experiment, found: dict[int, Number], shown: int) -> Probed | None:
    """Where it is done: to one argument, to all, or to the result; None if sums speak against all of these."""
    names, several = ARGUMENTS[experiment.op], list(copies.carriers(experiment.op))
    number = next(iter(found.values()))
    if len({one.key for one in found.values()}) > 1:
        return None
    carried = tuple(sorted(found))
    every = len(several) > 1 and len(found) == len(several)
    what = "the inputs" if every else " and ".join(f"`{names[n]}`" for n in carried)
    possible = [(what, partial(_of_inputs, number, carried))]
    if len(found) == len(several):  # or else the result has them all
        possible.append(("the results", partial(_of_result, number)))
    left, tried = sums.which(experiment, [gives for _, gives in possible])
    if not left:
        return None
    what, gives = possible[left[0]]
    place = "numbers" if len(left) > 1 else what
    model = Model(
        f"number/{place.replace('`', '').removeprefix('the ')} {number.key}", number.says.format(what=place),
        number.mend, (experiment.op,), gives, number.cost, number.seen,
    )  # fmt: skip
    why = f"In results that are copies of one input, all {shown} numbers that were given came back exactly so"
    return Probed(model, f"{why}, and {tried} results of sums are what this gives." if tried else f"{why}.")


def _held(experiment: Experiment, found: dict[int, Number]) -> Probed | None:
    """Rounded are inputs, sums and results, as in an accumulator."""
    keys = {number.key for number in found.values()}
    held = sums.held_in(experiment, keys.pop()) if len(keys) == 1 else None
    return None if held is None else Probed(*held)


def _of_inputs(number: Number, carried: Sequence[int], given: Given) -> Array:
    arrays = tuple(a if a is None or n not in carried else number.of(a) for n, a in enumerate(given.arrays))
    return tables.run(given._replace(arrays=arrays))


def _of_result(number: Number, given: Given) -> Array:
    return number.of(tables.run(given))


def _is_true_of_whole_numbers(experiment: Experiment, model: Model) -> bool:
    """Whether what fails on whole numbers is what it gives there, and what passes too."""
    failing = [one for one in experiment.failing() if one.kind is Kind.VALUE]
    cheap = [one.spec for one in experiment.passing() if one.spec.macs <= _CHEAP]
    return all(experiment.foretold(model, one.spec) == one.digest for one in failing[:_MOST]) and not any(
        experiment.differs(model, spec) for spec in cheap
    )


# -- no bias ----------------------------------------------------------------------------------------------------------


def without_bias(experiment: Experiment) -> Probed | Later | None:
    """What conv2d does where no bias is given, if that is wrong."""
    if experiment.op != "conv2d":
        return None
    asked = [one.spec for one in experiment.passing() if one.spec.macs <= _CHEAP][:_ASKED]
    wrong: list[ConvSpec] = []
    adds_one = adds_last = True
    for spec in asked:
        x, w, _ = experiment.given(spec).arrays
        got, right = experiment.raw(spec, (x, w, None)), by_taps.run("conv2d", spec, x, w, None)
        if experiment.exhausted:
            return None
        if isinstance(got, str):
            return _no_bias(f"raises {got} where no bias is given", spec, len(asked), tables.run)
        if got.shape != right.shape or not np.array_equal(got, right):
            wrong.append(spec)
            adds_one = adds_one and got.shape == right.shape and np.array_equal(got, right + 1)
            adds_last = adds_last and np.array_equal(got, experiment.right(spec))
    if not wrong or experiment.exhausted:
        return None
    if adds_one:
        return _no_bias("adds a bias of 1 where none is given", wrong[0], len(asked), _one_for_none)
    if adds_last:
        return _kept_bias(wrong[0], len(asked))
    return _no_bias("is wrong where no bias is given", wrong[0], len(asked), tables.run)


def _kept_bias(spec: ConvSpec, asked: int) -> Later:
    return Later(
        "later/bias kept", "adds the bias of an earlier call with the same geometry where none is given",
        f"A call of {spec} without a bias, after one with a bias, gave the result of that; it is the plainest of "
        f"{asked}.", "Keep no bias from call to call: None means that nothing is added.", spec,
    )  # fmt: skip


def _no_bias(says: str, spec: ConvSpec, asked: int, gives: Callable[[Given], Array]) -> Probed:
    model = Model("number/without a bias", says, "a bias of None means that nothing is added", ("conv2d",), gives)
    return Probed(model, f"With a bias all is right; without one {spec} is wrong, the plainest of {asked}.")


def _one_for_none(given: Given) -> Array:
    arrays = given.arrays
    bias = np.ones(given.spec.b_shape) if arrays[2] is None else arrays[2]
    return tables.run(given._replace(arrays=(*arrays[:2], bias)))
