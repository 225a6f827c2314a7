"""What `numba_winograd` promises beyond the contract: Winograd where it says so and nowhere else, right on every 3x3.

The suite's own geometries are too small for Winograd to pay, so most tests here ask for it on all dense 3x3 kernels.
"""

from __future__ import annotations

import numpy as np
import pytest

pytestmark = pytest.mark.heavy

numba = pytest.importorskip("numba")

from backends import numba_tiled  # noqa: E402
from backends.numba_tiled import winograd  # noqa: E402
from backends.numba_tiled.winograd import convolution  # noqa: E402
from backends.numba_tiled.winograd.plan import applies, is_dense_3x3  # noqa: E402
from conformance.cases.selection import Selection  # noqa: E402
from conformance.run import engine  # noqa: E402
from conformance.run.plan import plan  # noqa: E402
from harness.calls.in_process import InProcess  # noqa: E402
from harness.calls.limits.threads import thread_limit  # noqa: E402
from harness.contract import registry  # noqa: E402
from harness.geometry.spec import ALL_OPS, OPS, ConvSpec, Op  # noqa: E402
from harness.oracle import by_taps, data  # noqa: E402
from harness.oracle.comparing import allowance, share_used  # noqa: E402
from harness.tests.helpers.compiled.child import child, narrow_registers  # noqa: E402

SPECS = [
    "n2c3h6w7_f4kh3kw3", "n2c17h7w7_f33kh3kw3_pt1pb1pl1pr1", "n1c2h1w1_f3kh3kw3_pt1pb1pl1pr1",
    "n0c3h5w5_f4kh3kw3", "n3c20h9w40_f9kh3kw3_pt0pb2pl3pr1", "n2c6h5w70_f4kh3kw3_pt5pb4pl3pr6_g2",
    "n2c9h8w8_f9kh3kw3_pt1pb1pl1pr1_g9", "n5c4h3w3_f5kh3kw3", "n1c12h30w61_f20kh3kw3_pt1pb1pl1pr1",
    "n9c33h7w7_f20kh3kw3_pt1pb1pl1pr1", "n1c200h6w5_f9kh3kw3_pt1pb1pl1pr1", "n1c5h120w70_f40kh3kw3_pt2pb2pl2pr2",
    "n2c5h3w200_f3kh3kw3_pt0pb1pl1pr0", "n1c9h14w14_f200kh3kw3_pt1pb1pl1pr1",
]  # fmt: skip
_PAYS = "n2c16h14w14_f24kh3kw3_pt1pb1pl1pr1"
_CONV: tuple[Op, ...] = ("conv2d", "conv2d_input_grad")


@pytest.fixture
def everywhere(monkeypatch: pytest.MonkeyPatch) -> None:
    """Winograd for every dense 3x3 kernel."""
    monkeypatch.setattr(convolution, "applies", is_dense_3x3)


@pytest.fixture
def nothing_else(everywhere: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """No way out to `numba_tiled`."""
    monkeypatch.setattr(convolution, "tiled", None)
    monkeypatch.setattr(convolution, "tiled_input_grad", None)


@pytest.mark.usefixtures("nothing_else")
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("op", _CONV)
@pytest.mark.parametrize("text", SPECS)
def test_whole_numbers_are_exact(op: Op, dtype: str, text: str) -> None:
    spec = ConvSpec.parse(text)
    arrays = data.exact(op, spec, dtype, text)
    assert np.array_equal(getattr(winograd, op)(*arrays, spec), by_taps.run(op, spec, *arrays))


@pytest.mark.usefixtures("nothing_else")
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("op", _CONV)
def test_real_numbers_use_a_small_part_of_the_bound(op: Op, dtype: str) -> None:
    """Of that of plain sums too, on dense random data: 16 times that is the worst case."""
    for text in ("n1c64h10w10_f16kh3kw3_pt1pb1pl1pr1", "n1c400h6w6_f64kh3kw3_pt1pb1pl1pr1"):
        spec = ConvSpec.parse(text)
        arrays = data.real(op, spec, dtype, text)
        wide = [a.astype(np.longdouble) for a in arrays]
        exact, absolute = by_taps.run(op, spec, *wide), by_taps.absolute(op, spec, *wide)
        allowed = allowance(dtype, "gemm", exact, absolute, by_taps.term_count(op, spec, *wide))
        assert 0 < share_used(getattr(winograd, op)(*arrays, spec), exact, allowed) < 0.1


@pytest.mark.usefixtures("everywhere")
@pytest.mark.parametrize("check", ["values.*", "law.*", "contract.[!e]*"])
def test_the_suite_passes_on_dense_3x3_kernels(check: str) -> None:
    """Laws, NaN and infinity, strides, poisoned memory, threads: all but the check of the empty batch."""
    specs = [ConvSpec.parse(text) for text in ("n2c3h6w7_f4kh3kw3", "n2c6h5w6_f4kh3kw3_pt1pb0pl2pr1_g2")]
    backend = InProcess(registry.load("numba_winograd"))
    outcome = engine.run(backend, plan(backend, Selection(ops=_CONV, specs=specs, pattern=check)))
    assert outcome.verdict == "pass", [(str(p.case), p.detail) for p in outcome.cases if p.status != "pass"][:3]
    assert outcome.executed == outcome.planned >= 16


@pytest.mark.usefixtures("everywhere")
@pytest.mark.parametrize("op", _CONV)
@pytest.mark.parametrize("value", [np.nan, np.inf, 3e38])
def test_what_winograd_would_spoil_is_computed_another_way(op: Op, value: float) -> None:
    """Of two neighbours of 3e38 the result holds a quarter each, which is finite; the transform has their sum."""
    spec = ConvSpec.parse("n1c1h8w8_f1kh3kw3_pt1pb1pl1pr1")
    x, w = np.ones(spec.x_shape, np.float32), np.full(spec.w_shape, 0.25, np.float32)
    x[0, 0, 2:4, 4] = value
    arrays = (x, w, None) if op == "conv2d" else (x, w)
    got = getattr(winograd, op)(*arrays, spec)
    assert np.array_equal(got, getattr(numba_tiled, op)(*arrays, spec), equal_nan=True)
    assert np.isfinite(got).all() == (value == 3e38)
    assert convolution._convolve(x, w, None, spec, backwards=op != "conv2d") is None


@pytest.mark.usefixtures("nothing_else")
@pytest.mark.parametrize("op", _CONV)
def test_the_bits_do_not_depend_on_the_number_of_threads(op: Op) -> None:
    if numba.config.NUMBA_NUM_THREADS < 2:
        pytest.skip("Numba has one thread here")
    for text in SPECS:
        spec = ConvSpec.parse(text)
        arrays = data.real(op, spec, "float32", text)
        run = getattr(winograd, op)
        with thread_limit(1):
            alone = run(*arrays, spec)
        with thread_limit(2):
            assert np.array_equal(run(*arrays, spec), alone), text


def test_narrower_registers_give_the_same() -> None:
    source = (
        "import sys, numpy as np\nfrom backends.numba_tiled import winograd\n"
        "from backends.numba_tiled.winograd import convolution, plan\n"
        "from backends.numba_tiled.simd.registers import BYTES\nfrom harness.oracle import by_taps, data\n"
        "from harness.geometry.spec import ConvSpec\n"
        "convolution.applies = plan.is_dense_3x3\nconvolution.tiled = convolution.tiled_input_grad = None\n"
        "for text in sys.argv[1:]:\n    spec = ConvSpec.parse(text)\n"
        "    for op in ('conv2d', 'conv2d_input_grad'):\n"
        "        a = data.exact(op, spec, 'float32', text)\n"
        "        assert np.array_equal(getattr(winograd, op)(*a, spec), by_taps.run(op, spec, *a)), (op, text)\n"
        "print('bytes', BYTES)\n"
    )
    done = child(source, *SPECS, **narrow_registers())
    assert done.stdout.split() == ["bytes", "32"], done.stderr[-1000:]


@pytest.mark.parametrize(
    ("text", "takes"),
    [
        (_PAYS, True), ("n1c12h11w12_f12kh3kw3", False), ("n1c12h16w16_f12kh3kw3", True), (f"{_PAYS}_dh2dw1", False),
        ("n2c16h14w14_f24kh3kw3_sh1sw2_pt1pb1pl1pr1", False), ("n2c16h14w14_f24kh3kw2_pt1pb1pl1pr1", False),
        ("n2c16h14w14_f24kh3kw3_pt1pb1pl1pr1_g2", False), ("n0c16h14w14_f24kh3kw3", False),
    ],
)  # fmt: skip
def test_where_it_does_not_apply_it_is_numba_tiled(text: str, takes: bool) -> None:
    """On real numbers the two differ in the last bits: so Winograd is used where it says so, and nowhere else."""
    spec = ConvSpec.parse(text)
    assert applies(spec) == takes
    for op in OPS:
        arrays = data.real(op, spec, "float32", text)
        same = np.array_equal(getattr(winograd, op)(*arrays, spec), getattr(numba_tiled, op)(*arrays, spec))
        assert same != (takes and op in _CONV), op


def test_it_has_the_bound_of_its_own_class() -> None:
    backend = registry.load("numba_winograd")
    assert backend.numerics == "winograd"
    assert backend.native == frozenset(ALL_OPS)
    assert registry.load("numba_tiled").numerics == "gemm"
