"""The plan of a run: which cases, of which tier, in which shard, and which of them the backend refuses.

The plan is computed first, so that a run which executed less cannot pass for a whole one.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

import numpy as np

from conformance.cases import full_size
from conformance.cases.case import RANDOM, Case, SelectionError
from conformance.cases.grids import grid
from conformance.cases.selection import EVERYTHING, Selection, asked_ops, matches
from conformance.cases.shard import Shard
from conformance.cases.specs import DISTINCT
from conformance.checks.registration import CHECKS, Check, check_of
from conformance.domain import planning
from conformance.domain.dtypes import FLOATS, claimed_dtypes, claims
from conformance.domain.planning import Parts
from conformance.run import unselected, versions
from conformance.run.results import BackendResult, CaseCounts, CaseResult, CheckKey
from harness.calls.caller import Caller
from harness.calls.limits.memory import available, in_words
from harness.contract.protocol import DTYPES
from harness.contract.status import Status
from harness.geometry.spec import OPS, Op
from harness.oracle import data

FULL_SIZE = 4  # the tier of real layers
RANDOM_CASES = 1000  # of an op and dtype
_TIER0 = ("contract.type", "contract.shape", "contract.dtype", "values.exact", "values.real")


def plan(caller: Caller, selection: Selection = EVERYTHING) -> BackendResult:
    """All standing cases, the refused ones marked, tier 0 first. Raises `SelectionError` if no case is selected."""
    result = BackendResult(caller.name, selection.narrowed)
    asked = [check for check in _registered() if may_have_cases(check.id, selection)]
    found: Parts = {}
    if asked and _is_ours_to_choose(selection):
        ops = asked_ops(selection, caller.native)
        found = planning.parts(caller, selection.dtypes or claimed_dtypes(caller), ops)
        result.parts = {(op, dtype): part for op, by_dtype in found.items() for dtype, part in by_dtype.items()}
    chosen = list(_selected(caller, selection, found))
    chosen.sort(key=lambda case: not in_tier_0(case))  # stable: otherwise the order of the checks
    _take(caller, result, selection, [*chosen, *planning.cases(asked, found, caller, selection)])
    if not result.cases and not result.elsewhere.cases and not _in_higher_tier(selection):
        raise SelectionError(unselected.why(selection))
    result.is_empty_part = not result.cases and _others_have_cases(result, selection)
    return result


def plan_known(caller: Caller, result: BackendResult, selection: Selection, ids: Iterable[str]) -> None:
    """Add the cases of these ids that the plan has left out, as it asks less of a further dtype or of a lower tier.

    What is known to fail is asked for like that, or nobody would hear that it has been mended. What is no case of
    this selection or of no claimed dtype stays out.
    """
    there = {one.case for one in result.cases}.union(result.elsewhere.cases)
    cases = [case for case in (_as_known_case(text, selection) for text in ids) if case and case not in there]
    if cases:
        dtypes = selection.dtypes or claimed_dtypes(caller)
        _take(caller, result, selection, [case for case in cases if case.dtype in dtypes])


def _take(caller: Caller, result: BackendResult, selection: Selection, cases: Sequence[Case]) -> None:
    """Plan those of this part of the run, and note those of the others."""
    result.cases += [_case_result(caller, case) for case in cases if in_part(case, selection)]
    for case in cases if selection.shard.count > 1 else ():
        if not in_part(case, selection):
            result.elsewhere.add(case, lambda case: planning.answer(caller, case.op, case.spec, case.dtype).claims)


def _is_ours_to_choose(selection: Selection) -> bool:
    """Whether the user's call leaves it to us on which geometries the backend is judged."""
    is_ours = not selection.specs and not selection.cases and _as_case(selection.pattern) is None
    return selection.tier > 0 and is_ours


def plan_higher_tiers(caller: Caller, result: BackendResult, selection: Selection) -> None:
    """Add tiers 2 to 4. They have no geometries or cases of the user's; a pattern plans those whose check it means."""
    if selection.specs or selection.cases:
        return
    shard, dtypes = selection.shard, selection.dtypes or claimed_dtypes(caller)
    ops = asked_ops(selection, caller.native)
    main = selection.dtypes or [_main_dtype(caller, result.parts)]
    if selection.tier >= 2 and selection.means(grid.CHECK_ID):
        plan_grid(result, ops, main, shard, selection.sweep)
    if selection.tier >= 3 and selection.means(RANDOM):
        plan_random(result, ops, dtypes, -(-RANDOM_CASES // shard.count))
    if selection.tier >= FULL_SIZE and shard.index == 1:
        plan_full_size(caller, result, replace(selection, dtypes=main, ops=ops))


def plan_grid(result: BackendResult, ops: Sequence[Op], dtypes: Sequence[str], shard: Shard, sweep: int = 0) -> None:
    """The whole grid, or a sweep of the wide one, for each op and dtype (float32 alone, if none is given)."""
    total = grid.size(shard, sweep)
    for op in ops or OPS:
        for dtype in dtypes or ("float32",):
            result.counted.append(CaseCounts.of(CheckKey(grid.CHECK_ID, op, dtype), total))


def plan_random(result: BackendResult, ops: Sequence[Op], dtypes: Sequence[str], count: int = RANDOM_CASES) -> None:
    """`count` random cases for each op and dtype."""
    for op in ops or OPS:
        result.counted += [CaseCounts.of(CheckKey(RANDOM, op, dtype), count) for dtype in dtypes]


def plan_full_size(caller: Caller, result: BackendResult, selection: Selection) -> None:
    """The cases of tier 4, refusals marked; what this machine has no memory for goes to the notes."""
    room = available()
    for case in full_size.full_size_cases(selection.ops, selection.dtypes):
        if not selection.means(case.check):
            continue
        needed = full_size.bytes_needed(case)
        if needed > room:
            result.notes.append(f"{case} was left out: it needs {in_words(needed)} of {in_words(room)} free memory")
            continue
        result.cases.append(_case_result(caller, case))


def _others_have_cases(result: BackendResult, selection: Selection) -> bool:
    """Whether other parts do, where this one has none, as there are more parts than cases."""
    in_higher_tier = _in_higher_tier(selection) and selection.shard.index > 1  # the first has all layers of full size
    return bool(result.elsewhere.cases) or in_higher_tier


def in_tier_0(case: Case) -> bool:
    """Whether the case is among the few that see nearly everything."""
    return case.check in _TIER0 and case.spec in DISTINCT


def _main_dtype(caller: Caller, parts: Iterable[tuple[Op, str]]) -> str:
    """What grid and layers are run in where none is given: float32, or float64 of a backend that does only that."""
    of_parts = {dtype for _, dtype in parts}
    return next((dtype for dtype in FLOATS if dtype in of_parts or claims(caller, dtype)), FLOATS[0])


def _selected(caller: Caller, selection: Selection, found: Parts) -> Iterable[Case]:
    if selection.cases:
        known = [case for case in selection.cases if case.check in CHECKS and _fits(check_of(case), case)]
        return [case for case in known if selection.agrees(case) and matches(selection.pattern, case)]
    exact_id = _as_case(selection.pattern)
    if exact_id is not None:
        return [exact_id] if selection.agrees(exact_id) else []
    return (case for case in _standing_cases(caller, selection, found) if matches(selection.pattern, case))


def _standing_cases(caller: Caller, selection: Selection, found: Parts) -> Iterator[Case]:
    dtypes = selection.dtypes or claimed_dtypes(caller)
    ops = asked_ops(selection, caller.native)
    main = {} if "/" in selection.pattern else {op: next(iter(by_dtype)) for op, by_dtype in found.items()}
    for registered in _registered():
        left_out = registered.optional and not selection.names(registered.id)
        if left_out or not may_have_cases(registered.id, selection):
            continue
        for op in registered.ops:
            if op not in ops:
                continue
            for dtype in dtypes:
                if np.dtype(dtype).kind in registered.kinds:
                    cases = registered.cases(
                        op, dtype, selection.specs or None, selection.seed, takes_bias=caller.takes_bias
                    )
                    if not selection.specs:
                        cases = [case for case in cases if data.can_be_exact(op, case.spec, dtype)]
                    for case in cases if main.get(op, dtype) == dtype else _fewer(cases, caller):
                        if _in_tier(case, selection.tier):
                            yield case


def _fewer(cases: Sequence[Case], caller: Caller) -> list[Case]:
    """For a further dtype: tier 0, a fourth of what is claimed (of a single one, none), and where asking raises."""
    answers = [planning.answer(caller, one.op, one.spec, one.dtype) for one in cases]
    claimed = [one for one, answer in zip(cases, answers, strict=True) if answer.claims]
    # the second and the seventh of eight, as variants alternate
    chosen = {one for number, one in enumerate(claimed or cases) if number % 8 in (1, 6)}
    chosen |= {one for one, answer in zip(cases, answers, strict=True) if answer.raised}
    return [case for case in cases if case in chosen or in_tier_0(case)]


def may_have_cases(check_id: str, selection: Selection) -> bool:
    """Whether it is worth asking for the cases of a check: those of `external.onnx` cost the import of onnx."""
    in_tier = selection.tier > 0 or check_id in _TIER0
    return in_tier and selection.may_mean(check_id) and versions.in_suite(check_id, selection.suite)


def _registered() -> Iterator[Check]:
    """Every check, in the order in which they are run and shown; several of one id judge different ops."""
    for several in CHECKS.values():
        yield from several


def _in_tier(case: Case, tier: int) -> bool:
    return tier > 0 or in_tier_0(case)


def in_part(case: Case, selection: Selection) -> bool:
    """Whether the selected part of the run has a case.

    Tier 0 is all in the first part; where nothing else is asked, by dtypes, as what compiles does so for each.
    """
    if not in_tier_0(case):
        return selection.shard.holds(str(case))
    return selection.shard.has_number(DTYPES.index(case.dtype)) if selection.tier == 0 else selection.shard.index == 1


def _in_higher_tier(selection: Selection) -> bool:
    """Whether the selection is of a check that only the higher tiers plan."""
    return any(selection.names(r.id) and 1 < unselected.tier_of(r) <= selection.tier for r in _registered())


def _as_case(text: str) -> Case | None:
    """The case of a full id, so that a repro runs whether or not its geometry is in the standing plan."""
    try:
        case = Case.parse(text)
    except ValueError:  # which a wrong id and a wrong geometry are
        return None
    if case.check not in CHECKS:
        return None
    if not _fits(check_of(case), case):
        raise SelectionError(f"check {case.check!r} cannot judge this geometry and dtype: {case}")
    return case


def _fits(registered: Check, case: Case) -> bool:
    return registered.fits(case.op, case.spec) and np.dtype(case.dtype).kind in registered.kinds


def _as_known_case(text: str, selection: Selection) -> Case | None:
    """The case of a full id that a check of this selection judges."""
    try:
        case = Case.parse(text)
        registered = check_of(case) if case.check in CHECKS else None
    except ValueError:
        return None
    if registered is None or not _fits(registered, case) or not may_have_cases(case.check, selection):
        return None
    unnamed = registered.optional and not selection.names(registered.id)
    is_selected = selection.agrees(case) and matches(selection.pattern, case) and _in_tier(case, selection.tier)
    return case if is_selected and not unnamed else None


def _case_result(caller: Caller, case: Case) -> CaseResult:
    """The case as planned: to be run, refused with a reason, or failed because asking raised."""
    registered = check_of(case)
    case_result = CaseResult(case, optional=registered.optional)
    try:
        for op in (case.op, *registered.needs):
            reason = caller.unsupported(op, case.spec, case.dtype)
            if reason is not None:
                case_result.status, case_result.detail = Status.UNSUPPORTED, reason
                break
    except (Exception, SystemExit) as error:
        case_result.status = Status.FAIL
        case_result.detail = f"unsupported({case.op!r}, ..) raised {type(error).__name__}: {error}"
    return case_result
