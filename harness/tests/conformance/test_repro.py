"""Failed cases explain themselves: the script fails because of the fault alone, and the pattern is put in words.

Each plug-in is a right one with one passage replaced; the script is run where our own packages cannot be imported.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest

from conformance.checks.under_test import RecordedCall
from conformance.diagnosis import pattern
from conformance.diagnosis.script import standalone
from harness.calls import memory_layouts
from harness.calls.caller import CallResult, Conditions
from harness.calls.in_process import InProcess
from harness.contract import registry
from harness.contract.protocol import Array
from harness.geometry.spec import ConvSpec, Op
from harness.oracle import by_taps, data
from harness.tests.helpers.plugins import GOOD, called, edited

_SPEC = ConvSpec.parse("n2c4h7w8_f6kh3kw2_sh2sw3_pt1pb0pl1pr2_dh1dw2_g2")
_SMALL = ConvSpec.parse("n1c1h4w4_f2kh2kw2")
_ONE = ConvSpec.parse("n2c2h3w3_f2kh1kw1")
# Takes our packages away, then runs the script as a user would.
_ALONE = "import sys; sys.modules['harness'] = sys.modules['conformance'] = None; exec(open('repro.py').read())"
_FULL = (
    GOOD
    + """

def conv2d(x, w, b, spec):
    k = spec.w_shape[1] * spec.taps
    columns = im2col(x, spec).reshape(spec.batch, spec.groups, k, spec.positions)
    y = (w.reshape(1, spec.groups, -1, k) @ columns).reshape(spec.y_shape)
    return y if b is None else y + b.reshape(1, -1, 1, 1)
"""
)
_STALE = (
    "\n\n_seen = {}\n\n\ndef im2col(x, spec, right=im2col):\n"
    "    key = (spec.x_shape, spec.columns_shape)\n    return right(x, _seen.setdefault(key, spec))\n"
)
_WRAP = "\n\ndef im2col(x, spec, right=im2col):\n    {}\n"


def wrapped(line: str) -> str:
    """The right plug-in with another im2col around its own, `right`."""
    return GOOD + _WRAP.format(line)


def observed(
    path: Path, wanted: Sequence[tuple[Op, ConvSpec]], layout: str = "C", real: bool = False, same: bool = False
) -> list[RecordedCall]:
    """The calls of a case, made here."""
    backend, calls = InProcess(registry.load(str(path))), []
    for number, (op, spec) in enumerate(wanted):
        arrays = (data.real if real else data.exact)(op, spec, "float32", f"{0 if same else number}")
        logical = tuple(memory_layouts.representable(a, layout) for a in arrays)
        calls.append(RecordedCall(op, spec, logical, layout, backend.call(op, spec, arrays, Conditions(layout))))
    return calls


def run(folder: Path, script: str) -> tuple[int, str]:
    """Exit code and stderr of the script, far from our packages."""
    (folder / "repro.py").write_text(script, encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-c", _ALONE], cwd=folder, capture_output=True, text=True, timeout=60, check=False
    )
    return done.returncode, done.stderr


def checked(
    folder: Path, bad: str, calls: Sequence[RecordedCall], good: str = GOOD, ends: str = "AssertionError"
) -> str:
    """The script for `calls` fails on the plug-in they came from, as told, and passes on the right one."""
    script = standalone(calls, "values.exact/im2col/float32/n1", "wrong\nin two lines", called("./mine.py"))
    assert 0 < len(script.splitlines()) <= 20, script
    assert all(
        len(line) <= 200 for line in script.splitlines() if not line.startswith(("a =", "     np.", "s =", "want ="))
    )
    (folder / "mine.py").write_text(bad, encoding="utf-8")
    status, errors = run(folder, script)
    assert status != 0, script
    assert ends in errors.splitlines()[-1] if ends else True, f"{script}\n{errors}"
    (folder / "mine.py").write_text(good, encoding="utf-8")
    status, errors = run(folder, script)
    assert status == 0, f"{script}\n{errors}"
    return script


def first(folder: Path, source: str) -> Path:
    """The plug-in as a file."""
    path = folder / "mine.py"
    path.write_text(source, encoding="utf-8")
    return path


_SWAPPED = GOOD.replace("(sh, sw), (dh, dw) =", "(sw, sh), (dh, dw) =")
_IM2COL: list[tuple[Op, ConvSpec]] = [("im2col", _SPEC)]
_OTHER = replace(_SPEC, padding=(0, 1, 2, 1))
_DENSE = replace(_SPEC, stride=(1, 1))
_FLIPPED = edited("columns[:, :, u, v] = padded", "columns[:, :, kh - 1 - u, kw - 1 - v] = padded")
_UNDILATED = edited(
    "rows, v * dw : v * dw + (ow - 1) * sw + 1 : sw]\n    return", "rows, v : v + ow * sw - sw + 1 : sw]\n    return"
)
_SHIFTED = edited("(top, bottom), (left, right)))", "(bottom, top), (right, left)))")
_OVERWRITTEN = edited("+= taps", "= taps")
_SHARED = "y = _kept.setdefault(spec, right(x, spec)); y[...] = right(x, spec); return y"
_METHODS = _SWAPPED.replace("(x, spec)", "(self, x, spec)").replace("(columns, spec)", "(self, columns, spec)")
_CLASS = "import numpy as np\n\n\nclass Mine:\n" + "".join(f"    {line}\n" for line in _METHODS.splitlines()[3:])
_A = "AssertionError"
# name -> (plug-in, calls of the case, how the script ends)
_CASES: dict[str, tuple[str, list[tuple[Op, ConvSpec]], str]] = {
    "dilation_ignored": (_UNDILATED, _IM2COL, _A),
    "padding_swapped": (_SHIFTED, _IM2COL, _A),
    "kernel_flipped": (_FLIPPED, _IM2COL, _A),
    "flipped_in_conv2d": (_FLIPPED, [("conv2d", _SPEC)], _A),
    "flipped_in_weight_grad": (_FLIPPED, [("conv2d_weight_grad", _SPEC)], _A),
    "law_of_two_ops": (_FLIPPED, [("conv2d_input_grad", _SPEC), ("conv2d", _SPEC)] * 3, _A),
    "overwritten": (_OVERWRITTEN, [("col2im", _DENSE)], _A),
    "overwritten_in_input_grad": (_OVERWRITTEN, [("conv2d_input_grad", _DENSE)], _A),
    "small_overwritten": (_OVERWRITTEN, [("col2im", _SMALL)], _A),
    "last_column_missing": (wrapped("y = right(x, spec); y[..., -1] = 0; return y"), _IM2COL, _A),
    "raises": (wrapped("raise KeyError('no')"), _IM2COL, "KeyError"),
    "leaves": (wrapped("raise SystemExit(0)"), _IM2COL, _A),
    "float64": (wrapped("return right(x, spec).astype('f8')"), _IM2COL, _A),
    "shape": (wrapped("return right(x, spec)[None]"), _IM2COL, _A),
    "none": (wrapped("right(x, spec)"), _IM2COL, _A),
    "subclass": (wrapped("return right(x, spec).view(type('Sub', (np.ndarray,), {}))"), _IM2COL, _A),
    "view_of_input": (wrapped("return x.reshape(spec.columns_shape)"), [("im2col", _ONE)], _A),
    "shared_buffer": (GOOD + "\n\n_kept = {}\n" + _WRAP.format(_SHARED), _IM2COL * 2, _A),
    "mutates": (wrapped("y = right(x, spec); x[...] = 0; return y"), _IM2COL, _A),
    "stale_cache": (GOOD + _STALE, [("im2col", _SPEC), ("im2col", _OTHER)], _A),
    "fortran": (wrapped("return np.asfortranarray(right(x, spec))"), _IM2COL, _A),
    "read_only": (wrapped("y = right(x, spec); y.flags.writeable = False; return y"), _IM2COL, _A),
    "as_a_class": (_CLASS, _IM2COL, "Error"),
}


@pytest.mark.parametrize("name", _CASES)
def test_the_script_fails_because_of_the_fault(tmp_path: Path, name: str) -> None:
    source, wanted, ends = _CASES[name]
    checked(tmp_path, source, observed(first(tmp_path, source), wanted), ends=ends)


@pytest.mark.parametrize("layout", [name for name in memory_layouts.MEMORY_LAYOUTS if name != "C"])
def test_every_layout_is_made_again(tmp_path: Path, layout: str) -> None:
    reads = {"unaligned": "not x.flags.aligned", "broadcast": "0 in x.strides", "readonly": "not x.flags.writeable"}
    reads |= {"offset": "x.base is not None and x.base.ndim == 1 and x.base.size == x.size + 6"}
    reads |= {"memmap": "isinstance(x.base, np.memmap)"}
    reads |= {"reversed": "x.strides[0] < 0 and x.strides[-1] == -4", "step-2": "x.strides[-1] == -8"}
    seen = reads.get(layout, "not x.flags.c_contiguous")
    source = wrapped(f"return right(x, spec) + ({seen})")
    checked(tmp_path, source, observed(first(tmp_path, source), _IM2COL, layout))


def test_real_values_are_compared_within_the_allowance(tmp_path: Path) -> None:
    source = _FULL.replace("return y if", "y = y.astype('f2').astype('f4')\n    return y if")
    checked(tmp_path, source, observed(first(tmp_path, source), [("conv2d", _SPEC)], real=True), _FULL)


def test_other_bits_are_seen_again(tmp_path: Path) -> None:
    source = (
        GOOD
        + "\n\n_calls = []\n"
        + _WRAP.format(
            "_calls.append(1); y = right(x, spec); return np.nextafter(y, 9, dtype=y.dtype) if len(_calls) % 2 else y"
        )
        .replace("im2col", "conv2d_bias_grad")
        .replace("(x, spec, right=conv2d_bias_grad)", "(x, spec)")
        .replace("right(x, spec)", "x.sum((0, 2, 3))")
    )
    calls = observed(first(tmp_path, source), [("conv2d_bias_grad", _SPEC)] * 2, real=True, same=True)
    assert "other bits" in checked(tmp_path, source, calls)


@pytest.mark.parametrize(("line", "ends"), [("import os; os._exit(3)", ""), ("import ctypes; ctypes.string_at(0)", "")])
def test_a_death_is_died_again(tmp_path: Path, line: str, ends: str) -> None:
    first(tmp_path, GOOD)
    arrays = data.exact("im2col", _SPEC, "float32", "0")
    calls = [RecordedCall("im2col", _SPEC, arrays, "C", CallResult(error="was killed by signal 11", died=True))]
    checked(tmp_path, wrapped(line), calls, ends=ends)


def test_calls_at_once_are_made_at_once(tmp_path: Path) -> None:
    source = (
        GOOD + "\n\nimport time\n_x = []\n" + _WRAP.format("_x[:] = [x]; time.sleep(0.01); return right(_x[0], spec)")
    )
    backend = InProcess(registry.load(str(first(tmp_path, source))))
    several = [data.exact("im2col", _SPEC, "float32", str(n)) for n in range(4)]
    replies = backend.together("im2col", _SPEC, several)
    calls = [RecordedCall("im2col", _SPEC, a, "C", reply) for a, reply in zip(several, replies, strict=True)]
    script = standalone(calls, "contract.concurrent/im2col", "wrong", called("mine.py"))
    assert len(script.splitlines()) <= 20
    assert run(tmp_path, script)[0] != 0
    first(tmp_path, GOOD)
    assert run(tmp_path, script) == (0, "")


def test_arrays_that_do_not_fit_must_be_refused(tmp_path: Path) -> None:
    first(tmp_path, GOOD)
    x = np.ones((1, 1, 1, 1), np.float32)
    calls = [RecordedCall("im2col", _SMALL, (x,), "C", CallResult(result=np.ones((1, 4, 9), np.float32)))]
    source = wrapped("return np.ones(spec.columns_shape, x.dtype)")
    assert "accepted" in checked(tmp_path, source, calls)


def test_without_a_fault_there_is_no_script(tmp_path: Path) -> None:
    path = first(tmp_path, GOOD)
    assert standalone(observed(path, _IM2COL), "a", "b", called(str(path))) == ""
    assert standalone([], "a", "b", called(str(path))) == ""
    assert standalone(observed(path, _IM2COL), "a", "b", called("nothing_known")) == ""


@pytest.mark.parametrize("target", ["mine.py:im", "numpy_fancy", "mine:im"])
def test_other_targets_are_loaded(tmp_path: Path, target: str) -> None:
    source = GOOD + "\n\nimport types\nim = types.SimpleNamespace(im2col=im2col, col2im=col2im)\n"
    path = first(tmp_path, source)
    calls = observed(path, _IM2COL)
    spoilt = replace(calls[0].reply, result=cast(Array, calls[0].reply.result) + 1)
    script = standalone([replace(calls[0], reply=spoilt)], "a", "b", called(target))
    done = subprocess.run([sys.executable, "-c", script], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{script}\n{done.stderr}"
    assert script == standalone([replace(calls[0], reply=spoilt)], "a", "b", called(target))


# -- patterns --------------------------------------------------------------------------------------------------


def mask(op: Op, spec: ConvSpec, index: Any) -> Array:
    """A mask of the result's shape, columns opened to six axes while it is marked."""
    shape = spec.output_shape(op)
    opened = (spec.batch, spec.in_channels, *spec.kernel_size, *spec.output_size) if len(shape) == 3 else shape
    marked = np.zeros(opened, bool)
    marked[index] = True
    return marked.reshape(shape)


_WIDE = ConvSpec.parse("n2c4h21w21_f4kh3kw3_g2")
_PADDED = ConvSpec.parse("n3c2h5w5_f2kh3kw3_pt1pb1pl1pr1")


@pytest.mark.parametrize(
    ("op", "spec", "index", "text"),
    [
        ("conv2d", _WIDE, ..., "every element"),
        ("conv2d", _WIDE, np.s_[..., 16:], "only the tail columns (from 16 on)"),
        ("conv2d", _WIDE, np.s_[..., -1], "only the last column"),
        ("conv2d", _WIDE, np.s_[..., 0, :], "only the first row"),
        ("conv2d", _WIDE, np.s_[..., 1::2, :], "only odd rows"),
        ("conv2d", _WIDE, np.s_[..., ::2], "only even columns"),
        ("conv2d", _WIDE, np.s_[1:], "only the last image"),
        ("conv2d", _PADDED, np.s_[1:], "only images after the first"),
        ("conv2d", _WIDE, np.s_[:, 2:], "only filters of the groups after the first"),
        ("conv2d_input_grad", _WIDE, np.s_[:, 1::2], "only channels after the first of each group"),
        ("im2col", _WIDE, np.s_[:, :, 1:], "only kernel rows after the first"),
        ("im2col", _WIDE, np.s_[:, :, :, :, -1, -1], "only the last position"),
        ("col2im", _WIDE, np.s_[1, :, 1::2], "only odd rows and the last image"),
        ("conv2d", _WIDE, np.s_[0, 1, 2, 3], "only one element, image 0, filter 1, row 2, column 3"),
        ("conv2d_bias_grad", _PADDED, np.s_[1:], "only one element, filter 1"),
    ],
)
def test_the_pattern_is_put_in_words(op: Op, spec: ConvSpec, index: object, text: str) -> None:
    assert pattern.describe(op, spec, mask(op, spec, index)) == text


def test_borders_and_padding_are_recognised() -> None:
    edge = mask("conv2d", _WIDE, np.s_[:])
    edge[..., 1:-1, 1:-1] = False
    assert pattern.describe("conv2d", _WIDE, edge) == "only the border"
    touched = mask("im2col", _PADDED, np.s_[:]) | True
    touched.reshape(-1, 5, 5)[:, 1:-1, 1:-1] = False
    pad_left = replace(_PADDED, padding=(0, 0, 2, 0))
    assert pattern.describe("im2col", _PADDED, touched) in ("only the border", "only windows that touch padding")
    inside = by_taps.run("im2col", pad_left, np.ones(pad_left.x_shape)) > 0
    assert "elements read from padding" in pattern.describe("im2col", pad_left, ~inside)
    assert pattern.describe("im2col", pad_left, inside) == "every element that an input reaches"
    assert pattern.describe("im2col", pad_left, inside & False) == ""


def test_the_picture_is_the_first_wrong_plane() -> None:
    assert pattern.picture("conv2d", _PADDED, mask("conv2d", _PADDED, np.s_[1, 1, 1, 2:])) == [
        ".....", "..###", ".....", ".....", ".....",
    ]  # fmt: skip
    far = pattern.picture("im2col", _WIDE, mask("im2col", _WIDE, np.s_[0, 3, 2, 2, 16, 16]), rows=1, columns=3)
    assert (len(far), len(far[0])) == (1, 3)
    assert "#" in "".join(far)


_MUTANTS: list[tuple[Op, str, object]] = [
    ("im2col", "stride swapped", replace(_SPEC, stride=(3, 2))),
    ("conv2d", "stride of the height for both", replace(_SPEC, stride=(2, 2))),
    ("conv2d_weight_grad", "dilation ignored", replace(_SPEC, dilation=(1, 1))),
    ("col2im", "padding ignored", replace(_SPEC, padding=(0, 0, 0, 0))),
    ("conv2d", "padding with begin and end swapped", replace(_SPEC, padding=(0, 1, 2, 1))),
    ("conv2d_input_grad", "padding of the end for the beginning", replace(_SPEC, padding=(0, 0, 2, 2))),
    ("conv2d", "no bias", lambda x, w, b: by_taps.run("conv2d", _SPEC, x, w, None)),
    ("conv2d", "the bias added twice", lambda x, w, b: by_taps.run("conv2d", _SPEC, x, w, 2 * b)),
    ("conv2d", "a flipped kernel", lambda x, w, b: by_taps.run("conv2d", _SPEC, x, w[..., ::-1, ::-1], b)),
    ("conv2d", "groups ignored", replace(_SPEC, groups=1)),
    ("conv2d", "only the first image", replace(_SPEC, batch=1)),
    (
        "conv2d_weight_grad",
        "0.5 times the expected",
        lambda dy, x: 0.5 * by_taps.run("conv2d_weight_grad", _SPEC, dy, x),
    ),
    ("conv2d", "all zeros", lambda x, w, b: np.zeros(_SPEC.y_shape)),
    ("conv2d", "2 times the expected", lambda x, w, b: 2 * by_taps.run("conv2d", _SPEC, x, w, b)),
]


@pytest.mark.parametrize(("op", "text", "change"), _MUTANTS)
def test_the_likely_mistake_is_named(op: Op, text: str, change: object) -> None:
    arrays = data.exact(op, _SPEC, "float64", "0")
    if isinstance(change, ConvSpec):
        fitted = [pattern._fit(a, change, _SPEC, s, True) for a, s in zip(arrays, change.input_shapes(op), strict=True)]
        made = pattern._fit(by_taps.run(op, change, *fitted), _SPEC, change, _SPEC.output_shape(op), True)
    else:
        made = change(*arrays)  # type: ignore[operator]
    assert text in pattern.likely(RecordedCall(op, _SPEC, arrays, "C", CallResult(result=made)))


@pytest.mark.parametrize(
    ("text", "order"),
    [("(kh, kw, c)", (0, 2, 3, 1, 4, 5)), ("(c, kw, kh)", (0, 1, 3, 2, 4, 5)), ("(ow, oh)", (0, 1, 2, 3, 5, 4))],
)
def test_another_order_of_columns_is_named(text: str, order: tuple[int, ...]) -> None:
    (x,) = data.exact("im2col", _SPEC, "float32", "0")
    right = by_taps.run("im2col", _SPEC, x).reshape(2, 4, *_SPEC.kernel_size, *_SPEC.output_size)
    made = right.transpose(order).reshape(_SPEC.columns_shape)
    assert text in pattern.likely(RecordedCall("im2col", _SPEC, (x,), "C", CallResult(result=made)))


def test_a_right_result_has_no_likely_mistake(tmp_path: Path) -> None:
    call = observed(first(tmp_path, GOOD), [("col2im", _SPEC)], real=True)[0]
    assert (pattern.wrong(call), pattern.likely(call)) == (None, "")
    spoilt = replace(call, reply=replace(call.reply, result=cast(Array, call.reply.result) + np.float32(0.37)))
    assert pattern.likely(spoilt) == ""


def test_overlaps_that_overwrite_are_named(tmp_path: Path) -> None:
    dense = replace(_SPEC, stride=(1, 1))
    path = first(tmp_path, edited("+= taps", "= taps"))
    for call in observed(path, [("col2im", dense), ("conv2d_input_grad", dense)]):
        assert "overwritten" in pattern.likely(call)
