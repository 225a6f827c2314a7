"""Whether what is said to become of numbers is so: on real numbers, on tiny ones, on NaN and infinities."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal

import numpy as np

from conformance.diagnosis.experiment.experiment import Experiment
from conformance.diagnosis.experiment.observed import Kind
from conformance.diagnosis.models import tables
from conformance.diagnosis.models.model import Given, Model
from conformance.diagnosis.naming.sums import SUMS
from harness.contract.protocol import Array

_CHEAP = 2_000_000  # multiply-adds of a geometry
_GEOMETRIES = 24  # or a few more, of small ones and large ones, and of those about the condition of the fault
_NEAR = 1e-6  # of the largest: how far a sum in another order may be off
_RARE = 0.1  # of the elements are NaN or infinite

_Arrays = tuple[Array | None, ...]
_Make = Callable[[np.random.Generator, _Arrays, str], _Arrays]


def is_true_of_numbers(e: Experiment, model: Model) -> Literal["right", "wrong", "silent"]:
    """On some geometries that were called; silent if nothing is wrong there."""
    several = [
        one.spec for one in e.observed.values()
        if one.kind in (None, Kind.VALUE) and one.spec.macs <= _CHEAP and e.right(one.spec).size
    ]  # fmt: skip
    shows = False
    for number, spec in enumerate(several[:: max(1, len(several) // _GEOMETRIES)]):
        for make in _DATA:
            given = Given(e.op, spec, make(np.random.default_rng(number), e.given(spec).arrays, e.dtype))
            with np.errstate(all="ignore"):
                right, made = tables.run(given), model.gives(given)
            if make in _ODD and _is_near(made, right, e.dtype):
                continue  # the model does not speak of such numbers
            got = e.raw(spec, given.arrays)
            if isinstance(got, str):
                return "wrong"
            if not (_is_coarse(got, model) if model.id.startswith(SUMS) else _is_near(got, made, e.dtype)):
                return "wrong"
            shows = shows or not _is_near(got, right, e.dtype)
    return "right" if shows else "silent"


def _is_near(got: Array, wanted: Array, dtype: str) -> bool:
    """Equal but for the order of sums."""
    with np.errstate(all="ignore"):
        made = wanted.astype(dtype).astype(np.float64)
        finite = made[np.isfinite(made)]
        near = max(_NEAR, 8 * float(np.finfo(np.dtype(dtype)).eps)) * float(np.abs(finite).max(initial=0))
        return got.shape == made.shape and bool(np.allclose(got, made, rtol=0, atol=near, equal_nan=True))


def _is_coarse(got: Array, model: Model) -> bool:
    """Whether the results are numbers that such an accumulator can hold."""
    coarse = np.float16 if model.id.endswith("half") else np.float32
    with np.errstate(all="ignore"):
        return bool(np.array_equal(got, got.astype(coarse).astype(got.dtype), equal_nan=True))


# -- the data: of the first argument; the others are about 1 where they must not hide it -------------------------------


def _real(rng: np.random.Generator, arrays: _Arrays, dtype: str) -> _Arrays:
    size = 10 ** rng.uniform(-1, 2)
    return _cast([None if a is None else np.asarray(rng.normal(0, size, a.shape)) for a in arrays], dtype)


def _tiny(rng: np.random.Generator, arrays: _Arrays, dtype: str) -> _Arrays:
    """Over many sizes."""

    def made(a: Array) -> Array:
        sizes = 10.0 ** np.asarray(rng.integers(-9, 1, a.shape))
        return np.asarray(rng.normal(0, 1, a.shape) * sizes)

    return _of_first(made, arrays, dtype)


def _subnormal(rng: np.random.Generator, arrays: _Arrays, dtype: str) -> _Arrays:
    """Powers of two: no rounding changes them."""
    tiny = float(np.finfo(np.dtype(dtype)).tiny)

    def made(a: Array) -> Array:
        halvings = np.asarray(rng.integers(1, 4, a.shape))
        return np.asarray(np.sign(a) * tiny / 2.0**halvings)

    return _of_first(made, arrays, dtype)


def _special(rng: np.random.Generator, arrays: _Arrays, dtype: str) -> _Arrays:
    """Among whole numbers, for the same reason."""

    def made(a: Array) -> Array:
        odd = rng.choice([np.nan, np.inf, -np.inf], a.shape)
        return np.where(rng.random(a.shape) < _RARE, odd, np.sign(a))

    return _of_first(made, arrays, dtype)


def _of_first(made: Callable[[Array], Array], arrays: _Arrays, dtype: str) -> _Arrays:
    first, *rest = arrays
    assert first is not None
    return _cast([made(first), *(None if a is None else np.sign(a) for a in rest)], dtype)


def _cast(arrays: Sequence[Array | None], dtype: str) -> _Arrays:
    with np.errstate(all="ignore"):
        return tuple(None if a is None else a.astype(dtype).astype(np.float64) for a in arrays)


_ODD: tuple[_Make, ...] = (_subnormal, _special)
_DATA: tuple[_Make, ...] = (_real, _tiny, *_ODD)
