"""What a loaded object must have, what is derived from it, how mistakes are told, and who tells the stages of an op."""

from __future__ import annotations

from typing import Any

import pytest

from harness import RegistryError, load
from harness.contract.adapter import complete
from harness.geometry.spec import OPS, ConvSpec, Op
from harness.tests.helpers.plugins import GOOD, Write

_SPEC = ConvSpec.parse("n2c6h9w10_f6kh4kw2_sh2sw3_pt1pb2pl0pr1_dh1dw2_g2")


def message(target: object) -> str:
    """The text of the error that loading gives."""
    with pytest.raises(RegistryError) as caught:
        load(str(target))
    return str(caught.value)


# -- what is wrong with a candidate --------------------------------------------------------------------------------


def test_im2col_alone_is_enough(write: Write) -> None:
    backend = load(str(write("half.py", GOOD.partition("def col2im")[0])))
    assert backend.unsupported("im2col", _SPEC, "float32") is None
    assert backend.unsupported("col2im", _SPEC, "float32") == "not implemented"


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ("def conv2d(x, w, spec):\n    return x\n", "conv2d(x, w, spec) must take conv2d(x, w, b, spec)"),
        ("def unsupported(op):\n    return None\n", "unsupported(op) must take unsupported(op, spec, dtype)"),
        ("conv2d = 3\n", "conv2d must be a function conv2d(x, w, b, spec), got int"),
        ("def from_numpy(a):\n    return a\n", "defines from_numpy but not to_numpy, synchronize: give all of"),
        ("bias = 'no'\n", "bias must be True, or False if conv2d takes none, got 'no'"),
        ("bias = None\n", "bias must be True, or False if conv2d takes none, got None"),
        ("numerics = 'fast'\n", "numerics must be one of direct, gemm, tf32, winograd, fft, got 'fast'"),
        ("def info():\n    return 'cpu'\n", "info() must return a dict of strings, got str"),
    ],
    ids=["signature", "signature_of_unsupported", "no_function", "plumbing", "bias", "no bias", "numerics", "info"],
)
def test_a_wrong_member_is_named(write: Write, more: str, said: str) -> None:
    path = write("wrong.py", f"{GOOD}\n\n{more}")
    assert said in message(path)
    assert str(path) in message(path)


def test_further_arguments_with_defaults_are_fine(write: Write) -> None:
    path = write("good.py", GOOD.replace("def im2col(x, spec)", "def im2col(x, spec, block=64)"))
    assert load(str(path)).name == "good"


def test_an_op_set_to_none_is_not_native(write: Write) -> None:
    """Or is refused as a member that is no function; it must not be called."""
    path = write("mine.py", f"{GOOD}\n\nconv2d = None\n")
    try:
        native = load(str(path)).native
    except RegistryError:
        native = frozenset()
    assert "conv2d" not in native


# -- native, derived, refused --------------------------------------------------------------------------------------


class Partial:
    """Has its own conv2d, refuses im2col with padding, and claims float16."""

    def im2col(self, x: object, spec: ConvSpec) -> object:
        raise NotImplementedError

    def col2im(self, columns: object, spec: ConvSpec) -> object:
        raise NotImplementedError

    def conv2d(self, x: object, w: object, b: object, spec: ConvSpec) -> str:
        return "own"

    def unsupported(self, op: Op, spec: ConvSpec, dtype: str) -> str | None:
        return "padding" if op == "im2col" and any(spec.padding) else None


class NoGather(Partial):
    """Refuses im2col, and has no convolution of its own."""

    conv2d = property()  # hides the inherited one from hasattr


def test_native_ops_are_kept_and_others_derived() -> None:
    backend = complete(Partial(), "partial", "a.py")
    assert backend.native == {"im2col", "col2im", "conv2d"}
    assert backend.ops["conv2d"](None, None, None, _SPEC) == "own"
    with pytest.raises(NotImplementedError):
        backend.ops["conv2d_weight_grad"](None, None, _SPEC)


def test_a_refused_im2col_refuses_what_is_derived_from_it() -> None:
    backend = complete(NoGather(), "partial", "a.py")
    refused = [op for op in OPS if backend.unsupported(op, _SPEC, "float32") == "padding"]
    assert refused == ["im2col", "conv2d", "conv2d_weight_grad"]
    assert backend.unsupported("conv2d", ConvSpec.parse("n1c1h3w3_f1kh2kw2"), "float32") is None


def test_a_refused_col2im_refuses_the_derived_input_gradient() -> None:
    class NoScatter(NoGather):
        def unsupported(self, op: Op, spec: ConvSpec, dtype: str) -> str | None:
            return "scatter" if op == "col2im" else None

    backend = complete(NoScatter(), "partial", "a.py")
    assert [op for op in OPS if backend.unsupported(op, _SPEC, "float32")] == ["col2im", "conv2d_input_grad"]


def test_a_native_op_is_not_refused_with_im2col() -> None:
    assert complete(Partial(), "partial", "a.py").unsupported("conv2d", _SPEC, "float32") is None


# -- stages ----------------------------------------------------------------------------------------------------------


class Two:
    """Two functions, and stages of whatever it is asked."""

    def im2col(self, x: Any, spec: ConvSpec) -> Any: ...

    def col2im(self, columns: Any, spec: ConvSpec) -> Any: ...

    def stages(self, op: Op, spec: ConvSpec) -> Any:
        """One stage."""
        return [(f"all of {op}", lambda *arrays: spec)]


class Own(Two):
    """With a convolution of its own."""

    def conv2d(self, x: Any, w: Any, b: Any, spec: ConvSpec) -> Any: ...


class Silent(Own):
    """Which it does not divide."""

    def stages(self, op: Op, spec: ConvSpec) -> Any:
        """Nothing."""
        return None


class Another(Own):
    """Which has something else of that name."""

    def stages(self) -> Any:  # type: ignore[override]
        """Not ours."""
        raise AssertionError("it is the user's own affair")


class Fields(Own):
    """Or a field."""

    stages: Any = ("build", "test")


def told(candidate: Any) -> dict[str, list[str]]:
    """The names of the stages of each op that has any."""
    backend = complete(candidate, "mine", "mine.py")
    found = {op: [name for name, _ in backend.stages(op, _SPEC)] for op in OPS}
    return {op: names for op, names in found.items() if names}


def test_stages_are_the_backends_own_of_its_own_ops() -> None:
    assert told(Own()) == {op: [f"all of {op}"] for op in ("im2col", "col2im", "conv2d")}


def test_those_of_a_derived_convolution_are_ours() -> None:
    expected = {"im2col": ["all of im2col"], "col2im": ["all of col2im"], "conv2d": ["im2col", "product", "bias"]}
    assert told(Two()) == expected


@pytest.mark.parametrize("candidate", [Silent, Another, Fields])
def test_without_stages_there_are_none(candidate: Any) -> None:
    assert told(candidate()) == {}
