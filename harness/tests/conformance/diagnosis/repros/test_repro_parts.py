"""The script of a backend that has conv2d alone: as a module, as a class, with a bias and without."""

from __future__ import annotations

from pathlib import Path

import pytest

import conformance
from harness.geometry.spec import ConvSpec
from harness.tests.conformance.diagnosis.repros.test_repro import checked
from harness.tests.helpers.recorded import recorded, written

_SPEC = ConvSpec.parse("n2c4h7w8_f6kh3kw2_sh2sw3_pt1pb0pl1pr2_dh1dw2_g2")
_MODULE = """
import numpy as np


def conv2d(x, w, b, spec):
    (top, bottom, left, right), (oh, ow), (kh, kw) = spec.padding, spec.output_size, spec.kernel_size
    (sh, sw), (dh, dw), g = spec.stride, spec.dilation, spec.groups
    padded = np.pad(x, ((0, 0), (0, 0), (top, bottom), (left, right)))
    padded = padded.reshape(spec.batch, g, spec.in_channels // g, *spec.padded_size)
    y = np.zeros((spec.batch, g, spec.out_channels // g, oh, ow), x.dtype)
    w = w.reshape(g, spec.out_channels // g, *w.shape[1:])
    for u in range(kh):
        for v in range(kw):
            taken = padded[..., u * dh : u * dh + (oh - 1) * sh + 1 : sh, v * dw : v * dw + (ow - 1) * sw + 1 : sw]
            y += np.einsum("ngcpq,gfc->ngfpq", taken, w[..., u, v])
    y = y.reshape(spec.y_shape)
    return y if b is None else y + b.reshape(1, spec.out_channels, 1, 1)
"""
_CLASS = "import numpy as np\n\n\nclass Mine:\n" + "".join(
    f"    {line}\n" for line in _MODULE.replace("conv2d(x", "conv2d(self, x").splitlines()[3:]
)
_NO_BIAS = _MODULE.replace("import numpy as np\n", "import numpy as np\n\nbias = False\n").replace(
    "    return y if b is None else y + b.reshape(1, spec.out_channels, 1, 1)",
    "    if b is not None:\n        raise TypeError('no bias here')\n    return y",
)


@pytest.mark.parametrize("good", [_MODULE, _CLASS, _NO_BIAS])
def test_a_script_loads_what_has_conv2d_alone(tmp_path: Path, good: str) -> None:
    bad = good.replace("(top, bottom), (left, right)", "(bottom, top), (right, left)")
    checked(tmp_path, bad, recorded(written(tmp_path, bad), [("conv2d", _SPEC)]), good)


def test_who_takes_no_bias_passes_and_is_asked_with_one(tmp_path: Path) -> None:
    report = conformance.check(written(tmp_path, _NO_BIAS), dtypes=["float32"], check="values.exact/conv2d/*")
    assert (report.verdict, report.counts["pass"]) == ("pass", 108)
    silent = _NO_BIAS.replace("bias = False\n", "")
    report = conformance.check(written(tmp_path, silent), dtypes=["float32"], check="values.exact/conv2d/*")
    assert report.verdict == "fail"
