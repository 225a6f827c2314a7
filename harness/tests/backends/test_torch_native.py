"""`torch_native`: right whether torch pads or we do, fresh contiguous results, any host memory."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="torch is not installed")

from backends import torch_native  # noqa: E402
from backends.torch_native import TorchNative, TorchNativeCuda  # noqa: E402
from harness import BackendUnavailable  # noqa: E402
from harness.calls.memory_layouts import MEMORY_LAYOUTS, arrange, representable  # noqa: E402
from harness.contract import registry  # noqa: E402
from harness.geometry.spec import ALL_OPS, OPS, POOL_OPS, ConvSpec, Op  # noqa: E402
from harness.oracle import by_taps, data  # noqa: E402
from harness.tests.helpers.pooled.cases import GEOMETRIES, arguments, right  # noqa: E402

SPECS = {
    "all_distinct": "n2c6h9w11_f9kh3kw2_sh2sw3_pt1pb2pl3pr0_dh2dw1_g3",
    "no_padding": "n3c2h6w5_f4kh3kw2_sh1sw2",
    "symmetric": "n2c2h5w4_f3kh2kw2_pt1pb1pl1pr1",
    "symmetric_and_unequal": "n2c2h5w4_f3kh3kw3_pt2pb2pl1pr1_dh1dw2",
    "symmetric_in_height_alone": "n2c2h5w4_f3kh2kw3_pt2pb2pl1pr0",
    "symmetric_in_width_alone": "n2c2h5w4_f3kh2kw3_pt0pb1pl2pr2",
    "top_is_left_and_bottom_right": "n2c2h5w4_f3kh2kw3_pt1pb0pl1pr0",
    "padding_beyond_kernel": "n2c2h3w2_f2kh2kw3_pt3pb4pl5pr3",
    "depthwise_multiplier": "n2c3h6w5_f6kh3kw2_sh2sw1_pt1pb1pl2pr2_g3",
    "pointwise": "n2c5h4w3_f7kh1kw1",
    "stride_that_does_not_tile": "n2c2h8w9_f3kh3kw2_sh3sw4_pt1pb1pl1pr1",
    "no_images": "n0c4h5w6_f6kh3kw2_pt1pb0pl0pr0_g2",
    "no_images_symmetric": "n0c4h5w6_f6kh3kw2_pt1pb1pl1pr1_g2",
}
_SPEC = ConvSpec.parse(SPECS["all_distinct"])


def run(op: Op, spec: ConvSpec, *arrays: Any) -> Any:
    """There, compute, back."""
    return registry.load("torch_native").run(op, spec, *arrays)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("op", OPS)
@pytest.mark.parametrize("name", SPECS)
def test_every_padding_is_right(name: str, op: Op, dtype: str) -> None:
    spec = ConvSpec.parse(SPECS[name])
    arrays: tuple[Any, ...] = data.exact(op, spec, dtype, name)
    for given in [arrays, (*arrays[:2], None)] if op == "conv2d" else [arrays]:
        got = run(op, spec, *given)
        np.testing.assert_array_equal(got, by_taps.run(op, spec, *given))
        assert (got.dtype.name, got.shape, got.flags.c_contiguous) == (dtype, spec.output_shape(op), True)


@pytest.mark.parametrize("layout", MEMORY_LAYOUTS)
@pytest.mark.parametrize("op", ["im2col", "conv2d", "conv2d_weight_grad"])
def test_inputs_may_lie_in_any_memory(op: Op, layout: str) -> None:
    plain = [representable(a, layout) for a in data.exact(op, _SPEC, "float32", layout)]
    given = [arrange(a, layout) for a in plain]
    np.testing.assert_array_equal(run(op, _SPEC, *given), by_taps.run(op, _SPEC, *plain))
    assert all(np.array_equal(a, b) for a, b in zip(given, plain, strict=True))


def test_plain_memory_is_not_copied_on_the_way_there_and_back() -> None:
    backend, a = torch_native.cpu(), np.arange(6.0).reshape(2, 3)
    own = backend.from_numpy(a)
    assert own.data_ptr() == a.ctypes.data
    assert np.shares_memory(backend.to_numpy(own), a)


def test_what_torch_cannot_hold_is_copied() -> None:
    backend = torch_native.cpu()
    negative = np.ones((1, 1))[:, ::-1]
    assert negative.flags.c_contiguous
    assert min(negative.strides) < 0
    for a in (negative, arrange(np.arange(3.0), "readonly"), arrange(np.arange(3.0), "unaligned"), np.zeros((0, 2))):
        own = backend.from_numpy(a)
        assert own.tolist() == a.tolist()
        own += 1  # its own memory
        assert a.size == 0 or own.tolist() != a.tolist()


@pytest.mark.parametrize("op", ["im2col", "conv2d", "conv2d_input_grad", "conv2d_weight_grad"])
@pytest.mark.parametrize("text", [SPECS["symmetric_and_unequal"], SPECS["all_distinct"]])
def test_results_of_channels_last_tensors_are_contiguous_all_the_same(op: Op, text: str) -> None:
    """torch keeps the memory format of its inputs."""
    spec, backend = ConvSpec.parse(text), torch_native.cpu()
    arrays = data.exact(op, spec, "float32", "last")
    given = [torch.from_numpy(a.copy()) for a in arrays]
    given = [a.contiguous(memory_format=torch.channels_last) if a.ndim == 4 else a for a in given]
    got = getattr(backend, op)(*given, spec)
    assert got.is_contiguous()
    np.testing.assert_array_equal(got.numpy(), by_taps.run(op, spec, *arrays))


# -- pooling ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("op", POOL_OPS)
def test_pooling_is_exact_on_whole_numbers(op: Op, dtype: str) -> None:
    backend, dilated = registry.load("torch_native"), 0
    for text in GEOMETRIES:
        spec = ConvSpec.parse(text)
        if backend.unsupported(op, spec, dtype):
            dilated += 1
            assert spec.dilation != (1, 1)
            continue
        arrays = arguments(op, spec, dtype, "torch")
        got = run(op, spec, *arrays)
        np.testing.assert_array_equal(got, right(op, spec, *arrays), err_msg=text)
        assert (got.dtype.name, got.shape, got.flags.c_contiguous) == (dtype, spec.output_shape(op), True)
    assert dilated == (8 if op.startswith("avg") else 0)


@pytest.mark.parametrize("op", ["max_pool2d", "avg_pool2d", "avg_pool2d_exclude_padding"])
def test_what_is_not_finite_reaches_the_windows_that_hold_it(op: Op) -> None:
    for text in GEOMETRIES:
        spec = ConvSpec.parse(text)
        if op != "max_pool2d" and spec.dilation != (1, 1):
            continue
        (x,), kind = arguments(op, spec, "float32", "spoilt"), data.generator(text).integers(0, 24, spec.x_shape)
        x[kind == 0], x[kind == 1] = np.nan, -np.inf
        np.testing.assert_array_equal(run(op, spec, x), right(op, spec, x), err_msg=text)


@pytest.mark.parametrize("text", ["n2c3h6w7_f1kh3kw3_sh2sw2_pt1pb1pl1pr1", "n2c3h6w7_f1kh3kw3_sh2sw2_pt1pb0pl0pr1"])
@pytest.mark.parametrize("op", POOL_OPS)
def test_pooled_channels_last_tensors_are_contiguous_all_the_same(op: Op, text: str) -> None:
    spec, arrays = ConvSpec.parse(text), arguments(op, ConvSpec.parse(text), "float32", "last")
    given = [torch.from_numpy(a.copy()).contiguous(memory_format=torch.channels_last) for a in arrays]
    got = getattr(torch_native.cpu(), op)(*given, spec)
    assert got.is_contiguous()
    np.testing.assert_array_equal(got.numpy(), right(op, spec, *arrays))


# -- what it says of itself ----------------------------------------------------------------------------------------


def test_the_cpu_tells_its_version_and_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch, "get_num_threads", lambda: 7)
    assert torch_native.cpu().info() == {"device": "cpu", "torch": torch.__version__, "threads": "7"}
    backend = registry.load("torch_native")
    assert backend.numerics == "gemm"
    assert backend.native == set(ALL_OPS)
    assert (backend.seconds, backend.ceilings) == (None, None)


def test_what_is_claimed() -> None:
    backend = torch_native.cpu()
    for op in ALL_OPS:
        refused = "torch averages no dilated window" if op.startswith("avg") else None
        assert [backend.unsupported(op, _SPEC, d) for d in ("float32", "float64")] == [refused, refused]
        assert backend.unsupported(op, ConvSpec.parse(SPECS["symmetric"]), "float32") is None
        for other in ("float16", "bfloat16", "int32", "int64"):
            assert backend.unsupported(op, _SPEC, other) == f"dtype {other} is not claimed"


class _Card:
    """What torch says where there is a card, and what is asked of it."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.asked: list[Any] = []
        monkeypatch.setattr(torch.version, "cuda", "12.8")
        monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
        monkeypatch.setattr(torch.cuda, "get_device_name", lambda device: f"card {device}")
        monkeypatch.setattr(torch.cuda, "synchronize", self.asked.append)
        monkeypatch.setattr(torch.backends.cudnn, "version", lambda: 91002)


def test_a_card_tells_its_name_and_precision(monkeypatch: pytest.MonkeyPatch) -> None:
    _Card(monkeypatch)
    for mode in ("ieee", "tf32"):
        assert TorchNativeCuda(mode).info() == {
            "device": "card cuda", "torch": torch.__version__, "cudnn": "91002", "precision": mode,
        }  # fmt: skip


@pytest.mark.parametrize(
    ("name", "mode", "numerics"), [("torch_native_cuda", "ieee", "gemm"), ("torch_native_cuda_tf32", "tf32", "tf32")]
)
def test_a_backend_of_a_card_is_made_in_its_own_precision(
    name: str, mode: str, numerics: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    card = _Card(monkeypatch)
    monkeypatch.setattr(torch.backends.cudnn, "benchmark", False)
    backend = registry.load(name)
    assert (backend.info["precision"], backend.numerics) == (mode, numerics)
    assert torch.backends.cudnn.benchmark is True  # it tries its algorithms once for each shape
    assert backend.seconds is not None
    assert backend.ceilings is not None
    backend.synchronize(None)
    assert card.asked == [torch.device("cuda")]


@pytest.mark.parametrize("factory", [torch_native.cuda, torch_native.cuda_tf32])
def test_without_a_card_it_is_unavailable_and_says_why(factory: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.version, "cuda", None)
    with pytest.raises(BackendUnavailable) as caught:
        factory()
    assert str(caught.value) == f"torch {torch.__version__} is built without CUDA"
    monkeypatch.setattr(torch.version, "cuda", "12.8")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.cudnn, "benchmark", False)
    with pytest.raises(BackendUnavailable) as caught:
        factory()
    assert str(caught.value) == "torch finds no CUDA device"
    assert torch.backends.cudnn.benchmark is False


def test_a_median_leaves_the_first_two_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """They may tune and compile; nine remain."""
    backend, times = TorchNativeCuda("ieee", "cpu"), [100.0, 100.0, 9.0, 1.0, 8.0, 2.0, 7.0, 3.0, 6.0, 4.0, 5.0]
    monkeypatch.setattr(backend, "seconds", lambda call: times.pop(0))
    assert backend._median(lambda: None) == 5.0
    assert times == []


def test_what_is_multiplied_and_copied_is_random_and_of_the_size_that_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    backend, seen = TorchNativeCuda("ieee", "cpu"), []
    monkeypatch.setattr(torch_native, "_MATMUL_SIZE", 8)
    monkeypatch.setattr(torch, "matmul", lambda a, b, out: seen.append((a, b, out)))
    monkeypatch.setattr(backend, "_median", lambda call: (call(), 2.0)[1])
    assert backend._matmul_gflops(torch.float64, "ieee") == 2 * 8**3 / 2.0 / 1e9
    ((a, b, out),) = seen
    assert (a.dtype, a.shape, b.shape, out.shape) == (torch.float64, (8, 8), (8, 8), (8, 8))
    assert a.unique().numel() == b.unique().numel() == 64
    assert backend._copy_gbs(2**10, 3) == 2**10 / 2.0 * 3 / 1e9


def test_a_call_on_the_cpu_is_done_when_it_returns() -> None:
    assert TorchNative("cpu").synchronize(torch.ones(1)) is None  # type: ignore[func-returns-value]
