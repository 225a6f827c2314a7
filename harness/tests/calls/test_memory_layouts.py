"""Arrays in other memory: the same values, with the strides, flags and addresses that the layout's name says."""

from __future__ import annotations

import gc
import signal
import subprocess
import sys
from typing import Any

import numpy as np
import pytest

from harness.calls.memory_layouts import GUARDED, MEMORY_LAYOUTS, arrange, representable

_A = np.arange(1, 121, dtype=np.float32).reshape(2, 3, 4, 5)
_OTHER = np.arange(1, 13, dtype=np.int64).reshape(3, 4)
_BIAS = np.array([3.0, 5.0, 7.0])
_ONE = np.full((1, 1, 1, 1), 4, np.float16)
_POISON = 93
# Strides of _A (float32), and of _OTHER (int64), in bytes, by hand.
STRIDES: dict[str, tuple[tuple[int, ...], tuple[int, ...]]] = {
    "C": ((240, 80, 20, 4), (32, 8)),
    "F": ((4, 8, 24, 96), (8, 24)),
    "permuted": ((4, 160, 40, 8), (8, 24)),
    # Every other one of buffers of 2n + 2 elements along each axis; all but the ends of those of n + 2.
    "step2": ((2 * 8 * 10 * 12 * 4, 2 * 10 * 12 * 4, 2 * 12 * 4, 2 * 4), (2 * 10 * 8, 2 * 8)),
    "reversed": ((-5 * 6 * 7 * 4, -6 * 7 * 4, -7 * 4, -4), (-6 * 8, -8)),
    "step-2": ((-2 * 8 * 10 * 12 * 4, -2 * 10 * 12 * 4, -2 * 12 * 4, -2 * 4), (-2 * 10 * 8, -2 * 8)),
    "offset": ((240, 80, 20, 4), (32, 8)),
    "unaligned": ((240, 80, 20, 4), (32, 8)),
    "readonly": ((240, 80, 20, 4), (32, 8)),
    "broadcast": ((0, 80, 20, 4), (0, 8)),
    "memmap": ((240, 80, 20, 4), (32, 8)),
    "channels_last": ((240, 4, 60, 12), (32, 8)),
    "transposed": ((240, 80, 4, 16), (8, 24)),
    "crop": ((5 * 6 * 7 * 4, 6 * 7 * 4, 7 * 4, 4), (6 * 8, 8)),
    "row_pitch": ((3 * 4 * 8 * 4, 4 * 8 * 4, 8 * 4, 4), (7 * 8, 8)),
    "last_step2": ((480, 160, 40, 8), (64, 16)),
    "rows_step2": ((480, 160, 40, 4), (64, 8)),
    "first_step2": ((480, 80, 20, 4), (64, 8)),
    "last_reversed": ((240, 80, 20, -4), (32, -8)),
    "second_reversed": ((240, -80, 20, 4), (32, -8)),
    "first_reversed": ((-240, 80, 20, 4), (-32, 8)),
    "broadcast1": ((80, 0, 20, 4), (8, 0)),
    "broadcast2": ((60, 20, 0, 4), (32, 8)),
    "broadcast3": ((48, 16, 4, 0), (32, 8)),
}
_BROADCAST = ("broadcast", "broadcast1", "broadcast2", "broadcast3")


@pytest.mark.parametrize("layout", [*MEMORY_LAYOUTS, *GUARDED])
@pytest.mark.parametrize("a", [_A, _OTHER, _BIAS, _ONE], ids=["image", "matrix", "bias", "pixel"])
def test_the_values_are_the_same_in_fresh_memory(layout: str, a: Any) -> None:
    before = a.copy()
    made = arrange(a, layout)
    assert (type(made), made.dtype, made.shape) == (np.ndarray, a.dtype, a.shape)
    assert np.array_equal(made, representable(a, layout))
    assert not np.may_share_memory(made, a)
    if made.flags.writeable:
        made[...] = 0
    assert np.array_equal(a, before)


@pytest.mark.parametrize("layout", MEMORY_LAYOUTS)
def test_strides_are_what_the_layout_says(layout: str) -> None:
    assert (arrange(_A, layout).strides, arrange(_OTHER, layout).strides) == STRIDES[layout]


@pytest.mark.parametrize("layout", [*MEMORY_LAYOUTS, *GUARDED])
def test_flags_are_what_the_layout_says(layout: str) -> None:
    flags = arrange(_A, layout).flags
    contiguous = {"C", "offset", "unaligned", "readonly", "memmap", *GUARDED}
    assert flags.c_contiguous == (layout in contiguous)
    assert flags.f_contiguous == (layout == "F")
    assert flags.aligned == (layout != "unaligned")
    assert flags.writeable == (layout not in ("readonly", *_BROADCAST))


@pytest.mark.parametrize("layout", [*MEMORY_LAYOUTS, *GUARDED])
@pytest.mark.parametrize("a", [np.zeros((0, 3, 2, 2), np.float32), np.zeros((2, 3, 0, 2), np.float64)])
def test_what_is_empty_stays_empty(layout: str, a: Any) -> None:
    made = arrange(a, layout)
    assert (made.shape, made.dtype) == (a.shape, a.dtype)
    assert np.array_equal(representable(a, layout), a)


def test_only_a_broadcast_array_holds_less() -> None:
    assert np.array_equal(representable(_A, "broadcast"), np.stack([_A[0], _A[0]]))
    assert representable(_A, "broadcast").flags.c_contiguous
    assert np.array_equal(representable(_BIAS, "broadcast"), [3, 3, 3])
    assert all(representable(_A, layout) is _A for layout in MEMORY_LAYOUTS if layout not in _BROADCAST)


def buffer(view: Any) -> Any:
    """The whole memory that a view was cut from."""
    while view.base is not None:
        view = view.base
    return view


@pytest.mark.parametrize("layout", ["step2", "step-2", "reversed", "offset", "crop"])
@pytest.mark.parametrize("a", [_A, _OTHER, _BIAS], ids=["image", "matrix", "bias"])
def test_all_around_and_between_is_poison(layout: str, a: Any) -> None:
    """A kernel that reads front to back, or one element too far on either side, meets numbers that are nobody's."""
    made = arrange(a, layout)
    whole, low = buffer(made), np.lib.array_utils.byte_bounds(made)
    first, last = np.lib.array_utils.byte_bounds(whole)
    assert low[0] - first >= a.itemsize
    assert last - low[1] >= a.itemsize
    assert whole.dtype == a.dtype
    made[...] = 0
    assert np.count_nonzero(whole == _POISON) == whole.size - a.size > 0


def test_steps_leave_room_between_neighbours_and_reversed_ones_do_not() -> None:
    for layout, gap in (("step2", 2), ("step-2", 2), ("reversed", 1), ("offset", 1)):
        whole = buffer(arrange(_BIAS, layout))
        assert whole.size == (3 * gap + 2 if layout != "offset" else 3 + 6)
    assert buffer(arrange(_BIAS, "step2")).tolist() == [93, 3, 93, 5, 93, 7, 93, 93]
    assert buffer(arrange(_BIAS, "step-2")).tolist() == [93, 7, 93, 5, 93, 3, 93, 93]
    assert buffer(arrange(_BIAS, "reversed")).tolist() == [93, 7, 5, 3, 93]
    assert buffer(arrange(_BIAS, "offset")).tolist() == [93, 93, 93, 3, 5, 7, 93, 93, 93]


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64", "int32", "int64"])
def test_unaligned_starts_one_byte_off(dtype: str) -> None:
    made = arrange(np.arange(5, dtype=dtype), "unaligned")
    assert made.ctypes.data % np.dtype(dtype).alignment == 1
    assert made.tolist() == [0, 1, 2, 3, 4]


def test_a_mapped_array_lies_in_a_file_that_outlives_its_name() -> None:
    made = arrange(_A, "memmap")
    assert isinstance(made.base, np.memmap)
    gc.collect()
    assert np.array_equal(made, _A)
    made[0, 0, 0, 0] = 7
    assert made.base[0, 0, 0, 0] == 7


def test_only_the_first_image_of_a_broadcast_array_is_kept() -> None:
    made = arrange(_A, "broadcast")
    assert buffer(made).nbytes == _A.nbytes // 2


@pytest.mark.parametrize("axis", [1, 2, 3])
def test_an_array_may_be_the_same_along_another_axis(axis: int) -> None:
    kept = representable(_A, f"broadcast{axis}")
    assert np.array_equal(kept, np.broadcast_to(_A.take([0], axis), _A.shape))
    assert representable(_BIAS, f"broadcast{axis}") is _BIAS


_TOUCHING = """
import ctypes, sys
import numpy as np
from harness.calls.memory_layouts import arrange
a = arrange(np.arange(10, dtype=np.float32), sys.argv[1])
first, last = a.ctypes.data, a.ctypes.data + a.nbytes
assert ctypes.string_at(first, a.nbytes) == np.arange(10, dtype=np.float32).tobytes()
a[...] = 3
print("alive", flush=True)
ctypes.string_at(first - 1 if sys.argv[2] == "before" else last, 1)
print("still alive")
"""


@pytest.mark.parametrize(("layout", "side"), [("guard_before", "before"), ("guard_behind", "behind")])
def test_who_reads_beside_a_guarded_array_dies(layout: str, side: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", _TOUCHING, layout, side], capture_output=True, text=True, timeout=900, check=False
    )
    assert (done.stdout, done.returncode) == ("alive\n", -signal.SIGSEGV)


def test_layouts_are_told_from_the_plainest_to_the_oddest() -> None:
    assert MEMORY_LAYOUTS == (
        "C", "F", "permuted", "step2", "reversed", "step-2", "offset", "unaligned", "readonly", "broadcast", "memmap",
        "channels_last", "transposed", "crop", "row_pitch", "last_step2", "rows_step2", "first_step2", "last_reversed",
        "second_reversed", "first_reversed", "broadcast1", "broadcast2", "broadcast3",
    )  # fmt: skip


def test_an_unknown_layout_is_a_fault_of_ours() -> None:
    with pytest.raises(KeyError):
        arrange(_A, "diagonal")
