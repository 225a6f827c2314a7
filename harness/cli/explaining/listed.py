"""What there is: checks, sets of layers, backends, and the standing cases, as rows of a table or lines."""

from __future__ import annotations

import fnmatch
from collections.abc import Callable, Iterable, Iterator

import conformance.checks  # noqa: F401  # its checks register themselves
from conformance.checks.registration import CHECKS
from conformance.diagnosis.about import about
from harness.contract import targets
from harness.geometry.layers import read_layers, set_names

Rows = Iterator[list[str]]
_DTYPE = "float32"  # of the cases that are listed; another dtype has the same geometries


def checks(pattern: str) -> Rows:
    """Every check: its grade, its tier, how many public bugs are known for it, what it asks."""
    for check_id in _matching(CHECKS, pattern):
        found = about(check_id)
        grade = "optional" if found.is_optional else str(found.grade)
        yield [check_id, grade, str(found.tier), str(len(found.bugs)), found.questions[0].asks.partition("\n")[0]]


def shapes(pattern: str) -> Rows:
    """Every layer of every set that ships."""
    for name in set_names():
        for layer in read_layers(name):
            if _is_meant(name, pattern) or _is_meant(layer.name, pattern):
                yield [name, layer.name, str(layer.spec)]


def backends(pattern: str) -> Rows:
    """Every registered backend and where it is; none is loaded."""
    found = targets.sources()
    for name in _matching(targets.names(), pattern):
        yield [name, *(", ".join(parts) for parts in zip(*found[name], strict=True))]


def cases(pattern: str) -> Rows:
    """The id of every standing case in float32."""
    for several in CHECKS.values():
        for check in several:
            for op in check.ops:
                for case in check.cases(op, _DTYPE):
                    if _is_meant(str(case), pattern) or _is_meant(check.id, pattern):
                        yield [str(case)]


KINDS: dict[str, tuple[tuple[str, ...], Callable[[str], Rows]]] = {
    "checks": (("check", "grade", "tier", "public bugs", "asks"), checks),
    "shapes": (("set", "layer", "spec"), shapes),
    "backends": (("backend", "from", "place"), backends),
    "cases": (("case",), cases),
}


def _matching(names: Iterable[str], pattern: str) -> Iterator[str]:
    return (name for name in names if _is_meant(name, pattern))


def _is_meant(name: str, pattern: str) -> bool:
    return not pattern or fnmatch.fnmatchcase(name, pattern)
