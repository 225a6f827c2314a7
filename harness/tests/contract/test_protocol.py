"""The door: each wrong array is refused in words that name it, the rule and both values; and what a backend can do."""

from __future__ import annotations

from dataclasses import FrozenInstanceError
from typing import Any

import numpy as np
import pytest

from harness.contract.protocol import (
    ARGUMENTS,
    DTYPES,
    SCHEMA,
    ArgumentError,
    BackendUnavailable,
    CompleteBackend,
    validate,
)
from harness.geometry.spec import ALL_OPS, OPS, ConvSpec, Op

_SPEC = ConvSpec.parse("n2c6h5w4_f9kh2kw3_g3")
_DTYPES = "float16, float32, float64, int32, int64"


def arrays(op: Op, dtype: str = "float32") -> list[Any]:
    """What fits."""
    return [np.zeros(shape, dtype) for shape in _SPEC.input_shapes(op)]


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("op", OPS)
def test_what_fits_is_let_in(op: Op, dtype: str) -> None:
    validate(op, _SPEC, *arrays(op, dtype))


def test_only_the_bias_may_be_missing() -> None:
    x, w, _ = arrays("conv2d")
    validate("conv2d", _SPEC, x, w, None)
    for number, name in enumerate(("x", "w")):
        given: list[Any] = [x, w, None]
        given[number] = None
        with pytest.raises(ArgumentError) as caught:
            validate("conv2d", _SPEC, *given)
        assert str(caught.value) == f"{name} of conv2d must be a plain numpy.ndarray, got NoneType"


def test_arguments_have_the_names_of_the_contract() -> None:
    assert ARGUMENTS == {
        "im2col": ("x",),
        "col2im": ("columns",),
        "conv2d": ("x", "w", "b"),
        "conv2d_input_grad": ("dy", "w"),
        "conv2d_weight_grad": ("dy", "x"),
        "conv2d_bias_grad": ("dy",),
        "max_pool2d": ("x",),
        "max_pool2d_grad": ("dy", "x"),
        "avg_pool2d": ("x",),
        "avg_pool2d_grad": ("dy",),
        "avg_pool2d_exclude_padding": ("x",),
        "avg_pool2d_exclude_padding_grad": ("dy",),
    }
    assert tuple(ARGUMENTS) == ALL_OPS


_X, _W, _B = arrays("conv2d")
_COLUMNS = arrays("col2im")[0]
REFUSED: list[tuple[str, list[Any], str]] = [
    ("conv3d", [_X], f"op must be one of {', '.join(ALL_OPS)}, got 'conv3d'"),
    ("conv2d", [_X, _W], "conv2d takes 3 arrays (x, w, b), got 2"),
    ("im2col", [_X, _X], "im2col takes 1 arrays (x), got 2"),
    ("im2col", [], "im2col takes 1 arrays (x), got 0"),
    ("im2col", [_X[:1]], "x of im2col must have shape (2, 6, 5, 4), got (1, 6, 5, 4)"),
    ("im2col", [_X[0]], "x of im2col must have shape (2, 6, 5, 4), got (6, 5, 4)"),
    ("col2im", [_COLUMNS.swapaxes(1, 2)], "columns of col2im must have shape (2, 36, 8), got (2, 8, 36)"),
    ("conv2d", [_X, _W.swapaxes(2, 3), _B], "w of conv2d must have shape (9, 2, 2, 3), got (9, 2, 3, 2)"),
    ("conv2d", [_X, _W, _B[:1]], "b of conv2d must have shape (9,), got (1,)"),
    ("conv2d", [_X, _W, _B[:, None]], "b of conv2d must have shape (9,), got (9, 1)"),
    ("im2col", [_X.tolist()], "x of im2col must be a plain numpy.ndarray, got list"),
    ("im2col", [np.ma.masked_array(_X)], "x of im2col must be a plain numpy.ndarray, got MaskedArray"),
    ("im2col", [_X.astype("complex64")], f"x of im2col must have a dtype among {_DTYPES}, got complex64"),
    ("im2col", [_X.astype("int16")], f"x of im2col must have a dtype among {_DTYPES}, got int16"),
    ("im2col", [_X.astype(">f4")], "x of im2col must have native byte order, got '>f4'"),
    ("conv2d", [_X, _W.astype("f8"), _B], "conv2d takes one dtype a call, got x float32, w float64, b float32"),
    ("conv2d", [_X, _W, _B.astype("f8")], "conv2d takes one dtype a call, got x float32, w float32, b float64"),
    ("conv2d", [_X, _W.astype("f8"), None], "conv2d takes one dtype a call, got x float32, w float64"),
]


@pytest.mark.parametrize(("op", "given", "text"), REFUSED, ids=[text[:60] for _, _, text in REFUSED])
def test_what_does_not_fit_is_refused_in_these_words(op: Any, given: list[Any], text: str) -> None:
    with pytest.raises(ArgumentError) as caught:
        validate(op, _SPEC, *given)
    assert str(caught.value) == text


def test_this_is_the_first_contract() -> None:
    assert SCHEMA == 1


def test_an_unavailable_backend_is_an_import_that_failed_and_an_argument_a_value() -> None:
    assert issubclass(BackendUnavailable, ImportError)
    assert issubclass(ArgumentError, ValueError)


def test_a_complete_backend_goes_there_computes_and_comes_back() -> None:
    said: list[Any] = []

    def there(a: Any) -> str:
        said.append(("there", int(a[0])))
        return f"own {int(a[0])}"

    def compute(*given: Any) -> str:
        said.append(("compute", given))
        return "result"

    def back(a: Any) -> Any:
        said.append(("back", a))
        return np.array([9])

    backend = CompleteBackend(
        name="x", target="x.py", native=frozenset(), ops={"conv2d": compute}, unsupported=lambda op, spec, dtype: None,
        from_numpy=there, to_numpy=back, synchronize=lambda a: None,
    )  # fmt: skip
    assert backend.run("conv2d", _SPEC, np.array([1]), np.array([2]), None).tolist() == [9]
    assert said == [
        ("there", 1), ("there", 2), ("compute", ("own 1", "own 2", None, _SPEC)), ("back", "result"),
    ]  # fmt: skip
    assert backend.call("conv2d", _SPEC, "p", "q", None) == "result"
    assert said[-1] == ("compute", ("p", "q", None, _SPEC))
    assert (backend.numerics, backend.info, backend.seconds, backend.ceilings) == ("gemm", {}, None, None)
    with pytest.raises(FrozenInstanceError):
        backend.name = "y"  # type: ignore[misc]
    assert (
        repr(backend) == "CompleteBackend(name='x', target='x.py', native=frozenset(), numerics='gemm', "
        "subnormals='kept', takes_bias=True, info={})"
    )
