"""The search of tier 3 with its own question: it finds wrong results, and leaves the plainest case that shows them."""

from __future__ import annotations

import pytest

from conformance.cases.selection import Selection
from conformance.run import engine, search
from conformance.run.plan import plan, plan_random
from conformance.run.results import BackendResult
from harness.contract.status import Status
from harness.geometry.spec import ConvSpec
from harness.tests.helpers.faults import faults_tiers, faulty
from harness.tests.helpers.suite.fakes import FakeCaller, one_too_many

pytestmark = pytest.mark.heavy


def planned(count: int) -> BackendResult:
    """A search for im2col in float32 of so many cases."""
    result = BackendResult("fake", True)
    plan_random(result, ["im2col"], ["float32"], count)
    return result


def test_a_wrong_result_is_found_in_whole_numbers() -> None:
    result = planned(20)
    search.run(FakeCaller(answers=one_too_many), result)
    (kept,) = result.counted[0].kept
    assert kept.case.spec == ConvSpec.parse("n1c1h1w1_f1kh1kw1")
    assert kept.detail.startswith("1 of 1 elements differ")


def test_it_finds_what_the_standing_plan_does_not_and_shrinks_it() -> None:
    """Three images with a stride of more than ten; the plainest such geometry is left, and it fails by its id."""
    backend, result = faulty.load(faults_tiers.FAULTS["long_strides_cut"][0]), planned(1000)
    search.run(backend, result)
    (found,) = result.counted[0].kept
    spec = found.case.spec
    assert (spec.batch, spec.stride[0], found.case.layout) == (3, 11, "C")
    assert (spec.groups, spec.in_channels, spec.stride[1], spec.kernel_size) == (1, 1, 1, (1, 1))
    assert engine.run(backend, plan(backend, Selection(ops=["im2col"]))).verdict == "pass"
    again = engine.run(backend, plan(backend, Selection(pattern=str(found.case))))
    assert again.counts[Status.FAIL] == 1


def test_a_layout_that_fails_alone_is_what_is_left() -> None:
    """A backend that reads any array front to back; the geometry shrinks, a layout stays."""
    backend, result = faulty.load(faulty.FAULTS["strides_ignored"][0]), planned(1000)
    search.run(backend, result)
    assert result.counted[0].kept[0].case.layout != "C"
