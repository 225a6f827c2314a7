"""PyTorch's own `F.unfold`, `F.fold`, `F.conv2d` and the backward that autograd would call; CPU and CUDA.

Surprising fact: torch takes symmetric padding only, so asymmetric padding goes through an explicit `F.pad` first, and
its cost is part of the time measured.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
import torch.nn.functional as F

from harness import BackendUnavailable, ConvSpec, Op


class TorchNative:
    """The contract on one torch device."""

    numerics = "gemm"

    def __init__(self, device: str) -> None:
        self.device = torch.device(device)

    def info(self) -> dict[str, str]:
        """Device and versions."""
        cuda = self.device.type == "cuda"
        return {
            "device": torch.cuda.get_device_name(self.device) if cuda else "cpu",
            "torch": torch.__version__,
            "threads": str(torch.get_num_threads()),
        }

    def unsupported(self, op: Op, spec: ConvSpec, dtype: str) -> str | None:
        """float32 and float64 on every geometry."""
        return None if dtype in ("float32", "float64") else f"dtype {dtype} is not claimed"

    def from_numpy(self, a: np.ndarray) -> torch.Tensor:
        """torch takes neither negative strides nor read-only memory: such arrays are copied.

        A single pixel may have a negative stride and count as C-contiguous for NumPy.
        """
        a = a.copy() if min(a.strides, default=0) < 0 else np.require(a, requirements=["C", "A", "W"])
        return torch.from_numpy(a).to(self.device)

    def to_numpy(self, a: torch.Tensor) -> np.ndarray:
        """Back to the host; on the CPU the memory is shared."""
        return a.cpu().numpy()

    def synchronize(self, a: torch.Tensor) -> None:
        """CPU results are ready on return."""
        if self.device.type == "cuda":
            torch.cuda.synchronize(self.device)

    def im2col(self, x: torch.Tensor, spec: ConvSpec) -> torch.Tensor:
        """F.unfold."""
        x, padding = _padded(x, spec)
        return F.unfold(x, spec.kernel_size, spec.dilation, padding, spec.stride).reshape(spec.columns_shape)

    def col2im(self, columns: torch.Tensor, spec: ConvSpec) -> torch.Tensor:
        """F.fold, into the padded image and cropped where the padding is asymmetric."""
        padding = _symmetric(spec)
        if padding is not None:
            return F.fold(columns, spec.input_size, spec.kernel_size, spec.dilation, padding, spec.stride)
        return _crop(F.fold(columns, spec.padded_size, spec.kernel_size, spec.dilation, 0, spec.stride), spec)

    def conv2d(self, x: torch.Tensor, w: torch.Tensor, b: torch.Tensor | None, spec: ConvSpec) -> torch.Tensor:
        """F.conv2d."""
        x, padding = _padded(x, spec)
        return F.conv2d(x, w, b, spec.stride, padding, spec.dilation, spec.groups).contiguous()

    def conv2d_input_grad(self, dy: torch.Tensor, w: torch.Tensor, spec: ConvSpec) -> torch.Tensor:
        """The input part of torch's convolution backward; the values of x do not enter it."""
        symmetric = _symmetric(spec) is not None
        size = (spec.batch, spec.in_channels, *(spec.input_size if symmetric else spec.padded_size))
        dx = _backward(dy, w.new_empty(1).expand(size), w, spec, 0)
        return (dx if symmetric else _crop(dx, spec)).contiguous()

    def conv2d_weight_grad(self, dy: torch.Tensor, x: torch.Tensor, spec: ConvSpec) -> torch.Tensor:
        """The weight part of torch's convolution backward; the values of w do not enter it."""
        x, _ = _padded(x, spec)
        return _backward(dy, x, x.new_empty(1).expand(spec.w_shape), spec, 1).contiguous()

    def conv2d_bias_grad(self, dy: torch.Tensor, spec: ConvSpec) -> torch.Tensor:
        """The bias part of torch's convolution backward, which is this sum."""
        return dy.sum((0, 2, 3))


def cpu() -> TorchNative:
    """The CPU backend `torch_native`."""
    return TorchNative("cpu")


def cuda() -> TorchNative:
    """The GPU backend `torch_native_cuda`, in strict float32: TF32 would be another numerical backend."""
    if torch.version.cuda is None:
        raise BackendUnavailable(f"torch {torch.__version__} is built without CUDA")
    if not torch.cuda.is_available():
        raise BackendUnavailable("torch finds no CUDA device")
    torch.backends.cudnn.allow_tf32 = False
    torch.backends.cuda.matmul.allow_tf32 = False
    return TorchNative("cuda")


def _symmetric(spec: ConvSpec) -> tuple[int, int] | None:
    """(height, width) padding if both sides agree, else None."""
    top, bottom, left, right = spec.padding
    return (top, left) if (top, left) == (bottom, right) else None


def _padded(x: torch.Tensor, spec: ConvSpec) -> tuple[torch.Tensor, tuple[int, int]]:
    """x, padded here if torch cannot, and the padding left to torch. F.pad takes left, right, top, bottom."""
    padding = _symmetric(spec)
    if padding is not None:
        return x, padding
    top, bottom, left, right = spec.padding
    return F.pad(x, (left, right, top, bottom)), (0, 0)


def _crop(padded: torch.Tensor, spec: ConvSpec) -> torch.Tensor:
    (top, _, left, _), (h, w) = spec.padding, spec.input_size
    return padded[:, :, top : top + h, left : left + w].contiguous()


def _backward(dy: torch.Tensor, x: torch.Tensor, w: torch.Tensor, spec: ConvSpec, part: int) -> torch.Tensor:
    """One of (dx, dw) from aten's convolution_backward, the function behind autograd."""
    mask = [part == 0, part == 1, False]
    run: Callable = torch.ops.aten.convolution_backward
    return run(
        dy, x, w, None, spec.stride, _symmetric(spec) or (0, 0), spec.dilation, False, (0, 0), spec.groups, mask
    )[part]  # fmt: skip
