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
from conformance.diagnosis.naming import copies, limits
from harness.contract.protocol import ARGUMENTS, Array
from harness.geometry.spec import ConvSpec
from harness.oracle import by_taps

_NEAR = {"float16": 1e-3, "float32": 1.2e-7, "float64": 2.3e-16}  # relative: what is nearer than this is a copy
_SCALES = (1.0, 2.0**-8, 2.0**6, 2.0**12, 2.0**-20, 2.0**20)  # of the numbers of sums, until a rounding shows
_TERMS = 4  # at least so many in a sum of a probe
_CHEAP = 2_000_000
_FEWEST = 2  # numbers that have to be other than they were
_COARSE = 0.02  # of the largest result: how far off sums may be that are formed too coarsely
_SUMS = "number/sums in"
_ENOUGH = 3  # geometries on which what is said of sums must come true


@dataclass(frozen=True, slots=True)
class Probed:
    """What is done to numbers, as a model of the op, and how that was seen."""

    model: Model
    why: str


def number_of(experiment: Experiment) -> Probed | None:
    """What the op does to numbers. None if nothing, or nothing that is known; not asked of dtypes of whole numbers."""
    if experiment.dtype not in _NEAR or not experiment.passing():
        return None
    found: dict[int, Number] = {}
    shown = 0
    for carrier in copies.carriers(experiment.op):
        number, count = _of_carrier(experiment, carrier)
        if number is not None:
            found[carrier], shown = number, shown + count
    told = _told(experiment, found, shown) if found else _accumulator(experiment)
    return told if told is not None and _is_true_of_whole_numbers(experiment, told) else None


def _of_carrier(experiment: Experiment, carrier: int) -> tuple[Number | None, int]:
    """What becomes of the numbers of one argument, and of how many that was seen."""
    kept: list[Array] = []  # that came through as they are
    for values, kind, alone in _questions(experiment.dtype):
        made = copies.copying(experiment, carrier, alone)
        pair = None if made is None else copies.seen(experiment, made, values)
        if pair is None or not pair[0].size:
            continue
        given, got = pair
        if _same(got, given, experiment.dtype):
            kept.append(given)
            continue
        if (got != given).sum() < _FEWEST:
            return None, 0  # one element is wrong: that fits too much
        dtype = experiment.dtype
        fitting = (one for one in _candidates(given, got, kind, dtype) if _fits(one, given, got, kept, dtype))
        return next(fitting, None), len(got)
    return None, 0


def _fits(number: Number, given: Array, got: Array, kept: Sequence[Array], dtype: str) -> bool:
    with np.errstate(all="ignore"):
        if not np.array_equal(_cast(number.of(given), dtype), got, equal_nan=True):
            return False
        return all(np.array_equal(number.of(values), values, equal_nan=True) for values in kept)


def _is_true_of_whole_numbers(experiment: Experiment, told: Probed) -> bool:
    """Whether what fails on whole numbers is what it gives there, and what passes too."""
    failing = [one for one in experiment.failing() if one.kind is Kind.VALUE]
    if told.model.id.startswith(_SUMS):  # whose order is not known
        return all(_is_nearly_right(experiment, one.spec) for one in failing[:_ENOUGH])
    return all(experiment.foretold(told.model, one.spec) == one.digest for one in failing) and not any(
        experiment.differs(told.model, one.spec) for one in experiment.passing()
    )


def _is_nearly_right(experiment: Experiment, spec: ConvSpec) -> bool:
    got, right = experiment.raw(spec, experiment.given(spec).arrays), experiment.right(spec)
    if isinstance(got, str) or got.shape != right.shape:
        return False
    with np.errstate(all="ignore"):
        return bool((np.abs(got - right) <= _COARSE * np.abs(right).max(initial=1)).all())


def without_bias(experiment: Experiment) -> Probed | None:
    """What conv2d does where no bias is given, if that is wrong."""
    if experiment.op != "conv2d":
        return None
    asked = [one.spec for one in experiment.passing() if one.spec.macs <= _CHEAP][:16]
    wrong: list[tuple[ConvSpec, Array]] = []
    for spec in asked:
        x, w, _ = experiment.given(spec).arrays
        got, right = experiment.raw(spec, (x, w, None)), by_taps.run("conv2d", spec, x, w, None)
        if isinstance(got, str):
            return _no_bias(f"raises {got}, where no bias is given", spec, len(asked), lambda given: tables.run(given))
        if got.shape != right.shape or not np.array_equal(got, right):
            wrong.append((spec, got - right if got.shape == right.shape else right))
    if not wrong:
        return None
    if len(wrong) == len(asked) and all(np.array_equal(off, np.ones_like(off)) for _, off in wrong):
        return _no_bias("adds a bias of 1 where none is given", wrong[0][0], len(asked), _one_for_none)
    return _no_bias("is wrong where no bias is given", wrong[0][0], len(asked), lambda given: tables.run(given))


def _no_bias(says: str, spec: ConvSpec, asked: int, gives: Callable[[Given], Array]) -> Probed:
    mend = "a bias of None means that nothing is added"
    model = Model("number/without a bias", says, mend, ("conv2d",), gives)
    return Probed(model, f"With a bias all is right; without one {spec} is wrong, the plainest of {asked}.")


def _one_for_none(given: Given) -> Array:
    arrays = given.arrays
    bias = np.ones(given.spec.b_shape) if arrays[2] is None else arrays[2]
    return tables.run(given._replace(arrays=(*arrays[:2], bias)))


# -- copies -------------------------------------------------------------------------------------------------------


def _questions(dtype: str) -> Iterator[tuple[Array, str, bool]]:
    """Numbers, what is asked about them, and whether they may stand in no sum."""
    yield _cast(_reals(dtype), dtype), "numbers", False
    yield _cast(_ladder(dtype), dtype), "small", False
    info = np.finfo(np.dtype(dtype))
    tiny, least = float(info.tiny), float(info.smallest_subnormal)
    yield np.array([1.0, tiny / 2, -3.0, -tiny / 4, 2.0, least, 5.0, -least]), "subnormal", False
    yield np.array([1.5, np.nan, 2.0, np.inf, -3.0, -np.inf, 4.0, 5.0]), "special", True


def _reals(dtype: str) -> Array:
    """Of many sizes, with digits to the last bit."""
    rng = np.random.default_rng(5)
    ranges = ((0.3, 3, 16), (5, 90, 8), (130, 2000, 8), (4e4, 6e4, 4), (7e4, 9e6, 4), (2e7, 9e8, 4), (3e9, 9e9, 4))
    drawn = [rng.uniform(low, high, count) for low, high, count in ranges if dtype != "float16" or high < 7e4]
    values = np.concatenate(drawn)
    return values * rng.choice([-1, 1], values.size)


def _ladder(dtype: str) -> Array:
    """1, 0.1, 0.01, ... as far as numbers are normal."""
    last = {"float16": 4, "float32": 37, "float64": 300}[dtype]
    steps = [*range(min(last, 40) + 1), *range(60, last + 1, 20)]
    return np.array([10.0**-k for k in steps])


def _cast(values: Array, dtype: str) -> Array:
    return values.astype(dtype).astype(np.float64)


def _same(got: Array, given: Array, dtype: str) -> bool:
    with np.errstate(all="ignore"):
        return bool(np.allclose(got, given, rtol=_NEAR[dtype], atol=0, equal_nan=True))


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
        near = 4 * _NEAR[dtype]
        found = [limits.clipped(given, got), limits.multiplied(given, got, near), limits.dropped(given, got)]
    yield from (one for one in found if one is not None)


# -- inputs or results ----------------------------------------------------------------------------------------------


def _told(experiment: Experiment, found: dict[int, Number], shown: int) -> Probed | None:
    """Where the rounding is: in one argument, in all, or in the result; None if sums speak against all of these."""
    names, several = ARGUMENTS[experiment.op], list(copies.carriers(experiment.op))
    rounding = next(iter(found.values()))
    if len({one.key for one in found.values()}) > 1:
        return None
    carried = tuple(sorted(found))
    said = "the inputs" if len(several) > 1 and len(found) == len(several) else " and ".join(names[n] for n in carried)
    possible = [(said, said, partial(_of_inputs, rounding, carried))]
    if len(found) == len(several):  # or else the result has them all
        possible.append(("results", "the results", partial(_of_result, rounding)))
    left, tried = _by_sums(experiment, [one[2] for one in possible], rounding)
    if not left:
        return None
    place, what, gives = possible[left[0]]
    cannot_tell = len(left) > 1
    what = "numbers" if cannot_tell else what
    model = Model(
        f"number/{place} {rounding.key}", rounding.says.format(what=what), rounding.mend, (experiment.op,), gives
    )
    why = f"In results that are copies of one input, all {shown} numbers that were given came back exactly so"
    why += f", and {tried} results of sums are what this gives." if tried and not cannot_tell else "."
    return Probed(model, why)


def _by_sums(
    experiment: Experiment, possible: Sequence[Callable[[Given], Array]], rounding: Number
) -> tuple[list[int], int]:
    """Which of them give the results of sums of numbers on which the rounding shows, and of how many."""
    left, tried = list(range(len(possible))), 0
    for spec in _of_sums(experiment):
        for scale in _SCALES:
            given = Given(experiment.op, spec, _dyadic(experiment, spec, scale))
            with np.errstate(all="ignore"):
                made = [_cast(gives(given), experiment.dtype) for gives in possible]
                right = _cast(by_taps.run(experiment.op, spec, *given.arrays), experiment.dtype)
            if all(np.array_equal(one, right) for one in made):
                continue
            got = experiment.raw(spec, given.arrays)
            if isinstance(got, str) or got.shape != right.shape:
                continue
            tried += 1
            left = [n for n in left if _almost(got.astype(np.float64), made[n], experiment.dtype)]
        if tried >= _ENOUGH:
            break
    return left, tried


def _of_sums(experiment: Experiment) -> list[ConvSpec]:
    """Geometries with sums of several terms where there are such."""
    specs = [one.spec for one in experiment.passing() if one.spec.macs <= _CHEAP and experiment.right(one.spec).size]
    return sorted(specs, key=lambda spec: (_depth(experiment, spec) < _TERMS, spec.macs))[:6]


def _depth(experiment: Experiment, spec: ConvSpec) -> int:
    return int(by_taps.term_count(experiment.op, spec, *experiment.given(spec).arrays).max(initial=0))


def _dyadic(experiment: Experiment, spec: ConvSpec, scale: float) -> tuple[Array | None, ...]:
    """One argument with more digits than a rounding leaves, the others small and whole: the sums are exact."""
    bits = {"float16": 4, "float32": 14, "float64": 34}[experiment.dtype]
    rng = np.random.default_rng(11)
    arrays: list[Array | None] = list(experiment.given(spec).arrays)
    number = 1 if experiment.op == "conv2d_weight_grad" else 0
    shape = spec.input_shapes(experiment.op)[number]
    drawn = (rng.integers(2 ** (bits - 1), 2**bits, shape) | 1) * rng.choice([-1, 1], shape)
    arrays[number] = drawn * (scale * 2.0 ** (7 - bits))
    for n, other in enumerate(arrays):
        if n != number and other is not None:
            arrays[n] = np.sign(other)
    return tuple(arrays)


def _almost(got: Array, made: Array, dtype: str) -> bool:
    """Equal but for the order of a sum."""
    largest = float(np.abs(made).max(initial=0))
    with np.errstate(all="ignore"):
        return bool((np.abs(got - made) <= 8 * _NEAR[dtype] * largest).all()) or np.array_equal(got, made)


def _of_inputs(rounding: Number, numbers: Sequence[int], given: Given) -> Array:
    arrays = tuple(a if a is None or n not in numbers else rounding.of(a) for n, a in enumerate(given.arrays))
    return tables.run(given._replace(arrays=arrays))


def _of_result(rounding: Number, given: Given) -> Array:
    return rounding.of(tables.run(given))


# -- sums -------------------------------------------------------------------------------------------------------------

_ACCUMULATORS = (
    ("half", "half precision (float16)", "float32", 2**8, 0.1),
    ("single", "single precision (float32)", "float64", 2**23, 1e-4),
)  # fmt: skip


def _accumulator(experiment: Experiment) -> Probed | None:
    """Sums of whole numbers of which each alone is kept: too coarse a sum loses the last bits."""
    if experiment.op == "im2col":
        return None
    for kind, words, wider, top, most in _ACCUMULATORS:
        if experiment.dtype == "float16" or (kind == "single" and experiment.dtype != "float64"):
            continue
        seen = [off for spec in _of_long_sums(experiment) if (off := _off(experiment, spec, top)) is not None]
        wrong = [off for off in seen if off > 0]
        if len(wrong) >= 2 and max(wrong) < most:
            model = Model(
                f"number/sums in {kind}", f"forms its sums in {words}", f"accumulate in {wider}", (experiment.op,),
                partial(_summed, np.float16 if kind == "half" else np.float32),
            )  # fmt: skip
            return Probed(model, f"Single numbers come through exactly, but sums of numbers up to {top} that {wider} "
                          f"holds are off by up to {max(wrong):.1e} of themselves.")  # fmt: skip
    return None


def _of_long_sums(experiment: Experiment) -> list[ConvSpec]:
    specs = [one.spec for one in experiment.passing() if one.spec.macs <= _CHEAP and experiment.right(one.spec).size]
    return sorted(specs, key=lambda spec: -_depth(experiment, spec))[:6]


def _off(experiment: Experiment, spec: ConvSpec, top: int) -> float | None:
    """How far off sums of odd numbers of half this size and more are, relatively."""
    rng = np.random.default_rng(7)
    shapes = spec.input_shapes(experiment.op)
    arrays: list[Array | None] = [np.ones(shape) for shape in shapes]
    arrays[0] = (rng.integers(top // 2, top, shapes[0]) | 1).astype(np.float64)
    if experiment.op == "conv2d":
        arrays[2] = None
    got, right = experiment.raw(spec, arrays), by_taps.run(experiment.op, spec, *arrays)
    if isinstance(got, str) or got.shape != right.shape:
        return None
    with np.errstate(all="ignore"):
        off = np.abs(got - right)[right != 0] / np.abs(right[right != 0])
    return float(off.max(initial=0)) if np.isfinite(off).all() else None


def _summed(dtype: type, given: Given) -> Array:
    """As sums in that dtype, in the order of the tables."""
    wide = replace_arrays(given, dtype)
    return np.asarray(by_taps.run(given.op, given.spec, *wide, accumulate=dtype), np.float64)


def replace_arrays(given: Given, dtype: type) -> tuple[Array | None, ...]:
    """The arguments in another dtype."""
    return tuple(None if a is None else a.astype(dtype) for a in given.arrays)
