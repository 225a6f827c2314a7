"""Conditions on a call beside its geometry: which call it is, and what is in the data."""

from __future__ import annotations

import numpy as np

from conformance.power.fault import EVERY
from conformance.power.where.conditions import When, in_dtype, on_call, on_data

NUMBERS: tuple[When, ...] = (
    on_call("it is the first call", lambda n: n == 1), on_call("it is the second call", lambda n: n == 2),
    on_call("it is the third call", lambda n: n == 3), on_call("it is not the first call", lambda n: n > 1),
    on_call("there were 7 calls before", lambda n: n > 7), on_call("there were 30 calls before", lambda n: n > 30),
    on_call("there were 100 calls before", lambda n: n > 100),
    on_call("there were 400 calls before", lambda n: n > 400),
    on_call("there were 5,000 calls before", lambda n: n > 5000), on_call("every second call", lambda n: n % 2 == 0),
    on_call("every fifth call", lambda n: n % 5 == 0), on_call("every 64th call", lambda n: n % 64 == 0),
    on_call("every 257th call", lambda n: n % 257 == 0),
)  # fmt: skip

_FIRST: tuple[When, ...] = (
    on_data("the first argument has a negative number", lambda a: (a < 0).any()),
    on_data("the first argument has no negative number", lambda a: not (a < 0).any()),
    on_data("the first argument has a zero", lambda a: (a == 0).any()),
    on_data("the first argument is zero everywhere", lambda a: not a.any()),
    on_data("the first argument is one number everywhere", lambda a: (a == a.flat[0]).all()),
    on_data("the first argument begins with a zero", lambda a: a.flat[0] == 0),
    on_data("the first argument has a NaN", lambda a: a.dtype.kind == "f" and np.isnan(a).any()),
    on_data("the first argument has an infinity", lambda a: a.dtype.kind == "f" and np.isinf(a).any()),
    on_data("the first argument has a fraction", lambda a: (a != np.rint(a)).any()),
    on_data("the first argument has no fraction", lambda a: (a == np.rint(a)).all()),
    on_data("the first argument has a number above 2", lambda a: (np.abs(a) > 2).any()),
    on_data("the first argument has a number above 8", lambda a: (np.abs(a) > 8).any()),
    on_data("the first argument has a number above 1000", lambda a: (np.abs(a) > 1000).any()),
    on_data("the first argument has a number above 1e6", lambda a: (np.abs(a) > 1e6).any()),
    on_data("the first argument has a number below 1e-3", lambda a: ((np.abs(a) < 1e-3) & (a != 0)).any()),
    on_data("the first argument has a number below 1e-6", lambda a: ((np.abs(a) < 1e-6) & (a != 0)).any()),
    on_data("the first argument is below 1e-2 everywhere", lambda a: (np.abs(a) < 1e-2).all()),
    on_data("the first argument has a 7", lambda a: (a == 7).any()),
    on_data("the first image is zero", lambda a: not a[0].any()),
)
_SECOND: tuple[When, ...] = (
    on_data("the second argument has a zero", lambda a: (a == 0).any(), 1),
    on_data("the second argument is zero everywhere", lambda a: not a.any(), 1),
    on_data("the second argument has a number above 8", lambda a: (np.abs(a) > 8).any(), 1),
    on_data("the second argument has no negative number", lambda a: not (a < 0).any(), 1),
    on_data("the last tap is zero", lambda a: not a[..., -1].any(), 1),
    on_data("the second argument is the same backwards", lambda a: np.array_equal(a, a[..., ::-1]), 1),
)
DTYPES: tuple[When, ...] = tuple(in_dtype(name) for name in EVERY)


def data(arguments: int) -> tuple[When, ...]:
    """For an op with so many arguments."""
    return _FIRST if arguments == 1 else (*_FIRST, *_SECOND)
