"""What `numba_tiled` promises beyond the contract.

Nothing outside the arrays is touched, the bits do not depend on the number of threads, narrower registers give the
same, and compiled code of an older version is not used.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

numba = pytest.importorskip("numba")

from backends import numba_tiled  # noqa: E402
from backends.numba_tiled.launch import stale_code  # noqa: E402
from backends.numba_tiled.ops import conv2d, input_grad, weight_grad  # noqa: E402
from backends.numba_tiled.simd.registers import REGISTERS  # noqa: E402
from harness.calls.thread_limits import thread_limit  # noqa: E402
from harness.contract import registry  # noqa: E402
from harness.geometry.spec import OPS, ConvSpec, Op, SpecError  # noqa: E402
from harness.oracle import by_taps, data  # noqa: E402
from harness.tests.helpers.numba_child import child, narrow_registers  # noqa: E402

SPECS = [
    "n2c3h12w11_f4kh3kw2", "n3c6h8w3_f9kh2kw2_sh1sw3_pt1pb0pl2pr2_dh2dw1_g3", "n2c9h9w10_f5kh3kw3_sh2sw2_pt1pb1pl1pr1",
    "n2c4h9w10_f8kh1kw1_sh2sw2", "n1c12h30w61_f20kh3kw3_pt1pb1pl1pr1", "n3c2h19w23_f17kh5kw3_sh4sw4_pt2pb1pl3pr0",
    "n2c17h7w7_f33kh3kw3_pt1pb1pl1pr1", "n2c4h9w10_f8kh1kw1_pt1pb2pl0pr1", "n2c9h8w8_f9kh3kw3_pt1pb1pl1pr1_g9",
    "n2c2h4w5_f2kh2kw2_sh7sw9", "n1c2h10w9_f3kh2kw3_sh3sw2_pt2pb1pl1pr3_dh3dw2",
    "n2c3h8w8_f2kh3kw3_sh2sw2_pt1pb1pl1pr1_dh2dw2", "n1c3h33w50_f2kh16kw16_sh16sw16",
    "n2c3h9w140_f2kh3kw3_pt1pb1pl1pr1", "n1c2h1w2_f2kh3kw3_sh1sw2_pt2pb2pl4pr4",
    "n1c9h11w131_f17kh3kw7_pt1pb1", "n1c9h11w129_f17kh3kw5_sh2sw2", "n1c10h5w70_f16kh2kw9",
    "n2c9h9w61_f16kh1kw3_dh1dw3",
    # one channel a group, in small planes, several at a time, and in bands of rows
    "n2c5h7w7_f10kh3kw3_pt1pb1pl1pr1_g5", "n1c3h9w20_f9kh2kw4_sh2sw2_pt0pb3pl2pr1_g3",
    "n2c2h13w9_f2kh3kw2_sh3sw5_pt1pb0pl0pr4_g2", "n1c2h12w21_f4kh3kw3_sh2sw1_pt4pb1pl3pr6_dh3dw5_g2",
    "n1c2h150w118_f2kh3kw3_sh2sw2_pt1pb1pl1pr1_g2", "n1c2h70w130_f4kh5kw7_pt2pb2pl3pr3_g2", "n2c1h9w33_f3kh3kw3",
    "n1c3h2w3_f3kh2kw2_sh3sw4_pt7pb2pl9pr30_g3", "n1c400h5w6_f400kh3kw2_sh2sw2_g400",
    "n3c12h9w9_f60kh5kw5",
]  # fmt: skip

# Lanes go along the filters: small images, in place or with rows of taps that see only padding, and several groups.
TRANSPOSED = [
    "n9c64h9w9_f48kh2kw2", "n20c40h8w8_f70kh5kw5_pt2pb2pl2pr2", "n9c66h16w16_f96kh3kw3_sh2sw2_pt1pb1pl1pr1_g2",
    "n4c48h7w7_f48kh3kw3_pt1pb1pl1pr1", "n20c48h8w8_f48kh3kw3_pt2pb2pl2pr2_dh2dw2",
    "n16c48h15w15_f40kh3kw3_sh2sw2_pt1pb1pl1pr1", "n1c48h31w31_f64kh9kw9_sh2sw2_pt4pb4pl4pr4",
]  # fmt: skip
SPECS += TRANSPOSED

# Large enough to be divided into bands, chunks of images and blocks of the reduction.
IN_BANDS = [
    "n1c64h112w112_f16kh3kw3_pt1pb1pl1pr1", "n4c128h30w30_f64kh1kw1", "n2c32h7w7_f64kh3kw3_pt1pb1pl1pr1",
    "n3c32h7w7_f64kh3kw3_pt1pb1pl1pr1", "n5c32h8w8_f64kh3kw3_pt1pb1pl1pr1",
    "n1c64h14w14_f40kh3kw3_pt1pb1pl1pr1", "n1c512h7w7_f64kh1kw1",  # positions beyond whole vectors
    "n1c32h7w7_f128kh3kw3_pt1pb1pl1pr1",  # and packed
]  # fmt: skip

PRODUCTS: list[Op] = ["conv2d", "conv2d_input_grad", "conv2d_weight_grad"]

# So much padding, or so many small images, that taps which see only padding are skipped in one op at least.
SKIPPING = [
    "n1c9h11w14_f10kh3kw3_pt9pb9pl9pr9_dh9dw9", "n3c17h19w23_f41kh3kw3_pt8pb6pl7pr9_dh7dw8",
    "n2c16h21w30_f24kh5kw3_pt12pb12pl5pr5_dh6dw5", "n1c18h33w27_f34kh3kw3_pt12pb12pl12pr12_dh12dw12_g2",
    "n2c16h25w25_f24kh3kw3_sh2sw2_pt12pb12pl12pr12_dh12dw12", "n2c24h31w40_f24kh3kw3_sh1sw2_pt18pb18pl18pr18_dh18dw18",
    "n9c24h7w7_f24kh3kw3_pt1pb1pl1pr1", "n1c16h9w40_f16kh1kw3_pt0pb0pl24pr20_dh1dw20",
    "n2c32h28w28_f16kh2kw2_pt24pl24_dh24dw24", "n1c64h65w65_f72kh3kw3_pt6pb6pl6pr6_dh6dw6",
    "n16c256h7w7_f64kh3kw3_pt1pb1pl1pr1",
]  # fmt: skip

# Every array, the scratch memory too, ends (or begins) at a page that must not be touched: doing so ends the process.
_GUARDED = """
import ctypes, mmap, sys
import numpy as np
from backends import numba_tiled
from backends.numba_tiled import winograd
from backends.numba_tiled.launch import workspace
from backends.numba_tiled.winograd import convolution, plan
from harness.oracle import by_taps, data
from harness.geometry.spec import OPS, ConvSpec

PAGE, libc, kept = mmap.PAGESIZE, ctypes.CDLL(None), []
at_end = sys.argv[1] == "end"

def guarded(shape, dtype):
    shape = shape if isinstance(shape, tuple) else (shape,)
    size = int(np.prod(shape)) * np.dtype(dtype).itemsize
    pages = -(-size // PAGE) + 2
    block = mmap.mmap(-1, pages * PAGE)
    kept.append(block)
    base = ctypes.addressof(ctypes.c_char.from_buffer(block))
    for page in (0, pages - 1):
        assert libc.mprotect(ctypes.c_void_p(base + page * PAGE), PAGE, 0) == 0
    start = (pages - 1) * PAGE - size if at_end else PAGE
    return np.frombuffer(block, dtype, int(np.prod(shape)), start).reshape(shape)

class Numpy:
    empty = staticmethod(guarded)
    def __getattr__(self, name):
        return getattr(np, name)

workspace.np = Numpy()  # results and scratch alike
workspace._ALIGN = 8  # no gap between the end and the page
convolution.applies = plan.is_dense_3x3
for text in sys.argv[3:]:
    spec = ConvSpec.parse(text)
    for op in OPS:
        workspace._kept.arrays.clear()
        print(op, text, flush=True)
        arrays = []
        for a in data.exact(op, spec, sys.argv[2], text):
            arrays.append(guarded(a.shape, a.dtype))
            arrays[-1][...] = a
        got = getattr(numba_tiled, op)(*arrays, spec)
        assert np.array_equal(got, by_taps.run(op, spec, *arrays)), "wrong"
        if convolution.applies(spec) and op in ("conv2d", "conv2d_input_grad"):
            assert np.array_equal(getattr(winograd, op)(*arrays, spec), got), "wrong by Winograd"
print("all of it")
"""


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("side", ["end", "start"])
def test_nothing_outside_the_arrays_is_touched(side: str, dtype: str) -> None:
    done = child(_GUARDED, side, dtype, *SPECS, *SKIPPING[:4])
    assert done.stdout.splitlines()[-1] == "all of it", done.stdout.splitlines()[-1] + done.stderr[-1000:]


@pytest.mark.parametrize("side", ["end", "start"])
def test_nothing_outside_is_touched_where_arrays_exceed_the_caches(side: str) -> None:
    """These are read and written in other orders and past the caches; here every array is taken to be one."""
    small = "from backends.numba_tiled.ops import col2im, im2col\n"
    small += "im2col.CACHE_BYTES = col2im.NARROW_CACHE = col2im.WIDE_CACHE = 0\nfor text in"
    done = child(_GUARDED.replace("for text in", small, 1), side, "float32", *SPECS)
    assert done.stdout.splitlines()[-1] == "all of it", done.stdout.splitlines()[-1] + done.stderr[-1000:]


def test_the_guard_bites() -> None:
    touch = _GUARDED.replace(
        "got = getattr(", "arrays[0].ctypes.data; ctypes.string_at(arrays[0].ctypes.data, 1 << 20); getattr("
    )
    assert child(touch, "end", "float32", SPECS[0]).returncode < 0


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("op", OPS)
def test_the_bits_do_not_depend_on_the_number_of_threads(op: Op, dtype: str) -> None:
    if numba.config.NUMBA_NUM_THREADS < 2:
        pytest.skip("Numba has one thread here")
    for text in [*SPECS, *IN_BANDS]:
        spec = ConvSpec.parse(text)
        arrays = data.real(op, spec, dtype, text)
        run = getattr(numba_tiled, op)
        with thread_limit(1):
            alone = run(*arrays, spec)
        with thread_limit(2):
            assert np.array_equal(run(*arrays, spec), alone), text


_DIVIDED = """
import sys, numpy as np
from backends import numba_tiled
from harness.oracle import by_taps, data
from harness.calls.thread_limits import thread_limit
from harness.geometry.spec import ConvSpec

for text in sys.argv[1:]:
    spec = ConvSpec.parse(text)
    for op in ("conv2d", "conv2d_input_grad", "conv2d_weight_grad"):
        run = getattr(numba_tiled, op)
        exact, real = (make(op, spec, "float32", text) for make in (data.exact, data.real))
        right, bits = by_taps.run(op, spec, *exact), set()
        for threads in (1, 2, 3, 4):
            with thread_limit(threads):
                assert np.array_equal(run(*exact, spec), right), f"{op} of {text} is wrong with {threads} threads"
                bits.add(run(*real, spec).tobytes())
        assert len(bits) == 1, f"{op} of {text} has other bits with other numbers of threads"
print("all of it")
"""


def test_four_threads_divide_a_layer_without_gaps() -> None:
    """Images, bands and filters are divided unevenly: what one thread leaves to another must be what that one does."""
    done = child(_DIVIDED, *TRANSPOSED, *IN_BANDS, *SKIPPING, NUMBA_NUM_THREADS="4")
    assert done.stdout == "all of it\n", done.stderr[-700:]


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


def test_narrower_registers_give_the_same() -> None:
    source = (
        "import sys, numpy as np\nfrom backends import numba_tiled\n"
        "from backends.numba_tiled.simd.registers import BYTES\n"
        "from harness.oracle import by_taps, data\nfrom harness.geometry.spec import ConvSpec\n"
        "for text in sys.argv[1:]:\n    spec = ConvSpec.parse(text)\n"
        "    for op in ('im2col', 'col2im', 'conv2d', 'conv2d_input_grad', 'conv2d_weight_grad', 'conv2d_bias_grad'):\n"
        "        a = data.exact(op, spec, 'float32', text)\n"
        "        assert np.array_equal(getattr(numba_tiled, op)(*a, spec), by_taps.run(op, spec, *a)), (op, text)\n"
        "print('bytes', BYTES)\n"
    )
    done = child(source, *SPECS, *SKIPPING[:4], **narrow_registers())
    assert done.stdout.split() == ["bytes", "32"], done.stderr[-1000:]


@pytest.mark.parametrize("room", [".", "product", "product/inner"])
def test_compiled_code_of_an_older_version_is_forgotten(
    room: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever room a source lies in: what was compiled from it may lie in another."""
    monkeypatch.setattr(stale_code, "_FOLDER", tmp_path)
    source, compiled = tmp_path / room / "tile.py", tmp_path / "ops" / "__pycache__" / "conv2d.f-1.py311.nbi"
    source.parent.mkdir(parents=True, exist_ok=True)
    source.write_text("a = 1\n")
    compiled.parent.mkdir(parents=True)
    stale_code.forget_other_versions()
    compiled.write_text("machine code")
    stale_code.forget_other_versions()
    assert compiled.exists()
    source.write_text("a = 2\n")
    stale_code.forget_other_versions()
    assert not compiled.exists()
    compiled.write_text("machine code")
    source.rename(source.with_name("other.py"))
    stale_code.forget_other_versions()
    assert not compiled.exists()


_FROM_SEVERAL_THREADS = """
import sys, threading, warnings
import numpy as np
import numba
from backends import numba_tiled
from harness.oracle import by_taps, data
from harness.geometry.spec import OPS, ConvSpec

right = []

def call(text):
    spec = ConvSpec.parse(text)
    for op in OPS * 3:
        arrays = data.exact(op, spec, "float32", text)
        right.append(np.array_equal(getattr(numba_tiled, op)(*arrays, spec), by_taps.run(op, spec, *arrays)))

with warnings.catch_warnings(record=True) as told:
    warnings.simplefilter("always")
    callers = [threading.Thread(target=call, args=(text,)) for text in sys.argv[1:]]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join()
slow = sum("workqueue" in str(one.message) for one in told)
print(numba.threading_layer(), len(right), all(right), slow)
"""


@pytest.mark.parametrize("layer", ["omp", "workqueue"])
def test_several_threads_may_call_and_a_slow_threading_layer_is_told(layer: str) -> None:
    """Numba's own layer, workqueue, ends the process if two threads launch at a time."""
    done = child(_FROM_SEVERAL_THREADS, *SPECS[:4], NUMBA_THREADING_LAYER=layer, NUMBA_NUM_THREADS="2")
    if "No threading layer could be loaded" in done.stderr:
        pytest.skip(f"Numba has no {layer} here")
    assert done.stdout.split() == [layer, "72", "True", str(int(layer == "workqueue"))], (
        done.stdout + done.stderr[-700:]
    )


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


def test_every_op_is_its_own() -> None:
    assert registry.load("numba_tiled").native == frozenset(OPS)


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
