"""What is seen of a call: each change of an input, whose memory a result has, where an error was raised."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from harness.calls import seeing
from harness.calls.caller import OneCall
from harness.calls.in_process import InProcess
from harness.calls.seeing import State, changes, described, overlap, raised
from harness.contract.adapter import complete
from harness.contract.protocol import Array
from harness.geometry.spec import ConvSpec, Op
from harness.tests.helpers.faults.faulty import Right

_SPEC = ConvSpec.parse("n2c3h6w7_f4kh3kw2")


def arrays() -> list[Array]:
    """Three that differ in all things."""
    return [np.arange(6.0).reshape(2, 3), np.arange(12, dtype=np.float32).reshape(3, 4), np.arange(4.0)]


CHANGES: dict[str, tuple[Callable[[Array], Any], list[str]]] = {
    "first element": (lambda a: a.__setitem__((0, 0), 9), ["the bytes of argument 1"]),
    "last element": (lambda a: a.__setitem__((-1, -1), 9), ["the bytes of argument 1"]),
    "flag": (lambda a: a.setflags(write=False), ["the writeable flag of argument 1"]),
    "shape": (lambda a: setattr(a, "shape", (4, 3)), ["the shape of argument 1", "the strides of argument 1"]),
    "dtype": (lambda a: setattr(a, "dtype", np.int32), ["the dtype of argument 1"]),
    "sign of a zero": (lambda a: a.__setitem__((0, 0), -0.0), ["the bytes of argument 1"]),
    "nothing": (lambda a: None, []),
}


@pytest.mark.parametrize("name", CHANGES)
def test_each_change_of_an_input_is_named(name: str) -> None:
    change, expected = CHANGES[name]
    given = arrays()
    before = [State.of(a) for a in given]
    change(given[1])
    assert changes(given, before, given) == expected


def test_strides_alone_are_seen() -> None:
    """Of one pixel any strides show the same bytes."""
    given = np.ones((1, 1))
    before = State.of(given)
    other = np.lib.stride_tricks.as_strided(given, strides=(16, 16))
    assert changes([other], [before], [other]) == ["the strides of argument 0"]


def test_changes_of_all_arguments_are_told_and_what_is_missing_is_left_out() -> None:
    given: list[Array | None] = [*arrays()[:2], None]
    before = [None if a is None else State.of(a) for a in given]
    for a in given[:2]:
        assert a is not None
        a.fill(5)
    assert changes(given, before, given) == ["the bytes of argument 0", "the bytes of argument 1"]


def test_the_backends_own_copy_counts_too() -> None:
    given, before = arrays(), [State.of(a) for a in arrays()]
    own: list[Array | None] = [given[0], given[1] + 1, None]
    assert changes(given, before, own) == ["the bytes of argument 1"]
    spread: list[Array | None] = [
        a.repeat(2).reshape(*a.shape, 2)[..., 0] for a in given
    ]  # the same, laid out otherwise
    assert changes(given, before, spread) == []


def test_the_state_is_all_of_it() -> None:
    a = np.arange(6, dtype=np.int32).reshape(2, 3)[:, ::2]
    assert State.of(a) == (a.tobytes(), (2, 2), (12, 8), True, "<i4")


OVERLAPS: dict[str, tuple[slice, slice, bool]] = {
    "the same": (slice(0, 8), slice(0, 8), True),
    "the end of one is the beginning of the other": (slice(0, 5), slice(4, 9), True),
    "within": (slice(0, 9), slice(3, 5), True),
    "interleaved": (slice(0, 8, 2), slice(1, 9, 2), True),
    "beside": (slice(0, 4), slice(4, 9), False),
    "reversed": (slice(None, None, -1), slice(2, 3), True),
    "empty": (slice(0, 8), slice(3, 3), False),
}


@pytest.mark.parametrize("name", OVERLAPS)
def test_memory_is_shared_where_bounds_meet(name: str) -> None:
    one, other, shared = OVERLAPS[name]
    memory = np.zeros(9)
    assert overlap(memory[one], memory[other]) is shared
    assert overlap(memory[other], memory[one]) is shared


def test_other_memory_is_not_shared() -> None:
    assert not overlap(np.zeros(9), np.zeros(9))


class _Subclass(np.ndarray[Any, Any]):
    """An array that is more than an array."""


def test_a_result_is_described_with_a_copy_of_its_numbers() -> None:
    host = np.arange(6, dtype=np.float32).reshape(2, 3).T
    facts = described(host)
    assert (facts.kind, facts.shape, facts.strides) == ("numpy.ndarray", (3, 2), (4, 12))
    assert (facts.contiguous, facts.writeable, facts.error, facts.died) == (False, True, "", False)
    assert facts.result.flags.c_contiguous
    assert facts.result.dtype == np.float32
    host[0, 0] = 99
    assert facts.result.tolist() == [[0, 3], [1, 4], [2, 5]]


def test_flags_of_a_result_are_its_own() -> None:
    host = np.zeros((2, 3))
    assert (described(host).contiguous, described(host).writeable) == (True, True)
    host.flags.writeable = False
    assert described(host).writeable is False
    assert described(host).result.flags.writeable


@pytest.mark.parametrize(
    ("host", "kind"),
    [
        (None, "builtins.NoneType"),
        ([1.0], "builtins.list"),
        (np.float32(1), "numpy.float32"),
        (np.array(["a"]), "numpy.ndarray of dtype <U1"),
        (np.array([None]), "numpy.ndarray of dtype object"),
        (np.zeros(2, "datetime64[s]"), "numpy.ndarray of dtype datetime64[s]"),
        (np.zeros(2, ">f4" if np.little_endian else "<f4"), "numpy.ndarray of dtype >f4"),
    ],
)
def test_what_is_no_array_of_numbers_has_no_numbers(host: object, kind: str) -> None:
    facts = described(host)
    assert facts.result is None
    assert facts.kind == kind


@pytest.mark.parametrize("dtype", ["?", "i2", "u1", "f2", "f8", "c8"])
def test_numbers_of_every_kind_are_numbers(dtype: str) -> None:
    facts = described(np.ones(2, dtype))
    assert facts.result is not None
    assert facts.result.dtype == np.dtype(dtype)


def test_a_subclass_is_named_and_its_numbers_are_plain() -> None:
    facts = described(np.ones(2).view(_Subclass))
    assert facts.kind == f"{__name__}._Subclass"
    assert type(facts.result) is np.ndarray


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("op", ["im2col", "col2im", "conv2d", "conv2d_weight_grad"])
def test_what_is_freed_is_full_of_poison_in_the_sizes_that_come_next(op: Op, dtype: Any) -> None:
    """The result, the columns, and the padded image: memory that is not written holds NaN."""
    spec = ConvSpec.parse("n2c3h5w6_f7kh3kw2_pt3pb1pl2pr0")
    given = [np.ones(shape, dtype) for shape in spec.input_shapes(op)]
    image = (spec.batch, spec.in_channels, *spec.padded_size)
    for shape in (spec.output_shape(op), spec.columns_shape, image):
        kept = []  # the allocator may have a better block free than those that were poisoned, but not again and again
        for _ in range(20):
            seeing.poison(op, spec, [None, *given])
            kept.append(np.empty(math.prod(shape), dtype))
        # A few words are the allocator's, for its lists of what is free.
        assert max((a.view(np.uint8) == 0xFF).mean() for a in kept) > 0.95


def failing() -> Exception:
    """An error with a frame of the user's."""
    try:
        raise ValueError("no\n room")
    except ValueError as error:
        return error


def test_an_error_is_one_line_with_its_place_in_the_users_code(tmp_path: Any) -> None:
    source = "def call(f):\n    return f()\n\n\ndef bad():\n    raise KeyError('lost')\n"
    names: dict[str, Any] = {}
    exec(compile(source, str(tmp_path / "mine.py"), "exec"), names)
    with pytest.raises(KeyError) as caught:
        names["call"](names["bad"])
    assert raised(caught.value) == "KeyError: 'lost' (mine.py, line 6)"  # the innermost of two
    exec(compile("def deep():\n    import json; json.loads('{')\n", str(tmp_path / "own.py"), "exec"), names)
    with pytest.raises(ValueError, match="property name") as caught_deep:
        names["deep"]()
    assert raised(caught_deep.value).endswith("(own.py, line 2)")  # not the library's line


def test_an_error_of_ours_or_of_a_text_has_no_place() -> None:
    assert raised(failing()) == "ValueError: no room"
    with pytest.raises(ZeroDivisionError) as caught:
        exec("1 / 0")
    assert raised(caught.value) == "ZeroDivisionError: division by zero"


def test_an_error_of_a_library_has_no_place() -> None:
    with pytest.raises(ValueError, match="could not be broadcast") as caught:
        eval("np.einsum('ij,jk->ik', np.ones((2, 3)), np.ones((4, 5)))", {"np": np})
    assert raised(caught.value).startswith("ValueError: operands")
    assert ", line " not in raised(caught.value)


# -- through a backend ---------------------------------------------------------------------------------------------


def _called(kind: type[Right], *calls: Array) -> Any:
    caller = InProcess(complete(kind(), "x", "x"))
    return [caller.call("im2col", _SPEC, [x]) for x in calls][-1]


class _Rereads(Right):
    """Gives back one array, and what it said before in it."""

    kept: Any = None

    def run(self, op: Op, spec: ConvSpec, *arrays: Array | None) -> Any:
        out = super().run(op, spec, *arrays)
        if self.kept is None:
            self.kept = out
        np.copyto(self.kept, out)
        return self.kept


def test_the_result_before_is_watched() -> None:
    x = np.ones(_SPEC.x_shape, np.float32)
    first, same, other = (_called(_Rereads, *calls) for calls in ([x], [x, x], [x, 2 * x]))
    assert (first.shares, first.previous_changed) == ([], 0)
    assert (same.shares, same.previous_changed) == (["the previous result"], 0)
    assert (other.shares, other.previous_changed) == (["the previous result"], 1)


class _WritesBack(Right):
    """Every op but col2im writes into the last result of im2col."""

    last: Any = None

    def run(self, op: Op, spec: ConvSpec, *arrays: Array | None) -> Any:
        out = super().run(op, spec, *arrays)
        if op != "col2im" and self.last is not None:
            self.last += 1
        if op == "im2col":
            self.last = out
        return out


_X, _COLUMNS = np.ones(_SPEC.x_shape, np.float32), np.ones(_SPEC.columns_shape, np.float32)


def _seen(*ops: Op) -> list[tuple[int, list[str]]]:
    """What each call is told to have changed: of its own op, and of others."""
    caller = InProcess(complete(_WritesBack(), "x", "x"))
    given: dict[Op, list[Array]] = {"im2col": [_X], "col2im": [_COLUMNS]}
    given["conv2d_bias_grad"] = [np.ones(_SPEC.y_shape, np.float32)]
    outcomes = [caller.call(op, _SPEC, given[op]) for op in ops]
    return [(one.previous_changed, one.others_changed) for one in outcomes]


def test_a_change_is_told_once_of_the_call_that_made_it() -> None:
    assert _seen("im2col", "im2col", "col2im", "col2im") == [(0, []), (1, []), (0, []), (0, [])]
    assert _seen("im2col", "col2im", "col2im", "im2col", "col2im") == [(0, [])] * 3 + [(3, []), (0, [])]


def test_whose_result_was_changed_is_told() -> None:
    assert _seen("im2col", "conv2d_bias_grad", "im2col", "col2im") == [(0, []), (0, ["im2col"]), (2, []), (0, [])]


@pytest.mark.parametrize("way", ["together", "repeat", "raises"])
def test_what_calls_change_that_nobody_watches_is_not_told_of_the_next(way: str) -> None:
    caller = InProcess(complete(_WritesBack(), "x", "x"))
    caller.call("im2col", _SPEC, [_X])
    one = OneCall("conv2d_bias_grad", _SPEC, [np.ones(_SPEC.y_shape, np.float32)])
    if way == "together":
        caller.together([one])
    elif way == "repeat":
        caller.repeat([one], 2)
    else:
        caller.backend.call("im2col", _SPEC, _X)  # changes the one before
        assert caller.call("im2col", _SPEC, [_X[0]]).error
    after = caller.call("col2im", _SPEC, [_COLUMNS])
    assert (after.previous_changed, after.others_changed) == (0, [])
