"""Reads the convolutions of oneDNN's verbose log, of any version: what ONEDNN_VERBOSE=1 prints, a line a primitive.

    onednn_verbose,v1,primitive,exec,cpu,convolution,jit:avx2,forward_training,src:f32:a:blocked:abcd::f0 ..,,
    alg:convolution_direct,mb1_ic3oc64_ih224oh112kh7sh2dh0ph3_iw224ow112kw7sw2dw0pw3,0.5

The versions differ in what stands before `exec` and in the order of what follows; the problem is a benchdnn descriptor.
"""

from __future__ import annotations

import re

from harness.geometry.benchdnn import NotRead
from harness.geometry.shape_files.logged import Logged
from harness.geometry.spec import ConvSpec, SpecError

MARK = re.compile(r"\b(?:onednn|dnnl|mkldnn)_verbose,(.*)")
_PROBLEM = re.compile(r"(?:(?:g|mb)[0-9]+_?)*ic[0-9]+.*")
_PASS = re.compile(r"forward|backward")
_OTHER_DTYPE = re.compile(r"\bf?src[_:](f16|bf16|f64|s8|u8|s32|f8_\w+)\b")


def convolution(line: str) -> Logged | None:
    """What a line executes; None for any other line.

    Raises `NotRead` for a deconvolution and for 3-D, `SpecError` for a convolution whose problem is damaged.
    """
    found = MARK.search(line)
    fields = found[1].split(",") if found else []
    if "exec" not in fields:
        return None
    at = fields.index("exec") + 1
    primitive = next((field for field in fields[at : at + 2] if field.endswith("convolution")), "")
    if primitive == "deconvolution":
        raise NotRead(line, "a deconvolution, which is the input gradient of another spec")
    if primitive != "convolution":
        return None
    problem = next((field.strip() for field in fields[at:] if _PROBLEM.fullmatch(field.strip())), None)
    if problem is None:
        raise SpecError(
            "an executed convolution must have its problem, such as mb1_ic3oc4_ih5oh3kh3sh1dh0ph0, got none"
        )
    said = next((field for field in fields[at:] if _PASS.match(field)), "forward")
    passed = "forward" if said.startswith("forward") else said
    dtype = _OTHER_DTYPE.search(found[1]) if found else None
    return Logged(ConvSpec.parse(problem), [passed], dtype[1] if dtype else "")
