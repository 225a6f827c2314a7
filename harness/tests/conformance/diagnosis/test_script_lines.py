"""What a script is made of, line by line: loading, geometries, arrays, calls, definitions, and what is left out."""

from __future__ import annotations

import base64
import zlib
from typing import Any

import numpy as np
import pytest

from conformance.checks.outcomes import RecordedCall
from conformance.diagnosis.script import preparation, standalone
from conformance.diagnosis.script.arrays import ArrayTable, literal
from conformance.diagnosis.script.definition import definition
from conformance.diagnosis.script.faults import Proof
from harness.calls.caller import CallResult, Conditions
from harness.contract.protocol import Array
from harness.geometry.spec import OPS, ConvSpec, Op
from harness.oracle import by_taps, data
from harness.tests.helpers.plugins import called

_SPEC = ConvSpec.parse("n2c4h8w7_f6kh2kw3_sh3sw2_pt1pb2pl2pr1_dh2dw3_g2")
_ONE = ConvSpec.parse("n1c1h1w2_f1kh1kw1")
_MAKE = "; b = b() if isinstance(b, type) or callable(b) and not (hasattr(b, 'im2col') or hasattr(b, 'conv2d')) else b"
_NOTE = "  # a registered backend may import harness"
_MALLOC = (
    'import os, sys; "MALLOC_PERTURB_" in os.environ or sys.argv[0] == "-c" or os.execve(sys.executable, '
    '[sys.executable, *sys.argv], {**os.environ, "MALLOC_PERTURB_": "165"})'
)
_THREADS = (
    'import os; os.environ.update(OMP_NUM_THREADS="3", OPENBLAS_NUM_THREADS="3", MKL_NUM_THREADS="3", '
    'NUMBA_NUM_THREADS="3")'
)
_OWN = 'own, out = (getattr(b, name, lambda a: a) for name in ("from_numpy", "to_numpy"))'
_FIELDS = [
    'Spec = collections.namedtuple("Spec", "batch in_channels input_size out_channels kernel_size stride padding '
    'dilation groups reach padded_size "',
    '    "output_size left_over taps positions x_shape w_shape b_shape columns_shape y_shape pooled_shape macs")',
]
_SPEC_TEXT = (
    "Spec(2, 4, (8, 7), 6, (2, 3), (3, 2), (1, 2, 2, 1), (2, 3), 2, (3, 7), (11, 10), (3, 2), (2, 1), 6, 6, "
    "(2, 4, 8, 7), (6, 2, 2, 3), (6,), (2, 24, 6), (2, 6, 3, 2), (2, 4, 3, 2), 864)"
)
_ONE_TEXT = (
    "Spec(1, 1, (1, 2), 1, (1, 1), (1, 1), (0, 0, 0, 0), (1, 1), 1, (1, 1), (1, 2), (1, 2), (0, 0), 1, 2, "
    "(1, 1, 1, 2), (1, 1, 1, 1), (1,), (1, 1, 2), (1, 1, 1, 2), (1, 1, 1, 2), 2)"
)


def imported(module: str, note: str = "") -> str:
    """The line that imports a module by its name."""
    return f'sys.path.insert(0, ""); m = importlib.import_module({module!r}){note}'


def of_file(folder: str, name: str, file: str) -> list[str]:
    """The lines that import a file."""
    return [
        f"sys.path.insert(0, {folder!r})  # for what it imports from beside it",
        f"q = importlib.util.spec_from_file_location('im2col_harness_plugin_{name}', {file!r}); "
        "m = sys.modules[q.name] = importlib.util.module_from_spec(q); q.loader.exec_module(m)",
    ]


@pytest.mark.parametrize(
    ("target", "lines"),
    [
        ("torch_native", [imported("backends.torch_native", _NOTE), f"b = m.cpu{_MAKE}"]),
        ("torch_native_cuda", [imported("backends.torch_native", _NOTE), f"b = m.cuda{_MAKE}"]),
        ("numba_winograd", [imported("backends.numba_tiled.winograd", _NOTE), "b = m"]),
        ("numpy_fancy", [imported("backends.numpy_fancy", _NOTE), "b = m"]),
        ("a.b:Mine", [imported("a.b"), f"b = m.Mine{_MAKE}"]),
        ("its folder/mine.py", [*of_file("its folder", "mine", "its folder/mine.py"), *preparation._ONLY_BACKEND]),
        ("my-own.py:A", [*of_file(".", "my_own", "my-own.py"), f"b = m.A{_MAKE}"]),
    ],
)
def test_a_backend_is_loaded(target: str, lines: list[str]) -> None:
    assert preparation.loading(called(target)) == lines


def test_the_conditions_come_first() -> None:
    assert preparation.conditions(0) == [_MALLOC]
    assert preparation.conditions(3) == [_THREADS, _MALLOC]


def a_call(op: Op, spec: ConvSpec, *arrays: Array | None, layout: str = "C", threads: int = 0) -> RecordedCall:
    """A call that gave nothing."""
    return RecordedCall(op, spec, arrays, CallResult(), Conditions(layout, threads))


def test_everything_up_to_the_calls() -> None:
    x, w = np.array([[[[3, -1]]]], np.float32), np.array([[[[2]]]], np.float32)
    calls = [
        a_call("conv2d", _ONE, x, w, None), a_call("im2col", _SPEC, w, layout="step-2"),
        a_call("conv2d", _SPEC, x + 1, w, w[0, 0, 0], layout="memmap"), a_call("im2col", _ONE, x),
    ]  # fmt: skip
    begin, *lines = preparation.setting(calls, ["load it"], joined=False)
    assert begin == "import base64, collections, importlib.util, sys, tempfile, zlib, numpy as np"
    conv2d = [
        'conv2d = getattr(b, "conv2d", lambda x, w, k, s: (w.reshape(1, s.groups, s.out_channels // s.groups, '
        "s.w_shape[1] * s.taps)",
        "    @ b.im2col(x, s).reshape(s.batch, s.groups, s.w_shape[1] * s.taps, s.positions)).reshape(s.y_shape) + "
        "(0 if k is None else k.reshape(1, -1, 1, 1)))",
    ]
    layouts = [
        "def lay_step_back_2(a): z = np.full([2 * n + 2 for n in a.shape], 93, a.dtype)"
        "[tuple(slice(max(2 * n - 1, 0), 0, -2) for n in a.shape)]; z[...] = a; return z",
        "def lay_memmap(a): z = np.asarray(np.memmap(tempfile.TemporaryFile(), a.dtype, 'w+', 0, a.shape)) "
        "if a.size else a.copy(); z[...] = a; return z",
    ]
    last = (
        "calls = [(conv2d, s[0], np.copy, a[0], a[1], None), (b.im2col, s[1], lay_step_back_2, a[1]), "
        "(conv2d, s[1], lay_memmap, a[2], a[1], a[3]), (b.im2col, s[0], np.copy, a[0])]"
    )
    arrays = ["[[[[3, -1]]]]", "[[[[2]]]]", "[[[[4, 0]]]]", "[2]"]
    given = [f"np.array({text}, 'float32')" for text in arrays]
    before = ["load it", _OWN, *_FIELDS, f"s = [{_ONE_TEXT}, {_SPEC_TEXT}]"]
    table = [f"a = [{given[0]},", *(f"     {text}," for text in given[1:3]), f"     {given[3]}]"]
    assert lines == [*before, *table, *conv2d, *layouts, last]
    assert preparation.setting(calls, ["load it"], False, takes_bias=False)[1:] == [
        *before, *table, *preparation._NO_BIAS, *layouts, last,
    ]  # fmt: skip
    assert preparation.setting(calls[:2], ["load it"], False, False) == preparation.setting(
        calls[:2], ["load it"], False
    )
    shorter = preparation.setting(calls, ["load it"], joined=True)
    assert shorter == [begin, *before, f"a = [{', '.join(given)}]", *conv2d, *layouts, last]
    assert preparation.setting(calls[3:], [], joined=True)[0] == (
        "import base64, collections, importlib.util, sys, zlib, numpy as np"
    )


@pytest.mark.parametrize("op", [op for op in OPS if op.startswith("conv2d")])
@pytest.mark.parametrize("dtype", ["float16", "int32"])
def test_what_follows_from_two_ops_is_right_and_of_their_dtype(op: Op, dtype: str) -> None:
    def im2col(x: Array, spec: ConvSpec) -> Array:
        return by_taps.run("im2col", spec, x).astype(x.dtype)

    def col2im(columns: Array, spec: ConvSpec) -> Array:
        return by_taps.run("col2im", spec, columns).astype(columns.dtype)

    b = type("Two", (), {"im2col": staticmethod(im2col), "col2im": staticmethod(col2im)})
    known: dict[str, Any] = {"b": b}
    exec("\n".join(preparation._derived(op)), known)
    arrays = data.exact(op, _SPEC, dtype, "0")
    for given in [arrays, (*arrays[:2], None)] if op == "conv2d" else [arrays]:
        made = known[op](*given, _SPEC)
        assert (made.dtype, made.tolist()) == (dtype, by_taps.run(op, _SPEC, *given).tolist())


@pytest.mark.parametrize(
    ("layout", "room", "filled"),
    [
        ("step2", (6, 8), 42), ("step-2", (6, 8), 42), ("reversed", (4, 5), 14), ("offset", (12,), 6),
        ("unaligned", (25,), 0), ("permuted", (3, 2), 0), ("broadcast", (1, 3), 0), ("F", (2, 3), 0),
    ],
)  # fmt: skip
def test_a_layout_has_room_around_it(layout: str, room: tuple[int, ...], filled: int) -> None:
    known: dict[str, Any] = {"np": np}
    exec(preparation._layout(layout), known)
    made = known[preparation._layout_name(layout)](np.array([[5, 6, 7]] * 2, np.float32))
    base = made
    while isinstance(base.base, np.ndarray):
        base = base.base
    assert (made.tolist(), base.shape, int((base == 93).sum())) == ([[5, 6, 7]] * 2, room, filled)


# -- arrays ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("a", "text"),
    [
        (np.array([[1, -2], [0, 3]], np.float32), "np.array([[1, -2], [0, 3]], 'float32')"),
        (np.array([1, -2.5], np.float16), "np.array([1.0, -2.5], 'float16')"),
        (np.array([-0.0, 1]), "np.array([-0.0, 1.0], 'float64')"),
        (np.array([7, -7], np.int64), "np.array([7, -7], 'int64')"),
        (np.array([2.0**53 - 1]), "np.array([9007199254740991], 'float64')"),
        (np.array([2.0**53]), "np.array([9007199254740992.0], 'float64')"),
        (np.array([-(2.0**53)]), "np.array([-9007199254740992.0], 'float64')"),
        (np.array([0.5, 3], np.longdouble), "np.array([0.5, 3.0], 'float64')"),
        (np.zeros((2, 0, 3), np.float32), "np.zeros((2, 0, 3), '<f4')"),
        (np.zeros((0,), np.int32), "np.zeros((0,), '<i4')"),
        (np.arange(64, dtype=np.int32), f"np.array({list(range(64))}, 'int32')"),
    ],
)
def test_few_numbers_are_written_out(a: Array, text: str) -> None:
    assert literal(a) == text


@pytest.mark.parametrize(
    "a",
    [
        np.arange(65, dtype=np.float16).reshape(5, 13),
        np.array([[1, np.nan]], np.float32),
        np.array([np.inf, 2, 3]),
        np.arange(66, dtype=np.longdouble) / 4,
    ],
)
def test_many_numbers_and_those_without_a_word_are_packed(a: Array) -> None:
    text = literal(a)
    assert text.startswith('np.frombuffer(zlib.decompress(base64.b85decode("')
    back = eval(text, {"np": np, "zlib": zlib, "base64": base64})
    wanted = a.astype(np.float64) if a.dtype == np.longdouble else a
    assert (back.dtype, back.shape, back.tobytes()) == (wanted.dtype, wanted.shape, wanted.tobytes())


def test_arrays_that_nobody_can_tell_apart_are_one() -> None:
    zeros = np.zeros((1, 1, 1, 2), np.float32)
    alike = [zeros, zeros.copy(), np.asfortranarray(zeros), zeros.astype(np.int32), -zeros, zeros.reshape(1, 1, 2, 1)]
    table = ArrayTable([a_call("im2col", _ONE, a) for a in alike])
    assert [table.name(a) for a in (*alike, None)] == ["a[0]", "a[0]", "a[0]", "a[1]", "a[2]", "a[3]", "None"]
    assert table.lines(joined=False) == [
        "a = [np.array([[[[0, 0]]]], 'float32'),", "     np.array([[[[0, 0]]]], 'int32'),",
        "     np.array([[[[-0.0, -0.0]]]], 'float32'),", "     np.array([[[[0], [0]]]], 'float32')]",
    ]  # fmt: skip


# -- definitions -----------------------------------------------------------------------------------------------------

_PLACE = "p * 3 + u * 2 - 1, q * 2 + v * 3 - 2"
_MOVED = ["for n, k, u, v, p, q in np.ndindex(2, 4, 2, 3, 3, 2):", f"    i, j = {_PLACE}"]
_SUMMED = ["for n, f, c, u, v, p, q in np.ndindex(2, 6, 2, 2, 3, 3, 2):", f"    k, i, j = f // 3 * 2 + c, {_PLACE}"]
_IF = "    if 0 <= i < 8 and 0 <= j < 7: want"
_DEFINED: dict[Op, list[str]] = {
    "im2col": [
        "want = np.zeros((2, 4, 2, 3, 3, 2))  # the definition", *_MOVED,
        f"{_IF}[n, k, u, v, p, q] = a[0][n, k, i, j]", "want = want.reshape(2, 24, 6)",
    ],
    "col2im": [
        "want = np.zeros((2, 4, 8, 7))  # the definition", *_MOVED,
        f"{_IF}[n, k, i, j] += a[0].reshape(2, 4, 2, 3, 3, 2)[n, k, u, v, p, q]",
    ],
    "conv2d": [
        "want = np.zeros((2, 6, 3, 2)) + a[2].reshape(1, -1, 1, 1)  # the definition", *_SUMMED,
        f"{_IF}[n, f, p, q] += a[0][n, k, i, j] * a[1][f, c, u, v]",
    ],
    "conv2d_input_grad": [
        "want = np.zeros((2, 4, 8, 7))  # the definition", *_SUMMED,
        f"{_IF}[n, k, i, j] += a[0][n, f, p, q] * a[1][f, c, u, v]",
    ],
    "conv2d_weight_grad": [
        "want = np.zeros((6, 2, 2, 3))  # the definition", *_SUMMED,
        f"{_IF}[f, c, u, v] += a[0][n, f, p, q] * a[1][n, k, i, j]",
    ],
    "conv2d_bias_grad": ["want = [sum(a[0][:, f].ravel().tolist()) for f in range(6)]"],
}  # fmt: skip


@pytest.mark.parametrize("op", OPS)
def test_the_definition(op: Op) -> None:
    arrays = data.exact(op, _SPEC, "float32", "0")
    lines = definition(a_call(op, _SPEC, *arrays), [a_call(op, _SPEC, *arrays)])
    assert lines == _DEFINED[op]
    known: dict[str, Any] = {"np": np, "a": arrays}
    exec("\n".join(lines), known)
    assert np.array_equal(known["want"], by_taps.run(op, _SPEC, *arrays))


def test_the_definition_takes_no_bias_and_finds_its_arrays_among_all() -> None:
    x, w, _ = data.exact("conv2d", _SPEC, "float32", "0")
    calls = [a_call("conv2d", _SPEC, w, x), a_call("conv2d", _SPEC, x, w, None)]
    first, *_, last = definition(calls[-1], calls)
    assert first == "want = np.zeros((2, 6, 3, 2))  # the definition"
    assert last == f"{_IF}[n, f, p, q] += a[1][n, k, i, j] * a[0][f, c, u, v]"


# -- what fits -------------------------------------------------------------------------------------------------------


def script(monkeypatch: pytest.MonkeyPatch, *holding: str, calls: list[RecordedCall] | None = None) -> list[str]:
    """The lines of a script of two arrays that ends in these."""
    made = calls or [a_call("im2col", _ONE, np.array([[[[3, 4]]]])), a_call("im2col", _ONE, np.array([[[[5, 6]]]]))]
    monkeypatch.setattr(standalone, "proofs", lambda *given: iter([(made, Proof(["make"], list(holding)))]))
    return standalone.standalone(made, "the case", "the\n  text", called("mine:im")).splitlines()


@pytest.mark.parametrize(
    ("more", "left"),
    [(6, ["malloc", "rows"]), (7, ["rows"]), (8, []), (9, None)],
)
def test_a_script_of_twenty_lines_has_what_fits(
    monkeypatch: pytest.MonkeyPatch, more: int, left: list[str] | None
) -> None:
    lines = script(monkeypatch, *["assert it"] * more)
    if left is None:
        assert lines == []
        return
    assert len(lines) == 20
    assert lines[:2] == ["# the case", "# the text"]
    assert (_MALLOC in lines, "a = [np.array([[[[3, 4]]]], 'int64')," in lines) == ("malloc" in left, "rows" in left)
    assert lines[-more - 1 :] == ["make", *["assert it"] * more]


def test_a_short_script_leaves_nothing_out(monkeypatch: pytest.MonkeyPatch) -> None:
    array = "np.array([[[[{}]]]], 'int64')"
    assert script(monkeypatch, "assert it") == [
        "# the case", "# the text", _MALLOC, "import base64, collections, importlib.util, sys, zlib, numpy as np",
        imported("mine"), f"b = m.im{_MAKE}", _OWN, *_FIELDS, f"s = [{_ONE_TEXT}]", f"a = [{array.format('3, 4')},",
        f"     {array.format('5, 6')}]", "calls = [(b.im2col, s[0], np.copy, a[0]), (b.im2col, s[0], np.copy, a[1])]",
        "make", "assert it",
    ]  # fmt: skip


def test_four_million_characters_are_the_most(monkeypatch: pytest.MonkeyPatch) -> None:
    rest = sum(map(len, script(monkeypatch, "")))
    assert _MALLOC in script(monkeypatch, "x" * (4_000_000 - rest))
    shorter = script(monkeypatch, "x" * (4_000_001 - rest))
    assert (len(shorter[-1]), _MALLOC in shorter) == (4_000_001 - rest, False)


def test_titles_end_after_190_characters(monkeypatch: pytest.MonkeyPatch) -> None:
    calls = [a_call("im2col", _ONE, np.array([[[[3, 4]]]]))]
    monkeypatch.setattr(standalone, "proofs", lambda *given: iter([(calls, Proof(["make"], []))]))
    for length, kept in ((188, 188), (189, 188)):
        first, second, *_ = standalone.standalone(calls, "c" * length, "t" * length, called("mine.py")).splitlines()
        assert (first, second) == (f"# {'c' * kept}", f"# {'t' * kept}")


def test_the_threads_are_those_of_the_last_call_that_has_any(monkeypatch: pytest.MonkeyPatch) -> None:
    x = np.array([[[[3, 4]]]])
    calls = [a_call("im2col", _ONE, x, threads=threads) for threads in (2, 3, 0)]
    assert script(monkeypatch, calls=calls)[2:4] == [_THREADS, _MALLOC]


def test_what_is_no_plain_array_makes_no_script(monkeypatch: pytest.MonkeyPatch) -> None:
    plain = np.array([[[[3, 4]]]])
    other: Array = plain.view(type("Other", (np.ndarray,), {}))
    assert script(monkeypatch, calls=[a_call("conv2d", _ONE, plain, None)]) != []
    assert script(monkeypatch, calls=[a_call("im2col", _ONE, other), a_call("im2col", _ONE, plain)]) == []
