"""How fast the machine can copy and multiply, on a time of the test's own; and what a device says of itself."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from harness.geometry.spec import ConvSpec
from harness.results import machine
from harness.results.records import Blas, Ceilings
from harness.tests.helpers.timing.fake_backend import FakeBackend
from harness.tests.helpers.timing.fake_clock import FakeClock
from harness.timing import ceilings
from harness.timing.ceilings import of_cpu, of_device

_CARD = {
    "device": "card", "copy_gbs": {"cache": 80.0, "dram": 20.0}, "copy_bytes": {"cache": 1e6, "dram": 2e9},
    "matmul_gflops": {"float32": 200.0, "tf32": 400.0},
}  # fmt: skip

_BLAS = Blas(library="openblas", version="0.3", file="libopenblas.so", kernel="Zen", threads="3")


@pytest.fixture
def sizes(clock: FakeClock, monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, Any]]:
    """Small sizes; what is copied and multiplied, each in a time of its own."""
    seen: list[tuple[str, Any]] = []

    def copyto(target: np.ndarray, source: np.ndarray) -> None:
        seen.append(("copy", (source.nbytes, target.nbytes)))
        clock.time += {2**5: 2**-7, 2**7: 2**-6, 2**9: 2**-3, 2**11: 2**-4}[source.nbytes]

    def matmul(a: np.ndarray, b: np.ndarray, out: np.ndarray) -> None:
        seen.append((str(a.dtype), (a.shape, b.shape, out.shape)))
        clock.time += {("float32", 8): 2**-3, ("float32", 16): 2**-5, ("float64", 8): 2**-7, ("float64", 16): 2**-3}[
            str(a.dtype), len(a)
        ]

    names = ("_L1_BYTES", "_L2_BYTES", "_CACHE_BYTES", "_DRAM_BYTES", "_MATMUL_SIZES")
    for name, value in zip(names, (2**6, 2**8, 2**10, 2**12, (8, 16)), strict=True):
        monkeypatch.setattr(ceilings, name, value)
    monkeypatch.setattr(np, "copyto", copyto)
    monkeypatch.setattr(np, "matmul", matmul)
    monkeypatch.setattr(ceilings, "blas", lambda: [_BLAS])
    return seen


def test_the_limits_of_the_cpu_are_the_best_that_were_seen(sizes: list[tuple[str, Any]]) -> None:
    """A copy of so many bytes reads half of them and writes half; a product of n has 2 n^3 operations."""
    assert of_cpu(3, "default") == Ceilings(
        threads=3, allocator="default", blas=[_BLAS],
        copy_bytes={"l1": 2**6, "l2": 2**8, "cache": 2**10, "dram": 2**12},
        copy_gbs={"l1": 2**13 / 1e9, "l2": 2**14 / 1e9, "cache": 2**13 / 1e9, "dram": 2**16 / 1e9},
        matmul_gflops={"float32": 2 * 16**3 * 2**5 / 1e9, "float64": 2 * 8**3 * 2**7 / 1e9},
        matmul_by={"float32": "numpy", "float64": "numpy"},
    )  # fmt: skip
    assert {bytes_ for kind, bytes_ in sizes if kind == "copy"} == {(2**n, 2**n) for n in (5, 7, 9, 11)}
    assert {shapes for kind, shapes in sizes if kind == "float64"} == {((8, 8),) * 3, ((16, 16),) * 3}


def test_the_product_of_a_backend_is_its_fastest_layer(clock: FakeClock) -> None:
    """Of the dtypes that are asked for, and that have products to compare with."""
    layers = [ConvSpec.parse(text) for text in ceilings._PRODUCTS]
    fake = FakeBackend(clock, lambda op, spec: {layers[0]: 0.5, layers[1]: 0.25}[spec], spoil=lambda result: result)
    found = ceilings.products(fake.complete(), ["float32", "float16"])
    assert found == {"float32": max(layers[0].flops("conv2d") / 0.5, layers[1].flops("conv2d") / 0.25) / 1e9}
    assert {op for op, _ in fake.calls} == {"conv2d"}


def test_the_sizes_are_those_of_caches_and_of_memory() -> None:
    sizes = (ceilings._L1_BYTES, ceilings._L2_BYTES, ceilings._CACHE_BYTES, ceilings._DRAM_BYTES)
    assert sizes == (32768, 262144, 2097152, 268435456)
    assert ceilings._MATMUL_SIZES == (256, 512, 1024)


def test_the_true_machine_has_limits() -> None:
    """Not how fast it is: that BLAS is named, and that all is above zero."""
    assert ceilings._copy_gbs(2**12) > 0
    assert ceilings._matmul_gflops(8, "float32") > 0
    assert [library.kernel for library in machine.blas()] != []


def of(clock: FakeClock, measured: Callable[[], Any]) -> Ceilings:
    """The limits that a backend `own` tells of its device."""
    return of_device(FakeBackend(clock).complete("own", ceilings=measured), 3, "default")


def test_what_a_device_says_of_itself_is_kept_as_plain_numbers(clock: FakeClock) -> None:
    told = {**_CARD, "device": 7, "copy_gbs": {"cache": np.float32(80), "dram": "20", "other": None}}
    found = of(clock, lambda: told)
    assert found == Ceilings(
        backend="own", threads=3, allocator="default", device="7", copy_gbs={"cache": 80.0, "dram": 20.0},
        copy_bytes={"cache": 1_000_000, "dram": 2_000_000_000}, matmul_gflops={"float32": 200.0, "tf32": 400.0},
    )  # fmt: skip
    assert {type(value) for value in found.copy_bytes.values()} == {int}
    assert {type(value) for value in found.copy_gbs.values()} == {float}


def without(*path: str, **instead: Any) -> dict[str, Any]:
    """What a device says, less one entry, or with another value in its place."""
    told: dict[str, Any] = {key: dict(v) if isinstance(v, dict) else v for key, v in _CARD.items()}
    place = told
    for key in path[:-1]:
        place = place[key]
    del place[path[-1]]
    place.update(instead)
    return told


@pytest.mark.parametrize(
    ("told", "reason"),
    [
        ([1], "ValueError: it must return a dict, got list"),
        (without("device"), "KeyError: 'device'"),
        (without("copy_gbs"), "KeyError: 'copy_gbs'"),
        (without("copy_gbs", "dram"), "KeyError: 'dram'"),
        (without("copy_bytes", "cache"), "KeyError: 'cache'"),
        (without("matmul_gflops"), "KeyError: 'matmul_gflops'"),
        (without("copy_gbs", "cache", cache=0.0), "ValueError: copy_gbs cache must be above 0, got 0.0"),
        (without("copy_bytes", "dram", dram=-1), "ValueError: copy_bytes dram must be above 0, got -1"),
        (without("copy_gbs", "dram", dram=float("nan")), "ValueError: copy_gbs dram must be above 0, got nan"),
        (
            without("matmul_gflops", "tf32", tf32=float("inf")),
            "ValueError: matmul_gflops tf32 must be above 0, got inf",
        ),
        (without("matmul_gflops", "tf32", tf32="fast"), "ValueError: could not convert string to float: 'fast'"),
    ],
)
def test_limits_that_are_none_are_lost_with_a_reason(clock: FakeClock, told: Any, reason: str) -> None:
    assert of(clock, lambda: told) == Ceilings(
        backend="own", threads=3, allocator="default", reason=f"ceilings() raised {reason}"
    )  # fmt: skip


@pytest.mark.parametrize("error", [OSError("no room"), SystemExit(3)])
def test_a_device_that_cannot_measure_itself_is_no_error(clock: FakeClock, error: BaseException) -> None:
    def measured() -> None:
        raise error

    assert of(clock, measured).reason == f"ceilings() raised {type(error).__name__}: {error}"


def test_ctrl_c_while_a_device_measures_itself_ends_the_run(clock: FakeClock) -> None:
    def measured() -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        of(clock, measured)
