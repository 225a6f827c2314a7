"""What a time is worth: rates by the definition of the op, and the ceiling that is nearer."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from harness.geometry.spec import ConvSpec, Op
from harness.results import rates
from harness.results.records import Ceilings

_LIMITS = Ceilings(
    threads=1, allocator="steady", copy_gbs={"cache": 100.0, "dram": 20.0}, copy_bytes={"cache": 2000, "dram": 2**28},
    matmul_gflops={"float32": 80.0, "float64": 40.0, "tf32": 320.0},
)  # fmt: skip
# x 2*2*6*6 = 144, w 4*2*3*3 = 72, b 4, y 2*4*4*4 = 128, columns 2*18*16 = 576 elements
_SPEC = ConvSpec.parse("n2c2h6w6_f4kh3kw3")


def test_work_is_counted_by_the_definition() -> None:
    """2 * 128 outputs * 18 products; each input read once, each output written once, 4 bytes an element."""
    found = rates.rates("conv2d", _SPEC, "float32", 2e-6, None)
    assert (found.flops, found.min_bytes) == (4608, 4 * (144 + 72 + 4 + 128))
    assert found.intensity == pytest.approx(4608 / 1392)
    assert found.gflops == pytest.approx(2.304)
    assert found.gbs == pytest.approx(0.696)
    rest = (found.copy_ceiling, found.copy_gbs, found.matmul_gflops, found.memory_share, found.compute_share,
            found.bound, found.share)  # fmt: skip
    assert rest == ("", None, None, None, None, "", None)


@pytest.mark.parametrize(
    ("limit", "copy", "gbs", "share"), [(1392, "cache", 100.0, 0.00696), (1391, "dram", 20.0, 0.0348)]
)
def test_bytes_that_fit_in_the_cache_are_held_against_its_copy(limit: int, copy: str, gbs: float, share: float) -> None:
    limits = replace(_LIMITS, copy_bytes={"cache": limit, "dram": 2**28}, matmul_gflops={"float32": 1e6})
    found = rates.rates("conv2d", _SPEC, "float32", 2e-6, limits)
    assert (found.copy_ceiling, found.copy_gbs, found.bound) == (copy, gbs, "memory")
    assert found.share == found.memory_share == pytest.approx(share)


@pytest.mark.parametrize(
    ("product", "bound", "share"), [(80.0, "compute", 0.0288), (400.0, "memory", 0.00696), (331.0, "compute", 0.00696)]
)
def test_the_ceiling_with_the_larger_share_binds(product: float, bound: str, share: float) -> None:
    found = rates.rates("conv2d", _SPEC, "float32", 2e-6, replace(_LIMITS, matmul_gflops={"float32": product}))
    assert (found.bound, found.matmul_gflops) == (bound, product)
    assert found.share == pytest.approx(share, rel=1e-3)
    assert found.memory_share == pytest.approx(0.00696)
    assert found.compute_share == pytest.approx(2.304 / product)


def test_at_equal_shares_memory_binds() -> None:
    plain = rates.rates("conv2d", _SPEC, "float32", 2e-6, None)
    limits = replace(
        _LIMITS, copy_gbs={"cache": 2 * plain.gbs, "dram": 1.0}, matmul_gflops={"float32": 2 * plain.gflops}
    )
    found = rates.rates("conv2d", _SPEC, "float32", 2e-6, limits)
    assert (found.memory_share, found.compute_share, found.bound, found.share) == (0.5, 0.5, "memory", 0.5)


@pytest.mark.parametrize(
    ("dtype", "numerics", "product"),
    [
        ("float32", "gemm", 80.0), ("float32", None, 80.0), ("float32", "tf32", 320.0), ("float64", "tf32", 40.0),
        ("float64", "gemm", 40.0), ("float16", "gemm", None),
    ],
)  # fmt: skip
def test_the_product_is_that_of_the_dtype_and_of_how_it_is_computed(
    dtype: str, numerics: str | None, product: float | None
) -> None:
    assert rates.rates("conv2d", _SPEC, dtype, 2e-6, _LIMITS, numerics).matmul_gflops == product


@pytest.mark.parametrize(
    ("op", "bound"), [("conv2d", "of memory (no ceiling of the product)"), ("im2col", "memory")]
)  # fmt: skip
def test_without_a_product_only_what_computes_nothing_is_bound_by_memory(op: Op, bound: str) -> None:
    found = rates.rates(op, _SPEC, "float32", 2e-6, replace(_LIMITS, matmul_gflops={}))
    assert (found.bound, found.compute_share, found.matmul_gflops) == (bound, None, None)
    assert found.share == found.memory_share


def test_im2col_reads_x_and_writes_columns() -> None:
    found = rates.rates("im2col", _SPEC, "float64", 1e-6, replace(_LIMITS, copy_bytes={"cache": 5760, "dram": 9999}))
    assert (found.flops, found.min_bytes, found.intensity, found.gflops) == (0, 8 * (144 + 576), 0.0, 0.0)
    assert (found.copy_ceiling, found.bound) == ("cache", "memory")
    assert found.share == pytest.approx(5.76 / 100)


def test_the_newest_ceilings_of_each_backend_count_unless_they_were_lost() -> None:
    def own(backend: str, device: str, reason: str = "") -> Ceilings:
        return Ceilings(threads=1, allocator="steady", backend=backend, device=device, reason=reason)

    found = rates.by_backend(
        [own("a", "old"), _LIMITS, own("b", "card"), own("a", "new"), own("a", "", "no room"), own("c", "", "lost")]
    )
    assert {name: c.device for name, c in found.items()} == {"a": "new", "b": "card"}
