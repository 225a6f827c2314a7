"""`layout = NAME` in a plug-in: results of im2col and arguments of col2im are converted, and mistakes are told."""

from __future__ import annotations

import numpy as np
import pytest

import conformance
from harness import ConvSpec, RegistryError, load
from harness.contract.adapter import complete
from harness.contract.columns_layouts import COLUMNS_LAYOUTS
from harness.tests.helpers.conventions.published import CS231N
from harness.tests.helpers.plugins import GOOD, Write

_SPEC = ConvSpec.parse("n3c2h6w7_f4kh3kw5_pt1pb0pl2pr0")
# The right plug-in, with columns as a layout has them.
_GIVEN = "columns.reshape(spec.columns_shape)"
_TAKEN = "    taps = columns.reshape("
_TURNED = "from harness.contract.columns_layouts import COLUMNS_LAYOUTS\n" + (
    GOOD.replace(f"return {_GIVEN}", f"return COLUMNS_LAYOUTS[layout].from_batched({_GIVEN}, spec)")
    .replace(_TAKEN, f"    columns = COLUMNS_LAYOUTS[layout].to_batched(columns, spec)\n{_TAKEN}")
)  # fmt: skip


def message(target: object) -> str:
    """The text of the error that loading gives."""
    with pytest.raises(RegistryError) as caught:
        load(str(target))
    return str(caught.value)


@pytest.mark.parametrize("layout", COLUMNS_LAYOUTS)
def test_a_plug_in_in_every_layout(write: Write, layout: str) -> None:
    backend = load(str(write("mine.py", f'{_TURNED}\nlayout = "{layout}"\n')))
    own = load("numpy_fancy")
    x = np.random.default_rng(0).integers(-9, 9, _SPEC.x_shape).astype("float32")
    columns = backend.run("im2col", _SPEC, x)
    assert np.array_equal(columns, own.run("im2col", _SPEC, x))
    assert columns.flags.c_contiguous
    assert np.array_equal(backend.run("col2im", _SPEC, columns), own.run("col2im", _SPEC, columns))
    assert backend.native == {"im2col", "col2im"}


def test_a_class_may_say_it_too() -> None:
    class Rows:
        layout = "rows"

        def im2col(self, x, spec):
            return np.zeros((spec.batch, spec.positions, spec.columns_shape[1]), x.dtype)

    backend = complete(Rows(), "rows", "mine.py:Rows")
    assert backend.run("im2col", _SPEC, np.ones(_SPEC.x_shape)).shape == _SPEC.columns_shape
    assert backend.unsupported("col2im", _SPEC, "float32") == "not implemented"
    assert backend.unsupported("im2col", _SPEC, "int64") == "dtype int64 is not claimed"


def test_tier_0_passes_in_another_layout_and_fails_in_the_wrong_one(write: Write) -> None:
    right = write("right.py", f'{_TURNED}\nlayout = "batch_innermost"\n')
    assert conformance.check(str(right), tier=0, dtypes="float32", isolate=False).ok
    wrong = write("wrong.py", _TURNED.replace("COLUMNS_LAYOUTS[layout]", 'COLUMNS_LAYOUTS["matrix"]')
                  + '\nlayout = "batch_innermost"\n')  # fmt: skip
    report = conformance.check(str(wrong), tier=0, ops="im2col", dtypes="float32", isolate=False)
    assert report.verdict == "fail"


def test_a_result_of_another_shape_is_not_reshaped(write: Write) -> None:
    """It has as many elements, and a reshape would make columns of it."""
    backend = load(str(write("mine.py", f'{GOOD}\nlayout = "matrix"\n')))
    with pytest.raises(ValueError, match="columns in layout 'matrix' have shape") as caught:
        backend.run("im2col", _SPEC, np.ones(_SPEC.x_shape, "float32"))
    assert str(_SPEC.columns_shape) in str(caught.value)


def test_what_is_no_array_is_left_to_the_check_of_types(write: Write) -> None:
    backend = load(str(write("mine.py", 'def im2col(x, spec):\n    return [1]\n\n\nlayout = "rows"\n')))
    assert backend.call("im2col", _SPEC, np.ones(_SPEC.x_shape)) == [1]


@pytest.mark.parametrize(
    ("source", "said"),
    [
        (f'{GOOD}\nlayout = "batch_inermost"\n',
         "layout must be one of batched, matrix, batch_innermost, rows, matlab, got 'batch_inermost', did you mean 'b"),
        (f'{GOOD}\nconvention = "cs231"\n', "convention must be one of cs231n, per_image, got 'cs231', did you mean"),
        (f'{GOOD}\nconvention = "cs231n"\n',
         "convention 'cs231n' needs im2col_indices(x, field_height, field_width, padding, stride) or col2im_indices("),
        (CS231N.replace("field_width=3, padding=1,", "padding=1,") + '\nconvention = "cs231n"\n',
         "must take col2im_indices(cols, x_shape, field_height, field_width, padding, stride)"),
        ('im2col_indices = 3\nconvention = "cs231n"\n', "im2col_indices must be a function im2col_indices(x, "),
        (GOOD.replace("def im2col(x, spec)", "def im2col(x)") + '\nlayout = "rows"\n', "must take im2col(x, spec)"),
        (f'{GOOD}\nim2col = 3\nlayout = "rows"\n', "im2col must be a function im2col(x, spec), got int"),
        (CS231N + '\nconvention = "cs231n"\n\n\ndef unsupported(op):\n    return None\n',
         "must take unsupported(op, spec, dtype)"),
        (f'{GOOD}\nlayout = "rows"\n\n\ndef from_numpy(a):\n    return a\n', "layout is for functions on NumPy arrays"),
    ],
    ids=["unknown layout", "unknown convention", "functions missing", "other arguments", "no function",
         "signature in a layout", "no function in a layout", "signature of unsupported", "own arrays"],
)  # fmt: skip
def test_mistakes_are_told(write: Write, source: str, said: str) -> None:
    path = write("mine.py", source)
    told = message(path)
    assert said in told
    assert str(path) in told


def test_another_thing_of_that_name_is_none(write: Write) -> None:
    """A function, a module or a number that happens to be called `layout`."""
    backend = load(str(write("mine.py", f"{GOOD}\n\ndef layout():\n    return 3\n\n\nconvention = 7\n")))
    assert backend.run("im2col", _SPEC, np.ones(_SPEC.x_shape)).shape == _SPEC.columns_shape


def test_half_of_a_convention_is_enough(write: Write) -> None:
    backend = load(str(write("mine.py", CS231N.partition("def col2im_indices")[0] + '\nconvention = "cs231n"\n')))
    assert backend.native == {"im2col"}
    assert backend.unsupported("col2im", _SPEC, "float32") == "not implemented"
