"""Reads the convolutions of an ONNX model: every `Conv` of its graph, with the sizes that shape inference finds.

The weights are not needed, so those that lie in files beside the model are not loaded.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

from harness.geometry.shape_files.found import Found, Layer, LeftOut, ShapesError, merged, printable, suite_of
from harness.geometry.spec import ConvSpec, PaddingName, SpecError
from harness.telling import named

SUFFIX = ".onnx"
_Shapes = Mapping[str, Sequence[int | None]]
_PADDING: dict[str, PaddingName] = {"SAME_UPPER": "same", "SAME_LOWER": "same_lower", "VALID": "valid"}
_OTHERS = {
    "ConvTranspose": "ConvTranspose, which is the input gradient of another spec",
    "ConvInteger": "ConvInteger, of quantised numbers", "QLinearConv": "QLinearConv, of quantised numbers",
    "DeformConv": "DeformConv, whose windows are not regular",
}  # fmt: skip


class _NotRead(ValueError):
    """Why a node is left out."""


class _Conv(NamedTuple):
    """One node: its number, its name, its attributes, and the names of x, w and y."""

    number: int
    name: str
    attributes: Mapping[str, Any]
    x: str
    w: str
    y: str


def read(path: Path, shown: str) -> Found:
    """The layers, `file:node`; those of one geometry are one, counted. A batch that is not fixed is 1.

    Raises `ShapesError` if onnx is not installed, the file is no model, or a node contradicts itself.
    """
    try:
        import onnx.inliner  # a library of its own, only for those who ask for it
        import onnx.shape_inference
    except ImportError:
        raise ShapesError(f"reading {path.name} needs onnx: pip install 'im2col-harness[onnx]'") from None
    try:
        model = onnx.load(str(path), load_external_data=False)
        if model.functions:
            model = onnx.inliner.inline_local_functions(model)
        _fix_batch(model.graph)
        graph = onnx.shape_inference.infer_shapes(model, data_prop=True).graph
    except OSError as error:
        raise ShapesError(f"{shown} cannot be read: {error.strerror or error}") from None
    except Exception as error:  # protobuf's, onnx's own, and whatever its C++ raises
        raise ShapesError(f"{shown} is no ONNX model that onnx can read: {named(error)}") from None
    if not graph.node:
        raise ShapesError(f"{shown} is no ONNX model: its graph has no node")
    shapes = _shapes(graph)
    layers, left_out = [], []
    for number, node in enumerate(graph.node, start=1):
        left_out += [LeftOut(number, why) for why in _why_left_out(node)]
        if node.op_type != "Conv" or node.domain not in ("", "ai.onnx"):
            continue
        attributes = {a.name: onnx.helper.get_attribute_value(a) for a in node.attribute}
        name = printable(node.name or node.output[0])
        conv = _Conv(number, name, attributes, node.input[0], node.input[1], node.output[0])
        try:
            layers.append(Layer(name, _spec(conv, shapes), 1))
        except _NotRead as reason:
            left_out.append(LeftOut(number, str(reason)))
        except SpecError as error:
            raise ShapesError(f"{shown}, node {number} ({name}): {error}") from error
    suite = suite_of(path.stem, bool(left_out))
    return Found([replace(layer, name=f"{suite}:{layer.name}") for layer in merged(layers)], left_out, "node")


def _fix_batch(graph: Any) -> None:
    """Give the first dimension of every input the size 1 where it has none."""
    constants = {tensor.name for tensor in graph.initializer}
    for given in graph.input:
        dims = given.type.tensor_type.shape.dim
        if given.name not in constants and dims and not dims[0].HasField("dim_value"):
            dims[0].dim_value = 1


def _shapes(graph: Any) -> _Shapes:
    """Every tensor whose number of dimensions is known; None for a size that is not."""
    found: dict[str, Sequence[int | None]] = {}
    for value in (*graph.input, *graph.value_info, *graph.output):
        kind = value.type.tensor_type
        if kind.HasField("shape"):
            found[value.name] = [d.dim_value if d.HasField("dim_value") else None for d in kind.shape.dim]
    return found | {tensor.name: list(tensor.dims) for tensor in graph.initializer}


def _why_left_out(node: Any) -> Iterator[str]:
    """What of a node is a convolution that is not read."""
    if node.op_type in _OTHERS:
        yield _OTHERS[node.op_type]
    elif "Conv" in node.op_type and (node.op_type != "Conv" or node.domain not in ("", "ai.onnx")):
        yield f"{node.op_type} of {node.domain or 'ONNX'}, which we do not know"
    for attribute in node.attribute:
        for graph in (attribute.g, *attribute.graphs):
            if any(_has_convolution(inner) for inner in graph.node):
                yield f"a convolution within a branch of {node.op_type}"


def _has_convolution(node: Any) -> bool:
    within = (inner for a in node.attribute for graph in (a.g, *a.graphs) for inner in graph.node)
    return "Conv" in node.op_type or any(map(_has_convolution, within))


def _spec(conv: _Conv, shapes: _Shapes) -> ConvSpec:
    """The geometry of a node; 1-D has the height 1. Raises `_NotRead`, and `SpecError` if it contradicts itself."""
    batch, channels, *size = _known(conv.x, "the size of its input", shapes)
    filters, of_group, *kernel = _known(conv.w, "the shape of its weights", shapes)
    if len(size) != len(kernel):
        raise SpecError(f"input and weights must have as many dimensions, got {len(size) + 2} and {len(kernel) + 2}")
    if len(size) > 2:
        raise _NotRead(f"{len(size)}-D")
    groups = conv.attributes.get("group", 1)
    if channels != of_group * groups:
        raise SpecError(f"in_channels must be those of a group times groups: {channels} != {of_group} * {groups}")
    ones = [1] * len(size)
    pads = conv.attributes.get("pads", [0] * 2 * len(size))  # of all beginnings, then of all ends
    top, left = _two(pads[: len(size)], 0)
    bottom, right = _two(pads[len(size) :], 0)
    spec = ConvSpec.of(
        batch=batch, in_channels=channels, input_size=_two(size), out_channels=filters, kernel_size=_two(kernel),
        stride=_two(conv.attributes.get("strides", ones)), dilation=_two(conv.attributes.get("dilations", ones)),
        padding=_PADDING.get(conv.attributes.get("auto_pad", b"").decode()) or (top, bottom, left, right),
        groups=groups,
    )  # fmt: skip
    made = [size for size in shapes.get(conv.y, [])[2:] if size is not None]
    if len(made) == len(size) and _two(made) != spec.output_size:
        raise SpecError(f"the geometry gives {spec.output_size} positions, the model states {_two(made)}")
    return spec


def _two(values: Sequence[int], missing: int = 1) -> tuple[int, int]:
    """(height, width), of both or of the width alone."""
    return (values[0], values[1]) if len(values) == 2 else (missing, values[0])


def _known(name: str, what: str, shapes: _Shapes) -> list[int]:
    """The sizes of a tensor; of images that are not fixed there is one. Raises `_NotRead` if another is not known."""
    shape = shapes.get(name)
    if shape is None or len(shape) < 3:
        raise _NotRead(f"{what} is not known")
    if None in shape[1:]:
        text = ", ".join("?" if size is None else str(size) for size in shape)
        raise _NotRead(f"{what} is not fixed: ({text})")
    return [1 if size is None else size for size in shape]
