"""A fixed sample of faults through the real suite, which has to see most of them; and the judge, which may be wrong."""

from __future__ import annotations

from collections import Counter

import pytest

from conformance.cases.case import Case
from conformance.cases.selection import Selection
from conformance.checks.under_test import BackendUnderTest
from conformance.power import judge
from conformance.power.fault import Fault, Implementation, load
from conformance.power.generator import faults, sample
from conformance.power.judge import Seen, first_to_see
from conformance.power.kinds import indices, numbers, state
from conformance.power.right.ops import NOTHING, Change
from conformance.power.where.conditions import Condition, On
from conformance.run import engine
from conformance.run.plan import plan
from conformance.run.results import BackendResult, CaseResult
from harness.contract.status import Status

pytestmark = pytest.mark.heavy

_LAST_ROW = next(change for change in indices.changes("im2col") if change.what == "out_row misses the last")
_SAMPLE, _SEED = 24, 2026
_LEAST = {0: 11, 1: 22}  # seen by the end of each tier, as measured; more is better


def seen(tier: int) -> Counter[int | None]:
    """How many of the sample are seen, by tier."""
    found = [first_to_see(fault, tier) for fault in sample(faults(), _SAMPLE, _SEED)]
    return Counter(None if one is None else one.tier for one in found)


def test_most_of_a_sample_are_seen() -> None:
    found = seen(1)
    assert found[0] >= _LEAST[0]
    assert found[0] + found[1] >= _LEAST[1]


def test_a_suite_of_shapes_and_dtypes_alone_would_see_few(monkeypatch: pytest.MonkeyPatch) -> None:
    """So the numbers above depend on what the suite asks."""
    every = judge._planned

    def few(*asked: object) -> tuple[CaseResult, ...]:
        return tuple(c for c in every(*asked) if c.case.check in ("contract.shape", "contract.dtype"))

    monkeypatch.setattr(judge, "_planned", few)
    monkeypatch.setattr(BackendResult, "charge_numbers", lambda self: None)  # which is a question of numbers too
    found = seen(1)
    assert found[0] + found[1] < _LEAST[0] / 2


def test_a_fault_is_seen_by_its_check_on_its_case_and_named_where_it_is_a_known_mistake() -> None:
    swapped = Fault("parameter", "im2col", _swapped("stride_h", "stride_w"))
    found = first_to_see(swapped)
    assert found == Seen(
        "values.exact", "values.exact/im2col/float32/n3c6h8w3_f9kh2kw2_sh1sw3_pt1pb0pl2pr2_dh2dw1_g3", 0,
        "this is exactly what you get when the two axes of the stride are swapped, (3, 1) instead of (1, 3)",
    )  # fmt: skip
    half = Fault("precision", "conv2d", next(c for c in numbers.PRECISION if c.what.startswith("the result truncated")))
    truncated = first_to_see(half)
    assert truncated is not None
    assert (truncated.check, truncated.tier) == ("values.real", 0)


def _swapped(one: str, other: str) -> Change:
    def swap(call: object, n: object) -> None:
        first, second = getattr(n, one), getattr(n, other)
        setattr(n, one, second)
        setattr(n, other, first)

    return Change("swapped", numbers=swap)


def test_tier_0_alone_sees_less() -> None:
    many = Fault("index.where", "im2col", _LAST_ROW, Condition((On("C", ">", 16),)))
    assert first_to_see(many, 0) is None
    later = first_to_see(many, 1)
    assert later is not None
    assert later.tier == 1


def test_nothing_wrong_is_not_seen() -> None:
    assert first_to_see(Fault("parameter", "im2col", NOTHING)) is None


def test_the_first_failure_ends_the_run(monkeypatch: pytest.MonkeyPatch) -> None:
    asked, real = list[Case](), engine.judge

    def counted(subject: BackendUnderTest, case_result: CaseResult) -> None:
        asked.append(case_result.case)
        real(subject, case_result)

    monkeypatch.setattr(engine, "judge", counted)
    found = first_to_see(Fault("index", "im2col", _LAST_ROW))
    assert found is not None
    assert found.case == str(asked[-1])
    assert len(asked) == 1 + asked.index(asked[-1]) < 20


def test_what_is_asked_is_the_plan_of_the_op_and_is_not_used_up() -> None:
    fault = Fault("index", "im2col", _LAST_ROW)
    whole = plan(load(Implementation(fault)), Selection(ops=("im2col",)))
    for _ in range(2):
        assert first_to_see(fault) is not None
        planned = judge._planned("im2col", fault.dtypes, 1)
        assert [one.case for one in planned] == [one.case for one in whole.cases]
        assert {one.status for one in planned} == {Status.NOT_RUN}


def test_what_is_stuck_after_an_error_is_seen_by_the_check_for_it(monkeypatch: pytest.MonkeyPatch) -> None:
    every = judge._planned
    monkeypatch.setattr(
        judge, "_planned", lambda *asked: tuple(c for c in every(*asked) if c.case.check == "contract.after_error")
    )
    stuck = next(change for change in state.calls() if change.what == "stuck after an error")
    found = first_to_see(Fault("state.calls", "im2col", stuck))
    assert found is not None
    assert found.check == "contract.after_error"


def test_random_search_is_asked_last(monkeypatch: pytest.MonkeyPatch) -> None:
    """A fault on images of odd height alone, were no case standing."""
    monkeypatch.setattr(judge, "_planned", lambda *asked: ())
    odd = Fault("index.where", "im2col", _LAST_ROW, Condition((On("H", "%", 2, 1),)))
    assert first_to_see(odd, 1) is None
    found = first_to_see(odd, 3)
    assert found is not None
    assert (found.check, found.tier) == ("values.random", 3)
