"""`octave_loop`: its exchange with a program that stays, on a stand-in; and right, where Octave itself is installed."""

from __future__ import annotations

import os
import shutil
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from backends import octave_loop
from backends.octave_loop.program import Octave, OctaveError
from harness import BackendUnavailable, CompleteBackend
from harness.calls.memory_layouts import arrange
from harness.contract import registry
from harness.geometry.spec import ALL_OPS, OPS, POOL_OPS, ConvSpec, Op
from harness.geometry.windows import why_not_pooled
from harness.oracle import by_taps, data
from harness.tests.helpers.imports import ROOT

_SPECS = {
    "all_distinct": "n2c6h9w11_f9kh3kw2_sh2sw3_pt1pb2pl3pr0_dh2dw1_g3",
    "no_padding": "n3c2h6w5_f4kh3kw2",
    "one_image": "n1c3h6w5_f4kh3kw2_pt1pb0pl0pr1",
    "one_channel": "n2c1h6w5_f1kh2kw3_sh2sw1",
    "one_window": "n2c3h3w2_f4kh3kw2",
    "one_row": "n2c3h1w7_f4kh1kw3_sh1sw2",
    "stride_beyond_kernel": "n2c2h9w11_f3kh2kw1_sh4sw3",
    "stride_that_does_not_tile": "n2c2h8w9_f3kh3kw3_sh3sw4_pt1pb1pl1pr1",
    "dilated": "n1c2h9w10_f2kh3kw2_sh1sw2_dh2dw3",
    "padding_beyond_kernel": "n2c2h3w2_f2kh2kw3_pt3pb4pl5pr3",
    "depthwise": "n2c5h6w5_f5kh3kw2_g5",
    "depthwise_multiplier": "n2c3h6w5_f6kh3kw2_sh2sw1_pt1pb1pl0pr0_g3",
    "pointwise": "n2c5h4w3_f7kh1kw1",
    "no_images": "n0c4h5w6_f6kh3kw2_pt1pb0pl0pr0_g2",
    "one_of_everything": "n1c1h1w1_f1kh1kw1",
}
_ALL_DISTINCT = ConvSpec.parse(_SPECS["all_distinct"])
_PIXEL = ConvSpec.parse("n1c1h1w1_f1kh1kw1")
_ONE = np.ones((1, 1, 1, 1))
# Knows the number of a call, and nothing else: what it does then is filled in.
_STAND_IN = """#!/bin/sh
while read -r line; do
  number=${{line#answer(}}
  number=${{number%%,*}}
  {does}
done
"""
_LONGEST = 60.0  # seconds for a process to end
StandIn = Callable[[str], Octave]


@pytest.fixture
def stand_in(tmp_path: Path) -> Iterator[StandIn]:
    """Makes an exchange with a shell script in place of octave-cli."""
    made = []

    def make(does: str) -> Octave:
        program = tmp_path / "octave-cli"
        program.write_text(_STAND_IN.format(does=does), encoding="utf-8")
        program.chmod(program.stat().st_mode | stat.S_IXUSR)
        made.append(Octave(str(program)))
        return made[-1]

    yield make
    for octave in made:
        octave.close()


@pytest.fixture(scope="module")
def backend() -> CompleteBackend:
    if shutil.which("octave-cli") is None:
        pytest.skip("octave-cli is not on PATH")
    return registry.load("octave_loop")


def wait_for_the_end_of(process: int) -> bool:
    """Whether a process ends by itself; one that waits for its parent to ask has ended."""
    end = time.monotonic() + _LONGEST
    while time.monotonic() < end:
        try:
            if Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] == "Z":
                return True
        except (FileNotFoundError, ProcessLookupError):
            return True
        time.sleep(0.01)
    return False


# -- the exchange, on a stand-in ---------------------------------------------------------------------------------------


def test_without_the_program_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(
        BackendUnavailable, match=r"^octave-cli is not on PATH: apt-get install .* libopenblas0-pthread$"
    ):
        octave_loop.octave_loop()


@pytest.mark.parametrize(
    ("does", "why"),
    [
        ('echo "octave_loop $number done"', r"does not work: Octave gave 0 numbers for im2col, not \(1, 1, 1\)"),
        ('echo "octave_loop $number failed no such file"', "does not work: Octave cannot do im2col: no such file"),
        ("exit 3", "does not work: octave-cli ended with exit code 3"),
    ],
)
def test_a_program_that_does_not_compute_is_unavailable(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, stand_in: StandIn, does: str, why: str
) -> None:
    stand_in(does)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(BackendUnavailable, match=why):
        octave_loop.octave_loop()


def test_what_is_printed_around_an_answer_does_no_harm(stand_in: StandIn) -> None:
    octave = stand_in('echo "warning: no X"; echo; printf "half a line"; echo "octave_loop $number done 9.9 my BLAS"')
    assert octave.about() == "9.9 my BLAS"
    assert octave.about() == "9.9 my BLAS"


def test_an_answer_to_another_call_is_none(stand_in: StandIn) -> None:
    octave = stand_in(
        'echo "octave_loop 7 done old"; echo "octave_loop 1$number done"; echo "octave_loop $number done new"'
    )
    assert octave.about() == "new"


def test_what_octave_cannot_do_is_told_and_the_process_stays(stand_in: StandIn) -> None:
    octave = stand_in(
        'if [ $number = 1 ]; then echo "octave_loop 1 failed no luck"; else echo "octave_loop 2 done $$"; fi'
    )
    with pytest.raises(OctaveError, match=r"^Octave cannot do im2col: no luck$"):
        octave.call("im2col", _PIXEL, (_ONE,))
    assert octave.about()


def test_too_little_memory_is_told_as_such(stand_in: StandIn) -> None:
    octave = stand_in('echo "octave_loop $number failed out of memory or dimension too large for the index type"')
    with pytest.raises(MemoryError, match="too little memory for im2col"):
        octave.call("im2col", _PIXEL, (_ONE,))


@pytest.mark.parametrize(
    ("end", "how"),
    [
        (
            "echo 'parse error near line 1'; echo; exit 3",
            r"ended with exit code 3 in the middle of about \(parse error",
        ),
        ("kill -9 $$", r"was ended by signal 9 in the middle of about \(it printed nothing\)"),
    ],
)
def test_a_dead_one_is_told_and_the_next_call_starts_another(
    stand_in: StandIn, tmp_path: Path, end: str, how: str
) -> None:
    seen = tmp_path / "seen"
    octave = stand_in(f'if [ ! -e {seen} ]; then : > {seen}; {end}; fi; echo "octave_loop $number done alive"')
    with pytest.raises(OctaveError, match=f"^octave-cli {how}.*the next call starts a new one$"):
        octave.about()
    assert octave.about() == "alive"


def test_one_that_died_between_two_calls_is_told_too(stand_in: StandIn) -> None:
    octave = stand_in('echo "octave_loop $number done $$"')
    first = int(octave.about())
    os.kill(first, signal.SIGKILL)
    assert wait_for_the_end_of(first)
    with pytest.raises(OctaveError, match="was ended by signal 9"):
        octave.about()
    assert int(octave.about()) != first


def test_an_interrupted_call_ends_it(stand_in: StandIn, tmp_path: Path) -> None:
    """It may go on computing for minutes, and nobody waits for that."""

    def interrupted(number: int, frame: object) -> None:
        raise KeyboardInterrupt

    pids = tmp_path / "pids"
    octave = stand_in(
        f"if [ ! -e {pids} ]; then echo $$ > {pids}; kill -USR1 {os.getpid()}; while :; do sleep 1; done; fi; "
        'echo "octave_loop $number done again"'
    )
    before = signal.signal(signal.SIGUSR1, interrupted)
    try:
        with pytest.raises(KeyboardInterrupt):
            octave.about()
    finally:
        signal.signal(signal.SIGUSR1, before)
    assert octave.about() == "again"
    assert wait_for_the_end_of(int(pids.read_text()))


_STARTER = """
import os, sys, signal
from backends.octave_loop.program import Octave
octave = Octave(sys.argv[1])
octave.about()
print(octave.about(), flush=True)
{end}
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="processes are looked up in /proc")
@pytest.mark.parametrize("end", ["sys.exit(0)", "os._exit(1)", "os.kill(os.getpid(), signal.SIGKILL)"])
def test_it_does_not_survive_whoever_started_it(stand_in: StandIn, tmp_path: Path, end: str) -> None:
    stand_in('echo "octave_loop $number done $$"')
    done = subprocess.run(
        [sys.executable, "-c", _STARTER.format(end=end), str(tmp_path / "octave-cli")],
        cwd=ROOT, capture_output=True, text=True, check=False, timeout=600,
    )  # fmt: skip
    assert wait_for_the_end_of(int(done.stdout))


def test_a_fork_starts_its_own(stand_in: StandIn, tmp_path: Path) -> None:
    stand_in('echo "octave_loop $number done $$"')
    fork = "child = os.fork()\nif child: os.waitpid(child, 0)\nprint(octave.about(), flush=True)\nos._exit(0)"
    done = subprocess.run(
        [sys.executable, "-c", _STARTER.format(end=fork), str(tmp_path / "octave-cli")],
        cwd=ROOT, capture_output=True, text=True, check=True, timeout=600,
    )  # fmt: skip
    first, of_the_fork, of_the_parent = done.stdout.split()
    assert first == of_the_parent != of_the_fork


def test_several_threads_get_their_own_answers(stand_in: StandIn) -> None:
    octave = stand_in('echo "octave_loop $number done $number"')
    with ThreadPoolExecutor(8) as pool:
        told = list(pool.map(lambda _: octave.about(), range(100)))
    assert sorted(map(int, told)) == list(range(1, 101))


# -- Octave itself -----------------------------------------------------------------------------------------------------


def right(got: Any, expected: Any, like: np.ndarray) -> None:
    np.testing.assert_array_equal(got, expected)
    assert (type(got), got.dtype, got.shape) == (np.ndarray, like.dtype, expected.shape)
    assert got.flags.c_contiguous
    assert got.flags.writeable
    assert got.flags.owndata or got.base.flags.owndata


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("op", OPS)
def test_every_geometry_is_right_to_the_last_element(backend: CompleteBackend, op: Op, dtype: str) -> None:
    for text in _SPECS.values():
        spec = ConvSpec.parse(text)
        arrays: tuple[Any, ...] = data.exact(op, spec, dtype, text)
        for given in [arrays, (*arrays[:2], None)] if op == "conv2d" else [arrays]:
            right(backend.call(op, spec, *given), by_taps.run(op, spec, *given), arrays[0])


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("op", POOL_OPS)
def test_pooling_agrees_with_what_is_derived_from_columns(backend: CompleteBackend, op: Op, dtype: str) -> None:
    """To the bit but for sums of shares: of those each is rounded, and each of the additions, KH*KW at most."""
    derived = registry.load("numpy_fancy")
    asked = [spec for spec in map(ConvSpec.parse, _SPECS.values()) if why_not_pooled(spec) is None]
    asked += [ConvSpec.of(batch=2, in_channels=3, input_size=(7, 8), out_channels=1, kernel_size=3, stride=2, padding=1,
                          rounding="ceil")]  # fmt: skip
    assert len(asked) > 10
    for spec in asked:
        generator = np.random.default_rng(spec.positions)
        arrays = [generator.integers(-9, 0, shape).astype(dtype) for shape in spec.input_shapes(op)]
        got, expected = (one.call(op, spec, *arrays) for one in (backend, derived))
        assert (got.dtype.name, got.shape) == (dtype, spec.output_shape(op))
        if op.startswith("avg") and op.endswith("grad"):
            bound = 2 * (spec.taps + 1) * np.finfo(dtype).eps * np.abs(expected)  # all of one sign
            assert (np.abs(got - expected) <= bound).all()
        else:
            right(got, expected, arrays[0])


def test_the_largest_of_windows_with_nan_infinities_and_equals(backend: CompleteBackend) -> None:
    spec = ConvSpec.of(batch=1, in_channels=1, input_size=(2, 6), out_channels=1, kernel_size=2, stride=2)
    x = np.array([[[[5.0, 5.0, -np.inf, -np.inf, 1.0, np.inf], [5.0, 5.0, -np.inf, -np.inf, np.nan, np.nan]]]])
    np.testing.assert_array_equal(backend.call("max_pool2d", spec, x), [[[[5.0, -np.inf, np.nan]]]])
    dx = backend.call("max_pool2d_grad", spec, np.array([[[[1.0, 2.0, np.nan]]]]), x)
    np.testing.assert_array_equal(dx, [[[[1, 0, 2, 0, 0, 0], [0, 0, 0, 0, np.nan, 0]]]])


@pytest.mark.parametrize("op", OPS)
def test_inputs_may_lie_in_any_memory(backend: CompleteBackend, op: Op) -> None:
    for layout in ("F", "permuted", "step-2", "unaligned", "readonly"):
        arrays = [arrange(a, layout) for a in data.exact(op, _ALL_DISTINCT, "float32", layout)]
        right(backend.call(op, _ALL_DISTINCT, *arrays), by_taps.run(op, _ALL_DISTINCT, *arrays), arrays[0])


def test_several_threads_with_other_geometries(backend: CompleteBackend) -> None:
    specs = [ConvSpec.parse(text) for text in _SPECS.values()] * 4
    given = [data.exact("conv2d", spec, "float32", "x") for spec in specs]
    with ThreadPoolExecutor(4) as pool:
        got = list(pool.map(lambda pair: backend.call("conv2d", pair[0], *pair[1]), zip(specs, given, strict=True)))
    for spec, arrays, one in zip(specs, given, got, strict=True):
        np.testing.assert_array_equal(one, by_taps.run("conv2d", spec, *arrays))


def test_what_it_says_of_itself(backend: CompleteBackend) -> None:
    assert backend.native == set(ALL_OPS)
    assert backend.info.keys() == {"device", "octave", "blas"}
    assert all(part.isdigit() for part in backend.info["octave"].split(".")[:2])
    assert backend.unsupported("conv2d", _ALL_DISTINCT, "float32") is None
    assert backend.unsupported("conv2d", _ALL_DISTINCT, "int32") == "dtype int32 is not claimed"


def test_it_is_not_harmed_by_what_it_cannot_do(backend: CompleteBackend) -> None:
    """Arrays that do not fit never come from the harness; here they make Octave complain."""
    with pytest.raises(OctaveError, match="Octave cannot do conv2d_input_grad"):
        backend.call("conv2d_input_grad", _PIXEL, np.ones((1, 1, 2, 2)), _ONE)
    assert backend.call("im2col", _PIXEL, _ONE).item() == 1.0
