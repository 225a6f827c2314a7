"""What is said of memory, as a function: so that it can be held to calls that nobody had looked at."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, NamedTuple

from conformance.diagnosis.inputs.lying import Lies
from conformance.diagnosis.inputs.reading import Way
from harness.geometry.spec import ConvSpec


class Claim(NamedTuple):
    """That the arguments of these numbers are misread, refused or changed; how, if that is known, and when."""

    what: Literal["misread", "raises", "changes"]
    numbers: tuple[int, ...]
    way: Way | None = None  # how they are misread; None if nobody knows
    lies: Lies | None = None  # how they have to lie for that; None: however they lie
    unpadded: bool = False  # only without padding
    meant: Callable[[ConvSpec], bool] | None = None  # the geometries on which that is so; None: all
    sometimes: bool = False  # or only some, nobody knows which
