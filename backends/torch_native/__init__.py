"""PyTorch's own `F.unfold`, `F.fold`, `F.conv2d`, pooling and the backward that autograd would call; CPU and CUDA.

torch takes symmetric padding only, so asymmetric padding goes through an explicit `F.pad` first, and its cost is part
of the time measured. On CUDA, cuDNN tries its algorithms on the first call of a shape and keeps the
fastest (`cudnn.benchmark`), whether or not that one is reproducible to the bit.
"""

from __future__ import annotations

from collections.abc import Callable
from statistics import median
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F

from backends.torch_native.padding import crop, padded, symmetric
from backends.torch_native.pooling import AVERAGES, Pooling
from harness import BackendUnavailable, ConvSpec, Op

_LEAD = 400_000  # clock cycles that the device spins before a timed call: 200 us at 2 GHz
_COPY_BYTES = {"cache": 2**24, "dram": 2**31}  # half of them read, half written
_COPIES = {"cache": 50, "dram": 1}  # a copy within the cache is no longer than its launch, so many are timed at once
_MATMUL_SIZE = 8192
_SAMPLES = 9


class TorchNative(Pooling):
    """The contract on one torch device; as it is, the CPU."""

    numerics = "gemm"

    def __init__(self, device: str) -> None:
        self.device = torch.device(device)

    def info(self) -> dict[str, str]:
        """Device and versions."""
        return {"device": "cpu", "torch": torch.__version__, "threads": str(torch.get_num_threads())}

    def unsupported(self, op: Op, spec: ConvSpec, dtype: str) -> str | None:
        """float32 and float64 on every geometry; but torch's mean of a window has no dilation."""
        if dtype not in ("float32", "float64"):
            return f"dtype {dtype} is not claimed"
        return "torch averages no dilated window" if op in AVERAGES and spec.dilation != (1, 1) else None

    def from_numpy(self, a: np.ndarray) -> torch.Tensor:
        """torch takes neither negative strides nor read-only memory: such arrays are copied.

        A single pixel may have a negative stride and count as C-contiguous for NumPy.
        """
        a = a.copy() if min(a.strides, default=0) < 0 else np.require(a, requirements=["C", "A", "W"])
        return torch.from_numpy(a).to(self.device)

    def to_numpy(self, a: torch.Tensor) -> np.ndarray:
        """Back to the host; on the CPU the memory is shared."""
        host: np.ndarray = a.cpu().numpy()
        return host

    def synchronize(self, a: torch.Tensor) -> None:
        """CPU results are ready on return."""

    def im2col(self, x: torch.Tensor, spec: ConvSpec) -> torch.Tensor:
        """F.unfold."""
        x, padding = padded(x, spec)
        return F.unfold(x, spec.kernel_size, spec.dilation, padding, spec.stride).reshape(spec.columns_shape)

    def col2im(self, columns: torch.Tensor, spec: ConvSpec) -> torch.Tensor:
        """F.fold, into the padded image and cropped where the padding is asymmetric."""
        padding = symmetric(spec)
        if padding is not None:
            return F.fold(columns, spec.input_size, spec.kernel_size, spec.dilation, padding, spec.stride)
        return crop(F.fold(columns, spec.padded_size, spec.kernel_size, spec.dilation, 0, spec.stride), spec)

    def conv2d(self, x: torch.Tensor, w: torch.Tensor, b: torch.Tensor | None, spec: ConvSpec) -> torch.Tensor:
        """F.conv2d."""
        x, padding = padded(x, spec)
        return F.conv2d(x, w, b, spec.stride, padding, spec.dilation, spec.groups).contiguous()

    def conv2d_input_grad(self, dy: torch.Tensor, w: torch.Tensor, spec: ConvSpec) -> torch.Tensor:
        """The input part of torch's convolution backward; the values of x do not enter it."""
        padding_is_torchs = symmetric(spec) is not None
        size = (spec.batch, spec.in_channels, *(spec.input_size if padding_is_torchs else spec.padded_size))
        dx = _backward(dy, w.new_empty(1).expand(size), w, spec, 0)
        return (dx if padding_is_torchs else crop(dx, spec)).contiguous()

    def conv2d_weight_grad(self, dy: torch.Tensor, x: torch.Tensor, spec: ConvSpec) -> torch.Tensor:
        """The weight part of torch's convolution backward; the values of w do not enter it."""
        x, _ = padded(x, spec)
        return _backward(dy, x, x.new_empty(1).expand(spec.w_shape), spec, 1).contiguous()

    def conv2d_bias_grad(self, dy: torch.Tensor, spec: ConvSpec) -> torch.Tensor:
        """The bias part of torch's convolution backward, which is this sum."""
        return dy.sum((0, 2, 3))


class Precision:
    """The mode that torch multiplies float32 in, "ieee" or "tf32": flags of the whole process, set when they change.

    torch from 2.9 on has a flag for each kind of op, and raises where old flags and new ones are mixed.
    """

    def __init__(self, backends: Any) -> None:
        self.backends, self.now = backends, ""

    def select(self, mode: str) -> None:
        """Multiply in `mode` from here on, in every thread."""
        if mode == self.now:
            return
        cudnn, matmul = self.backends.cudnn, self.backends.cuda.matmul
        if hasattr(getattr(cudnn, "conv", None), "fp32_precision"):
            cudnn.conv.fp32_precision = matmul.fp32_precision = mode
        else:
            cudnn.allow_tf32 = matmul.allow_tf32 = mode == "tf32"
        self.now = mode


_PRECISION = Precision(torch.backends)  # one for the process, as the flags are


class TorchNativeCuda(TorchNative):
    """The contract on a GPU, in one of two precisions: both may live in one process, so each call selects its own."""

    def __init__(self, mode: str, device: str = "cuda", precision: Precision = _PRECISION) -> None:
        super().__init__(device)
        self.mode, self.precision = mode, precision
        self.numerics = "tf32" if mode == "tf32" else "gemm"

    def info(self) -> dict[str, str]:
        """Device, versions and precision."""
        return {
            "device": torch.cuda.get_device_name(self.device),
            "torch": torch.__version__,
            "cudnn": str(torch.backends.cudnn.version()),
            "precision": self.mode,
        }

    def unsupported(self, op: Op, spec: ConvSpec, dtype: str) -> str | None:
        """float32 and, in the strict mode, float64 on every geometry."""
        if self.mode == "tf32" and dtype == "float64":
            return "TF32 is a mode of float32"
        return super().unsupported(op, spec, dtype)

    def synchronize(self, a: torch.Tensor) -> None:
        """Wait for all that was launched."""
        torch.cuda.synchronize(self.device)

    def seconds(self, call: Callable[[], object]) -> float:
        """Time between two CUDA events around what the call launches.

        The device spins before the first event, so that the host has launched all, or is ahead, when the first kernel
        starts: Python's pauses between launches are no device time.
        """
        start, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
        torch.cuda._sleep(_LEAD)
        start.record()
        call()
        end.record()
        end.synchronize()
        return float(start.elapsed_time(end)) / 1e3

    def ceilings(self) -> dict[str, Any]:
        """Median rates of a copy and of a matrix product of random numbers (zeros would draw less power)."""
        products = (
            ("float32", torch.float32, "ieee"),
            ("tf32", torch.float32, "tf32"),
            ("float64", torch.float64, "ieee"),
        )
        found = {
            "device": torch.cuda.get_device_name(self.device),
            "copy_gbs": {name: self._copy_gbs(total, _COPIES[name]) for name, total in _COPY_BYTES.items()},
            "copy_bytes": dict(_COPY_BYTES),
            "matmul_gflops": {name: self._matmul_gflops(dtype, mode) for name, dtype, mode in products},
        }
        torch.cuda.empty_cache()  # other libraries of the process need the room
        return found

    def _copy_gbs(self, total: int, copies: int) -> float:
        source = torch.randn(total // 8, device=self.device)  # float32, half of the bytes moved
        target = torch.empty_like(source)
        return total / self._median(lambda: [target.copy_(source) for _ in range(copies)]) * copies / 1e9

    def _matmul_gflops(self, dtype: torch.dtype, mode: str) -> float:
        a, b = (torch.randn(_MATMUL_SIZE, _MATMUL_SIZE, dtype=dtype, device=self.device) for _ in range(2))
        out = torch.empty_like(a)
        self.precision.select(mode)
        return 2 * _MATMUL_SIZE**3 / self._median(lambda: torch.matmul(a, b, out=out)) / 1e9

    def _median(self, call: Callable[[], object]) -> float:
        """Of several times, the first two left out."""
        return median([self.seconds(call) for _ in range(_SAMPLES + 2)][2:])

    def conv2d(self, x: torch.Tensor, w: torch.Tensor, b: torch.Tensor | None, spec: ConvSpec) -> torch.Tensor:
        """F.conv2d in this precision."""
        self.precision.select(self.mode)
        return super().conv2d(x, w, b, spec)

    def conv2d_input_grad(self, dy: torch.Tensor, w: torch.Tensor, spec: ConvSpec) -> torch.Tensor:
        """As on the CPU, in this precision."""
        self.precision.select(self.mode)
        return super().conv2d_input_grad(dy, w, spec)

    def conv2d_weight_grad(self, dy: torch.Tensor, x: torch.Tensor, spec: ConvSpec) -> torch.Tensor:
        """As on the CPU, in this precision."""
        self.precision.select(self.mode)
        return super().conv2d_weight_grad(dy, x, spec)


def cpu() -> TorchNative:
    """The CPU backend `torch_native`."""
    return TorchNative("cpu")


def cuda() -> TorchNativeCuda:
    """The GPU backend `torch_native_cuda`, in strict float32: TF32 is another numerical backend."""
    return _on_cuda("ieee")


def cuda_tf32() -> TorchNativeCuda:
    """The GPU backend `torch_native_cuda_tf32`: products of float32 on tensor cores, torch's own default for conv."""
    return _on_cuda("tf32")


def _on_cuda(mode: str) -> TorchNativeCuda:
    if torch.version.cuda is None:
        raise BackendUnavailable(f"torch {torch.__version__} is built without CUDA")
    if not torch.cuda.is_available():
        raise BackendUnavailable("torch finds no CUDA device")
    torch.backends.cudnn.benchmark = True
    return TorchNativeCuda(mode)


def _backward(dy: torch.Tensor, x: torch.Tensor, w: torch.Tensor, spec: ConvSpec, part: int) -> torch.Tensor:
    """One of (dx, dw) from aten's convolution_backward, the function behind autograd."""
    mask = [part == 0, part == 1, False]
    run: Callable[..., tuple[torch.Tensor, ...]] = torch.ops.aten.convolution_backward
    return run(
        dy, x, w, None, spec.stride, symmetric(spec) or (0, 0), spec.dilation, False, (0, 0), spec.groups, mask
    )[part]  # fmt: skip
