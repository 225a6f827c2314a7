"""Whole networks: what makes a list of layers one, and that those which ship have every convolution of theirs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import pytest

from harness.geometry.layers import ShapesError, read_layers
from harness.geometry.networks import Network, networks, shipped
from harness.geometry.spec import ConvSpec
from harness.tests.helpers.plugins import Write

_HEADER = "suite,layer,C,H,W,F,KH,KW,count\n"


def conv(n: int, channels: int, size: int, filters: int, kernel: int, **more: int | str) -> ConvSpec:
    """A square convolution."""
    return ConvSpec.of(batch=n, in_channels=channels, input_size=size, out_channels=filters, kernel_size=kernel, **more)  # type: ignore[arg-type]


def lenet5() -> Iterator[ConvSpec]:
    """LeCun et al. 1998, figure 2: C1, C3, C5 on 32 x 32; C3 with all connections."""
    yield from (conv(1, 1, 32, 6, 5), conv(1, 6, 14, 16, 5), conv(1, 16, 5, 120, 5))


def alexnet_2012() -> Iterator[ConvSpec]:
    """Krizhevsky et al. 2012, section 3.5: conv2, conv4 and conv5 on two cards, which is two groups."""
    yield conv(1, 3, 227, 96, 11, stride=4)
    yield conv(1, 96, 27, 256, 5, padding=2, groups=2)
    yield conv(1, 256, 13, 384, 3, padding=1)
    yield conv(1, 384, 13, 384, 3, padding=1, groups=2)
    yield conv(1, 384, 13, 256, 3, padding=1, groups=2)


def alexnet_owt() -> Iterator[ConvSpec]:
    """Krizhevsky 2014, as in torchvision."""
    yield conv(1, 3, 224, 64, 11, stride=4, padding=2)
    yield conv(1, 64, 27, 192, 5, padding=2)
    for channels, filters in ((192, 384), (384, 256), (256, 256)):
        yield conv(1, channels, 13, filters, 3, padding=1)


def vgg16() -> Iterator[ConvSpec]:
    """Simonyan and Zisserman 2014, table 1, D: 13 layers in five stages, the size halved after each."""
    channels, size = 3, 224
    for filters, depth in ((64, 2), (128, 2), (256, 3), (512, 3), (512, 3)):
        for _ in range(depth):
            yield conv(1, channels, size, filters, 3, padding=1)
            channels = filters
        size //= 2


def resnet50() -> Iterator[ConvSpec]:
    """He et al. 2015, table 1: bottlenecks [3, 4, 6, 3]; of v1.5, whose 3 x 3 has the stride."""
    yield conv(1, 3, 224, 64, 7, stride=2, padding=3)
    channels, size = 64, 56
    for stage, depth in enumerate((3, 4, 6, 3)):
        width = 64 * 2**stage
        for block in range(depth):
            stride = 2 if stage and not block else 1
            yield conv(1, channels, size, width, 1)
            yield conv(1, width, size, width, 3, stride=stride, padding=1)
            yield conv(1, width, size // stride, 4 * width, 1)
            if not block:
                yield conv(1, channels, size, 4 * width, 1, stride=stride)
            channels, size = 4 * width, size // stride


def mobilenet_v1() -> Iterator[ConvSpec]:
    """Howard et al. 2017, table 1: 13 times depthwise and pointwise."""
    yield conv(1, 3, 224, 32, 3, stride=2, padding=1)
    channels, size = 32, 112
    for filters, stride in (
        (64, 1), (128, 2), (128, 1), (256, 2), (256, 1), (512, 2), *[(512, 1)] * 5, (1024, 2), (1024, 1),
    ):  # fmt: skip
        yield conv(1, channels, size, channels, 3, stride=stride, padding=1, groups=channels)
        size //= stride
        yield conv(1, channels, size, filters, 1)
        channels = filters


def resnet20() -> Iterator[ConvSpec]:
    """He et al. 2015, section 4.2, n = 3; shortcuts without convolutions (option A)."""
    yield conv(128, 3, 32, 16, 3, padding=1)
    channels, size = 16, 32
    for width in (16, 32, 64):
        for _ in range(6):
            stride = width // channels
            yield conv(128, channels, size, width, 3, stride=stride, padding=1)
            channels, size = width, size // stride


def caffe_lenet() -> Iterator[ConvSpec]:
    """Caffe, examples/mnist/lenet_train_test.prototxt."""
    yield from (conv(64, 1, 28, 20, 5), conv(64, 20, 12, 50, 5))


def caffe_quick() -> Iterator[ConvSpec]:
    """Caffe, examples/cifar10/cifar10_quick_train_test.prototxt."""
    for channels, size, filters in ((3, 32, 32), (32, 16, 32), (32, 8, 64)):
        yield conv(100, channels, size, filters, 5, padding=2)


def torch_cifar() -> Iterator[ConvSpec]:
    """The PyTorch tutorial "Training a Classifier"."""
    yield from (conv(4, 3, 32, 6, 5), conv(4, 6, 14, 16, 5))


def torch_mnist() -> Iterator[ConvSpec]:
    """pytorch/examples, mnist/main.py."""
    yield from (conv(64, 1, 28, 32, 3), conv(64, 32, 26, 64, 3))


_OF_THEIR_PAPERS = {
    "alexnet_2012": alexnet_2012, "alexnet_owt": alexnet_owt, "cifar10_quick": caffe_quick,
    "cifar_pytorch_tut": torch_cifar, "resnet20_cifar": resnet20, "lenet5": lenet5, "lenet_caffe": caffe_lenet,
    "mnist_pytorch": torch_mnist, "mobilenet_v1": mobilenet_v1, "resnet50_v1.5": resnet50, "vgg16": vgg16,
}  # fmt: skip


def test_the_networks_that_ship() -> None:
    assert [network.name for network in shipped()] == list(_OF_THEIR_PAPERS)


@pytest.mark.parametrize("network", shipped(), ids=lambda network: network.name)
def test_every_convolution_of_the_paper_is_there_as_often_as_it_has_it(network: Network) -> None:
    found = Counter({layer.spec: layer.count for layer in network.layers})
    assert found == Counter(_OF_THEIR_PAPERS[network.name]())
    assert network.convolutions == found.total()


@pytest.mark.parametrize(
    ("name", "convolutions", "published"),
    [("resnet50_v1.5", 53, 4.09e9), ("mobilenet_v1", 27, 569e6), ("vgg16", 13, 15.3e9), ("resnet20_cifar", 19, 40.8e6)],
)
def test_the_work_is_the_published_one(name: str, convolutions: int, published: float) -> None:
    """Multiply-adds of an image; the published ones have the last layer, which is no convolution: at most a percent."""
    (network,) = [found for found in shipped() if found.name == name]
    assert network.convolutions == convolutions
    macs = sum((layer.count or 0) * layer.spec.macs / layer.spec.batch for layer in network.layers)
    assert macs == pytest.approx(published, rel=0.01)


@pytest.mark.parametrize("name", ["core", "pools", "quick", "transposed"])
def test_a_choice_of_layers_is_no_network(name: str) -> None:
    assert networks(read_layers(name)) == []


def test_a_network_is_what_has_a_number_for_every_layer(write: Write) -> None:
    rows = "a,x,1,3,3,1,1,1,2\nb,x,1,3,3,1,1,1,1\na,y,1,4,3,1,1,1,1\nb,y,1,3,4,1,1,1,\n"
    (network,) = networks(read_layers(str(write("mine.csv", _HEADER + rows))))
    assert [(network.name, layer.name, layer.count) for layer in network.layers] == [("a", "a:x", 2), ("a", "a:y", 1)]
    assert network.convolutions == 3
    assert networks(read_layers("n1c1h3w3_f1kh1kw1")) == []


def test_another_batch_is_another_network(write: Write) -> None:
    """A name of a layer that ends like a batch is none."""
    path = str(write("mine.csv", f"{_HEADER}a,x@14,1,3,3,1,1,1,2\na,y,1,4,3,1,1,1,1\n"))
    assert [network.name for network in networks(read_layers(path))] == ["a"]
    assert [network.name for network in networks(read_layers(path, 8))] == ["a@8"]
    assert [layer.count for layer in networks(read_layers(path, 8))[0].layers] == [2, 1]


@pytest.mark.parametrize("count", ["0", "-1", "1.5", "x"])
def test_a_number_that_is_none_is_refused(write: Write, count: str) -> None:
    with pytest.raises(ShapesError, match="line 2, column 'count': must be"):
        read_layers(str(write("mine.csv", f"{_HEADER}a,x,1,3,3,1,1,1,{count}\n")))
