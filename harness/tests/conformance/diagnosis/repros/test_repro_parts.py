"""The script of a backend that has conv2d alone: as a module, as a class, with a bias and without."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

import conformance
from conformance.diagnosis.script.standalone import standalone
from harness.calls.caller import CallResult, Conditions
from harness.geometry.spec import ConvSpec
from harness.tests.conformance.diagnosis.repros.test_repro import checked
from harness.tests.helpers.plugins import called
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
    checked(tmp_path, bad, recorded(written(tmp_path, bad), [("conv2d", _SPEC)]), good, takes_bias=good != _NO_BIAS)


def test_a_long_script_keeps_what_adds_the_bias(tmp_path: Path) -> None:
    """Whatever else is left out of one that would have more than 20 lines."""
    path = written(tmp_path, _NO_BIAS)
    conditions = [Conditions(layout=name, only=1, threads=2) for name in ("crop", "readonly", "transposed", "memmap")]
    calls = [replace(call, conditions=one) for call in recorded(path, [("conv2d", _SPEC)]) for one in conditions]
    wrong = [*calls[:-1], replace(calls[-1], outcome=CallResult(error="ValueError: no"))]
    for count in range(1, len(wrong) + 1):
        script = standalone(wrong[-count:], "values.exact/conv2d/float32/n1", "", called("mine.py"), takes_bias=False)
        assert "b.conv2d(x, w, None, s)" in script or not script
        assert bool(script) is (count < 4)


# What the conv2d that takes no bias returns, and the check that sees it: the sum with a bias would hide it.
_FORMS = {
    "contract.contiguous": "np.asfortranarray(y)",
    "contract.writeable": "np.broadcast_to(y, y.shape)",
    "contract.dtype": "y.astype('f2')",
    "contract.type": "y.view(type('Own', (np.ndarray,), {}))",
    "contract.no_alias_previous": "kept.setdefault(y.shape, y)",
    "contract.no_alias_input": "x.reshape(y.shape) if x.shape == y.shape else y",
}


@pytest.mark.parametrize("check", _FORMS)
def test_the_form_is_that_of_its_own_result(tmp_path: Path, check: str) -> None:
    source = _NO_BIAS.replace("\n    return y", f"\n    return {_FORMS[check]}").replace(
        "bias = False", "bias, kept = False, {}"
    )
    report = conformance.check(written(tmp_path, source), ops=["conv2d"], dtypes=["float32"], check=check)
    (group,) = report.to_json()["checks"]
    assert group["status"] == "fail"
    assert group["failures"][0]["case"].endswith("/bias=0")


def test_who_takes_no_bias_passes_and_is_asked_with_one(tmp_path: Path) -> None:
    report = conformance.check(written(tmp_path, _NO_BIAS), dtypes=["float32"], check="values.exact/conv2d/*")
    assert (report.verdict, report.counts["pass"]) == ("pass", 108)
    silent = _NO_BIAS.replace("bias = False\n", "")
    report = conformance.check(written(tmp_path, silent), dtypes=["float32"], check="values.exact/conv2d/*")
    assert report.verdict == "fail"
