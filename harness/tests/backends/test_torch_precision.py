"""The torch backends of a GPU without one: which precision each call selects, and what a timing enqueues."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="torch is not installed")

from backends import torch_native  # noqa: E402
from backends.torch_native import Precision, TorchNative, TorchNativeCuda  # noqa: E402
from harness import BackendUnavailable  # noqa: E402
from harness.geometry.spec import ConvSpec  # noqa: E402

_SPEC = ConvSpec.parse("n1c2h5w5_f3kh3kw3")


class _Flags:
    """What torch.backends is to the precision; every setting is kept, in order."""

    def __init__(self, new: bool) -> None:
        self.set: list[tuple[str, object]] = []
        flags = self

        class Watched(SimpleNamespace):
            def __setattr__(self, name: str, value: object) -> None:
                flags.set.append((name, value))
                super().__setattr__(name, value)

        both = {"fp32_precision": "none"} if new else {}
        conv = {"conv": Watched(**both)} if new else {}
        self.cudnn, self.cuda = Watched(**conv), SimpleNamespace(matmul=Watched(**both))


def _call(backend: TorchNative, op: str) -> None:
    arrays = [np.ones(shape, np.float32) for shape in _SPEC.input_shapes(op)]  # type: ignore[arg-type]
    getattr(backend, op)(*map(backend.from_numpy, arrays), _SPEC)


@pytest.mark.parametrize(
    ("new", "strict", "tf32"),
    [
        (True, [("fp32_precision", "ieee")] * 2, [("fp32_precision", "tf32")] * 2),
        (False, [("allow_tf32", False)] * 2, [("allow_tf32", True)] * 2),
    ],
    ids=["torch_2.9", "older_torch"],
)
@pytest.mark.parametrize("op", ["conv2d", "conv2d_input_grad", "conv2d_weight_grad"])
def test_each_call_selects_its_own_mode_and_only_when_it_must(new: bool, strict: Any, tf32: Any, op: str) -> None:
    flags = _Flags(new)
    precision = Precision(flags)
    exact, fast = (TorchNativeCuda(mode, "cpu", precision) for mode in ("ieee", "tf32"))
    for backend in (exact, exact, fast, fast, exact):
        _call(backend, op)
    assert flags.set == strict + tf32 + strict


def test_torch_here_has_the_flags_that_are_set() -> None:
    """No mixing of old and new: torch itself would raise when it reads them."""

    precision = Precision(torch.backends)
    for mode in ("tf32", "ieee"):
        precision.select(mode)
        _call(TorchNativeCuda(mode, "cpu", precision), "conv2d")
        if hasattr(torch.backends.cuda.matmul, "fp32_precision"):
            assert torch.backends.cuda.matmul.fp32_precision == torch.backends.cudnn.conv.fp32_precision == mode


def test_tf32_is_refused_in_float64_and_declared() -> None:
    exact, fast = TorchNativeCuda("ieee"), TorchNativeCuda("tf32")
    assert (exact.numerics, fast.numerics) == ("gemm", "tf32")
    assert exact.unsupported("conv2d", _SPEC, "float64") is None
    assert fast.unsupported("conv2d", _SPEC, "float32") is None
    assert fast.unsupported("conv2d", _SPEC, "float64") == "TF32 is a mode of float32"
    assert "int32" in (fast.unsupported("conv2d", _SPEC, "int32") or "")


def test_a_timing_spins_first_so_that_the_host_is_ahead(monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[str] = []

    class Event:
        def __init__(self, enable_timing: bool) -> None:
            assert enable_timing

        def record(self) -> None:
            said.append("record")

        def synchronize(self) -> None:
            said.append("wait")

        def elapsed_time(self, end: object) -> float:
            return 0.25  # milliseconds

    monkeypatch.setattr(torch.cuda, "Event", Event)
    monkeypatch.setattr(torch.cuda, "_sleep", lambda cycles: said.append("spin"), raising=False)
    assert TorchNativeCuda("ieee").seconds(lambda: said.append("call")) == 0.25e-3
    assert said == ["spin", "record", "call", "record", "wait"]


def test_ceilings_count_bytes_read_and_written_and_each_mode(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every timed call takes 1 ms, and the copy within the cache is many copies."""
    flags = _Flags(True)
    backend = TorchNativeCuda("tf32", "cpu", Precision(flags))
    monkeypatch.setattr(torch_native, "_COPY_BYTES", {"cache": 2**10, "dram": 2**14})
    monkeypatch.setattr(torch_native, "_MATMUL_SIZE", 16)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda device: "card")
    monkeypatch.setattr(backend, "seconds", lambda call: 1e-3 if call() is not None else 0)
    found = backend.ceilings()
    assert found["device"] == "card"
    assert found["copy_bytes"] == {"cache": 2**10, "dram": 2**14}
    assert found["copy_gbs"] == pytest.approx({"cache": 50 * 2**10 / 1e-3 / 1e9, "dram": 2**14 / 1e-3 / 1e9})
    assert found["matmul_gflops"] == pytest.approx(
        dict.fromkeys(("float32", "tf32", "float64"), 2 * 16**3 / 1e-3 / 1e9)
    )
    assert [value for _, value in flags.set] == ["ieee", "ieee", "tf32", "tf32", "ieee", "ieee"]


@pytest.mark.parametrize(("make", "mode", "numerics"), [("cuda", "ieee", "gemm"), ("cuda_tf32", "tf32", "tf32")])
def test_cudnn_picks_its_fastest_way(monkeypatch: pytest.MonkeyPatch, make: str, mode: str, numerics: str) -> None:
    """`cudnn.benchmark` is off by default, and torch would be shown slower than it is."""
    monkeypatch.setattr(torch.backends.cudnn, "benchmark", False)
    monkeypatch.setattr(torch.version, "cuda", "12.4")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    backend = getattr(torch_native, make)()
    assert torch.backends.cudnn.benchmark
    assert (backend.mode, backend.numerics, str(backend.device)) == (mode, numerics, "cuda")


@pytest.mark.parametrize("make", ["cuda", "cuda_tf32"])
def test_a_machine_without_a_card_says_what_is_missing(monkeypatch: pytest.MonkeyPatch, make: str) -> None:
    monkeypatch.setattr(torch.backends.cudnn, "benchmark", False)
    monkeypatch.setattr(torch.version, "cuda", "12.4")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(BackendUnavailable, match=r"^torch finds no CUDA device$"):
        getattr(torch_native, make)()
    monkeypatch.setattr(torch.version, "cuda", None)
    with pytest.raises(BackendUnavailable, match=r"^torch .* is built without CUDA$"):
        getattr(torch_native, make)()
    assert not torch.backends.cudnn.benchmark
