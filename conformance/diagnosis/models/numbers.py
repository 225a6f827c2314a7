"""Mistakes in numbers: a factor of the geometry, a sign lost, values clipped, wrapped or rounded.

`NUMBERS` are functions of one number, for `models` on whole numbers and for probes on others, where a result is a copy
of one argument: rounding shows on fractions alone, and NaN, infinities and subnormal numbers have their own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

import numpy as np

from conformance.diagnosis.models.model import Given, Model
from conformance.diagnosis.models.tables import right, run
from harness.contract.protocol import ARGUMENTS, Array
from harness.geometry.spec import OPS, ConvSpec, Op

_MOST_RESULT = 65504  # whole numbers that are tried: results, and what is only copied or added
_MOST_FACTOR = 10  # what is multiplied
_FEW_BITS = 8
_TWO_ARGUMENTS: tuple[Op, ...] = ("conv2d", "conv2d_input_grad", "conv2d_weight_grad")


@dataclass(frozen=True, slots=True)
class Number:
    """What becomes of each number. `says` is a verb and holds {what}, as "rounds {what} to half precision"."""

    key: str
    says: str
    mend: str
    of: Callable[[Array], Array]
    cost: float = 1.4
    shows: float = np.inf  # on whole numbers from this size on
    seen: str = ""


# -- factors ----------------------------------------------------------------------------------------------------------

_Factor = Callable[[ConvSpec], float]
_MEAN = "the result is a sum, not a mean: drop the division"
_DROP = "drop the factor"

_FACTORS: tuple[tuple[str, str, str, _Factor], ...] = (
    ("-1", "multiplies by -1", "drop the sign", lambda s: -1),
    ("2", "doubles the result", _DROP, lambda s: 2),
    ("1/2", "halves the result", _DROP, lambda s: 0.5),
    ("0", "gives zeros", "write what is computed into the result that is returned", lambda s: 0),
    ("1/N", "divides by the number of images", _MEAN, lambda s: 1 / max(s.batch, 1)),
    ("N", "multiplies by the number of images", _DROP, lambda s: s.batch),
    ("1/L", "divides by the number of positions OH * OW", _MEAN, lambda s: 1 / s.positions),
    ("L", "multiplies by the number of positions OH * OW", _DROP, lambda s: s.positions),
    ("1/NL", "divides by the number of images and positions N * OH * OW", _MEAN,
     lambda s: 1 / (max(s.batch, 1) * s.positions)),
    ("1/taps", "divides by the number of taps KH * KW", _MEAN, lambda s: 1 / s.taps),
    ("taps", "multiplies by the number of taps KH * KW", _DROP, lambda s: s.taps),
    ("1/K", "divides by the number of rows C / G * KH * KW", _MEAN,
     lambda s: 1 / (s.in_channels // s.groups * s.taps)),
    ("1/C", "divides by the number of channels", _MEAN, lambda s: 1 / s.in_channels),
    ("C", "multiplies by the number of channels", _DROP, lambda s: s.in_channels),
    ("1/CG", "divides by the number of channels of a group", _MEAN, lambda s: s.groups / s.in_channels),
    ("1/F", "divides by the number of filters", _MEAN, lambda s: 1 / s.out_channels),
    ("F", "multiplies by the number of filters", _DROP, lambda s: s.out_channels),
    ("G", "multiplies by the number of groups", _DROP, lambda s: s.groups),
    ("1/G", "divides by the number of groups", _MEAN, lambda s: 1 / s.groups),
    ("s", "multiplies by the strides SH * SW", _DROP, lambda s: s.stride[0] * s.stride[1]),
    ("1/s", "divides by the strides SH * SW", _DROP, lambda s: 1 / (s.stride[0] * s.stride[1])),
    ("SH", "multiplies by the stride", _DROP, lambda s: s.stride[0]),
    ("d", "multiplies by the dilations DH * DW", _DROP, lambda s: s.dilation[0] * s.dilation[1]),
    ("1/HW", "divides by the number of pixels H * W", _MEAN, lambda s: 1 / (s.input_size[0] * s.input_size[1])),
    ("1/KH", "divides by KH", _DROP, lambda s: 1 / s.kernel_size[0]),
    ("1/KW", "divides by KW", _DROP, lambda s: 1 / s.kernel_size[1]),
    ("root K", "divides by the root of the number of rows, as for a kernel's first values", _DROP,
     lambda s: (s.in_channels // s.groups * s.taps) ** -0.5),
)  # fmt: skip


def _times(factor: _Factor, given: Given) -> Array:
    return factor(given.spec) * right(given)


# -- functions of one number ------------------------------------------------------------------------------------------


def _cast(dtype: type[np.floating], values: Array) -> Array:
    with np.errstate(all="ignore"):
        return values.astype(dtype).astype(np.float64)


def _cut(bits: int, values: Array) -> Array:
    """So many bits after the leading one, the rest dropped."""
    pattern = np.ascontiguousarray(values, np.float64).view(np.uint64)
    return np.where(np.isfinite(values), (pattern & ~np.uint64((1 << (52 - bits)) - 1)).view(np.float64), values)


def _rounded(bits: int, values: Array) -> Array:
    """So many bits after the leading one, to the nearest, half to even."""
    with np.errstate(all="ignore"):
        fraction, exponent = np.frexp(values)
        return np.asarray(np.ldexp(np.rint(fraction * 2.0 ** (bits + 1)) / 2.0 ** (bits + 1), exponent))


def _shown_by(bits: int) -> float:
    """From where on whole numbers show a rounding; what only large sums show is seen sooner by fractions."""
    return 2.0 ** (bits + 1) if bits <= _FEW_BITS else np.inf


def _clipped(low: float, high: float, values: Array) -> Array:
    return np.clip(values, low, high)


def _wrapped(low: int, high: int, values: Array) -> Array:
    return np.asarray((values - low) % (high - low + 1) + low)


def _above(limit: float, values: Array) -> Array:
    return np.where(np.abs(values) < limit, 0, values)


def _decimals(digits: int, values: Array) -> Array:
    return np.round(values, digits)


def _infinite(put: Callable[[Array], Array], values: Array) -> Array:
    return np.where(np.isinf(values), put(values), values)


_KEEP = "keep the dtype of the arguments: no cast on the way"
_NO_CLIP = "do not clip, as `np.clip`, `min` and `max` do; a result of a small integer dtype clips as well"
_ALLOCATE = "allocate with `dtype=x.dtype`, not with a dtype of whole numbers"
_PASS = "let it through: compare and multiply as IEEE 754 says"
_TF32 = 'switch TF32 off, or declare `numerics = "tf32"`'


def _clips() -> Iterator[Number]:
    for limit in (1, 5, 6, 8, 10, 50, 100, 127, 128, 255, 256, 500, 1000, 1024, 10000, 32767, 65504, 2**24, 2**31):
        yield Number(f"clipped at {limit}", f"clips {{what}} at +-{limit}", _NO_CLIP, partial(_clipped, -limit, limit),
                     1.4, limit)  # fmt: skip
    for low, high, name in (
        (-128, 127, "a signed byte"), (0, 255, "an unsigned byte"), (-32768, 32767, "a 16-bit integer"),
        (0, 6, "a ReLU6"), (0, 1, "a probability"),
    ):  # fmt: skip
        mend = "leave the activation out" if name == "a ReLU6" else _NO_CLIP
        says = f"clips {{what}} to {low} .. {high}, as for {name}"
        yield Number(f"clipped as {name}", says, mend, partial(_clipped, low, high), 1.4, high)
    for low, high, name in (
        (-128, 127, "a signed byte"), (0, 255, "an unsigned byte"), (-32768, 32767, "a 16-bit integer"),
    ):  # fmt: skip
        yield Number(
            f"wrapped as {name}", f"wraps {{what}} round to {low} .. {high}, as {name} does", _ALLOCATE,
            partial(_wrapped, low, high), 1.5, high if low else 0, "dtype-integer-accumulator-wraps",
        )  # fmt: skip


NUMBERS: tuple[Number, ...] = (
    Number("float16", "rounds {what} to half precision (float16)",
           "no `astype(float16)` on the way; accumulate in float32", partial(_cast, np.float16)),
    Number("float32", "rounds {what} to single precision (float32)", "keep float64 throughout",
           partial(_cast, np.float32)),
    Number("TF32", "rounds {what} to 10 bits (TF32)", _TF32, partial(_rounded, 10), seen="dtype-tf32-used-for-float32"),
    Number("TF32, cut", "cuts {what} to 10 bits (TF32)", _TF32, partial(_cut, 10), seen="dtype-tf32-used-for-float32"),
    Number("bfloat16", "rounds {what} to 7 bits (bfloat16)", _KEEP, partial(_rounded, 7), shows=_shown_by(7)),
    Number("bfloat16, cut", "cuts {what} to 7 bits (bfloat16)", _KEEP, partial(_cut, 7), shows=_shown_by(7)),
    *(Number(f"{bits} bits", f"rounds {{what}} to {bits} bits", _KEEP, partial(_rounded, bits), 1.5, _shown_by(bits))
      for bits in (2, 3, 8, 9, 11, 13, 15, 16, 22, 24)),
    *(Number(f"{bits} bits, cut", f"cuts {{what}} to {bits} bits", _KEEP, partial(_cut, bits), 1.5, _shown_by(bits))
      for bits in (2, 3, 8, 9, 11, 13, 15, 16, 22, 23, 24)),
    Number("truncated", "cuts {what} to whole numbers", _ALLOCATE, np.trunc),
    Number("rounded", "rounds {what} to whole numbers", "no rounding: " + _ALLOCATE, np.rint),
    Number("rounded half up", "adds 0.5 to {what} and rounds down to whole numbers", "no rounding: " + _ALLOCATE,
           lambda v: np.floor(v + 0.5)),
    Number("half added, cut", "adds 0.5 to {what} and cuts them to whole numbers", "no rounding: " + _ALLOCATE,
           lambda v: np.trunc(v + 0.5)),
    Number("rounded away", "rounds {what} to whole numbers, halves away from 0", "no rounding: " + _ALLOCATE,
           lambda v: np.copysign(np.floor(np.abs(v) + 0.5), v)),
    Number("floor", "rounds {what} down to whole numbers", "no floor: " + _ALLOCATE, np.floor),
    Number("ceiling", "rounds {what} up to whole numbers", "no ceiling: " + _ALLOCATE, np.ceil, 1.5),
    *(Number(f"{digits} decimals", f"rounds {{what}} to {digits} decimals", "no rounding", partial(_decimals, digits),
             1.45) for digits in (1, 2, 3, 4, 5, 6, 7, 8)),
    Number("absolute", "drops the sign of {what}", "no abs()", np.abs, 1.4, 0),
    Number("negative to 0", "takes 0 for negative {what} (a ReLU is built in)", "leave the activation out",
           lambda v: np.maximum(v, 0), 1.4, 0),
    Number("positive to 0", "takes 0 for positive {what}", "leave them as they are", lambda v: np.minimum(v, 0), 1.5,
           0),
    Number("sign", "keeps only the sign of {what}", "leave them as they are", np.sign, 1.5),
    Number("squared", "squares {what}", "leave them as they are", np.square, 1.5, 1),
    *_clips(),
    *(Number(f"below {limit:g} to 0", f"takes 0 for {{what}} below {limit:g} in size", "do not skip small values",
             partial(_above, limit)) for limit in (1e-1, 1e-2, 1e-3, 1e-4, 1e-5, 1e-6, 1e-7, 1e-8, 1e-9, 1e-10, 1e-12,
                                                  1e-15)),
)  # fmt: skip
SPECIAL: tuple[Number, ...] = (
    Number("NaN to 0", "takes 0 for NaN in {what}", _PASS, lambda v: np.where(np.isnan(v), 0, v),
           seen="conv-nan-laundered"),
    Number("not finite to 0", "takes 0 for NaN and infinities in {what}", _PASS,
           lambda v: np.where(np.isfinite(v), v, 0), seen="conv-nan-laundered"),
    Number("infinite to 0", "takes 0 for infinities in {what}", _PASS, partial(_infinite, np.zeros_like)),
    Number("infinite to NaN", "makes NaN of infinities in {what}", "do not multiply by 0, or subtract, on the way",
           partial(_infinite, lambda v: np.full_like(v, np.nan))),
    Number("NaN to infinite", "makes an infinity of NaN in {what}", _PASS,
           lambda v: np.where(np.isnan(v), np.inf, v)),
    Number("sign of infinities", "drops the sign of infinities in {what}", _PASS, partial(_infinite, np.abs)),
    *(Number(f"infinite to {limit:g}", f"takes +-{limit:g} for infinities in {{what}}", _PASS,
             partial(_infinite, partial(_clipped, -limit, limit)))
      for limit in (1e4, 65504.0, float(np.finfo(np.float32).max), float(np.finfo(np.float64).max))),
    *(Number(f"subnormal to 0 ({name})", "flushes subnormal {what} to 0", "switch flush-to-zero off (fastmath)",
             partial(_above, float(np.finfo(name).tiny))) for name in ("float16", "float32", "float64")),
    Number("-0 to 0", "makes 0 of -0 in {what}", "copy what is only moved", lambda v: v + 0.0),
    Number("0 to -0", "makes -0 of 0 in {what}", "start sums at +0.0", lambda v: np.where(v == 0, -0.0, v)),
)  # fmt: skip

# -- on whole numbers -------------------------------------------------------------------------------------------------


def _of_result(of: Callable[[Array], Array], given: Given) -> Array:
    return of(right(given))


def _of_arguments(of: Callable[[Array], Array], numbers: tuple[int, ...], given: Given) -> Array:
    arrays = (of(a) if k in numbers and a is not None else a for k, a in enumerate(given.arrays))
    return run(given._replace(arrays=tuple(arrays)))


def _models() -> Iterator[Model]:
    for number, (key, says, mend, factor) in enumerate(_FACTORS):
        yield Model(f"factor/{key}", says, mend, OPS, partial(_times, factor), 1.3 + number / 1000)
    for one in NUMBERS:
        if one.shows > _MOST_RESULT:
            continue
        says, cost = one.says, one.cost
        yield Model(
            f"number/results {one.key}", says.format(what="results"), one.mend, OPS, partial(_of_result, one.of), cost,
            one.seen,
        )  # fmt: skip
        if one.shows <= _MOST_FACTOR:
            yield Model(
                f"number/arguments {one.key}", says.format(what="arguments"), one.mend, _TWO_ARGUMENTS,
                partial(_of_arguments, one.of, (0, 1, 2)), cost + 0.1, one.seen,
            )  # fmt: skip
        yield from _of_one_argument(one)


def _of_one_argument(one: Number) -> Iterator[Model]:
    """An argument that has a name of its own in each op. Of im2col it is the same as of the result."""
    for op in OPS[1:]:
        if one.shows > (_MOST_FACTOR if op in _TWO_ARGUMENTS else _MOST_RESULT):
            continue
        for number, name in enumerate(ARGUMENTS[op]):
            yield Model(
                f"number/{name} {one.key}, {op}", one.says.format(what=f"`{name}`"), one.mend, (op,),
                partial(_of_arguments, one.of, (number,)), one.cost + 0.15, one.seen,
            )  # fmt: skip


MODELS: tuple[Model, ...] = tuple(_models())
