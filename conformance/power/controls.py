"""What must pass: the right implementation, and parts of it that refuse the rest, as people implement them."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from conformance.cases.selection import Selection
from conformance.power.fault import Implementation, load
from conformance.run import engine
from conformance.run.plan import plan
from harness.contract.status import Verdict
from harness.geometry.spec import OPS, ConvSpec, Op

_Does = Callable[[ConvSpec], bool]


class Control(NamedTuple):
    """A right implementation of these ops and dtypes, on the geometries that `does` says."""

    name: str
    does: _Does = lambda spec: True
    ops: tuple[Op, ...] = OPS
    dtypes: tuple[str, ...] = ("float32",)


CONTROLS: tuple[Control, ...] = (
    Control("the bias gradient alone", ops=("conv2d_bias_grad",)), Control("im2col alone", ops=("im2col",)),
    Control("one group", lambda s: s.groups == 1), Control("several groups", lambda s: s.groups > 1),
    Control("depthwise", lambda s: s.groups == s.in_channels > 1), Control("one image", lambda s: s.batch == 1),
    Control("one channel", lambda s: s.in_channels == 1), Control("with images alone", lambda s: s.batch > 0),
    Control("symmetric padding", lambda s: s.padding[::2] == s.padding[1::2]),
    Control("equal padding", lambda s: len(set(s.padding)) == 1), Control("no padding", lambda s: not any(s.padding)),
    Control("square kernels", lambda s: s.kernel_size[0] == s.kernel_size[1]),
    Control("3x3", lambda s: s.kernel_size == (3, 3)), Control("one tap", lambda s: s.kernel_size == (1, 1)),
    Control("odd kernels", lambda s: all(k % 2 for k in s.kernel_size)),
    Control("stride 1", lambda s: s.stride == (1, 1)), Control("stride 2", lambda s: s.stride == (2, 2)),
    Control("equal strides", lambda s: s.stride[0] == s.stride[1]),
    Control("no dilation", lambda s: s.dilation == (1, 1)),
    Control("square images", lambda s: s.input_size[0] == s.input_size[1]),
    Control("images of 28 x 28", lambda s: s.input_size == (28, 28)),
    Control("the usual part", lambda s: s.groups == 1 and s.dilation == (1, 1) and s.kernel_size[0] == s.kernel_size[1]
            and s.stride[0] == s.stride[1] and s.padding[::2] == s.padding[1::2]),
    Control("float64 alone", dtypes=("float64",)), Control("float32 and float64", dtypes=("float32", "float64")),
    Control("im2col and col2im", ops=("im2col", "col2im")),
    Control("conv2d alone", ops=("conv2d",)), Control("the gradients alone", ops=OPS[3:]),
    Control("everything, in five dtypes", dtypes=("float16", "float32", "float64", "int32", "int64")),
)  # fmt: skip


class _Part(Implementation):
    """Refuses what it does not do."""

    def __init__(self, control: Control) -> None:
        super().__init__()
        self.control = control

    def unsupported(self, op: Op, spec: ConvSpec, dtype: str) -> str | None:
        """Contract."""
        if op not in self.control.ops:
            return "not this op"
        if dtype not in self.control.dtypes:
            return f"dtype {dtype} is not claimed"
        return None if self.control.does(spec) else f"not this geometry: {self.control.name}"


def verdict(control: Control, selection: Selection | None = None, spoilt: Implementation | None = None) -> str:
    """Nothing if it passes, else the verdict and why. `spoilt` is judged in place of the control."""
    caller = load(_Part(control) if spoilt is None else spoilt)
    result = engine.run(caller, plan(caller, selection or Selection()))
    if result.verdict is Verdict.PASS:
        return ""
    bad = next((f"{c.case}: {c.detail}" for c in result.cases if c.status.is_bad), result.reason)
    return f"{result.verdict}: {bad}"
