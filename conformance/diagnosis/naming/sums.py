"""What sums say of numbers: whether inputs or results are rounded, and whether sums are formed too coarsely."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from itertools import islice, product

import numpy as np

from conformance.diagnosis.experiment.experiment import Experiment
from conformance.diagnosis.models.model import Given, Model
from harness.contract.protocol import Array
from harness.geometry.spec import ConvSpec
from harness.oracle import by_taps

SUMS = "number/sums in"  # how the ids of such models begin
NEAR = {"float16": 1e-3, "float32": 1.2e-7, "float64": 2.3e-16}  # relative: what is nearer than this is a copy

_SCALES = (1.0, 2.0**-8, 2.0**6, 2.0**12, 2.0**-20, 2.0**20)  # of the numbers of sums, until a rounding shows
_TERMS = 4  # at least so many in a sum that is looked at
_CHEAP = 100_000  # multiply-adds
_GEOMETRIES = 6
_OF_ALL_KINDS = 24  # geometries, or a few more, on which it is asked whether something has no condition
_RARE = 0.1  # of the numbers are NaN or infinite, where that is asked
_MANY_TERMS = 8
_ENOUGH = 3  # results of sums that have to come true
_COARSE = 0.02  # of the largest result: how far off sums may be that are formed too coarsely
_ACCUMULATORS = (
    ("half", "half precision (float16)", "float32", np.float16, 2**8, 0.1),
    ("single", "single precision (float32)", "float64", np.float32, 2**23, 1e-4),
)  # fmt: skip


def which(experiment: Experiment, possible: Sequence[Callable[[Given], Array]]) -> tuple[list[int], int]:
    """Which of these give the results of sums of numbers on which they show, and how many results that were."""
    left, tried = list(range(len(possible))), 0
    for spec in _with_terms(experiment, _TERMS):
        for scale in _SCALES:
            given = Given(experiment.op, spec, _dyadic(experiment, spec, scale))
            with np.errstate(all="ignore"):
                made = [cast(gives(given), experiment.dtype) for gives in possible]
                right = cast(by_taps.run(experiment.op, spec, *given.arrays), experiment.dtype)
            if all(np.array_equal(one, right) for one in made) or not all(np.isfinite(one).all() for one in made):
                continue
            got = experiment.raw(spec, given.arrays)
            if isinstance(got, str) or got.shape != right.shape:
                continue
            tried += 1
            left = [n for n in left if _almost(got.astype(np.float64), made[n], experiment.dtype)]
    return left, tried


def is_so_elsewhere(experiment: Experiment, model: Model) -> bool:
    """Whether results on geometries of all kinds are what a model gives: it may be done to numbers only somewhere."""
    several = _of_all_kinds(experiment)
    if model.id.startswith(SUMS):
        deep = [spec for spec in several if _depth(experiment, spec) >= _MANY_TERMS]
        return all(_is_off(experiment, model, spec) for spec in deep)
    return all(_is_what_it_gives(experiment, model, spec) for spec in several)


def _of_all_kinds(experiment: Experiment) -> list[ConvSpec]:
    """Some of those that are right on whole numbers, plain ones and large ones."""
    specs = [one.spec for one in experiment.passing() if one.spec.macs <= _CHEAP and experiment.right(one.spec).size]
    return specs[:: max(1, len(specs) // _OF_ALL_KINDS)]


def _is_what_it_gives(experiment: Experiment, model: Model, spec: ConvSpec) -> bool:
    """On the first numbers on which it shows; true where it shows on none."""
    arguments = range(len(spec.input_shapes(experiment.op)))
    for number, scale in product(arguments, _SCALES):
        given = Given(experiment.op, spec, _dyadic(experiment, spec, scale, number))
        with np.errstate(all="ignore"):
            made = cast(model.gives(given), experiment.dtype)
            right = cast(by_taps.run(experiment.op, spec, *given.arrays), experiment.dtype)
        if not np.array_equal(made, right) and np.isfinite(made).all():
            got = experiment.raw(spec, given.arrays)
            return not isinstance(got, str) and got.shape == made.shape and _almost(got, made, experiment.dtype)
    return _is_so_of_special_numbers(experiment, model, spec)


def _is_so_of_special_numbers(experiment: Experiment, model: Model, spec: ConvSpec) -> bool:
    """The same with NaN and infinities in the first argument, among ones; true where it shows on none."""
    rng, (first, *others) = np.random.default_rng(7), experiment.given(spec).arrays
    assert first is not None
    odd = rng.choice([np.nan, np.inf, -np.inf], first.shape)
    arrays = (
        np.where(rng.random(first.shape) < _RARE, odd, np.sign(first)),
        *(a if a is None else np.sign(a) for a in others),
    )
    given = Given(experiment.op, spec, arrays)
    with np.errstate(all="ignore"):
        made, right = model.gives(given), by_taps.run(experiment.op, spec, *arrays)
    if np.array_equal(made, right, equal_nan=True):
        return True
    return np.array_equal(made, _numbers_of(experiment.raw(spec, arrays)), equal_nan=True)


def _numbers_of(got: Array | str) -> Array:
    return np.zeros(0) if isinstance(got, str) else got


def _is_off(experiment: Experiment, model: Model, spec: ConvSpec) -> bool:
    """Whether some sum is not exact where by the model most are not; in which order it adds is not known."""
    given = Given(experiment.op, spec, _dyadic(experiment, spec, 1.0))
    with np.errstate(all="ignore"):
        made, right = model.gives(given), by_taps.run(experiment.op, spec, *given.arrays)
        got = experiment.raw(spec, given.arrays)
    most_are = 2 * int(np.count_nonzero(made != right)) >= right.size
    return not (most_are and np.array_equal(got, right))


def held_in(experiment: Experiment, key: str) -> tuple[Model, str] | None:
    """Whether every result of a sum is a number of float16 or float32, as the key says, and nearly right."""
    row = next((row for row in _ACCUMULATORS if row[3].__name__ == key), None)
    if row is None:
        return None
    kind, words, wider, dtype, _, most = row
    for spec in _with_terms(experiment, _TERMS):
        arrays = _dyadic(experiment, spec, 1.0)
        got, right = experiment.raw(spec, arrays), by_taps.run(experiment.op, spec, *arrays)
        if isinstance(got, str) or got.shape != right.shape or not np.array_equal(got, got.astype(dtype)):
            return None
        if not (np.abs(got - right) <= most * np.abs(right).max(initial=1)).all():
            return None
    return _coarse(experiment, kind, words, wider, dtype), f"Every result, of sums too, is a number of {words}."


def accumulator(experiment: Experiment) -> tuple[Model, str] | None:
    """Too coarse a sum of whole numbers, of which each alone is kept, loses the last bits. And how that was seen."""
    if experiment.op == "im2col" or experiment.dtype == "float16":
        return None
    for kind, words, wider, dtype, top, most in _ACCUMULATORS:
        if wider == "float64" and experiment.dtype != "float64":
            continue
        off = [_off(experiment, spec, top) for spec in _with_terms(experiment, _TERMS)]
        wrong = [one for one in off if one]
        if len(wrong) < 2 or max(wrong) > most or not _nearly_right(experiment):
            continue
        return _coarse(experiment, kind, words, wider, dtype), (
            f"Single numbers come through exactly, but sums of whole numbers up to {top} are off by up to "
            f"{max(wrong):.1e} of themselves."
        )
    return None


def _coarse(experiment: Experiment, kind: str, words: str, wider: str, dtype: type) -> Model:
    says, mend = f"forms its sums in {words}", f"accumulate in {wider}"
    return Model(f"{SUMS} {kind}", says, mend, (experiment.op,), partial(_summed, dtype))


def cast(values: Array, dtype: str) -> Array:
    """Rounded to the dtype."""
    return values.astype(dtype).astype(np.float64)


def _with_terms(experiment: Experiment, least: int) -> list[ConvSpec]:
    """The plainest geometries that are right and have so many terms in a sum, or any that are right."""
    specs = [one.spec for one in experiment.passing() if one.spec.macs <= _CHEAP and experiment.right(one.spec).size]
    deep = islice((spec for spec in specs if _depth(experiment, spec) >= least), _GEOMETRIES)
    return list(deep) or specs[:_GEOMETRIES]


def _depth(experiment: Experiment, spec: ConvSpec) -> int:
    return int(by_taps.term_count(experiment.op, spec, *experiment.given(spec).arrays).max(initial=0))


def _dyadic(
    experiment: Experiment, spec: ConvSpec, scale: float, number: int | None = None
) -> tuple[Array | None, ...]:
    """One argument with more digits than a rounding leaves, the others 1 or -1: the sums are exact."""
    bits = {"float16": 4, "float32": 14, "float64": 34}[experiment.dtype]
    rng = np.random.default_rng(11)
    if number is None:
        number = 1 if experiment.op == "conv2d_weight_grad" else 0
    arrays = [None if a is None else np.sign(a) for a in experiment.given(spec).arrays]
    shape = spec.input_shapes(experiment.op)[number]
    drawn = (rng.integers(2 ** (bits - 1), 2**bits, shape) | 1) * rng.choice([-1, 1], shape)
    arrays[number] = drawn * (scale * 2.0 ** (7 - bits))
    return tuple(arrays)


def _almost(got: Array, made: Array, dtype: str) -> bool:
    """Equal but for the order of a sum."""
    largest = float(np.abs(made).max(initial=0))
    with np.errstate(all="ignore"):
        return bool((np.abs(got - made) <= 8 * NEAR[dtype] * largest).all()) or np.array_equal(got, made)


def _off(experiment: Experiment, spec: ConvSpec, top: int) -> float:
    """How far off sums are of odd numbers of half this size and more, relatively; 0 if that cannot be said."""
    rng = np.random.default_rng(7)
    shapes = spec.input_shapes(experiment.op)
    arrays: list[Array | None] = [np.ones(shape) for shape in shapes]
    arrays[0] = (rng.integers(top // 2, top, shapes[0]) | 1).astype(np.float64)
    if experiment.op == "conv2d":
        arrays[2] = None
    got, right = experiment.raw(spec, arrays), by_taps.run(experiment.op, spec, *arrays)
    if isinstance(got, str) or got.shape != right.shape:
        return 0.0
    with np.errstate(all="ignore"):
        off = np.abs(got - right)[right != 0] / np.abs(right[right != 0])
    return float(off.max(initial=0)) if np.isfinite(off).all() else 0.0


def _nearly_right(experiment: Experiment) -> bool:
    """Whether what fails on small whole numbers is off by no more than coarse sums are."""
    for one in experiment.failing()[:_ENOUGH]:
        got, right = experiment.raw(one.spec, experiment.given(one.spec).arrays), experiment.right(one.spec)
        if isinstance(got, str) or got.shape != right.shape:
            return False
        with np.errstate(all="ignore"):
            if not (np.abs(got - right) <= _COARSE * np.abs(right).max(initial=1)).all():
                return False
    return True


def _summed(dtype: type, given: Given) -> Array:
    """With every sum in that dtype, tap after tap."""
    narrow: list[Array | None] = [None if a is None else a.astype(dtype) for a in given.arrays]
    return np.asarray(by_taps.run(given.op, given.spec, *narrow, accumulate=dtype), np.float64)
