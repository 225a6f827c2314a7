"""What the checks of the higher tiers ask: in which memory, with which numbers, how long, and how they tell it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest

from conformance.cases import full_size
from conformance.cases.case import Case
from conformance.checks import higher_tiers, under_test
from conformance.checks.outcomes import Failed, NotRun, Refused
from conformance.checks.registration import check_of
from conformance.checks.under_test import BackendUnderTest
from harness.calls.caller import Arrays, CallResult, Conditions
from harness.geometry.spec import ConvSpec, Op
from harness.oracle import by_taps, data
from harness.oracle.gate import sample_points
from harness.tests.helpers.suite.fakes import Clock, FakeCaller, right

_SPEC = ConvSpec.parse("n2c4h6w7_f6kh3kw2_pt1pb0pl0pr2_g2")


def asked(caller: FakeCaller, text: str) -> tuple[str, BackendUnderTest]:
    """What is said of one case, and the backend after it."""
    case, subject = Case.parse(text), BackendUnderTest(caller)
    caller.refuses = lambda op, spec, dtype: None
    subject.require(case.op, case.spec, case.dtype)
    try:
        check_of(case).run(subject, case)
    except (Failed, NotRun, Refused) as told:
        return f"{type(told).__name__}: {told}", subject
    return "", subject


def wrong_if(holds: Callable[[Arrays, Conditions], bool]) -> FakeCaller:
    """A backend whose last element is wrong in some calls."""

    def answer(op: Op, spec: ConvSpec, arrays: Arrays, conditions: Conditions) -> CallResult:
        made = right(op, spec, arrays, conditions)
        if holds(arrays, conditions):
            made.result.flat[-1] += 1000
        return made

    return FakeCaller(answers=answer)


def are_whole(arrays: Arrays) -> bool:
    """Whether all numbers are."""
    return all(np.array_equal(a, np.rint(a)) for a in arrays if a is not None)


# -- random cases --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("layout", ["C", "step2", "broadcast", "memmap"])
@pytest.mark.parametrize(("dtype", "calls"), [("float32", 2), ("float64", 2), ("int32", 1)])
def test_whole_numbers_are_laid_out_and_real_ones_are_plain(layout: str, dtype: str, calls: int) -> None:
    option = "" if layout == "C" else f"/layout={layout}"
    seen: list[tuple[str, bool]] = []

    def look(arrays: Arrays, conditions: Conditions) -> bool:
        seen.append((conditions.layout, are_whole(arrays)))
        return False

    told, subject = asked(wrong_if(look), f"values.random/conv2d/{dtype}/{_SPEC}{option}")
    assert told == ""
    assert seen == [(layout, True), ("C", False)][:calls]
    assert (subject.used is not None) == (calls == 2)


@pytest.mark.parametrize(("option", "said"), [("", ""), ("/layout=F", "on F inputs: "), ("/bias=0", "")])
def test_a_wrong_whole_number_is_told_with_its_layout(option: str, said: str) -> None:
    told, _ = asked(wrong_if(lambda arrays, how: are_whole(arrays)), f"values.random/conv2d/float32/{_SPEC}{option}")
    assert told.startswith(f"Failed: {said}1 of 480 elements differ, first at [1, 5, 4, 7], ")


def test_a_wrong_real_number_is_told_as_one_with_what_it_uses_of_the_bound() -> None:
    told, subject = asked(
        wrong_if(lambda arrays, how: not are_whole(arrays)), f"values.random/conv2d/float32/{_SPEC}/layout=F"
    )
    assert told.startswith("Failed: on real numbers: 1 of 480 elements differ, first at [1, 5, 4, 7], ")
    assert ", allowed " in told
    assert subject.used is not None
    assert subject.used > 1e6
    fine, subject = asked(FakeCaller(), f"values.random/conv2d/float32/{_SPEC}")
    assert fine == ""
    assert subject.used is not None
    assert 0 < subject.used < 1


@pytest.mark.parametrize(("numerics", "passes"), [("gemm", False), ("winograd", True)])
def test_the_bound_of_a_random_case_is_that_of_the_algorithm(numerics: Any, passes: bool) -> None:
    def coarse(op: Op, spec: ConvSpec, arrays: Arrays, conditions: Conditions) -> CallResult:
        made = right(op, spec, arrays, conditions)
        return made if are_whole(arrays) else CallResult(result=made.result * np.float32(1 + 2.0**-19))

    told, _ = asked(FakeCaller(answers=coarse, numerics=numerics), f"values.random/conv2d/float32/{_SPEC}/bias=0")
    assert (told == "") == passes


@pytest.mark.parametrize(
    ("option", "made", "said"),
    [
        ("/layout=F", CallResult(error="ValueError: order"), "Refused: F inputs: raised ValueError: order"),
        ("", CallResult(error="ValueError: order"), "Failed: conv2d raised ValueError: order"),
        ("/layout=F", CallResult(error="crashed", died=True), "Failed: conv2d crashed"),
        ("/layout=F", CallResult(error="MemoryError: all", starved=True), "NotRun: conv2d raised MemoryError: all"),
    ],
)
def test_a_layout_refused_by_an_exception_is_no_wrong_number(option: str, made: CallResult, said: str) -> None:
    """Tier 1 calls it a deviation of form; tier 3 took it for a wrong value."""
    told, _ = asked(FakeCaller(answers=lambda *how: made), f"values.random/conv2d/float32/{_SPEC}{option}")
    assert told == said


# -- full size -----------------------------------------------------------------------------------------------------


class Sampled(FakeCaller):
    """Gives elements of the right result, the first `wrong` of them spoilt; each call takes the next of `seconds`."""

    def __init__(self, clock: Clock, seconds: Sequence[float] = (), wrong: int = 0, off: float = 1.0) -> None:
        super().__init__()
        self.clock, self.seconds, self.wrong, self.off = clock, list(seconds), wrong, off
        self.samples: list[tuple[str, int]] = []

    def sample(self, op: Op, spec: ConvSpec, dtype: str, seed: str, points: Sequence[tuple[int, ...]]) -> CallResult:
        """See `Caller`."""
        self.samples.append((str(spec), len(points)))
        self.clock.pass_by(self.seconds.pop(0) if self.seconds else 0.0)
        made = by_taps.run(op, spec, *data.pooled(op, spec, dtype, seed))
        found = np.array([made[point] for point in points], dtype=dtype)
        found[: self.wrong] += self.off
        return CallResult(result=found, shape=spec.output_shape(op))


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """The clock of the backend under test."""
    made = Clock()
    monkeypatch.setattr(under_test, "time", made)
    return made


@pytest.mark.parametrize("check", ["values.layer", "contract.large_index"])
def test_sampled_elements_that_differ_are_counted(monkeypatch: pytest.MonkeyPatch, clock: Clock, check: str) -> None:
    monkeypatch.setattr(full_size, "LARGE_SPEC", _SPEC)
    points = sample_points("im2col", _SPEC)
    value = by_taps.run("im2col", _SPEC, *data.pooled("im2col", _SPEC, "float32", str(_SPEC)))[points[0]]
    assert asked(Sampled(clock), f"{check}/im2col/float32/{_SPEC}")[0] == ""
    assert asked(Sampled(clock, wrong=3), f"{check}/im2col/float32/{_SPEC}")[0] == (
        f"Failed: 3 of {len(points)} sampled elements differ, first at {list(points[0])}: "
        f"got {value + 1:g}, expected {value:g}"
    )


@pytest.mark.parametrize(
    ("numerics", "off", "said"),
    [("gemm", 0.0, ""), ("winograd", 1e-3, ""), ("gemm", 1e-3, "F"), ("winograd", 0.25, "F")],
)
def test_sampled_elements_of_inexact_methods_are_judged_by_the_bound(
    monkeypatch: pytest.MonkeyPatch, clock: Clock, numerics: Any, off: float, said: str
) -> None:
    caller = Sampled(clock, wrong=3, off=off)
    caller.numerics = numerics
    assert asked(caller, f"values.layer/conv2d/float32/{_SPEC}")[0][:1] == said


# -- the grid ------------------------------------------------------------------------------------------------------


def test_of_a_grid_only_the_calls_of_the_case_in_hand_are_kept() -> None:
    """There are millions of them."""
    subject = BackendUnderTest(FakeCaller())
    specs = [ConvSpec.parse(f"n1c1h{n}w3_f1kh1kw2") for n in (2, 3, 4)]
    for spec in specs:
        arrays = data.pooled("im2col", spec, "float32", str(spec))
        subject.begin(spec)
        subject.require("im2col", spec, "float32")
        case = Case("values.grid", "im2col", "float32", spec)
        assert higher_tiers.grid_difference(subject, case, arrays, by_taps.run("im2col", spec, *arrays)) == ""
    assert [call.spec for call in subject.calls] == specs[-1:]
