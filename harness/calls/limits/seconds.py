"""How long a backend may take: to load, for a call, and for the first call of a geometry."""

from __future__ import annotations

DEADLINE = 10.0  # seconds a call may take
FIRST_CALL = 3  # times the deadline: the first call of a geometry may have to compile
_LOADING = 6  # times the deadline: importing torch or numba takes 10 s and more on a busy machine
_LEAST_LOADING = 30.0  # seconds, whatever the deadline
_FOR_EVER = 1e9  # thirty years: what waits cannot count to infinity, and JSON cannot write it


def waiting(seconds: float) -> float:
    """The same as what a queue, a lock or JSON can hold: no more than thirty years.

    >>> waiting(float("inf")), waiting(2.5)
    (1000000000.0, 2.5)
    """
    return min(seconds, _FOR_EVER)


def loading(deadline: float) -> float:
    """Seconds that a backend may take to be imported and made and to give its `info()`.

    >>> loading(DEADLINE), loading(1.0)
    (60.0, 30.0)
    """
    return max(_LOADING * deadline, _LEAST_LOADING)


def loading_in_words(deadline: float) -> str:
    """The same, with the rule.

    >>> loading_in_words(20.0)
    '120 s (6 times the deadline of a call, 30 s at least)'
    """
    return f"{loading(deadline):g} s ({_LOADING} times the deadline of a call, {_LEAST_LOADING:g} s at least)"
