"""The parent's inputs: what they hold, that nobody can foretell them, and that all their sums are exact."""

from __future__ import annotations

import numpy as np
import pytest

from harness.geometry.spec import ALL_OPS, ConvSpec, Op
from harness.oracle import by_taps
from harness.oracle.comparing import divides
from harness.oracle.data import DataError
from harness.oracle.gate import Judge, WrongResult
from harness.timing.calling.held import Held
from harness.timing.judging import inputs
from harness.timing.judging.inputs import make

_SPEC = ConvSpec.parse("n2c6h9w8_f4kh3kw2_sh2sw1_pt1_g2")


@pytest.mark.parametrize("op", ALL_OPS)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_set_of_whole_numbers_and_three_of_all_digits(op: Op, dtype: str) -> None:
    made = make(op, _SPEC, dtype)
    assert len(made.sets) == 4
    assert [[a.shape for a in one] for one in made.sets] == [list(_SPEC.input_shapes(op))] * 4
    assert {str(a.dtype) for a in made.flat()} == {dtype}
    assert all((a == np.rint(a)).all() and (a != 0).all() for a in made.sets[0])
    assert not any(all((a == np.rint(a)).all() for a in one) for one in made.sets[1:])


@pytest.mark.parametrize("op", [op for op in ALL_OPS if not divides(op)])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_every_sum_is_exact_also_after_changes(op: Op, dtype: str) -> None:
    """In the dtype itself, as it is in long double; and in float64 when it is weighed."""
    made = make(op, _SPEC, dtype)
    for _ in range(20):
        made.changed()
        made.apply(made.of_calls(0, 40), 0, 40)
    for arrays in made.sets:
        exact = by_taps.run(op, _SPEC, *arrays, accumulate=np.longdouble)
        assert (by_taps.run(op, _SPEC, *arrays, accumulate=dtype) == exact).all()
        assert (np.abs(exact) * 15 * 6 < 2.0**53 * 2.0**-5).all()  # weighed, in fractions of 2^-5


@pytest.mark.parametrize("op", ALL_OPS)
@pytest.mark.parametrize(("dtype", "lower"), [("float32", "float16"), ("float64", "float32")])
def test_a_sum_in_lower_precision_shows_in_all_sets_but_the_first(op: Op, dtype: str, lower: str) -> None:
    for arrays in make(op, _SPEC, dtype).sets[1:]:
        right = by_taps.run(op, _SPEC, *arrays)
        with np.errstate(over="ignore", invalid="ignore"):
            assert (by_taps.run(op, _SPEC, *arrays, accumulate=lower) != right).any()


@pytest.mark.parametrize("op", [op for op in ALL_OPS if divides(op)])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_averages_are_judged_after_changes(op: Op, dtype: str) -> None:
    """Those of the first set are whole numbers; a right one of any set is believed, and one that is off is not."""
    made, judge = make(op, _SPEC, dtype), Judge(op, _SPEC, dtype)
    for _ in range(5):
        made.changed()
        made.apply(made.of_calls(0, 40), 0, 40)
    for number, arrays in enumerate(made.sets):
        exact = by_taps.run(op, _SPEC, *arrays, accumulate=np.longdouble)
        assert (exact == np.rint(exact)).all() or number
        judge.require_sums(exact.astype(dtype), arrays)
        with pytest.raises(WrongResult, match="elements are not right"):
            judge.require_sums((exact * 1.001).astype(dtype), arrays)


@pytest.mark.parametrize("op", ["conv2d", "conv2d_input_grad", "conv2d_weight_grad"])
def test_a_factor_that_has_lost_digits_shows_in_the_last_set(op: Op) -> None:
    """As on tensor cores: factors in TF32, whose last 13 bits are cut off, and sums in float32. Also after changes."""
    long = ConvSpec.parse("n1c512h5w5_f8kh3kw3_pt1pb1pl1pr1")  # sums of 4,608 terms have 11 bits for a product
    for _ in range(4):
        made = make(op, long, "float32")
        made.changed()
        made.apply(made.of_calls(0, 40), 0, 40)
        cut = [(a.view(np.uint32) & np.uint32(0xFFFFE000)).view(np.float32) for a in made.sets[-1]]
        right = by_taps.run(op, long, *made.sets[-1])
        assert (right.astype("float32") == right).all()
        assert (by_taps.run(op, long, *cut) != right).mean() > 0.5


@pytest.mark.parametrize(("dtype", "count"), [("int32", 4), ("int64", 4), ("float16", 4)])
def test_other_dtypes_have_whole_numbers_alone(dtype: str, count: int) -> None:
    made = make("im2col", _SPEC, dtype)
    assert len(made.sets) == count
    assert all((a == np.rint(a)).all() for a in made.flat())


def test_no_two_sets_and_no_two_runs_are_alike() -> None:
    found = [a.tobytes() for _ in range(3) for a in make("im2col", _SPEC, "float32").flat()]
    assert len(set(found)) == 12


def test_large_sets_are_fewer(monkeypatch: pytest.MonkeyPatch) -> None:
    size = 4 * 2 * 6 * 9 * 8
    for large, count in ((size, 4), (size - 1, 3)):
        monkeypatch.setattr(inputs, "_LARGE", large)
        assert len(make("im2col", _SPEC, "float32").sets) == count


def test_sums_that_no_dtype_holds_are_refused() -> None:
    with pytest.raises(DataError, match="sums of 4096 terms are not exact in float16"):
        make("conv2d_weight_grad", ConvSpec.parse("n1c1h64w64_f1kh1kw1"), "float16")


def test_the_child_has_the_same_values_after_all_changes() -> None:
    """What the parent draws and applies, and what the child is told to do, in two orders of one thing."""
    made = make("conv2d", _SPEC, "float32")
    held = Held("conv2d", _SPEC, [[a.copy() for a in one] for one in made.sets])
    for turn in range(10):
        negated, changes = made.changed()
        held.change(negated, list(changes))
        calls = made.of_calls(turn, 30)
        assert calls.sets.tolist() == [(turn + n) % 4 for n in range(30)]
        nothing = [np.array([])] * 4
        held.change([], list(calls) or nothing)
        made.apply(calls, 0, 13)
        made.apply(calls, 13, 30)
        for which in range(4):
            assert held.digests(which) == made.digests(which)


def test_every_array_changes_before_every_block_and_some_are_negated() -> None:
    made, negations = make("conv2d", _SPEC, "float32"), 0
    for _ in range(20):
        before = [a.copy() for a in made.flat()]
        negated, changes = made.changed()
        negations += len(negated)
        assert len(changes.sets) == 2 * 10  # in the last set one argument alone
        changed = sum((a != b).any() for a, b in zip(before, made.flat(), strict=True))
        assert changed >= 6  # of twelve: a small array may get the values that it has
    assert 5 < negations < 70  # of 240, one in eight


def test_a_copy_changes_by_itself() -> None:
    made = make("im2col", _SPEC, "float32")
    copy = made.copy()
    copy.changed()
    assert made.digests(0) != copy.digests(0)


def test_nothing_is_changed_where_there_is_nothing() -> None:
    empty = make("im2col", ConvSpec.parse("n0c1h3w3_f1kh1kw1"), "float32")
    assert empty.changed()[1].places.tolist() == []
    assert empty.of_calls(0, 3).places.tolist() == [-1, -1, -1]


def test_a_change_is_one_however_often_an_element_is_changed() -> None:
    """Of six elements some change several times, and never to what they were."""
    made = make("im2col", ConvSpec.parse("n1c1h2w3_f1kh1kw1"), "float32")
    made.kinds[:] = [kind._replace(largest=[1]) for kind in made.kinds]  # only 1 and -1
    for one in made.sets:
        one[0][...] = np.sign(one[0])
    changes = made.of_calls(0, 400)
    for row in range(400):
        before = made.digests(row % 4)
        made.apply(changes, row, row + 1)
        assert made.digests(row % 4) != before


def test_where_pooling_is_not_defined_there_are_no_inputs() -> None:
    """Before any backend is asked: nothing could be expected of it."""
    empty = ConvSpec.parse("n1c1h2w2_f1kh2kw2_pt2")
    with pytest.raises(DataError, match=r"^pooling needs a pixel in every window, and 1 of 3 see padding alone$"):
        make("max_pool2d", empty, "float32")
    assert make("im2col", empty, "float32").sets
