"""What may show a fault on a geometry: data of many kinds, memory of many kinds, calls before it, threads beside it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from conformance.cases.case import Case
from conformance.domain.pool import is_small
from conformance.power.fault import Fault, Implementation, load
from conformance.power.right.ops import Arrays, Call, run
from conformance.power.where.geometries import related
from harness.calls.caller import PLAIN, Caller, CallResult, Conditions, OneCall
from harness.calls.memory_layouts import MEMORY_LAYOUTS, representable
from harness.contract.protocol import Array
from harness.geometry.spec import ConvSpec
from harness.oracle import by_taps, data
from harness.oracle.comparing import allowance, mismatch
from harness.results.words import plural

_BEFORE = (0, 1, 2, 7, 30, 100, 400, 5000, 3, 4, 9, 63, 64, 127, 256, 513)  # calls that were made already


@dataclass(frozen=True, slots=True)
class Scene:
    """A case as the suite writes it, and in words what else it takes; `shows` says whether a fault is seen there."""

    case: str
    more: str
    shows: Callable[[], bool]

    @property
    def takes(self) -> str:
        """What kind of thing more: other calls before, the same call twice, several threads."""
        return self.more.partition(" ")[0]

    def __str__(self) -> str:
        return self.case + (f", {self.more}" if self.more else "")


def scenes(fault: Fault, spec: ConvSpec) -> Iterator[Scene]:
    """Those that may show a fault of this kind, the plainest first."""
    room = fault.kind.split(".", maxsplit=1)[0]
    for dtype in fault.dtypes if len(fault.dtypes) > 2 else fault.dtypes[:1]:
        yield _plain(fault, spec, dtype, "values.exact", "", _exact)
        if dtype.startswith("float") and room in ("precision", "data", "retold", "memory"):
            yield _plain(fault, spec, dtype, "values.real", "", _real)
        if room in ("precision", "data"):
            yield from (_plain(fault, spec, dtype, "values.exact", what, make) for what, make in _odd(dtype))
    if room == "memory":
        yield from _memory(fault, spec)
    empty = replace(spec, batch=0)
    if room in ("memory", "retold") and fault.condition.fits(empty):
        yield _plain(fault, empty, fault.dtypes[0], "contract.empty_batch", "", _exact)
    if room == "state":
        yield from _sequences(fault, spec)


def _plain(fault: Fault, spec: ConvSpec, dtype: str, check: str, more: str, make: Callable[[Case], Arrays]) -> Scene:
    case = Case(check, fault.op, dtype, spec)

    def shows() -> bool:
        arrays = make(case)
        if not more and spec.batch and not run(Call(case.op, spec, arrays)).any():
            return False  # zero everywhere: the suite does not trust itself with such a case
        return _is_wrong(_called(load(Implementation(fault)), case, arrays), case, arrays, make is not _exact)

    return Scene(str(case), more, shows)


def _memory(fault: Fault, spec: ConvSpec) -> Iterator[Scene]:
    dtype = fault.dtypes[0]
    for layout in MEMORY_LAYOUTS[1:]:
        case = Case("values.strided", fault.op, dtype, spec, layout=layout)

        def arranged(case: Case = case) -> bool:
            arrays = _exact(case)
            held = tuple(None if a is None else representable(a, case.layout) for a in arrays)
            outcome = _called(load(Implementation(fault)), case, arrays, Conditions(layout=case.layout))
            return _is_wrong(outcome, case, held)

        yield Scene(str(case), "", arranged)
    poisoned = Case("contract.uninitialised", fault.op, dtype, spec)

    def garbage() -> bool:
        arrays = _exact(poisoned)
        outcome = _called(load(Implementation(fault)), poisoned, arrays, Conditions(poisoned=True))
        return _is_wrong(outcome, poisoned, arrays)

    yield Scene(str(poisoned), "", garbage)


def _sequences(fault: Fault, spec: ConvSpec) -> Iterator[Scene]:
    case = Case("values.exact", fault.op, fault.dtypes[0], spec)
    for made in _BEFORE if fault.condition.call else _BEFORE[:3]:
        more = f" after {plural(made, 'call')}" if made else ""
        yield Scene(str(case), f"called twice{more}", partial(_later, fault, case, made))
    for other in dict.fromkeys(related(spec)):
        if is_small(other) and fault.condition.fits(other):
            yield Scene(str(case), f"after {other}", partial(_after, fault, case, other))
    yield Scene(
        str(case),
        "in float64 after float32",
        lambda: _after(fault, Case("values.real", fault.op, "float64", spec), spec),
    )
    yield Scene(str(case), "after the same data in another order", lambda: _reordered(fault, case))
    yield Scene(str(case), "after an error", lambda: _after_an_error(fault, case))
    yield Scene(str(case), "from several threads at once", lambda: _together(fault, case))
    yield Scene(str(case), "again and again on real numbers", lambda: _repeated(fault, case))


def _later(fault: Fault, case: Case, made: int) -> bool:
    caller = load(Implementation(fault, calls=made))
    return any(
        _is_wrong(_called(caller, case, arrays), case, arrays)
        for arrays in (_exact(case), _exact(Case(case.check, case.op, case.dtype, case.spec, seed=1)))
    )


def _after(fault: Fault, case: Case, other: ConvSpec) -> bool:
    caller = load(Implementation(fault))
    before = Case(case.check, case.op, fault.dtypes[0], other, seed=1)
    first = _exact(before)
    _called(caller, before, first)
    arrays = _real(case) if case.check == "values.real" else _exact(case)
    return _is_wrong(_called(caller, case, arrays), case, arrays, case.check == "values.real")


def _reordered(fault: Fault, case: Case) -> bool:
    caller, arrays = load(Implementation(fault)), _exact(case)
    _called(caller, case, _shuffled(arrays))
    return _is_wrong(_called(caller, case, arrays), case, arrays)


def _together(fault: Fault, case: Case) -> bool:
    several = [_exact(Case(case.check, case.op, case.dtype, case.spec, seed=n)) for n in range(4)]
    calls = [OneCall(case.op, case.spec, arrays) for arrays in several]
    outcomes = load(Implementation(fault)).together(calls)
    return any(_is_wrong(outcome, case, arrays) for outcome, arrays in zip(outcomes, several, strict=True))


def _after_an_error(fault: Fault, case: Case) -> bool:
    caller, arrays = load(Implementation(fault)), _exact(case)
    caller.call(case.op, case.spec, [np.zeros(0, case.dtype) for _ in arrays])
    return _is_wrong(_called(caller, case, arrays), case, arrays)


def _repeated(fault: Fault, case: Case) -> bool:
    caller, arrays = load(Implementation(fault)), _real(case)
    results = [_called(caller, case, arrays).result for _ in range(4)]
    return any(a is None or results[0] is None or a.tobytes() != results[0].tobytes() for a in results)


# -- data -------------------------------------------------------------------------------------------------------------


def _exact(case: Case) -> Arrays:
    return data.exact(case.op, case.spec, case.dtype, str(case))


def _real(case: Case) -> Arrays:
    return data.real(case.op, case.spec, case.dtype, str(case))


def _odd(dtype: str) -> Iterator[tuple[str, Callable[[Case], Arrays]]]:
    """Data that the suite may not have, in words."""
    values: dict[str, float] = {
        "with zeros": 0, "with a 7": 7, "with a large number": 3000 if dtype == "float16" else 2_000_003,
        "with a small number": 1.1e-5, "with a NaN": np.nan, "with an infinity": np.inf, "with -Inf": -np.inf,
        "with a subnormal": 3 * float(np.finfo(dtype).smallest_subnormal) if dtype.startswith("float") else 0,
    }  # fmt: skip
    for what, put in values.items():
        if dtype.startswith("float") or put == int(put if np.isfinite(put) else 0.5):
            yield f"{what} in the first argument", _putting(put, 0)
            if what in ("with zeros", "with a 7", "with a large number"):
                yield f"{what} in the second argument", _putting(put, 1)
    yield "without negative numbers", lambda case: tuple(None if a is None else np.abs(a) for a in _exact(case))
    for number, what in enumerate(("first", "second")):
        yield f"of one number in the {what} argument", partial(_of_one_number, number)
    yield (
        "of zeros of both signs",
        lambda case: tuple(None if a is None else a * (i > 0) for i, a in enumerate(_exact(case))),
    )
    yield (
        "of zeros in the second argument",
        lambda case: tuple(None if a is None else a * (i != 1) for i, a in enumerate(_exact(case))),
    )
    yield "of -0", lambda case: tuple(None if a is None else a * 0 * -1 for a in _exact(case))
    if dtype.startswith("int"):
        big = np.iinfo(dtype).max // 2
        yield (
            "of the whole range",
            lambda case: tuple(None if a is None else _full(a, i, big) for i, a in enumerate(_exact(case))),
        )
    else:
        yield (
            "of numbers below 1e-2",
            lambda case: tuple((a * 1e-3).astype(a.dtype) if a is not None else None for a in _real(case)),
        )


def _full(a: Array, number: int, big: int) -> Array:
    """One large number, which meets only ones."""
    made = np.sign(a)
    if number == 0:
        made.flat[0] = big // 2 - 1
    return made


def _of_one_number(number: int, case: Case) -> Arrays:
    return tuple(np.full_like(a, 2) if a is not None and i == number else a for i, a in enumerate(_exact(case)))


def _shuffled(arrays: Arrays) -> Arrays:
    """The same sum and the same first element in each, in another order."""
    draw = np.random.default_rng(0)
    made = tuple(None if a is None else a.copy() for a in arrays)
    for a in made:
        if a is not None:
            draw.shuffle(a.reshape(a.size)[1:])
    return made


def _putting(value: float, number: int) -> Callable[[Case], Arrays]:
    """In the first, the middle and the last place of one argument."""

    def make(case: Case) -> Arrays:
        arrays = _exact(case)
        a = arrays[number] if number < len(arrays) else None
        if a is not None and a.size:
            a.flat[[0, a.size // 2, a.size - 1]] = value
        return arrays

    return make


# -- judging ----------------------------------------------------------------------------------------------------------


def _called(caller: Caller, case: Case, arrays: Arrays, conditions: Conditions = PLAIN) -> CallResult:
    with np.errstate(all="ignore"):
        return caller.call(case.op, case.spec, arrays, conditions)


def _is_wrong(outcome: CallResult, case: Case, arrays: Arrays, bounded: bool = False) -> bool:
    """Whether a call is against the contract: what it gives, its form, or whose memory it touches."""
    got = outcome.result
    if outcome.error or got is None or outcome.changed or outcome.shares or outcome.previous_changed:
        return True
    if not (outcome.contiguous and outcome.writeable) or got.shape != case.spec.output_shape(case.op):
        return True
    if str(got.dtype) != case.dtype:
        return True
    with np.errstate(all="ignore"):
        right = run(Call(case.op, case.spec, arrays))
        if got.tobytes() == right.tobytes():
            return False
        if case.op == "im2col":  # copies bits
            return True
        finite = all(a is None or bool(np.isfinite(a).all()) for a in arrays)
        if not bounded or not case.dtype.startswith("float") or not finite:
            return mismatch(got, right) is not None
        wide = np.longdouble if case.dtype == "float64" else np.float64
        exact = by_taps.run(case.op, case.spec, *arrays, accumulate=wide)
        bound = allowance(
            case.dtype, "gemm", exact, by_taps.absolute(case.op, case.spec, *arrays),
            by_taps.term_count(case.op, case.spec, *arrays), case.op,
        )  # fmt: skip
        return mismatch(got, exact, bound) is not None
