"""Failed cases explain themselves: the script fails because of the fault alone, and passes once it is mended.

Each plug-in is a right one with one passage replaced; the script is run where our own packages cannot be imported.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import cast

import msgspec
import numpy as np
import pytest

from conformance.checks.outcomes import RecordedCall
from conformance.diagnosis.script.standalone import standalone
from harness.calls import memory_layouts
from harness.calls.caller import CallResult
from harness.calls.in_process import InProcess
from harness.contract import registry
from harness.contract.protocol import Array
from harness.geometry.spec import ConvSpec, Op
from harness.oracle import data
from harness.tests.helpers.children.calls import calls_of
from harness.tests.helpers.plugins import GOOD, called, edited
from harness.tests.helpers.recorded import recorded, written

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


def run(folder: Path, script: str) -> tuple[int, str]:
    """Exit code and stderr of the script, far from our packages."""
    (folder / "repro.py").write_text(script, encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-c", _ALONE], cwd=folder, capture_output=True, text=True, timeout=900, check=False
    )
    return done.returncode, done.stderr


def checked(
    folder: Path,
    bad: str,
    calls: Sequence[RecordedCall],
    good: str = GOOD,
    ends: str = "AssertionError",
    takes_bias: bool = True,
) -> str:
    """The script for `calls` fails on the plug-in they came from, as told, and passes on the right one."""
    script = standalone(
        calls, "values.exact/im2col/float32/n1", "wrong\nin two lines", called("./mine.py"), takes_bias=takes_bias
    )
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
    checked(tmp_path, source, recorded(written(tmp_path, source), wanted), ends=ends)


@pytest.mark.parametrize("layout", [name for name in memory_layouts.MEMORY_LAYOUTS if name != "C"])
def test_every_layout_is_made_again(tmp_path: Path, layout: str) -> None:
    reads = {"unaligned": "not x.flags.aligned", "broadcast": "0 in x.strides", "readonly": "not x.flags.writeable"}
    reads |= {"offset": "x.base is not None and x.base.ndim == 1 and x.base.size == x.size + 6"}
    reads |= {"memmap": "isinstance(x.base, np.memmap)"}
    reads |= {"reversed": "x.strides[0] < 0 and x.strides[-1] == -4", "step-2": "x.strides[-1] == -8"}
    seen = reads.get(layout, "not x.flags.c_contiguous")
    source = wrapped(f"return right(x, spec) + ({seen})")
    checked(tmp_path, source, recorded(written(tmp_path, source), _IM2COL, layout))


def test_real_values_are_compared_within_the_allowance(tmp_path: Path) -> None:
    source = _FULL.replace("return y if", "y = y.astype('f2').astype('f4')\n    return y if")
    checked(tmp_path, source, recorded(written(tmp_path, source), [("conv2d", _SPEC)], real=True), _FULL)


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
    calls = recorded(written(tmp_path, source), [("conv2d_bias_grad", _SPEC)] * 2, real=True, same=True)
    assert "other bits" in checked(tmp_path, source, calls)


@pytest.mark.parametrize(("line", "ends"), [("import os; os._exit(3)", ""), ("import ctypes; ctypes.string_at(0)", "")])
def test_a_death_is_died_again(tmp_path: Path, line: str, ends: str) -> None:
    written(tmp_path, GOOD)
    arrays = data.exact("im2col", _SPEC, "float32", "0")
    calls = [RecordedCall("im2col", _SPEC, arrays, CallResult(error="was killed by signal 11", died=True))]
    checked(tmp_path, wrapped(line), calls, ends=ends)


def test_calls_at_once_are_made_at_once(tmp_path: Path) -> None:
    source = (
        GOOD + "\n\nimport time\n_x = []\n" + _WRAP.format("_x[:] = [x]; time.sleep(0.01); return right(_x[0], spec)")
    )
    backend = InProcess(registry.load(str(written(tmp_path, source))))
    several = [data.exact("im2col", _SPEC, "float32", str(n)) for n in range(4)]
    outcomes = backend.together(calls_of("im2col", _SPEC, several))
    calls = [RecordedCall("im2col", _SPEC, a, outcome) for a, outcome in zip(several, outcomes, strict=True)]
    script = standalone(calls, "contract.concurrent/im2col", "wrong", called("mine.py"))
    assert len(script.splitlines()) <= 20
    assert run(tmp_path, script)[0] != 0
    written(tmp_path, GOOD)
    assert run(tmp_path, script) == (0, "")


def test_arrays_that_do_not_fit_must_be_refused(tmp_path: Path) -> None:
    written(tmp_path, GOOD)
    x = np.ones((1, 1, 1, 1), np.float32)
    calls = [RecordedCall("im2col", _SMALL, (x,), CallResult(result=np.ones((1, 4, 9), np.float32)))]
    source = wrapped("return np.ones(spec.columns_shape, x.dtype)")
    assert "accepted" in checked(tmp_path, source, calls)


def test_without_a_fault_there_is_no_script(tmp_path: Path) -> None:
    path = written(tmp_path, GOOD)
    assert standalone(recorded(path, _IM2COL), "a", "b", called(str(path))) == ""
    assert standalone([], "a", "b", called(str(path))) == ""
    assert standalone(recorded(path, _IM2COL), "a", "b", called("nothing_known")) == ""


@pytest.mark.parametrize("target", ["mine.py:im", "numpy_fancy", "mine:im"])
def test_other_targets_are_loaded(tmp_path: Path, target: str) -> None:
    source = GOOD + "\n\nimport types\nim = types.SimpleNamespace(im2col=im2col, col2im=col2im)\n"
    path = written(tmp_path, source)
    calls = recorded(path, _IM2COL)
    spoilt = msgspec.structs.replace(calls[0].outcome, result=cast(Array, calls[0].outcome.result) + 1)
    script = standalone([replace(calls[0], outcome=spoilt)], "a", "b", called(target))
    done = subprocess.run([sys.executable, "-c", script], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{script}\n{done.stderr}"
    assert script == standalone([replace(calls[0], outcome=spoilt)], "a", "b", called(target))
