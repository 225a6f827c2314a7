"""ONNX models: real networks, every attribute of a convolution, what is not fixed, and what is left out by its node."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from harness.geometry.layers import Found, ShapesError, read_layers, read_shapes
from harness.geometry.networks import networks
from harness.tests.helpers.plugins import Write

_REASON = "onnx is not installed, and so no model can be made or read"
Save = Callable[..., Path]
Size = int | str | None


def test_without_onnx_one_line_says_how_to_get_it(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "onnx", None)
    with pytest.raises(ShapesError) as caught:
        read_shapes(str(write("model.onnx", "")))
    assert str(caught.value) == "reading model.onnx needs onnx: pip install 'im2col-harness[onnx]'"


@pytest.fixture
def onnx() -> Any:
    """The library."""
    return pytest.importorskip("onnx", reason=_REASON)


@pytest.fixture
def save(onnx: Any, tmp_path: Path) -> Save:
    """Writes a model `net.onnx` of nodes, with the sizes of its input `x` and of its weights by name."""

    def saved(
        nodes: Sequence[Any], x: Sequence[Size], weights: dict[str, Sequence[int]], functions: Sequence[Any] = ()
    ) -> Path:
        helper, real = onnx.helper, onnx.TensorProto.FLOAT
        constants = [helper.make_tensor(n, real, s, bytes(4 * _product(s)), raw=True) for n, s in weights.items()]
        made = helper.make_tensor_value_info(nodes[-1].output[0], real, None)
        graph = helper.make_graph(
            nodes, "net", [helper.make_tensor_value_info("x", real, x)], [made], initializer=constants
        )
        domains = [
            helper.make_opsetid("", 17),
            helper.make_opsetid("com.microsoft", 1),
            *(helper.make_opsetid(f.domain, 1) for f in functions),
        ]
        model = helper.make_model(graph, opset_imports=domains, functions=functions)
        path = tmp_path / "net.onnx"
        onnx.save(model, str(path))
        return path

    return saved


def _product(sizes: Sequence[int]) -> int:
    total = 1
    for size in sizes:
        total *= size
    return total


def layers(found: Found) -> list[tuple[str, str, int | None]]:
    """Name, geometry and count of every layer."""
    return [(layer.name, str(layer.spec), layer.count) for layer in found.layers]


def one(onnx: Any, save: Save, x: Sequence[Size], w: Sequence[int], **attributes: Any) -> str:
    """The geometry of a model that is one convolution."""
    node = onnx.helper.make_node("Conv", ["x", "w"], ["y"], name="a", **attributes)
    ((name, spec, count),) = layers(read_shapes(str(save([node], x, {"w": w}))))
    assert (name, count) == ("net:a", 1)
    return spec


# -- real networks -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "convolutions", "geometries"),
    # As in the papers: AlexNet 5, DenseNet-121 120 (here its classifier is one more), ResNet-50 53, VGG-19 16.
    [("bvlc_alexnet", 5, 5), ("densenet121", 121, 67), ("resnet50", 53, 23), ("vgg19", 16, 9), ("squeezenet", 26, 18)],
)
def test_networks_that_onnx_ships(onnx: Any, name: str, convolutions: int, geometries: int) -> None:
    path = Path(onnx.__file__).parent / f"backend/test/data/light/light_{name}.onnx"
    if not path.exists():
        pytest.skip(f"this onnx does not ship {path.name}, so onnx is missing it")
    found = read_shapes(str(path))
    (network,) = networks(found.layers)
    assert (network.name, network.convolutions, len(network.layers)) == (f"light_{name}", convolutions, geometries)
    assert found.why() == ""
    if name == "resnet50":  # the first version, whose stride is in the first convolution of a block
        ours = {layer.spec: layer.count for layer in read_layers("resnet50")}
        same = sum(Counter({layer.spec: layer.count or 0 for layer in found.layers if layer.spec in ours}).values())
        assert same > convolutions // 2
        assert {layer.spec.batch for layer in found.layers} == {1}
        assert {layer.spec.batch for layer in read_layers(str(path), 8)} == {8}


# -- attributes --------------------------------------------------------------------------------------------------------


def test_every_attribute(onnx: Any, save: Save) -> None:
    """ONNX has the pads of all beginnings first."""
    spec = one(
        onnx, save, [2, 6, 11, 13], [4, 3, 3, 2], kernel_shape=[3, 2], strides=[2, 3], pads=[1, 3, 2, 0],
        dilations=[2, 1], group=2,
    )  # fmt: skip
    assert spec == "n2c6h11w13_f4kh3kw2_sh2sw3_pt1pb2pl3pr0_dh2dw1_g2"


def test_without_attributes(onnx: Any, save: Save) -> None:
    assert one(onnx, save, [1, 3, 5, 6], [4, 3, 3, 2]) == "n1c3h5w6_f4kh3kw2"


@pytest.mark.parametrize(
    ("auto_pad", "spec"),
    [
        ("SAME_UPPER", "n1c3h6w7_f4kh3kw4_sh2sw2_pt0pb1pl1pr2"),
        ("SAME_LOWER", "n1c3h6w7_f4kh3kw4_sh2sw2_pt1pb0pl2pr1"),
        ("VALID", "n1c3h6w7_f4kh3kw4_sh2sw2"), ("NOTSET", "n1c3h6w7_f4kh3kw4_sh2sw2"),
    ],
)  # fmt: skip
def test_padding_by_name(onnx: Any, save: Save, auto_pad: str, spec: str) -> None:
    assert one(onnx, save, [1, 3, 6, 7], [4, 3, 3, 4], strides=[2, 2], auto_pad=auto_pad) == spec


def test_1d_has_the_height_1(onnx: Any, save: Save) -> None:
    spec = one(onnx, save, [2, 6, 13], [4, 3, 3], strides=[2], pads=[1, 2], dilations=[4], group=2)
    assert spec == "n2c6h1w13_f4kh1kw3_sh1sw2_pt0pb0pl1pr2_dh1dw4_g2"
    assert one(onnx, save, [2, 6, 13], [4, 6, 4], auto_pad="SAME_LOWER") == "n2c6h1w13_f4kh1kw4_pt0pb0pl2pr1"


@pytest.mark.parametrize("batch", ["N", None])
def test_a_batch_that_is_not_fixed_is_1_and_another_may_be_asked_for(onnx: Any, save: Save, batch: Size) -> None:
    nodes = [
        onnx.helper.make_node("Conv", ["x", "v"], ["h"], name="a"), onnx.helper.make_node("Relu", ["h"], ["r"]),
        onnx.helper.make_node("Conv", ["r", "w"], ["y"], name="b"),
    ]  # fmt: skip
    path = str(save(nodes, [batch, 3, 6, 7], {"v": [4, 3, 3, 2], "w": [2, 4, 2, 2]}))
    assert [str(layer.spec) for layer in read_layers(path)] == ["n1c3h6w7_f4kh3kw2", "n1c4h4w6_f2kh2kw2"]
    assert [(layer.name, str(layer.spec)) for layer in read_layers(path, 5)] == [
        ("net:a@5", "n5c3h6w7_f4kh3kw2"), ("net:b@5", "n5c4h4w6_f2kh2kw2"),
    ]  # fmt: skip


def test_layers_of_one_geometry_are_counted(onnx: Any, save: Save) -> None:
    """The first gives its name; a node without one is called as its result."""
    nodes = [onnx.helper.make_node("Conv", [a, "w"], [b], pads=[1, 1, 1, 1]) for a, b in ("xh", "hi", "iy")]
    assert layers(read_shapes(str(save(nodes, [1, 4, 6, 7], {"w": [4, 4, 3, 3]})))) == [
        ("net:h", "n1c4h6w7_f4kh3kw3_pt1pb1pl1pr1", 3)
    ]


def test_convolutions_within_functions_are_read(onnx: Any, save: Save) -> None:
    helper = onnx.helper
    inner = [helper.make_node("Conv", ["a", "b"], ["c"], strides=[2, 2])]
    block = helper.make_function("mine", "Block", ["a", "b"], ["c"], inner, [helper.make_opsetid("", 17)])
    node = helper.make_node("Block", ["x", "w"], ["y"], domain="mine")
    found = read_shapes(str(save([node], [1, 3, 6, 7], {"w": [4, 3, 3, 3]}, [block])))
    assert [spec for _, spec, _ in layers(found)] == ["n1c3h6w7_f4kh3kw3_sh2sw2"]


# -- what is left out, and what is wrong -------------------------------------------------------------------------------


def test_what_is_left_out_by_its_node(onnx: Any, save: Save) -> None:
    helper = onnx.helper
    branch = helper.make_graph(
        [helper.make_node("Conv", ["x", "w"], ["t"])], "then", [],
        [helper.make_tensor_value_info("t", onnx.TensorProto.FLOAT, None)],
    )  # fmt: skip
    nodes = [
        helper.make_node("Conv", ["x", "w"], ["y1"], name="a"), helper.make_node("ConvTranspose", ["x", "w"], ["y2"]),
        helper.make_node("ConvTranspose", ["y2", "w"], ["y3"]), helper.make_node("Conv", ["x", "unknown"], ["y4"]),
        helper.make_node("FusedConv", ["x", "w"], ["y5"], domain="com.microsoft"),
        helper.make_node("If", ["condition"], ["y6"], then_branch=branch, else_branch=branch),
    ]  # fmt: skip
    found = read_shapes(str(save(nodes, [1, 3, 6, 7], {"w": [3, 3, 2, 2]})))
    assert layers(found) == [("net (in part):a", "n1c3h6w7_f3kh2kw2", 1)]
    assert [network.name for network in networks(found.layers)] == ["net (in part)"]
    assert found.why() == (
        "nodes 2-3: ConvTranspose, which is the input gradient of another spec; "
        "node 4: the shape of its weights is not known; node 5: FusedConv of com.microsoft, which we do not know; "
        "node 6: a convolution within a branch of If"
    )


@pytest.mark.parametrize(
    ("x", "w", "why"),
    [
        ([1, 3, 6, 7, 8], [4, 3, 2, 2, 2], "3-D"),
        ([1, 3, "H", 7], [4, 3, 2, 2], "the size of its input is not fixed: (1, 3, ?, 7)"),
        (["N", 3, "H", "W"], [4, 3, 2, 2], "the size of its input is not fixed: (1, 3, ?, ?)"),
    ],
)
def test_a_model_without_a_layer_that_can_be_read(
    onnx: Any, save: Save, x: Sequence[Size], w: Sequence[int], why: str
) -> None:
    path = save([onnx.helper.make_node("Conv", ["x", "w"], ["y"])], x, {"w": w})
    with pytest.raises(ShapesError) as caught:
        read_shapes(str(path))
    assert str(caught.value) == f"shapes file {str(path)!r} holds no layer; left out: node 1: {why}"


def test_a_node_that_contradicts_itself_is_named(onnx: Any, save: Save) -> None:
    path = save(
        [onnx.helper.make_node("Conv", ["x", "w"], ["y"], name="a", group=2)], [1, 6, 6, 7], {"w": [4, 2, 2, 2]}
    )
    with pytest.raises(ShapesError, match=r"node 1 \(a\): in_channels must be those of a group times groups: 6 != 2"):
        read_shapes(str(path))


@pytest.mark.parametrize("content", [b"", b"C,H,W\n1,2,3\n", b"\xff" * 50])
def test_a_file_that_is_no_model_is_named(onnx: Any, tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.onnx").write_bytes(content)
    with pytest.raises(ShapesError, match=r"a\.onnx' is no ONNX model") as caught:
        read_shapes(str(tmp_path / "a.onnx"))
    assert "\n" not in str(caught.value)
