"""The first half of a script: it loads the backend and makes geometries, arrays and calls, as they were in the case."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from functools import cached_property

from conformance.checks.outcomes import RecordedCall
from conformance.diagnosis.script.arrays import ArrayTable
from harness.calls.caller import Conditions
from harness.calls.worker import THREAD_VARIABLES
from harness.contract import plugin_files, targets
from harness.contract.targets import Target
from harness.geometry.sizes import Sizes
from harness.geometry.spec import ConvSpec, Op

_BUFFER = "z = np.full([{size} for n in a.shape], 93, a.dtype)[tuple(slice({cut}) for n in a.shape)]"
_FEW = 20  # times that calls of several threads are repeated, which their scripts do anyway
_AGAIN = "return np.broadcast_to(a.take([0], {axis}), a.shape) if a.ndim > {axis} else a.copy()"
_GUARDED = (
    "import ctypes, mmap; g = {gap}; n = (a.nbytes + 4095) // 4096; m = mmap.mmap(-1, (n + 2) * 4096); "
    "z = np.frombuffer(m, a.dtype, a.size, 4096 + g).reshape(a.shape); p = z.ctypes.data - g; "
    "[ctypes.CDLL(None).mprotect(ctypes.c_void_p(q), 4096, 0) for q in (p - 4096, p + n * 4096)]"
)
_LAYOUTS = {
    "F": 'return np.array(a, order="F")',
    "permuted": "return np.moveaxis(np.moveaxis(a, 0, -1).copy(), -1, 0)",
    "step2": _BUFFER.format(size="2 * n + 2", cut="1, 1 + 2 * n, 2"),
    "reversed": _BUFFER.format(size="n + 2", cut="n, 0, -1"),
    "step-2": _BUFFER.format(size="2 * n + 2", cut="max(2 * n - 1, 0), 0, -2"),
    "offset": "z = np.full(a.size + 6, 93, a.dtype)[3 : 3 + a.size].reshape(a.shape)",
    "unaligned": 'z = np.zeros(a.nbytes + 1, "u1")[1:].view(a.dtype).reshape(a.shape)',
    "readonly": "z = a.copy(); z.flags.writeable = False; return z",
    "broadcast": "return np.broadcast_to(a[:1].copy(), a.shape) if len(a) else a.copy()",
    "broadcast1": _AGAIN.format(axis=1),
    "broadcast2": _AGAIN.format(axis=2),
    "broadcast3": _AGAIN.format(axis=3),
    "channels_last": "return np.moveaxis(np.moveaxis(a, 1, -1).copy(), -1, 1) if a.ndim > 1 else a.copy()",
    "transposed": "return a.swapaxes(-1, -2).copy().swapaxes(-1, -2) if a.ndim > 1 else a.copy()",
    "crop": _BUFFER.format(size="n + 2", cut="1, 1 + n"),
    "row_pitch": "z = np.full([*a.shape[:-1], a.shape[-1] + 3], 93, a.dtype)[..., :-3]",
    "last_step2": "z = np.full([*a.shape[:-1], 2 * a.shape[-1]], 93, a.dtype)[..., ::2]",
    "rows_step2": "z = np.full(a.shape, 93, a.dtype).repeat(2, -2)[..., ::2, :] if a.ndim > 1 else a.copy()",
    "first_step2": "z = np.full(a.shape, 93, a.dtype).repeat(2, 0)[::2]",
    "last_reversed": "z = np.empty(a.shape, a.dtype)[..., ::-1]",
    "second_reversed": "z = np.empty(a.shape, a.dtype)[:, ::-1] if a.ndim > 1 else a.copy()",
    "first_reversed": "z = np.empty(a.shape, a.dtype)[::-1]",
    "guard_before": _GUARDED.format(gap=0),
    "guard_behind": _GUARDED.format(gap="-a.nbytes % 4096"),
    "memmap": "z = np.asarray(np.memmap(tempfile.TemporaryFile(), a.dtype, 'w+', 0, a.shape)) if a.size else a.copy()",
}

_ROWS, _FILTERS = "s.w_shape[1] * s.taps", "s.out_channels // s.groups"
_COLUMNS = f"b.im2col(x, s).reshape(s.batch, s.groups, {_ROWS}, s.positions)"
_DY = f"y.reshape(s.batch, s.groups, {_FILTERS}, s.positions)"
# The four ops that follow from im2col and col2im, for a backend that has only those: as `lowering` has them.
_DERIVED: dict[Op, tuple[str, str]] = {
    "conv2d": (
        f"lambda x, w, k, s: (w.reshape(1, s.groups, {_FILTERS}, {_ROWS})",
        f"@ {_COLUMNS}).reshape(s.y_shape) + (0 if k is None else k.reshape(1, -1, 1, 1))",
    ),
    "conv2d_input_grad": (
        f"lambda y, w, s: b.col2im((w.reshape(1, s.groups, {_FILTERS}, {_ROWS}).swapaxes(2, 3)",
        f"@ {_DY}).reshape(s.columns_shape), s)",
    ),
    "conv2d_weight_grad": (
        f"lambda y, x, s: (z := {_DY}",
        f"@ {_COLUMNS}.swapaxes(2, 3)).sum(0, dtype=z.dtype).reshape(s.w_shape)",
    ),
    "conv2d_bias_grad": (
        "lambda y, s: y.reshape(s.batch, s.out_channels, s.positions)",
        ".sum(2, dtype=y.dtype).sum(0, dtype=y.dtype)",
    ),
}


# Of a backend whose own conv2d takes none.
_NO_BIAS = [
    "conv2d = lambda x, w, k, s: b.conv2d(x, w, None, s) + (0 if k is None else k.reshape(1, -1, 1, 1))  # bias = False"
]


_HAS_AN_OP = "(hasattr(b, 'im2col') or hasattr(b, 'conv2d'))"
# The module or the class in it that has both, or else an op of its own: as `registry` looks for it.
_ONLY_BACKEND = (
    "k = [m, *(v for v in vars(m).values() if isinstance(v, type) and v.__module__ == m.__name__)]; "
    "has = lambda v, o: getattr(getattr(v, o, 0), '__module__', 0) == m.__name__",
    "b = max(k, key=lambda v: (hasattr(v, 'im2col') and hasattr(v, 'col2im'), any(has(v, o) for o in dir(v) "
    "if o[:6] in 'im2col col2im conv2d'.split()))); b = b() if isinstance(b, type) else b",
)


def conditions(threads: int) -> list[str]:
    """Lines from before NumPy is loaded: the number of threads, and the suite's malloc, whose memory is no zeros."""
    limit = ", ".join(f'{name}="{threads}"' for name in THREAD_VARIABLES)
    limits = [f"import os; os.environ.update({limit})"] if threads else []
    return [
        *limits,
        'import os, sys; "MALLOC_PERTURB_" in os.environ or sys.argv[0] == "-c" or os.execve('
        'sys.executable, [sys.executable, *sys.argv], {**os.environ, "MALLOC_PERTURB_": "165"})',
    ]


def loading(target: Target) -> list[str]:
    """Lines that bring the backend into `b`, by the rules of `harness.contract.registry`."""
    registered, note = targets.sources().get(target.location), ""
    file, attribute = target.file, target.attribute
    location = target.location.rpartition(":")[0]
    if registered:
        note = "  # a registered backend may import harness"
        location, _, attribute = registered[0][1].partition(":")
    make = f"b = m.{attribute}; b = b() if isinstance(b, type) or callable(b) and not {_HAS_AN_OP} else b"
    if file is None:
        found = [f'sys.path.insert(0, ""); m = importlib.import_module({location!r}){note}']
        return [*found, make if attribute else "b = m"] if attribute or registered else []
    plugin = f"q = importlib.util.spec_from_file_location({plugin_files.plugin_name(file)!r}, {str(file)!r})"
    return [
        f"sys.path.insert(0, {str(file.parent)!r})  # for what it imports from beside it",
        f"{plugin}; m = sys.modules[q.name] = importlib.util.module_from_spec(q); q.loader.exec_module(m)",
        *([make] if attribute else _ONLY_BACKEND),
    ]


def setting(calls: Sequence[RecordedCall], loading: list[str], joined: bool, takes_bias: bool = True) -> list[str]:
    """Everything up to the calls: imports, backend, geometries, data; `joined` puts all arrays on one line.

    Where the backend's own conv2d takes no bias and a call has one, we add it, as `harness.contract.lowering` does.
    """
    specs, arrays = list(dict.fromkeys(call.spec for call in calls)), ArrayTable(calls)
    ops, layouts = dict.fromkeys(call.op for call in calls), dict.fromkeys(call.conditions.layout for call in calls)
    one_alone = any(call.conditions.only is not None for call in calls)
    in_place = any(call.conditions.in_place for call in calls)
    takes_bias = takes_bias or not any(c.op == "conv2d" and c.arrays[-1] is not None for c in calls)
    function = {op: op if op in _DERIVED else f"b.{op}" for op in ops}
    rows = [
        f"({function[call.op]}, s[{specs.index(call.spec)}], {_memory(call.conditions)}, "
        f"{', '.join(map(arrays.name, call.arrays))})"
        for call in calls
    ]
    return [
        f"import base64, collections, importlib.util, sys, {'tempfile, ' * ('memmap' in layouts)}zlib, numpy as np",
        *loading,
        'own, out = (getattr(b, name, lambda a: a) for name in ("from_numpy", "to_numpy"))',
        *_geometries(specs),
        *arrays.lines(joined),
        *(line for op in ops if op in _DERIVED for line in _derived(op, takes_bias)),
        *(_layout(name) for name in layouts if name != "C"),
        *([_ONE_ALONE] if one_alone else []),
        *([_IN_PLACE] if in_place else []),
        f"calls = [{', '.join(rows)}]{_many_times(calls)}",
    ]


def _derived(op: Op, takes_bias: bool = True) -> list[str]:
    """The backend's own, or what follows from the two that it must have."""
    if op == "conv2d" and not takes_bias:
        return _NO_BIAS
    begin, end = _DERIVED[op]
    return [f'{op} = getattr(b, "{op}", {begin}', f"    {end})"]


def _geometries(specs: Sequence[ConvSpec]) -> list[str]:
    """Every public field and property, as hashable tuples with names."""
    names = [f.name for f in dataclasses.fields(ConvSpec)]
    names += [name for name, member in vars(Sizes).items() if isinstance(member, property | cached_property)]
    values = ", ".join(f"Spec{tuple(getattr(spec, name) for name in names)}" for spec in specs)
    half = len(names) // 2
    begin, end = " ".join(names[:half]), " ".join(names[half:])
    return [f'Spec = collections.namedtuple("Spec", "{begin} "', f'    "{end}")', f"s = [{values}]"]


def _many_times(calls: Sequence[RecordedCall]) -> str:
    """Of calls that went on until one gave another result: as often."""
    times = max((call.outcome.differs for call in calls), default=0)
    return f" * {times}" if times > _FEW else ""


# How an argument lies in memory is a matter of its place, which the calls of these count.
_ONE_ALONE = "def only(k, lay): n = iter(range(3)); return lambda a: lay(a) if next(n) == k else a.copy()"
_IN_PLACE = (
    "old = {}; same = lambda: (lambda n: lambda a: (lambda k: "
    "np.copyto(old.setdefault(k, a.copy()), a) or old[k])(next(n)))(iter(range(3)))"
)


def _memory(conditions: Conditions) -> str:
    """The function that makes the arrays of a call."""
    if conditions.in_place:
        return "same()"
    name = _layout_name(conditions.layout)
    return name if conditions.only is None else f"only({conditions.only}, {name})"


def _layout_name(layout: str) -> str:
    return "np.copy" if layout == "C" else f"lay_{layout.replace('-', '_back_')}"


def _layout(layout: str) -> str:
    body = _LAYOUTS[layout]
    return f"def {_layout_name(layout)}(a): {body}{'' if 'return' in body else '; z[...] = a; return z'}"
