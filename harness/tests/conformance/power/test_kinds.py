"""Changes do what they say: memory read as it lies, caches that mix up what their key lacks, edges of images."""

from __future__ import annotations

import numpy as np
import pytest

from conformance.power.kinds import memory, numbers, parameters, state
from conformance.power.kinds.rearranged import EDGES
from conformance.power.right.ops import Call, Change, run
from conformance.power.right.tables import Numbers, Tables, made
from harness.calls.memory_layouts import MEMORY_LAYOUTS, arrange
from harness.contract.protocol import Array
from harness.geometry.spec import OPS, ConvSpec

_SPEC = ConvSpec.parse("n2c3h4w5_f2kh3kw2_pt1pb1pl1pr1")


def _numbered(*shape: int) -> Array:
    return np.arange(1.0, 1 + np.prod(shape)).reshape(shape).copy()


@pytest.mark.parametrize(
    ("layout", "expected"),
    [
        ("C", [1, 2, 3, 4, 5, 6]), ("F", [1, 4, 2, 5, 3, 6]), ("reversed", [6, 5, 4, 93, 93, 3]),
        ("step2", [1, 93, 2, 93, 3, 93]), ("broadcast", [1, 2, 3, 91, 91, 91]), ("readonly", [1, 2, 3, 4, 5, 6]),
    ],
)  # fmt: skip
def test_front_to_back_is_what_lies_in_memory(layout: str, expected: list[float]) -> None:
    got = memory.READINGS["read front to back"](arrange(_numbered(2, 3), layout))
    assert got.shape == (2, 3)
    assert got.ravel().tolist() == expected


def test_the_offset_is_lost() -> None:
    read = memory.READINGS["read from the start of the buffer"]
    assert read(arrange(_numbered(2, 3), "offset")).ravel().tolist() == [93, 93, 93, 1, 2, 3]
    assert read(arrange(_numbered(2, 3), "C")).ravel().tolist() == [1, 2, 3, 4, 5, 6]


def test_each_way_to_lie_is_one_of_the_suite_and_c_order_is_none() -> None:
    for lies, is_so in memory.LAYOUTS.items():
        found = [name for name in MEMORY_LAYOUTS if is_so(arrange(_numbered(2, 3, 2, 2), name))]
        assert found, lies
        assert "C" not in found


@pytest.mark.parametrize("change", [*memory.strides(3)], ids=lambda change: change.what)
def test_arrays_in_c_order_are_read_rightly(change: Change) -> None:
    arrays = _numbered(*_SPEC.x_shape), _numbered(*_SPEC.w_shape), _numbered(2)
    call = Call("conv2d", _SPEC, arrays)
    assert (run(call, change) == run(call)).all()


def test_a_cache_gives_the_first_geometry_with_the_same_key() -> None:
    (change,) = [c for c in state.caches() if c.what == "a cache, its key without strides"]
    other = ConvSpec.parse("n2c3h4w5_f2kh3kw2_sh2sw3_pt1pb1pl1pr1")
    x, remembered = _numbered(*_SPEC.x_shape), {}  # type: ignore[var-annotated]
    first = run(Call("im2col", other, (x,), 1, remembered), change)
    assert (first == run(Call("im2col", other, (x,)))).all()
    second = run(Call("im2col", _SPEC, (x,), 2, remembered), change)
    assert not (second == run(Call("im2col", _SPEC, (x,)))).all()
    assert (run(Call("im2col", _SPEC, (x,), 3), change) == run(Call("im2col", _SPEC, (x,)))).all()


@pytest.mark.parametrize(
    ("what", "expected"),
    [
        ("no lower bound: padding before wraps around", [3, 0, 1, 2, 3, -1]),
        ("the padding is circular", [3, 0, 1, 2, 3, 0]),
        ("the padding repeats the edge", [0, 0, 1, 2, 3, 3]),
        ("the padding mirrors the image", [1, 0, 1, 2, 3, 2]),
        ("the padding is scattered to and read from pixel 0", [0, 0, 1, 2, 3, 0]),
        ("pixels are bounded by the kernel", [-1, 0, 1, 2, -1, -1]),
        ("the last row and column of the image are padding", [-1, 0, 1, 2, -1, -1]),
        ("pixel 0 is padding", [-1, -1, 1, 2, 3, -1]),
    ],
)
def test_edges(what: str, expected: list[int]) -> None:
    """The rows that the first tap and the last one read: six windows of one tap would be these."""
    tables = _tables()
    EDGES[what](Call("im2col", _SPEC, (_numbered(*_SPEC.x_shape),)), tables)
    rows = np.concatenate((tables.row[0], tables.row[2][-2:]))
    assert np.where((rows >= 0) & (rows < 4), rows, -1).tolist() == expected


def _tables() -> Tables:
    return made(Numbers.of(_SPEC), Numbers.of(_SPEC))


def test_digits_are_cut() -> None:
    (tf32,) = [change for change in numbers.PRECISION if change.what == "inputs rounded to TF32"]
    assert tf32.inputs is not None
    given = np.array([[[[1 + 2.0**-10, 1 + 2.0**-11, -3.0, 0.0]]]])
    (got,) = tf32.inputs(Call("im2col", _SPEC, (given,)))
    assert got is not None
    assert got.ravel().tolist() == [1 + 2.0**-10, 1.0, -3.0, 0.0]


@pytest.mark.parametrize("op", OPS)
def test_every_change_has_words_of_its_own(op: str) -> None:
    words = [change.what for change in parameters.changes(op)]  # type: ignore[arg-type]
    assert len(set(words)) == len(words)
