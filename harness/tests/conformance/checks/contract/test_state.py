"""The clauses about what was called before: caches that forget, arrays that change, and the thousandth call."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from conformance.cases.neighbours import neighbours
from conformance.checks.contract import state
from harness.contract.protocol import Array
from harness.geometry.spec import ConvSpec, Op
from harness.tests.helpers.faults.clauses import on_call, on_spec, put, told
from harness.tests.helpers.faults.faulty import Right

_PLAIN = "n2c3h6w7_f4kh3kw2"
_GROUPED = "n2c4h9w10_f4kh3kw2_sh3sw4_pt1pb1pl2pr1_dh1dw2_g2"
_FIELDS: dict[str, Callable[[ConvSpec], object]] = {
    "batch": lambda s: s.batch, "channels": lambda s: s.in_channels, "filters": lambda s: s.out_channels,
    "groups": lambda s: s.groups, "height": lambda s: s.input_size[0], "width": lambda s: s.input_size[1],
    "kernel_height": lambda s: s.kernel_size[0], "kernel_width": lambda s: s.kernel_size[1],
    "stride_h": lambda s: s.stride[0], "stride_w": lambda s: s.stride[1], "top": lambda s: s.padding[0],
    "bottom": lambda s: s.padding[1], "left": lambda s: s.padding[2], "right": lambda s: s.padding[3],
    "dilation_h": lambda s: s.dilation[0], "dilation_w": lambda s: s.dilation[1],
}  # fmt: skip


def _cached_by(key: Callable[[ConvSpec], object]) -> type[Right]:
    """Works with the stride, pads and dilation of the first call with the same key: zeros, where those differ."""

    class Wrong(Right):
        def __init__(self) -> None:
            self.seen: dict[object, ConvSpec] = {}

        def run(self, op: Op, spec: ConvSpec, *arrays: Array | None) -> Any:
            out = super().run(op, spec, *arrays)
            return out if self.seen.setdefault((op, key(spec)), spec) == spec else np.zeros_like(out)

    return Wrong


@pytest.mark.parametrize("forgotten", _FIELDS)
def test_a_cache_that_forgets_one_parameter_is_seen(forgotten: str) -> None:
    """The worst kind: it never forgets what the shape of the result says, so that no shape is ever wrong."""
    kept = [field for name, field in _FIELDS.items() if name != forgotten]
    wrong = _cached_by(lambda s: (s.columns_shape, s.x_shape, s.w_shape, s.y_shape, *(field(s) for field in kept)))
    in_shapes = ("batch", "groups", "channels", "filters", "height", "width", "kernel_height", "kernel_width")
    status, text = told(wrong, f"contract.state/conv2d/float32/{_GROUPED}")
    assert status == ("pass" if forgotten in in_shapes else "fail"), (
        text
    )  # these are in the shapes: nothing is forgotten
    assert not text or text.startswith("conv2d on n2c")


def test_it_is_told_after_what_the_result_was_wrong() -> None:
    wrong = on_spec(_GROUPED.replace("pl2", "pl3"), put(1e6, 0, 1, 2))
    status, text = told(wrong, f"contract.state/im2col/float32/{_GROUPED}")
    assert status == "fail"
    assert text.startswith(f"im2col on {_GROUPED.replace('pl2', 'pl3')}, pl: 1 of ")
    status, text = told(on_call(3, put(1e6, 0, 1, 2)), f"contract.state/im2col/float32/{_GROUPED}")
    assert text.startswith(f"im2col on {_GROUPED}, after a call with stride 1, no padding, no dilation: 1 of ")


def test_neighbours_differ_in_one_parameter_or_in_two_that_belong_together() -> None:
    spec = ConvSpec.parse(_GROUPED)
    found = neighbours(spec)
    assert len(found) == len(set(found)) > 40
    changed = {name: [field for field, of in _FIELDS.items() if of(other) != of(spec)] for name, other in found}
    assert all(len(fields) == name.count(",") + 1 for name, fields in changed.items() if "exchanged" not in name
               and "moved" not in name), changed  # fmt: skip
    assert {fields[0] for fields in changed.values() if len(fields) == 1} == set(_FIELDS)
    same_size = {name for name, other in found if other.output_size == spec.output_size}
    assert {"n", "c", "f", "h", "w", "pt", "pb", "pl", "pr", "dh", "dw", "sh", "sw", "pt moved to pb"} <= same_size


@pytest.mark.parametrize("text", ["n1c1h2w9_f1kh3kw2_pt1pb0pl0pr0", "n1c1h9w1_f1kh3kw2_pt0pb0pl1pr0"])
def test_of_a_kernel_that_needs_the_padding_none_is_made_without(text: str) -> None:
    assert state._same_shapes(ConvSpec.parse(text)) == []


class _KeptByIdentity(Right):
    """Takes the values that an array had when it was first seen."""

    which = 0

    def __init__(self) -> None:
        self.seen: dict[int, tuple[Any, Any]] = {}

    def run(self, op: Op, spec: ConvSpec, *arrays: Array | None) -> Any:
        a = arrays[min(self.which, len(arrays) - 1)]
        assert a is not None
        _, kept = self.seen.setdefault(id(a), (a, a.copy()))
        given = list(arrays)
        given[min(self.which, len(arrays) - 1)] = kept
        return super().run(op, spec, *given)


def _by_ends(a: Array) -> object:
    flat = a.reshape(a.size)
    return (float(flat[0]), float(flat[-1]), float(flat.sum()))


class _KeptByEnds(Right):
    """Takes an array for known whose ends and sum it knows."""

    def __init__(self) -> None:
        self.seen: dict[object, Any] = {}

    def run(self, op: Op, spec: ConvSpec, *arrays: Array | None) -> Any:
        given = [None if a is None else self.seen.setdefault((a.shape, _by_ends(a)), a.copy()) for a in arrays]
        return super().run(op, spec, *given)


@pytest.mark.parametrize("op", ["im2col", "col2im", "conv2d", "conv2d_input_grad", "conv2d_weight_grad"])
@pytest.mark.parametrize("which", [0, 1, 2])
def test_an_array_that_is_changed_in_place_is_read_again(op: Op, which: int) -> None:
    wrong = type("Kept", (_KeptByIdentity,), {"which": which})
    case = f"contract.in_place/{op}/float32/{_PLAIN}"
    assert told(Right, case) == ("pass", "")
    status, text = told(wrong, case)
    assert status == "fail"
    assert " in place: " in text
    assert told(_KeptByEnds, case)[0] == "fail"


@pytest.mark.parametrize("number", [2, 7, 99, 128, 1000, 1024, 1100])
def test_one_call_of_many_is_seen(number: int) -> None:
    case = "contract.many_calls/im2col/float32/n1c2h2w3_f2kh2kw2"
    assert told(Right, case) == ("pass", "")
    status, text = told(on_call(number, put(1e6, 0, 1, 1)), case)
    assert status == "fail"
    same = "im2col, call 7 of 1,100: another result than the first time, which was wrong"
    assert text == same if number == 2 else text.startswith(f"im2col, call {number} of 1,100: 1 of 16 elements differ")
    assert told(on_call(1101, put(1e6, 0, 1, 1)), case)[0] == "pass"


def test_what_one_call_of_many_raises_is_told_with_its_number() -> None:
    def fail(out: Any) -> Any:
        raise OverflowError("too many")

    status, text = told(on_call(321, fail), "contract.many_calls/im2col/float32/n1c2h2w3_f2kh2kw2")
    assert status == "fail"
    assert text.startswith("call 321 of many: im2col raised OverflowError: too many")


def test_results_that_say_nothing_else_than_numbers_are_compared() -> None:
    """A NaN in place of a number, and another dtype, are another result as well."""
    for spoil in (put(np.nan, 0, 1, 1), lambda out: out.astype(np.float64)):
        assert told(on_call(500, spoil), "contract.many_calls/im2col/float32/n1c2h2w3_f2kh2kw2")[0] == "fail"
