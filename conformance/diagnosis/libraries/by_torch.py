"""torch as a witness: unfold, fold and conv2d are its own, gradients are those of its autograd."""

from __future__ import annotations

from typing import Any

import numpy as np

from conformance.diagnosis.libraries.common import Arrays, conv2d_arguments, differentiated, plain
from harness.contract.protocol import Array
from harness.geometry.spec import ConvSpec, Op


def run(op: Op, spec: ConvSpec, arrays: Arrays) -> Array:
    """Padding is always an explicit F.pad, whose adjoint crops; F.fold is asked for the padded image."""
    import torch
    import torch.nn.functional as F

    (top, bottom, left, right), (h, w) = spec.padding, spec.input_size

    def forward(x: Any, weight: Any, bias: Any) -> Any:
        padded = F.pad(x, (left, right, top, bottom))
        return F.conv2d(padded, weight, bias, spec.stride, 0, spec.dilation, spec.groups)

    given: list[Any] = [None if a is None else torch.from_numpy(plain(a)) for a in arrays]
    if op == "im2col":
        result = F.unfold(F.pad(given[0], (left, right, top, bottom)), spec.kernel_size, spec.dilation, 0, spec.stride)
    elif op == "col2im":
        image = F.fold(given[0], spec.padded_size, spec.kernel_size, spec.dilation, 0, spec.stride)
        result = image[:, :, top : top + h, left : left + w]
    elif op == "conv2d":
        result = forward(*given)
    else:
        leaves = [torch.from_numpy(a).requires_grad_() for a in conv2d_arguments(op, spec, arrays)]
        wanted = leaves[differentiated(op)]
        result = torch.autograd.grad(forward(*leaves), wanted, given[0])[0]
    return np.asarray(result.detach().numpy()).reshape(spec.output_shape(op))
