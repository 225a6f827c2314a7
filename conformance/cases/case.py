"""One case: a check on one op, dtype and geometry. Its id is filter, key, seed and repro at once."""

from __future__ import annotations

import re
from dataclasses import dataclass

from harness.calls.memory_layouts import GUARDED, MEMORY_LAYOUTS
from harness.contract.protocol import DTYPES
from harness.geometry.spec import ALL_OPS, ConvSpec, Op
from harness.telling import WrongCall, did_you_mean

MOST_SEED = 2**63 - 1
_LAYOUTS = (*MEMORY_LAYOUTS, *GUARDED)
RANDOM = "values.random"  # the check whose cases Hypothesis draws; who only names it need not import that


class CaseError(WrongCall):
    """A text that is no case id."""


class SelectionError(WrongCall):
    """A filter that selects nothing, or names nothing known."""


@dataclass(frozen=True, slots=True)
class Case:
    """`check/op/dtype/spec[/bias=0][/layout=..][/seed=..]`.

    >>> text = "values.exact/conv2d/float32/n2c6h11w13_f4kh3kw2_sh2sw3/bias=0"
    >>> Case.parse(text).bias, str(Case.parse(text)) == text
    (False, True)
    """

    check: str
    op: Op
    dtype: str
    spec: ConvSpec
    bias: bool = True
    layout: str = "C"
    seed: int = 0

    def __str__(self) -> str:
        text = f"{self.check}/{self.op}/{self.dtype}/{self.spec}"
        text += "" if self.bias else "/bias=0"
        text += f"/layout={self.layout}" if self.layout != "C" else ""
        return text + (f"/seed={self.seed}" if self.seed else "")

    @classmethod
    def parse(cls, text: str) -> Case:
        """Read an id. Raises `CaseError` (or `SpecError`) naming the part that is wrong."""
        parts = text.split("/")
        if len(parts) < 4:
            raise CaseError(f"case {text!r} is not of the form check/op/dtype/spec[/bias=0][/layout=..][/seed=..]")
        check, op, dtype, spec, *options = parts
        if op not in ALL_OPS:
            hint = did_you_mean(op, ALL_OPS)
            raise CaseError(f"case {text!r}: op must be one of {', '.join(ALL_OPS)}, got {op!r}{hint}")
        if dtype not in DTYPES:
            hint = did_you_mean(dtype, DTYPES)
            raise CaseError(f"case {text!r}: dtype must be one of {', '.join(DTYPES)}, got {dtype!r}{hint}")
        values = dict(option.partition("=")[::2] for option in options)
        seed, layout = values.pop("seed", "0"), values.pop("layout", "C")
        is_seed = re.fullmatch("[0-9]{1,19}", seed) and int(seed) <= MOST_SEED
        if values.pop("bias", "0") != "0" or values or not is_seed or layout not in _LAYOUTS:
            raise CaseError(
                f"case {text!r}: options are bias=0, seed= a whole number below 2^63, "
                f"and layout= one of {', '.join(_LAYOUTS)}"
            )
        return cls(check, op, dtype, ConvSpec.parse(spec), "bias=0" not in options, layout, int(seed))
