"""The cases that the emulated CUDA kernels are run on, and how: in a child, since a wrong kernel may crash."""

from __future__ import annotations

import faulthandler
import multiprocessing
import os
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from backends.cupy_kernels import tiles
from backends.cupy_kernels.emulated import EmulatedDevice, KernelError
from backends.cupy_kernels.implicit import Implicit
from harness.geometry.spec import ConvSpec, Op
from harness.oracle import by_taps, data

# What tier 1 of the suite is too small for: tiles of every height, sums in splits, kernels beyond the table's bits.
SPECS = {
    "two_tiles": "n2c33h9w7_f129kh3kw3_sh2sw2_pt1pb1pl1pr1",
    "half_a_tile": "n3c5h8w8_f70kh3kw3_pt1pb1pl1pr1",
    "long_sum": "n1c260h3w5_f40kh1kw1",
    "first_layer": "n1c3h32w32_f20kh7kw7_sh2sw2_pt3pb3pl3pr3",
    "groups": "n2c12h11w13_f8kh3kw2_sh2sw3_pt1pb2pl3pr0_dh2dw1_g4",
    "depthwise": "n2c5h9w8_f5kh3kw3_pt1pb1pl1pr1_g5",
    "dilated": "n1c4h13w12_f6kh3kw3_sh2sw1_pt4pb4pl3pr3_dh3dw2",
    "pointwise": "n3c21h6w6_f34kh1kw1",
    "pointwise_groups": "n2c6h5w8_f9kh1kw1_g3",
    "strided_1x1": "n2c6h9w8_f5kh1kw1_sh2sw2",
    "strided_1x1_in_splits": "n1c3h8w8_f130kh1kw1_sh2sw2",
    "one_column_in_splits": "n1c3h9w1_f63kh4kw2_sh2sw5_pr1_dh2",
    "tall_kernel": "n1c2h40w5_f3kh17kw2_pt8pb8",
    "stride_beyond_kernel": "n2c2h9w11_f3kh2kw1_sh4sw3",
    "pad_beyond_kernel": "n2c2h3w2_f2kh3kw3_pt3pb4pl5pr3",
    "rows_end_within_a_pack": "n2c3h10w9_f4kh3kw3",
    "one_row": "n2c3h1w64_f4kh1kw5_pl2pr2",
}
OPS: tuple[Op, ...] = ("im2col", "col2im", "conv2d", "conv2d_input_grad", "conv2d_weight_grad")
PRODUCTS = OPS[2:]


class Case(NamedTuple):
    """An op on a geometry; the name of the geometry, the dtype, whether on tensor cores, whether copies come late."""

    op: Op
    name: str
    dtype: str = "float32"
    tf32: bool = False
    late: bool = True

    def run(self, device: EmulatedDevice) -> str:
        """What is wrong, or nothing."""
        spec = ConvSpec.parse(SPECS[self.name])
        arrays = data.exact(self.op, spec, self.dtype, self.name)
        backend = Implicit(device, self.tf32)
        try:
            got = getattr(backend, self.op)(*(device.from_numpy(a) for a in arrays), spec)
        except KernelError as error:
            return str(error)
        expected = by_taps.run(self.op, spec, *arrays)
        same = np.array_equal(device.to_numpy(got), expected)
        return "" if same else f"{self.op} {self.name}: {int((got != expected).sum())} of {got.size} elements differ"


def in_child(cases: Sequence[Case], folders: Sequence[Path] = (), tile_rows: int = 0) -> str:
    """The first thing wrong with the cases, run with kernel files of `folders` first, in a process of its own."""
    here, there = multiprocessing.get_context("fork").Pipe(duplex=False)
    child = multiprocessing.get_context("fork").Process(target=_run, args=(there, cases, folders, tile_rows))
    child.start()
    there.close()
    try:
        answer = here.recv() if here.poll(300) else "hangs"
    except EOFError:
        child.join()
        answer = f"the process ended with {child.exitcode}"
    child.kill()
    child.join()
    return str(answer)


def _run(there: object, cases: Sequence[Case], folders: Sequence[Path], tile_rows: int) -> None:
    faulthandler.disable()  # what is wrong with it is known, or is looked at alone
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
    if tile_rows:
        tiles.ROWS = dict.fromkeys(("float32", "float64"), (tile_rows,))
    devices = {late: EmulatedDevice(folders, late=late) for late in (False, True)}
    wrong = (text for case in cases if (text := case.run(devices[case.late])))
    there.send(next(wrong, ""))  # type: ignore[attr-defined]
