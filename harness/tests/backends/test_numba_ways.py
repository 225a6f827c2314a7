"""Every way that `numba_tiled` computes a product: which layers take it, and that it is exact there."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest

pytestmark = pytest.mark.heavy

numba = pytest.importorskip("numba")

from backends import numba_tiled  # noqa: E402
from backends.numba_tiled.ops import col2im, conv2d, im2col, input_grad, weight_grad  # noqa: E402
from backends.numba_tiled.product.cost import WAYS  # noqa: E402
from backends.numba_tiled.product.divide import way_of  # noqa: E402
from backends.numba_tiled.simd.registers import BYTES, REGISTERS  # noqa: E402
from harness.calls.limits.threads import thread_limit  # noqa: E402
from harness.geometry.spec import OPS, ConvSpec, Op, SpecError  # noqa: E402
from harness.oracle import by_taps, data  # noqa: E402
from harness.tests.helpers.compiled.layers import IN_BANDS, LEFT_OVER, ROWS, SKIPPING, TRANSPOSED  # noqa: E402
from harness.tests.helpers.compiled.threads import spread_all  # noqa: E402, F401

PRODUCTS: list[Op] = ["conv2d", "conv2d_input_grad", "conv2d_weight_grad"]


@pytest.mark.usefixtures("spread_all")
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("text", SKIPPING)
def test_taps_that_see_only_padding_may_be_skipped(text: str, dtype: str) -> None:
    spec, most = ConvSpec.parse(text), min(numba.config.NUMBA_NUM_THREADS, 2)
    for op in PRODUCTS:
        run, exact, real = getattr(numba_tiled, op), *(make(op, spec, dtype, text) for make in (data.exact, data.real))
        alone = None
        for threads in range(1, most + 1):
            with thread_limit(threads):
                assert np.array_equal(run(*exact, spec), by_taps.run(op, spec, *exact)), op
                bits = run(*real, spec).tobytes()
            assert alone in (None, bits), f"{op}: other bits with {threads} threads"
            alone = bits


def test_what_is_too_little_for_a_second_thread_stays_on_one() -> None:
    small, large = (ConvSpec.parse(text) for text in ("n1c3h5w6_f2kh3kw3", "n1c32h40w40_f32kh3kw3"))
    for plan in (im2col.plan, col2im.plan, conv2d._arguments, input_grad._arguments, weight_grad._arguments):
        assert [plan(spec, 4, 3).threads for spec in (small, large)] == [1, 3], plan


def test_taps_are_skipped_where_there_is_much_padding() -> None:
    """And not in a layer with a line of it, where regions would be too small."""
    much, little = (ConvSpec.parse(text) for text in (SKIPPING[3], IN_BANDS[0]))
    for spec, regions, kinds in ((much, 9, 9), (little, 1, 1)):
        assert conv2d.plan(spec, 4, 1)[0].regions.number == regions
        assert input_grad.plan(spec, 4, 1)[0].regions.number == regions
        assert weight_grad.plan(spec, 4, 1).cut.kinds == kinds


@pytest.mark.parametrize("text", SKIPPING[:4])
def test_a_pixel_that_is_not_finite_reaches_those_that_read_it(text: str) -> None:
    """Skipped or not, and no others."""
    spec = ConvSpec.parse(text)
    reads: list[tuple[Op, int]] = [("conv2d", 0), ("conv2d_weight_grad", 1)]
    for op, which in reads:
        arrays = data.exact(op, spec, "float32", text)
        for place in ((0, 0), (0, -1), (-1, 0), (-1, -1), (spec.input_size[0] // 2, spec.input_size[1] // 2)):
            arrays[which][0, 1][place] = np.nan
            got, right = getattr(numba_tiled, op)(*arrays, spec), by_taps.run(op, spec, *arrays)
            assert np.array_equal(got, right, equal_nan=True), (op, place)
            arrays[which][0, 1][place] = 1


@pytest.mark.usefixtures("spread_all")
@pytest.mark.parametrize("way", WAYS)
def test_every_way_is_exact_on_every_layer(way: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever a count of cycles says; where it is not possible, the plan takes another."""
    taken = set()
    for module in (conv2d, input_grad):
        monkeypatch.setattr(module, "plan", partial(module.plan, only=way))
        module._arguments.cache_clear()
    try:
        for text in (*ROWS, *LEFT_OVER, *TRANSPOSED[:2], *IN_BANDS[2:]):
            spec = ConvSpec.parse(text)
            taken.add(way_of(conv2d.plan(spec, 4, 1)[0].work))
            for op in PRODUCTS[:2]:
                for dtype in ("float32", "float64"):
                    arrays = data.exact(op, spec, dtype, text)
                    got = getattr(numba_tiled, op)(*arrays, spec)
                    assert np.array_equal(got, by_taps.run(op, spec, *arrays)), (op, dtype, text)
    finally:
        for module in (conv2d, input_grad):
            module._arguments.cache_clear()
    assert way in taken


@pytest.mark.parametrize("text", TRANSPOSED)
def test_products_are_transposed_where_pixels_would_not_fill_the_lanes(text: str) -> None:
    """As for these sizes of registers; the other tests take these layers for such."""
    if REGISTERS != 32:
        pytest.skip("not with these registers")
    assert conv2d.plan(ConvSpec.parse(text), 4, 1)[0].work.transposed


def test_every_way_of_a_product_is_taken_by_some_layer_here() -> None:
    """Rows of padding left out, a transposed input gradient with a stride, dot products, packed panels with them."""
    if REGISTERS != 32:
        pytest.skip("not with these registers")
    forward, backward = ({text: plan(ConvSpec.parse(text), 4, 1) for text in (*TRANSPOSED, *IN_BANDS)}
                         for plan in (conv2d.plan, input_grad.plan))  # fmt: skip
    runs = forward[TRANSPOSED[1]][1]
    assert runs is not None
    assert runs.kernel_rows[0] > 1
    assert backward[TRANSPOSED[-1]][0].work.transposed
    assert [forward[text][0].work.dots for text in IN_BANDS[-3:]] == [True] * 3
    assert forward[IN_BANDS[-1]][0].work.packed


def test_input_gradients_have_dots_for_the_last_positions() -> None:
    """Each kind of product; not with vectors of 8, of which one more costs too little."""
    if BYTES != 64:
        pytest.skip("not with vectors of so few float32")
    works = [input_grad.plan(ConvSpec.parse(text), 4, 1)[0].work for text in LEFT_OVER]
    assert [work.dots for work in works] == [True] * len(works)
    assert {way_of(work) for work in works} == {"direct", "packed"}
    assert not any(input_grad.plan(ConvSpec.parse(text), 8, 1)[0].work.dots for text in LEFT_OVER)


def test_weights_that_are_not_finite_reach_what_reads_them() -> None:
    spec = ConvSpec.parse("n1c9h6w6_f3kh3kw3")
    dy, w = (a.astype(np.float32) for a in data.exact("conv2d_input_grad", spec, "float32", "x"))
    w[1, 2, 2, 2] = np.inf
    dx = numba_tiled.conv2d_input_grad(dy, w, spec)
    assert np.isfinite(dx[:, :, :2]).all()
    assert not np.isfinite(dx[0, 2, 2:, 2:]).all()


@pytest.mark.parametrize("text", ["n1c1h6w20_f2kh3kw3", "n1c2h7w9_f2kh3kw3_sh2sw2_g2", "n1c2h90w120_f2kh1kw5_g2"])
def test_depthwise_sums_that_are_not_finite_are_those_that_read_such_a_pixel(text: str) -> None:
    """The kernels compute over the ends of rows too, where a tap must not read."""
    spec = ConvSpec.parse(text)
    dy, x = data.exact("conv2d_weight_grad", spec, "float32", text)
    clean = by_taps.run("conv2d_weight_grad", spec, dy, x)
    height, width = spec.input_size
    for i, j in ((0, 0), (0, width - 1), (height - 1, 0), (height - 1, width - 1)):
        for poison in (np.nan, np.inf):
            poisoned = x.copy()
            poisoned[0, 0, i, j] = poison
            reads = np.zeros_like(clean, bool)
            for u in range(spec.kernel_size[0]):
                for v in range(spec.kernel_size[1]):
                    p, q = (i - u) / spec.stride[0], (j - v) / spec.stride[1]
                    reached = p in range(spec.output_size[0]) and q in range(spec.output_size[1])
                    reads[: spec.out_channels // spec.groups, 0, u, v] = reached
            got = numba_tiled.conv2d_weight_grad(dy, poisoned, spec)
            assert np.array_equal(np.isfinite(got), ~reads), (i, j)
            assert np.array_equal(got[~reads], clean[~reads])


def test_layers_of_middling_size_are_exact_all_over() -> None:
    """Rows of many vectors, several panels and blocks of filters: more than the suite's small geometries have."""
    generator = np.random.default_rng(20261121)
    for _ in range(60):
        spec = drawn(generator)
        for op in OPS:
            arrays = data.exact(op, spec, "float32", str(spec))
            got = getattr(numba_tiled, op)(*arrays, spec)
            assert np.array_equal(got, by_taps.run(op, spec, *arrays)), f"{op} {spec}"


def drawn(generator: np.random.Generator) -> ConvSpec:
    """A geometry with up to 160 columns, and 40 channels and filters a group."""

    def pair(most: int) -> tuple[int, int]:
        one, two = generator.integers(1, most, 2, endpoint=True).tolist()
        return one, two

    while True:
        channels, filters = pair(40)
        groups = int(generator.choice([1, 1, 1, 2, 5]))
        kernel, stride, dilation, size = pair(5), pair(2), pair(2), (pair(30)[0], pair(160)[0])
        padding = tuple(generator.integers(0, 4, 4).tolist())
        try:
            spec = ConvSpec(
                batch=pair(3)[0], in_channels=groups * (1 if groups == 5 else channels), input_size=size,
                out_channels=groups * filters, kernel_size=kernel, stride=stride, padding=padding, dilation=dilation,
                groups=groups,
            )  # fmt: skip
        except SpecError:
            continue
        if spec.macs < 2e7:
            return spec
