"""What completing fills in: a default where a member is missing, the member where it is there, derived refusals."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from harness.contract.adapter import AdapterError, complete
from harness.geometry.spec import ALL_OPS, OPS, ConvSpec, Op

_SPEC = ConvSpec.parse("n2c6h5w4_f9kh2kw3_pt1pb0pl0pr0_g3")
_FLOATS, _OTHERS = ("float32", "float64"), ("float16", "int32", "int64", "complex64")


class Two:
    """Two functions, and no more."""

    def im2col(self, x: Any, spec: ConvSpec) -> Any:
        """Says what it was given."""
        return "im2col", x, spec

    def col2im(self, columns: Any, spec: ConvSpec) -> Any:
        """Says what it was given."""
        return "col2im", columns, spec


class All(Two):
    """Every member there is."""

    numerics = "winograd"

    def __init__(self) -> None:
        self.waited: list[Any] = []

    def conv2d(self, x: Any, w: Any, b: Any, spec: ConvSpec) -> Any:
        """Its own."""
        return "conv2d", x, w, b, spec

    def conv2d_input_grad(self, dy: Any, w: Any, spec: ConvSpec) -> Any:
        """Its own."""
        return "dx", dy, w, spec

    def conv2d_weight_grad(self, dy: Any, x: Any, spec: ConvSpec) -> Any:
        """Its own."""
        return "dw", dy, x, spec

    def conv2d_bias_grad(self, dy: Any, spec: ConvSpec) -> Any:
        """Its own."""
        return "db", dy, spec

    def unsupported(self, op: Op, spec: ConvSpec, dtype: str) -> str | None:
        """Only one thing."""
        return f"{op} in {dtype}" if dtype == "int64" else None

    def from_numpy(self, a: Any) -> Any:
        """There."""
        return "there", a

    def to_numpy(self, a: Any) -> Any:
        """Back."""
        return "back", a

    def synchronize(self, a: Any) -> None:
        """Remembers."""
        self.waited.append(a)

    def seconds(self, call: Any) -> float:
        """Half of one."""
        return 0.5

    def info(self) -> dict[str, Any]:
        """Of numbers too."""
        return {"device": "card", 7: 3.5}  # type: ignore[dict-item]

    def ceilings(self) -> dict[str, Any]:
        """One."""
        return {"device": "card"}


def test_what_is_missing_has_a_default() -> None:
    backend, a = complete(Two(), "two", "two.py"), np.ones(3)
    assert (backend.name, backend.target, backend.numerics) == ("two", "two.py", "gemm")
    assert backend.native == {"im2col", "col2im"}
    assert (backend.seconds, backend.ceilings) == (None, None)
    assert backend.info == {"device": "cpu", "numpy": np.__version__}
    assert backend.from_numpy(a) is a
    assert backend.to_numpy(a) is a
    assert backend.synchronize(a) is None  # type: ignore[func-returns-value]


@pytest.mark.parametrize("op", OPS)
def test_without_a_word_on_dtypes_it_claims_two(op: Op) -> None:
    backend = complete(Two(), "two", "two.py")
    assert [backend.unsupported(op, _SPEC, dtype) for dtype in _FLOATS] == [None, None]
    assert [backend.unsupported(op, _SPEC, d) for d in _OTHERS] == [f"dtype {d} is not claimed" for d in _OTHERS]


def test_what_is_there_is_taken() -> None:
    own = All()
    backend = complete(own, "all", "all.py")
    assert backend.native == set(OPS)
    assert backend.numerics == "winograd"
    assert backend.info == {"device": "card", "7": "3.5"}
    assert backend.from_numpy(np.ones(1))[0] == "there"
    assert backend.to_numpy("x") == ("back", "x")
    backend.synchronize("x")
    assert own.waited == ["x"]
    assert backend.seconds is not None
    assert backend.ceilings is not None
    assert (backend.seconds(lambda: None), backend.ceilings()) == (0.5, {"device": "card"})


def test_every_op_is_its_own_where_there_is_one() -> None:
    backend = complete(All(), "all", "all.py")
    given = {op: tuple("abc"[: len(_SPEC.input_shapes(op))]) for op in OPS}
    assert {op: backend.call(op, _SPEC, *given[op]) for op in OPS} == {
        "im2col": ("im2col", "a", _SPEC),
        "col2im": ("col2im", "a", _SPEC),
        "conv2d": ("conv2d", "a", "b", "c", _SPEC),
        "conv2d_input_grad": ("dx", "a", "b", _SPEC),
        "conv2d_weight_grad": ("dw", "a", "b", _SPEC),
        "conv2d_bias_grad": ("db", "a", _SPEC),
    }


def test_an_own_answer_on_dtypes_replaces_ours() -> None:
    backend = complete(All(), "all", "all.py")
    assert backend.unsupported("conv2d", _SPEC, "int32") is None
    assert backend.unsupported("conv2d", _SPEC, "int64") == "conv2d in int64"


@pytest.mark.parametrize("numerics", ["direct", "gemm", "tf32", "winograd", "fft"])
def test_numerics_are_of_a_kind_that_has_a_bound(numerics: str) -> None:
    own = All()
    own.numerics = numerics
    assert complete(own, "x", "x").numerics == numerics


class Picky(Two):
    """Refuses some ops, each for a reason of its own."""

    refused: tuple[Op, ...] = ()

    def unsupported(self, op: Op, spec: ConvSpec, dtype: str) -> str | None:
        """Names the op, the padding and the dtype."""
        return f"{op} {spec.padding[0]} {dtype}" if op in self.refused else None


@pytest.mark.parametrize(
    ("refused", "also"),
    [
        ("im2col", {"conv2d", "conv2d_weight_grad"}),
        ("col2im", {"conv2d_input_grad"}),
        ("conv2d", set()),
        ("conv2d_bias_grad", set()),
    ],
)
def test_what_is_derived_is_refused_with_what_it_needs(refused: Op, also: set[Op]) -> None:
    own = Picky()
    own.refused = (refused,)
    backend = complete(own, "x", "x")
    answers = {op: backend.unsupported(op, _SPEC, "float64") for op in OPS}
    assert answers == {op: f"{refused} 1 float64" if op in {refused, *also} else None for op in OPS}


def test_the_own_reason_comes_first() -> None:
    own = Picky()
    own.refused = ("im2col", "conv2d")
    assert complete(own, "x", "x").unsupported("conv2d", _SPEC, "float32") == "conv2d 1 float32"


@pytest.mark.parametrize("answer", [True, 0, ["no"]])
def test_a_reason_is_a_text(answer: Any) -> None:
    class Odd(Two):
        def unsupported(self, op: Op, spec: ConvSpec, dtype: str) -> Any:
            return answer

    with pytest.raises(AdapterError) as caught:
        complete(Odd(), "x", "x").unsupported("im2col", _SPEC, "float32")
    assert str(caught.value) == f"unsupported must return a reason in words or None, got {answer!r}"


def said(candidate: Any) -> str:
    """What completing a candidate raises."""
    with pytest.raises(AdapterError) as caught:
        complete(candidate, "mine", "mine.py")
    return str(caught.value)


SIGNATURES = {
    "im2col": "im2col(x, spec)",
    "col2im": "col2im(columns, spec)",
    "conv2d": "conv2d(x, w, b, spec)",
    "conv2d_input_grad": "conv2d_input_grad(dy, w, spec)",
    "conv2d_weight_grad": "conv2d_weight_grad(dy, x, spec)",
    "conv2d_bias_grad": "conv2d_bias_grad(dy, spec)",
    "unsupported": "unsupported(op, spec, dtype)",
    "from_numpy": "from_numpy(a)",
    "to_numpy": "to_numpy(a)",
    "synchronize": "synchronize(a)",
    "seconds": "seconds(call)",
    "info": "info()",
    "ceilings": "ceilings()",
}


@pytest.mark.parametrize("member", SIGNATURES)
def test_every_member_has_its_signature(member: str) -> None:
    """One argument too few and one too many are told with what is there and what is wanted; a number is none."""
    wanted = SIGNATURES[member]
    none: Any = lambda: {}  # noqa: E731
    five: Any = lambda a, b, c, d, e: None  # noqa: E731
    for function, text in ((none, "()"), (five, "(a, b, c, d, e)")):
        own = All()
        setattr(own, member, function)
        if wanted.endswith("()") and text == "()":
            complete(own, "x", "x")
        else:
            assert said(own) == f"mine.py: {member}{text} must take {wanted}"
    own = All()
    setattr(own, member, 3)
    assert said(own) == f"mine.py: {member} must be a function {wanted}, got int"


_ONE_OP: dict[Op, list[Op]] = {
    "im2col": [
        "im2col",
        "conv2d",
        "conv2d_weight_grad",
        "conv2d_bias_grad",
        "max_pool2d",
        "avg_pool2d",
        "avg_pool2d_exclude_padding",
    ],
    "col2im": ["col2im", "conv2d_input_grad", "conv2d_bias_grad", "avg_pool2d_grad", "avg_pool2d_exclude_padding_grad"],
    "conv2d": ["conv2d"],
    "conv2d_input_grad": ["conv2d_input_grad"],
    "conv2d_weight_grad": ["conv2d_weight_grad"],
    "conv2d_bias_grad": ["conv2d_bias_grad"],
}


@pytest.mark.parametrize("only", _ONE_OP)
def test_one_op_is_enough_and_what_does_not_follow_is_not_implemented(only: Op) -> None:
    class One:
        """Has one op."""

    setattr(One, only, lambda self, *arguments: arguments[0])
    backend = complete(One(), "one", "mine.py")
    refused = {op: backend.unsupported(op, _SPEC, "float32") for op in ALL_OPS}
    assert refused == {op: None if op in _ONE_OP[only] else "not implemented" for op in ALL_OPS}
    assert set(backend.ops) == set(_ONE_OP[only])


def test_an_op_is_compulsory() -> None:
    assert said(object()) == (
        f"mine.py has no op; a backend needs one at least: {', '.join(SIGNATURES[op] for op in OPS)}"
    )


@pytest.mark.parametrize(
    ("given", "text"),
    [
        (["from_numpy"], "defines from_numpy but not to_numpy, synchronize"),
        (["to_numpy", "synchronize"], "defines to_numpy, synchronize but not from_numpy"),
        (["from_numpy", "to_numpy"], "defines from_numpy, to_numpy but not synchronize"),
        (["from_numpy", "synchronize"], "defines from_numpy, synchronize but not to_numpy"),
    ],
)
def test_conversions_are_given_all_or_none(given: list[str], text: str) -> None:
    own = Two()
    for member in given:
        setattr(own, member, lambda a: a)
    assert said(own) == f"mine.py {text}: give all of from_numpy, to_numpy, synchronize or none"


def test_further_words_on_wrong_members() -> None:
    own = All()
    own.numerics = "fast"
    assert said(own) == "mine.py: numerics must be one of direct, gemm, tf32, winograd, fft, got 'fast'"
    own = All()
    own.info = lambda: ["cpu"]  # type: ignore[method-assign, assignment, return-value]
    assert said(own) == "mine.py: info() must return a dict of strings, got list"


def test_compiled_functions_that_hide_their_signature_are_taken_at_their_word() -> None:
    own = Two()
    own.im2col = max  # type: ignore[method-assign, assignment]
    assert complete(own, "x", "x").native == {"im2col", "col2im"}


def test_pooling_that_is_called_otherwise_is_the_plug_ins_own_affair() -> None:
    """A module that had a `max_pool2d(x, k, s)` before pooling was in the contract stays what it was."""

    class Older(Two):
        avg_pool2d = 3

        def max_pool2d(self, x: Any, k: int, s: int, p: int) -> Any:
            raise AssertionError("called as if it were the contract's")

        def max_pool2d_grad(self, dy: Any, x: Any, spec: ConvSpec) -> Any:
            return "its own"

    backend = complete(Older(), "older", "mine.py")
    assert backend.native == {"im2col", "col2im", "max_pool2d_grad"}
    assert set(backend.ops) == set(ALL_OPS)
    assert backend.ops["max_pool2d_grad"](None, None, _SPEC) == "its own"
