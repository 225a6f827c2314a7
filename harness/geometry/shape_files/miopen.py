"""Reads command lines of AMD's MIOpenDriver, as people write them and as MIOPEN_ENABLE_LOGGING_CMD=1 prints them.

    MIOpenDriver conv -n 1 -c 64 -H 56 -W 56 -k 64 -y 3 -x 3 -p 1 -q 1 -u 1 -v 1 -l 1 -j 1 -m conv -g 1 -F 1 -t 1

What is not stated has the driver's own default: 100 images, 3 channels, 32 filters, 32 x 32 pixels, 3 x 3 taps.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from harness.geometry.benchdnn import NotRead
from harness.geometry.shape_files.logged import Logged
from harness.geometry.spec import ConvSpec, SpecError
from harness.telling import did_you_mean

MARK = re.compile(r"\bMIOpenDriver(?:\.exe)?[\"']?\s+conv(\w*)(.*)")
_NUMBERS = {  # long name: (short name, default)
    "batchsize": ("n", 100), "in_channels": ("c", 3), "in_h": ("H", 32), "in_w": ("W", 32), "out_channels": ("k", 32),
    "fil_h": ("y", 3), "fil_w": ("x", 3), "conv_stride_h": ("u", 1), "conv_stride_w": ("v", 1), "pad_h": ("p", 0),
    "pad_w": ("q", 0), "dilation_h": ("l", 1), "dilation_w": ("j", 1), "group_count": ("g", 1), "forw": ("F", 0),
    "spatial_dim": ("_", 2),
}  # fmt: skip
_WORDS = {"mode": ("m", "conv"), "pad_mode": ("z", "default")}
_LONG = {short: long for long, (short, _) in {**_NUMBERS, **_WORDS}.items()}
_PASSES = {1: "forward", 2: "backward_data", 4: "backward_weights"}  # bits of --forw; 0 is all of them
_END = re.compile(r"[|>&;#]|[0-9]>")  # of the command, in a line of a shell script
_NUMBER = re.compile(r"[0-9]{1,18}")
_NEAR = 0.7  # how like the name of an option an unknown one must be to be taken for a slip


def convolution(line: str) -> Logged | None:
    """What a line runs; None for a line without the driver, or of another of its layers.

    Raises `NotRead` for a transposed convolution, 3-D and padding by name, `SpecError` naming the option and its value.
    """
    found = MARK.search(line)
    if found is None:
        return None
    given = dict(_options(found[2]))
    words = {name: given.get(name, default) for name, (_, default) in _WORDS.items()}
    if words["mode"] == "trans":
        raise NotRead(line, "a transposed convolution, which is the input gradient of another spec")
    if words["mode"] != "conv":
        raise SpecError(f"MIOpenDriver's option --mode must be conv or trans, got {words['mode']!r}")
    if words["pad_mode"] != "default":
        raise NotRead(line, f"padding {words['pad_mode']!r} by name; give --pad_h and --pad_w")
    n = {name: _number(name, given, default) for name, (_, default) in _NUMBERS.items()}
    if n["spatial_dim"] != 2:
        raise NotRead(line, f"{n['spatial_dim']}-D")
    spec = ConvSpec.of(
        batch=n["batchsize"], in_channels=n["in_channels"], input_size=(n["in_h"], n["in_w"]),
        out_channels=n["out_channels"], kernel_size=(n["fil_h"], n["fil_w"]),
        stride=(n["conv_stride_h"], n["conv_stride_w"]), padding=(n["pad_h"], n["pad_w"]),
        dilation=(n["dilation_h"], n["dilation_w"]), groups=n["group_count"],
    )  # fmt: skip
    passes = [name for bit, name in _PASSES.items() if n["forw"] & bit] or list(_PASSES.values())
    return Logged(spec, passes, found[1])


def _options(text: str) -> Iterator[tuple[str, str]]:
    """(long name, value) of every option of the command; those that we do not know by the name that they have.

    Raises `SpecError` for a word that is neither an option nor a value, and for a slip in a name.
    """
    words = iter(text.rstrip("\"'`,;\\ \t").split())
    for word in words:
        if _END.match(word):
            return
        if word.startswith("$"):  # a variable of a shell script
            continue
        name, equals, value = word.lstrip("-").partition("=")
        if not word.startswith("-") or not name:
            raise SpecError(f"MIOpenDriver takes options and their values, got {word!r}")
        if not equals:
            value = next(words, "")
        name = _LONG.get(name, name)
        if name not in _NUMBERS and name not in _WORDS:
            hint = did_you_mean(name, [*_NUMBERS, *_WORDS], _NEAR) if len(name) > 1 else ""
            if hint and not name.endswith("_d"):
                raise SpecError(f"MIOpenDriver has no option {word!r}{hint}")
        yield name, value


def _number(name: str, given: Mapping[str, str], default: int) -> int:
    text = given.get(name, str(default))
    if not _NUMBER.fullmatch(text):
        raise SpecError(f"MIOpenDriver's option --{name} must be a whole number, got {text!r}")
    return int(text)
