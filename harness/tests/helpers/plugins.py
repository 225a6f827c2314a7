"""A right plug-in as text, for tests to break in one place."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from harness.contract.targets import Target

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

# Behind a plug-in that is to be timed in one op: of tier 1, which it passes before, that is a tenth.
IM2COL_ALONE = """

def unsupported(op, spec, dtype):
    return None if (op, dtype) == ("im2col", "float32") else "im2col in float32 alone"
"""

# It never finishes loading, in one place or the other.
PLACES_THAT_HANG = {
    "import": f"import time\ntime.sleep(3600)\n{GOOD}",
    "info": f"{GOOD}\n\ndef info():\n    import time\n    time.sleep(3600)\n",
}

Write = Callable[[str, str], Path]


def edited(old: str, new: str) -> str:
    """GOOD with one passage, that must occur exactly once, replaced."""
    assert GOOD.count(old) == 1, f"{old!r} occurs {GOOD.count(old)} times"
    return GOOD.replace(old, new)


def called(text: str) -> Target:
    """A target that needs not exist, called as it is written."""
    return Target(text, text, text)
