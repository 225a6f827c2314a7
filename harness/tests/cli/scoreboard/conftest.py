"""A checkout of the tests' own: one library, which is a script, and its plug-in."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.cli.scoreboard.peers import Fault, Peer
from harness.contract.status import Grade

_PLUGIN = """
import numpy as np
def unsupported(op, spec, dtype):
    return None if (op, dtype) == ("im2col", "float32") else "im2col in float32"
def im2col(x, spec):
    top, bottom, left, right = spec.padding
    x = np.pad(x, ((0, 0), (0, 0), (top, bottom), (left, right)))
    (oh, ow), (sh, sw), (dh, dw) = spec.output_size, spec.stride, spec.dilation
    columns = np.empty((spec.batch, spec.in_channels, *spec.kernel_size, *spec.output_size), x.dtype)
    for u in range(spec.kernel_size[0]):
        for v in range(spec.kernel_size[1]):
            i, j = u * dh, v * dw
            columns[:, :, u, v] = x[:, :, i : i + (oh - 1) * sh + 1 : sh, j : j + (ow - 1) * sw + 1 : sw]
    return np.asfortranarray(columns.reshape(spec.columns_shape))
"""


@pytest.fixture
def peer(tmp_path: Path) -> Peer:
    """Its plug-in is right, but for columns that are not C-contiguous; the script of that fault says that it shows."""
    (tmp_path / "backends/peers/known").mkdir(parents=True)
    (tmp_path / "docs/repros").mkdir(parents=True)
    fault = Fault(
        script="in_columns",
        text="the columns are in another order",
        grade=Grade.FORM,
        expected="In rows.",
        confirmed="1.0",
    )
    found = Peer(name="scripted", package="numpy", requires=[], home="https://example.org/scripted", faults=[fault])
    (tmp_path / found.plugin).write_text(_PLUGIN)
    (tmp_path / fault.known).write_text("contract.contiguous/im2col/*  # in columns, docs/repros/in_columns.py\n")
    (tmp_path / fault.repro).write_text("import sys\nprint('strides')\nsys.exit(1)\n")
    return found
