"""What a word of `harness explain` means: a check, a case id, a spec, or a short form such as 3x3 with --kernel 3."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, fields

import typer

import conformance.checks  # noqa: F401  # its checks register themselves
from conformance.cases.case import Case, CaseError
from conformance.checks.registration import CHECKS, check_of
from harness.cli.checking import again
from harness.geometry import benchdnn
from harness.geometry.numbers import Pair
from harness.geometry.shorthand import PaddingName
from harness.geometry.spec import ConvSpec
from harness.telling import did_you_mean

_SHORT = re.compile(r"([0-9]{1,19})x([0-9]{1,19})")
_NUMBERS = re.compile(r"[0-9]{1,19}(?:[x,][0-9]{1,19})*")
_SPEC = re.compile(r"n[0-9]+c[0-9]")
_PADDINGS: tuple[PaddingName, ...] = ("same", "same_lower", "valid", "full")
_SHOWN = 80  # characters of a word that means nothing


@dataclass(frozen=True, slots=True, kw_only=True)
class Numbers:
    """The options that go with a short form, as they were typed; None where one was not given."""

    kernel: str | None = None
    stride: str | None = None
    padding: str | None = None
    dilation: str | None = None
    images: int | None = None
    channels: int | None = None
    filters: int | None = None

    def given(self) -> list[str]:
        """The options that were given."""
        return [f"--{field.name}" for field in fields(self) if getattr(self, field.name) is not None]


def resolve(what: str, numbers: Numbers) -> ConvSpec | Case | str:
    """The geometry, the case, or the id of the check that is meant.

    Raises `SpecError` or `CaseError` for a text that is nearly one, `SelectionError` for a short id of no case or of
    several, `BadParameter` for one that is none at all.
    """
    text = again.meant(what.strip())
    if _SHORT.fullmatch(text):
        return _short(text, numbers)
    if numbers.given():
        raise typer.BadParameter(f"{numbers.given()[0]} goes with a short form such as 3x3, got {_shown(text)}")
    if text in CHECKS:
        return text
    if "/" in text:
        return _case(text)
    if _SPEC.match(text) or benchdnn.looks_like(text):
        return ConvSpec.parse(text)
    raise typer.BadParameter(
        f"{_shown(text)} is no check, case id or geometry{_hint(text)}; `harness list checks` has all checks, "
        "and a geometry is written as n1c1h3w3_f1kh3kw3 or 3x3 --kernel 3"
    )


def _hint(text: str) -> str:
    """The check that may be meant: by its id, or by a part of it."""
    parts = {id.partition(".")[2]: id for id in CHECKS}
    if text in parts:
        return f", did you mean {parts[text]!r}?"
    return did_you_mean(text, CHECKS) or did_you_mean(text, parts)


def _case(text: str) -> Case:
    case = Case.parse(text)
    if case.check not in CHECKS:
        raise CaseError(f"case {text!r}: no check is called {case.check!r}{did_you_mean(case.check, CHECKS)}")
    check_of(case)
    return case


def _short(text: str, numbers: Numbers) -> ConvSpec:
    """HxW and options. Raises `SpecError` or `BadParameter`."""
    if numbers.kernel is None:
        raise typer.BadParameter(f"{text} is an image; give its kernel too, as in {text} --kernel 3")
    height, width = (int(number) for number in text.split("x"))
    padding = numbers.padding or "0"
    named = next((name for name in _PADDINGS if name == padding), None)
    return ConvSpec.of(
        batch=1 if numbers.images is None else numbers.images, in_channels=numbers.channels or 1,
        input_size=(height, width), out_channels=numbers.filters or 1,
        kernel_size=_pair("kernel", numbers.kernel), stride=_pair("stride", numbers.stride or "1"),
        padding=named or _pair("padding", padding, (1, 2, 4), f" or one of {', '.join(_PADDINGS)}"),
        dilation=_pair("dilation", numbers.dilation or "1"),
    )  # fmt: skip


def _pair(option: str, text: str, counts: Sequence[int] = (1, 2), more: str = "") -> Pair:
    """Numbers with x or commas between them. Raises `BadParameter`."""
    numbers = [int(number) for number in re.split("[x,]", text)] if _NUMBERS.fullmatch(text) else []
    if len(numbers) not in counts:
        raise typer.BadParameter(
            f"must be {' or '.join(map(str, counts))} numbers, as in 3 or 3x2{more}, got {_shown(text)}",
            param_hint=f"'--{option}'",
        )
    return numbers[0] if len(numbers) == 1 else numbers


def _shown(text: str) -> str:
    return repr(text if len(text) <= _SHOWN else f"{text[:_SHOWN]}..")
