"""The plan of a run: which cases, of which tier, in which shard, and which of them the backend refuses.

The plan is computed first, so that a run which executed less cannot pass for a whole one.
"""

from __future__ import annotations

import fnmatch
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

# Those of the higher tiers register themselves too.
import conformance.run.grid  # isort: skip
import conformance.run.search  # isort: skip
import conformance.run.layers  # noqa: F401  # isort: skip
from conformance.cases.case import Case, CaseError, SelectionError
from conformance.cases.shard import WHOLE, Shard
from conformance.cases.specs import DISTINCT
from conformance.checks.registration import CHECKS, check_of
from conformance.run import versions
from conformance.run.outcome import BackendResult, CaseResult
from harness.calls.caller import Caller
from harness.contract.protocol import DTYPES
from harness.geometry.spec import ConvSpec, Op

TIERS = range(5)
DEFAULT_TIER = 1
_TIER0 = ("contract.type", "contract.shape", "contract.dtype", "values.exact", "values.real")


@dataclass(frozen=True, slots=True)
class Selection:
    """What the user asked for; empty means everything."""

    ops: Sequence[Op] = ()
    dtypes: Sequence[str] = ()
    specs: Sequence[ConvSpec] = ()
    check: str = ""
    seed: int = 0
    tier: int = DEFAULT_TIER
    shard: Shard = WHOLE
    suite: str = ""  # an older suite version, whose checks alone are planned

    @property
    def narrowed(self) -> bool:
        """Whether the plan is less than the whole suite. The first shard holds all of tier 0, so it is judged whole."""
        return bool(self.ops or self.dtypes or self.specs or self.check or self.shard.index > 1)

    def means(self, check: str) -> bool:
        """Whether a check without geometries of its own is asked for."""
        return not self.check or _names(self.check, check)


EVERYTHING = Selection()


def plan(backend: Caller, selection: Selection | None = None) -> BackendResult:
    """All cases for `backend`, the refused ones marked, tier 0 first. Raises `SelectionError` if there is none."""
    selection = selection or EVERYTHING
    outcome = BackendResult(backend.name, selection.narrowed)
    chosen = list(_selected(backend, selection))
    chosen.sort(key=lambda case: not in_tier_0(case))  # stable: otherwise the order of the checks
    outcome.cases += [_planned(backend, case) for case in chosen]
    if not outcome.cases and selection.shard.count == 1 and not _in_higher_tier(selection):
        raise SelectionError(_nothing_selected(selection))
    return outcome


def in_tier_0(case: Case) -> bool:
    """Whether the case is among the few that see nearly everything."""
    return case.check in _TIER0 and case.spec in DISTINCT


def claimed_dtypes(backend: Caller) -> list[str]:
    """float32 and float64, which every backend is asked for, and whatever else it claims for im2col."""
    return [d for d in DTYPES if d in ("float32", "float64") or _claims(backend, d)]


def matches(pattern: str, case: Case) -> bool:
    """Whether a pattern means the case: by its check or by its whole id, exactly or as a glob."""
    text = str(case)
    return pattern in ("", text) or fnmatch.fnmatchcase(case.check, pattern) or fnmatch.fnmatchcase(text, pattern)


def _claims(backend: Caller, dtype: str) -> bool:
    try:
        return backend.unsupported("im2col", DISTINCT[0], dtype) is None
    except (Exception, SystemExit):
        return False  # asked again for float32, where it counts


def _selected(backend: Caller, selection: Selection) -> Iterable[Case]:
    exact_id = _as_case(selection.check)
    if exact_id is not None:
        return [exact_id] if _agrees(exact_id, selection) else []
    return (case for case in _all_cases(backend, selection) if matches(selection.check, case))


def _all_cases(backend: Caller, selection: Selection) -> Iterator[Case]:
    dtypes = selection.dtypes or claimed_dtypes(backend)
    for check in (check for parts in CHECKS.values() for check in parts):
        if (check.optional and not _names(selection.check, check.id)) or not versions.in_suite(
            check.id, selection.suite
        ):
            continue
        for op in check.ops:
            if selection.ops and op not in selection.ops:
                continue
            for dtype in dtypes:
                if np.dtype(dtype).kind in check.kinds and (check.standing or selection.specs):
                    for case in check.cases(op, dtype, selection.specs or None, selection.seed):
                        if _in_tier(case, selection.tier) and _in_shard(case, selection.shard):
                            yield case


def _in_tier(case: Case, tier: int) -> bool:
    return tier > 0 or in_tier_0(case)


def _in_shard(case: Case, shard: Shard) -> bool:
    return shard.index == 1 if in_tier_0(case) else shard.holds(str(case))


def _in_higher_tier(selection: Selection) -> bool:
    """Whether the selection is of a check that only the higher tiers plan."""
    return selection.tier > 1 and any(
        _names(selection.check, check.id) and not check.standing for parts in CHECKS.values() for check in parts
    )


def _names(pattern: str, check: str) -> bool:
    """Whether a pattern (of ids or of checks) asks for a check by name."""
    return bool(pattern) and fnmatch.fnmatchcase(check, pattern.split("/", maxsplit=1)[0])


def _as_case(text: str) -> Case | None:
    """The case of a full id, so that a repro runs whether or not its geometry is in the standing plan."""
    try:
        case = Case.parse(text)
    except (CaseError, ValueError):
        return None
    if case.check not in CHECKS:
        return None
    check = check_of(case)
    if not check.fits(case.op, case.spec) or np.dtype(case.dtype).kind not in check.kinds:
        raise SelectionError(f"check {case.check!r} cannot judge this geometry and dtype: {case}")
    return case


def _agrees(case: Case, selection: Selection) -> bool:
    return (
        (not selection.ops or case.op in selection.ops)
        and (not selection.dtypes or case.dtype in selection.dtypes)
        and (not selection.specs or case.spec in selection.specs)
    )


def _planned(backend: Caller, case: Case) -> CaseResult:
    """The case as planned: to be run, refused with a reason, or failed because asking raised."""
    check = check_of(case)
    planned = CaseResult(case, optional=check.optional)
    try:
        for op in (case.op, *check.needs):
            reason = backend.unsupported(op, case.spec, case.dtype)
            if reason is not None:
                planned.status, planned.detail = "unsupported", reason
                break
    except (Exception, SystemExit) as error:
        planned.status = "fail"
        planned.detail = f"unsupported({case.op!r}, ..) raised {type(error).__name__}: {error}"
    return planned


def _nothing_selected(selection: Selection) -> str:
    pattern = f" --check {selection.check!r}" if selection.check else ""
    return f"no case is selected by{pattern or ' these options'}; checks are {', '.join(CHECKS)}"
