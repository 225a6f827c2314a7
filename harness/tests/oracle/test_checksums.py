"""Weighed sums: each filter or channel has a weight of its own, and what changes places is seen."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest

from harness.geometry.spec import OPS, POOL_OPS, ConvSpec, Op
from harness.oracle import by_taps, checksums, data

_SPEC = ConvSpec.parse("n2c12h7w6_f18kh3kw2_sh2sw1_pt1pb0pl1pr1_g3")
_AXIS = {"conv2d_weight_grad": 0, "conv2d_bias_grad": 0}  # of filters or channels; 1 for all others


def weights(op: Op) -> list[float]:
    """What each filter or channel of a result counts: the sums of a result that is 1 there alone."""
    shape, axis = _SPEC.output_shape(op), _AXIS.get(op, 1)
    found = []
    for index in range(0, shape[axis], _SPEC.taps if op == "im2col" else 1):
        result = np.zeros(shape)
        result[(slice(None),) * axis + (index,)] = 1
        sums = checksums.result(op, _SPEC, result)
        (weight,) = set(sums[sums != 0])
        found.append(float(weight))
    return found


@pytest.mark.parametrize("op", OPS)
def test_weights_are_whole_numbers_and_differ(op: Op) -> None:
    """If they were equal, filters that have changed places would have the same sums."""
    found = weights(op)
    assert len(found) == (18 if op in ("conv2d", "conv2d_weight_grad", "conv2d_bias_grad") else 12)
    assert set(found) <= set(range(1, 16))
    assert len(set(found)) > 5
    assert found != sorted(found)


def test_weights_reach_from_1_to_15_and_depend_on_op_and_spec() -> None:
    wide = ConvSpec.parse("n1c1h1w1_f2000kh1kw1")
    (found,) = checksums._weights("conv2d", wide).astype(int)
    assert set(found) == set(range(1, 16))
    assert weights("im2col") != weights("col2im")
    assert checksums._weights("conv2d", wide).tolist() != checksums._weights("conv2d_bias_grad", wide).tolist()


@pytest.mark.parametrize("op", OPS)
def test_the_sums_of_what_is_right_are_as_expected(op: Op) -> None:
    arrays = data.exact(op, _SPEC, "float32", "sums")
    right = by_taps.run(op, _SPEC, *arrays)
    sums = checksums.result(op, _SPEC, right)
    assert np.array_equal(sums, checksums.expected(op, _SPEC, arrays))
    groups = 1 if op in ("im2col", "col2im") else 3
    assert sums.size == right.size // right.shape[_AXIS.get(op, 1)] * groups * (_SPEC.taps if op == "im2col" else 1)


@pytest.mark.parametrize("op", OPS)
def test_what_changes_places_is_seen(op: Op) -> None:
    """Every pair of filters or channels but those that happen to weigh the same."""
    arrays = data.exact(op, _SPEC, "float32", "sums")
    right, expected = by_taps.run(op, _SPEC, *arrays), checksums.expected(op, _SPEC, arrays)
    found, axis = weights(op), _AXIS.get(op, 1)
    step = _SPEC.taps if op == "im2col" else 1
    for a, b in combinations(range(len(found)), 2):
        order = np.arange(right.shape[axis]).reshape(-1, step)
        order[[a, b]] = order[[b, a]]
        wrong = right.take(order.ravel(), axis)
        if found[a] != found[b] and not np.array_equal(wrong, right):
            assert not np.array_equal(checksums.result(op, _SPEC, wrong), expected), (a, b)


def test_no_images_have_no_sums_or_those_of_nothing() -> None:
    spec = ConvSpec.parse("n0c2h3w3_f2kh2kw2")
    for op in OPS:
        arrays = data.exact(op, spec, "float32", "none")
        sums = checksums.result(op, spec, by_taps.run(op, spec, *arrays))
        assert np.array_equal(sums, checksums.expected(op, spec, arrays))
        assert not sums.any()


@pytest.mark.parametrize("op", POOL_OPS)
def test_of_pooling_every_element_stands_for_itself(op: Op) -> None:
    """It is no sum over channels, and a maximum is not linear: there is nothing to weigh."""
    arrays = data.exact(op, _SPEC, "float32", "sums")
    right = by_taps.run(op, _SPEC, *arrays)
    assert np.array_equal(checksums.result(op, _SPEC, right), right.ravel())
    assert np.array_equal(checksums.expected(op, _SPEC, arrays), right.ravel())
    assert checksums.heaviest(op, _SPEC) == 1
