"""What may become of a single number: rounded, cut, clipped, flushed, or taken for another where it is not finite."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

import numpy as np

from harness.contract.protocol import Array

Make = Callable[[Array], Array]  # float64 -> float64, element by element

_KEEP = "keep the dtype of the arguments on the way: no `astype` to a narrower one"
_TF32 = 'switch TF32 off, or say so with `numerics = "tf32"`'


@dataclass(frozen=True, slots=True)
class Rounding:
    """One such function; `says` holds {what}: the inputs, the results, an argument by name."""

    id: str
    says: str
    mend: str
    make: Make


def _half(a: Array) -> Array:
    return a.astype(np.float16).astype(np.float64)


def _single(a: Array) -> Array:
    return a.astype(np.float32).astype(np.float64)


def _cut(bits: int, a: Array) -> Array:
    """So many bits after the leading one are kept."""
    mask = ~np.uint64((1 << (52 - bits)) - 1)
    return (np.ascontiguousarray(a, np.float64).view(np.uint64) & mask).view(np.float64)


def _near(bits: int, a: Array) -> Array:
    """So many bits after the leading one, rounded to the nearest, ties to even."""
    fraction, exponent = np.frexp(a)
    return np.asarray(np.ldexp(np.rint(fraction * 2.0 ** (bits + 1)) / 2.0 ** (bits + 1), exponent))


def _decimals(places: int, a: Array) -> Array:
    return np.round(a, places)


def of_numbers() -> tuple[Rounding, ...]:
    """Of finite numbers, the plainest first."""
    return tuple(_of_numbers())


def _of_numbers() -> Iterator[Rounding]:
    yield Rounding("half", "rounds {what} to half precision (float16)", _KEEP, _half)
    yield Rounding("single", "rounds {what} to single precision (float32)", _KEEP, _single)
    yield Rounding("bfloat16", "rounds {what} to bfloat16 (7 bits)", _KEEP, partial(_near, 7))
    yield Rounding("bfloat16 cut", "cuts {what} to bfloat16 (7 bits)", _KEEP, partial(_cut, 7))
    yield Rounding("tf32", "rounds {what} to TF32 (10 bits)", _TF32, partial(_near, 10))
    yield Rounding("tf32 cut", "cuts {what} to TF32 (10 bits)", _TF32, partial(_cut, 10))
    yield Rounding("whole", "cuts the fraction off {what} (towards 0)",
                   "allocate with `dtype=x.dtype`, and no `int()`: an array of integers cuts what is put into it",
                   np.trunc)  # fmt: skip
    yield Rounding("nearest", "rounds {what} to whole numbers", "no rounding", np.rint)
    yield Rounding("floor", "rounds {what} down to whole numbers", "no `floor`, and no `//` on numbers", np.floor)
    yield Rounding("ceil", "rounds {what} up to whole numbers", "no `ceil`", np.ceil)
    yield Rounding("absolute", "drops the sign of {what}", "no `abs`", np.abs)
    yield Rounding("relu", "takes 0 for what is negative of {what} (a ReLU is built in)",
                   "leave the activation out: the op is linear", lambda a: np.maximum(a, 0))  # fmt: skip
    for places in range(1, 13):
        yield Rounding(f"{places} decimals", f"rounds {{what}} to {places} decimals", "no `round`",
                       partial(_decimals, places))  # fmt: skip
    for bits in (8, 12, 16, 20, 22):
        yield Rounding(f"{bits} bits cut", f"cuts {{what}} to {bits} bits", _KEEP, partial(_cut, bits))
        yield Rounding(f"{bits} bits", f"rounds {{what}} to {bits} bits", _KEEP, partial(_near, bits))


def clipped(given: Array, got: Array) -> Rounding | None:
    """The limits that numbers were clipped at, if that is all that became of them."""
    low, high = float(got.min()), float(got.max())
    if not np.array_equal(got, np.clip(given, low, high)) or np.array_equal(given, got):
        return None
    low_cut, high_cut = given.min() < low, given.max() > high
    if low_cut and high_cut:
        said = f"to +-{high:.10g}" if low == -high else f"to {low:.10g} and {high:.10g}"
    else:
        said = f"at {high:.10g}" if high_cut else f"at {low:.10g} from below"
    low, high = low if low_cut else -np.inf, high if high_cut else np.inf
    return Rounding(f"clipped {said}", f"clips {{what}} {said}", "do not clip", lambda a: np.clip(a, low, high))


def dropped(given: Array, got: Array) -> Rounding | None:
    """The limit below which numbers were taken for 0, if that is all that became of them."""
    gone = (got == 0) & (given != 0)
    if not gone.any() or gone.all() or not np.array_equal(got[~gone], given[~gone]):
        return None
    least = float(np.abs(given[~gone & (given != 0)]).min())
    if np.abs(given[gone]).max() >= least:
        return None
    return Rounding(f"below {least:.0e} dropped", f"takes {{what}} below {least:.0e} for 0",
                    "do not skip what is small: only 0 is 0", lambda a: np.where(np.abs(a) < least, 0, a))  # fmt: skip


def flushed(tiny: float) -> Rounding:
    """Subnormal numbers to 0; `tiny` is the least normal one."""
    return Rounding(
        "flushed", "takes subnormal numbers of {what} for 0",
        'switch flush-to-zero off (fastmath, -ffast-math), or say so with `subnormals = "flushed"`',
        lambda a: np.where(np.abs(a) < tiny, 0, a),
    )  # fmt: skip


def multiplied(factor: float) -> Rounding:
    """All by one number."""
    return Rounding(f"times {factor:.6g}", f"multiplies {{what}} by {factor:.9g}", "drop the factor", lambda a: factor * a)


def of_special() -> tuple[Rounding, ...]:
    """Of NaN and infinities."""
    let = "let NaN and infinities through"
    return (
        Rounding("NaN dropped", "takes NaN of {what} for 0", let, lambda a: np.where(np.isnan(a), 0, a)),
        Rounding("infinities dropped", "takes infinities of {what} for 0", let, lambda a: np.where(np.isinf(a), 0, a)),
        Rounding("only finite", "takes NaN and infinities of {what} for 0", let,
                 lambda a: np.where(np.isfinite(a), a, 0)),
        Rounding("infinities to NaN", "takes infinities of {what} for NaN", let,
                 lambda a: np.where(np.isinf(a), np.nan, a)),
        Rounding("sign of infinities", "drops the sign of infinities of {what}", let,
                 lambda a: np.where(np.isinf(a), np.inf, a)),
    )  # fmt: skip


def large_for_infinite(given: Array, got: Array) -> Rounding | None:
    """The number that stands for infinity, if there is one."""
    infinite = np.isinf(given)
    if not infinite.any() or not np.array_equal(got[~infinite], given[~infinite], equal_nan=True):
        return None
    large = np.unique(np.abs(got[infinite]))
    if len(large) != 1 or not np.isfinite(large[0]) or not np.array_equal(np.sign(got), np.sign(given), equal_nan=True):
        return None
    value = float(large[0])
    return Rounding(
        f"infinities to {value:.3g}", f"takes +-{value:.3g} for infinities of {{what}}", "let infinities through",
        lambda a: np.where(np.isinf(a), value * np.sign(a), a),
    )  # fmt: skip
