"""The definition of every op as lines of a script: loops over every tap of every window."""

from __future__ import annotations

from collections.abc import Sequence

from conformance.checks.outcomes import RecordedCall
from conformance.diagnosis.script.arrays import ArrayTable
from harness.geometry.spec import POOL_OPS


def definition(call: RecordedCall, calls: Sequence[RecordedCall]) -> list[str]:
    """`want` from the definition, in loops over every tap of every window."""
    op, spec, arrays = call.op, call.spec, ArrayTable(calls)
    a = [arrays.name(x) for x in call.arrays]
    if op == "conv2d_bias_grad":
        return [f"want = [sum({a[0]}[:, f].ravel().tolist()) for f in range({spec.out_channels})]"]
    (t, _, l, _), (sh, sw), (dh, dw), (h, w) = spec.padding, spec.stride, spec.dilation, spec.input_size
    named = (spec.batch, spec.in_channels, *spec.kernel_size, *spec.output_size)
    if op in POOL_OPS:
        return _pooling(call, a)
    moved = op in ("im2col", "col2im")
    group, inner = spec.out_channels // spec.groups, spec.w_shape[1]
    names, sizes = ("n, k", named) if moved else ("n, f, c", (spec.batch, *spec.w_shape, *spec.output_size))
    step = {
        "im2col": f"want[n, k, u, v, p, q] = {a[0]}[n, k, i, j]",
        "col2im": f"want[n, k, i, j] += {a[0]}.reshape{named}[n, k, u, v, p, q]",
        "conv2d": f"want[n, f, p, q] += {a[0]}[n, k, i, j] * {a[1:2] and a[1]}[f, c, u, v]",
        "conv2d_input_grad": f"want[n, k, i, j] += {a[0]}[n, f, p, q] * {a[1:2] and a[1]}[f, c, u, v]",
        "conv2d_weight_grad": f"want[f, c, u, v] += {a[0]}[n, f, p, q] * {a[1:2] and a[1]}[n, k, i, j]",
    }[op]
    bias = f" + {a[2]}.reshape(1, -1, 1, 1)" if op == "conv2d" and call.arrays[2] is not None else ""
    place = f"i, j = p * {sh} + u * {dh} - {t}, q * {sw} + v * {dw} - {l}"
    return [
        f"want = np.zeros({named if op == 'im2col' else spec.output_shape(op)}){bias}  # the definition",
        f"for {names}, u, v, p, q in np.ndindex({', '.join(map(str, sizes))}):",
        f"    {place}" if moved else f"    k, {place.replace('= ', f'= f // {group} * {inner} + c, ', 1)}",
        f"    if 0 <= i < {h} and 0 <= j < {w}: {step}",
        *([f"want = want.reshape{spec.columns_shape}"] if op == "im2col" else []),
    ]


def _pooling(call: RecordedCall, a: Sequence[str]) -> list[str]:
    """The largest pixel of each window, the first of equal ones; averages are compared with numbers instead."""
    spec, x = call.spec, a[-1]
    (t, _, l, _), (sh, sw), (dh, dw), (h, w) = spec.padding, spec.stride, spec.dilation, spec.input_size
    sizes = (spec.batch, spec.in_channels, *spec.output_size, *spec.kernel_size)
    find = [
        "at = {}  # the definition",
        f"for n, k, p, q, u, v in np.ndindex{sizes}:",
        f"    o, i, j = (n, k, p, q), p * {sh} + u * {dh} - {t}, q * {sw} + v * {dw} - {l}",
        f"    if 0 <= i < {h} and 0 <= j < {w} and (o not in at or {x}[n, k, i, j] > {x}[at[o]]): at[o] = n, k, i, j",
        f"want = np.zeros({spec.output_shape(call.op)})",
    ]
    if call.op == "max_pool2d":
        return [*find, f"for o, i in at.items(): want[o] = {x}[i]"]
    return [*find, f"for o, i in at.items(): want[i] += {a[0]}[o]"]
