"""What comes of the program when it is called in this process."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple


class Ran(NamedTuple):
    """Exit code, stdout and stderr."""

    code: object
    out: str
    err: str

    @property
    def lines(self) -> list[str]:
        """Of stdout, without what fills up a column."""
        return [line.rstrip() for line in self.out.splitlines()]


Run = Callable[..., Ran]
