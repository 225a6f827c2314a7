"""The ONNX project's own test vectors for Conv and Col2Im in two dimensions, read from an installed `onnx` package.

Importing ONNX's case modules calls `np.random.seed(0)`, so the caller's generator is put back.
`collect_testcases` is never called: it leaves a filter behind that changes what every later call returns.
"""

from __future__ import annotations

import math
import warnings
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from conformance.cases.data.golden import Example
from harness.contract.protocol import Array
from harness.geometry.spec import ConvSpec, PaddingName

_NAMED: dict[str, PaddingName] = {"VALID": "valid", "SAME_UPPER": "same", "SAME_LOWER": "same_lower"}


def unavailable() -> str:
    """Why there are no vectors here, or the empty text."""
    try:
        _node_cases()
    except ImportError as reason:
        return f"{reason} (pip install 'im2col-harness[witnesses]')"
    return ""


@cache
def node_vectors() -> tuple[Example, ...]:
    """The vectors of the operator tests: 6 of Conv and 4 of Col2Im, all whole numbers. Raises `ImportError`."""
    found = []
    for case in _node_cases():
        nodes = case.model.graph.node
        if len(nodes) == 1 and nodes[0].op_type in ("Conv", "Col2Im"):  # else the body of an op written as others
            read = _conv if nodes[0].op_type == "Conv" else _col2im
            found += [read(case.name, nodes[0], inputs, outputs[0]) for inputs, outputs in case.data_sets]
    return tuple(example for example in found if example is not None)


@cache
def model_vectors() -> tuple[Example, ...]:
    """Convolutions that PyTorch computed in float32 on real data: bias, groups, dilation. Raises `ImportError`.

    12 in onnx 1.22 and 1.23; the project means to delete them, and then there are none.
    """
    import onnx

    data = Path(onnx.__file__).parent / "backend" / "test" / "data"
    folders = [*sorted(data.glob("pytorch-converted/test_Conv2d*")), data / "pytorch-operator" / "test_operator_conv"]
    found = [_model(folder) for folder in folders if (folder / "model.onnx").exists()]
    return tuple(example for example in found if example is not None)


@cache
def _node_cases() -> list[Any]:
    state = np.random.get_state()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            from onnx.backend.test.case.node import _NodeTestCases, col2im, conv  # noqa: F401  (importing makes cases)
    finally:
        np.random.set_state(state)
    return list(_NodeTestCases)


def _model(folder: Path) -> Example | None:
    import onnx
    from onnx import numpy_helper

    graph = onnx.load(str(folder / "model.onnx")).graph
    known = {tensor.name: numpy_helper.to_array(tensor) for tensor in graph.initializer}
    fed = iter(sorted((folder / "test_data_set_0").glob("input_*.pb")))
    node = graph.node[0]
    inputs = [known[name] if name in known else _tensor(next(fed)) for name in node.input]
    return _conv(folder.name, node, inputs, _tensor(folder / "test_data_set_0" / "output_0.pb"))


def _tensor(path: Path) -> Array:
    from onnx import load_tensor, numpy_helper

    tensor: Array = numpy_helper.to_array(load_tensor(str(path)))
    return tensor


def _conv(name: str, node: Any, inputs: list[Array], expected: Array) -> Example | None:
    x, w = inputs[:2]
    if x.ndim != 4:
        return None
    spec = ConvSpec.of(
        batch=x.shape[0], in_channels=x.shape[1], input_size=x.shape[2:], out_channels=w.shape[0],
        kernel_size=w.shape[2:], **_geometry(node),
    )  # fmt: skip
    return Example("conv2d", spec, (x, w, inputs[2] if len(inputs) > 2 else None), expected, name)


def _col2im(name: str, node: Any, inputs: list[Array], expected: Array) -> Example | None:
    columns, image, block = inputs[0], inputs[1].tolist(), inputs[2].tolist()
    if len(image) != 2:
        return None
    spec = ConvSpec.of(
        batch=columns.shape[0], in_channels=columns.shape[1] // math.prod(block), input_size=image, out_channels=1,
        kernel_size=block, **_geometry(node),
    )  # fmt: skip
    return Example("col2im", spec, (columns,), expected, name)


def _geometry(node: Any) -> dict[str, Any]:
    """Keywords of `ConvSpec.of` from ONNX attributes. ONNX lists all begins of the padding, then all ends."""
    from onnx import helper

    given = {a.name: helper.get_attribute_value(a) for a in node.attribute}
    top, left, bottom, right = given.get("pads", (0, 0, 0, 0))
    named = _NAMED.get(given.get("auto_pad", b"NOTSET").decode())
    return {
        "stride": given.get("strides", 1),
        "padding": named or (top, bottom, left, right),
        "dilation": given.get("dilations", 1),
        "groups": given.get("group", 1),
    }
