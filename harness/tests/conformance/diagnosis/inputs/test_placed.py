"""What only other memory shows: arrays read as if they were contiguous, refused, or written to."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy.lib.stride_tricks import as_strided

from conformance.diagnosis.cause import Cause
from conformance.diagnosis.diagnose import diagnose
from harness.contract.protocol import Array
from harness.geometry.spec import ConvSpec, Op
from harness.tests.helpers.planted.faults import Planted, planted

Treat = Callable[[ConvSpec, list[Any]], list[Any]]


class _Treating(Planted):
    """Right, on what it makes of its arguments first."""

    def __init__(self, op: Op, treat: Treat) -> None:
        super().__init__(op, lambda spec: False)
        self.treat = treat

    def run(self, op: Op, spec: ConvSpec, *arrays: Array | None) -> Any:
        """One op."""
        return super().run(op, spec, *(self.treat(spec, list(arrays)) if op == self.op else arrays))


def causes(op: Op, treat: Treat) -> list[Cause]:
    """Of a backend that treats the arguments of one op so."""
    return diagnose(planted(_Treating(op, treat)), op, "float64", seconds=60.0)


def flat(a: Array) -> Array:
    """From the first element on, whatever the strides."""
    return as_strided(a, (a.size,), (a.itemsize,)).reshape(a.shape)


def of(number: int, read: Callable[[Array], Array]) -> Treat:
    """One argument read so."""

    def treat(spec: ConvSpec, arrays: list[Any]) -> list[Any]:
        arrays[number] = read(arrays[number]) if arrays[number] is not None and arrays[number].size else arrays[number]
        return arrays

    return treat


def kept_if_fortran(a: Array) -> Array:
    """`flags.forc` is taken for contiguous."""
    return flat(a if a.flags.forc else np.ascontiguousarray(a))


def forward(a: Array) -> Array:
    """With positive strides."""
    return a[tuple(slice(None, None, -1) if step < 0 else slice(None) for step in a.strides)]


def from_the_start(a: Array) -> Array:
    """Of the memory that it is a view of, if that is of one kind."""
    owner = a.base if isinstance(a.base, np.ndarray) and a.base.dtype == a.dtype else a
    return owner.ravel(order="K")[: a.size].reshape(a.shape) if owner.flags.c_contiguous else a


def transposed_if_fortran(a: Array) -> Array:
    """As if the flag of a transposed matrix were set."""
    return a.swapaxes(-1, -2).reshape(a.shape) if a.flags.f_contiguous and not a.flags.c_contiguous else a


def strict(a: Array) -> Array:
    """As `np.frombuffer`."""
    if not a.flags.c_contiguous:
        raise ValueError("ndarray is not C-contiguous")
    return a


def turned(a: Array) -> Array:
    """In place and back: the numbers stay, and a read-only array raises."""
    a *= 2
    a /= 2
    return a


@pytest.mark.parametrize(
    ("op", "number", "read", "says"),
    [
        ("im2col", 0, flat, "takes the memory of `x` for contiguous"),
        ("conv2d", 1, flat, "takes the memory of `w` for contiguous"),
        ("conv2d_weight_grad", 0, flat, "takes the memory of `dy` for contiguous"),
        ("col2im", 0, flat, "takes the memory of `columns` for contiguous"),
        ("im2col", 0, lambda a: a.ravel(order="K").reshape(a.shape), 'as `ravel(order="K")` does'),
        ("im2col", 0, lambda a: as_strided(a, a.shape, (*a.strides[:3], a.itemsize)), "for neighbours in memory"),
        ("im2col", 0, kept_if_fortran, "if that is in Fortran order"),
        ("im2col", 0, forward, "takes the negative strides of `x` for positive ones."),
        ("conv2d", 1, lambda a: flat(forward(a)), "reads `w` from its lowest address on"),
        ("im2col", 0, from_the_start, "the offset of the view is lost."),
        ("im2col", 0, lambda a: np.roll(a, 1) if not a.flags.aligned else a, "where it is not aligned."),
        ("col2im", 0, lambda a: a * 0 if 0 in a.strides else a, "for zeros, where it is broadcast"),
    ],
)  # fmt: skip
def test_how_memory_is_misread_has_a_name(op: Op, number: int, read: Callable[[Array], Array], says: str) -> None:
    (cause,) = causes(op, of(number, read))
    assert cause.kind == "memory"
    assert says in cause.says
    assert ("Fortran order" in cause.says) == (read is kept_if_fortran)
    assert "np.ascontiguousarray" in cause.mend
    assert cause.why.startswith("Plain arrays give the right result; ")


def test_a_transposed_flag_that_is_not_looked_at() -> None:
    (cause,) = causes("im2col", of(0, transposed_if_fortran))
    assert cause.says.startswith("Your im2col reads `x` with its last two axes exchanged, ")
    assert cause.says.endswith(", where it lies in Fortran order.")


def test_two_arguments_that_are_misread_alike_are_one_mistake() -> None:
    def both(spec: ConvSpec, arrays: list[Any]) -> list[Any]:
        return of(1, flat)(spec, of(0, flat)(spec, arrays))

    (cause,) = causes("conv2d", both)
    assert "takes the memory of `x` and `w` for contiguous" in cause.says


def test_wrong_numbers_without_a_name_say_where() -> None:
    (cause,) = causes("im2col", of(0, lambda a: a + (min(a.strides) < 0)))
    assert cause.says == "Your im2col gives wrong numbers where `x` has a negative stride."


def test_an_exception_says_of_which_arrays() -> None:
    (cause,) = causes("im2col", of(0, strict))
    assert cause.says.startswith("Your im2col raises ValueError: ndarray is not C-contiguous")
    assert cause.says.endswith("where `x` is not C-contiguous.")


def test_an_argument_that_is_written_to_and_put_back() -> None:
    (cause,) = causes("im2col", of(0, turned))
    assert cause.says.startswith("Your im2col writes into `x`, and raises where that is read-only (ValueError: ")
    assert "copy" in cause.mend


def test_an_argument_that_is_changed_is_told_with_where_that_raises() -> None:
    def negated(a: Array) -> Array:
        right = a.copy()
        np.negative(a, out=a)
        return right

    (cause,) = causes("conv2d", of(1, negated))
    assert cause.says == "Your conv2d changes its argument `w` in place."
    assert "Where the argument is read-only, it raises ValueError" in cause.why
    assert "`w = w * 2` does not" in cause.mend


def test_when_an_argument_is_changed_is_told_if_it_can_be() -> None:
    def where_not_padded(spec: ConvSpec, arrays: list[Any]) -> list[Any]:
        right = arrays[0].copy()
        if not any(spec.padding):
            arrays[0] += 1
        return [right]

    found = causes("im2col", where_not_padded)
    assert found[0].says == "Your im2col changes its argument `x` in place, where there is no padding."


def test_a_shape_that_is_changed() -> None:
    def opened(a: Array) -> Array:
        right = a.copy()
        a.shape = (1, -1, 1, 1)
        return right

    found = causes("conv2d", of(2, opened))
    assert found[0].says == "Your conv2d changes the shape of its argument `b`."
    assert "`b.reshape(..)` does not" in found[0].mend


def test_memory_that_is_misread_on_some_geometries_is_told_with_these() -> None:
    def treat(spec: ConvSpec, arrays: list[Any]) -> list[Any]:
        return [flat(a) if spec.stride[0] > 1 and a.size else a for a in arrays]

    (cause,) = causes("im2col", treat)
    assert cause.says.startswith("Your im2col takes the memory of `x` for contiguous, ")
    assert cause.says.endswith(", where stride in height > 1.")


def test_memory_that_is_misread_now_and_then_is_not_told_as_if_it_were_always() -> None:
    def treat(spec: ConvSpec, arrays: list[Any]) -> list[Any]:
        return [flat(a) if hash(spec) % 3 and a.size else a for a in arrays]

    (cause,) = causes("im2col", treat)
    assert cause.says.endswith(", on some geometries.")


def test_what_takes_any_memory_has_no_cause() -> None:
    assert causes("conv2d", of(0, np.ascontiguousarray)) == []
