"""JAX as a witness: XLA's convolution, which takes every geometry; col2im and the gradients are `jax.vjp` of it."""

from __future__ import annotations

from typing import Any

import numpy as np

from conformance.diagnosis.libraries.common import Arrays, conv2d_arguments, differentiated, plain
from harness.contract.protocol import Array
from harness.geometry.spec import ConvSpec, Op


def run(op: Op, spec: ConvSpec, arrays: Arrays) -> Array:
    """XLA's convolution, which takes every geometry, and `jax.vjp` of it."""
    import jax
    from jax import lax

    (top, bottom, left, right), exactly = spec.padding, lax.Precision.HIGHEST
    pads = ((top, bottom), (left, right))

    def patches(x: Any) -> Any:
        return lax.conv_general_dilated_patches(
            x, spec.kernel_size, spec.stride, pads, rhs_dilation=spec.dilation, precision=exactly
        )

    def forward(x: Any, weight: Any, bias: Any) -> Any:
        y = lax.conv_general_dilated(
            x, weight, spec.stride, pads, rhs_dilation=spec.dilation, feature_group_count=spec.groups,
            dimension_numbers=("NCHW", "OIHW", "NCHW"), precision=exactly,
        )  # fmt: skip
        return y if bias is None else y + bias[:, None, None]

    with _wide(jax):
        given: list[Any] = [None if a is None else jax.numpy.asarray(plain(a)) for a in arrays]
        if op == "im2col":
            result = patches(given[0])
        elif op == "conv2d":
            result = forward(*given)
        elif op == "col2im":
            y, adjoint = jax.vjp(patches, jax.numpy.zeros(spec.x_shape))
            result = adjoint(given[0].reshape(y.shape))[0]
        else:
            primals = [jax.numpy.asarray(a) for a in conv2d_arguments(op, spec, arrays)]
            result = jax.vjp(forward, *primals)[1](given[0])[differentiated(op)]
        return np.asarray(result).reshape(spec.output_shape(op))


def _wide(jax: Any) -> Any:
    """A context in which JAX keeps float64; its usual switch would change the caller's whole process."""
    if hasattr(jax, "enable_x64"):
        return jax.enable_x64(True)
    from jax.experimental import enable_x64

    return enable_x64()
