"""Inputs and expected results of a case, made once and shared by all backends of a run, never by reference."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache, wraps
from typing import Any, TypeVar, cast

import numpy as np

from conformance.cases.case import Case
from harness.contract.protocol import Array, Numerics
from harness.oracle import by_taps, data, dyadic
from harness.oracle.bounding import allowed
from harness.oracle.comparing import divides, is_exact, truncates

Arrays = tuple[Array | None, ...]
_Make = TypeVar("_Make", bound=Callable[..., Any])
_SMALL = 2**20  # bytes of a case's arrays: larger ones are made anew each time, or thousands of them would fill memory


def _kept(most: int) -> Callable[[_Make], _Make]:
    """Keep what a function of a case has made, for the last `most` cases, where it is small."""

    def decorate(make: _Make) -> _Make:
        remembered = lru_cache(maxsize=most)(make)

        @wraps(make)
        def made(case: Case, *more: Any) -> Any:
            return (remembered if case.spec.min_bytes(case.op, case.dtype) <= _SMALL else make)(case, *more)

        return cast(_Make, made)

    return decorate


def exact_inputs(case: Case) -> Arrays:
    """Fresh whole-number inputs of the case, the bias None if it asks for none."""
    return _fresh(_exact(case))


def real_inputs(case: Case) -> Arrays:
    """Fresh real-valued inputs of the case."""
    return _fresh(_real(case))


@_kept(8192)
def exact_expected(case: Case) -> Array:
    """The exact result, in float64; read-only."""
    return _frozen(by_taps.run(case.op, case.spec, *_exact(case)))


@_kept(1024)
def real_expected(case: Case, numerics: Numerics) -> tuple[Array, Array]:
    """The result to more digits than the dtype has, and the error allowed in each element; read-only."""
    arrays = _real(case)
    wide: Any = np.longdouble if case.dtype == "float64" else np.float64
    exact = by_taps.run(case.op, case.spec, *arrays, accumulate=wide)
    return _frozen(exact), _frozen(allowed(case.op, case.spec, case.dtype, numerics, exact, arrays))


def filled_inputs(case: Case, kind: str) -> Arrays:
    """Fresh inputs with all the digits that fit: "wide", or a single term a sum, of all digits in one argument: "0"."""
    return _fresh(_filled(case, kind))


@_kept(8192)
def filled_expected(case: Case, kind: str, numerics: Numerics) -> tuple[Array, Array | None]:
    """The exact result, and the error that is allowed: none where products and sums are formed as they are written."""
    return expected_of(case, numerics, _filled(case, kind))


def expected_of(case: Case, numerics: Numerics, arrays: Arrays) -> tuple[Array, Array | None]:
    """The same for arrays that are made of such."""
    wide = np.longdouble if divides(case.op) else np.float64
    accumulate: Any = np.int64 if case.dtype.startswith("int") else wide
    exact = by_taps.run(case.op, case.spec, *arrays, accumulate=accumulate)
    error = bound(case, numerics, arrays, exact)
    if truncates(numerics, case.op, case.dtype):  # products have fewer digits than these numbers
        error = allowed(case.op, case.spec, case.dtype, numerics, exact, arrays)
    return (exact.astype(case.dtype) if case.dtype == "float16" and error is None else exact), error


def bound(case: Case, numerics: Numerics, arrays: Sequence[Array | None], exact: Array) -> Array | None:
    """The error allowed where every sum is exact: none, unless the algorithm forms other sums than the definition."""
    if is_exact(numerics, case.op, case.dtype):
        return None
    return allowed(case.op, case.spec, case.dtype, numerics, exact, arrays)


@_kept(8192)
def _filled(case: Case, kind: str) -> Arrays:
    if kind == "wide":
        return _drop_bias(case, dyadic.wide(case.op, case.spec, case.dtype, str(case)))
    return _drop_bias(case, dyadic.one_term(case.op, case.spec, case.dtype, str(case), int(kind)))


@_kept(8192)
def _exact(case: Case) -> Arrays:
    return _drop_bias(case, data.exact(case.op, case.spec, case.dtype, str(case)))


@_kept(1024)
def _real(case: Case) -> Arrays:
    return _drop_bias(case, data.real(case.op, case.spec, case.dtype, str(case)))


def _drop_bias(case: Case, arrays: tuple[Array, ...]) -> Arrays:
    return arrays if case.bias or case.op != "conv2d" else (*arrays[:2], None)


def _fresh(arrays: Arrays) -> Arrays:
    return tuple(None if a is None else a.copy() for a in arrays)


def _frozen(a: Array) -> Array:
    a.flags.writeable = False
    return a
