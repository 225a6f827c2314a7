"""JAX: `lax.conv_general_dilated` and its patches; the gradients are their transposes (pip install jax).

XLA compiles each geometry anew, in about a quarter of a second. JAX keeps all that it has compiled, which is more than
a process may hold after some thousand geometries: now and then it is dropped.
"""

from __future__ import annotations

import itertools
import os
from functools import partial
from typing import Any

if os.environ.get("OMP_NUM_THREADS") == "1":  # XLA has threads of its own, and reads this when it is loaded
    os.environ["XLA_FLAGS"] = os.environ.get("XLA_FLAGS", "") + " --xla_cpu_multi_thread_eigen=false"

import jax
import numpy as np
from jax import lax

from harness import ConvSpec, Op

jax.config.update("jax_enable_x64", True)
numerics = "gemm"
subnormals = "flushed"  # as XLA sets the processor
_calls = itertools.count(1)
_KEPT_FOR = 500  # arrays


def info() -> dict[str, str]:
    """Where it runs, and its version."""
    return {"device": "cpu", "jax": jax.__version__}


def unsupported(op: Op, spec: ConvSpec, dtype: str) -> str | None:
    """All in both floats."""
    return None if dtype in ("float32", "float64") else f"dtype {dtype} is not claimed"


def from_numpy(a: np.ndarray) -> Any:
    """A copy: JAX may take the memory of an array for its own."""
    if next(_calls) % _KEPT_FOR == 0:
        jax.clear_caches()
    return jax.numpy.array(a)


def to_numpy(a: Any) -> np.ndarray:
    """A copy, as JAX's own memory cannot be written to."""
    return np.array(a)


def synchronize(a: Any) -> None:
    """Wait for it."""
    a.block_until_ready()


@partial(jax.jit, static_argnums=1)
def im2col(x: Any, spec: ConvSpec) -> Any:
    """(N, C, H, W) -> (N, C*KH*KW, L)."""
    how = (spec.kernel_size, spec.stride, _padding(spec))
    return lax.conv_general_dilated_patches(x, *how, rhs_dilation=spec.dilation).reshape(spec.columns_shape)


@partial(jax.jit, static_argnums=1)
def col2im(columns: Any, spec: ConvSpec) -> Any:
    """(N, C*KH*KW, L) -> (N, C, H, W)."""
    return _transposed(lambda x: im2col(x, spec), spec.x_shape, columns)


@partial(jax.jit, static_argnums=3)
def conv2d(x: Any, w: Any, b: Any, spec: ConvSpec) -> Any:
    """(N, C, H, W), (F, C/G, KH, KW), (F,) or None -> (N, F, OH, OW)."""
    how = {"rhs_dilation": spec.dilation, "feature_group_count": spec.groups}
    y = lax.conv_general_dilated(x, w, spec.stride, _padding(spec), **how)
    return y if b is None else y + b[:, None, None]


@partial(jax.jit, static_argnums=2)
def conv2d_input_grad(dy: Any, w: Any, spec: ConvSpec) -> Any:
    """(N, F, OH, OW), (F, C/G, KH, KW) -> (N, C, H, W)."""
    return _transposed(lambda x: conv2d(x, w, None, spec), spec.x_shape, dy)


@partial(jax.jit, static_argnums=2)
def conv2d_weight_grad(dy: Any, x: Any, spec: ConvSpec) -> Any:
    """(N, F, OH, OW), (N, C, H, W) -> (F, C/G, KH, KW)."""
    return _transposed(lambda w: conv2d(x, w, None, spec), spec.w_shape, dy)


@partial(jax.jit, static_argnums=1)
def conv2d_bias_grad(dy: Any, spec: ConvSpec) -> Any:
    """(N, F, OH, OW) -> (F,)."""
    return dy.sum((0, 2, 3))


def _transposed(function: Any, shape: tuple[int, ...], cotangent: Any) -> Any:
    return jax.linear_transpose(function, jax.ShapeDtypeStruct(shape, cotangent.dtype))(cotangent)[0]


def _padding(spec: ConvSpec) -> tuple[tuple[int, ...], ...]:
    return spec.padding[:2], spec.padding[2:]
