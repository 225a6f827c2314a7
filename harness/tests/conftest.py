"""A right plug-in as text, for tests to break in one place, and a way to write plug-ins to a folder of their own."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

collect_ignore = ["helpers/fake_cupy"]  # collected, it would be CuPy to every test

# Two functions in one file: the smallest plug-in there is. It passes the whole suite.
GOOD = """\
import numpy as np


def im2col(x, spec):
    (top, bottom, left, right), (oh, ow), (kh, kw) = spec.padding, spec.output_size, spec.kernel_size
    (sh, sw), (dh, dw) = spec.stride, spec.dilation
    padded = np.pad(x, ((0, 0), (0, 0), (top, bottom), (left, right)))
    columns = np.empty((*x.shape[:2], kh, kw, oh, ow), x.dtype)
    for u in range(kh):
        for v in range(kw):
            rows = slice(u * dh, u * dh + (oh - 1) * sh + 1, sh)
            columns[:, :, u, v] = padded[:, :, rows, v * dw : v * dw + (ow - 1) * sw + 1 : sw]
    return columns.reshape(spec.columns_shape)


def col2im(columns, spec):
    (top, bottom, left, right), (oh, ow), (kh, kw) = spec.padding, spec.output_size, spec.kernel_size
    (sh, sw), (dh, dw), (h, w) = spec.stride, spec.dilation, spec.input_size
    taps = columns.reshape(spec.batch, spec.in_channels, kh, kw, oh, ow)
    padded = np.zeros((*taps.shape[:2], h + top + bottom, w + left + right), columns.dtype)
    for u in range(kh):
        for v in range(kw):
            rows = slice(u * dh, u * dh + (oh - 1) * sh + 1, sh)
            padded[:, :, rows, v * dw : v * dw + (ow - 1) * sw + 1 : sw] += taps[:, :, u, v]
    return padded[:, :, top : top + h, left : left + w].copy()
"""

GOOD_CLASS = """

class {name}:
    def im2col(self, x, spec):
        return im2col(x, spec)

    def col2im(self, columns, spec):
        return col2im(columns, spec)
"""

Write = Callable[[str, str], Path]


def edited(old: str, new: str) -> str:
    """GOOD with one passage, that must occur exactly once, replaced."""
    assert GOOD.count(old) == 1, f"{old!r} occurs {GOOD.count(old)} times"
    return GOOD.replace(old, new)


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """`write(name, source)` puts a file into the test's own folder and returns its path."""

    def put(name: str, source: str) -> Path:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(source, encoding="utf-8")
        return path

    return put
