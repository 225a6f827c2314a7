"""Each geometry is called once and seen as what it is; what cannot be called is not guessed at."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from conformance.diagnosis.experiment import plan
from conformance.diagnosis.experiment.experiment import Experiment, plainness
from conformance.diagnosis.experiment.observed import Kind, digest
from conformance.diagnosis.models import tables
from conformance.diagnosis.models.model import Given, Model
from harness.calls.caller import CallResult, OneCall
from harness.calls.in_process import InProcess
from harness.contract.protocol import Array
from harness.geometry.spec import OPS, ConvSpec, Op
from harness.tests.helpers.planted.faults import Planted, doubled, planted

_SPEC = ConvSpec.parse("n2c2h5w6_f2kh3kw2_sh2sw1_pt1pb0pl0pr0")
_OTHER = ConvSpec.parse("n1c1h4w4_f1kh2kw2")


def wrong(op: Op = "im2col", dtype: str = "float64", **more: Any) -> tuple[Planted, Experiment]:
    """Doubled where the stride is not 1, unless told."""
    backend = Planted(op, **{"holds": lambda spec: spec.stride != (1, 1), "spoil": doubled, **more})
    return backend, Experiment(planted(backend), op, dtype)


class Dying(InProcess):
    """A process that ends at some geometries; calls are not made any more after so many deaths."""

    def __init__(self, inner: InProcess, fatal: set[ConvSpec], most: int) -> None:
        super().__init__(inner.backend)
        self.fatal, self.most, self.deaths = fatal, most, 0

    def each(self, calls: Sequence[OneCall]) -> list[CallResult]:
        """Those up to the one that dies."""
        results: list[CallResult] = []
        for one in calls:
            if self.deaths == self.most:
                return [*results, CallResult(error="was not run: im2col had died", died=True)]
            if one.spec in self.fatal:
                self.deaths += 1
                return [*results, CallResult(error="ended its process: killed", died=True)]
            results.append(super().call(*one))
        return results


@pytest.mark.parametrize("op", OPS)
@pytest.mark.parametrize("dtype", ["float64", "float32", "float16", "int32"])
def test_what_is_right_passes(op: Op, dtype: str) -> None:
    experiment = Experiment(planted(Planted(op, lambda spec: False)), op, dtype)
    experiment.run_all(plan.first())
    assert len(experiment.observed) > 90
    assert experiment.failing() == []
    assert [o.spec for o in experiment.passing()] == sorted(experiment.observed, key=plainness)


@pytest.mark.parametrize("op", OPS)
def test_what_is_wrong_fails_where_it_is(op: Op) -> None:
    _, experiment = wrong(op)
    experiment.run_all(plan.first())
    assert {o.spec for o in experiment.failing()} == {s for s in plan.first() if s.stride != (1, 1)}
    assert {o.kind for o in experiment.failing()} == {Kind.VALUE}


def test_a_geometry_is_called_once_whoever_asks() -> None:
    backend, experiment = wrong()
    experiment.run(_SPEC)
    experiment.run_all([_OTHER, _SPEC, _OTHER])
    experiment.run(_OTHER)
    assert backend.asked == [_SPEC, _OTHER]
    assert experiment.calls == 2


def test_wrong_elements_are_counted() -> None:
    _, experiment = wrong(spoil=lambda a: a + np.eye(*a.shape[1:]))
    seen = experiment.run(_SPEC)
    assert seen is not None
    assert seen.wrong == 2 * min(_SPEC.columns_shape[1:])
    assert seen.digest == digest(experiment.right(_SPEC) + np.eye(*_SPEC.columns_shape[1:]))


def crash(result: Array) -> Array:
    """Says something."""
    raise IndexError("out of bounds")


@pytest.mark.parametrize(
    ("spoil", "kind"),
    [
        (lambda a: a + 1, Kind.VALUE),
        (lambda a: a.astype(np.float32), None),  # of form, not of numbers
        (lambda a: a[:, :-1], Kind.SHAPE),
        (lambda a: a[None], Kind.SHAPE),
        (lambda a: a.tolist(), Kind.CRASH),
        (crash, Kind.CRASH),
        (lambda a: a * np.nan, Kind.VALUE),
    ],
)
def test_kinds_of_failure(spoil: Any, kind: Kind | None) -> None:
    _, experiment = wrong(spoil=spoil)
    seen = experiment.run(_SPEC)
    assert seen is not None
    assert seen.kind == kind
    assert (seen.digest is None) == (kind is Kind.CRASH)
    assert ("out of bounds" in seen.error) == (spoil is crash)


def test_a_focus_leaves_other_kinds_out_on_either_side() -> None:
    def spoil(a: Array) -> Any:
        return a * 2 if a.shape[0] == 1 else a[1:]

    _, experiment = wrong(spoil=spoil)
    experiment.run_all(plan.first())
    everything = len(experiment.failing())
    experiment.focus = Kind.SHAPE
    shapes = experiment.failing()
    experiment.focus = Kind.VALUE
    values = experiment.failing()
    assert len(shapes) + len(values) == everything
    assert all(o.spec.batch > 1 for o in shapes)
    assert all(o.spec.batch == 1 for o in values)


def test_what_is_refused_is_not_called() -> None:
    backend, experiment = wrong(refuses=lambda spec: spec.batch > 1)
    assert experiment.run(_SPEC) is None
    experiment.run_all([_SPEC, _OTHER])
    assert backend.asked == [_OTHER]
    assert not experiment.takes(_SPEC)


def test_a_question_that_raises_is_a_refusal() -> None:
    def asked(spec: ConvSpec) -> bool:
        raise KeyError("stride")

    _, experiment = wrong(refuses=asked)
    assert experiment.run(_SPEC) is None


def test_what_is_too_large_is_not_called() -> None:
    backend = Planted("im2col", lambda spec: True)
    experiment = Experiment(planted(backend), "im2col", "float64", most_work=_OTHER.macs)
    assert experiment.run(_SPEC) is None
    assert experiment.run(_OTHER) is not None
    assert not experiment.exhausted


def test_sums_that_are_not_exact_are_not_asked_for() -> None:
    long = ConvSpec.parse("n1c1h70w70_f1kh50kw50")
    assert wrong("col2im", "float16")[1].run(long) is None
    assert wrong("col2im", "float32")[1].run(long) is not None


def test_without_time_nothing_is_run() -> None:
    backend = Planted("im2col", lambda spec: True)
    experiment = Experiment(planted(backend), "im2col", "float64", seconds=0.0)
    experiment.run_all(plan.first())
    assert experiment.run(_SPEC) is None
    assert backend.asked == []
    assert experiment.exhausted


def test_a_slow_backend_is_left_alone_in_time() -> None:
    _, experiment = wrong()
    experiment.caller.pace.foretell("im2col", _SPEC, "float64", 1000.0)
    assert experiment.run(_SPEC) is None
    assert experiment.run(_OTHER) is not None


def test_how_long_a_call_takes_is_learned_from_smaller_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [0.0]

    def slow(result: Array) -> Array:
        now[0] += 0.001 + 1e-5 * result.size
        return result

    monkeypatch.setattr("time.monotonic", lambda: now[0])
    _, experiment = wrong(holds=lambda spec: True, spoil=slow)
    smaller, larger = (ConvSpec.parse(f"n1c{channels}h34w34_f1kh3kw3") for channels in (1, 20))
    experiment.run_all([*plan.first(), smaller])
    assert experiment.run(larger) is None  # two seconds, of twenty that there are
    assert experiment.run(ConvSpec.parse("n1c2h34w34_f1kh3kw3")) is not None
    assert not experiment.exhausted


def test_what_one_call_took_on_a_busy_machine_is_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    """A stall is no pace: calls of the same size that take no time follow."""
    now, stalls = [0.0], iter([0.0, 0.0, 0.0, 0.6])

    def stalled(result: Array) -> Array:
        now[0] += 0.001 + next(stalls, 0.0)
        return result

    monkeypatch.setattr("time.monotonic", lambda: now[0])
    _, experiment = wrong(holds=lambda spec: True, spoil=stalled)
    assert all(experiment.run(spec) is not None for spec in plan.first()[:20])
    assert experiment.run(ConvSpec.parse("n1c20h34w34_f1kh3kw3")) is not None


def test_a_death_costs_one_geometry() -> None:
    first = plan.first()
    experiment = Experiment(Dying(wrong()[1].caller, {first[10], first[20]}, 3), "im2col", "float64")  # type: ignore[arg-type]
    experiment.run_all(first)
    crashes = {spec for spec, seen in experiment.observed.items() if seen.kind is Kind.CRASH}
    assert crashes == {first[10], first[20]}
    assert len(experiment.observed) == len(first)
    assert not experiment.exhausted


def test_calls_that_are_not_made_any_more_show_nothing() -> None:
    first = plan.first()
    experiment = Experiment(Dying(wrong()[1].caller, {first[10]}, 1), "im2col", "float64")  # type: ignore[arg-type]
    experiment.run_all(first)
    assert experiment.exhausted
    assert set(experiment.observed) == set(first[:11])
    assert experiment.run(first[50]) is None


def test_a_later_call_that_differs_is_seen() -> None:
    results = iter([1, 1, 2])
    _, experiment = wrong(holds=lambda spec: True, spoil=lambda a: a * next(results))
    assert experiment.run(_SPEC) is not None
    assert experiment.again(_SPEC)
    assert not experiment.again(_SPEC)


def test_raw_gives_what_was_returned_or_raised() -> None:
    _, experiment = wrong("conv2d", "float32")
    x, w, _ = experiment.given(_SPEC).arrays
    got = experiment.raw(_SPEC, (x, w, None))
    assert isinstance(got, np.ndarray)
    assert got.dtype == np.float32
    assert np.array_equal(got, 2 * tables.run(Given("conv2d", _SPEC, (x, w, None))))
    _, raising = wrong(spoil=crash)
    said = raising.raw(_SPEC, raising.given(_SPEC).arrays)
    assert str(said).startswith("IndexError: out of bounds")


@pytest.mark.parametrize("op", OPS)
def test_data_are_whole_never_zero_and_the_same_in_every_run(op: Op) -> None:
    one, other = (wrong(op)[1].given(_SPEC) for _ in range(2))
    for a, b in zip(one.arrays, other.arrays, strict=True):
        assert a is not None
        assert b is not None
        assert a.dtype == np.float64
        assert np.array_equal(a, b)
        assert np.array_equal(a, np.rint(a))
        assert (a != 0).all()
    first, again = one.arrays[0], wrong(op)[1].given(_OTHER).arrays[0]
    assert first is not None
    assert again is not None
    assert first.min() < 0 < first.max()
    assert not np.array_equal(first.ravel()[: again.size], again.ravel())


def test_a_model_is_compared_by_what_it_gives() -> None:
    def without_stride(given: Given) -> Array:
        high, wide = tables.axes(given.spec)
        return tables.run(given, tables.table(high, stride=1), tables.table(wide, stride=1))

    model = Model("index/stride ignored/both", "ignores the stride", "use it", ("im2col",), without_stride)
    _, experiment = wrong()
    assert experiment.differs(model, _SPEC)
    assert not experiment.differs(model, _OTHER)
    assert experiment.foretold(model, _SPEC) == digest(without_stride(experiment.given(_SPEC)))


def test_a_model_without_a_result_foretells_nothing_that_can_be_seen() -> None:
    def impossible(given: Given) -> Array:
        raise IndexError

    model = Model("index/none", "fails", "", ("im2col",), impossible)
    _, experiment = wrong()
    experiment.run_all(plan.plain())
    assert all(experiment.foretold(model, spec) != seen.digest for spec, seen in experiment.observed.items())


def test_a_method_that_rounds_is_wrong_only_beyond_its_bound() -> None:
    def rounded(result: Array) -> Array:
        return (result * np.float32(1 + 1e-6)).astype(result.dtype)

    _, experiment = wrong("conv2d", "float32", numerics="fft", spoil=rounded)
    experiment.run_all(plan.first())
    assert experiment.failing() == []
    _, plain = wrong("conv2d", "float32", spoil=rounded)
    plain.run_all(plan.first())
    assert plain.failing() != []


def test_what_a_method_that_rounds_gives_wrongly_is_the_whole_number() -> None:
    _, experiment = wrong("conv2d", "float32", numerics="fft", spoil=lambda a: 2 * a + np.float32(1e-4))
    seen = experiment.run(_SPEC)
    assert seen is not None
    assert seen.digest == digest(2 * experiment.right(_SPEC))
