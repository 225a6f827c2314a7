"""A geometry as one number for each letter of its text, so that any of them can be changed by name."""

from __future__ import annotations

from harness.geometry.spec import ConvSpec, SpecError

Fields = dict[str, int]
NAMES = ("n", "c", "f", "g", "h", "w", "kh", "kw", "sh", "sw", "pt", "pb", "pl", "pr", "dh", "dw")


def fields_of(spec: ConvSpec) -> Fields:
    """The numbers of a geometry, by name.

    >>> fields_of(ConvSpec.parse("n1c4h5w6_f2kh3kw3_sh2sw1"))["sh"]
    2
    """
    values = (
        spec.batch, spec.in_channels, spec.out_channels, spec.groups, *spec.input_size, *spec.kernel_size,
        *spec.stride, *spec.padding, *spec.dilation,
    )  # fmt: skip
    return dict(zip(NAMES, values, strict=True))


def spec_of(d: Fields) -> ConvSpec | None:
    """The geometry of such numbers; None if they are none."""
    if min(d.values()) < 0 or not d["g"] or d["c"] % d["g"] or d["f"] % d["g"]:  # most that are none, at no cost
        return None
    try:
        return ConvSpec(
            batch=d["n"], in_channels=d["c"], out_channels=d["f"], groups=d["g"], input_size=(d["h"], d["w"]),
            kernel_size=(d["kh"], d["kw"]), stride=(d["sh"], d["sw"]),
            padding=(d["pt"], d["pb"], d["pl"], d["pr"]), dilation=(d["dh"], d["dw"]),
        )  # fmt: skip
    except SpecError:
        return None
