"""A failed case as a script of at most twenty lines, which needs NumPy and the backend only and fails by itself.

Surprising fact: all earlier calls of the case are made again too, since a stale cache is wrong only after them.
"""

from __future__ import annotations

import base64
import dataclasses
import itertools
import zlib
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any

import numpy as np

from conformance.checks.under_test import RecordedCall
from conformance.diagnosis.pattern import expected, wrong
from harness.calls.worker import THREAD_VARIABLES
from harness.contract import registry, targets
from harness.contract.protocol import ArgumentError, Array, Numerics, validate
from harness.contract.targets import Target
from harness.geometry.sizes import Sizes
from harness.geometry.spec import ConvSpec, Op

_MOST_LINES = 20
_MOST_CHARACTERS = 190
_MOST_LITERALS = 64  # elements; larger arrays are packed
_MOST_BYTES = 4_000_000
_Tail = tuple[list[str], list[str]]  # lines that make the calls, lines that then must hold
_Judge = Callable[
    [Sequence[RecordedCall]], list[_Tail]
]  # of the last call: the longest version first, none if it is innocent
_PLAIN = ["got = [out(f(*[g if g is None else own(lay(g)) for g in x], z)) for f, z, lay, *x in calls]"]
_KEEPING = [
    "args = [[g if g is None else lay(g) for g in x] for _, _, lay, *x in calls]",
    "mine = [[g if g is None else own(g) for g in x] for x in args]",
    "got = [out(c[0](*x, c[1])) for c, x in zip(calls, mine)]",
]
_STATE = (
    "state = [[g if g is None else (g.tobytes(), g.shape, g.strides, g.flags.writeable) for g in map(out, x)]"
    " for x in mine]"
)
_TRYING = [
    "def run(f, z, lay, *x):",
    "    try: return out(f(*[g if g is None else own(lay(g)) for g in x], z))",
    "    except Exception as error: return error",
    "got = [run(*call) for call in calls]",
]
_BUFFER = "z = np.full([{size} for n in a.shape], 93, a.dtype)[tuple(slice({cut}) for n in a.shape)]"
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


def standalone(
    calls: Sequence[RecordedCall], case_id: str, text: str, target: Target, numerics: Numerics = "gemm"
) -> str:
    """The script, or "" where the calls show no fault that a script could repeat.

    A file is found relative to where the script is run.
    """
    loading = _loading(target)
    if not loading or any(a is not None and type(a) is not np.ndarray for call in calls for a in call.arrays):
        return ""
    title = [f"# {' '.join(part.split())}"[:_MOST_CHARACTERS] for part in (case_id, text)]
    threads = next((call.conditions.threads for call in reversed(calls) if call.conditions.threads), 0)
    for made, (way, check) in _found(calls, case_id, numerics):
        for joined, first in itertools.product((False, True), (_conditions(threads), _conditions(threads)[:-1])):
            lines = [*title, *first, *_setting(made, loading, joined), *way, *check]
            if len(lines) <= _MOST_LINES and sum(map(len, lines)) <= _MOST_BYTES:
                return "\n".join(lines) + "\n"
    return ""


def _conditions(threads: int) -> list[str]:
    """Lines from before NumPy is loaded: the number of threads, and the suite's malloc, whose memory is no zeros."""
    limit = ", ".join(f'{name}="{threads}"' for name in THREAD_VARIABLES)
    limits = [f"import os; os.environ.update({limit})"] if threads else []
    return [
        *limits,
        'import os, sys; "MALLOC_PERTURB_" in os.environ or sys.argv[0] == "-c" or os.execve('
        'sys.executable, [sys.executable, *sys.argv], {**os.environ, "MALLOC_PERTURB_": "165"})',
    ]


# -- what went wrong -------------------------------------------------------------------------------------------


def _found(
    calls: Sequence[RecordedCall], case_id: str, numerics: Numerics
) -> Iterator[tuple[Sequence[RecordedCall], _Tail]]:
    """What to call and to check for every fault that the calls show, the gravest first."""
    if "concurrent" in case_id:
        yield from ((calls, tail) for tail in _at_once(calls, numerics))
        return
    judges: list[_Judge] = [_ending, _accepted, _form, partial(_values, numerics=numerics), _facts, _bits]
    for judge in judges:
        for number in range(1, len(calls) + 1):
            yield from ((calls[:number], tail) for tail in judge(calls[:number]))


def _misfit(call: RecordedCall) -> bool:
    """Whether the arrays are wrong on purpose."""
    try:
        validate(call.op, call.spec, *call.arrays)
    except ArgumentError:
        return True
    return False


def _way(calls: Sequence[RecordedCall]) -> list[str]:
    return _TRYING if any(map(_misfit, calls)) else _PLAIN


def _ending(calls: Sequence[RecordedCall]) -> list[_Tail]:
    """It raised, exited, crashed or hung: the calls alone are enough."""
    reply, way = calls[-1].reply, _way(calls)
    if not reply.error or (_misfit(calls[-1]) and not reply.died):
        return []
    check = ["if isinstance(got[-1], Exception): raise got[-1]"] if way is _TRYING else []
    if reply.error.startswith("SystemExit"):
        leaving = 'except SystemExit: raise AssertionError("it exited") from None'
        way = ["try:", *(f"    {line}" for line in way), leaving]
    if reply.died:
        way = ["import faulthandler; faulthandler.dump_traceback_later(60, exit=True)", *way]
    return [(way, check)]


def _accepted(calls: Sequence[RecordedCall]) -> list[_Tail]:
    """Arrays that do not fit must be refused."""
    if not _misfit(calls[-1]) or calls[-1].reply.error:
        return []
    return [(_TRYING, ['assert isinstance(got[-1], Exception), "arrays that do not fit are accepted"'])]


def _form(calls: Sequence[RecordedCall]) -> list[_Tail]:
    """Type, shape and dtype."""
    call, reply, result = calls[-1], calls[-1].reply, calls[-1].reply.result
    if reply.error or _misfit(call):
        return []
    shape, dtype = call.spec.output_shape(call.op), next(str(a.dtype) for a in call.arrays if a is not None)
    if reply.kind == "numpy.ndarray" and result is not None and result.shape == shape and str(result.dtype) == dtype:
        return []
    form = "[getattr(got[-1], n, None) for n in ('__class__', 'shape', 'dtype')]"
    return [(_way(calls), [f"form = {form}", f"assert form == [np.ndarray, {shape}, {dtype!r}], form"])]


def _values(calls: Sequence[RecordedCall], numerics: Numerics) -> list[_Tail]:
    mask = None if calls[-1].reply.error else wrong(calls[-1], numerics)
    if mask is None:
        return []
    return [(_way(calls), check) for check in _comparisons(calls[-1], mask, numerics, "got[-1]", calls)]


def _facts(calls: Sequence[RecordedCall]) -> list[_Tail]:
    """Inputs, memory and flags."""
    reply, way = calls[-1].reply, _way(calls)
    shared = [who.split()[-1] for who in reply.shares if who.startswith("argument")]
    if reply.changed:
        again = _STATE.replace("state = ", "assert state == ") + ', "an input was changed"'
        return [([*_KEEPING[:2], _STATE, _KEEPING[2]], [again])]
    if shared:
        overlap = f"np.may_share_memory(got[-1], args[-1][{shared[0]}])"
        return [(_KEEPING, [f'assert not {overlap}, "the result is memory of an input"'])]
    if reply.previous_changed and len(calls) > 1:
        make = "    made.append(f(*[g if g is None else own(lay(g)) for g in x], z))"
        way = ["made, kept = [], []", "for f, z, lay, *x in calls:", f"{make}; kept.append(out(made[-1]).tobytes())"]
        return [(way, ['assert out(made[-2]).tobytes() == kept[-2], "the call changed the result of the call before"'])]
    if "the previous result" in reply.shares and len(calls) > 1:
        overlap = "np.may_share_memory(got[-1], got[-2])"
        return [(way, [f'assert not {overlap}, "the result is memory of the one before"'])]
    flag = "c_contiguous" if not reply.contiguous else "writeable" if not reply.writeable else ""
    return [(way, [f'assert got[-1].flags.{flag}, "the result is not {flag}"'])] if flag else []


def _bits(calls: Sequence[RecordedCall]) -> list[_Tail]:
    """The same call twice must give the same bits."""
    made = [(c.op, c.spec, c.layout, *(None if a is None else _key(a) for a in c.arrays)) for c in calls]
    first, result = made.index(made[-1]), calls[-1].reply.result
    before = calls[first].reply.result
    if result is None or before is None or result.tobytes() == before.tobytes():
        return []
    return [(_way(calls), [f'assert got[-1].tobytes() == got[{first}].tobytes(), "the same call gave other bits"'])]


def _at_once(calls: Sequence[RecordedCall], numerics: Numerics) -> list[_Tail]:
    """Calls from several threads; a race is not lost every time, so they are made again and again."""
    way = [
        "from concurrent.futures import ThreadPoolExecutor",
        "one = lambda c: out(c[0](*[g if g is None else own(c[2](g)) for g in c[3:]], c[1]))",
        "for _ in range(50):",
        f"    with ThreadPoolExecutor({len(calls)}) as pool: got = list(pool.map(one, calls))",
    ]
    for number, call in enumerate(calls):
        mask = None if call.reply.error else wrong(call, numerics)
        if call.reply.error:
            return [(way, [])]
        if mask is not None:
            *before, check = _comparisons(call, mask, numerics, f"got[{number}]", calls)[-1]
            return [([*before, *way], [f"    {check}"])]
    return []


# -- what it should be -----------------------------------------------------------------------------------------


def _comparisons(
    call: RecordedCall, mask: Array, numerics: Numerics, got: str, calls: Sequence[RecordedCall]
) -> list[list[str]]:
    """Lines that compare `got` with the definition, then shorter ones that have the values as data."""
    known = expected(call, numerics)
    if known is None or call.reply.result is None:
        raise ValueError("a call without a right or without any result")
    right, allowed = known
    if allowed is not None:
        over = np.where(mask, np.abs(call.reply.result.astype(right.dtype) - right) - allowed, -1)
        at = tuple(int(i) for i in np.unravel_index(int(over.argmax()), over.shape))
        one = f"float({got}[{', '.join(map(str, at))}])"
        return [[f"assert abs({one} - {float(right[at])!r}) <= {float(allowed[at])!r}, {one}"]]
    check = f'assert np.array_equal({got}, want), f"wrong at {{np.argwhere({got} != want)[:3].tolist()}}, ..."'
    values = [f"want = {_literal(right)}", check]
    return [values] if right.size <= _MOST_LITERALS else [[*_definition(call, calls), check], values]


def _definition(call: RecordedCall, calls: Sequence[RecordedCall]) -> list[str]:
    """`want` from the definition, in loops over every tap of every window."""
    op, spec, table = call.op, call.spec, _arrays(calls)
    a = [None if x is None else f"a[{_place(table, x)}]" for x in call.arrays]
    if op == "conv2d_bias_grad":
        return [f"want = [sum({a[0]}[:, f].ravel().tolist()) for f in range({spec.out_channels})]"]
    (t, _, l, _), (sh, sw), (dh, dw), (h, w) = spec.padding, spec.stride, spec.dilation, spec.input_size
    named = (spec.batch, spec.in_channels, *spec.kernel_size, *spec.output_size)
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
    bias = f" + {a[2]}.reshape(1, -1, 1, 1)" if op == "conv2d" and a[2] else ""
    place = f"i, j = p * {sh} + u * {dh} - {t}, q * {sw} + v * {dw} - {l}"
    return [
        f"want = np.zeros({named if op == 'im2col' else spec.output_shape(op)}){bias}  # the definition",
        f"for {names}, u, v, p, q in np.ndindex({', '.join(map(str, sizes))}):",
        f"    {place}" if moved else f"    k, {place.replace('= ', f'= f // {group} * {inner} + c, ', 1)}",
        f"    if 0 <= i < {h} and 0 <= j < {w}: {step}",
        *([f"want = want.reshape{spec.columns_shape}"] if op == "im2col" else []),
    ]


# -- the script around it --------------------------------------------------------------------------------------


def _loading(target: Target) -> list[str]:
    """Lines that bring the backend into `b`, by the rules of `harness.contract.registry`."""
    registered, note = targets.sources().get(target.location), ""
    file, attribute = target.file, target.attribute
    location = target.location.rpartition(":")[0]
    if registered:
        note = "  # a registered backend may import harness"
        location, _, attribute = registered[0][1].partition(":")
    make = f"b = m.{attribute}; b = b() if isinstance(b, type) or not hasattr(b, 'im2col') else b"
    if file is None:
        found = [f'sys.path.insert(0, ""); m = importlib.import_module({location!r}){note}']
        return [*found, make if attribute else "b = m"] if attribute or registered else []
    plugin = f"q = importlib.util.spec_from_file_location({registry.plugin_name(file)!r}, {str(file)!r})"
    only = "isinstance(v, type) and v.__module__ == m.__name__ and hasattr(v, 'im2col') and hasattr(v, 'col2im')"
    whole = f"b = m if hasattr(m, 'im2col') and hasattr(m, 'col2im') else [v for v in vars(m).values() if {only}][0]()"
    return [
        f"{plugin}; m = sys.modules[q.name] = importlib.util.module_from_spec(q); q.loader.exec_module(m)",
        make if attribute else whole,
    ]


def _setting(calls: Sequence[RecordedCall], loading: list[str], joined: bool) -> list[str]:
    """Everything up to the calls: imports, backend, geometries, data; `joined` puts all arrays on one line."""
    specs, table = list(dict.fromkeys(call.spec for call in calls)), _arrays(calls)
    ops, layouts = dict.fromkeys(call.op for call in calls), dict.fromkeys(call.layout for call in calls)
    function = {op: op if op in _DERIVED else f"b.{op}" for op in ops}
    rows = [
        f"({function[c.op]}, s[{specs.index(c.spec)}], {_layout_name(c.layout)}, "
        + ", ".join("None" if x is None else f"a[{_place(table, x)}]" for x in c.arrays) + ")"
        for c in calls
    ]  # fmt: skip
    data, separator = [_literal(x) for x in table.values()], ",\n     "
    return [
        f"import base64, collections, importlib.util, sys, {'tempfile, ' * ('memmap' in layouts)}zlib, numpy as np",
        *loading,
        'own, out = (getattr(b, name, lambda a: a) for name in ("from_numpy", "to_numpy"))',
        *_geometries(specs),
        *f"a = [{(', ' if joined else separator).join(data)}]".splitlines(),
        *(line for op in ops if op in _DERIVED for line in _derived(op)),
        *(_layout(name) for name in layouts if name != "C"),
        f"calls = [{', '.join(rows)}]",
    ]


def _derived(op: Op) -> list[str]:
    """The backend's own, or what follows from the two that it must have."""
    begin, end = _DERIVED[op]
    return [f'{op} = getattr(b, "{op}", {begin}', f"    {end})"]


def _geometries(specs: Sequence[ConvSpec]) -> list[str]:
    """Every public field and property, as hashable tuples with names."""
    names = [f.name for f in dataclasses.fields(ConvSpec)]
    names += [name for name, member in vars(Sizes).items() if isinstance(member, property)]
    values = ", ".join(f"Spec{tuple(getattr(spec, name) for name in names)}" for spec in specs)
    half = len(names) // 2
    begin, end = " ".join(names[:half]), " ".join(names[half:])
    return [f'Spec = collections.namedtuple("Spec", "{begin} "', f'    "{end}")', f"s = [{values}]"]


def _layout_name(layout: str) -> str:
    return "np.copy" if layout == "C" else f"lay_{layout.replace('-', '_back_')}"


def _layout(layout: str) -> str:
    body = _LAYOUTS[layout]
    return f"def {_layout_name(layout)}(a): {body}{'' if 'return' in body else '; z[...] = a; return z'}"


def _key(a: Array) -> tuple[object, ...]:
    return a.tobytes(), a.shape, a.dtype.str


def _arrays(calls: Sequence[RecordedCall]) -> dict[tuple[object, ...], Array]:
    """Every array once."""
    return {_key(a): a for call in calls for a in call.arrays if a is not None}


def _place(table: dict[tuple[object, ...], Array], a: Array) -> int:
    return list(table).index(_key(a))


def _literal(a: Array) -> str:
    """Few finite elements as numbers, others packed; longdouble, which comes from sums only, as float64."""
    a = a.astype(np.float64) if a.dtype == np.longdouble else a
    if not a.size:
        return f"np.zeros({a.shape}, {a.dtype.str!r})"
    if a.size > _MOST_LITERALS or not np.isfinite(a).all():
        text = base64.b85encode(zlib.compress(a.tobytes(), 9)).decode()
        return f'np.frombuffer(zlib.decompress(base64.b85decode("{text}")), {a.dtype.str!r}).reshape{a.shape}'
    whole = a.dtype.kind == "f" and bool((a == np.rint(a)).all()) and not np.signbit(a[a == 0]).any()
    values: Any = a.astype(np.int64).tolist() if whole and np.abs(a).max() < 2**53 else a.tolist()
    return f"np.array({values}, {str(a.dtype)!r})"
