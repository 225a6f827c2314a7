"""Data whose sums are exact, pools and lazy arguments: how large the numbers are, and that none are alike."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator

import numpy as np
import pytest

from harness.contract.protocol import Array
from harness.geometry.spec import OPS, POOL_OPS, ConvSpec, Op
from harness.oracle import by_taps, data

_SPEC = ConvSpec.parse("n2c6h9w10_f4kh3kw2_sh2sw3_pt1pb2pl0pr1_dh1dw2_g2")  # 4 x 3 positions
_EXACT = {"float16": 2**11, "float32": 2**24, "float64": 2**53, "int32": 2**31 - 1, "int64": 2**62}
_PRODUCTS: tuple[Op, ...] = ("conv2d", "conv2d_input_grad", "conv2d_weight_grad")


def summed(op: Op, count: int) -> ConvSpec:
    """A geometry of which one element of the result of `op` is a sum of `count` terms."""
    if op == "col2im":
        return ConvSpec.parse(f"n1c1h1w{count}_f1kh1kw{count}_pl{count}pr{count}")
    if op == "conv2d":
        return ConvSpec.parse(f"n1c{count}h2w2_f1kh1kw1")
    if op == "conv2d_input_grad":
        return ConvSpec.parse(f"n1c1h2w2_f{count}kh1kw1")
    return ConvSpec.parse(f"n1c1h1w{count}_f1kh1kw1")


@pytest.mark.parametrize("dtype", list(_EXACT))
@pytest.mark.parametrize("op", OPS)
def test_exact_data_cannot_round(op: Op, dtype: str) -> None:
    """The largest sum of absolute values is a whole number that the dtype holds, so every partial sum is exact."""
    arrays = data.exact(op, _SPEC, dtype, "seed")
    assert all(a.dtype == dtype and (a != 0).all() and (a == a.astype(int)).all() for a in arrays)
    assert float(by_taps.absolute(op, _SPEC, *arrays).max()) <= _EXACT[dtype]


def largest(op: Op, dtype: str, count: int) -> int:
    """The largest number that is drawn for sums of `count` terms, by a million of them; the smallest is 1."""
    pools = [lazy.pool.astype(int) for lazy in data.lazy(op, summed(op, count), dtype, "seed")]
    assert {(pool.min(), np.abs(pool).min()) for pool in pools} == {(-pools[0].max(), 1)}
    return int(pools[0].max())


@pytest.mark.parametrize("op", _PRODUCTS)
def test_products_leave_room_for_the_bias(op: Op) -> None:
    """The worst that could be drawn, `count` products of the largest factors and a bias of that size, is exact."""
    found = {count: largest(op, "float16", count) for count in (1, 2, 16, 17, 31, 32, 33, 63, 64, 113, 256, 257, 1024)}
    assert found == {1: 8, 2: 8, 16: 8, 17: 7, 31: 5, 32: 5, 33: 5, 63: 4, 64: 4, 113: 3, 256: 2, 257: 1, 1024: 1}
    assert max(count * factor * factor + factor for count, factor in found.items()) <= 2**11
    drawn = [np.abs(a).max() for seed in range(20) for a in data.exact(op, summed(op, 17), "float16", f"{seed}")]
    assert max(drawn) == found[17]


@pytest.mark.parametrize(
    ("op", "dtype", "count", "expected"),
    [
        ("im2col", "float16", 1, 1000),
        ("col2im", "float16", 2, 1000),
        ("col2im", "float16", 3, 682),  # 2048 // 3
        ("col2im", "float32", 3, 1000),
        ("conv2d_bias_grad", "float16", 100, 20),
        ("conv2d_bias_grad", "float16", 2048, 1),
        ("conv2d_bias_grad", "float32", 2**24 // 7, 7),
        ("conv2d_bias_grad", "float64", 2**24 // 7, 1000),
        ("conv2d_bias_grad", "float64", 2**53 // 7, 7),
        ("conv2d_bias_grad", "int32", 2**31 // 500, 500),
        ("conv2d_bias_grad", "int64", 2**31 // 500, 1000),
        ("conv2d_bias_grad", "int64", 2**62 // 7, 7),
        ("conv2d", "float32", 17, 8),
        ("conv2d", "float32", 2**24 // 2 // 25, 5),
        ("conv2d", "int32", 2**31 // 2 // 25, 5),
        ("conv2d", "int64", 2**31 // 2 // 25, 8),
    ],
)
def test_numbers_are_as_large_as_may_be(op: Op, dtype: str, count: int, expected: int) -> None:
    """1000 at most where nothing is multiplied, 8 at most where two are, and what the significand holds."""
    assert largest(op, dtype, count) == expected


@pytest.mark.parametrize(("op", "count"), [*((op, 1025) for op in _PRODUCTS), ("conv2d_bias_grad", 2049)])
def test_sums_too_long_to_be_exact_are_refused(op: Op, count: int) -> None:
    for make in (data.exact, data.pooled, data.lazy):
        make(op, summed(op, count - 1), "float16", "seed")
        with pytest.raises(data.DataError, match=f"sums of {count} terms are not exact in float16"):
            make(op, summed(op, count), "float16", "seed")


def test_how_many_terms_an_element_is_summed_of() -> None:
    assert {op: data.terms(op, _SPEC) for op in OPS} == {
        "im2col": 1,
        "col2im": 3 * 2,
        "conv2d": 3 * 3 * 2,  # three of the six channels
        "conv2d_input_grad": 2 * 3 * 2,  # two of the four filters
        "conv2d_weight_grad": 2 * 5 * 3,
        "conv2d_bias_grad": 2 * 5 * 3,
    }


@pytest.mark.parametrize("make", [data.exact, data.pooled, data.real])
def test_data_depends_on_the_seed_alone(make: object) -> None:
    first, again, other = (make("conv2d", _SPEC, "float32", s) for s in ("a", "a", "b"))  # type: ignore[operator]
    assert all(np.array_equal(p, q) for p, q in zip(first, again, strict=True))
    assert all(not np.array_equal(p, q) for p, q in zip(first, other, strict=True))


def test_seeds_are_the_same_on_every_machine() -> None:
    assert data.generator("values.exact").integers(1000) == 939  # crc32, never `hash`


@pytest.mark.parametrize("make", [data.exact, data.pooled, data.real])
def test_no_two_arguments_are_alike(make: object) -> None:
    """Of one shape, even: a method that takes one for the other would be right else."""
    spec = ConvSpec.parse("n8c8h1w1_f8kh1kw1")
    x, w, b = make("conv2d", spec, "float64", "seed")  # type: ignore[operator]
    assert x.shape == w.shape
    assert not np.array_equal(x, w)
    assert not np.array_equal(b, x.ravel()[:8])
    assert not np.array_equal(b, w.ravel()[:8])


@pytest.fixture
def small_pool(monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    """A pool of so few numbers that arguments go round it several times."""
    data._pool.cache_clear()
    monkeypatch.setattr(data, "_POOL_SIZE", 101)
    yield 101
    data._pool.cache_clear()


@pytest.mark.parametrize("seed", ["a", "b", "c"])
@pytest.mark.parametrize("op", OPS)
def test_pooled_arguments_lie_one_behind_the_other(small_pool: int, op: Op, seed: str) -> None:
    """From a place that the seed decides, again from the beginning when the pool ends."""
    arrays = data.pooled(op, _SPEC, "float32", seed)
    assert [a.shape for a in arrays] == list(_SPEC.input_shapes(op))
    assert all(a.dtype == "float32" for a in arrays)
    found = np.concatenate([a.ravel() for a in arrays])
    start = zlib.crc32(seed.encode()) % small_pool
    pool = np.empty(small_pool)
    pool[(start + np.arange(small_pool)) % small_pool] = found[:small_pool]
    assert np.array_equal(found, pool[(start + np.arange(found.size)) % small_pool])
    assert len(np.unique(pool)) > 8
    again = np.concatenate([a.ravel() for a in data.pooled(op, _SPEC, "float32", f"{seed}+")])
    other = zlib.crc32(f"{seed}+".encode()) % small_pool
    assert np.array_equal(again, pool[(other + np.arange(again.size)) % small_pool])  # one pool for all seeds


@pytest.mark.parametrize("op", OPS)
def test_lazy_arguments_are_the_pooled_ones(small_pool: int, op: Op) -> None:
    arrays, lazy = data.pooled(op, _SPEC, "int32", "seed"), data.lazy(op, _SPEC, "int32", "seed")
    assert [a.shape for a in lazy] == [a.shape for a in arrays]
    for array, elements in zip(arrays, lazy, strict=True):
        assert all(elements[index] == array[index] for index in np.ndindex(*array.shape))
        with pytest.raises(ValueError, match=r"shorter|longer"):
            elements[(0,) * (array.ndim + 1)]
    if op == "conv2d":
        assert lazy[2][3] == arrays[2][3]  # of one axis, also by its number alone


def test_small_arguments_are_views_of_one_pool_and_cannot_be_written() -> None:
    (first,), (again,) = (data.pooled("im2col", _SPEC, "float32", "seed") for _ in range(2))
    assert np.shares_memory(first, again)
    with pytest.raises(ValueError, match="read-only"):
        first[...] = 0


def test_the_pool_is_long_and_no_shape_repeats_it() -> None:
    spec = ConvSpec.parse("n1c1h1w1000003_f1kh1kw1")
    (x,) = data.pooled("im2col", spec, "float64", "seed")
    assert all(1_000_003 % n for n in range(2, 1001))  # a prime
    assert len({x.ravel()[i : i + 40].tobytes() for i in range(0, 1_000_000, 1000)}) == 1000


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_real_data_are_normal_deviates_that_the_dtype_has_rounded(dtype: str) -> None:
    spec = ConvSpec.parse("n4c8h25w25_f8kh1kw1")
    x, w, b = data.real("conv2d", spec, dtype, "seed")
    assert {a.dtype.name for a in (x, w, b)} == {dtype}
    assert (x.shape, w.shape, b.shape) == spec.input_shapes("conv2d")
    wide = x.astype(np.float64)
    assert abs(wide.mean()) < 0.03
    assert abs(wide.std() - 1) < 0.03
    assert (wide != np.round(wide)).mean() > 0.99


# -- pooling -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("make", [data.exact, data.pooled])
@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
@pytest.mark.parametrize("op", POOL_OPS)
def test_pooling_of_exact_data_is_whole(op: Op, dtype: str, make: Callable[..., tuple[Array, ...]]) -> None:
    """Every sum is exact, whatever is added first, and so is what an average divides."""
    spec = ConvSpec.parse("n2c2h7w6_f2kh3kw3_sh2sw1_pt1pb1pl1pr1")
    arrays = make(op, spec, dtype, "seed")
    step = {"avg_pool2d": 9, "avg_pool2d_exclude_padding": 36}.get(op.removesuffix("_grad"), 1)
    assert data.unit(op, spec) == step  # of 9, 6 and 4 pixels
    assert all((a != 0).all() and (a % step == 0).all() and a.dtype == dtype for a in arrays)
    assert max(float(np.abs(a).max()) for a in arrays) * data.terms(op, spec) <= _EXACT[dtype]
    result = by_taps.run(op, spec, *arrays)
    assert np.array_equal(result, np.rint(result))


def test_arguments_of_a_gradient_have_equal_pixels_in_many_windows_and_in_many_none() -> None:
    spec = ConvSpec.parse("n2c4h9w9_f4kh3kw3")
    _, x = data.exact("max_pool2d_grad", spec, "float32", "ties")
    windows = by_taps.run("im2col", spec, x).reshape(2, 4, 9, 49)
    most = (windows == windows.max(axis=2, keepdims=True)).sum(axis=2)
    assert 0.1 < (most > 1).mean() < 0.9


def test_averages_of_too_many_different_windows_are_no_data() -> None:
    spec = ConvSpec.parse("n1c1h20w20_f1kh13kw13_pt12pb12pl12pr12")  # of 1 to 13 x 1 to 13 pixels
    assert not data.can_be_exact("avg_pool2d_exclude_padding", spec, "float32")
    with pytest.raises(data.DataError, match=r"^sums of 169 terms of multiples of \d+ are not exact in float32$"):
        data.exact("avg_pool2d_exclude_padding", spec, "float32", "seed")
    assert data.can_be_exact("avg_pool2d", spec, "float32")
