"""Splits a run among machines or processes, the same way everywhere."""

from __future__ import annotations

import re
import zlib
from dataclasses import dataclass

from conformance.cases.case import SelectionError


@dataclass(frozen=True, slots=True)
class Shard:
    """Part `index` of `count`, from 1. Cases are split by a hash of their id that is the same everywhere."""

    index: int = 1
    count: int = 1

    @classmethod
    def parse(cls, text: str) -> Shard:
        """Read `I/N`. Raises `SelectionError`."""
        numbers = re.fullmatch("([0-9]{1,9})/([0-9]{1,9})", text)
        index, count = map(int, numbers.groups()) if numbers else (0, 0)
        if not 1 <= index <= count:
            raise SelectionError(f"--shard must be I/N with 1 <= I <= N, as in 1/3, got {text[:40]!r}")
        return cls(index, count)

    @property
    def label(self) -> str:
        """`I/N` for reports; empty for the whole."""
        return f"{self.index}/{self.count}" if self.count > 1 else ""

    def part(self, number: int, parts: int) -> Shard:
        """Part `number` of this one's `parts`, from 1: those of N * parts whose remainder modulo N is ours."""
        return Shard(self.index + (number - 1) * self.count, self.count * parts)

    def has_number(self, number: int) -> bool:
        """Whether this shard has what is of that number, from 0, where a few things are dealt out one by one."""
        return number % self.count == self.index - 1

    def holds(self, text: str) -> bool:
        """Whether this shard has the case or geometry with that text."""
        return self.count == 1 or self.has_number(zlib.crc32(text.encode()))


WHOLE = Shard()
