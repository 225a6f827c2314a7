"""Why a selection holds no case, and what to do: one line that names the part of the call that is wrong."""

from __future__ import annotations

import fnmatch
from collections.abc import Sequence

import numpy as np

from conformance.cases.case import RANDOM, Case, CaseError
from conformance.cases.grids import grid
from conformance.cases.selection import Selection
from conformance.checks.registration import CHECKS, Check
from conformance.checks.values_domain import DOMAIN
from conformance.run import versions
from harness.contract.protocol import DTYPES
from harness.geometry.spec import ALL_OPS, POOL_OPS, ConvSpec, SpecError
from harness.telling import did_you_mean

_TIERS = {DOMAIN: 1, grid.CHECK_ID: 2, RANDOM: 3}  # the other checks without geometries of their own are of tier 4
_GLOB = frozenset("*?[")


def why(selection: Selection) -> str:
    """The whole sentence."""
    asked = f"--check {selection.pattern!r}" if selection.pattern else "these options"
    return f"no case is selected by {asked}: {_reason(selection)}"


def tier_of(check: Check) -> int:
    """The first tier that has geometries for a check."""
    return 1 if check.standing else _TIERS.get(check.id, 4)


def _reason(selection: Selection) -> str:
    check_id, *parts = selection.pattern.split("/")
    named = [c for several in CHECKS.values() for c in several if fnmatch.fnmatchcase(c.id, check_id or "*")]
    if not named:
        hint = did_you_mean(check_id, CHECKS)
        return f"no check is called {check_id!r}" + (hint or f"; checks are {', '.join(CHECKS)}")
    return (_wrong_part(check_id, parts) if parts else "") or _left_out(selection, named)


def _wrong_part(check_id: str, parts: Sequence[str]) -> str:
    """What is wrong with the rest of a case id, part by part; nothing if each can be one."""
    for what, word, known in zip(("op", "dtype"), parts, (ALL_OPS, DTYPES), strict=False):
        if not fnmatch.filter(known, word):
            return f"{what} must be among {', '.join(known)}, got {word!r}{did_you_mean(word, known)}"
    if _GLOB & set("".join((check_id, *parts))):
        return ""
    if len(parts) < 3:
        return f"a case id has a geometry too; for all of them write {'/'.join((check_id, *parts))}/*"
    try:
        ConvSpec.parse(parts[2])
        Case.parse("/".join((check_id, *parts)))
    except (SpecError, CaseError) as error:
        return str(error)
    return ""


def _is_of_pooling(pattern: str) -> bool:
    """Whether a pattern means pooling alone."""
    _, *parts = pattern.split("/")
    meant = fnmatch.filter(ALL_OPS, parts[0]) if parts else []
    return bool(meant) and set(meant) <= set(POOL_OPS)


def _left_out(selection: Selection, named: Sequence[Check]) -> str:
    """Which other option leaves out all of the checks that the pattern means."""
    ids = list(dict.fromkeys(check.id for check in named))
    what = ids[0] if len(ids) == 1 else "what it means"
    inside = [c for c in named if versions.in_suite(c.id, selection.suite)]
    if not inside:
        return f"{what} is not part of suite {selection.suite}; leave --as-of out"
    judging = [c for c in inside if not selection.ops or set(c.ops) & set(selection.ops)]
    if not judging:
        ops = dict.fromkeys(op for c in inside for op in c.ops)
        return f"{what} judges {', '.join(ops)}, not {', '.join(selection.ops)}"
    if not selection.ops and _is_of_pooling(selection.pattern):
        return "pooling is asked of a backend that has it of its own; of another one --ops asks for it"
    kinds = {np.dtype(dtype).kind for dtype in selection.dtypes or DTYPES}
    if not [c for c in judging if kinds & set(c.kinds)]:
        return f"{what} does not judge {', '.join(selection.dtypes)}"
    first = min(tier_of(c) for c in judging)
    if first > max(selection.tier, 1) and not selection.specs:
        return f"{what} belongs to tier {first}; add --tier {first}"
    if selection.tier == 0:
        return (
            "--tier 0 has geometries of its own and a few checks only; leave --tier out for all checks"
            + " on the geometries of --shape" * bool(selection.specs)
        )
    if ids == [DOMAIN] and not selection.specs:
        return f"the backend does nothing of it, or none of its geometries of {DOMAIN} fits"
    if selection.specs:
        shapes = ", ".join(map(str, selection.specs))
        return f"{what} has no case on {shapes}, as it asks for other geometries"
    given = {"--ops": selection.ops, "--dtype": selection.dtypes}
    return f"nothing of it is left by {' and '.join(option for option, values in given.items() if values)}"
