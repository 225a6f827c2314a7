"""Short ids of cases: six hex digits that stand for a whole id, so that a failure can be named in a few letters.

Some of the standing cases share one: a seventh digit, or more, tells them apart.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator

import numpy as np

import conformance.checks  # noqa: F401  # its checks register themselves
from conformance.cases.case import SelectionError
from conformance.checks.registration import CHECKS
from harness.contract.protocol import DTYPES

_DIGITS, _MOST = 6, 16
_SHORT = re.compile(f"[0-9a-f]{{{_DIGITS},{_MOST}}}")
_SHOWN = 4  # of the cases that share a short id


def short(case_id: str, digits: int = _DIGITS) -> str:
    """The first digits of a digest of the id.

    >>> short("values.exact/im2col/float32/n1c1h2w2_f1kh1kw1")
    '0f246d'
    """
    return hashlib.blake2b(case_id.encode(), digest_size=_MOST // 2).hexdigest()[:digits]


def is_short(text: str) -> bool:
    """Whether it may be a short id: no check, op or geometry looks like that."""
    return bool(_SHORT.fullmatch(text))


def resolve(text: str, remembered: Iterable[str] = ()) -> str:
    """The whole id of the one case that is meant: of the run before, else of the standing cases.

    Raises `SelectionError`, which says whether there is none or which ones there are.
    """
    for known in (remembered, _standing()):
        found = sorted({case_id for case_id in known if short(case_id, len(text)) == text})
        if len(found) == 1:
            return found[0]
        if found:
            told = ", ".join(f"{short(case_id, _enough(found))} {case_id}" for case_id in found[:_SHOWN])
            raise SelectionError(f"{text!r} is the short id of {len(found)} cases: {told}")
    raise SelectionError(
        f"{text!r} is the short id of no case that failed in the run before, nor of a standing one; "
        "take the whole id, or run where it was shown"
    )


def _enough(found: Iterable[str]) -> int:
    """How many digits tell them apart."""
    every = list(found)
    return next((n for n in range(_DIGITS + 1, _MOST) if len({short(one, n) for one in every}) == len(every)), _MOST)


def _standing() -> Iterator[str]:
    for several in CHECKS.values():
        for check in several:
            for op in check.ops:
                for dtype in DTYPES:
                    if np.dtype(dtype).kind in check.kinds:
                        yield from map(str, check.cases(op, dtype))
